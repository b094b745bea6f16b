/*
 * The bench of pools: empty jobs from one loop, so many under way at a time,
 * each completed back on the loop. What all programs do alike is here.
 */
#ifndef BENCH_POOL_H
#define BENCH_POOL_H

#include "bench.h"

#include <pthread.h>

#define POOL_WHAT                                                             \
	"empty jobs on a pool, completed on the loop: threads=2 jobs=500000 " \
	"window=1024"
#define POOL_WINDOW_MAX 65536u
#define POOL_SAMPLE     16u /* one job in so many is timed */

struct pool_bench {
	struct result *result;
	pthread_t loop_thread;
	unsigned threads;
	unsigned window;
	uint64_t jobs;
	uint64_t submitted;
	uint64_t completed;
};

/* What a job carries besides what the library wants. */
struct pool_slot {
	struct pool_bench *bench;
	int64_t begun_ns; /* 0: it is not timed */
	bool has_run;
};

void pool_begin(struct pool_bench *bench, struct params *params,
		struct result *result);

/* Before a submit; false: all jobs were submitted. */
bool pool_submit(struct pool_bench *bench, struct pool_slot *slot);

/* On the pool. */
void pool_run(struct pool_slot *slot);

/* Back on the loop; true: it was the last. */
bool pool_complete(struct pool_bench *bench, struct pool_slot *slot);

void pool_end(struct pool_bench *bench);

#endif
