/*
 * The two addresses of a connection, as text for logs and lists.
 */
#include <gyre/stream_connect.h>

#include "base/sys.h"
#include "net/address.h"
#include "net/stream.h"

#include <errno.h>

static int
write_address(const struct gyre_stream *stream,
	      int (*ask)(int, struct sockaddr *, socklen_t *), char *ret_text,
	      size_t size)
{
	struct gyre__address address = { .length = sizeof(address.storage) };

	gyre__loop_require_owner(stream->loop);
	if (stream->fd < 0)
		return -ENOTCONN;
	if (ask(stream->fd, (struct sockaddr *)&address.storage,
		&address.length) < 0)
		return errno == EINVAL ? -ENOTCONN : -errno;
	return gyre__address_format(&address, ret_text, size);
}

int
gyre_stream_local_address(const struct gyre_stream *stream, char *ret_text,
			  size_t size)
{
	return write_address(stream, stream->sys->getsockname, ret_text, size);
}

int
gyre_stream_peer_address(const struct gyre_stream *stream, char *ret_text,
			 size_t size)
{
	return write_address(stream, stream->sys->getpeername, ret_text, size);
}
