/*
 * The pool: the executor that gyre brings.
 *
 * A pool has lanes, each an executor with threads and a queue of its own, so
 * that what takes long never holds up what is short: the blocking lane, which
 * takes what is given to no other, has some threads more than there are CPUs;
 * the fast lane, for computing, has as many as there are CPUs for it; others
 * are the user's. A lane starts no thread before its first job, one more
 * whenever work comes and none idles, at most threads_max, and ends those
 * beyond threads_min that idle for long. All loops may share a pool: when a
 * thread is free, the next job is of the loop that has the fewest running, and
 * of one loop's in the order of the submits, or by priority. The threads take
 * no signals, and are offline for RCU but inside the calls that read by it.
 *
 *     struct gyre_pool *pool;
 *     gyre_pool_new(&(struct gyre_pool_options){ .threads_max = 4 }, &pool);
 *     gyre_loop_set_default_executor(loop, gyre_pool_executor(pool));
 *     gyre_loop_run_in_executor(loop, gyre_pool_lane(pool, "fast"), hash,
 * file);
 */
#ifndef GYRE_POOL_H
#define GYRE_POOL_H

#include <gyre/base.h>
#include <gyre/histogram.h>
#include <gyre/job.h>

#ifdef __cplusplus
extern "C" {
#endif

struct gyre_pool;
struct gyre_sys;

#define GYRE_POOL_THREADS_MAX     1024u /* of a lane */
#define GYRE_POOL_QUEUE_LIMIT     1048576u
#define GYRE_POOL_LANES_MAX       64u
#define GYRE_POOL_IDLE_TIMEOUT_NS GYRE_SECONDS(10)
#define GYRE_POOL_NAME_BYTES      12u /* a thread's, with the terminator */

/* A lane; what is left 0 is as the pool's options say. */
struct gyre_lane_options {
	const char *name; /* copied; of the user's lanes alone */
	/* So many stay, once work has made them; 0: 1, since accepted work
	 * needs a thread. */
	unsigned threads_min;
	unsigned threads_max;
	int64_t idle_timeout_ns;
	uint32_t queue_limit;
	uint32_t time_every;
	size_t stack_bytes;
	const unsigned *cpus; /* copied */
	unsigned cpus_count;
};

struct gyre_pool_options {
	/* -- the blocking lane, and what other lanes leave 0 -- */
	unsigned threads_min; /* 0: 1 */
	unsigned threads_max; /* 0: 4 + the number of CPUs it may use */
	/* How long a thread beyond threads_min idles; 0:
	 * GYRE_POOL_IDLE_TIMEOUT_NS; GYRE_FOREVER: it stays. */
	int64_t idle_timeout_ns;
	/* How many jobs may wait in a lane before a submit gives -EAGAIN; 0:
	 * GYRE_POOL_QUEUE_LIMIT. */
	uint32_t queue_limit;
	/* One job in so many is timed, for queue_delay and run_time; 0: each,
	 * and in the fast lane one in 16, where the clock would be half of the
	 * cost. */
	uint32_t time_every;
	size_t stack_bytes; /* of a thread; 0: the system's default */
	/* Where the threads may run; none: where the thread that makes the
	 * pool may. */
	const unsigned *cpus;
	unsigned cpus_count;
	/* -- the others -- */
	/* threads_max: 0: the number of CPUs it may use. */
	struct gyre_lane_options fast;
	const struct gyre_lane_options *lanes; /* the user's */
	unsigned lanes_count;
	/* -- all -- */
	const char *thread_name; /* its number follows; NULL: "gyre-pool-" */
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
	uint64_t spawned; /* threads, ever */
	unsigned threads; /* that are there */
	unsigned idle;    /* parked */
	/* Of those that ran and were timed. From submit to begin; of bare
	 * tasks it is not known. */
	struct gyre_histogram queue_delay;
	struct gyre_histogram run_time;
};

/*
 * Make a pool. NULL options mean the defaults.
 *
 * Thread: setup
 * Errors: -EINVAL a number beyond its limit or threads_min beyond threads_max,
 *         a lane without a name or with another's, a name too long, a CPU that
 *         the process may not run on, a stack that the system refuses (the log
 *         says which); -ENOMEM
 */
GYRE_API int gyre_pool_new(const struct gyre_pool_options *options,
			   struct gyre_pool **ret_pool) GYRE_MUST_CHECK;

/*
 * Return the blocking lane as an executor; it lives as long as the pool.
 *
 * Thread: any
 */
GYRE_API struct gyre_executor *gyre_pool_executor(struct gyre_pool *pool);

/*
 * Return a lane as an executor: "blocking", "fast", or one of the user's; it
 * lives as long as the pool. Look it up once and keep it.
 *
 * Thread: any
 * Errors: NULL there is no lane of that name
 */
GYRE_API struct gyre_executor *gyre_pool_lane(struct gyre_pool *pool,
					      const char *name);

/*
 * Return the name of a lane, from 0 on: blocking, fast, the user's in order.
 *
 * Thread: any
 * Errors: NULL there are no more
 */
GYRE_API const char *gyre_pool_lane_name(const struct gyre_pool *pool,
					 unsigned lane);

/*
 * Read the counters of one lane; they are consistent with one another.
 *
 * Thread: any
 * Errors: -ENOENT there is no lane of that name; -EPERM the process is a fork
 */
GYRE_API int gyre_pool_get_lane_stats(struct gyre_pool *pool, const char *name,
				      struct gyre_pool_stats *ret_stats);

/*
 * Read the counters of all lanes, added up; in a fork they are 0.
 *
 * Thread: any
 */
GYRE_API void gyre_pool_get_stats(struct gyre_pool *pool,
				  struct gyre_pool_stats *ret_stats);

/*
 * Shut every lane down, as gyre_executor_shut_down() does one: all refuse from
 * the beginning on, so what a job submits to another lane is refused too.
 *
 * Thread: any that runs no loop; not from one of its own jobs
 * Blocks: up to deadline_ns, an instant of CLOCK_MONOTONIC; GYRE_FOREVER
 * Errors: -ETIMEDOUT jobs still run; -EPERM in a fork
 */
GYRE_API int gyre_pool_shut_down(struct gyre_pool *pool,
				 enum gyre_shut_down how,
				 int64_t deadline_ns) GYRE_MUST_CHECK;

/*
 * Refuse new jobs, drop those that wait, wait for those that run, end the
 * threads, free the pool. NULL is a no-op, and in a fork of the process that
 * made it so is every pool. Not from one of its own jobs.
 *
 * To give up on a job that never returns, call gyre_pool_shut_down() with a
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
