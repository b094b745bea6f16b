/*
 * The plan of where shards run: how many, and each on which CPU.
 */
#ifndef GYRE_RUNTIME_PLACEMENT_H
#define GYRE_RUNTIME_PLACEMENT_H

#include <gyre/runtime.h>

#include "base/thread.h"

struct gyre__placement {
	unsigned loops;
	enum gyre_pin pin; /* what was decided: AUTO pins, or it is NONE */
	struct gyre__cpus allowed;
	const unsigned *list; /* borrowed from the options */
	unsigned list_count;
};

/* Plan by the options: 0, or -EINVAL with a line that says why. */
int gyre__placement_plan(struct gyre__placement *plan,
			 const struct gyre_runtime_options *options);

/* The CPU of a shard, or -1. */
int gyre__placement_cpu(const struct gyre__placement *plan, unsigned shard);

/* The allowed CPUs that no shard is pinned to, at most GYRE__CPUS_MAX; their
 * number, 0 where nothing is pinned or nothing is left. */
unsigned gyre__placement_others(const struct gyre__placement *plan,
				unsigned *ret_cpus);

/* Pin the calling thread: 0 or a negative errno. */
int gyre__placement_pin(const struct gyre_sys *sys, int cpu);

#endif
