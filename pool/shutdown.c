/*
 * The end of a lane: refuse, then drain or drop what waits, then wait for what
 * runs, up to a deadline. A job cannot be stopped from outside; one that does
 * not return is named, and its thread keeps the lane.
 */
#include "pool/lane.h"

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
move(struct gyre__pool_lane *lane, enum gyre__pool_life life)
{
	static const bool moves[4][4] = {
		[GYRE__POOL_OPEN] = { [GYRE__POOL_CLOSING] = true },
		[GYRE__POOL_CLOSING] = { [GYRE__POOL_DRAINING] = true,
					 [GYRE__POOL_DROPPING] = true },
		[GYRE__POOL_DRAINING] = { [GYRE__POOL_DROPPING] = true },
	};

	GYRE_INSIST(moves[lane->life][life]);
	lane->life = life;
	gyre__pool_wake_all(lane);
	pthread_cond_broadcast(&lane->changed);
}

static void
require_other_thread(const struct gyre__pool_lane *lane)
{
	for (unsigned i = 0; i < lane->plan.threads_max; i++)
		GYRE_REQUIRE(!lane->workers[i].is_live ||
			     !pthread_equal(pthread_self(),
					    lane->workers[i].thread));
}

/* From here on the inbox is this thread's; it closes without the mutex, since
 * it waits for rings, which want it. */
static void
close_inbox(struct gyre__pool_lane *lane, enum gyre_shut_down how)
{
	struct gyre__chain rest = { 0 };

	move(lane, GYRE__POOL_CLOSING);
	pthread_mutex_unlock(&lane->mutex);
	gyre__inbox_close(lane->inbox, &rest);
	pthread_mutex_lock(&lane->mutex);
	gyre__pool_enqueue(lane, &rest);
	move(lane, how == GYRE_SHUT_DOWN_DRAIN ? GYRE__POOL_DRAINING
					       : GYRE__POOL_DROPPING);
}

/* Nobody will be told of room, whatever becomes free. */
static void
drop_rooms(struct gyre__pool_lane *lane)
{
	struct gyre_task *task;

	while ((task = gyre__chain_pop(&lane->rooms)) != NULL) {
		struct gyre_inbox *home = ((struct gyre_room *)task)->_home;

		pthread_mutex_unlock(&lane->mutex);
		task->drop(task, GYRE_DROP_STOPPED);
		gyre_inbox_unref(home);
		pthread_mutex_lock(&lane->mutex);
	}
}

static void
drop_job(struct gyre__pool_lane *lane, struct gyre_job *job)
{
	enum gyre__job_turn brings = gyre__job_stop(job);

	if (brings == GYRE__JOB_STOPPED)
		lane->dropped++;
	else
		lane->cancelled++;
	if (brings == GYRE__JOB_SKIPPED) {
		lane->owed++;
		return;
	}
	pthread_mutex_unlock(&lane->mutex);
	gyre__job_give_back(job, gyre__job_reason(brings));
	pthread_mutex_lock(&lane->mutex);
}

static void
drop_waiting(struct gyre__pool_lane *lane)
{
	struct gyre_task *task;
	unsigned place;

	if (lane->life == GYRE__POOL_DRAINING)
		move(lane, GYRE__POOL_DROPPING);
	while ((task = gyre__queue_pop(&lane->queue, &place)) != NULL) {
		struct gyre_job *job = gyre__job_of(task);

		gyre__queue_finish(&lane->queue, place);
		if (job != NULL) {
			drop_job(lane, job);
			continue;
		}
		lane->dropped++;
		pthread_mutex_unlock(&lane->mutex);
		task->drop(task, GYRE_DROP_STOPPED);
		pthread_mutex_lock(&lane->mutex);
	}
}

static bool
is_over(const struct gyre__pool_lane *lane)
{
	return lane->busy == 0 && lane->owed == 0 && lane->queue.waiting == 0;
}

/* Until nothing waits or runs, and no canceller is under way. */
static int
await_end(struct gyre__pool_lane *lane, int64_t deadline_ns)
{
	int result = 0;

	while (!is_over(lane) && result == 0)
		result = gyre__condition_wait(&lane->changed, &lane->mutex,
					      deadline_ns);
	return is_over(lane) ? 0 : -ETIMEDOUT;
}

void
gyre__pool_name_running(const struct gyre__pool_lane *lane)
{
	for (unsigned i = 0; i < lane->plan.threads_max; i++) {
		char name[NAME_BYTES];

		if (lane->workers[i].name == NULL)
			continue;
		gyre__function_name(lane->workers[i].name, name, sizeof(name));
		gyre__log(&lane->log, GYRE_LOG_ERROR,
			  "pool: %s has not returned on %s%u", name,
			  lane->plan.thread_name, lane->plan.first_thread + i);
	}
}

int
gyre__pool_close(struct gyre__pool_lane *lane, enum gyre_shut_down how)
{
	if (gyre__is_fork(lane->forks))
		return -EPERM;
	pthread_mutex_lock(&lane->mutex);
	require_other_thread(lane);
	if (lane->life == GYRE__POOL_OPEN)
		close_inbox(lane, how);
	while (lane->life == GYRE__POOL_CLOSING)
		pthread_cond_wait(&lane->changed, &lane->mutex);
	drop_rooms(lane);
	if (how == GYRE_SHUT_DOWN_CANCEL)
		drop_waiting(lane);
	pthread_mutex_unlock(&lane->mutex);
	return 0;
}

int
gyre__pool_await_end(struct gyre__pool_lane *lane, int64_t deadline_ns)
{
	int result;

	pthread_mutex_lock(&lane->mutex);
	result = await_end(lane, deadline_ns);
	if (result < 0) {
		drop_waiting(lane);
		result = await_end(lane, deadline_ns);
	}
	if (result < 0)
		gyre__pool_name_running(lane);
	pthread_mutex_unlock(&lane->mutex);
	return result;
}

int
gyre__pool_shut_down(struct gyre_executor *executor, enum gyre_shut_down how,
		     int64_t deadline_ns)
{
	struct gyre__pool_lane *lane = (struct gyre__pool_lane *)executor;
	int result = gyre__pool_close(lane, how);

	return result < 0 ? result : gyre__pool_await_end(lane, deadline_ns);
}
