/*
 * The bus from the inside: a table of the shards' inboxes, read under RCU.
 */
#ifndef GYRE_BUS_BUS_H
#define GYRE_BUS_BUS_H

#include <gyre/bus.h>

#include "base/sys.h"
#include "bus/reaper.h"

#define GYRE__CALLS_MAX 65536u

/* What readers reach: never changed once it is published. */
struct gyre__shard_table {
	unsigned count;
	struct gyre_inbox *inboxes[];
};

struct gyre_bus {
	const struct gyre_sys *sys;
	unsigned shards;
	unsigned calls_max; /* open at once, from one loop to one shard */
	struct gyre__reaper *reaper;
	struct gyre__topics *topics;
	struct gyre__shard_table *table; /* RCU; NULL until connected */
};

/* A bus for so many shards, none of them there yet; or NULL. */
struct gyre_bus *gyre__bus_new(const struct gyre_sys *sys, unsigned shards);

/* Bound the calls from one loop to one shard; 0: the default. Setup. */
void gyre__bus_limit_calls(struct gyre_bus *bus, unsigned calls_max);

/*
 * Connect the shards: each inbox gets a reference. Once, before any of them
 * is asked for. 0 or -ENOMEM.
 */
int gyre__bus_connect(struct gyre_bus *bus, struct gyre_inbox *const *inboxes);

/* Its reaper, which whoever made the bus starts and stops. */
struct gyre__reaper *gyre__bus_reaper(const struct gyre_bus *bus);

/* Free it, when nobody uses it any more. NULL is a no-op. */
void gyre__bus_free(struct gyre_bus *bus);

#endif
