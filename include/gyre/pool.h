/*
 * The pool: the executor that gyre brings.
 *
 * A pool starts no thread before its first job, one more whenever work comes
 * and none idles, and at most threads_max. All loops may share one: when a
 * thread is free, the next job is of the loop that has the fewest running, and
 * of one loop's in the order of the submits, or by priority. The threads may
 * run where the thread that made the pool may, and take no signals. Most
 * programs never name a pool: gyre_loop_run_in_executor() finds the default
 * one.
 *
 *     struct gyre_pool *pool;
 *     gyre_pool_new(&(struct gyre_pool_options){ .threads_max = 4 }, &pool);
 *     gyre_loop_set_default_executor(loop, gyre_pool_executor(pool));
 */
#ifndef GYRE_POOL_H
#define GYRE_POOL_H

#include <gyre/base.h>
#include <gyre/job.h>

#ifdef __cplusplus
extern "C" {
#endif

struct gyre_pool;
struct gyre_sys;

#define GYRE_POOL_THREADS_MAX 1024u
#define GYRE_POOL_QUEUE_LIMIT 1048576u

struct gyre_pool_options {
	unsigned threads_max; /* 0: 4 + the number of allowed CPUs */
	/* How many jobs may wait before a submit gives -EAGAIN; 0:
	 * GYRE_POOL_QUEUE_LIMIT. */
	uint32_t queue_limit;
	struct gyre_log log;
	const struct gyre_sys *_sys;
};

struct gyre_pool_stats {
	/* accepted = run + dropped + cancelled + expired + waiting + running */
	uint64_t submitted;
	uint64_t run;
	uint64_t dropped;
	uint64_t cancelled;
	uint64_t expired;
	uint64_t refused; /* it was full */
	uint64_t waiting;
	uint64_t running;
	unsigned threads;
	unsigned idle;
};

/*
 * Make a pool. NULL options mean the defaults.
 *
 * Thread: setup
 * Errors: -EINVAL more than GYRE_POOL_THREADS_MAX threads, or queue_limit more
 *         than GYRE_POOL_QUEUE_LIMIT; -ENOMEM
 */
GYRE_API int gyre_pool_new(const struct gyre_pool_options *options,
			   struct gyre_pool **ret_pool) GYRE_MUST_CHECK;

/*
 * Return the pool as an executor; it lives as long as the pool.
 *
 * Thread: any
 */
GYRE_API struct gyre_executor *gyre_pool_executor(struct gyre_pool *pool);

/*
 * Read the pool's counters; they are consistent with one another.
 *
 * Thread: any
 */
GYRE_API void gyre_pool_get_stats(struct gyre_pool *pool,
				  struct gyre_pool_stats *ret_stats);

/*
 * Refuse new jobs, drop those that wait, wait for those that run, end the
 * threads, free the pool. NULL is a no-op, and in a fork of the process that
 * made it so is every pool. Not from one of its own jobs.
 *
 * To give up on a job that never returns, call gyre_executor_shut_down() with a
 * deadline first, and if it answers -ETIMEDOUT do not free the pool: its stuck
 * thread keeps using it, and ends with the process.
 *
 * Thread: setup; no other thread uses the pool any more, except that a
 *         submit racing with it is safe if the pool outlives that call, and a
 *         job or its future may be cancelled at any time
 * Blocks: until the running jobs have returned
 */
GYRE_API void gyre_pool_free(struct gyre_pool *pool);

#ifdef __cplusplus
}
#endif

#endif
