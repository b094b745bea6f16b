/*
 * One batch away a lane is what bounds the replies that can be on their way,
 * and it costs no time: what comes in meanwhile goes in one batch afterwards,
 * so the more there is to do, the fewer crossings a command takes.
 */
#include "lane.h"

#include "batch.h"
#include "check.h"
#include "connection.h"
#include "server.h"

struct batch *
lane_batch(struct connection *connection, unsigned target)
{
	struct lane *lane = &connection->lanes[target];

	if (lane->filling != NULL)
		return lane->filling;
	lane->filling = batch_get(connection->shard, target, connection);
	if (lane->filling != NULL && lane->posted == NULL)
		connection->lanes_busy++;
	return lane->filling;
}

static void
put_away(struct connection *connection, struct batch *batch)
{
	connection->carried_bytes -= batch->text.length;
	batch_put(connection->shard, batch);
}

/* Send the lane's batch. If it can't go, its replies can never come. */
static void
post(struct connection *connection, struct lane *lane)
{
	struct batch *batch = lane->posted;
	struct shard_stats *stats = &connection->shard->stats;
	size_t carried;

	batch->unwanted = connection->closed;
	carried = batch->count - batch->done;
	if (batch->failed || connection->shard->stopping ||
	    batch_post(batch) < 0) {
		lane->posted = NULL;
		put_away(connection, batch);
		connection_abort(connection);
		return;
	}
	lane->away = true;
	connection->away++;
	stats->crossed++;
	stats->carried += carried;
}

/* The lane's batch is back: see what is left to do with it. */
static void
look_at_posted(struct connection *connection, struct lane *lane)
{
	struct batch *batch = lane->posted;

	if (connection->closed)
		batch_discard(batch);
	if (!batch_is_taken(batch))
		return;
	if (batch->done == batch->count) {
		lane->posted = NULL;
		put_away(connection, batch);
	} else if (connection->closed ||
		   !gyre_stream_is_full(connection->stream)) {
		post(connection, lane);
	}
}

static void
advance(struct connection *connection, struct lane *lane)
{
	if (lane->posted == NULL && lane->filling == NULL)
		return;
	if (lane->posted != NULL && !lane->away)
		look_at_posted(connection, lane);
	if (lane->posted == NULL && lane->filling != NULL) {
		lane->posted = lane->filling;
		lane->filling = NULL;
		post(connection, lane);
	}
	if (lane->posted == NULL && lane->filling == NULL)
		connection->lanes_busy--;
}

bool
lane_has_reply(const struct lane *lane)
{
	return lane->posted != NULL && !lane->away &&
	       batch_has_reply(lane->posted);
}

struct arg
lane_take(struct lane *lane)
{
	KV_INSIST(lane_has_reply(lane));
	return batch_take(lane->posted);
}

void
lane_on_batch(struct connection *connection, struct batch *batch)
{
	struct lane *lane = &connection->lanes[batch->target];

	KV_INSIST(lane->posted == batch && lane->away);
	lane->away = false;
	connection->away--;
}

void
lane_advance_all(struct connection *connection)
{
	unsigned shards = connection->shard->server->shards_count;

	if (connection->lanes_busy == 0)
		return;
	for (unsigned i = 0; i < shards; i++)
		advance(connection, &connection->lanes[i]);
}

void
lane_free_all(struct connection *connection)
{
	unsigned shards = connection->shard->server->shards_count;

	for (unsigned i = 0; i < shards; i++) {
		struct lane *lane = &connection->lanes[i];

		if (lane->filling != NULL)
			batch_put(connection->shard, lane->filling);
		if (lane->posted != NULL && !lane->away)
			batch_put(connection->shard, lane->posted);
		lane->filling = NULL;
		lane->posted = NULL;
	}
}
