/*
 * An executor runs what would block; the pool is the one gyre brings.
 *
 * A pool starts no thread before its first job, one more whenever work comes
 * and none idles, and at most threads_max. All loops may share one. Jobs are
 * tasks: begun in the order of the submits on one of the pool's threads, or
 * dropped with a reason, exactly once. The threads may run where the thread
 * that made the pool may, and take no signals. Most programs never name a
 * pool: gyre_loop_run_in_executor() finds the default one.
 *
 *     struct gyre_pool *pool;
 *     gyre_pool_new(&(struct gyre_pool_options){ .threads_max = 4 }, &pool);
 *     gyre_loop_set_default_executor(loop, gyre_pool_executor(pool));
 */
#ifndef GYRE_POOL_H
#define GYRE_POOL_H

#include <gyre/base.h>
#include <gyre/task.h>

#ifdef __cplusplus
extern "C" {
#endif

struct gyre_pool;
struct gyre_executor;
struct gyre_sys;

#define GYRE_POOL_THREADS_MAX 1024u

/* Bring your own executor by filling this in. */
struct gyre_executor_ops {
	/*
	 * Take a task that will be run on a thread which may block, or be
	 * dropped. Called on any thread; never blocks for long.
	 * Errors: -ESHUTDOWN, -EAGAIN full, -ENOMEM; the task was not touched.
	 */
	int (*submit)(struct gyre_executor *executor, struct gyre_task *task);
};

/* What an executor runs for a loop: it may block, and returns a value. */
typedef void *(*gyre_executor_fn)(void *arg);

struct gyre_executor {
	const struct gyre_executor_ops *ops;
};

struct gyre_pool_options {
	unsigned threads_max; /* 0: 4 + the number of allowed CPUs */
	struct gyre_log log;
	const struct gyre_sys *_sys;
};

struct gyre_pool_stats {
	uint64_t submitted; /* accepted = run + dropped + waiting + running */
	uint64_t run;
	uint64_t dropped;
	uint64_t waiting;
	uint64_t running;
	unsigned threads;
	unsigned idle;
};

/*
 * Make a pool. NULL options mean the defaults.
 *
 * Thread: setup
 * Errors: -EINVAL more than GYRE_POOL_THREADS_MAX threads; -ENOMEM
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
 * Submit a task to an executor.
 *
 * Thread: any
 * Owns:   on 0 the executor, until run or drop; on error still the caller
 * Blocks: never on a job; may start a thread
 * Errors: -ESHUTDOWN it was shut down; -EAGAIN it has no thread and none could
 *         be started; -EPERM the process is a fork of the one that made it
 */
GYRE_API int gyre_executor_submit(struct gyre_executor *executor,
				  struct gyre_task *task) GYRE_MUST_CHECK;

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
 * Thread: setup; no other thread uses the pool any more, except that a
 *         submit racing with it is safe if the pool outlives that call
 * Blocks: until the running jobs have returned
 */
GYRE_API void gyre_pool_free(struct gyre_pool *pool);

#ifdef __cplusplus
}
#endif

#endif
