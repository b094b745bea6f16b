#include "jobs.h"

#include <errno.h>
#include <time.h>

#include "channel.h"
#include "life.h"
#include "report.h"
#include "rng.h"

#define JOB_SLEEP_US 300

void
jobs_init(struct place *place)
{
	for (unsigned i = 0; i < JOBS_MAX; i++)
		place->jobs.jobs[i].place = place;
}

/* On the pool's thread or wherever it is dropped. Released: the loop that
 * sees it may use the job again. */
static void
settle(struct job *job, enum fate fate)
{
	unsigned before = atomic_exchange_explicit(&job->fate, fate,
						   memory_order_acq_rel);

	if (before != FATE_SENT)
		report_broken(LAW_ONCE, job->place->actor,
			      "a job of %s %s after it %s",
			      job->place->actor->name,
			      fate == FATE_RUN ? "ran" : "was dropped",
			      before == FATE_RUN ? "ran" : "was dropped");
}

static void *
do_job(void *arg)
{
	struct job *job = arg;
	uint64_t answer = rng_mix(job->order);

	if ((job->order >> 32 & 7) == 0) {
		struct timespec pause = {
			0, (long)(answer % (JOB_SLEEP_US * UINT64_C(1000)))
		};

		nanosleep(&pause, NULL);
	}
	settle(job, FATE_RUN);
	return (void *)(uintptr_t)answer;
}

static void
drop_job(void *arg, enum gyre_drop_reason reason)
{
	(void)reason;
	settle(arg, FATE_DROPPED);
}

static void
stop_awaiting(struct job *job)
{
	if (!job->is_awaited || self != job->place->actor)
		report_broken(LAW_ONCE, job->place->actor,
			      "a job's end came to %s %s",
			      job->place->actor->name,
			      job->is_awaited ? "on another thread" : "twice");
	job->is_awaited = false;
}

static void
on_done(struct gyre_future *future, void *arg)
{
	struct job *job = arg;
	void *value = NULL;
	int error = gyre_future_result(future, &value);

	actor_note(EVENT_ANSWER, PATH_JOBS, self->id, job->order);
	stop_awaiting(job);
	if (job->is_canceled && error == -ECANCELED) {
		actor_count(
			&self->tally[PATH_JOBS].dropped[GYRE_DROP_CANCELED]);
		return;
	}
	if (error == -ESHUTDOWN) {
		actor_count(&self->tally[PATH_JOBS].dropped[GYRE_DROP_STOPPED]);
		return;
	}
	if (error < 0 || (uintptr_t)value != (uintptr_t)rng_mix(job->order))
		report_broken(LAW_PAYLOAD, self,
			      "a job of %s ended wrongly: %s", self->name,
			      gyre_error_name(error));
	actor_count(&self->tally[PATH_JOBS].run);
}

/* This loop closed before the job ended. */
static void
on_not_done(void *arg, enum gyre_drop_reason reason)
{
	stop_awaiting(arg);
	actor_count(&self->tally[PATH_JOBS].dropped[reason]);
}

static bool
is_free(const struct job *job)
{
	return !job->is_awaited &&
	       atomic_load_explicit(&job->fate, memory_order_acquire) !=
		       FATE_SENT;
}

void
jobs_submit(struct place *place, uint64_t order)
{
	struct job *job = &place->jobs.jobs[order % JOBS_MAX];
	struct gyre_future *future;

	/* The restarter's loop has no pool but its own. */
	if (!is_free(job) || place->index >= place->life->shards)
		return;
	job->order = order;
	job->is_canceled = false;
	atomic_store_explicit(&job->fate, FATE_SENT, memory_order_relaxed);
	actor_count(&self->tally[PATH_JOBS].started);
	actor_note(EVENT_SEND, PATH_JOBS, self->id, order);
	future = gyre_loop_run_in_executor_drop(place->loop, NULL, do_job, job,
						drop_job);
	job->is_awaited = future != NULL;
	if (future == NULL ||
	    gyre_loop_add_future_drop(place->loop, future, on_done, job,
				      on_not_done) < 0)
		report_broken(LAW_ERRORS, self, "a job of %s was refused",
			      self->name);
	if ((order >> 40 & 15) == 0) {
		actor_note(EVENT_CANCEL, PATH_JOBS, self->id, order);
		job->is_canceled = true;
		(void)gyre_future_cancel(future);
	}
	gyre_future_unref(future);
}

void
jobs_check(const struct place *place)
{
	for (unsigned i = 0; i < JOBS_MAX; i++) {
		const struct job *job = &place->jobs.jobs[i];

		if (job->is_awaited ||
		    atomic_load_explicit(&job->fate, memory_order_relaxed) ==
			    FATE_SENT)
			report_broken(LAW_CONSERVATION, place->actor,
				      "a job of %s %s", place->actor->name,
				      job->is_awaited
					      ? "has not come back"
					      : "neither ran nor was dropped");
	}
}
