/*
 * The plain transport, which is the socket, and what others stand on.
 *
 * A stream without a transport has this one: one table, so that the stream's
 * files know of one way in and one way out.
 */
#include "net/transport.h"

#include "base/check.h"
#include "base/sys.h"
#include "net/socket.h"
#include "net/stream.h"

#include <errno.h>

/* What a call that moves bytes said. */
static ptrdiff_t
outcome(ssize_t length)
{
	if (length >= 0)
		return length;
	return gyre__socket_would_block(errno) ? -EAGAIN : -errno;
}

static ptrdiff_t
plain_recv(struct gyre_transport *transport, struct gyre_stream *stream,
	   void *data, size_t size, bool peek)
{
	int flags = peek ? MSG_PEEK | MSG_DONTWAIT : MSG_DONTWAIT;

	(void)transport;
	return outcome(stream->sys->recv(stream->fd, data, size, flags));
}

static ssize_t
send_parts(struct gyre_stream *stream, const struct gyre_bytes *parts,
	   size_t count)
{
	struct iovec vector[GYRE__PARTS_MAX];
	struct msghdr message = { .msg_iov = vector };

	GYRE_INSIST(count <= GYRE__PARTS_MAX);
	/* An iovec's pointer is to what may be written; nobody does. */
	for (size_t i = 0; i < count; i++)
		vector[i] = (struct iovec){ (void *)(uintptr_t)parts[i].data,
					    parts[i].length };
	message.msg_iovlen = count;
	return stream->sys->sendmsg(stream->fd, &message, GYRE__SEND_FLAGS);
}

static ptrdiff_t
plain_send(struct gyre_transport *transport, struct gyre_stream *stream,
	   const struct gyre_bytes *parts, size_t count)
{
	(void)transport;
	if (count > 1)
		return outcome(send_parts(stream, parts, count));
	return outcome(stream->sys->send(stream->fd, parts->data, parts->length,
					 GYRE__SEND_FLAGS));
}

const struct gyre_transport_ops gyre__transport_plain = {
	.recv = plain_recv,
	.send = plain_send,
};

/* -- public ---------------------------------------------------------------- */

ptrdiff_t
gyre_transport_recv(struct gyre_stream *stream, void *data, size_t size)
{
	ptrdiff_t length = plain_recv(NULL, stream, data, size, false);

	if (length > 0)
		stream->transport->_moved_bytes += (uint64_t)length;
	return length;
}

ptrdiff_t
gyre_transport_send(struct gyre_stream *stream, const void *data, size_t size)
{
	const struct gyre_bytes part = { data, size };
	ptrdiff_t length = plain_send(NULL, stream, &part, 1);

	if (length > 0)
		stream->transport->_moved_bytes += (uint64_t)length;
	return length;
}

struct gyre_transport *
gyre_stream_transport(const struct gyre_stream *stream)
{
	gyre__loop_require_owner(stream->loop);
	return stream->transport;
}
