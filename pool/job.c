/*
 * Jobs: the state word, and what an executor's thread does with it. Any
 * executor can take one, for a job's task plays its own turn; the pool takes
 * the turn apart, to decide it under its mutex.
 *
 * Rejected: to free a withdrawn job at its turn only. Whoever cancels because
 * memory is short, or because the buffer must go now, would wait for the jobs
 * before it.
 */
#include "pool/job.h"

#include "base/atomics.h"
#include "base/check.h"
#include "base/fork.h"
#include "base/sys.h"
#include "bus/outbox.h"

#include <errno.h>

enum state {
	IDLE,      /* never submitted */
	QUEUED,    /* the executor's */
	RUNNING,   /* run has been called */
	WITHDRAWN, /* a canceller's, its task perhaps still linked */
	SKIPPED,   /* a canceller's, its turn is over */
	/* final: the job is whoever's done or drop was called */
	DONE,
	CANCELLED,
	EXPIRED,
	DROPPED,
};

#define REFS_MAX 64u /* given back together */

#define CANCEL 0x100u /* beside RUNNING: it was asked to give up */

/* What runs on this thread: a job's function gets an argument of its own, and
 * must be able to ask all the same. */
static _Thread_local struct gyre_job *job_of_thread;

static bool
move(struct gyre_job *job, uint32_t *from, uint32_t to)
{
	/* job.S1 acq_rel: what the one before did to the job, and what this
	 * one has; pairs with job.S1, job.S2, job.S3 */
	return gyre__cas_32_acq_rel(&job->_state, from, to);
}

static uint32_t
look(const struct gyre_job *job)
{
	/* job.S2 acquire: what was done to the job before; pairs with job.S1,
	 * job.S3 */
	return gyre__load_32_acquire(&job->_state);
}

/* Only by who has it to himself. */
static void
set(struct gyre_job *job, uint32_t state)
{
	/* job.S3 release: what was done to the job; pairs with job.S1,
	 * job.S2 */
	gyre__store_32_release(&job->_state, state);
}

/* -- its turn ------------------------------------------------------------ */

static enum gyre__job_turn
turn(struct gyre_job *job, uint32_t to, enum gyre__job_turn answer)
{
	uint32_t seen = QUEUED;

	if (GYRE__LIKELY(move(job, &seen, to)))
		return answer;
	if (seen == WITHDRAWN && move(job, &seen, SKIPPED))
		return GYRE__JOB_SKIPPED;
	GYRE_INSIST(seen == CANCELLED);
	return GYRE__JOB_CANCELED;
}

enum gyre__job_turn
gyre__job_begin(struct gyre_job *job, int64_t now_ns)
{
	int64_t deadline_ns = job->_options.deadline_ns;

	if (deadline_ns != 0 && now_ns > deadline_ns)
		return turn(job, EXPIRED, GYRE__JOB_EXPIRED);
	return turn(job, RUNNING, GYRE__JOB_RUN);
}

enum gyre__job_turn
gyre__job_stop(struct gyre_job *job)
{
	return turn(job, DROPPED, GYRE__JOB_STOPPED);
}

enum gyre_drop_reason
gyre__job_reason(enum gyre__job_turn turn)
{
	switch (turn) {
	case GYRE__JOB_EXPIRED:
		return GYRE_DROP_EXPIRED;
	case GYRE__JOB_CANCELED:
		return GYRE_DROP_CANCELED;
	default:
		return GYRE_DROP_STOPPED;
	}
}

/* -- the way back -------------------------------------------------------- */

static struct gyre_job *
job_of(struct gyre_task *task)
{
	return (struct gyre_job *)task;
}

static void
call_drop(struct gyre_job *job, enum gyre_drop_reason reason)
{
	if (job->_options.drop != NULL)
		job->_options.drop(job, reason);
}

void
gyre__job_give_back(struct gyre_job *job, enum gyre_drop_reason reason)
{
	gyre_inbox_unref(job->_options.home);
	call_drop(job, reason);
}

static void
come_home(struct gyre_task *task)
{
	job_of(task)->_options.done(job_of(task));
}

static void
miss_home(struct gyre_task *task, enum gyre_drop_reason reason)
{
	call_drop(job_of(task), reason);
}

void
gyre__job_refs_release(struct gyre__job_refs *refs)
{
	if (refs->count > 0)
		gyre__inbox_unref_many(refs->home, refs->count);
	refs->count = 0;
}

/* Without done the state is the last that is touched. */
static void
finish(struct gyre_job *job)
{
	void (*done)(struct gyre_job *) = job->_options.done;
	struct gyre_inbox *home = job->_options.home;

	job->_task.run = come_home;
	job->_task.drop = miss_home;
	set(job, DONE);
	if (home != NULL && done != NULL) {
		if (gyre__send_task(home, &job->_task) < 0)
			call_drop(job, GYRE_DROP_STOPPED);
	} else if (done != NULL) {
		done(job);
	}
}

void
gyre__job_run(struct gyre_job *job, struct gyre__job_refs *refs)
{
	struct gyre_inbox *home = job->_options.home;
	struct gyre_job *outer = job_of_thread;
	uint32_t forks = gyre__forks();

	if (refs != NULL && refs->home != home)
		gyre__job_refs_release(refs);
	job_of_thread = job;
	job->_options.run(job);
	job_of_thread = outer;
	/* In a fork of the job's, its end is the parent's. */
	if (gyre__is_fork(forks))
		return;
	finish(job);
	if (refs == NULL) {
		gyre_inbox_unref(home);
	} else if (home != NULL) {
		refs->home = home;
		if (++refs->count == REFS_MAX)
			gyre__job_refs_release(refs);
	}
}

/* -- as a task, for any executor ----------------------------------------- */

static void
run_task(struct gyre_task *task)
{
	struct gyre_job *job = job_of(task);
	enum gyre__job_turn turn =
		gyre__job_begin(job, gyre__now_ns(&gyre__sys_default));

	if (turn == GYRE__JOB_RUN)
		gyre__job_run(job, NULL);
	else if (turn != GYRE__JOB_SKIPPED)
		gyre__job_give_back(job, gyre__job_reason(turn));
}

static void
drop_task(struct gyre_task *task, enum gyre_drop_reason reason)
{
	struct gyre_job *job = job_of(task);
	enum gyre__job_turn turn = gyre__job_stop(job);

	if (turn == GYRE__JOB_STOPPED)
		gyre__job_give_back(job, reason);
	else if (turn == GYRE__JOB_CANCELED)
		gyre__job_give_back(job, GYRE_DROP_CANCELED);
}

struct gyre_job *
gyre__job_of(struct gyre_task *task)
{
	return task->run == run_task ? job_of(task) : NULL;
}

/* -- life ---------------------------------------------------------------- */

void
gyre_job_init(struct gyre_job *job, const struct gyre_job_options *options)
{
	GYRE_REQUIRE(options->run != NULL);
	GYRE_REQUIRE(options->priority <= GYRE_JOB_LOW);
	*job = (struct gyre_job){
		._options = *options,
		._source = options->home,
		._name = (void (*)(void))options->run,
	};
}

static void
ref_home(struct gyre_inbox *home)
{
	struct gyre__outbox *outbox = gyre__outbox_of_thread;

	if (outbox != NULL && outbox->home == home)
		gyre__outbox_ref_home(outbox);
	else
		gyre_inbox_ref(home);
}

int
gyre_executor_submit_job(struct gyre_executor *executor, struct gyre_job *job)
{
	uint32_t before = look(job);
	struct gyre_inbox *home = job->_options.home;
	int result;

	GYRE_REQUIRE(before == IDLE || before >= DONE);
	GYRE_REQUIRE((before & CANCEL) == 0);
	job->_task.run = run_task;
	job->_task.drop = drop_task;
	job->_executor = executor;
	job->_is_removable = executor->ops->cancel != NULL;
	if (home != NULL)
		ref_home(home);
	set(job, QUEUED);
	result = gyre_executor_submit(executor, &job->_task);
	if (result < 0) {
		set(job, before);
		gyre_inbox_unref(home);
	}
	return result;
}

/* -- cancel -------------------------------------------------------------- */

/* Have the executor forget it, or leave it to its turn, unless that is over. */
static void
withdraw(struct gyre_job *job)
{
	struct gyre_executor *executor = job->_executor;
	uint32_t seen = WITHDRAWN;

	if (executor->ops->cancel(executor, job) < 0 &&
	    move(job, &seen, CANCELLED))
		return;
	set(job, CANCELLED);
	gyre__job_give_back(job, GYRE_DROP_CANCELED);
}

int
gyre_job_cancel(struct gyre_job *job)
{
	uint32_t seen = look(job);

	for (;;) {
		if (seen == QUEUED) {
			bool removable = job->_is_removable;

			if (!move(job, &seen,
				  removable ? WITHDRAWN : CANCELLED))
				continue;
			if (removable)
				withdraw(job);
			return 0;
		}
		if (seen != RUNNING)
			return seen == (RUNNING | CANCEL) ? -EBUSY : -EALREADY;
		if (move(job, &seen, RUNNING | CANCEL))
			return -EBUSY;
	}
}

bool
gyre_job_cancelled(void)
{
	return job_of_thread != NULL && (look(job_of_thread) & CANCEL) != 0;
}
