/*
 * A command that has come whole is parsed where the stream has it. One that
 * comes in many pieces moves to a buffer of the connection's own, which grows
 * as the pieces come.
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
		       CONNECTION_WAITING_MAX / share ||
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
	size_t before = replies->local.length;

	connection->closing = true;
	if (connection->parser.error[0] == '\0' ||
	    replies_reserve(replies) < 0) {
		connection_abort(connection);
		return;
	}
	reply_errorf(&replies->local, "Protocol error: %s",
		     connection->parser.error);
	replies_add_local(replies, replies->local.length - before);
	if (replies->local.failed)
		connection_abort(connection);
}

/* Parse one command and run or send it; the status is the parser's. */
static enum resp_status
take_command(struct connection *connection, const char *data, size_t length,
	     size_t *ret_used)
{
	struct resp *parser = &connection->parser;
	enum resp_status status = resp_parse(parser, data, length, ret_used);

	if (status == RESP_COMMAND)
		router_dispatch(connection, parser->args.items,
				parser->args.count);
	else if (status == RESP_ERROR)
		refuse_protocol(connection);
	return status;
}

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

	if (wants > length && wants < partial->length)
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
 * bytes were its own.
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
	if (status == RESP_MORE)
		return length;
	bytes_reset(partial, 0);
	if (status == RESP_ERROR)
		return length;
	KV_INSIST(used > before && used - before <= length);
	return used - before;
}

/* Work through what was read; return how much of it is done with. */
static size_t
read_commands(struct connection *connection, const char *data, size_t length)
{
	size_t used = 0;

	while (used < length && !connection->closing) {
		enum resp_status status;
		size_t step = 0;

		if (reader_is_over(connection, 1)) {
			writer_flush(connection);
			if (connection->closed ||
			    !reader_is_over(connection, 1))
				continue;
			pause_reading(connection);
			return used;
		}
		status = take_command(connection, data + used, length - used,
				      &step);
		used += step;
		if (status != RESP_MORE)
			continue;
		if (length - used < PARTIAL_MIN)
			return used;
		append_partial(connection, data + used, length - used);
		return length;
	}
	return length;
}

size_t
reader_take(struct connection *connection, const char *data, size_t length)
{
	size_t used = 0;

	if (connection->closing)
		return length;
	if (connection->partial.length > 0)
		used = read_partial(connection, data, length);
	return used + read_commands(connection, data + used, length - used);
}
