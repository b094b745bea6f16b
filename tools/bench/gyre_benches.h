/* gyre's own benches. */
#ifndef BENCH_GYRE_BENCHES_H
#define BENCH_GYRE_BENCHES_H

#include "bench.h"

void bench_pool(struct params *params, struct result *result);

#endif
