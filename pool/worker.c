/*
 * The workers: how jobs get from the inbox to a thread. All of it but the jobs
 * themselves runs under the lane's mutex.
 *
 * Rejected: a semaphore per job, which wakes for work that others took; an
 * idle count that submitters read without the lock, which must then be fenced
 * against the queue. ARMED says it in the queue's own word.
 */
#include "pool/lane.h"

#include "base/atomics.h"
#include "base/check.h"
#include "base/condition.h"
#include "base/exception.h"
#include "base/fork.h"
#include "base/histogram.h"
#include "base/log.h"
#include "bus/inbox.h"
#include "bus/outbox.h"
#include "bus/rcu.h"

/* -- what waits ---------------------------------------------------------- */

void
gyre__pool_enqueue(struct gyre__pool_lane *lane, struct gyre__chain *taken)
{
	struct gyre_task *task;

	lane->submitted += taken->messages;
	while ((task = gyre__chain_pop(taken)) != NULL)
		gyre__queue_push(&lane->queue, task);
}

void
gyre__pool_receive(struct gyre__pool_lane *lane)
{
	struct gyre__chain taken = { 0 };

	gyre__inbox_take(lane->inbox, &taken);
	gyre__pool_enqueue(lane, &taken);
}

/* Receive, or else arm; whether anything waits. */
static bool
receive_or_arm(struct gyre__pool_lane *lane)
{
	gyre__pool_receive(lane);
	if (lane->queue.waiting == 0) {
		if (gyre__inbox_arm(lane->inbox))
			return false;
		gyre__pool_receive(lane);
	}
	GYRE_INSIST(lane->queue.waiting > 0);
	return true;
}

struct gyre_room *
gyre__pool_leave(struct gyre__pool_lane *lane)
{
	/* worker.A1 relaxed: a number, and only that */
	uint32_t left = gyre__load_32_relaxed(&lane->left);

	/* worker.A2 relaxed: as A1; nobody else writes it now */
	gyre__store_32_relaxed(&lane->left, left + 1);
	return (struct gyre_room *)gyre__chain_pop(&lane->rooms);
}

void
gyre__pool_tell(struct gyre_room *room)
{
	struct gyre_inbox *home;

	if (room == NULL)
		return;
	home = room->_home;
	if (gyre__send_task(home, &room->task) < 0)
		room->task.drop(&room->task, GYRE_DROP_STOPPED);
	gyre_inbox_unref(home);
}

/* -- parking: the last that came is the first to go ---------------------- */

/* It was not woken: take it out of those that are parked. */
static void
unpark(struct gyre__worker *worker)
{
	struct gyre__worker **link = &worker->lane->parked;

	while (*link != worker)
		link = &(*link)->below;
	*link = worker->below;
	worker->is_parked = false;
	worker->lane->idle--;
}

/* Until it is woken; false: so long that it is one too many. */
static bool
park(struct gyre__worker *worker)
{
	struct gyre__pool_lane *lane = worker->lane;
	int64_t until_ns = GYRE_FOREVER;

	if (lane->plan.idle_timeout_ns != GYRE_FOREVER &&
	    lane->threads > lane->plan.threads_min)
		until_ns = gyre__now_ns(lane->sys) + lane->plan.idle_timeout_ns;
	gyre__job_refs_release(&worker->refs);
	worker->now_ns = 0;
	worker->below = lane->parked;
	worker->is_parked = true;
	lane->parked = worker;
	lane->idle++;
	while (worker->is_parked) {
		if (gyre__condition_wait(&worker->wake, &lane->mutex,
					 until_ns) == 0 ||
		    !worker->is_parked)
			continue;
		if (lane->threads > lane->plan.threads_min &&
		    lane->life == GYRE__POOL_OPEN) {
			unpark(worker);
			return false;
		}
		until_ns = GYRE_FOREVER; /* it is needed after all */
	}
	return true;
}

static void
wake(struct gyre__pool_lane *lane)
{
	struct gyre__worker *worker = lane->parked;

	lane->parked = worker->below;
	worker->is_parked = false;
	lane->idle--;
	pthread_cond_signal(&worker->wake);
}

void
gyre__pool_wake_all(struct gyre__pool_lane *lane)
{
	while (lane->parked != NULL)
		wake(lane);
}

void
gyre__pool_wake_one(struct gyre__pool_lane *lane)
{
	int result;

	if (lane->searching)
		return; /* it will wake the next, if more waits */
	if (lane->parked != NULL) {
		lane->searching = true;
		wake(lane);
		return;
	}
	if (lane->threads == lane->plan.threads_max)
		return;
	result = gyre__pool_add_worker(lane);
	if (result == 0)
		lane->is_short_told = false;
	if (result == 0 || lane->is_short_told)
		return;
	lane->is_short_told = true;
	gyre__log(&lane->log, GYRE_LOG_WARN,
		  "pool: no more than %u of %u threads could be started: %s",
		  lane->threads, lane->plan.threads_max,
		  gyre_error_name(result));
}

void
gyre__pool_keep_watch(struct gyre__pool_lane *lane)
{
	if (lane->life != GYRE__POOL_OPEN)
		return; /* nobody parks for long any more */
	if (lane->idle == 0 && lane->threads == lane->plan.threads_max)
		return; /* all are busy, and each looks when it is done */
	if (receive_or_arm(lane))
		gyre__pool_wake_one(lane);
}

/* -- a turn -------------------------------------------------------------- */

struct turn {
	struct gyre_task *task;
	struct gyre_job *job;       /* or NULL */
	enum gyre__job_turn brings; /* for a job */
	unsigned place;
	bool is_timed;
	int64_t begin_ns; /* if it is timed, or has a deadline */
	struct gyre_room *room;
};

/* Wait until something waits; false: the worker is to end, alone or with its
 * lane. */
static bool
await(struct gyre__worker *worker)
{
	struct gyre__pool_lane *lane = worker->lane;

	for (;;) {
		if (lane->is_halted)
			gyre__job_refs_release(&worker->refs);
		while (lane->is_halted)
			pthread_cond_wait(&lane->changed, &lane->mutex);
		switch (lane->life) {
		case GYRE__POOL_OPEN:
			if (lane->queue.waiting > 0 || receive_or_arm(lane))
				return true;
			break;
		case GYRE__POOL_CLOSING:
			break;
		case GYRE__POOL_DRAINING:
			return lane->queue.waiting > 0;
		case GYRE__POOL_DROPPING:
			return false;
		}
		if (!park(worker))
			return false;
		lane->searching = false;
	}
}

/* Now: as the last job ended, unless it was not timed or the worker has slept
 * since. */
static int64_t
now(const struct gyre__worker *worker)
{
	return worker->now_ns != 0 ? worker->now_ns
				   : gyre__now_ns(worker->lane->sys);
}

static void
begin_job(struct gyre__worker *worker, struct turn *turn)
{
	struct gyre_job *job = turn->job;
	int64_t queued_ns = job->_queued_ns;

	turn->is_timed = queued_ns != 0;
	if (turn->is_timed || job->_options.deadline_ns != 0)
		turn->begin_ns = now(worker);
	turn->brings = gyre__job_begin(job, turn->begin_ns);
	if (turn->is_timed && turn->brings == GYRE__JOB_RUN)
		gyre__histogram_record(&worker->lane->queue_delay,
				       turn->begin_ns - queued_ns);
}

static void
begin_task(struct gyre__worker *worker, struct turn *turn)
{
	turn->is_timed = worker->lane->run % worker->lane->plan.time_every == 0;
	if (turn->is_timed)
		turn->begin_ns = now(worker);
}

/* Take the next turn, unless there was none after all. */
static bool
take_turn(struct gyre__worker *worker, struct turn *ret)
{
	struct gyre__pool_lane *lane = worker->lane;
	struct turn turn = { 0 };

	turn.task = gyre__queue_pop(&lane->queue, &turn.place);
	turn.job = gyre__job_of(turn.task);
	turn.room = gyre__pool_leave(lane);
	if (turn.job != NULL)
		begin_job(worker, &turn);
	else
		begin_task(worker, &turn);
	gyre__pool_keep_watch(lane);
	*ret = turn;
	return turn.brings != GYRE__JOB_SKIPPED || turn.job == NULL;
}

static void
report_raised(struct gyre__pool_lane *lane)
{
	if (!gyre__raised())
		return;
	gyre__log(&lane->log, GYRE_LOG_ERROR,
		  "pool: a job raised %s: %s (%s:%d)",
		  gyre_error_name(gyre_exception()->error),
		  gyre_exception()->message, gyre_exception()->file,
		  gyre_exception()->line);
	gyre__clear_exception();
}

/* Whoever runs tasks looks at what they raised: nobody else will. */
static void
play(struct gyre__worker *worker, const struct turn *turn)
{
	struct gyre__pool_lane *lane = worker->lane;

	gyre__pool_tell(turn->room);
	if (turn->job == NULL) {
		gyre__job_refs_release(&worker->refs);
		turn->task->run(turn->task);
	} else if (turn->brings == GYRE__JOB_RUN) {
		gyre__job_run(turn->job, &worker->refs);
	} else if (turn->brings != GYRE__JOB_SKIPPED) {
		gyre__job_give_back(turn->job, gyre__job_reason(turn->brings));
	}
	report_raised(lane);
}

static void
count(struct gyre__worker *worker, const struct turn *turn)
{
	struct gyre__pool_lane *lane = worker->lane;

	gyre__queue_finish(&lane->queue, turn->place);
	if (turn->job == NULL || turn->brings == GYRE__JOB_RUN) {
		lane->run++;
		if (turn->is_timed)
			gyre__histogram_record(&lane->run_time,
					       worker->now_ns - turn->begin_ns);
	} else if (turn->brings == GYRE__JOB_EXPIRED) {
		lane->expired++;
	} else {
		lane->cancelled++;
	}
}

/* False: a job has forked, and this is the child, where the lane and its locks
 * are the parent's. */
static bool
do_turn(struct gyre__worker *worker)
{
	struct gyre__pool_lane *lane = worker->lane;
	struct turn turn;

	if (!take_turn(worker, &turn))
		lane->owed++;
	else
		worker->name = turn.job != NULL
				       ? turn.job->_name
				       : (void (*)(void))turn.task->run;
	lane->busy++;
	pthread_mutex_unlock(&lane->mutex);
	play(worker, &turn);
	if (gyre__is_fork(lane->forks))
		return false;
	worker->now_ns = turn.is_timed ? gyre__now_ns(lane->sys) : 0;
	pthread_mutex_lock(&lane->mutex);
	lane->busy--;
	worker->name = NULL;
	count(worker, &turn);
	if (lane->life != GYRE__POOL_OPEN || lane->is_halted)
		pthread_cond_broadcast(&lane->changed);
	return true;
}

/* -- the thread ---------------------------------------------------------- */

static void
enter(const struct gyre__worker *worker)
{
	struct gyre__pool_lane *lane = worker->lane;
	int result = gyre__cpus_apply(lane->sys, &lane->plan.cpus);

	gyre__thread_enter(lane->plan.thread_name,
			   lane->plan.first_thread +
				   (unsigned)(worker - lane->workers));
	gyre__rcu_register();
	gyre__rcu_offline();
	pthread_mutex_lock(&lane->mutex);
	if (result < 0 && !lane->is_unpinned_told) {
		lane->is_unpinned_told = true;
		gyre__log(&lane->log, GYRE_LOG_WARN,
			  "pool: the CPUs of lane %s were refused: %s",
			  lane->plan.name, gyre_error_name(result));
	}
}

/* Nobody needs it: give its place back. Whoever leaves next joins it, and
 * nobody is kept waiting for a thread that is about to end. */
static void
leave_alone(struct gyre__worker *worker)
{
	struct gyre__pool_lane *lane = worker->lane;
	const struct gyre_sys *sys = lane->sys;
	pthread_t ended = lane->ended;
	bool has_ended = lane->has_ended;

	lane->ended = pthread_self();
	lane->has_ended = true;
	lane->threads--;
	worker->is_live = false;
	worker->below = lane->free;
	lane->free = worker;
	pthread_cond_destroy(&worker->wake);
	pthread_mutex_unlock(&lane->mutex);
	if (has_ended)
		sys->thread_join(ended, NULL);
}

static void *
worker_main(void *arg)
{
	struct gyre__worker *worker = arg;
	struct gyre__pool_lane *lane = worker->lane;

	enter(worker);
	lane->searching = false;
	while (await(worker))
		if (!do_turn(worker))
			return NULL;
	gyre__job_refs_release(&worker->refs);
	if (lane->life == GYRE__POOL_OPEN)
		leave_alone(worker);
	else
		pthread_mutex_unlock(&lane->mutex);
	gyre__rcu_unregister();
	return NULL;
}

int
gyre__pool_add_worker(struct gyre__pool_lane *lane)
{
	struct gyre__worker *worker = lane->free;
	int result;

	GYRE_INSIST(worker != NULL && lane->threads < lane->plan.threads_max);
	gyre__condition_init(&worker->wake);
	result = gyre__thread_start_blocked(lane->sys, &worker->thread,
					    lane->plan.stack_bytes, worker_main,
					    worker);
	if (result < 0) {
		pthread_cond_destroy(&worker->wake);
		return result;
	}
	lane->free = worker->below;
	worker->is_live = true;
	worker->now_ns = 0;
	lane->threads++;
	lane->spawned++;
	lane->searching = true;
	/* worker.H1 relaxed: nothing is read through it, and it never goes
	 * back */
	gyre__store_32_relaxed(&lane->has_threads, 1);
	return 0;
}
