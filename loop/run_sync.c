/*
 * run_sync: a run for the sake of one function. Whether the loop may run is
 * settled before anything is queued, so that a refusal leaves nothing behind;
 * and what completes after the run has given up finds itself detached.
 */
#include "loop/loop.h"

#include "base/check.h"
#include "base/exception.h"
#include "bus/future.h"

#include <errno.h>

/* Kept by the run, by the task that calls the function, and by the callback of
 * its future: each may be the last to let go. All on the loop's thread. */
struct sync {
	struct gyre_task call;
	struct gyre_loop *loop;
	struct gyre_future *(*func)(void *arg);
	void *arg;
	struct gyre_future *future; /* the run's reference */
	unsigned refs;
	bool detached; /* the run has ended */
	bool done;
	bool expired;
	int error;
};

static void
let_go(struct sync *sync)
{
	if (--sync->refs == 0)
		sync->loop->sys->release(sync);
}

/* The outcome is there. Nobody waits for it any more if the run was stopped
 * otherwise, and this stop would end another one. */
static void
finish(struct sync *sync, int error)
{
	if (sync->detached)
		return;
	sync->done = true;
	sync->error = error;
	gyre_loop_stop(sync->loop);
}

static void
on_complete(struct gyre_future *future, void *arg)
{
	struct sync *sync = arg;

	(void)future;
	finish(sync, 0);
	let_go(sync);
}

static void
on_drop(void *arg, enum gyre_drop_reason reason)
{
	(void)reason;
	let_go(arg);
}

static void
wait_for(struct sync *sync, struct gyre_future *future)
{
	int result;

	sync->future = future;
	if (gyre_future_done(future)) {
		finish(sync, 0);
		return;
	}
	sync->refs++;
	result = gyre_loop_add_future_drop(sync->loop, future, on_complete,
					   sync, on_drop);
	if (result < 0) {
		finish(sync, result);
		let_go(sync);
	}
}

static void
run_call(struct gyre_task *task)
{
	struct sync *sync = (struct sync *)task;
	struct gyre_future *future = NULL;

	if (!sync->detached) {
		const struct gyre_exception *raised;

		future = sync->func(sync->arg);
		raised = gyre_exception();
		if (raised != NULL && !gyre__raised_is_halt()) {
			finish(sync, raised->error);
			gyre__clear_exception();
			gyre_future_unref(future);
		} else if (future != NULL) {
			wait_for(sync, future);
		} else {
			finish(sync, 0);
		}
	}
	let_go(sync);
}

static void
drop_call(struct gyre_task *task, enum gyre_drop_reason reason)
{
	(void)reason;
	let_go((struct sync *)task);
}

/* Cancelled, the future completes, and the run ends with it. One that was
 * completed at the last moment is on its way. The call was of the first batch,
 * so that there is a future by now, or the outcome. */
static void
on_timeout(void *arg)
{
	struct sync *sync = arg;

	if (sync->done)
		return;
	GYRE_INSIST(sync->future != NULL);
	sync->expired = gyre_future_cancel(sync->future) == 0;
}

/* What the caller gets: `result` is the run's. */
static int
outcome(struct sync *sync, int result, void **ret_value)
{
	void *value = NULL;

	if (!sync->done)
		return result < 0 ? result : -ECANCELED;
	if (sync->expired)
		return -ETIMEDOUT;
	result = sync->error;
	if (result == 0 && sync->future != NULL)
		result = gyre_future_result(sync->future, &value);
	if (result == 0 && ret_value != NULL)
		*ret_value = value;
	return result;
}

static struct sync *
new_sync(struct gyre_loop *loop, struct gyre_future *(*func)(void *), void *arg)
{
	struct sync *sync = gyre__allocate(loop->sys, sizeof(*sync), 0);

	if (sync == NULL)
		return NULL;
	sync->call.run = run_call;
	sync->call.drop = drop_call;
	sync->loop = loop;
	sync->func = func;
	sync->arg = arg;
	sync->refs = 2; /* the run, and the call */
	return sync;
}

/* Schedule the end, and queue the call. */
static int
prepare(struct gyre_loop *loop, struct sync *sync, int64_t timeout_ns,
	gyre_timeout *ret_timeout)
{
	const struct gyre_callback expire = { .fn = on_timeout, .arg = sync };
	int result = gyre__loop_schedule(
		loop, gyre__loop_instant_after(loop, timeout_ns), &expire,
		ret_timeout);

	if (result == 0) {
		result = gyre__send_task(loop->inbox, &sync->call);
		GYRE_INSIST(result == 0); /* nobody closes what has begun */
	}
	return result;
}

int
gyre_loop_run_sync(struct gyre_loop *loop, struct gyre_future *(*func)(void *),
		   void *arg, int64_t timeout_ns, void **ret_value)
{
	gyre_timeout timeout;
	struct sync *sync;
	int result;

	GYRE_REQUIRE(func != NULL);
	result = gyre__loop_begin(loop);
	if (result <= 0)
		return result < 0 ? result : -ECANCELED;
	sync = new_sync(loop, func, arg);
	if (sync == NULL) {
		gyre__loop_cancel_begin(loop);
		return -ENOMEM;
	}
	result = prepare(loop, sync, timeout_ns, &timeout);
	if (result < 0) {
		gyre__loop_cancel_begin(loop);
		loop->sys->release(sync);
		return result;
	}
	result = gyre__loop_run(loop);
	gyre_loop_remove_timeout(loop, timeout);
	result = outcome(sync, result, ret_value);
	sync->detached = true;
	gyre_future_unref(sync->future);
	let_go(sync);
	return result;
}
