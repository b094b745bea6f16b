/*
 * The pool's life, and what other threads do with it: submit, and read the
 * counters. Threads are made by the submits that need them, on whatever
 * thread that is, and end with the pool.
 */
#include "pool/pool.h"

#include "base/atomics.h"
#include "base/check.h"
#include "base/fork.h"
#include "base/log.h"
#include "bus/inbox.h"

#include <errno.h>

#define THREADS_BESIDE_CPUS 4

/* -- submit -------------------------------------------------------------- */

static bool
is_fork(const struct gyre_pool *pool)
{
	return gyre__is_fork(pool->forks);
}

/* Accepted work needs a thread that will run it, so there is one before. */
static int
ensure_thread(struct gyre_pool *pool)
{
	int result = 0;

	/* pool.H2 relaxed: as worker.H1; a stale 0 looks again below */
	if (GYRE__LIKELY(gyre__load_32_relaxed(&pool->has_threads) != 0))
		return 0;
	pthread_mutex_lock(&pool->mutex);
	if (pool->stopping)
		result = -ESHUTDOWN;
	else if (pool->threads == 0)
		result = gyre__pool_add_worker(pool);
	pthread_mutex_unlock(&pool->mutex);
	return result;
}

static int
pool_submit(struct gyre_executor *executor, struct gyre_task *task)
{
	struct gyre_pool *pool = (struct gyre_pool *)executor;
	int result;

	if (is_fork(pool))
		return -EPERM;
	result = ensure_thread(pool);
	if (result < 0)
		return result;
	return gyre__inbox_push(pool->inbox, task, task);
}

/* A push replaced ARMED: somebody could be had for it. */
static void
ring(struct gyre__doorbell *bell)
{
	struct gyre_pool *pool =
		(struct gyre_pool *)((char *)bell -
				     offsetof(struct gyre_pool, bell));

	pthread_mutex_lock(&pool->mutex);
	if (!pool->stopping)
		gyre__pool_wake_one(pool);
	pthread_mutex_unlock(&pool->mutex);
}

/* -- life ---------------------------------------------------------------- */

static const struct gyre_executor_ops pool_ops = { .submit = pool_submit };

static int
plan_threads(const struct gyre_pool_options *options,
	     const struct gyre__cpus *cpus, unsigned *ret_threads)
{
	unsigned threads = options->threads_max;

	if (threads == 0) {
		threads = THREADS_BESIDE_CPUS + gyre__cpus_count(cpus);
		if (threads > GYRE_POOL_THREADS_MAX)
			threads = GYRE_POOL_THREADS_MAX;
	}
	if (threads > GYRE_POOL_THREADS_MAX) {
		gyre__log(&options->log, GYRE_LOG_ERROR,
			  "pool: threads_max is %u, the limit is %u", threads,
			  GYRE_POOL_THREADS_MAX);
		return -EINVAL;
	}
	*ret_threads = threads;
	return 0;
}

static void
init_pool(struct gyre_pool *pool, const struct gyre_pool_options *options,
	  const struct gyre_sys *sys)
{
	pool->executor.ops = &pool_ops;
	pool->sys = sys;
	pool->log = options->log;
	pool->forks = gyre__forks();
	pool->bell.ring = ring;
	pthread_mutex_init(&pool->mutex, NULL);
	pthread_cond_init(&pool->work, NULL);
}

static void
release_pool(struct gyre_pool *pool)
{
	gyre_inbox_unref(pool->inbox);
	pthread_cond_destroy(&pool->work);
	pthread_mutex_destroy(&pool->mutex);
	pool->sys->release(pool);
}

int
gyre_pool_new(const struct gyre_pool_options *options,
	      struct gyre_pool **ret_pool)
{
	const struct gyre_pool_options defaults = { 0 };
	const struct gyre_sys *sys;
	struct gyre__cpus cpus;
	struct gyre_pool *pool;
	unsigned threads;
	int result;

	GYRE_REQUIRE(ret_pool != NULL);
	if (options == NULL)
		options = &defaults;
	sys = gyre__sys(options->_sys);
	gyre__cpus_allowed(sys, &cpus);
	result = plan_threads(options, &cpus, &threads);
	if (result < 0)
		return result;
	pool = gyre__allocate(
		sys, sizeof(*pool) + threads * sizeof(pool->workers[0]), 0);
	if (pool == NULL)
		return -ENOMEM;
	init_pool(pool, options, sys);
	pool->cpus = cpus;
	pool->threads_max = threads;
	pool->inbox = gyre__inbox_new(sys, &pool->bell);
	if (pool->inbox == NULL) {
		release_pool(pool);
		return -ENOMEM;
	}
	*ret_pool = pool;
	return 0;
}

struct gyre_executor *
gyre_pool_executor(struct gyre_pool *pool)
{
	return &pool->executor;
}

void
gyre_pool_get_stats(struct gyre_pool *pool, struct gyre_pool_stats *ret_stats)
{
	pthread_mutex_lock(&pool->mutex);
	if (!pool->stopping && pool->threads > 0) {
		/* what is in the inbox was accepted, and counts */
		gyre__pool_receive(pool);
		gyre__pool_keep_watch(pool);
	}
	*ret_stats = (struct gyre_pool_stats){
		.submitted = pool->submitted,
		.run = pool->run,
		.dropped = pool->dropped,
		.waiting = pool->chain.messages,
		.running = pool->submitted - pool->run - pool->dropped -
			   pool->chain.messages,
		.threads = pool->threads,
		.idle = pool->idle,
	};
	pthread_mutex_unlock(&pool->mutex);
}

/* From here on workers leave the inbox alone and end after their job. */
static void
stop_workers(struct gyre_pool *pool)
{
	pthread_mutex_lock(&pool->mutex);
	pool->stopping = true;
	for (unsigned i = 0; i < pool->threads; i++)
		GYRE_REQUIRE(!pthread_equal(pthread_self(),
					    pool->workers[i].thread));
	pthread_cond_broadcast(&pool->work);
	pthread_mutex_unlock(&pool->mutex);
}

/* Close without the mutex: it waits for rings, which want it. */
static void
drop_waiting(struct gyre_pool *pool)
{
	struct gyre__chain rest = { 0 };
	struct gyre_task *task;

	gyre__inbox_close(pool->inbox, &rest);
	pthread_mutex_lock(&pool->mutex);
	pool->submitted += rest.messages;
	gyre__chain_concat(&pool->chain, &rest);
	rest = pool->chain;
	pool->chain = (struct gyre__chain){ 0 };
	pool->dropped += rest.messages;
	pthread_mutex_unlock(&pool->mutex);
	while ((task = gyre__chain_pop(&rest)) != NULL)
		task->drop(task, GYRE_DROP_STOPPED);
}

void
gyre_pool_free(struct gyre_pool *pool)
{
	/* In a fork its threads do not exist, and its mutex may be held by
	 * one of them. */
	if (pool == NULL || is_fork(pool))
		return;
	stop_workers(pool);
	drop_waiting(pool);
	for (unsigned i = 0; i < pool->threads; i++)
		pool->sys->thread_join(pool->workers[i].thread, NULL);
	GYRE_INSIST(pool->submitted == pool->run + pool->dropped);
	release_pool(pool);
}
