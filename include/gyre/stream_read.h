/*
 * Reads that a stream's user asks for one by one, as Tornado's IOStream does.
 *
 * A stream that was opened without on_read reads when it is asked to: up to a
 * delimiter, so many bytes, what there is, or all until the peer ends. Each has
 * a form that calls back and one that returns a future, whose value is a
 * struct gyre_bytes of the stream. What a read brings is the stream's memory;
 * nothing is copied. One read waits at a time. A stream without one keeps what
 * the last one left and looks only whether the peer goes away.
 *
 *     static void on_line(struct gyre_stream *stream, struct gyre_bytes line,
 *                         int error, void *arg)
 *     {
 *             if (error == 0) // line.data, line.length
 *                     error = gyre_stream_read_until(stream, &crlf, on_line,
 * arg);
 *     }
 */
#ifndef GYRE_STREAM_READ_H
#define GYRE_STREAM_READ_H

#include <gyre/base.h>
#include <gyre/future.h>
#include <gyre/net.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Up to what gyre_stream_read_until() reads. */
struct gyre_until {
	const void *delimiter;
	size_t length;    /* of the delimiter; 0: up to its NUL */
	size_t max_bytes; /* how many bytes at most, the delimiter counted; 0:
			     as many as read_max_bytes allows */
};

/*
 * A read is over: 0 with bytes, which are valid until it returns, or an error
 * with none. Comes from the loop, never inside the call that began the read.
 * May do all that on_read may, and begin the next read.
 *
 * -EPIPE: the peer has ended, or the stream was closed, before the read was
 * satisfied; what there is stays unread. -EMSGSIZE: no delimiter within
 * max_bytes. -ENOBUFS: read_max_bytes wait and do not suffice. -ESHUTDOWN: the
 * loop was closed. Or what the system said, such as -ECONNRESET. After all but
 * a peer's orderly end the stream closes, and on_close gets the same error.
 */
typedef void (*gyre_read_fn)(struct gyre_stream *stream,
			     struct gyre_bytes bytes, int error, void *arg);

/* -- by callback ---------------------------------------------------------- */

/*
 * Read up to a delimiter, which is the last of what the callback gets. The
 * delimiter must stay valid until then.
 *
 * All reads: once the peer has ended or the stream has closed, what was read
 * before can still be asked for, until on_close.
 *
 * Thread: owner
 * Blocks: never; allocates nothing but room for what must wait
 * Errors: -EBUSY a read waits already; -EPIPE the stream is closed and what it
 *         has does not suffice; -EINVAL the delimiter is empty
 */
GYRE_API int gyre_stream_read_until(struct gyre_stream *stream,
				    const struct gyre_until *until,
				    gyre_read_fn fn, void *arg) GYRE_MUST_CHECK;

/*
 * Read so many bytes; with `partial`, as soon as there are any, so many at
 * most. Of no bytes, it is satisfied with none.
 *
 * Thread: owner
 * Blocks: never; allocates nothing but room for what must wait
 * Errors: -EBUSY; -EPIPE, as above; -ENOBUFS more than read_max_bytes are
 *         asked for, and not partial
 */
GYRE_API int gyre_stream_read_bytes(struct gyre_stream *stream, size_t length,
				    bool partial, gyre_read_fn fn,
				    void *arg) GYRE_MUST_CHECK;

/*
 * Read until the peer ends or the stream closes, for whatever reason, and get
 * all there was, maybe nothing; the reason is for on_close to tell.
 *
 * Thread: owner
 * Blocks: never; allocates nothing but room for what must wait
 * Errors: -EBUSY; -EPIPE it was closed by on_close's time
 */
GYRE_API int gyre_stream_read_until_close(struct gyre_stream *stream,
					  gyre_read_fn fn,
					  void *arg) GYRE_MUST_CHECK;

/*
 * Get all that is unread, as soon as it is min_bytes (0: one) at least. It
 * stays unread, but for what gyre_stream_consume() is told of: for parsers,
 * which then ask for one byte more than they have seen.
 *
 * Thread: owner
 * Blocks: never; allocates nothing but room for what must wait
 * Errors: -EBUSY; -EPIPE, as above; -ENOBUFS min_bytes is over read_max_bytes
 */
GYRE_API int gyre_stream_peek(struct gyre_stream *stream, size_t min_bytes,
			      gyre_read_fn fn, void *arg) GYRE_MUST_CHECK;

/*
 * Take bytes off the front of what the last peek has brought: in its callback,
 * or before the next read where a future brought it. May be called again, for
 * the next ones.
 *
 * Thread: owner
 */
GYRE_API void gyre_stream_consume(struct gyre_stream *stream, size_t length);

/* -- by future ------------------------------------------------------------ */

/*
 * As gyre_stream_read_until(). The bytes of a future are valid until the next
 * read is begun, or on_close has returned if the stream closes before: that
 * comes after what waits for the future. A future that is cancelled ends its
 * read; what would have been read stays unread. What the call with a callback
 * would have answered rejects the future.
 *
 * Thread: owner
 * Owns:   the caller gets one reference to the future; the value is the
 *         stream's, a struct gyre_bytes
 * Errors: NULL no memory, or the loop is closed
 */
GYRE_API struct gyre_future *gyre_stream_read_until_future(
	struct gyre_stream *stream,
	const struct gyre_until *until) GYRE_MUST_CHECK;

/*
 * As gyre_stream_read_bytes(), with a future.
 *
 * Thread: owner
 * Owns:   as for gyre_stream_read_until_future()
 * Errors: NULL no memory, or the loop is closed
 */
GYRE_API struct gyre_future *gyre_stream_read_bytes_future(
	struct gyre_stream *stream, size_t length,
	bool partial) GYRE_MUST_CHECK;

/*
 * As gyre_stream_read_until_close(), with a future.
 *
 * Thread: owner
 * Owns:   as for gyre_stream_read_until_future()
 * Errors: NULL no memory, or the loop is closed
 */
GYRE_API struct gyre_future *gyre_stream_read_until_close_future(
	struct gyre_stream *stream) GYRE_MUST_CHECK;

/*
 * As gyre_stream_peek(), with a future.
 *
 * Thread: owner
 * Owns:   as for gyre_stream_read_until_future()
 * Errors: NULL no memory, or the loop is closed
 */
GYRE_API struct gyre_future *gyre_stream_peek_future(
	struct gyre_stream *stream, size_t min_bytes) GYRE_MUST_CHECK;

/* -- the read that waits --------------------------------------------------- */

/*
 * Tell whether a read waits.
 *
 * Thread: owner
 */
GYRE_API bool gyre_stream_is_reading(const struct gyre_stream *stream);

/*
 * Give the read up that waits, if one does: its callback is not called, its
 * future is cancelled, and what would have been read stays unread.
 *
 * Thread: owner
 */
GYRE_API void gyre_stream_cancel_read(struct gyre_stream *stream);

#ifdef __cplusplus
}
#endif

#endif
