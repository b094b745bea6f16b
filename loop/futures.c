/*
 * Futures on a loop, and the way through an executor and back. A job is one
 * allocation: the task that goes to the executor, and the future it becomes.
 */
#include "loop/loop.h"

#include "bus/future.h"
#include "base/check.h"

#include <errno.h>

struct job {
	struct gyre_future future; /* first: its last unref frees the job */
	struct gyre_task task;     /* holds a reference while it is away */
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
job_of_task(struct gyre_task *task)
{
	return (struct job *)((char *)task - offsetof(struct job, task));
}

static void
drop_arg(const struct job *job, enum gyre_drop_reason reason)
{
	if (job->drop != NULL)
		job->drop(job->arg, reason);
}

/* One that was cancelled while it waited has no one to answer. */
static void
run_job(struct gyre_task *task)
{
	struct job *job = job_of_task(task);

	if (gyre_future_done(&job->future))
		drop_arg(job, GYRE_DROP_CANCELED);
	else
		gyre__future_complete(&job->future, job->fn(job->arg));
	gyre_future_unref(&job->future);
}

static void
drop_job(struct gyre_task *task, enum gyre_drop_reason reason)
{
	struct job *job = job_of_task(task);

	drop_arg(job, reason);
	gyre_future_reject(&job->future, -ESHUTDOWN,
			   "the executor was shut down");
	gyre_future_unref(&job->future);
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
	struct job *job = loop->sys->allocate(sizeof(*job), 0);

	if (job == NULL)
		return NULL;
	gyre__future_init(&job->future, loop->sys, loop->inbox);
	job->task.run = run_job;
	job->task.drop = drop_job;
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
	gyre_future_ref(&job->future);
	result = gyre_executor_submit(executor, &job->task);
	if (result < 0) {
		drop_arg(job, GYRE_DROP_STOPPED);
		gyre_future_reject(&job->future, result,
				   "the executor refused the job");
		gyre_future_unref(&job->future);
	}
	return &job->future;
}

struct gyre_future *
gyre_loop_run_in_executor(struct gyre_loop *loop,
			  struct gyre_executor *executor, gyre_executor_fn fn,
			  void *arg)
{
	gyre__loop_require_owner(loop);
	return gyre_loop_run_in_executor_drop(loop, executor, fn, arg, NULL);
}
