/*
 * Streams that move.
 *
 * What travels is a block of its own and not the stream: that one may have its
 * callbacks on the stack, and stays as a shell that is freed in a callback, as
 * any stream that has closed. Nothing of the old loop knows the descriptor once
 * its handler is removed, so no event of before can reach anybody.
 */
#include <gyre/stream_move.h>

#include "net/stream.h"

#include "base/check.h"
#include "base/sys.h"

#include <errno.h>

struct gyre_detached {
	const struct gyre_sys *sys;
	int fd;
	struct gyre_stream_options options;
	struct gyre__buffer input;  /* read, not used */
	struct gyre__buffer output; /* written, not sent */
	uint64_t read_bytes;
	uint64_t written_bytes;
};

/* -- leaving -------------------------------------------------------------- */

static int
refuse(const struct gyre_stream *stream)
{
	if (stream->state != GYRE__STREAM_OPEN || stream->connect != NULL ||
	    stream->ended || stream->ending)
		return -EPIPE;
	if (gyre__pull_is_waiting(stream) || stream->pull.calling ||
	    stream->lending.waiting.oldest != NULL)
		return -EBUSY;
	/* What is between knows this loop, and has bytes of its own. */
	return stream->transport != NULL ? -ENOTSUP : 0;
}

/* Have the input begin with what is unread: 0, or -ENOMEM and it is as it was.
 */
static int
settle_input(struct gyre_stream *stream, size_t used)
{
	struct gyre__buffer *input = &stream->input;
	const unsigned char *kept = gyre__buffer_bytes(input);
	const struct gyre_bytes *handed = stream->handed;

	if (handed == NULL) {
		GYRE_REQUIRE(used == 0);
		gyre__buffer_consume(input, &stream->loop->spares,
				     stream->pull.taken);
		stream->pull.taken = 0;
		return 0;
	}
	GYRE_REQUIRE(used <= handed->length);
	/* If there is any input, what was handed out is of it. */
	if (kept == NULL)
		return gyre__buffer_append(input, &stream->loop->spares,
					   (const unsigned char *)handed->data +
						   used,
					   handed->length - used);
	gyre__buffer_consume(
		input, &stream->loop->spares,
		(size_t)((const unsigned char *)handed->data - kept) + used);
	return 0;
}

static void
move_out(struct gyre_stream *stream, struct gyre_detached *detached)
{
	*detached = (struct gyre_detached){
		.sys = stream->sys,
		.fd = stream->fd,
		.options = {
			.read_max_bytes = stream->read_max_bytes,
			.write_high_bytes = stream->write_high_bytes,
			.write_max_bytes = stream->write_max_bytes,
			.no_delay = stream->no_delay,
			.idle_ns = stream->patience.idle_ns,
			.limit = stream->limit,
		},
		.input = stream->input,
		.output = stream->output,
		.read_bytes = stream->read_bytes,
		.written_bytes = stream->written_bytes,
	};
	stream->input = stream->output = (struct gyre__buffer){ .data = NULL };
	stream->limit = NULL;
}

int
gyre_stream_detach(struct gyre_stream *stream, size_t used,
		   struct gyre_detached **ret_detached)
{
	struct gyre_detached *detached;
	int status;

	gyre__loop_require_owner(stream->loop);
	status = refuse(stream);
	if (status < 0)
		return status;
	detached = gyre__allocate(stream->sys, sizeof(*detached), 0);
	if (detached == NULL)
		return -ENOMEM;
	status = settle_input(stream, used);
	if (status < 0) {
		stream->sys->release(detached);
		return status;
	}
	move_out(stream, detached);
	gyre__stream_leave(stream);
	*ret_detached = detached;
	return 0;
}

/* -- arriving ------------------------------------------------------------- */

int
gyre_stream_attach(struct gyre_loop *loop, struct gyre_detached *detached,
		   const struct gyre_stream_ops *ops, void *arg,
		   struct gyre_stream **ret_stream)
{
	struct gyre_stream *stream;
	int status;

	GYRE_REQUIRE(detached != NULL);
	/* What one has allocated the other releases. */
	GYRE_REQUIRE(gyre__loop_sys(loop)->release == detached->sys->release);
	status = gyre_stream_open(loop, detached->fd, &detached->options, ops,
				  arg, &stream);
	if (status < 0)
		return status;
	stream->input = detached->input;
	stream->output = detached->output;
	stream->read_bytes = detached->read_bytes;
	stream->written_bytes = detached->written_bytes;
	stream->full = gyre_stream_is_full(stream);
	gyre__patience_note(stream);
	detached->sys->release(detached);
	/* What is unread is handed out, and what is unsent sent. */
	gyre_stream_resume(stream);
	*ret_stream = stream;
	return 0;
}

struct gyre_bytes
gyre_detached_unread(const struct gyre_detached *detached)
{
	return (struct gyre_bytes){
		.data = gyre__buffer_bytes(&detached->input),
		.length = gyre__buffer_length(&detached->input),
	};
}

void
gyre_detached_free(struct gyre_detached *detached)
{
	if (detached == NULL)
		return;
	detached->sys->close(detached->fd);
	if (detached->options.limit != NULL)
		gyre_limit_leave(detached->options.limit);
	gyre__buffer_release(&detached->input, detached->sys);
	gyre__buffer_release(&detached->output, detached->sys);
	detached->sys->release(detached);
}
