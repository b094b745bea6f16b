/*
 * A lane: what one connection sends to one other shard, and what comes back.
 *
 * Replies come in the order of the requests, so that whoever waits for one
 * needs no more than the lane: the lane's next reply is its own.
 */
#ifndef KV_LANE_H
#define KV_LANE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arg.h"

struct batch;
struct connection;

struct lane {
	struct batch *filling; /* leaves next */
	struct batch *posted;  /* away, or back and not done with */
	bool away;             /* posted is not ours to look at */
	/* The router's: which part of which command is this shard's. */
	uint64_t serial;
	size_t part;
};

/* Return the batch to fill for a shard. NULL: no memory. */
struct batch *lane_batch(struct connection *connection, unsigned target);

/* Tell whether the lane's next reply is here. */
bool lane_has_reply(const struct lane *lane);

/* Take the lane's next reply; valid until the lane moves on. */
struct arg lane_take(struct lane *lane);

/* The lane's batch is back. */
void lane_on_batch(struct connection *connection, struct batch *batch);

/*
 * Send what is filled, send again what has not all run, put away what is
 * done with.
 */
void lane_advance_all(struct connection *connection);

/* Free what the lanes hold; what is away frees itself. */
void lane_free_all(struct connection *connection);

#endif
