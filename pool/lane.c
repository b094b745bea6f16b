/*
 * A lane's life, and what other threads do with it: submit, and read the
 * counters. Threads are made by the submits that need them, on whatever
 * thread that is; those beyond threads_min end when they idle for long, the
 * others with the lane.
 */
#include "pool/lane.h"

#include "base/atomics.h"
#include "base/check.h"
#include "base/condition.h"
#include "base/fork.h"
#include "base/histogram.h"
#include "bus/inbox.h"

#include <errno.h>
#include <string.h>

/* -- submit -------------------------------------------------------------- */

/* Accepted work needs a thread that will run it, so there is one before. */
static int
ensure_thread(struct gyre__pool_lane *lane)
{
	int result = 0;

	/* lane.H2 relaxed: as worker.H1; a stale 0 looks again below */
	if (GYRE__LIKELY(gyre__load_32_relaxed(&lane->has_threads) != 0))
		return 0;
	pthread_mutex_lock(&lane->mutex);
	if (lane->life != GYRE__POOL_OPEN)
		result = -ESHUTDOWN;
	else if (lane->threads == 0)
		result = gyre__pool_add_worker(lane);
	pthread_mutex_unlock(&lane->mutex);
	return result;
}

/* How many wait by this count of those that were accepted, at most. */
static uint32_t
count_waiting(struct gyre__pool_lane *lane, uint32_t admitted)
{
	/* lane.A1 relaxed: a number, and only that */
	uint32_t left = gyre__load_32_relaxed(&lane->left_seen);

	if (admitted - left < lane->plan.queue_limit)
		return admitted - left;
	/* lane.A2 relaxed: as A1 */
	left = gyre__load_32_relaxed(&lane->left);
	/* lane.A3 relaxed: as A1 */
	gyre__store_32_relaxed(&lane->left_seen, left);
	return admitted - left;
}

/* Take a place in the queue, if there is one: which one it was, of all. */
static bool
admit(struct gyre__pool_lane *lane, uint32_t *ret_number)
{
	/* lane.A4 relaxed: a number, and only that */
	uint32_t seen = gyre__load_32_relaxed(&lane->admitted);

	do {
		uint32_t waiting = count_waiting(lane, seen);

		/* A number from before others came and left says nothing: the
		 * exchange below will tell. */
		if (waiting >= lane->plan.queue_limit && waiting <= INT32_MAX) {
			/* lane.R1 relaxed: a statistic */
			gyre__add_64_relaxed(&lane->refused, 1);
			return false;
		}
		/* lane.A5 relaxed: as A4 */
	} while (!gyre__cas_32_relaxed(&lane->admitted, &seen, seen + 1));
	*ret_number = seen;
	return true;
}

/* A task that is no job has no room for the instant: its delay is unknown. */
static void
stamp(const struct gyre__pool_lane *lane, struct gyre_task *task,
      uint32_t number)
{
	struct gyre_job *job = gyre__job_of(task);

	if (job == NULL)
		return;
	job->_queued_ns = number % lane->plan.time_every == 0
				  ? gyre__now_ns(lane->sys)
				  : 0;
}

static int
lane_submit(struct gyre_executor *executor, struct gyre_task *task)
{
	struct gyre__pool_lane *lane = (struct gyre__pool_lane *)executor;
	uint32_t number;
	int result;

	if (gyre__is_fork(lane->forks))
		return -EPERM;
	result = ensure_thread(lane);
	if (result < 0)
		return result;
	if (!admit(lane, &number))
		return -EAGAIN;
	stamp(lane, task, number);
	result = gyre__inbox_push(lane->inbox, task, task);
	if (result < 0)
		/* lane.A6 relaxed: as A4 */
		gyre__add_32_relaxed(&lane->admitted, (uint32_t)-1);
	return result;
}

/*
 * The job is withdrawn: have it out of the queue. A worker that came to it
 * first has passed it over, and the pool waits for this call then.
 */
static int
lane_cancel(struct gyre_executor *executor, struct gyre_job *job)
{
	struct gyre__pool_lane *lane = (struct gyre__pool_lane *)executor;
	struct gyre_room *room = NULL;

	if (gyre__is_fork(lane->forks))
		return -EPERM; /* its turn will not come */
	pthread_mutex_lock(&lane->mutex);
	while (lane->life == GYRE__POOL_CLOSING)
		pthread_cond_wait(&lane->changed, &lane->mutex);
	if (lane->life == GYRE__POOL_OPEN)
		gyre__pool_receive(lane);
	if (gyre__queue_remove(&lane->queue, job)) {
		lane->cancelled++;
		room = gyre__pool_leave(lane);
		lane->owed++;
	}
	gyre__pool_keep_watch(lane);
	pthread_mutex_unlock(&lane->mutex);
	gyre__pool_tell(room);
	pthread_mutex_lock(&lane->mutex);
	lane->owed--;
	pthread_cond_broadcast(&lane->changed);
	pthread_mutex_unlock(&lane->mutex);
	return 0;
}

static int
lane_notify(struct gyre_executor *executor, struct gyre_room *room)
{
	struct gyre__pool_lane *lane = (struct gyre__pool_lane *)executor;
	uint32_t waiting;
	bool has_room;
	int result = 0;

	if (gyre__is_fork(lane->forks))
		return -EPERM;
	pthread_mutex_lock(&lane->mutex);
	/* lane.A7 relaxed: a number, and only that */
	waiting = gyre__load_32_relaxed(&lane->admitted);
	/* lane.A8 relaxed: it changes under the mutex only */
	waiting -= gyre__load_32_relaxed(&lane->left);
	has_room = waiting < lane->plan.queue_limit;
	if (lane->life != GYRE__POOL_OPEN)
		result = -ESHUTDOWN;
	else if (!has_room)
		gyre__chain_append(&lane->rooms, &room->task, 1);
	pthread_mutex_unlock(&lane->mutex);
	if (result == 0 && has_room)
		gyre__pool_tell(room);
	return result;
}

/* A push replaced ARMED: somebody could be had for it. */
static void
ring(struct gyre__doorbell *bell)
{
	struct gyre__pool_lane *lane =
		(struct gyre__pool_lane *)((char *)bell -
					   offsetof(struct gyre__pool_lane,
						    bell));

	pthread_mutex_lock(&lane->mutex);
	if (lane->life == GYRE__POOL_OPEN)
		gyre__pool_wake_one(lane);
	pthread_mutex_unlock(&lane->mutex);
}

/* -- life ---------------------------------------------------------------- */

static const struct gyre_executor_ops lane_ops = {
	.submit = lane_submit,
	.cancel = lane_cancel,
	.shut_down = gyre__pool_shut_down,
	.notify = lane_notify,
};

/* Its name and its threads' are kept behind the workers. */
static size_t
size_of(const struct gyre__lane_plan *plan)
{
	return sizeof(struct gyre__pool_lane) +
	       plan->threads_max * sizeof(struct gyre__worker) +
	       strlen(plan->name) + strlen(plan->thread_name) + 2;
}

static void
keep_names(struct gyre__pool_lane *lane)
{
	char *name = (char *)&lane->workers[lane->plan.threads_max];
	char *thread_name = name + strlen(lane->plan.name) + 1;

	lane->plan.name = strcpy(name, lane->plan.name);
	lane->plan.thread_name = strcpy(thread_name, lane->plan.thread_name);
}

static void
init_lane(struct gyre__pool_lane *lane, const struct gyre__lane_plan *plan)
{
	lane->executor.ops = &lane_ops;
	lane->forks = gyre__forks();
	lane->plan = *plan;
	keep_names(lane);
	lane->bell.ring = ring;
	pthread_mutex_init(&lane->mutex, NULL);
	gyre__condition_init(&lane->changed);
	gyre__queue_init(&lane->queue);
	for (unsigned i = plan->threads_max; i > 0; i--) {
		struct gyre__worker *worker = &lane->workers[i - 1];

		worker->lane = lane;
		worker->below = lane->free;
		lane->free = worker;
	}
}

static void
release_lane(struct gyre__pool_lane *lane)
{
	gyre_inbox_unref(lane->inbox);
	pthread_cond_destroy(&lane->changed);
	pthread_mutex_destroy(&lane->mutex);
	lane->sys->release(lane);
}

int
gyre__pool_lane_new(const struct gyre__lane_plan *plan,
		    const struct gyre_sys *sys, const struct gyre_log *log,
		    struct gyre__pool_lane **ret_lane)
{
	struct gyre__pool_lane *lane =
		gyre__allocate(sys, size_of(plan), GYRE__CACHE_PAIR);

	if (lane == NULL)
		return -ENOMEM;
	lane->sys = sys;
	lane->log = *log;
	init_lane(lane, plan);
	lane->inbox = gyre__inbox_new(sys, &lane->bell);
	if (lane->inbox == NULL) {
		release_lane(lane);
		return -ENOMEM;
	}
	*ret_lane = lane;
	return 0;
}

void
gyre__pool_lane_free(struct gyre__pool_lane *lane)
{
	for (unsigned i = 0; i < lane->plan.threads_max; i++) {
		if (!lane->workers[i].is_live)
			continue;
		lane->sys->thread_join(lane->workers[i].thread, NULL);
		pthread_cond_destroy(&lane->workers[i].wake);
	}
	if (lane->has_ended)
		lane->sys->thread_join(lane->ended, NULL);
	GYRE_INSIST(lane->submitted == lane->run + lane->dropped +
					       lane->cancelled + lane->expired);
	release_lane(lane);
}

/* -- counters ------------------------------------------------------------ */

static void
add_counters(const struct gyre__pool_lane *lane, struct gyre_pool_stats *stats)
{
	uint64_t over =
		lane->run + lane->dropped + lane->cancelled + lane->expired;

	stats->submitted += lane->submitted;
	stats->run += lane->run;
	stats->dropped += lane->dropped;
	stats->cancelled += lane->cancelled;
	stats->expired += lane->expired;
	/* lane.R2 relaxed: a statistic */
	stats->refused += gyre__load_64_relaxed(&lane->refused);
	stats->waiting += lane->queue.waiting;
	stats->running += lane->submitted - over - lane->queue.waiting;
	stats->spawned += lane->spawned;
	stats->threads += lane->threads;
	stats->idle += lane->idle;
}

/* What has come since the first number was read makes the second one too
 * great: then they differ, or the first is another one next time. */
void
gyre__pool_lane_add_jobs(struct gyre__pool_lane *lane, struct gyre__jobs *jobs)
{
	uint64_t ended;
	/* lane.J1 relaxed: a number; what a loop has submitted, the task that
	 * comes from it brings */
	uint32_t admitted = gyre__load_32_relaxed(&lane->admitted);

	pthread_mutex_lock(&lane->mutex);
	ended = lane->run + lane->dropped + lane->cancelled + lane->expired;
	pthread_mutex_unlock(&lane->mutex);
	jobs->submitted += admitted;
	jobs->busy |= (uint32_t)ended != admitted;
}

unsigned
gyre__pool_lane_jobs_of(struct gyre__pool_lane *lane,
			const struct gyre_inbox *source)
{
	unsigned count;

	pthread_mutex_lock(&lane->mutex);
	count = gyre__queue_count(&lane->queue, source);
	pthread_mutex_unlock(&lane->mutex);
	return count;
}

int
gyre__pool_lane_halt(struct gyre__pool_lane *lane, int64_t deadline_ns)
{
	int result = 0;

	pthread_mutex_lock(&lane->mutex);
	lane->is_halted = true;
	while (lane->busy > 0 && result == 0)
		result = gyre__condition_wait(&lane->changed, &lane->mutex,
					      deadline_ns);
	if (lane->busy == 0)
		result = 0;
	else
		gyre__pool_name_running(lane);
	pthread_mutex_unlock(&lane->mutex);
	return result;
}

void
gyre__pool_lane_go_on(struct gyre__pool_lane *lane)
{
	pthread_mutex_lock(&lane->mutex);
	lane->is_halted = false;
	pthread_cond_broadcast(&lane->changed);
	pthread_mutex_unlock(&lane->mutex);
}

void
gyre__pool_lane_add_stats(struct gyre__pool_lane *lane,
			  struct gyre_pool_stats *stats)
{
	struct gyre_histogram histogram;

	pthread_mutex_lock(&lane->mutex);
	if (lane->life == GYRE__POOL_OPEN && lane->threads > 0) {
		/* what is in the inbox was accepted, and counts */
		gyre__pool_receive(lane);
		gyre__pool_keep_watch(lane);
	}
	add_counters(lane, stats);
	pthread_mutex_unlock(&lane->mutex);
	gyre__histogram_read(&lane->queue_delay, &histogram);
	gyre_histogram_merge(&stats->queue_delay, &histogram);
	gyre__histogram_read(&lane->run_time, &histogram);
	gyre_histogram_merge(&stats->run_time, &histogram);
}
