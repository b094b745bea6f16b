/* gyre's own benches. */
#ifndef BENCH_GYRE_BENCHES_H
#define BENCH_GYRE_BENCHES_H

#include "bench.h"

void bench_pool(struct params *params, struct result *result);

#if defined(__GLIBC__)
#define SUBSCRIPTION_WHAT \
	"memory of a subscription, each to its own subject: count=10000"
void bench_subscription(struct params *params, struct result *result);
#endif

#endif
