/*
 * A command that has come whole is parsed where the stream has it. One that
 * comes in many pieces moves to a buffer of the connection's own, which grows
 * as the pieces come. So does all that was read from a command on that must
 * wait, so that it runs even if the client is gone by then.
 */
#include "reader.h"

#include "check.h"
#include "connection.h"
#include "reply.h"
#include "router.h"
#include "server.h"
#include "writer.h"

/*
 * A command that has come in part: up to here it stays in the stream's buffer
 * and is parsed where it is, beyond in one of our own.
 */
#define PARTIAL_MIN ((size_t)32 * 1024)

/* Tell whether nothing more may be read, or not yet again: at half of that. */
bool
reader_is_over(const struct connection *connection, unsigned share)
{
	return connection->replies.count >= REPLIES_SLOTS_MAX / share ||
	       connection->carried_bytes >= CONNECTION_WAITING_MAX / share ||
	       replies_local_waiting(&connection->replies) >=
		       CONNECTION_REPLIES_MAX / share ||
	       gyre_stream_is_full(connection->stream);
}

static void
pause_reading(struct connection *connection)
{
	connection->paused = true;
	gyre_stream_pause(connection->stream);
}

/* The last reply, and nothing is read any more. */
static void
refuse_protocol(struct connection *connection)
{
	struct replies *replies = &connection->replies;
	struct reply reply = { .bytes = &replies->local };
	size_t before = replies->local.length;

	connection->closing = true;
	if (connection->parser.error[0] == '\0' ||
	    replies_reserve(replies) < 0) {
		connection_abort(connection);
		return;
	}
	reply_errorf(&reply, "Protocol error: %s", connection->parser.error);
	replies_add_local(replies, replies->local.length - before);
	if (replies->local.failed)
		connection_abort(connection);
}

/*
 * Parse one command and run or send it, or find that it must wait: then it is
 * held, and nothing of it is used. The status is the parser's.
 */
static enum resp_status
take_command(struct connection *connection, const char *data, size_t length,
	     size_t *ret_used)
{
	struct resp *parser = &connection->parser;
	enum resp_status status = resp_parse(parser, data, length, ret_used);

	if (status == RESP_COMMAND) {
		connection->waiting = router_dispatch(
			connection, parser->args.items, parser->args.count);
		connection->held = connection->waiting != NULL;
		if (connection->held)
			*ret_used = 0;
		resp_put_away(parser);
	} else if (status == RESP_ERROR) {
		refuse_protocol(connection);
	}
	return status;
}

/* Why work on what was read came to an end. */
enum stop {
	STOP_DONE, /* no whole command is left */
	STOP_FULL, /* too much waits to be replied to */
	STOP_HELD, /* the next command must wait */
};

/* Tell whether replies must leave first; see whether they do. */
static bool
is_full(struct connection *connection)
{
	if (connection->closed || !reader_is_over(connection, 1))
		return false;
	writer_flush(connection);
	return !connection->closed && reader_is_over(connection, 1);
}

/* Work through bytes; tell how much of them is done with. */
static enum stop
run_commands(struct connection *connection, const char *data, size_t length,
	     size_t *ret_used)
{
	size_t used = 0;

	*ret_used = length;
	while (used < length && !connection->closing) {
		size_t step = 0;
		enum resp_status status;

		*ret_used = used;
		if (is_full(connection))
			return STOP_FULL;
		status = take_command(connection, data + used, length - used,
				      &step);
		if (connection->held)
			return STOP_HELD;
		if (status == RESP_MORE)
			return STOP_DONE;
		used += step;
		*ret_used = length;
	}
	return STOP_DONE;
}

/* -- what waits here ------------------------------------------------------- */

/*
 * Make the partial command longer. It grows to double at most, and no further
 * than what the parser waits for: what a client announces takes no memory.
 */
static int
append_partial(struct connection *connection, const char *data, size_t length)
{
	struct bytes *partial = &connection->partial;
	size_t wants = resp_wants(&connection->parser, partial->length);
	int error;

	if (!connection->held && wants > length && wants < partial->length)
		error = bytes_reserve_exact(partial, wants);
	else
		error = bytes_reserve(partial, length);
	bytes_append(partial, data, length);
	if (error < 0)
		connection_abort(connection);
	return error;
}

/*
 * Go on with a command that began in an earlier read. Return how many of the
 * bytes were its own; if it must wait the others wait behind it.
 */
static size_t
read_partial(struct connection *connection, const char *data, size_t length)
{
	struct bytes *partial = &connection->partial;
	size_t before = partial->length;
	size_t used = 0;
	enum resp_status status;

	if (append_partial(connection, data, length) < 0)
		return length;
	status =
		take_command(connection, partial->data, partial->length, &used);
	if (status == RESP_MORE || connection->held)
		return length;
	bytes_reset(partial, 0);
	if (status == RESP_ERROR)
		return length;
	KV_INSIST(used > before && used - before <= length);
	return used - before;
}

/* Of what waited here, only this much is left: the begin of a command. */
static void
keep_rest(struct connection *connection, size_t taken)
{
	struct bytes *partial = &connection->partial;
	size_t rest = partial->length - taken;

	connection->partial_taken = 0;
	if (rest > 0)
		memmove(partial->data, partial->data + taken, rest);
	partial->length = rest;
	if (rest == 0)
		bytes_reset(partial, 0);
}

bool
reader_go_on(struct connection *connection)
{
	struct bytes *partial = &connection->partial;
	size_t taken = connection->partial_taken;
	size_t used = 0;
	enum stop stop = STOP_DONE;

	if (!connection->held)
		return false;
	if (!connection->closing) {
		if (connection->waiting != NULL &&
		    router_must_wait(connection, connection->waiting))
			return false;
		if (!connection->closed && reader_is_over(connection, 2))
			return false;
		connection->held = false;
		stop = run_commands(connection, partial->data + taken,
				    partial->length - taken, &used);
		taken += used;
	}
	connection->partial_taken = taken;
	connection->held = stop != STOP_DONE;
	if (!connection->held)
		keep_rest(connection,
			  connection->closing ? partial->length : taken);
	if (connection->closed) {
		/* Nobody is there to read them. */
		replies_free(&connection->replies);
		connection->closing |= !connection->held;
	}
	return true;
}

/* -- what is read ---------------------------------------------------------- */

static size_t
read_commands(struct connection *connection, const char *data, size_t length)
{
	size_t used;
	enum stop stop = run_commands(connection, data, length, &used);

	if (stop == STOP_HELD ||
	    (stop == STOP_DONE && length - used >= PARTIAL_MIN)) {
		append_partial(connection, data + used, length - used);
		used = length;
	}
	if (stop != STOP_DONE)
		pause_reading(connection);
	return used;
}

size_t
reader_take(struct connection *connection, const char *data, size_t length)
{
	size_t used = 0;

	if (connection->closing)
		return length;
	if (connection->partial.length > 0)
		used = read_partial(connection, data, length);
	if (connection->held)
		pause_reading(connection);
	else
		used += read_commands(connection, data + used, length - used);
	return used;
}
