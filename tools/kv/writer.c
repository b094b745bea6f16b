/*
 * A reply that is not there yet keeps those behind it where they are, and so
 * does a client that does not read: what it is owed is never more than the
 * stream's buffer and what its lanes may hold.
 */
#include "writer.h"

#include <errno.h>

#include "connection.h"
#include "gather.h"
#include "number.h"
#include "publication.h"
#include "reply.h"
#include "server.h"

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
	struct reply reply = {
		.bytes = &shard->scratch,
		.resp3 = gather->resp3,
	};

	bytes_reset(&shard->scratch, SCRATCH_KEEP_MAX);
	gather_finish(gather, own, shard->server, &reply);
	if (shard->scratch.failed)
		connection_abort(connection);
	else
		write_out(connection, shard->scratch.data,
			  shard->scratch.length);
}

static void
write_receivers(struct connection *connection,
		const struct publication *publication)
{
	char line[NUMBER_TEXT_MAX + 3] = ":";
	size_t length = 1;

	length += number_format((int64_t)publication_receivers(publication),
				line + 1);
	line[length++] = '\r';
	line[length++] = '\n';
	write_out(connection, line, length);
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
	case SLOT_UNSEEN:
		if (!lane_has_reply(slot->lane))
			return false;
		lane_take(slot->lane);
		break;
	case SLOT_GATHER:
		if (!gather_is_ready(slot->gather))
			return false;
		write_gathered(connection, slot->gather);
		break;
	case SLOT_PUBLICATION:
		if (!slot->publication->done)
			return false;
		write_receivers(connection, slot->publication);
		break;
	}
	return true;
}

void
writer_flush(struct connection *connection)
{
	struct slot *slot;

	while (!connection->closed &&
	       !gyre_stream_is_full(connection->stream) &&
	       (slot = replies_first(&connection->replies)) != NULL &&
	       write_reply(connection, slot))
		replies_remove_first(&connection->replies);
}
