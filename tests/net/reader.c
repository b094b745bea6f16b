#include "tests/net/reader.h"

#include <string.h>
#include <unistd.h>

static void
say(struct reader *reader, const void *text, size_t length)
{
	/* What does not fit is not looked at; the end is cut. */
	if (length > sizeof(reader->said) - 1 - reader->length)
		length = sizeof(reader->said) - 1 - reader->length;
	memcpy(reader->said + reader->length, text, length);
	reader->length += length;
	reader->said[reader->length] = '\0';
}

static void
say_error(struct reader *reader, const char *what, int error)
{
	const char *name = error != 0 ? gyre_error_name(error) : "0";

	say(reader, what, strlen(what));
	say(reader, name, strlen(name));
}

static void
consume(struct reader *reader)
{
	size_t length = reader->consume;

	if (length > reader->bytes.length)
		length = reader->bytes.length;
	if (length > 0)
		gyre_stream_consume(reader->stream, length);
}

static void
finish_read(struct reader *reader, struct gyre_bytes bytes, int error)
{
	assert_false(reader->asking);
	reader->bytes = bytes;
	reader->error = error;
	if (error < 0) {
		assert_int_equal(bytes.length, 0);
		say_error(reader, "!", error);
	} else {
		assert_true(bytes.data != NULL || bytes.length == 0);
		reader->reads++;
		say(reader, "(", 1);
		if (bytes.length > 0)
			say(reader, bytes.data, bytes.length);
		say(reader, ")", 1);
		consume(reader);
	}
	if (reader->next != NULL)
		reader->next(reader);
}

static void
on_read_done(struct gyre_stream *stream, struct gyre_bytes bytes, int error,
	     void *arg)
{
	struct reader *reader = arg;

	assert_ptr_equal(stream, reader->stream);
	finish_read(reader, bytes, error);
}

static void
on_future(struct gyre_future *future, void *arg)
{
	struct gyre_bytes bytes = { .data = NULL };
	void *value = &bytes;
	int error = gyre_future_result(future, &value);

	finish_read(arg, *(struct gyre_bytes *)value, error);
}

static void
on_end(struct gyre_stream *stream, void *arg)
{
	struct reader *reader = arg;

	assert_ptr_equal(stream, reader->stream);
	say(reader, "end", 3);
}

static void
on_close(struct gyre_stream *stream, int error, void *arg)
{
	struct reader *reader = arg;

	assert_ptr_equal(stream, reader->stream);
	assert_false(gyre_stream_is_reading(stream));
	say_error(reader, "close ", error);
	reader->close_error = error;
	reader->stream = NULL;
}

bool
reader_try_open(struct reader *reader, const int fds[2],
		const struct reader_options *options)
{
	struct gyre_stream_ops ops = { .on_close = on_close };

	*reader = (struct reader){
		.by_future = options->by_future,
		.peer = fds[1],
	};
	if (options->with_end)
		ops.on_end = on_end;
	return gyre_stream_open(loop, fds[0], &options->stream, &ops, reader,
				&reader->stream) == 0;
}

void
reader_open(struct reader *reader, const int fds[2],
	    const struct reader_options *options)
{
	assert_true(reader_try_open(reader, fds, options));
}

static bool
is_over(void *arg)
{
	return ((struct reader *)arg)->stream == NULL;
}

void
reader_end(struct reader *reader)
{
	if (reader->stream != NULL)
		gyre_stream_close(reader->stream, false);
	run_until(is_over, reader);
	gyre_future_unref(reader->future);
	if (reader->peer >= 0)
		close(reader->peer);
}

/* -- asking ---------------------------------------------------------------- */

/* What a future was rejected with at once; else it will tell. */
static int
await(struct reader *reader, struct gyre_future *future)
{
	reader->asking = false;
	assert_non_null(future);
	gyre_future_unref(reader->future);
	reader->future = future;
	if (gyre_future_done(future) && gyre_future_result(future, NULL) < 0)
		return gyre_future_result(future, NULL);
	return gyre_loop_add_future(loop, future, on_future, reader);
}

static int
answer(struct reader *reader, int status)
{
	reader->asking = false;
	return status;
}

int
ask_until(struct reader *reader, const char *delimiter, size_t max_bytes)
{
	struct gyre_until until = { .delimiter = delimiter,
				    .max_bytes = max_bytes };

	reader->asking = true;
	if (reader->by_future)
		return await(reader, gyre_stream_read_until_future(
					     reader->stream, &until));
	return answer(reader, gyre_stream_read_until(reader->stream, &until,
						     on_read_done, reader));
}

int
ask_bytes(struct reader *reader, size_t length, bool partial)
{
	reader->asking = true;
	if (reader->by_future)
		return await(reader, gyre_stream_read_bytes_future(
					     reader->stream, length, partial));
	return answer(reader,
		      gyre_stream_read_bytes(reader->stream, length, partial,
					     on_read_done, reader));
}

int
ask_until_close(struct reader *reader)
{
	reader->asking = true;
	if (reader->by_future)
		return await(reader, gyre_stream_read_until_close_future(
					     reader->stream));
	return answer(reader, gyre_stream_read_until_close(
				      reader->stream, on_read_done, reader));
}

int
ask_peek(struct reader *reader, size_t min_bytes)
{
	reader->asking = true;
	if (reader->by_future)
		return await(reader, gyre_stream_peek_future(reader->stream,
							     min_bytes));
	return answer(reader, gyre_stream_peek(reader->stream, min_bytes,
					       on_read_done, reader));
}

/* -- the peer -------------------------------------------------------------- */

void
tell(struct reader *reader, const char *text)
{
	send_all(reader->peer, text, strlen(text));
}

void
leave(struct reader *reader)
{
	close(reader->peer);
	reader->peer = -1;
}

struct expectation {
	const struct reader *reader;
	size_t length;
};

static bool
has_said(void *arg)
{
	const struct expectation *expected = arg;

	return expected->reader->length >= expected->length;
}

void
expect_said(struct reader *reader, const char *text)
{
	struct expectation expected = { reader, strlen(text) };

	run_until(has_said, &expected);
	/* and nothing more */
	run_for(GYRE_MS(1));
	assert_string_equal(reader->said, text);
}
