/*
 * The way out: from gyre_stream_write to the socket.
 *
 * What is written in a batch leaves in one send at its end. What the kernel
 * does not take waits until the socket is writable; meanwhile, above the high
 * mark, the stream takes nothing in that would make it grow.
 */
#include "net/stream.h"

#include "base/check.h"
#include "base/sys.h"
#include "net/socket.h"

#include <errno.h>

int
gyre_stream_write(struct gyre_stream *stream, const void *data, size_t length)
{
	size_t pending = gyre__buffer_length(&stream->output);
	int status;

	gyre__loop_require_owner(stream->loop);
	GYRE_REQUIRE(data != NULL || length == 0);
	if (stream->state != GYRE__STREAM_OPEN || stream->ending)
		return -EPIPE;
	if (length > stream->write_max_bytes - pending)
		return -ENOBUFS;
	status =
		gyre__buffer_append(&stream->output, stream->sys, data, length);
	if (status < 0)
		return status;
	stream->written_bytes += length;
	if (gyre_stream_is_full(stream))
		stream->full = true;
	if (!stream->blocked)
		gyre__stream_touch(stream);
	return 0;
}

bool
gyre_stream_is_full(const struct gyre_stream *stream)
{
	gyre__loop_require_owner(stream->loop);
	return gyre__buffer_length(&stream->output) > stream->write_high_bytes;
}

int
gyre__stream_send(struct gyre_stream *stream)
{
	struct gyre__buffer *output = &stream->output;
	size_t length = gyre__buffer_length(output);
	ssize_t sent;

	GYRE_INSIST(length > 0 && !stream->blocked);
	sent = stream->sys->send(stream->fd, gyre__buffer_bytes(output), length,
				 GYRE__SEND_FLAGS);
	if (sent < 0 && !gyre__socket_would_block(errno))
		return -errno;
	if (sent > 0)
		gyre__buffer_consume(output, stream->sys, (size_t)sent);
	stream->blocked = gyre__buffer_length(output) > 0;
	return 0;
}

void
gyre__stream_note_drain(struct gyre_stream *stream)
{
	size_t pending = gyre__buffer_length(&stream->output);

	if (!stream->full || pending > stream->write_high_bytes / 2)
		return;
	stream->full = false;
	stream->drain_due = true;
	stream->hand_out_due = true;
	gyre__stream_do_later(stream);
}
