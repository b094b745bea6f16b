/*
 * What the runtime wants to know of its pool.
 */
#ifndef GYRE_POOL_POOL_H
#define GYRE_POOL_POOL_H

#include <gyre/pool.h>

/* Equal numbers at two moments, the first of them not busy: no job was there
 * then, and none has come since. */
struct gyre__jobs {
	uint64_t submitted;
	bool busy; /* one of them has not ended */
};

/* Have no job begin, and wait for those that run: 0, or -ETIMEDOUT at the
 * deadline, with a line for each. It halts until it is let go on, either way.
 * Any thread but a job's, one at a time. */
int gyre__pool_halt(struct gyre_pool *pool, int64_t deadline_ns);
void gyre__pool_go_on(struct gyre_pool *pool);

/* Any thread. */
void gyre__pool_jobs(struct gyre_pool *pool, struct gyre__jobs *ret_jobs);

/* How many of a loop's jobs run, or wait where a thread has seen them; of many
 * loops, some share a place, and their jobs. Any thread. */
unsigned gyre__pool_jobs_of(struct gyre_pool *pool,
			    const struct gyre_inbox *source);

#endif
