/* The messages of post_shape.h, to loops that spin before they sleep. */
#ifndef BENCH_SPIN_SHAPE_H
#define BENCH_SPIN_SHAPE_H

#include "post_shape.h"

#define SPIN_WHAT   " spin=100000 ns at the most"
#define SPIN_NS     100000
#define SPIN_NS_MAX 1000000

static inline void
bench_xpost_spin(struct params *params, struct result *result)
{
	driver_spin(params_number(params, "spin", SPIN_NS, SPIN_NS_MAX));
	bench_xpost(params, result);
}

static inline void
bench_xrate_spin(struct params *params, struct result *result)
{
	driver_spin(params_number(params, "spin", SPIN_NS, SPIN_NS_MAX));
	bench_xrate(params, result);
}

static inline void
bench_xping_spin(struct params *params, struct result *result)
{
	driver_spin(params_number(params, "spin", SPIN_NS, SPIN_NS_MAX));
	bench_xping(params, result);
}

#endif
