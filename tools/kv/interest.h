/*
 * Which messages a shard wants to get: its subscriptions to gyre's topics.
 *
 * A channel's name is any bytes and patterns are globs, so neither is a
 * subject. A channel belongs to one of a fixed number of subjects, by its
 * hash, "kv.channel.17", and a shard subscribes to a subject while one of its
 * channels is there; while it has a pattern it subscribes to all of them,
 * "kv.channel.*". So a message goes only where it may be wanted, and the bus's
 * table of subjects stays small however many channels there are.
 */
#ifndef KV_INTEREST_H
#define KV_INTEREST_H

#include <stdbool.h>
#include <stddef.h>

#include "channels.h"

struct gyre_subscription;
struct publication;
struct shard;

#define INTEREST_SUBJECTS 64

struct interest {
	/* The one behind the subjects is for all of them. */
	struct gyre_subscription *subscriptions[INTEREST_SUBJECTS + 1];
	size_t channels[INTEREST_SUBJECTS + 1]; /* that want each */
	bool closed;                            /* the shard stops */
};

/* A channel or pattern comes to be. 0, or an errno and nothing is changed. */
int interest_add(struct shard *shard, enum channel_kind kind, uint64_t hash);

/* A channel or pattern has gone. */
void interest_remove(struct shard *shard, enum channel_kind kind,
		     uint64_t hash);

/* Want nothing from now on: the shard stops. */
void interest_close(struct shard *shard);

/* Publish under the subject of its channel. 0 or an errno. */
int interest_publish(struct publication *publication,
		     void (*release)(void *publication));

#endif
