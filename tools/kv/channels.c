/*
 * A subscription is in two structures: its channel's list, which a message
 * walks, and its subscriber's table, which finds it when it is to end.
 */
#include "channels.h"

#include <errno.h>
#include <stdlib.h>

#include "check.h"
#include "keyhash.h"

struct channel *
channels_find(const struct channels *channels, enum channel_kind kind,
	      const struct arg *name)
{
	struct channel *channel;

	HASH_FIND_BYHASHVALUE(hh, channels->tables[kind], name->data,
			      name->length, keyhash_bucket(name->hash),
			      channel);
	return channel;
}

size_t
channels_count(const struct channels *channels, enum channel_kind kind)
{
	return HASH_COUNT(channels->tables[kind]);
}

static struct channel *
add_channel(struct channels *channels, enum channel_kind kind,
	    const struct arg *name)
{
	struct channel *channel = malloc(sizeof(*channel) + name->length);

	if (channel == NULL)
		return NULL;
	*channel = (struct channel){
		.kind = kind,
		.hash = name->hash,
		.length = name->length,
	};
	if (name->length > 0)
		memcpy(channel->name, name->data, name->length);
	HASH_ADD_KEYPTR_BYHASHVALUE(hh, channels->tables[kind], channel->name,
				    (unsigned)name->length,
				    keyhash_bucket(name->hash), channel);
	/* uthash says so that it found no memory. */
	if (channel->hh.tbl == NULL) {
		free(channel);
		return NULL;
	}
	return channel;
}

static void
remove_if_unused(struct channels *channels, struct channel *channel)
{
	if (channel->subscribers > 0)
		return;
	KV_INSIST(channel->first == NULL && channel->last == NULL);
	HASH_DELETE(hh, channels->tables[channel->kind], channel);
	free(channel);
}

static int
add_subscription(struct channel *channel, struct subscriber *subscriber)
{
	struct subscription *subscription = calloc(1, sizeof(*subscription));

	if (subscription == NULL)
		return -ENOMEM;
	subscription->channel = channel;
	subscription->subscriber = subscriber;
	HASH_ADD_PTR(subscriber->subscriptions[channel->kind], channel,
		     subscription);
	if (subscription->hh.tbl == NULL) {
		free(subscription);
		return -ENOMEM;
	}
	subscription->previous = channel->last;
	if (channel->last != NULL)
		channel->last->next = subscription;
	else
		channel->first = subscription;
	channel->last = subscription;
	channel->subscribers++;
	return 0;
}

static struct subscription *
find_subscription(const struct channel *channel, struct subscriber *subscriber)
{
	struct subscription *subscription;

	HASH_FIND_PTR(subscriber->subscriptions[channel->kind], &channel,
		      subscription);
	return subscription;
}

int
channels_add(struct channels *channels, enum channel_kind kind,
	     const struct arg *name, struct subscriber *subscriber)
{
	struct channel *channel = channels_find(channels, kind, name);
	int error;

	if (channel == NULL)
		channel = add_channel(channels, kind, name);
	else if (find_subscription(channel, subscriber) != NULL)
		return -EEXIST;
	if (channel == NULL)
		return -ENOMEM;
	error = add_subscription(channel, subscriber);
	remove_if_unused(channels, channel);
	return error;
}

struct subscription *
channels_find_subscription(const struct channels *channels,
			   enum channel_kind kind, const struct arg *name,
			   struct subscriber *subscriber)
{
	const struct channel *channel = channels_find(channels, kind, name);

	return channel != NULL ? find_subscription(channel, subscriber) : NULL;
}

void
channels_remove(struct channels *channels, struct subscription *subscription)
{
	struct channel *channel = subscription->channel;

	if (subscription->previous != NULL)
		subscription->previous->next = subscription->next;
	else
		channel->first = subscription->next;
	if (subscription->next != NULL)
		subscription->next->previous = subscription->previous;
	else
		channel->last = subscription->previous;
	channel->subscribers--;
	HASH_DELETE(hh, subscription->subscriber->subscriptions[channel->kind],
		    subscription);
	free(subscription);
	remove_if_unused(channels, channel);
}

size_t
subscriber_count(const struct subscriber *subscriber)
{
	return HASH_COUNT(subscriber->subscriptions[CHANNEL_NAME]) +
	       HASH_COUNT(subscriber->subscriptions[CHANNEL_PATTERN]);
}
