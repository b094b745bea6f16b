/*
 * The pool's life, and what other threads do with it: submit, and read the
 * counters. Threads are made by the submits that need them, on whatever
 * thread that is, and end with the pool.
 */
#include "pool/pool.h"

#include "base/atomics.h"
#include "base/check.h"
#include "base/condition.h"
#include "base/fork.h"
#include "base/log.h"
#include "bus/inbox.h"

#include <errno.h>

#define THREADS_BESIDE_CPUS 4

/* -- submit -------------------------------------------------------------- */

/* Accepted work needs a thread that will run it, so there is one before. */
static int
ensure_thread(struct gyre_pool *pool)
{
	int result = 0;

	/* pool.H2 relaxed: as worker.H1; a stale 0 looks again below */
	if (GYRE__LIKELY(gyre__load_32_relaxed(&pool->has_threads) != 0))
		return 0;
	pthread_mutex_lock(&pool->mutex);
	if (pool->life != GYRE__POOL_OPEN)
		result = -ESHUTDOWN;
	else if (pool->threads == 0)
		result = gyre__pool_add_worker(pool);
	pthread_mutex_unlock(&pool->mutex);
	return result;
}

/* How many wait by this count of those that were accepted, at most. */
static uint32_t
count_waiting(struct gyre_pool *pool, uint32_t admitted)
{
	/* pool.A1 relaxed: a number, and only that */
	uint32_t left = gyre__load_32_relaxed(&pool->left_seen);

	if (admitted - left < pool->queue_limit)
		return admitted - left;
	/* pool.A2 relaxed: as A1 */
	left = gyre__load_32_relaxed(&pool->left);
	/* pool.A3 relaxed: as A1 */
	gyre__store_32_relaxed(&pool->left_seen, left);
	return admitted - left;
}

/* Take a place in the queue, if there is one. */
static bool
admit(struct gyre_pool *pool)
{
	/* pool.A4 relaxed: a number, and only that */
	uint32_t seen = gyre__load_32_relaxed(&pool->admitted);

	do {
		uint32_t waiting = count_waiting(pool, seen);

		/* A number from before others came and left says nothing: the
		 * exchange below will tell. */
		if (waiting >= pool->queue_limit && waiting <= INT32_MAX) {
			/* pool.R1 relaxed: a statistic */
			gyre__add_64_relaxed(&pool->refused, 1);
			return false;
		}
		/* pool.A5 relaxed: as A4 */
	} while (!gyre__cas_32_relaxed(&pool->admitted, &seen, seen + 1));
	return true;
}

static int
pool_submit(struct gyre_executor *executor, struct gyre_task *task)
{
	struct gyre_pool *pool = (struct gyre_pool *)executor;
	int result;

	if (gyre__is_fork(pool->forks))
		return -EPERM;
	result = ensure_thread(pool);
	if (result < 0)
		return result;
	if (!admit(pool))
		return -EAGAIN;
	result = gyre__inbox_push(pool->inbox, task, task);
	if (result < 0)
		/* pool.A6 relaxed: as A4 */
		gyre__add_32_relaxed(&pool->admitted, (uint32_t)-1);
	return result;
}

/*
 * The job is withdrawn: have it out of the queue. A worker that came to it
 * first has passed it over, and the pool waits for this call then.
 */
static int
pool_cancel(struct gyre_executor *executor, struct gyre_job *job)
{
	struct gyre_pool *pool = (struct gyre_pool *)executor;
	struct gyre_room *room = NULL;

	if (gyre__is_fork(pool->forks))
		return -EPERM; /* its turn will not come */
	pthread_mutex_lock(&pool->mutex);
	while (pool->life == GYRE__POOL_CLOSING)
		pthread_cond_wait(&pool->changed, &pool->mutex);
	if (pool->life == GYRE__POOL_OPEN)
		gyre__pool_receive(pool);
	if (gyre__queue_remove(&pool->queue, job)) {
		pool->cancelled++;
		room = gyre__pool_leave(pool);
		pool->owed++;
	}
	gyre__pool_keep_watch(pool);
	pthread_mutex_unlock(&pool->mutex);
	gyre__pool_tell(room);
	pthread_mutex_lock(&pool->mutex);
	pool->owed--;
	pthread_cond_broadcast(&pool->changed);
	pthread_mutex_unlock(&pool->mutex);
	return 0;
}

static int
pool_notify(struct gyre_executor *executor, struct gyre_room *room)
{
	struct gyre_pool *pool = (struct gyre_pool *)executor;
	uint32_t waiting;
	bool has_room;
	int result = 0;

	if (gyre__is_fork(pool->forks))
		return -EPERM;
	pthread_mutex_lock(&pool->mutex);
	/* pool.A7 relaxed: a number, and only that */
	waiting = gyre__load_32_relaxed(&pool->admitted);
	/* pool.A8 relaxed: it changes under the mutex only */
	waiting -= gyre__load_32_relaxed(&pool->left);
	has_room = waiting < pool->queue_limit;
	if (pool->life != GYRE__POOL_OPEN)
		result = -ESHUTDOWN;
	else if (!has_room)
		gyre__chain_append(&pool->rooms, &room->task, 1);
	pthread_mutex_unlock(&pool->mutex);
	if (result == 0 && has_room)
		gyre__pool_tell(room);
	return result;
}

/* A push replaced ARMED: somebody could be had for it. */
static void
ring(struct gyre__doorbell *bell)
{
	struct gyre_pool *pool =
		(struct gyre_pool *)((char *)bell -
				     offsetof(struct gyre_pool, bell));

	pthread_mutex_lock(&pool->mutex);
	if (pool->life == GYRE__POOL_OPEN)
		gyre__pool_wake_one(pool);
	pthread_mutex_unlock(&pool->mutex);
}

/* -- life ---------------------------------------------------------------- */

static const struct gyre_executor_ops pool_ops = {
	.submit = pool_submit,
	.cancel = pool_cancel,
	.shut_down = gyre__pool_shut_down,
	.notify = pool_notify,
};

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
	if (options->queue_limit > GYRE_POOL_QUEUE_LIMIT) {
		gyre__log(&options->log, GYRE_LOG_ERROR,
			  "pool: queue_limit is %u, the limit is %u",
			  options->queue_limit, GYRE_POOL_QUEUE_LIMIT);
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
	pool->queue_limit = options->queue_limit != 0 ? options->queue_limit
						      : GYRE_POOL_QUEUE_LIMIT;
	gyre__condition_init(&pool->changed);
	gyre__queue_init(&pool->queue);
}

static void
release_pool(struct gyre_pool *pool)
{
	gyre_inbox_unref(pool->inbox);
	for (unsigned i = 0; i < pool->threads; i++)
		pthread_cond_destroy(&pool->workers[i].wake);
	pthread_cond_destroy(&pool->changed);
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
		sys, sizeof(*pool) + threads * sizeof(pool->workers[0]),
		GYRE__CACHE_PAIR);
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
	uint64_t over;

	pthread_mutex_lock(&pool->mutex);
	if (pool->life == GYRE__POOL_OPEN && pool->threads > 0) {
		/* what is in the inbox was accepted, and counts */
		gyre__pool_receive(pool);
		gyre__pool_keep_watch(pool);
	}
	over = pool->run + pool->dropped + pool->cancelled + pool->expired;
	*ret_stats = (struct gyre_pool_stats){
		.submitted = pool->submitted,
		.run = pool->run,
		.dropped = pool->dropped,
		.cancelled = pool->cancelled,
		.expired = pool->expired,
		/* pool.R2 relaxed: a statistic */
		.refused = gyre__load_64_relaxed(&pool->refused),
		.waiting = pool->queue.waiting,
		.running = pool->submitted - over - pool->queue.waiting,
		.threads = pool->threads,
		.idle = pool->idle,
	};
	pthread_mutex_unlock(&pool->mutex);
}

void
gyre_pool_free(struct gyre_pool *pool)
{
	/* In a fork its threads do not exist, and its mutex may be held by
	 * one of them. */
	if (pool == NULL || gyre__is_fork(pool->forks))
		return;
	(void)!gyre__pool_shut_down(&pool->executor, GYRE_SHUT_DOWN_CANCEL,
				    GYRE_FOREVER);
	for (unsigned i = 0; i < pool->threads; i++)
		pool->sys->thread_join(pool->workers[i].thread, NULL);
	GYRE_INSIST(pool->submitted == pool->run + pool->dropped +
					       pool->cancelled + pool->expired);
	release_pool(pool);
}
