/*
 * The way out: from the calls that write to the socket.
 *
 * What is written in a batch leaves in one send at its end. What the kernel
 * does not take waits until the socket is writable; meanwhile, above the high
 * mark, the stream takes nothing in that would make it grow.
 */
#include <gyre/stream_write.h>

#include "net/stream.h"

#include "base/check.h"

#include <errno.h>

size_t
gyre__stream_pending(const struct gyre_stream *stream)
{
	return gyre__buffer_length(&stream->output) + stream->lending.left;
}

/* -- writing ----------------------------------------------------------------
 */

/* Whether so much more may be written. */
static int
admit(const struct gyre_stream *stream, size_t length)
{
	gyre__loop_require_owner(stream->loop);
	if (stream->state != GYRE__STREAM_OPEN || stream->ending)
		return -EPIPE;
	if (length > stream->write_max_bytes - gyre__stream_pending(stream))
		return -ENOBUFS;
	return 0;
}

/* It has been written. */
static void
note_written(struct gyre_stream *stream, size_t length)
{
	stream->written_bytes += length;
	if (gyre_stream_is_full(stream))
		stream->full = true;
	if (!stream->blocked)
		gyre__stream_touch(stream);
}

int
gyre_stream_write(struct gyre_stream *stream, const void *data, size_t length)
{
	int status = admit(stream, length);

	GYRE_REQUIRE(data != NULL || length == 0);
	if (status == 0)
		status = gyre__buffer_append(
			&stream->output, &stream->loop->spares, data, length);
	if (status == 0)
		note_written(stream, length);
	return status;
}

int
gyre_stream_writev(struct gyre_stream *stream, const struct gyre_bytes *parts,
		   size_t count)
{
	size_t length = 0;
	int status;

	for (size_t i = 0; i < count; i++) {
		if (parts[i].length > SIZE_MAX - length)
			return -ENOBUFS;
		length += parts[i].length;
	}
	status = admit(stream, length);
	if (status < 0 || length == 0)
		return status;
	if (gyre__buffer_reserve(&stream->output, &stream->loop->spares,
				 length) == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		/* There is room. */
		status = gyre__buffer_append(&stream->output,
					     &stream->loop->spares,
					     parts[i].data, parts[i].length);
		GYRE_INSIST(status == 0);
	}
	note_written(stream, length);
	return 0;
}

int
gyre_stream_write_message(struct gyre_stream *stream,
			  const struct gyre_message *message)
{
	int status = admit(stream, message->size);

	GYRE_REQUIRE(message->data != NULL || message->size == 0);
	if (status == 0)
		status = gyre__lent_add_message(stream, message);
	if (status < 0)
		return status;
	if (gyre__stream_pending(stream) == 0)
		gyre__lent_consume(stream, 0);
	note_written(stream, message->size);
	return 0;
}

struct gyre_future *
gyre_stream_flush_future(struct gyre_stream *stream)
{
	struct gyre_future *future = gyre_future_new(stream->loop);

	gyre__loop_require_owner(stream->loop);
	if (future == NULL)
		return NULL;
	if (stream->state == GYRE__STREAM_CLOSED) {
		(void)gyre_future_reject(
			future, stream->error != 0 ? stream->error : -EPIPE,
			"the stream is closed");
		(void)gyre_future_result(future, NULL);
	} else if (gyre__stream_pending(stream) == 0) {
		(void)gyre_future_resolve(future, NULL);
	} else if (gyre__lent_add_mark(stream, future) < 0) {
		gyre_future_unref(future);
		return NULL;
	}
	return future;
}

bool
gyre_stream_is_full(const struct gyre_stream *stream)
{
	gyre__loop_require_owner(stream->loop);
	return gyre__stream_pending(stream) > stream->write_high_bytes;
}

/* -- sending ----------------------------------------------------------------
 */

static ptrdiff_t
hand_over(struct gyre_stream *stream, const struct gyre_bytes *parts,
	  size_t count)
{
	return gyre__stream_carry(stream)->send(stream->transport, stream,
						parts, count);
}

static ptrdiff_t
send_copied(struct gyre_stream *stream)
{
	const struct gyre_bytes part = { gyre__buffer_bytes(&stream->output),
					 gyre__buffer_length(&stream->output) };

	return hand_over(stream, &part, 1);
}

static ptrdiff_t
send_parts(struct gyre_stream *stream)
{
	struct gyre_bytes parts[GYRE__PARTS_MAX];
	size_t count = gyre__lent_gather(stream, parts, GYRE__PARTS_MAX);

	return hand_over(stream, parts, count);
}

int
gyre__stream_send(struct gyre_stream *stream)
{
	bool copied = stream->lending.waiting.oldest == NULL;
	ptrdiff_t sent;

	GYRE_INSIST(gyre__stream_pending(stream) > 0 && !stream->blocked);
	sent = copied ? send_copied(stream) : send_parts(stream);
	if (sent < 0 && sent != -EAGAIN)
		return (int)sent;
	if (sent > 0 && copied)
		gyre__buffer_consume(&stream->output, &stream->loop->spares,
				     (size_t)sent);
	else if (sent > 0)
		gyre__lent_consume(stream, (size_t)sent);
	stream->blocked = gyre__stream_pending(stream) > 0;
	return 0;
}

void
gyre__stream_note_drain(struct gyre_stream *stream)
{
	size_t pending = gyre__stream_pending(stream);

	if (!stream->full || pending > stream->write_high_bytes / 2)
		return;
	stream->full = false;
	stream->drain_due = true;
	stream->hand_out_due = true;
	gyre__stream_do_later(stream);
}
