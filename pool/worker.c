/*
 * The workers: how jobs get from the inbox to a thread. All of it but the jobs
 * themselves runs under the pool's mutex.
 *
 * Rejected: a semaphore per job, which wakes for work that others took; an
 * idle count that submitters read without the lock, which must then be fenced
 * against the queue. ARMED says it in the queue's own word.
 */
#include "pool/pool.h"

#include "base/atomics.h"
#include "base/check.h"
#include "base/exception.h"
#include "base/log.h"
#include "bus/inbox.h"
#include "bus/rcu.h"

void
gyre__pool_receive(struct gyre_pool *pool)
{
	struct gyre__chain taken = { 0 };

	gyre__inbox_take(pool->inbox, &taken);
	pool->submitted += taken.messages;
	gyre__chain_concat(&pool->chain, &taken);
}

/* Receive, or else arm; whether anything waits. */
static bool
receive_or_arm(struct gyre_pool *pool)
{
	gyre__pool_receive(pool);
	if (pool->chain.head == NULL) {
		if (gyre__inbox_arm(pool->inbox))
			return false;
		gyre__pool_receive(pool);
	}
	GYRE_INSIST(pool->chain.head != NULL);
	return true;
}

void
gyre__pool_wake_one(struct gyre_pool *pool)
{
	int result;

	if (pool->searching)
		return; /* it will wake the next, if more waits */
	if (pool->idle > 0) {
		pool->searching = true;
		pthread_cond_signal(&pool->work);
		return;
	}
	if (pool->threads == pool->threads_max)
		return;
	result = gyre__pool_add_worker(pool);
	if (result == 0 || pool->is_short_told)
		return;
	pool->is_short_told = true;
	gyre__log(&pool->log, GYRE_LOG_WARN,
		  "pool: no more than %u of %u threads could be started: %s",
		  pool->threads, pool->threads_max, gyre_error_name(result));
}

void
gyre__pool_keep_watch(struct gyre_pool *pool)
{
	if (pool->idle == 0 && pool->threads == pool->threads_max)
		return; /* all are busy, and each looks when it is done */
	if (receive_or_arm(pool))
		gyre__pool_wake_one(pool);
}

/* Wait for a job; NULL: the pool is stopping. */
static struct gyre_task *
next_job(struct gyre_pool *pool)
{
	struct gyre_task *task;

	while (!pool->stopping && pool->chain.head == NULL &&
	       !receive_or_arm(pool)) {
		pool->idle++;
		pthread_cond_wait(&pool->work, &pool->mutex);
		pool->idle--;
		pool->searching = false;
	}
	if (pool->stopping)
		return NULL;
	task = gyre__chain_pop(&pool->chain);
	pool->chain.messages--;
	gyre__pool_keep_watch(pool);
	return task;
}

/* Whoever runs tasks looks at what they raised: nobody else will. */
static void
run_job(struct gyre_pool *pool, struct gyre_task *task)
{
	task->run(task);
	if (!gyre__raised())
		return;
	gyre__log(&pool->log, GYRE_LOG_ERROR,
		  "pool: a job raised %s: %s (%s:%d)",
		  gyre_error_name(gyre_exception()->error),
		  gyre_exception()->message, gyre_exception()->file,
		  gyre_exception()->line);
	gyre__clear_exception();
}

static void
enter(const struct gyre__worker *worker)
{
	const struct gyre_pool *pool = worker->pool;

	gyre__thread_name("gyre-pool-", (unsigned)(worker - pool->workers));
	/* Refused, it runs where the thread that made it may. */
	(void)gyre__cpus_apply(pool->sys, &pool->cpus);
	gyre__rcu_register();
	gyre__rcu_offline();
}

static void *
worker_main(void *arg)
{
	struct gyre__worker *worker = arg;
	struct gyre_pool *pool = worker->pool;
	struct gyre_task *task;

	enter(worker);
	pthread_mutex_lock(&pool->mutex);
	pool->searching = false;
	while ((task = next_job(pool)) != NULL) {
		pthread_mutex_unlock(&pool->mutex);
		run_job(pool, task);
		pthread_mutex_lock(&pool->mutex);
		pool->run++;
	}
	pthread_mutex_unlock(&pool->mutex);
	gyre__rcu_unregister();
	return NULL;
}

int
gyre__pool_add_worker(struct gyre_pool *pool)
{
	struct gyre__worker *worker = &pool->workers[pool->threads];
	int result;

	GYRE_INSIST(pool->threads < pool->threads_max);
	worker->pool = pool;
	result = gyre__thread_start_blocked(pool->sys, &worker->thread,
					    worker_main, worker);
	if (result < 0)
		return result;
	pool->threads++;
	pool->searching = true;
	/* worker.H1 relaxed: nothing is read through it, and it never goes
	 * back */
	gyre__store_32_relaxed(&pool->has_threads, 1);
	return 0;
}
