/*
 * Publish and subscribe, on one shard: what its connections subscribe to, and
 * what becomes of a message that arrives here.
 */
#ifndef KV_PUBSUB_H
#define KV_PUBSUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bytes.h"
#include "channels.h"
#include "interest.h"

struct publication;
struct shard;

struct pubsub {
	struct channels channels;
	struct interest interest;
	/*
	 * The last publication of each shard that was delivered here: two
	 * subscriptions to topics may both bring it.
	 */
	uint64_t *delivered;
	/* Of the message that is being delivered, as RESP2 and RESP3. */
	struct bytes texts[2];
};

/* Begin. 0 or -ENOMEM. */
int pubsub_init(struct pubsub *pubsub, unsigned shards_count);

/* Free it; nobody subscribes any more. */
void pubsub_fini(struct pubsub *pubsub);

/* Subscribe a connection, which may be so already. 0 or an errno. */
int pubsub_subscribe(struct shard *shard, enum channel_kind kind,
		     const struct arg *name, struct subscriber *subscriber);

/* End a subscription, if there is one. */
void pubsub_unsubscribe(struct shard *shard, enum channel_kind kind,
			const struct arg *name, struct subscriber *subscriber);

/* End the subscription that is the first of its kind. */
void pubsub_unsubscribe_first(struct shard *shard, enum channel_kind kind,
			      struct subscriber *subscriber);

/* End all of a connection's subscriptions. */
void pubsub_leave(struct shard *shard, struct subscriber *subscriber);

/* A message is here: give it to whom it concerns, once. */
void pubsub_deliver(struct shard *shard, struct publication *publication);

#endif
