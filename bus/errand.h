/*
 * An errand is the way of a function to a shard and back: what a call is, and
 * each part of a call to all shards.
 *
 *     asker          shard                     asker
 *     send --------> run, or drop -----------> end
 *                    (drop: it never runs)     (or on the shard, if the
 *                                               asker has closed or no loop)
 *
 * One task makes both journeys: the request comes home as its own reply, so a
 * reply needs no memory, and the asker counts what it has open at each shard
 * with no atomic operation. The future decides whether there is still somebody
 * who wants it done: one that is complete when the errand arrives was cancelled
 * or has expired, and then it is dropped.
 */
#ifndef GYRE_BUS_ERRAND_H
#define GYRE_BUS_ERRAND_H

#include <gyre/bus.h>

#include "bus/trail.h"

struct gyre__outbox;
struct gyre__errand;

struct gyre__errand_ops {
	/* There: do it. */
	void (*run)(struct gyre__errand *errand);
	/* Where it ends: it never runs, and why. Posts expecting refusal. */
	void (*drop)(struct gyre__errand *errand, enum gyre_drop_reason reason);
	/* It is over; with `is_home`, here is the asker's running loop. The
	 * errand and its future are the callee's. */
	void (*end)(struct gyre__errand *errand, bool is_home);
};

/* What one thread has asked of the shards of one bus; its own. */
struct gyre__asker {
	struct gyre__asker *next; /* of the same outbox */
	struct gyre__outbox *outbox;
	struct gyre_inbox *first; /* a reference: which bus it is */
	unsigned shards;
	uint16_t self;   /* a shard, or GYRE__TRAIL_NO_SHARD */
	uint32_t open[]; /* by shard */
};

struct gyre__errand {
	struct gyre_task task;
	const struct gyre__errand_ops *ops;
	struct gyre_future *future; /* whose home the errand returns to */
	struct gyre__asker *asker;  /* NULL: a thread without a loop */
	unsigned shard;
	uint32_t dropped; /* why; 0: it was not */
	struct gyre__trail trail;
};

/*
 * Find what this thread's outbox counts with, or make it: 0, -ENOMEM, or
 * -ENOENT, the bus is not connected.
 */
int gyre__asker_find(struct gyre_bus *bus, struct gyre__asker **ret_asker);

/*
 * Send an errand whose ops and future are set. -ENOENT: no such shard;
 * -EAGAIN: too many are open there; -ESHUTDOWN; -EPERM: a fork. Refused, it
 * is the caller's and nothing was called.
 */
int gyre__errand_send(struct gyre__errand *errand, struct gyre_bus *bus,
		      struct gyre__asker *asker,
		      unsigned shard) GYRE_MUST_CHECK;

/* The reason to drop what was refused with this code. */
enum gyre_drop_reason gyre__errand_refusal(int error);

/* What a refusal means, in one line. */
const char *gyre__errand_message(int error);

#endif
