/*
 * A stream's insides, shared by the files that work on one: stream.c (its
 * life), input.c (what comes in), pull.c (reads by request), output.c (what
 * leaves), lent.c (what of that is not copied), transport.c (what is between
 * them and the socket).
 *
 * What changes is only noted when it changes; at the end of the batch settle
 * sends, half-closes, closes and tells the poller, all at once. User code runs
 * in the stream's handler and in its callback (`later`), never in settle.
 */
#ifndef GYRE_NET_STREAM_H
#define GYRE_NET_STREAM_H

#include <gyre/net.h>

#include "loop/loop.h"
#include "net/buffer.h"
#include "net/lent.h"
#include "net/patience.h"
#include "net/pull.h"
#include "net/transport.h"

/*
 *   OPEN ---- close(flush) ----> FLUSHING
 *     |                              |
 *     | close, error, both ends      | all has left, close, error
 *     |                              v
 *     +--------------------------> CLOSED ---- later: on_close, freed
 */
enum gyre__stream_state {
	GYRE__STREAM_OPEN,     /* the user reads and writes */
	GYRE__STREAM_FLUSHING, /* the user has closed; output still leaves */
	GYRE__STREAM_CLOSED,   /* the descriptor is gone; on_close is to come */
};

struct gyre_stream {
	/* -- immutable after open -- */
	struct gyre_loop *loop;
	const struct gyre_sys *sys;
	struct gyre_stream_ops ops;
	void *arg;
	size_t read_max_bytes;
	size_t write_high_bytes;
	size_t write_max_bytes;           /* SIZE_MAX: none */
	struct gyre_limit *limit;         /* a place in it; or NULL */
	struct gyre_transport *transport; /* NULL: none, the socket itself */

	/* -- owner -- */
	struct gyre__connect *connect; /* until it is connected and established,
					  or NULL */
	int fd;                        /* -1: not connected, or closed */
	int error;                     /* for on_close */
	enum gyre__stream_state state;
	unsigned interest; /* what the handler waits for */

	/* flags, beside each other: an idle stream is small */
	uint16_t keepalive_s; /* both immutable after open */
	bool no_delay;
	bool later_posted;
	bool moved;        /* to another loop: nobody hears of it any more */
	bool paused;       /* by the user */
	bool ended;        /* the peer has half-closed */
	bool hand_out_due; /* what is unread is to be handed out again */
	bool end_due;      /* the user is to be told that it has ended */
	bool full;         /* was over write_high_bytes, not yet at half */
	bool drain_due;    /* on_drain is to be called */
	bool blocked;      /* the kernel took less than it was given */
	bool ending;       /* half-close once all has left */
	bool shut;         /* we have half-closed */

	/* input */
	struct gyre__buffer input;       /* read, not used */
	const struct gyre_bytes *handed; /* what on_read has; NULL: it does not
					    run */
	struct gyre__pull pull;          /* without on_read */
	uint64_t read_bytes;

	/* output */
	struct gyre__buffer output;   /* written, not sent */
	struct gyre__lending lending; /* what leaves in between */
	uint64_t written_bytes;

	struct gyre__patience patience;
	struct gyre_task later;
	struct gyre__batch_end settle;
	struct gyre__dependent dependent;
};

/* How its bytes come and leave. */
static inline const struct gyre_transport_ops *
gyre__stream_carry(const struct gyre_stream *stream)
{
	return stream->transport != NULL ? stream->transport->ops
					 : &gyre__transport_plain;
}

/* stream.c */

/* Make one without a descriptor, which is not on its loop yet; NULL: no memory.
 * It may be released as it is. */
struct gyre_stream *gyre__stream_new(struct gyre_loop *loop,
				     const struct gyre_stream_options *options,
				     const struct gyre_stream_ops *ops,
				     void *arg);

/* Give it a connected descriptor; on error that is still the caller's. */
int gyre__stream_adopt(struct gyre_stream *stream, int fd);

/* Have settle run at the end of this batch. */
void gyre__stream_touch(struct gyre_stream *stream);

/* Have what is due (on_drain, handing out) done in a callback. */
void gyre__stream_do_later(struct gyre_stream *stream);

/* Tell the poller what the handler waits for, if it does not know. */
void gyre__stream_watch(struct gyre_stream *stream, unsigned events);

/* Leave the loop with the descriptor open; only the memory is freed later. */
void gyre__stream_leave(struct gyre_stream *stream);

/* Close at once, whatever waits; error is what on_close gets. */
void gyre__stream_end(struct gyre_stream *stream, int error);

/* input.c */

/* Whether what is read may go to the user now. */
bool gyre__stream_may_hand_out(const struct gyre_stream *stream);

/* Whether bytes from the peer would be read and handed out now. */
bool gyre__stream_wants_input(const struct gyre_stream *stream);

/* Read a bounded amount and hand it out. */
void gyre__stream_read(struct gyre_stream *stream);

/* Hand out again what was not used. */
void gyre__stream_hand_out(struct gyre_stream *stream);

/* Whether the stream has nothing to give and waits for the peer to go. */
bool gyre__stream_is_idle(const struct gyre_stream *stream);

/* Look whether an idle stream's peer is gone; false: it is not idle, or there
 * are bytes, which nobody has asked for. */
bool gyre__stream_look(struct gyre_stream *stream);

/* Tell the user that the peer has ended. */
void gyre__stream_tell_end(struct gyre_stream *stream);

/* Read and forget what is there, so that closing does not reset the peer. */
void gyre__stream_discard(struct gyre_stream *stream);

/* pull.c */

/* Whether a read waits; whether it is one by future, whose bytes are kept. */
bool gyre__pull_is_waiting(const struct gyre_stream *stream);
bool gyre__pull_waits_by_future(const struct gyre_stream *stream);

/* How much of the input nobody has taken. */
size_t gyre__pull_unread(const struct gyre_stream *stream);

/* Give bytes to the reads that wait, one after the other; `kept`: they are the
 * input's. Returns how many were used. */
size_t gyre__pull_offer(struct gyre_stream *stream, const unsigned char *data,
			size_t length, bool kept);

/* End the read that waits, since no more bytes will come: satisfy it with the
 * input, or fail it. */
void gyre__pull_complete(struct gyre_stream *stream);

/* The same, if one waits, and let nobody ask any more. */
void gyre__pull_end(struct gyre_stream *stream);

/* output.c */

/* How many bytes wait to leave. */
size_t gyre__stream_pending(const struct gyre_stream *stream);

/* Send once. 0, or the negative errno that ends the stream. */
int gyre__stream_send(struct gyre_stream *stream);

/* Note that the peer has caught up, if it has. */
void gyre__stream_note_drain(struct gyre_stream *stream);

#endif
