/*
 * What carries a stream's bytes: the socket itself, or what you put between.
 *
 * A transport turns the bytes of a stream into those of its socket and back;
 * TLS is one. It is given in the stream's options and serves that stream alone,
 * on the loop's owner. All calls of a stream work as they do without.
 *
 *     static ptrdiff_t
 *     rot_recv(struct gyre_transport *transport, struct gyre_stream *stream,
 *              void *data, size_t size, bool peek)
 *     {
 *             ptrdiff_t length = gyre_transport_recv(stream, data, size);
 *             ...
 */
#ifndef GYRE_TRANSPORT_H
#define GYRE_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>

#include <gyre/base.h>
#include <gyre/net.h>

#ifdef __cplusplus
extern "C" {
#endif

struct gyre_transport;

/*
 * None may block, or call anything of gyre's but the two functions below and
 * gyre_stream_fd(). -EAGAIN says: not now, but once the socket has something to
 * read (recv) or room (send, finish). What fails otherwise closes the stream.
 */
struct gyre_transport_ops {
	/*
	 * Do what must be done before the first byte: 0 it is done, -EAGAIN
	 * once there is something to read, -EINPROGRESS once there is room, or
	 * the error. NULL: nothing must be done.
	 */
	int (*establish)(struct gyre_transport *transport,
			 struct gyre_stream *stream);
	/*
	 * Fill as much of the room as there are bytes for: how many, 0 the peer
	 * has half-closed, or an error. With `peek` one byte is asked for, and
	 * stays to be read.
	 */
	ptrdiff_t (*recv)(struct gyre_transport *transport,
			  struct gyre_stream *stream, void *data, size_t size,
			  bool peek);
	/*
	 * Send of the parts what the kernel takes: how many bytes it has, or an
	 * error. Those that were not told of come again, the same ones first.
	 */
	ptrdiff_t (*send)(struct gyre_transport *transport,
			  struct gyre_stream *stream,
			  const struct gyre_bytes *parts, size_t count);
	/*
	 * Whether recv may have something to tell although the socket has
	 * nothing new; it must not stay so when recv answers -EAGAIN. NULL:
	 * never.
	 */
	bool (*has_more)(const struct gyre_transport *transport);
	/*
	 * All has been sent: tell the peer that this was the end. It is not
	 * called where the stream is closed at once. Other errors than -EAGAIN
	 * are ignored. NULL: the socket's end is enough.
	 */
	int (*finish)(struct gyre_transport *transport,
		      struct gyre_stream *stream);
	/* What went wrong, or NULL. May be NULL. */
	const char *(*error_text)(const struct gyre_transport *transport);
	/* The stream is no more: on_close has returned. May be NULL. */
	void (*free)(struct gyre_transport *transport);
};

struct gyre_transport {
	const struct gyre_transport_ops *ops;
	int64_t establish_ns; /* it may take so long; 0: for ever */
	uint64_t _moved_bytes;
};

/*
 * Receive from a stream's socket: how many bytes, 0 at their end, -EAGAIN, or
 * another negative errno.
 *
 * Thread: owner, inside a function of the stream's transport
 */
GYRE_API ptrdiff_t gyre_transport_recv(struct gyre_stream *stream, void *data,
				       size_t size);

/*
 * Send to a stream's socket: how many bytes the kernel took, -EAGAIN, or
 * another negative errno; never a signal.
 *
 * Thread: owner, inside a function of the stream's transport
 */
GYRE_API ptrdiff_t gyre_transport_send(struct gyre_stream *stream,
				       const void *data, size_t size);

/*
 * Return the transport that a stream was opened with, or NULL.
 *
 * Thread: owner
 */
GYRE_API struct gyre_transport *gyre_stream_transport(
	const struct gyre_stream *stream);

#ifdef __cplusplus
}
#endif

#endif
