/*
 * The plan of where shards run: how many, and each on which CPU.
 */
#ifndef GYRE_RUNTIME_PLACEMENT_H
#define GYRE_RUNTIME_PLACEMENT_H

#include <gyre/plan.h>

#include "runtime/topology.h"

#define GYRE__REASON_BYTES 96u

struct gyre__placement {
	struct gyre_plan plan; /* first: what users see of it */
	struct gyre__cpus allowed;
	struct gyre__cpus helpers; /* where all threads but the shards' run */
	enum gyre_pin pin;         /* what was decided; NONE: it does not pin */
	char reason[GYRE__REASON_BYTES];
	struct gyre__topology topology;
	struct gyre_plan_shard shards[GYRE_SHARDS_MAX];
	unsigned others[GYRE__CPUS_MAX];
};

/* Plan by the options: 0, -EINVAL with a line that says why, or -ENOMEM. */
int gyre__placement_plan(struct gyre__placement *placement,
			 const struct gyre_runtime_options *options);

/* Why the loops may not spin; NULL: they may. */
const char *gyre__placement_against_spin(
	const struct gyre__placement *placement);

/* Pin the calling thread: 0 or a negative errno. */
int gyre__placement_pin(const struct gyre_sys *sys, int cpu);

#endif
