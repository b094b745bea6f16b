/*
 * The end of a pool: refuse, then drain or drop what waits, then wait for what
 * runs, up to a deadline. A job cannot be stopped from outside; one that does
 * not return is named, and its thread keeps the pool.
 */
#include "pool/pool.h"

#include "base/atomics.h"
#include "base/backtrace.h"
#include "base/check.h"
#include "base/condition.h"
#include "base/fork.h"
#include "base/log.h"
#include "bus/inbox.h"

#include <errno.h>

#define NAME_BYTES 128

static void
move(struct gyre_pool *pool, enum gyre__pool_life life)
{
	static const bool moves[4][4] = {
		[GYRE__POOL_OPEN] = { [GYRE__POOL_CLOSING] = true },
		[GYRE__POOL_CLOSING] = { [GYRE__POOL_DRAINING] = true,
					 [GYRE__POOL_DROPPING] = true },
		[GYRE__POOL_DRAINING] = { [GYRE__POOL_DROPPING] = true },
	};

	GYRE_INSIST(moves[pool->life][life]);
	pool->life = life;
	gyre__pool_wake_all(pool);
	pthread_cond_broadcast(&pool->changed);
}

static void
require_other_thread(const struct gyre_pool *pool)
{
	for (unsigned i = 0; i < pool->threads; i++)
		GYRE_REQUIRE(!pthread_equal(pthread_self(),
					    pool->workers[i].thread));
}

/* From here on the inbox is this thread's; it closes without the mutex, since
 * it waits for rings, which want it. */
static void
close_inbox(struct gyre_pool *pool, enum gyre_shut_down how)
{
	struct gyre__chain rest = { 0 };

	move(pool, GYRE__POOL_CLOSING);
	pthread_mutex_unlock(&pool->mutex);
	gyre__inbox_close(pool->inbox, &rest);
	pthread_mutex_lock(&pool->mutex);
	gyre__pool_enqueue(pool, &rest);
	move(pool, how == GYRE_SHUT_DOWN_DRAIN ? GYRE__POOL_DRAINING
					       : GYRE__POOL_DROPPING);
}

/* Nobody will be told of room, whatever becomes free. */
static void
drop_rooms(struct gyre_pool *pool)
{
	struct gyre_task *task;

	while ((task = gyre__chain_pop(&pool->rooms)) != NULL) {
		struct gyre_inbox *home = ((struct gyre_room *)task)->_home;

		pthread_mutex_unlock(&pool->mutex);
		task->drop(task, GYRE_DROP_STOPPED);
		gyre_inbox_unref(home);
		pthread_mutex_lock(&pool->mutex);
	}
}

static void
drop_job(struct gyre_pool *pool, struct gyre_job *job)
{
	enum gyre__job_turn brings = gyre__job_stop(job);

	if (brings == GYRE__JOB_STOPPED)
		pool->dropped++;
	else
		pool->cancelled++;
	if (brings == GYRE__JOB_SKIPPED) {
		pool->owed++;
		return;
	}
	pthread_mutex_unlock(&pool->mutex);
	gyre__job_give_back(job, gyre__job_reason(brings));
	pthread_mutex_lock(&pool->mutex);
}

static void
drop_waiting(struct gyre_pool *pool)
{
	struct gyre_task *task;
	unsigned place;

	while ((task = gyre__queue_pop(&pool->queue, &place)) != NULL) {
		struct gyre_job *job = gyre__job_of(task);

		gyre__queue_finish(&pool->queue, place);
		if (job != NULL) {
			drop_job(pool, job);
			continue;
		}
		pool->dropped++;
		pthread_mutex_unlock(&pool->mutex);
		task->drop(task, GYRE_DROP_STOPPED);
		pthread_mutex_lock(&pool->mutex);
	}
}

static bool
is_over(const struct gyre_pool *pool)
{
	return pool->busy == 0 && pool->owed == 0 && pool->queue.waiting == 0;
}

/* Until nothing waits or runs, and no canceller is under way. */
static int
await_end(struct gyre_pool *pool, int64_t deadline_ns)
{
	int result = 0;

	while (!is_over(pool) && result == 0)
		result = gyre__condition_wait(&pool->changed, &pool->mutex,
					      deadline_ns);
	return is_over(pool) ? 0 : -ETIMEDOUT;
}

static void
name_stuck(const struct gyre_pool *pool)
{
	for (unsigned i = 0; i < pool->threads; i++) {
		char name[NAME_BYTES];

		if (pool->workers[i].name == NULL)
			continue;
		gyre__function_name(pool->workers[i].name, name, sizeof(name));
		gyre__log(&pool->log, GYRE_LOG_ERROR,
			  "pool: %s has not returned on gyre-pool-%u", name, i);
	}
}

int
gyre__pool_shut_down(struct gyre_executor *executor, enum gyre_shut_down how,
		     int64_t deadline_ns)
{
	struct gyre_pool *pool = (struct gyre_pool *)executor;
	int result = 0;

	if (gyre__is_fork(pool->forks))
		return -EPERM;
	pthread_mutex_lock(&pool->mutex);
	require_other_thread(pool);
	if (pool->life == GYRE__POOL_OPEN)
		close_inbox(pool, how);
	while (pool->life == GYRE__POOL_CLOSING)
		pthread_cond_wait(&pool->changed, &pool->mutex);
	drop_rooms(pool);
	if (how == GYRE_SHUT_DOWN_DRAIN)
		result = await_end(pool, deadline_ns);
	if (pool->life == GYRE__POOL_DRAINING &&
	    (how == GYRE_SHUT_DOWN_CANCEL || result < 0))
		move(pool, GYRE__POOL_DROPPING);
	if (pool->life == GYRE__POOL_DROPPING)
		drop_waiting(pool);
	result = await_end(pool, deadline_ns);
	if (result < 0)
		name_stuck(pool);
	pthread_mutex_unlock(&pool->mutex);
	return result;
}
