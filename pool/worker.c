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

/* -- what waits ---------------------------------------------------------- */

void
gyre__pool_enqueue(struct gyre_pool *pool, struct gyre__chain *taken)
{
	struct gyre_task *task;

	pool->submitted += taken->messages;
	while ((task = gyre__chain_pop(taken)) != NULL)
		gyre__queue_push(&pool->queue, task);
}

void
gyre__pool_receive(struct gyre_pool *pool)
{
	struct gyre__chain taken = { 0 };

	gyre__inbox_take(pool->inbox, &taken);
	gyre__pool_enqueue(pool, &taken);
}

/* Receive, or else arm; whether anything waits. */
static bool
receive_or_arm(struct gyre_pool *pool)
{
	gyre__pool_receive(pool);
	if (pool->queue.waiting == 0) {
		if (gyre__inbox_arm(pool->inbox))
			return false;
		gyre__pool_receive(pool);
	}
	GYRE_INSIST(pool->queue.waiting > 0);
	return true;
}

struct gyre_room *
gyre__pool_leave(struct gyre_pool *pool)
{
	/* worker.A1 relaxed: a number, and only that */
	uint32_t left = gyre__load_32_relaxed(&pool->left);

	/* worker.A2 relaxed: as A1; nobody else writes it now */
	gyre__store_32_relaxed(&pool->left, left + 1);
	return (struct gyre_room *)gyre__chain_pop(&pool->rooms);
}

void
gyre__pool_tell(struct gyre_room *room)
{
	struct gyre_inbox *home;

	if (room == NULL)
		return;
	home = room->_home;
	if (gyre_inbox_post(home, &room->task) < 0)
		room->task.drop(&room->task, GYRE_DROP_STOPPED);
	gyre_inbox_unref(home);
}

/* -- parking: the last that came is the first to go ---------------------- */

static void
park(struct gyre__worker *worker)
{
	struct gyre_pool *pool = worker->pool;

	worker->below = pool->parked;
	worker->is_parked = true;
	pool->parked = worker;
	pool->idle++;
	while (worker->is_parked)
		pthread_cond_wait(&worker->wake, &pool->mutex);
}

static void
wake(struct gyre_pool *pool)
{
	struct gyre__worker *worker = pool->parked;

	pool->parked = worker->below;
	worker->is_parked = false;
	pool->idle--;
	pthread_cond_signal(&worker->wake);
}

void
gyre__pool_wake_all(struct gyre_pool *pool)
{
	while (pool->parked != NULL)
		wake(pool);
}

void
gyre__pool_wake_one(struct gyre_pool *pool)
{
	int result;

	if (pool->searching)
		return; /* it will wake the next, if more waits */
	if (pool->parked != NULL) {
		pool->searching = true;
		wake(pool);
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
	if (pool->life != GYRE__POOL_OPEN)
		return; /* nobody parks for long any more */
	if (pool->idle == 0 && pool->threads == pool->threads_max)
		return; /* all are busy, and each looks when it is done */
	if (receive_or_arm(pool))
		gyre__pool_wake_one(pool);
}

/* -- a turn -------------------------------------------------------------- */

struct turn {
	struct gyre_task *task;
	struct gyre_job *job;       /* or NULL */
	enum gyre__job_turn brings; /* for a job */
	unsigned place;
	struct gyre_room *room;
};

/* Wait until something waits; false: the worker is to end. */
static bool
await(struct gyre__worker *worker)
{
	struct gyre_pool *pool = worker->pool;

	for (;;) {
		switch (pool->life) {
		case GYRE__POOL_OPEN:
			if (pool->queue.waiting > 0 || receive_or_arm(pool))
				return true;
			break;
		case GYRE__POOL_CLOSING:
			break;
		case GYRE__POOL_DRAINING:
			return pool->queue.waiting > 0;
		case GYRE__POOL_DROPPING:
			return false;
		}
		park(worker);
		pool->searching = false;
	}
}

/* Take the next turn, unless there was none after all. */
static bool
take_turn(struct gyre_pool *pool, struct turn *ret)
{
	struct turn turn = { 0 };

	turn.task = gyre__queue_pop(&pool->queue, &turn.place);
	turn.job = gyre__job_of(turn.task);
	turn.room = gyre__pool_leave(pool);
	if (turn.job != NULL)
		turn.brings = gyre__job_begin(turn.job, pool->sys);
	gyre__pool_keep_watch(pool);
	*ret = turn;
	return turn.brings != GYRE__JOB_SKIPPED || turn.job == NULL;
}

static void
report_raised(struct gyre_pool *pool)
{
	if (!gyre__raised())
		return;
	gyre__log(&pool->log, GYRE_LOG_ERROR,
		  "pool: a job raised %s: %s (%s:%d)",
		  gyre_error_name(gyre_exception()->error),
		  gyre_exception()->message, gyre_exception()->file,
		  gyre_exception()->line);
	gyre__clear_exception();
}

/* Whoever runs tasks looks at what they raised: nobody else will. */
static void
play(struct gyre_pool *pool, const struct turn *turn)
{
	gyre__pool_tell(turn->room);
	if (turn->job == NULL)
		turn->task->run(turn->task);
	else if (turn->brings == GYRE__JOB_RUN)
		gyre__job_run(turn->job);
	else if (turn->brings != GYRE__JOB_SKIPPED)
		gyre__job_give_back(turn->job, gyre__job_reason(turn->brings));
	report_raised(pool);
}

static void
count(struct gyre_pool *pool, const struct turn *turn)
{
	gyre__queue_finish(&pool->queue, turn->place);
	if (turn->job == NULL || turn->brings == GYRE__JOB_RUN)
		pool->run++;
	else if (turn->brings == GYRE__JOB_EXPIRED)
		pool->expired++;
	else
		pool->cancelled++;
}

static void
do_turn(struct gyre__worker *worker)
{
	struct gyre_pool *pool = worker->pool;
	struct turn turn;

	if (!take_turn(pool, &turn))
		pool->owed++;
	else
		worker->name = turn.job != NULL
				       ? turn.job->_name
				       : (void (*)(void))turn.task->run;
	pool->busy++;
	pthread_mutex_unlock(&pool->mutex);
	play(pool, &turn);
	pthread_mutex_lock(&pool->mutex);
	pool->busy--;
	worker->name = NULL;
	count(pool, &turn);
	if (pool->life != GYRE__POOL_OPEN)
		pthread_cond_broadcast(&pool->changed);
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

	enter(worker);
	pthread_mutex_lock(&pool->mutex);
	pool->searching = false;
	while (await(worker))
		do_turn(worker);
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
	pthread_cond_init(&worker->wake, NULL);
	result = gyre__thread_start_blocked(pool->sys, &worker->thread,
					    worker_main, worker);
	if (result < 0) {
		pthread_cond_destroy(&worker->wake);
		return result;
	}
	pool->threads++;
	pool->searching = true;
	/* worker.H1 relaxed: nothing is read through it, and it never goes
	 * back */
	gyre__store_32_relaxed(&pool->has_threads, 1);
	return 0;
}
