/*
 * The map of slots to shards from the inside: a pointer to one that is never
 * changed, and the mutex of those who put another in its place.
 */
#ifndef GYRE_RUNTIME_SHARD_MAP_H
#define GYRE_RUNTIME_SHARD_MAP_H

#include <gyre/shard_map.h>

#include "base/sys.h"
#include "bus/reaper.h"

struct gyre__published_map;

struct gyre__shard_maps {
	/* -- any thread reads under RCU; writers under the mutex -- */
	struct gyre__published_map *current;
	/* -- writers -- */
	pthread_mutex_t mutex;
};

/* The first map, spread evenly: 0 or -ENOMEM. */
int gyre__shard_maps_init(struct gyre__shard_maps *maps,
			  const struct gyre_sys *sys, unsigned shards);

/* Nobody reads any more. */
void gyre__shard_maps_fini(struct gyre__shard_maps *maps);

#endif
