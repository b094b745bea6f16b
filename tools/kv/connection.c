/*
 * What the stream reports, and what to do about it. After everything that may
 * have changed something, settle() does whatever can be done now.
 */
#include "connection.h"

#include <errno.h>
#include <stdlib.h>

#include "batch.h"
#include "lane.h"
#include "publication.h"
#include "reader.h"
#include "router.h"
#include "secure.h"
#include "server.h"
#include "writer.h"

/* -- life ------------------------------------------------------------------ */

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
	pubsub_leave(connection->shard, &connection->subscriber);
	transaction_end(&connection->transaction);
	lane_free_all(connection);
	replies_free(&connection->replies);
	resp_free(&connection->parser);
	bytes_free(&connection->partial);
	free(connection->name);
	free(connection->library_name);
	free(connection->library_version);
	free(connection);
}

/*
 * Nobody will see it again: no stream, nothing that could come back. What it
 * watches elsewhere is forgotten first, which is the last thing it sends.
 */
static void
free_if_done(struct connection *connection)
{
	if (connection->stream != NULL || connection->away > 0 ||
	    connection->publications > 0 || connection->held)
		return;
	router_end_transaction(connection);
	lane_advance_all(connection);
	if (connection->away == 0)
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

	for (; connection != NULL; connection = connection->next) {
		connection_abort(connection);
		/* What still flushes is cut short too. */
		if (connection->stream != NULL)
			gyre_stream_close(connection->stream, false);
	}
}

void
connection_free_all(struct shard *shard)
{
	while (shard->connections != NULL)
		free_connection(shard->connections);
}

/* -- settling -------------------------------------------------------------- */

static void
resume_if_room(struct connection *connection)
{
	if (!connection->paused || connection->held ||
	    connection->shard->draining || reader_is_over(connection, 2))
		return;
	connection->paused = false;
	gyre_stream_resume(connection->stream);
}

static void
close_if_done(struct connection *connection)
{
	bool no_more = connection->closing ||
		       (connection->ended && !connection->paused) ||
		       (connection->shard->draining && !connection->held);

	if (!no_more || connection->replies.count > 0)
		return;
	connection->closing = true;
	connection->closed = true;
	pubsub_leave(connection->shard, &connection->subscriber);
	gyre_stream_close(connection->stream, true);
}

static void
settle(struct connection *connection)
{
	do {
		writer_flush(connection);
		lane_advance_all(connection);
	} while (reader_go_on(connection));
	if (!connection->closed)
		resume_if_room(connection);
	if (!connection->closed)
		close_if_done(connection);
}

void
connection_drain_all(struct shard *shard)
{
	struct connection *connection = shard->connections;

	for (; connection != NULL; connection = connection->next) {
		if (connection->closed)
			continue;
		connection->paused = true;
		gyre_stream_pause(connection->stream);
		settle(connection);
	}
}

void
connection_on_batch(struct connection *connection, struct batch *batch)
{
	batch_log_slow(batch);
	lane_on_batch(connection, batch);
	if (batch->replies.failed)
		connection_abort(connection);
	settle(connection);
	free_if_done(connection);
}

/* -- messages -------------------------------------------------------------- */

void
connection_add_publication(struct connection *connection,
			   struct publication *publication)
{
	struct shard *shard = connection->shard;

	connection->publications++;
	connection->carried_bytes += publication_size(publication);
	if (++shard->publications >= publication_max(shard->server))
		shard->publications_full = true;
	replies_add_publication(&connection->replies, publication);
}

/* There is room again: go on with those that wait to publish. */
static void
publish_on(struct shard *shard)
{
	struct connection *connection = shard->connections;

	shard->publications_full = false;
	while (connection != NULL) {
		struct connection *next = connection->next;

		if (connection->held) {
			settle(connection);
			free_if_done(connection);
		}
		connection = next;
	}
}

void
connection_on_publication(struct connection *connection,
			  struct publication *publication)
{
	struct shard *shard = connection->shard;

	connection->publications--;
	connection->carried_bytes -= publication_size(publication);
	settle(connection);
	free_if_done(connection);
	shard->publications--;
	if (shard->publications_full &&
	    shard->publications <= publication_max(shard->server) / 2)
		publish_on(shard);
}

/* Tell whether a subscriber reads too slowly to be kept. */
static bool
is_too_slow(struct connection *connection)
{
	const struct options *options = connection->shard->server->options;
	struct gyre_stream_stats stats;
	size_t unread;
	int64_t now_ns;

	if (!gyre_stream_is_full(connection->stream)) {
		connection->unread_since_ns = 0;
		return false;
	}
	gyre_stream_get_stats(connection->stream, &stats);
	unread = stats.pending_bytes +
		 replies_local_waiting(&connection->replies);
	if (unread <= options->unread_long_max) {
		connection->unread_since_ns = 0;
		return false;
	}
	now_ns = gyre_loop_time(connection->shard->loop);
	if (connection->unread_since_ns == 0)
		connection->unread_since_ns = now_ns;
	return unread > options->unread_max ||
	       now_ns - connection->unread_since_ns > options->unread_long_ns;
}

bool
connection_push(struct connection *connection, const struct bytes *message)
{
	struct replies *replies = &connection->replies;

	if (connection->closing || connection->closed)
		return false;
	if (message->failed || replies_reserve(replies) < 0) {
		connection_abort(connection);
		return false;
	}
	bytes_append(&replies->local, message->data, message->length);
	if (replies->local.failed) {
		connection_abort(connection);
		return false;
	}
	replies_add_local(replies, message->length);
	writer_flush(connection);
	if (!connection->closed && is_too_slow(connection))
		connection_abort(connection);
	return true;
}

bool
connection_subscribes(const struct connection *connection)
{
	return subscriber_count(&connection->subscriber) > 0;
}

bool
connection_is_receiver(const struct connection *connection)
{
	return connection != NULL && !connection->resp3 &&
	       connection_subscribes(connection);
}

void
connection_lock(struct connection *connection)
{
	connection->locked =
		connection->shard->server->options->password[0] != '\0';
	connection->parser.is_stranger = connection->locked;
}

void
connection_unlock(struct connection *connection)
{
	connection->locked = false;
	connection->parser.is_stranger = false;
}

void
connection_watch_idle(struct connection *connection)
{
	int64_t idle_ns = connection->shard->server->options->idle_ns;

	if (idle_ns == 0 || connection->closed)
		return;
	if (connection_subscribes(connection))
		idle_ns = 0;
	if (gyre_stream_set_idle(connection->stream, idle_ns) < 0)
		connection_abort(connection);
}

/* -- the stream ------------------------------------------------------------ */

static size_t
on_read(struct gyre_stream *stream, const void *data, size_t length, void *arg)
{
	struct connection *connection = arg;
	size_t used;

	(void)stream;
	connection->active_ns = gyre_loop_time(connection->shard->loop);
	used = reader_take(connection, data, length);
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
	/* What it has sent still runs, unless it is us who gave it up. */
	connection->closing |= !connection->held;
	connection->closed = true;
	pubsub_leave(shard, &connection->subscriber);
	shard->stats.clients--;
	replies_free(&connection->replies);
	settle(connection);
	free_if_done(connection);
}

int
connection_open(struct shard *shard, int fd, bool with_tls)
{
	static const struct gyre_stream_ops ops = {
		.on_read = on_read,
		.on_end = on_end,
		.on_drain = on_drain,
		.on_close = on_close,
	};
	const struct options *options = shard->server->options;
	const struct gyre_stream_options stream_options = {
		.write_high_bytes = CONNECTION_REPLIES_MAX,
		.no_delay = true,
		.idle_ns = options->idle_ns,
		.keepalive_ns = options->keepalive_ns,
		.limit = &shard->server->clients,
	};
	size_t lanes_size = shard->server->shards_count * sizeof(struct lane);
	struct connection *connection =
		calloc(1, sizeof(*connection) + lanes_size);
	int error;

	if (connection == NULL)
		return -ENOMEM;
	error = with_tls ? secure_open(shard->server, shard->loop, fd,
				       &stream_options, &ops, connection,
				       &connection->stream)
			 : gyre_stream_open(shard->loop, fd, &stream_options,
					    &ops, connection,
					    &connection->stream);
	if (error < 0) {
		free(connection);
		return error;
	}
	connection->shard = shard;
	connection->subscriber.connection = connection;
	connection->opened_ns = gyre_loop_time(shard->loop);
	connection->active_ns = connection->opened_ns;
	connection->id =
		shard->last_connection++ * shard->server->shards_count +
		shard->index + 1;
	resp_init(&connection->parser, options->bulk_max);
	connection_lock(connection);
	link_in(connection);
	shard->stats.clients++;
	shard->stats.connections++;
	return 0;
}
