/*
 * The latest stalls of a runtime's loops, and how many there were.
 *
 * The watcher writes them, any thread reads: under a mutex that no loop ever
 * takes.
 */
#ifndef GYRE_RUNTIME_STALLS_H
#define GYRE_RUNTIME_STALLS_H

#include <gyre/statistics.h>

#include "base/sys.h"

/* How many there were of a loop, and how long they took in all. */
struct gyre__stall_sum {
	uint64_t stalls;
	int64_t stalled_ns;
};

struct gyre__stalls {
	pthread_mutex_t mutex;
	/* -- under the mutex -- */
	uint64_t count;                             /* of all shards, ever */
	struct gyre_stall latest[GYRE_STALLS_KEPT]; /* the n-th is at n - 1 */
	struct gyre__stall_sum *sums;               /* of each shard */
};

void gyre__stalls_init(struct gyre__stalls *stalls,
		       struct gyre__stall_sum *sums);
void gyre__stalls_fini(struct gyre__stalls *stalls);

/* Add one, which goes on, and return its number. Watcher. */
uint64_t gyre__stalls_add(struct gyre__stalls *stalls,
			  const struct gyre_stall *stall);

/* One takes so much longer; whether that is all. Watcher. */
void gyre__stalls_extend(struct gyre__stalls *stalls, uint64_t number,
			 unsigned shard, int64_t more_ns, bool is_over);

/* Copy the latest, the last first; returns how many. Any thread. */
unsigned gyre__stalls_read(struct gyre__stalls *stalls,
			   struct gyre_stall ret_latest[GYRE_STALLS_KEPT]);

/* The sum of one shard. Any thread. */
struct gyre__stall_sum gyre__stalls_of(struct gyre__stalls *stalls,
				       unsigned shard);

#endif
