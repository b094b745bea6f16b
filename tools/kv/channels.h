/*
 * A shard's channels and patterns, and who of its connections subscribes to
 * which. A channel is there as long as it has a subscriber.
 *
 * Names are any bytes; whoever gives one has hashed it. Both directions are
 * tables, so that no list is searched however many there are, and both keep
 * the order in which things came.
 */
#ifndef KV_CHANNELS_H
#define KV_CHANNELS_H

#include <stdbool.h>
#include <stddef.h>

#include "arg.h"
#include "table.h"

struct connection;
struct subscriber;

enum channel_kind {
	CHANNEL_NAME,    /* SUBSCRIBE's */
	CHANNEL_PATTERN, /* PSUBSCRIBE's */
	CHANNEL_KINDS,
};

/* One subscriber of one channel. */
struct subscription {
	UT_hash_handle hh; /* of the subscriber; the key is the channel */
	struct channel *channel;
	struct subscriber *subscriber;
	struct subscription *previous; /* of the channel */
	struct subscription *next;
};

/* A channel, or a pattern. */
struct channel {
	UT_hash_handle hh;
	enum channel_kind kind;
	uint64_t hash;
	size_t subscribers;
	struct subscription *first;
	struct subscription *last;
	size_t length;
	char name[];
};

struct channels {
	struct channel *tables[CHANNEL_KINDS];
};

/* What a connection subscribes to; zeroed: to nothing. */
struct subscriber {
	struct connection *connection;
	struct subscription *subscriptions[CHANNEL_KINDS];
};

/* Find a channel that somebody subscribes to; NULL: nobody does. */
struct channel *channels_find(const struct channels *channels,
			      enum channel_kind kind, const struct arg *name);

/* Tell how many there are. */
size_t channels_count(const struct channels *channels, enum channel_kind kind);

/* Subscribe. 0, -EEXIST it does already, -ENOMEM. */
int channels_add(struct channels *channels, enum channel_kind kind,
		 const struct arg *name, struct subscriber *subscriber);

/* Find a subscription, or NULL. */
struct subscription *channels_find_subscription(const struct channels *channels,
						enum channel_kind kind,
						const struct arg *name,
						struct subscriber *subscriber);

/* End a subscription, and the channel with its last one. */
void channels_remove(struct channels *channels,
		     struct subscription *subscription);

/* How many channels and patterns somebody subscribes to. */
size_t subscriber_count(const struct subscriber *subscriber);

#endif
