/*
 * Listeners and byte streams on a loop.
 *
 * A listener accepts connections on its loop; with reuse_port every shard
 * opens one on the same address and the kernel spreads the clients. A stream
 * is a connected socket with a read and a write buffer. It hands out what it
 * has read and takes back how much was used; what is written leaves at the
 * end of the batch in as few sends as possible. A peer that does not read
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
#include <gyre/loop.h>

#ifdef __cplusplus
extern "C" {
#endif

struct gyre_listener;
struct gyre_stream;

/* A run of bytes that is somebody else's. */
struct gyre_bytes {
	const void *data; /* NULL only if there are none */
	size_t length;
};

/* Called with a connected, non-blocking descriptor that is the callee's. */
typedef void (*gyre_accept_fn)(struct gyre_listener *listener, int fd,
			       void *arg);

struct gyre_listener_options {
	const char *address; /* numeric, IPv4 or IPv6 ("::" is IPv6 alone);
				NULL: 127.0.0.1 */
	uint16_t port;       /* 0: any free one */
	bool reuse_port;     /* one listener per shard on the same port */
	const char *path;    /* of a Unix socket instead; the three above are
				not given then */
	unsigned mode;       /* of the path; 0: 0600, its user's alone */
	int backlog;         /* 0: 511 */
	struct gyre_log log; /* zeroed: the loop's */
};

/* -- listener ------------------------------------------------------------ */

/*
 * Listen on an address, or at a path, and accept on this loop. NULL options
 * mean the defaults. Out of descriptors or memory, it logs one line, waits a
 * moment and tries again; it never spins. When a runtime stops, its listeners
 * take who waits in their queues and close their ports; they stay their users'
 * until these close them.
 *
 * What a process that is gone has left at the path is taken away; a socket of
 * one that runs, or a thing that is no socket, is an error, with a line that
 * says so. The path has its mode before anybody can connect, and is removed
 * when the listener stops, unless it is another's by then.
 *
 * Thread: owner
 * Owns:   the loop, whose close closes and frees it if nobody did before
 * Errors: -EADDRINUSE; -EEXIST; -EINVAL the address is not numeric, or there
 *         is a path too; -ENAMETOOLONG; -EACCES; -EMFILE; -ESHUTDOWN; -ENOMEM
 */
GYRE_API int gyre_listener_open(
	struct gyre_loop *loop, const struct gyre_listener_options *options,
	gyre_accept_fn on_accept, void *arg,
	struct gyre_listener **ret_listener) GYRE_MUST_CHECK;

/*
 * Return the port listened on; 0 at a path.
 *
 * Thread: any, while it is open
 */
GYRE_API uint16_t gyre_listener_port(const struct gyre_listener *listener);

/*
 * Stop listening; connections that wait in the kernel's queue are accepted
 * first: its callback is called inside this call. May be called from that
 * callback, which is then called for the rest of the queue when it returns.
 * A loop that closes with the listener open accepts nothing more and frees
 * it. NULL is a no-op.
 *
 * Thread: owner
 */
GYRE_API void gyre_listener_close(struct gyre_listener *listener);

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
	 * (-ECONNRESET, -EPIPE, -ENOMEM). The stream is freed
	 * after it. May be NULL.
	 */
	void (*on_close)(struct gyre_stream *stream, int error, void *arg);
	/*
	 * A stream of gyre_stream_connect() is connected. May be NULL.
	 */
	void (*on_connect)(struct gyre_stream *stream, void *arg);
};

struct gyre_stream_options {
	size_t read_max_bytes;   /* unused input kept; 0: 1 MiB; over it the
				    stream stops reading until some is used */
	size_t write_high_bytes; /* 0: 1 MiB; over it reading pauses */
	size_t write_max_bytes;  /* 0: none; over it writes are refused */
	bool no_delay;           /* TCP_NODELAY */
	int64_t idle_ns;         /* as for gyre_stream_set_idle(); 0: none */
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
 * Owns:   on 0 the stream owns the descriptor, and lives until on_close has
 *         returned; on error the descriptor is still the caller's
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
