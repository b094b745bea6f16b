/*
 * Publish and subscribe. These commands run when it is their turn: whatever
 * their connection sent before has been done.
 */
#include <errno.h>

#include "command.h"
#include "connection.h"
#include "glob.h"
#include "keyhash.h"
#include "publication.h"
#include "server.h"

/* -- SUBSCRIBE and the like ------------------------------------------------ */

struct words {
	const char *subscribe;
	const char *unsubscribe;
};

static const struct words words[CHANNEL_KINDS] = {
	[CHANNEL_NAME] = { "subscribe", "unsubscribe" },
	[CHANNEL_PATTERN] = { "psubscribe", "punsubscribe" },
};

/* What happened, to what, and how many are left or there by now. */
static void
reply_change(struct call *call, const char *word, const struct arg *name)
{
	reply_push_begin(call->reply, 3);
	reply_text(call->reply, word);
	if (name != NULL)
		reply_bulk(call->reply, name->data, name->length);
	else
		reply_null(call->reply);
	reply_integer(call->reply,
		      (int64_t)subscriber_count(&call->connection->subscriber));
}

static struct arg
hashed(const struct call *call, const struct arg *name)
{
	struct arg copy = *name;

	copy.hash = keyhash(&call->shard->server->keyhash, name->data,
			    name->length);
	return copy;
}

static void
subscribe(struct call *call, enum channel_kind kind)
{
	for (size_t i = 1; i < call->argc; i++) {
		struct arg name = hashed(call, &call->argv[i]);

		if (pubsub_subscribe(call->shard, kind, &name,
				     &call->connection->subscriber) < 0)
			reply_no_memory(call->reply);
		else
			reply_change(call, words[kind].subscribe, &name);
	}
	connection_watch_idle(call->connection);
}

/* All of a kind, in the order in which they came. */
static void
unsubscribe_all(struct call *call, enum channel_kind kind)
{
	struct subscriber *subscriber = &call->connection->subscriber;

	if (subscriber->subscriptions[kind] == NULL)
		reply_change(call, words[kind].unsubscribe, NULL);
	while (subscriber->subscriptions[kind] != NULL) {
		const struct channel *channel =
			subscriber->subscriptions[kind]->channel;
		struct bytes *scratch = &call->shard->scratch;
		struct arg name = { .length = channel->length };

		/* The channel may go with its last subscriber. */
		bytes_reset(scratch, SCRATCH_KEEP_MAX);
		bytes_append(scratch, channel->name, channel->length);
		call->reply->bytes->failed |= scratch->failed;
		name.data = scratch->data;
		name.length = scratch->length;
		pubsub_unsubscribe_first(call->shard, kind, subscriber);
		reply_change(call, words[kind].unsubscribe, &name);
	}
}

static void
unsubscribe(struct call *call, enum channel_kind kind)
{
	if (call->argc == 1)
		unsubscribe_all(call, kind);
	for (size_t i = 1; i < call->argc; i++) {
		struct arg name = hashed(call, &call->argv[i]);

		pubsub_unsubscribe(call->shard, kind, &name,
				   &call->connection->subscriber);
		reply_change(call, words[kind].unsubscribe, &name);
	}
	connection_watch_idle(call->connection);
}

void
command_subscribe(struct call *call)
{
	subscribe(call, CHANNEL_NAME);
}

void
command_psubscribe(struct call *call)
{
	subscribe(call, CHANNEL_PATTERN);
}

void
command_unsubscribe(struct call *call)
{
	unsubscribe(call, CHANNEL_NAME);
}

void
command_punsubscribe(struct call *call)
{
	unsubscribe(call, CHANNEL_PATTERN);
}

/* -- PUBLISH --------------------------------------------------------------- */

/* The reply is a slot that is filled when the message has been everywhere. */
void
command_publish(struct call *call)
{
	struct connection *connection = call->connection;
	struct arg channel = hashed(call, &call->argv[1]);
	struct publication *publication =
		publication_new(connection, &channel, &call->argv[2]);

	if (publication == NULL) {
		reply_no_memory(call->reply);
		return;
	}
	if (publication_send(publication) < 0) {
		publication_unref(publication);
		reply_no_memory(call->reply);
		return;
	}
	if (publication->done) {
		reply_integer(call->reply,
			      (int64_t)publication_receivers(publication));
		publication_unref(publication);
		return;
	}
	connection_add_publication(connection, publication);
}

/* -- PUBSUB ---------------------------------------------------------------- */

static void
reply_names(struct call *call, enum channel_kind kind,
	    const struct arg *pattern)
{
	struct channel *table = call->shard->pubsub.channels.tables[kind];
	size_t count = 0;

	for (int pass = 0; pass < 2; pass++) {
		struct channel *channel = table;

		for (; channel != NULL; channel = channel->hh.next) {
			if (pattern != NULL &&
			    !glob_match(pattern->data, pattern->length,
					channel->name, channel->length))
				continue;
			if (pass == 0)
				count++;
			else
				reply_bulk(call->reply, channel->name,
					   channel->length);
		}
		if (pass == 0)
			reply_array(call->reply, count);
	}
}

static void
reply_counts(struct call *call)
{
	const struct channels *channels = &call->shard->pubsub.channels;

	reply_array(call->reply, 2 * (call->argc - 2));
	for (size_t i = 2; i < call->argc; i++) {
		struct arg name = hashed(call, &call->argv[i]);
		const struct channel *channel =
			channels_find(channels, CHANNEL_NAME, &name);
		size_t count = channel != NULL ? channel->subscribers : 0;

		reply_bulk(call->reply, name.data, name.length);
		reply_integer(call->reply, (int64_t)count);
	}
}

/* A shard's part; the names of a pattern may be those of other shards too. */
void
command_pubsub(struct call *call)
{
	const struct arg *name = &call->argv[1];

	if (ARG_IS(name, "channels"))
		reply_names(call, CHANNEL_NAME,
			    call->argc > 2 ? &call->argv[2] : NULL);
	else if (ARG_IS(name, "numpat"))
		reply_names(call, CHANNEL_PATTERN, NULL);
	else
		reply_counts(call);
}

/* What each shard is asked, and how what they say is put together. */
static void
gather_channels(struct call *call)
{
	call->gather = GATHER_UNION;
	/* Redis finds this too late for its usual words. */
	if (call->argc > 3)
		reply_errorf(call->reply,
			     "unknown subcommand or wrong number of arguments "
			     "for '%.*s'. Try PUBSUB HELP.",
			     (int)strlen("channels"), call->argv[1].data);
}

static void
gather_numsub(struct call *call)
{
	call->gather = GATHER_COUNTS;
}

static void
gather_numpat(struct call *call)
{
	call->gather = GATHER_UNION_COUNT;
}

bool
command_pubsub_check(struct call *call)
{
	static const struct subcommand list[] = {
		{ "CHANNELS", -2, gather_channels,
		  "Return the channels that have subscribers and match." },
		{ "NUMPAT", 2, gather_numpat,
		  "Return the number of patterns subscribed to." },
		{ "NUMSUB", -2, gather_numsub,
		  "Return the number of subscribers of each channel." },
		{ NULL, 0, NULL, NULL },
	};
	size_t before = call->reply->bytes->length;

	subcommand_run(call, list);
	/* Whatever was said here is an error, or HELP. */
	return call->reply->bytes->length == before &&
	       !call->reply->bytes->failed;
}
