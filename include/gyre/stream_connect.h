/*
 * Streams that connect, and the addresses of their two ends.
 *
 * A host name is looked up, and its addresses are raced: IPv6 and IPv4 in turn,
 * the next one begun when one fails or has not answered in time, and the first
 * that answers is taken (RFC 8305). The stream is there at once: what is
 * written to it leaves, and what is asked of it is read, once it is connected.
 * Closing it gives up.
 *
 *     static const struct gyre_stream_ops ops = { .on_connect = greet,
 *                                                 .on_close = forget };
 *     struct gyre_connect_options to = {
 *             .host = "example.org", .service = "7400",
 *             .deadline_ns = gyre_loop_time(loop) + GYRE_SECONDS(5) };
 *     status = gyre_stream_connect(loop, &to, &ops, client, &client->stream);
 */
#ifndef GYRE_STREAM_CONNECT_H
#define GYRE_STREAM_CONNECT_H

#include <gyre/base.h>
#include <gyre/future.h>
#include <gyre/net.h>
#include <gyre/resolve.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The longest text of an address, its NUL counted. */
#define GYRE_ADDRESS_TEXT_MAX 128

/* One of host, path and address says where to; all is copied. */
struct gyre_connect_options {
	const char *host;            /* a name, or a numeric address */
	const char *service;         /* with host: a port, or its name */
	const char *path;            /* a Unix socket's */
	struct gyre_address address; /* any stream socket's, as it is */
	int64_t deadline_ns; /* an instant of the loop's clock, by which it is
				connected and established; 0: none */
	int64_t stagger_ns;  /* how long an address may be alone before the
				next is tried as well; 0: 250 ms */
	struct gyre_executor *executor; /* as for gyre_net_resolve() */
	struct gyre_resolver *resolver;
	struct gyre_stream_options stream;
};

/*
 * Make a stream that connects. on_connect comes when it has, in a later
 * callback; if it can't, on_close: -ETIMEDOUT the deadline came; what
 * gyre_net_resolve() rejects with; or the system's error for the first of the
 * addresses, such as -ECONNREFUSED. A Unix socket whose queue is full is
 * -EAGAIN at once.
 *
 * Thread: owner
 * Owns:   on 0 the stream lives until on_close has returned, and the transport
 *         is its; on error that is still the caller's
 * Errors: -EINVAL not exactly one of host, path and address is given, or one of
 *         them is too long; -ESHUTDOWN; -ENOMEM
 */
GYRE_API int gyre_stream_connect(
	struct gyre_loop *loop, const struct gyre_connect_options *options,
	const struct gyre_stream_ops *ops, void *arg,
	struct gyre_stream **ret_stream) GYRE_MUST_CHECK;

/*
 * Return a future that is resolved with the stream when it is connected, or
 * rejected with the error that on_close gets, or -EPIPE if it was closed
 * before. To cancel it leaves the stream alone.
 *
 * Thread: owner
 * Owns:   the caller gets one reference to the future
 * Errors: NULL no memory, or the loop is closed
 */
GYRE_API struct gyre_future *gyre_stream_connect_future(
	struct gyre_stream *stream) GYRE_MUST_CHECK;

/*
 * Write the address of our end, or of the peer's, as text: "127.0.0.1:7400",
 * "[::1]:7400", "unix:/run/x.sock", or "unix:" where it has no name.
 *
 * Thread: owner
 * Errors: -ENOTCONN it is not connected yet, or closed, or the peer is gone;
 *         -ENOBUFS the text does not fit; GYRE_ADDRESS_TEXT_MAX suffices
 */
GYRE_API int gyre_stream_local_address(const struct gyre_stream *stream,
				       char *ret_text, size_t size);

/*
 * As gyre_stream_local_address(), for the peer's end.
 *
 * Thread: owner
 * Errors: as for gyre_stream_local_address()
 */
GYRE_API int gyre_stream_peer_address(const struct gyre_stream *stream,
				      char *ret_text, size_t size);

#ifdef __cplusplus
}
#endif

#endif
