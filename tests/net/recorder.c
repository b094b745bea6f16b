#include "tests/net/recorder.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct recorder *
recorder_new(void)
{
	struct recorder *recorder = calloc(1, sizeof(*recorder));

	assert_non_null(recorder);
	recorder->peer = -1;
	return recorder;
}

void
recorder_free(struct recorder *recorder)
{
	assert_null(recorder->stream);
	if (recorder->peer >= 0)
		close(recorder->peer);
	free(recorder);
}

static void
enter(struct recorder *recorder, const struct gyre_stream *stream)
{
	assert_ptr_equal(recorder->stream, stream);
	assert_false(recorder->inside);
	assert_int_equal(recorder->closes, 0);
	recorder->inside = true;
}

static void
leave(struct recorder *recorder, void (*act)(struct recorder *recorder))
{
	if (act != NULL)
		act(recorder);
	recorder->inside = false;
}

static size_t
on_read(struct gyre_stream *stream, const void *data, size_t length, void *arg)
{
	struct recorder *recorder = arg;
	size_t used = length;

	enter(recorder, stream);
	assert_true(length > 0);
	recorder->reads++;
	recorder->offered = length;
	if (recorder->use != NULL)
		used = recorder->use(recorder, data, length);
	assert_true(used <= RECORDER_BYTES - recorder->length);
	memcpy(recorder->bytes + recorder->length, data, used);
	recorder->length += used;
	leave(recorder, recorder->in_read);
	return used;
}

static void
on_end(struct gyre_stream *stream, void *arg)
{
	struct recorder *recorder = arg;

	enter(recorder, stream);
	recorder->ends++;
	leave(recorder, recorder->in_end);
}

static void
on_drain(struct gyre_stream *stream, void *arg)
{
	struct recorder *recorder = arg;

	enter(recorder, stream);
	recorder->drains++;
	leave(recorder, recorder->in_drain);
}

static void
on_close(struct gyre_stream *stream, int error, void *arg)
{
	struct recorder *recorder = arg;

	enter(recorder, stream);
	assert_int_equal(gyre_stream_fd(stream), -1);
	recorder->closes++;
	recorder->error = error;
	leave(recorder, recorder->in_close);
	recorder->stream = NULL;
}

static void
on_connect(struct gyre_stream *stream, void *arg)
{
	struct recorder *recorder = arg;

	enter(recorder, stream);
	recorder->connects++;
	leave(recorder, NULL);
}

const struct gyre_stream_ops recorder_ops = {
	.on_connect = on_connect,
	.on_read = on_read,
	.on_end = on_end,
	.on_drain = on_drain,
	.on_close = on_close,
};

const struct gyre_stream_ops recorder_ops_without_end = {
	.on_read = on_read,
	.on_close = on_close,
};

void
recorder_open(struct recorder *recorder, const int fds[2],
	      const struct gyre_stream_options *options)
{
	recorder->peer = fds[1];
	assert_int_equal(gyre_stream_open(loop, fds[0], options, &recorder_ops,
					  recorder, &recorder->stream),
			 0);
}

bool
is_established(void *recorder)
{
	return ((struct recorder *)recorder)->connects > 0;
}

bool
is_closed(void *recorder)
{
	return ((struct recorder *)recorder)->closes > 0;
}

bool
has_ended(void *recorder)
{
	return ((struct recorder *)recorder)->ends > 0;
}

bool
has_drained(void *recorder)
{
	return ((struct recorder *)recorder)->drains > 0;
}

void
run_until_closed(struct recorder *recorder)
{
	run_until(is_closed, recorder);
	assert_int_equal(recorder->closes, 1);
}

struct waiting {
	const struct recorder *recorder;
	size_t length;
};

static bool
has_length(void *arg)
{
	const struct waiting *waiting = arg;

	return waiting->recorder->length >= waiting->length;
}

void
run_until_length(struct recorder *recorder, size_t length)
{
	struct waiting waiting = { recorder, length };

	run_until(has_length, &waiting);
	assert_int_equal(recorder->length, length);
}

struct gyre_stream_stats
stats_of(const struct recorder *recorder)
{
	struct gyre_stream_stats stats;

	gyre_stream_get_stats(recorder->stream, &stats);
	return stats;
}
