/*
 * How the lanes of a pool are to be: its options, checked, with nothing left
 * to a default.
 */
#ifndef GYRE_POOL_PLAN_H
#define GYRE_POOL_PLAN_H

#include "pool/lane.h"

#define GYRE__LANE_BLOCKING 0u
#define GYRE__LANE_FAST     1u
#define GYRE__LANES_BUILTIN 2u

/* Plan every lane, built-in and the user's, in the pool's order: 0, or -EINVAL
 * and a line that says why. */
int gyre__pool_plan(const struct gyre_pool_options *options,
		    const struct gyre_sys *sys, struct gyre__lane_plan *ret);

#endif
