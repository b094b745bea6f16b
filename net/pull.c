/*
 * Reads by request: from what input.c has read to who asked for it.
 *
 * A request is a few fields of the stream and not an object, so a read costs no
 * allocation. It is judged whenever there are new bytes, by what is unread and
 * nothing else. By callback, the bytes go out from where they are, which may be
 * the reader's stack. By future they must last until its callbacks have run, so
 * they are kept in the input first, and stay at its front.
 *
 * Rejected: to give a future a copy of its own, an allocation a read.
 */
#include "net/stream.h"

#include "base/check.h"
#include "base/exception.h"
#include "base/sys.h"

#include <errno.h>
#include <string.h>

/* One stream's share of an iteration. */
#define READS_PER_OFFER 256

bool
gyre__pull_is_waiting(const struct gyre_stream *stream)
{
	const struct gyre__pull *pull = &stream->pull;

	return pull->kind != GYRE__PULL_NONE &&
	       (pull->fn != NULL || !gyre_future_done(pull->future));
}

bool
gyre__pull_waits_by_future(const struct gyre_stream *stream)
{
	return gyre__pull_is_waiting(stream) && stream->pull.fn == NULL;
}

size_t
gyre__pull_unread(const struct gyre_stream *stream)
{
	size_t unread = gyre__buffer_length(&stream->input);

	return stream->pull.calling ? unread : unread - stream->pull.taken;
}

/* What was taken of a future's bytes goes. */
static void
take_back(struct gyre_stream *stream)
{
	struct gyre__pull *pull = &stream->pull;

	gyre__buffer_consume(&stream->input, &stream->loop->spares,
			     pull->taken);
	pull->taken = 0;
	pull->bytes = (struct gyre_bytes){ .data = NULL };
}

/* No read waits any more. */
static void
forget(struct gyre__pull *pull)
{
	if (pull->kind != GYRE__PULL_NONE && pull->fn == NULL)
		gyre_future_unref(pull->future);
	pull->kind = GYRE__PULL_NONE;
}

/* -- judging --------------------------------------------------------------- */

static int
judge_until(struct gyre__pull *pull, const unsigned char *data, size_t length,
	    size_t *ret_length)
{
	size_t end = gyre__delimiter_find(&pull->delimiter, data, length,
					  &pull->searched);

	if (end > pull->amount || (end == 0 && length >= pull->amount))
		return -EMSGSIZE;
	*ret_length = end;
	return end > 0;
}

/* 1: the read is satisfied, with so many bytes; 0: not yet; or the error for
 * which it never will be. */
static int
judge(struct gyre_stream *stream, const unsigned char *data, size_t length,
      size_t *ret_length)
{
	struct gyre__pull *pull = &stream->pull;
	bool over = stream->ended || stream->state != GYRE__STREAM_OPEN;
	int status = 0;

	*ret_length = length;
	switch (pull->kind) {
	case GYRE__PULL_UNTIL:
		status = judge_until(pull, data, length, ret_length);
		break;
	case GYRE__PULL_PARTIAL:
		status = length > 0 || pull->amount == 0;
		if (length > pull->amount)
			*ret_length = pull->amount;
		break;
	case GYRE__PULL_EXACT:
		status = length >= pull->amount;
		*ret_length = pull->amount;
		break;
	case GYRE__PULL_UNTIL_CLOSE:
		status = over;
		break;
	case GYRE__PULL_PEEK:
		status = length >= pull->amount;
		break;
	case GYRE__PULL_NONE:
		GYRE_INSIST(false);
	}
	if (status != 0)
		return status;
	if (over)
		return stream->error != 0 ? stream->error : -EPIPE;
	return length >= stream->read_max_bytes ? -ENOBUFS : 0;
}

/* -- handing out ----------------------------------------------------------- */

/* Returns how many bytes were used. */
static size_t
call(struct gyre_stream *stream, int error)
{
	struct gyre__pull *pull = &stream->pull;
	size_t used;

	pull->calling = true;
	pull->fn(stream, pull->bytes, error, pull->arg);
	pull->calling = false;
	used = pull->taken;
	pull->taken = 0;
	pull->bytes = (struct gyre_bytes){ .data = NULL };
	return used;
}

static size_t
satisfy(struct gyre_stream *stream, const unsigned char *data, size_t length)
{
	struct gyre__pull *pull = &stream->pull;
	struct gyre_future *future;

	pull->bytes = (struct gyre_bytes){ data, length };
	pull->taken = pull->kind == GYRE__PULL_PEEK ? 0 : length;
	pull->kind = GYRE__PULL_NONE;
	if (pull->fn != NULL)
		return call(stream, 0);
	future = pull->future;
	if (gyre_future_resolve(future, &pull->bytes) < 0) {
		pull->bytes = (struct gyre_bytes){ .data = NULL };
		pull->taken = 0;
	}
	gyre_future_unref(future);
	return 0;
}

static const char *
describe(int error)
{
	switch (error) {
	case -EPIPE:
		return "the stream ended before the read was satisfied";
	case -EMSGSIZE:
		return "there is no delimiter within max_bytes";
	case -ENOBUFS:
		return "more than read_max_bytes would be unread";
	default:
		return gyre_error_name(error);
	}
}

static void
fail(struct gyre_stream *stream, int error)
{
	struct gyre__pull *pull = &stream->pull;

	/* Whoever always asks again must come to an end. */
	if (stream->state != GYRE__STREAM_OPEN)
		pull->over = true;
	pull->kind = GYRE__PULL_NONE;
	if (pull->fn != NULL) {
		call(stream, error);
		return;
	}
	(void)gyre_future_reject(pull->future, error, describe(error));
	gyre_future_unref(pull->future);
}

/* Bring the read that waits to its end, if these bytes do; whether they did.
 * A stream whose peer broke a limit is closed, which ends the read. */
static bool
advance(struct gyre_stream *stream, const unsigned char *data, size_t length,
	size_t *ret_used)
{
	int status = judge(stream, data, length, &length);

	*ret_used = 0;
	if (status == 0)
		return false;
	if (status > 0) {
		*ret_used = satisfy(stream, data, length);
		return true;
	}
	if (stream->state == GYRE__STREAM_OPEN && !stream->ended) {
		gyre__stream_end(stream, status);
		return false;
	}
	fail(stream, status);
	return true;
}

size_t
gyre__pull_offer(struct gyre_stream *stream, const unsigned char *data,
		 size_t length, bool kept)
{
	size_t done = 0;
	size_t used;

	for (int turn = 0; gyre__pull_is_waiting(stream); turn++) {
		if (!gyre__stream_may_hand_out(stream))
			break;
		if (stream->pull.fn == NULL && !kept)
			break;
		if (turn == READS_PER_OFFER || gyre__raised()) {
			stream->hand_out_due = true;
			gyre__stream_do_later(stream);
			break;
		}
		if (!advance(stream, data != NULL ? data + done : NULL,
			     length - done, &used))
			break;
		done += used;
	}
	return done;
}

void
gyre__pull_complete(struct gyre_stream *stream)
{
	size_t used;

	(void)advance(stream, gyre__buffer_bytes(&stream->input),
		      gyre__buffer_length(&stream->input), &used);
	gyre__buffer_consume(&stream->input, &stream->loop->spares, used);
	if (gyre__pull_is_waiting(stream) && !stream->pull.over) {
		stream->hand_out_due = true;
		gyre__stream_do_later(stream);
	}
}

void
gyre__pull_end(struct gyre_stream *stream)
{
	stream->pull.over = true;
	if (gyre__pull_is_waiting(stream))
		gyre__pull_complete(stream);
	forget(&stream->pull);
}

/* -- asking ---------------------------------------------------------------- */

/* What there is may satisfy the read, or the end has come: look, in a callback
 * to come, or at once where nobody is called. Inside a read's own callback
 * whoever calls it looks. */
static void
look_again(struct gyre_stream *stream)
{
	const struct gyre__pull *pull = &stream->pull;
	bool open = stream->state == GYRE__STREAM_OPEN;

	if (pull->calling && open)
		return;
	if (gyre__buffer_length(&stream->input) == 0 && pull->amount > 0 &&
	    !stream->ended && open)
		return;
	if (pull->fn == NULL && open && !stream->ended &&
	    !stream->hand_out_due) {
		gyre__stream_hand_out(stream);
		return;
	}
	stream->hand_out_due = true;
	gyre__stream_do_later(stream);
}

/* Take a request over that has its kind, amount and delimiter, and whom to
 * tell; on error nothing has changed. */
static int
ask(struct gyre_stream *stream, const struct gyre__pull *request)
{
	struct gyre__pull *pull = &stream->pull;

	if (gyre__pull_is_waiting(stream))
		return -EBUSY;
	if (pull->over)
		return -EPIPE;
	forget(pull);
	if (!pull->calling)
		take_back(stream);
	pull->kind = request->kind;
	pull->amount = request->amount;
	pull->delimiter = request->delimiter;
	pull->searched = 0;
	pull->neglected = false;
	pull->fn = request->fn;
	if (request->fn != NULL)
		pull->arg = request->arg;
	else
		pull->future = gyre_future_ref(request->future);
	look_again(stream);
	gyre__stream_touch(stream);
	return 0;
}

static int
request_until(const struct gyre_until *until, struct gyre__pull *request)
{
	const char *text = until->delimiter;
	size_t length = until->length;

	GYRE_REQUIRE(text != NULL);
	if (length == 0)
		length = strlen(text);
	if (length == 0)
		return -EINVAL;
	request->kind = GYRE__PULL_UNTIL;
	request->delimiter.bytes = until->delimiter;
	request->delimiter.length = length;
	request->amount = until->max_bytes != 0 ? until->max_bytes : SIZE_MAX;
	return 0;
}

static int
request_bytes(const struct gyre_stream *stream, size_t length, bool partial,
	      struct gyre__pull *request)
{
	if (!partial && length > stream->read_max_bytes)
		return -ENOBUFS;
	request->kind = partial ? GYRE__PULL_PARTIAL : GYRE__PULL_EXACT;
	request->amount = length;
	return 0;
}

static int
request_peek(const struct gyre_stream *stream, size_t min_bytes,
	     struct gyre__pull *request)
{
	if (min_bytes > stream->read_max_bytes)
		return -ENOBUFS;
	request->kind = GYRE__PULL_PEEK;
	request->amount = min_bytes != 0 ? min_bytes : 1;
	return 0;
}

/* A request that will end by callback. */
static struct gyre__pull
by_callback(const struct gyre_stream *stream, gyre_read_fn fn, void *arg)
{
	struct gyre__pull request = { .fn = fn };

	gyre__loop_require_owner(stream->loop);
	GYRE_REQUIRE(stream->ops.on_read == NULL && fn != NULL);
	request.arg = arg;
	return request;
}

/* A request that will end by future, unless its status says no. */
static struct gyre_future *
ask_by_future(struct gyre_stream *stream, struct gyre__pull *request,
	      int status)
{
	struct gyre_future *future;

	gyre__loop_require_owner(stream->loop);
	GYRE_REQUIRE(stream->ops.on_read == NULL);
	future = gyre_future_new(stream->loop);
	if (future == NULL)
		return NULL;
	request->future = future;
	if (status == 0)
		status = ask(stream, request);
	if (status < 0)
		(void)gyre_future_reject(future, status, describe(status));
	return future;
}

/* -- public ---------------------------------------------------------------- */

int
gyre_stream_read_until(struct gyre_stream *stream,
		       const struct gyre_until *until, gyre_read_fn fn,
		       void *arg)
{
	struct gyre__pull request = by_callback(stream, fn, arg);
	int status = request_until(until, &request);

	return status < 0 ? status : ask(stream, &request);
}

int
gyre_stream_read_bytes(struct gyre_stream *stream, size_t length, bool partial,
		       gyre_read_fn fn, void *arg)
{
	struct gyre__pull request = by_callback(stream, fn, arg);
	int status = request_bytes(stream, length, partial, &request);

	return status < 0 ? status : ask(stream, &request);
}

int
gyre_stream_read_until_close(struct gyre_stream *stream, gyre_read_fn fn,
			     void *arg)
{
	struct gyre__pull request = by_callback(stream, fn, arg);

	request.kind = GYRE__PULL_UNTIL_CLOSE;
	request.amount = SIZE_MAX;
	return ask(stream, &request);
}

int
gyre_stream_peek(struct gyre_stream *stream, size_t min_bytes, gyre_read_fn fn,
		 void *arg)
{
	struct gyre__pull request = by_callback(stream, fn, arg);
	int status = request_peek(stream, min_bytes, &request);

	return status < 0 ? status : ask(stream, &request);
}

void
gyre_stream_consume(struct gyre_stream *stream, size_t length)
{
	struct gyre__pull *pull = &stream->pull;

	gyre__loop_require_owner(stream->loop);
	GYRE_REQUIRE(length <= pull->bytes.length - pull->taken);
	pull->taken += length;
	gyre__stream_touch(stream);
}

struct gyre_future *
gyre_stream_read_until_future(struct gyre_stream *stream,
			      const struct gyre_until *until)
{
	struct gyre__pull request = { .fn = NULL };
	int status = request_until(until, &request);

	return ask_by_future(stream, &request, status);
}

struct gyre_future *
gyre_stream_read_bytes_future(struct gyre_stream *stream, size_t length,
			      bool partial)
{
	struct gyre__pull request = { .fn = NULL };
	int status = request_bytes(stream, length, partial, &request);

	return ask_by_future(stream, &request, status);
}

struct gyre_future *
gyre_stream_read_until_close_future(struct gyre_stream *stream)
{
	struct gyre__pull request = { .kind = GYRE__PULL_UNTIL_CLOSE,
				      .amount = SIZE_MAX };

	return ask_by_future(stream, &request, 0);
}

struct gyre_future *
gyre_stream_peek_future(struct gyre_stream *stream, size_t min_bytes)
{
	struct gyre__pull request = { .fn = NULL };
	int status = request_peek(stream, min_bytes, &request);

	return ask_by_future(stream, &request, status);
}

bool
gyre_stream_is_reading(const struct gyre_stream *stream)
{
	gyre__loop_require_owner(stream->loop);
	return gyre__pull_is_waiting(stream);
}

void
gyre_stream_cancel_read(struct gyre_stream *stream)
{
	struct gyre__pull *pull = &stream->pull;

	gyre__loop_require_owner(stream->loop);
	if (gyre__pull_waits_by_future(stream))
		(void)gyre_future_cancel(pull->future);
	forget(pull);
	gyre__stream_touch(stream);
}
