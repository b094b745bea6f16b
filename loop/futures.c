/*
 * Futures on a loop, and the way through an executor and back. A job is one
 * allocation: the task that goes to the executor, and the future it becomes.
 */
#include "loop/loop.h"

#include "bus/future.h"
#include "base/check.h"

#include <errno.h>

struct job {
	/* first: its last unref frees the job */
	struct gyre__owned_future owned;
	struct gyre_job job; /* holds a reference while it is away */
	gyre_executor_fn fn;
	void *arg;
	gyre_drop_fn drop;
};

struct gyre_future *
gyre_future_new(struct gyre_loop *loop)
{
	if (gyre__loop_refusal(loop) < 0)
		return NULL;
	return gyre__future_new(loop->sys, loop->inbox);
}

int
gyre_loop_add_future(struct gyre_loop *loop, struct gyre_future *future,
		     gyre_future_fn fn, void *arg)
{
	gyre__loop_require_owner(loop);
	return gyre_loop_add_future_drop(loop, future, fn, arg, NULL);
}

int
gyre_loop_add_future_drop(struct gyre_loop *loop, struct gyre_future *future,
			  gyre_future_fn fn, void *arg, gyre_drop_fn drop)
{
	int result = gyre__loop_refusal(loop);

	GYRE_REQUIRE(future != NULL && fn != NULL);
	gyre__loop_require_owner(loop);
	if (future->home != loop->inbox)
		return -EINVAL;
	if (result < 0)
		return result;
	return gyre__future_add_callback(future, fn, arg, drop);
}

static struct gyre_future *
join(struct gyre_loop *loop, struct gyre_future *const *futures, size_t count,
     bool any)
{
	if (gyre__loop_refusal(loop) < 0)
		return NULL;
	return gyre__future_join(loop->sys, loop->inbox, futures, count, any);
}

struct gyre_future *
gyre_future_all(struct gyre_loop *loop, struct gyre_future *const *futures,
		size_t count)
{
	gyre__loop_require_owner(loop);
	return join(loop, futures, count, false);
}

struct gyre_future *
gyre_future_any(struct gyre_loop *loop, struct gyre_future *const *futures,
		size_t count)
{
	gyre__loop_require_owner(loop);
	return join(loop, futures, count, true);
}

/* -- executors ----------------------------------------------------------- */

static struct job *
job_of(struct gyre_job *job)
{
	return (struct job *)((char *)job - offsetof(struct job, job));
}

static struct gyre_future *
future_of(struct job *job)
{
	return &job->owned.future;
}

static void
drop_arg(const struct job *job, enum gyre_drop_reason reason)
{
	if (job->drop != NULL)
		job->drop(job->arg, reason);
}

/* One whose future is complete has no one to answer. */
static void
run_job(struct gyre_job *base)
{
	struct job *job = job_of(base);

	if (gyre_future_done(future_of(job)))
		drop_arg(job, GYRE_DROP_CANCELED);
	else
		gyre__future_complete(future_of(job), job->fn(job->arg));
}

static void
job_done(struct gyre_job *base)
{
	gyre_future_unref(future_of(job_of(base)));
}

static void
drop_job(struct gyre_job *base, enum gyre_drop_reason reason)
{
	struct job *job = job_of(base);

	drop_arg(job, reason);
	gyre_future_reject(future_of(job), -ESHUTDOWN,
			   "the executor was shut down");
	gyre_future_unref(future_of(job));
}

/* Nobody wants the outcome: the job is withdrawn, or told if it runs. */
static void
on_reject(struct gyre_future *future)
{
	struct job *job = (struct job *)future;

	gyre_job_cancel(&job->job);
}

void
gyre_loop_set_default_executor(struct gyre_loop *loop,
			       struct gyre_executor *executor)
{
	gyre__loop_require_owner(loop);
	loop->executor = executor;
}

/* The default executor, made now if there is none; NULL: no memory. */
static struct gyre_executor *
default_executor(struct gyre_loop *loop)
{
	const struct gyre_pool_options options = {
		.log = loop->log,
		._sys = loop->sys,
	};

	if (loop->executor != NULL)
		return loop->executor;
	if (loop->own_pool == NULL &&
	    gyre_pool_new(&options, &loop->own_pool) < 0)
		return NULL;
	return gyre_pool_executor(loop->own_pool);
}

static struct job *
new_job(struct gyre_loop *loop, gyre_executor_fn fn, void *arg,
	gyre_drop_fn drop)
{
	const struct gyre_job_options options = {
		.run = run_job,
		.done = job_done,
		.drop = drop_job,
	};
	struct job *job = loop->sys->allocate(sizeof(*job), 0);

	if (job == NULL)
		return NULL;
	gyre__future_init(future_of(job), loop->sys, loop->inbox);
	job->owned.future.is_owned = true;
	job->owned.on_reject = on_reject;
	gyre_job_init(&job->job, &options);
	job->job._source = loop->inbox;
	job->job._name = (void (*)(void))fn;
	job->fn = fn;
	job->arg = arg;
	job->drop = drop;
	return job;
}

struct gyre_future *
gyre_loop_run_in_executor_drop(struct gyre_loop *loop,
			       struct gyre_executor *executor,
			       gyre_executor_fn fn, void *arg,
			       gyre_drop_fn drop)
{
	struct job *job;
	int result;

	GYRE_REQUIRE(fn != NULL);
	gyre__loop_require_owner(loop);
	if (gyre__loop_refusal(loop) < 0)
		return NULL;
	if (executor == NULL)
		executor = default_executor(loop);
	if (executor == NULL)
		return NULL;
	job = new_job(loop, fn, arg, drop);
	if (job == NULL)
		return NULL;
	gyre_future_ref(future_of(job));
	result = gyre_executor_submit_job(executor, &job->job);
	if (result < 0) {
		drop_arg(job, GYRE_DROP_STOPPED);
		gyre_future_reject(future_of(job), result,
				   "the executor refused the job");
		gyre_future_unref(future_of(job));
	}
	return future_of(job);
}

struct gyre_future *
gyre_loop_run_in_executor(struct gyre_loop *loop,
			  struct gyre_executor *executor, gyre_executor_fn fn,
			  void *arg)
{
	gyre__loop_require_owner(loop);
	return gyre_loop_run_in_executor_drop(loop, executor, fn, arg, NULL);
}
