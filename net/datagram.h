/*
 * A datagram socket's insides, shared by the files that work on one:
 * datagram.c (its life), datagram_input.c and datagram_output.c.
 *
 * As with a stream, what is sent is only noted, and settle sends it at the end
 * of the batch and tells the poller. User code runs in the handler and in the
 * callback (`later`), never in settle.
 */
#ifndef GYRE_NET_DATAGRAM_H
#define GYRE_NET_DATAGRAM_H

#include <gyre/datagram.h>

#include "loop/loop.h"
#include "net/buffer.h"

struct gyre_datagram {
	/* -- immutable after open -- */
	struct gyre_loop *loop;
	const struct gyre_sys *sys;
	struct gyre_log log;
	struct gyre_datagram_ops ops;
	void *arg;
	size_t message_max_bytes;
	unsigned batch_max;
	size_t send_max_bytes;
	bool has_peer;
	uint16_t port;
	struct gyre__arrivals *arrivals; /* where datagrams are read to */

	/* -- owner -- */
	int fd;            /* -1: closed */
	int error;         /* for on_close */
	unsigned interest; /* what the handler waits for */
	bool closed;
	bool paused;
	bool blocked;   /* the kernel has no room */
	bool drain_due; /* on_drain is to be called */
	bool refused;   /* a send was, for room */
	int error_due;  /* for on_error; 0: none */
	bool resting;   /* out of memory: `retry` will read again */
	gyre_timeout retry;
	bool later_posted;
	struct gyre__buffer output; /* records, see datagram_output.c */
	struct gyre_datagram_stats stats;
	struct gyre_task later;
	struct gyre__batch_end settle;
	struct gyre__dependent dependent;
};

/* datagram.c */

/* Have settle run at the end of this batch. */
void gyre__datagram_touch(struct gyre_datagram *socket);

/* Have what is due (on_error, on_drain) done in a callback. */
void gyre__datagram_do_later(struct gyre_datagram *socket);

/* Close at once; error is what on_close gets. */
void gyre__datagram_end(struct gyre_datagram *socket, int error);

/* datagram_input.c */

/* Whether datagrams would be read and handed out now. */
bool gyre__datagram_wants_input(const struct gyre_datagram *socket);

/* Make the area that datagrams are read to: NULL, no memory. */
struct gyre__arrivals *gyre__arrivals_new(const struct gyre_sys *sys,
					  unsigned count, size_t bytes);

/* Read a bounded number and hand them out. */
void gyre__datagram_receive(struct gyre_datagram *socket);

/* Whether an error is what the network said of a datagram, and no more. */
bool gyre__datagram_is_loss(int error);

/* datagram_output.c */

/* Send what the kernel takes. 0, or the negative errno that ends the socket. */
int gyre__datagram_flush(struct gyre_datagram *socket);

/* Count what will not be sent any more. */
void gyre__datagram_drop_output(struct gyre_datagram *socket);

#endif
