/*
 * Byte streams on a loop, and with <gyre/listener.h> what they come from.
 *
 * A stream is a connected socket with a read and a write buffer. It hands out
 * what it has read and takes back how much was used; what is written leaves at
 * the end of the batch in as few sends as possible. A peer that does not read
 * stops being read from when write_high_bytes wait for it.
 *
 *     static size_t on_read(struct gyre_stream *stream, const void *data,
 *                           size_t length, void *arg)
 *     {
 *             gyre_stream_write(stream, data, length);   // echo
 *             return length;
 *     }
 */
#ifndef GYRE_NET_H
#define GYRE_NET_H

#include <gyre/base.h>
#include <gyre/listener.h>
#include <gyre/loop.h>

#ifdef __cplusplus
extern "C" {
#endif

struct gyre_stream;
struct gyre_transport;

/* A run of bytes that is somebody else's. */
struct gyre_bytes {
	const void *data; /* NULL only if there are none */
	size_t length;
};

/* -- stream -------------------------------------------------------------- */

struct gyre_stream_ops {
	/*
	 * NULL: input is asked for, see <gyre/stream_read.h>.
	 *
	 * Bytes are there; return how many were used. While some are, the
	 * rest is handed out again at once; what was not used then is
	 * handed out with more, after on_drain, or after
	 * gyre_stream_resume(). May write to, pause and close the stream; a
	 * stream that is full or paused hands nothing out.
	 */
	size_t (*on_read)(struct gyre_stream *stream, const void *data,
			  size_t length, void *arg);
	/*
	 * The peer has half-closed: no more bytes will come; writing still
	 * works. Comes after what was read. NULL: close the stream when what
	 * is written has left.
	 */
	void (*on_end)(struct gyre_stream *stream, void *arg);
	/*
	 * After more than write_high_bytes waited, it is at most half of that
	 * again; reading goes on after it. Comes in a callback of its own.
	 * May be NULL.
	 */
	void (*on_drain)(struct gyre_stream *stream, void *arg);
	/*
	 * The stream is closed, once, for whatever reason: 0 (by us, or both
	 * sides have ended), -ESHUTDOWN (its loop was closed), -ETIMEDOUT (it
	 * was too long or idle for too long) or another negative errno
	 * (-ECONNRESET, -EPIPE, -ENOMEM, or its transport's). The stream is
	 * freed after it. May be NULL.
	 */
	void (*on_close)(struct gyre_stream *stream, int error, void *arg);
	/*
	 * A stream of gyre_stream_connect() is connected, and one with a
	 * transport is established. May be NULL.
	 */
	void (*on_connect)(struct gyre_stream *stream, void *arg);
};

struct gyre_stream_options {
	size_t read_max_bytes;   /* unused input kept; 0: 1 MiB; over it the
				    stream stops reading until some is used */
	size_t write_high_bytes; /* 0: 1 MiB; over it reading pauses */
	size_t write_max_bytes;  /* 0: none; over it writes are refused */
	bool no_delay;           /* TCP_NODELAY */
	/*
	 * TCP: ask a peer of which nothing was heard for so long whether it is
	 * still there, in whole seconds up to 32767; 0: never. One that is gone
	 * without a word, or takes nothing of what waits for it, is known after
	 * about twice that, not before four seconds; on_close gets -ETIMEDOUT.
	 */
	int64_t keepalive_ns;
	int64_t idle_ns; /* as for gyre_stream_set_idle(); 0: none */
	/* In which the connection has a place: the stream's, as the descriptor
	 * is, and given back when that closes. NULL: none */
	struct gyre_limit *limit;
	/* what is between it and the socket, the stream's from then on; NULL:
	 * nothing, see <gyre/transport.h> */
	struct gyre_transport *transport;
};

/* Counters and state of one stream. */
struct gyre_stream_stats {
	uint64_t read_bytes;
	uint64_t written_bytes;
	size_t pending_bytes; /* written, not yet taken by the kernel */
	size_t unread_bytes;  /* read, not yet used */
};

/*
 * Make a stream of a connected, non-blocking socket and begin to read, or to
 * watch for its end where there is no on_read. NULL options mean the defaults;
 * ops are copied. An idle stream holds no buffers.
 *
 * Thread: owner
 * Owns:   on 0 the stream owns the descriptor and the transport, and lives
 *         until on_close has returned; on error both are still the caller's
 * Errors: -EBADF; -EEXIST it has a handler; -ESHUTDOWN; -ENOMEM
 */
GYRE_API int gyre_stream_open(struct gyre_loop *loop, int fd,
			      const struct gyre_stream_options *options,
			      const struct gyre_stream_ops *ops, void *arg,
			      struct gyre_stream **ret_stream) GYRE_MUST_CHECK;

/*
 * Write bytes; they are copied and sent at the end of the batch. No callback
 * is called inside this call.
 *
 * Thread: owner
 * Blocks: never
 * Errors: -ENOBUFS they would exceed write_max_bytes; -EPIPE the stream was
 *         shut down or closed; -ENOMEM; nothing was taken then
 */
GYRE_API int gyre_stream_write(struct gyre_stream *stream, const void *data,
			       size_t length);

/*
 * Tell whether more waits to leave than write_high_bytes.
 *
 * Thread: owner
 */
GYRE_API bool gyre_stream_is_full(const struct gyre_stream *stream);

/*
 * Stop handing out input. A peer that goes away meanwhile is noticed when the
 * stream is resumed or written to. A short pause costs no system call.
 *
 * Thread: owner
 */
GYRE_API void gyre_stream_pause(struct gyre_stream *stream);

/*
 * Undo gyre_stream_pause(), or have unused input handed out once more, in a
 * callback of its own.
 *
 * Thread: owner
 */
GYRE_API void gyre_stream_resume(struct gyre_stream *stream);

/*
 * Send what is written, then half-close: the peer sees the end. Once the
 * peer's end was seen too, the stream closes by itself.
 *
 * Thread: owner
 */
GYRE_API void gyre_stream_shutdown(struct gyre_stream *stream);

/*
 * Close; with `flush`, once what is written has left, however long the peer
 * takes; nothing is handed out meanwhile. on_close comes in a later callback,
 * never inside this call. Closing twice is a no-op, but closing without flush
 * cuts short a close that still flushes.
 *
 * Thread: owner
 */
GYRE_API void gyre_stream_close(struct gyre_stream *stream, bool flush);

/*
 * Close the stream with -ETIMEDOUT at an instant of the loop's clock, whatever
 * it is doing; 0 or GYRE_FOREVER: never. A stream that connects has the
 * deadline of its options before.
 *
 * Thread: owner
 * Errors: -EPIPE the stream is closed; -ENOMEM, and nothing has changed
 */
GYRE_API int gyre_stream_set_deadline(struct gyre_stream *stream,
				      int64_t deadline_ns) GYRE_MUST_CHECK;

/*
 * Close the stream with -ETIMEDOUT when no byte has come in or left for
 * idle_ns; 0: never. What is written counts once the kernel has taken it, so
 * this also ends a close that flushes to a peer that does not read. Up to an
 * eighth of idle_ns late, never early; it costs a
 * timeout eight times in idle_ns, and bytes that move nothing. Counts from this
 * call on.
 *
 * Thread: owner
 * Errors: -EPIPE the stream is closed; -ENOMEM, and nothing has changed
 */
GYRE_API int gyre_stream_set_idle(struct gyre_stream *stream,
				  int64_t idle_ns) GYRE_MUST_CHECK;

/*
 * Return the descriptor, or -1 while not connected and once closed.
 *
 * Thread: owner
 */
GYRE_API int gyre_stream_fd(const struct gyre_stream *stream);

/*
 * Read the stream's counters.
 *
 * Thread: owner
 */
GYRE_API void gyre_stream_get_stats(const struct gyre_stream *stream,
				    struct gyre_stream_stats *ret_stats);

#ifdef __cplusplus
}
#endif

#endif
