/*
 * What the stream reports, and what to do about it. After everything that may
 * have changed something, settle() does whatever can be done now: it is the
 * only place that writes, resumes and closes.
 */
#include "connection.h"

#include <errno.h>
#include <stdlib.h>

#include "batch.h"
#include "check.h"
#include "gather.h"
#include "lane.h"
#include "router.h"
#include "server.h"

/*
 * A command that has come in part: up to here it stays in the stream's buffer
 * and is parsed where it is, beyond in one of our own.
 */
#define PARTIAL_MIN ((size_t)32 * 1024)

static void settle(struct connection *connection);

/* -- life ---------------------------------------------------------------------
 */

static void
link_in(struct connection *connection)
{
	struct shard *shard = connection->shard;

	connection->next = shard->connections;
	if (connection->next != NULL)
		connection->next->previous = connection;
	shard->connections = connection;
}

static void
free_connection(struct connection *connection)
{
	if (connection->previous != NULL)
		connection->previous->next = connection->next;
	else
		connection->shard->connections = connection->next;
	if (connection->next != NULL)
		connection->next->previous = connection->previous;
	lane_free_all(connection);
	replies_free(&connection->replies);
	resp_free(&connection->parser);
	bytes_free(&connection->partial);
	free(connection->name);
	free(connection);
}

/* Nobody will see it again: no stream, no batch that could come back. */
static void
free_if_done(struct connection *connection)
{
	if (connection->stream == NULL && connection->away == 0)
		free_connection(connection);
}

void
connection_abort(struct connection *connection)
{
	if (connection->closed)
		return;
	connection->closing = true;
	connection->closed = true;
	gyre_stream_close(connection->stream, false);
}

void
connection_close_all(struct shard *shard)
{
	struct connection *connection = shard->connections;

	for (; connection != NULL; connection = connection->next)
		connection_abort(connection);
}

void
connection_free_all(struct shard *shard)
{
	while (shard->connections != NULL)
		free_connection(shard->connections);
}

/* -- replies ------------------------------------------------------------------
 */

static void
write_out(struct connection *connection, const void *data, size_t length)
{
	if (gyre_stream_write(connection->stream, data, length) == -ENOMEM)
		connection_abort(connection);
}

static void
write_gathered(struct connection *connection, struct gather *gather)
{
	struct shard *shard = connection->shard;
	const char *own =
		replies_take_local(&connection->replies, gather->own_length);

	bytes_reset(&shard->scratch, SCRATCH_KEEP_MAX);
	gather_finish(gather, own, shard->server, &shard->scratch);
	if (shard->scratch.failed)
		connection_abort(connection);
	else
		write_out(connection, shard->scratch.data,
			  shard->scratch.length);
}

/* Write the reply whose turn it is; false: it is not there yet. */
static bool
write_reply(struct connection *connection, struct slot *slot)
{
	struct arg reply;

	switch (slot->kind) {
	case SLOT_LOCAL:
		write_out(
			connection,
			replies_take_local(&connection->replies, slot->length),
			slot->length);
		break;
	case SLOT_LANE:
		if (!lane_has_reply(slot->lane))
			return false;
		reply = lane_take(slot->lane);
		write_out(connection, reply.data, reply.length);
		break;
	case SLOT_GATHER:
		if (!gather_is_ready(slot->gather))
			return false;
		write_gathered(connection, slot->gather);
		break;
	}
	return true;
}

static void
write_replies(struct connection *connection)
{
	struct slot *slot;

	while (!connection->closed &&
	       !gyre_stream_is_full(connection->stream) &&
	       (slot = replies_first(&connection->replies)) != NULL &&
	       write_reply(connection, slot))
		replies_remove_first(&connection->replies);
}

/* -- settling -----------------------------------------------------------------
 */

/* Tell whether nothing more may be read, or not yet again: at half of that. */
static bool
is_over(const struct connection *connection, unsigned share)
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

static void
resume_if_room(struct connection *connection)
{
	if (!connection->paused || is_over(connection, 2))
		return;
	connection->paused = false;
	gyre_stream_resume(connection->stream);
}

static void
close_if_done(struct connection *connection)
{
	bool no_more = connection->closing ||
		       (connection->ended && !connection->paused);

	if (!no_more || connection->replies.count > 0)
		return;
	connection->closing = true;
	connection->closed = true;
	gyre_stream_close(connection->stream, true);
}

static void
settle(struct connection *connection)
{
	write_replies(connection);
	lane_advance_all(connection);
	if (!connection->closed)
		resume_if_room(connection);
	if (!connection->closed)
		close_if_done(connection);
}

void
connection_on_batch(struct connection *connection, struct batch *batch)
{
	lane_on_batch(connection, batch);
	if (batch->replies.failed)
		connection_abort(connection);
	settle(connection);
	free_if_done(connection);
}

/* -- reading ------------------------------------------------------------------
 */

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

		if (is_over(connection, 1)) {
			write_replies(connection);
			if (connection->closed || !is_over(connection, 1))
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

static size_t
on_read(struct gyre_stream *stream, const void *data, size_t length, void *arg)
{
	struct connection *connection = arg;
	size_t used = 0;

	(void)stream;
	if (connection->closing)
		return length;
	if (connection->partial.length > 0)
		used = read_partial(connection, data, length);
	used += read_commands(connection, (const char *)data + used,
			      length - used);
	settle(connection);
	return used;
}

static void
on_end(struct gyre_stream *stream, void *arg)
{
	struct connection *connection = arg;

	(void)stream;
	connection->ended = true;
	settle(connection);
}

static void
on_drain(struct gyre_stream *stream, void *arg)
{
	(void)stream;
	settle(arg);
}

static void
on_close(struct gyre_stream *stream, int error, void *arg)
{
	struct connection *connection = arg;
	struct shard *shard = connection->shard;

	(void)stream;
	(void)error;
	connection->stream = NULL;
	connection->closing = true;
	connection->closed = true;
	shard->stats.clients--;
	/* Relaxed: a count that nobody reads anything else by. */
	atomic_fetch_sub_explicit(&shard->server->clients, 1,
				  memory_order_relaxed);
	replies_free(&connection->replies);
	lane_advance_all(connection);
	free_if_done(connection);
}

int
connection_open(struct shard *shard, int fd)
{
	static const struct gyre_stream_ops ops = {
		.on_read = on_read,
		.on_end = on_end,
		.on_drain = on_drain,
		.on_close = on_close,
	};
	const struct gyre_stream_options options = { .no_delay = true };
	size_t lanes_size = shard->server->shards_count * sizeof(struct lane);
	struct connection *connection =
		calloc(1, sizeof(*connection) + lanes_size);
	int error;

	if (connection == NULL)
		return -ENOMEM;
	error = gyre_stream_open(shard->loop, fd, &options, &ops, connection,
				 &connection->stream);
	if (error < 0) {
		free(connection);
		return error;
	}
	connection->shard = shard;
	connection->id =
		shard->last_connection++ * shard->server->shards_count +
		shard->index + 1;
	resp_init(&connection->parser, shard->server->options->bulk_max);
	link_in(connection);
	shard->stats.clients++;
	shard->stats.connections++;
	return 0;
}
