/*
 * The order of a message's receivers is Redis's: those of its channel, as they
 * subscribed, then pattern by pattern. A connection that has both gets it
 * twice.
 */
#include "pubsub.h"

#include <errno.h>
#include <stdlib.h>

#include "connection.h"
#include "glob.h"
#include "publication.h"
#include "reply.h"
#include "server.h"

/* A buffer that has grown above this is given back. */
#define TEXT_KEEP_MAX ((size_t)64 * 1024)

int
pubsub_init(struct pubsub *pubsub, unsigned shards_count)
{
	*pubsub = (struct pubsub){ 0 };
	pubsub->delivered = calloc(shards_count, sizeof(uint64_t));
	return pubsub->delivered != NULL ? 0 : -ENOMEM;
}

void
pubsub_fini(struct pubsub *pubsub)
{
	free(pubsub->delivered);
	bytes_free(&pubsub->texts[false]);
	bytes_free(&pubsub->texts[true]);
}

/* -- who subscribes -------------------------------------------------------- */

int
pubsub_subscribe(struct shard *shard, enum channel_kind kind,
		 const struct arg *name, struct subscriber *subscriber)
{
	struct channels *channels = &shard->pubsub.channels;
	bool is_new = channels_find(channels, kind, name) == NULL;
	int error = is_new ? interest_add(shard, kind, name->hash) : 0;

	if (error < 0)
		return error;
	error = channels_add(channels, kind, name, subscriber);
	if (is_new && error < 0)
		interest_remove(shard, kind, name->hash);
	return error == -EEXIST ? 0 : error;
}

static void
end_subscription(struct shard *shard, struct subscription *subscription)
{
	const struct channel *channel = subscription->channel;
	enum channel_kind kind = channel->kind;
	uint64_t hash = channel->hash;
	bool is_last = channel->subscribers == 1;

	channels_remove(&shard->pubsub.channels, subscription);
	if (is_last)
		interest_remove(shard, kind, hash);
}

void
pubsub_unsubscribe(struct shard *shard, enum channel_kind kind,
		   const struct arg *name, struct subscriber *subscriber)
{
	struct subscription *subscription = channels_find_subscription(
		&shard->pubsub.channels, kind, name, subscriber);

	if (subscription != NULL)
		end_subscription(shard, subscription);
}

void
pubsub_unsubscribe_first(struct shard *shard, enum channel_kind kind,
			 struct subscriber *subscriber)
{
	end_subscription(shard, subscriber->subscriptions[kind]);
}

void
pubsub_leave(struct shard *shard, struct subscriber *subscriber)
{
	for (enum channel_kind kind = 0; kind < CHANNEL_KINDS; kind++) {
		while (subscriber->subscriptions[kind] != NULL)
			pubsub_unsubscribe_first(shard, kind, subscriber);
	}
}

/* -- who gets a message ---------------------------------------------------- */

/* Write what a channel's, or a pattern's, subscribers get to see. */
static void
write_message(struct reply *reply, const struct channel *channel,
	      const struct publication *publication)
{
	if (channel->kind == CHANNEL_PATTERN) {
		reply_push_begin(reply, 4);
		reply_text(reply, "pmessage");
		reply_bulk(reply, channel->name, channel->length);
	} else {
		reply_push_begin(reply, 3);
		reply_text(reply, "message");
	}
	reply_bulk(reply, publication->channel.data,
		   publication->channel.length);
	reply_bulk(reply, publication->message.data,
		   publication->message.length);
}

/* The text in a protocol is written for the first that speaks it. */
static const struct bytes *
find_text(struct pubsub *pubsub, bool resp3, const struct channel *channel,
	  const struct publication *publication)
{
	struct reply reply = {
		.bytes = &pubsub->texts[resp3],
		.resp3 = resp3,
	};

	if (reply.bytes->length == 0)
		write_message(&reply, channel, publication);
	return reply.bytes;
}

/* Pushing ends no subscription: a connection that is given up leaves later. */
static size_t
push_to_all(struct pubsub *pubsub, const struct channel *channel,
	    const struct publication *publication)
{
	size_t receivers = 0;

	bytes_reset(&pubsub->texts[false], TEXT_KEEP_MAX);
	bytes_reset(&pubsub->texts[true], TEXT_KEEP_MAX);
	for (struct subscription *at = channel->first; at != NULL;
	     at = at->next) {
		struct connection *connection = at->subscriber->connection;

		receivers += connection_push(
			connection, find_text(pubsub, connection->resp3,
					      channel, publication));
	}
	return receivers;
}

static size_t
push_by_patterns(struct pubsub *pubsub, const struct publication *publication)
{
	const struct arg *name = &publication->channel;
	struct channel *pattern = pubsub->channels.tables[CHANNEL_PATTERN];
	size_t receivers = 0;

	for (; pattern != NULL; pattern = pattern->hh.next) {
		if (glob_match(pattern->name, pattern->length, name->data,
			       name->length))
			receivers += push_to_all(pubsub, pattern, publication);
	}
	return receivers;
}

void
pubsub_deliver(struct shard *shard, struct publication *publication)
{
	struct pubsub *pubsub = &shard->pubsub;
	const struct channel *channel = channels_find(
		&pubsub->channels, CHANNEL_NAME, &publication->channel);
	size_t receivers = 0;

	/* From one shard they come in the order they were sent. */
	if (pubsub->delivered[publication->home] >= publication->serial)
		return;
	pubsub->delivered[publication->home] = publication->serial;
	if (channel != NULL)
		receivers += push_to_all(pubsub, channel, publication);
	receivers += push_by_patterns(pubsub, publication);
	publication_count(publication, receivers);
}
