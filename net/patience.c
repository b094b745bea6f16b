/*
 * Bytes that move leave no trace here: the stream counts them anyway, and the
 * timeout looks whether there are more than when it looked last, eight times in
 * the idle time. So it is so much late at most, and never early.
 *
 * Rejected: the instant of the last byte, which is a clock read an event; to
 * move the timeout with each byte, which is a store and a clock read.
 */
#include "net/patience.h"

#include "base/check.h"
#include "base/sys.h"
#include "net/stream.h"

#include <errno.h>

#define LOOKS_PER_IDLE 8

static void on_timeout(void *arg);

/* The bytes that came in and that the kernel took. */
static uint64_t
moved(const struct gyre_stream *stream)
{
	uint64_t beneath =
		stream->transport != NULL ? stream->transport->_moved_bytes : 0;

	return stream->read_bytes + stream->written_bytes -
	       gyre__stream_pending(stream) + beneath;
}

static int64_t
smaller(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* An instant from then, or the end of time. */
static int64_t
after(int64_t since_ns, int64_t delay_ns)
{
	return since_ns > GYRE_FOREVER - delay_ns ? GYRE_FOREVER
						  : since_ns + delay_ns;
}

/* Look again after an eighth of the idle time, or at the end of it, or at the
 * deadline. */
static int
look_later(struct gyre_stream *stream, int64_t now_ns)
{
	struct gyre__patience *patience = &stream->patience;
	int64_t idle_ns = patience->idle_ns;
	int64_t when_ns = GYRE_FOREVER;

	if (idle_ns != 0)
		when_ns = smaller(after(now_ns, idle_ns / LOOKS_PER_IDLE + 1),
				  after(patience->quiet_ns, idle_ns));
	if (patience->deadline_ns != 0)
		when_ns = smaller(when_ns, patience->deadline_ns);
	if (when_ns == GYRE_FOREVER)
		return 0;
	return gyre_loop_call_at(stream->loop, when_ns, on_timeout, stream,
				 &patience->timeout);
}

static void
on_timeout(void *arg)
{
	struct gyre_stream *stream = arg;
	struct gyre__patience *patience = &stream->patience;
	int64_t now_ns = gyre_loop_time(stream->loop);
	int status;

	patience->timeout = 0;
	if (patience->deadline_ns != 0 && patience->deadline_ns <= now_ns) {
		gyre__stream_end(stream, -ETIMEDOUT);
		return;
	}
	if (moved(stream) != patience->moved) {
		patience->moved = moved(stream);
		patience->quiet_ns = now_ns;
	} else if (patience->idle_ns != 0 &&
		   now_ns >= after(patience->quiet_ns, patience->idle_ns)) {
		gyre__stream_end(stream, -ETIMEDOUT);
		return;
	}
	status = look_later(stream, now_ns);
	if (status < 0)
		gyre__stream_end(stream, status);
}

int
gyre__patience_start(struct gyre_stream *stream)
{
	struct gyre__patience *patience = &stream->patience;

	if (patience->idle_ns == 0 && patience->deadline_ns == 0)
		return 0;
	patience->quiet_ns = gyre_loop_time(stream->loop);
	patience->moved = moved(stream);
	return look_later(stream, patience->quiet_ns);
}

void
gyre__patience_note(struct gyre_stream *stream)
{
	stream->patience.moved = moved(stream);
}

void
gyre__patience_stop(struct gyre_stream *stream)
{
	gyre_loop_remove_timeout(stream->loop, stream->patience.timeout);
	stream->patience.timeout = 0;
}

/* -- public ---------------------------------------------------------------- */

/* What is new counts from now; if there is no memory, what was counts on. */
static int
change(struct gyre_stream *stream, int64_t deadline_ns, int64_t idle_ns)
{
	struct gyre__patience before = stream->patience;
	int status;

	if (stream->state == GYRE__STREAM_CLOSED)
		return -EPIPE;
	stream->patience.deadline_ns = deadline_ns;
	stream->patience.idle_ns = idle_ns;
	if (stream->fd < 0)
		return 0; /* it begins when the stream is connected */
	stream->patience.timeout = 0;
	status = gyre__patience_start(stream);
	if (status < 0)
		stream->patience = before;
	else
		gyre_loop_remove_timeout(stream->loop, before.timeout);
	return status;
}

int
gyre_stream_set_deadline(struct gyre_stream *stream, int64_t deadline_ns)
{
	gyre__loop_require_owner(stream->loop);
	return change(stream, deadline_ns, stream->patience.idle_ns);
}

int
gyre_stream_set_idle(struct gyre_stream *stream, int64_t idle_ns)
{
	gyre__loop_require_owner(stream->loop);
	GYRE_REQUIRE(idle_ns >= 0);
	return change(stream, stream->patience.deadline_ns, idle_ns);
}
