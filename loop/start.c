/*
 * Starting and ending a run. Every way out of it leaves the loop as if it had
 * never run, ready to be started again; what is queued stays queued.
 */
#include "loop/loop.h"

#include "base/check.h"
#include "base/exception.h"
#include "base/fork.h"
#include "bus/inbox.h"
#include "bus/rcu.h"

#include <errno.h>

/* The order of the checks is documented: a refusal does not use up a pending
 * stop. */
int
gyre__loop_begin(struct gyre_loop *loop)
{
	uint32_t seen = gyre__loop_state(loop);

	if (gyre__outbox_of_thread != NULL || (seen & GYRE__LOOP_RUNNING))
		return -EBUSY;
	if (gyre__is_fork(loop->forks))
		return -EPERM;
	seen = gyre__loop_change(
		loop, GYRE__LOOP_RUNNING | GYRE__LOOP_CLOSED | GYRE__LOOP_STOP,
		GYRE__LOOP_RUNNING, 0);
	if (seen & GYRE__LOOP_RUNNING)
		return -EBUSY;
	if (seen & GYRE__LOOP_CLOSED)
		return -ESHUTDOWN;
	if (!(seen & GYRE__LOOP_STOP))
		return 1;
	gyre__loop_change(loop, 0, 0, GYRE__LOOP_STOP);
	return 0;
}

void
gyre__loop_cancel_begin(struct gyre_loop *loop)
{
	gyre__loop_change(loop, 0, 0, GYRE__LOOP_RUNNING);
}

int
gyre__loop_run(struct gyre_loop *loop)
{
	struct gyre__current before = gyre__current_enter(loop);
	int result;

	gyre__clear_exception(); /* nothing of this run raised it */
	gyre__rcu_register();
	gyre__outbox_enter(&loop->outbox);
	gyre__watchdog_enter(loop);
	loop->outbox.halted = false;
	loop->started_ns = gyre_loop_time(loop);
	loop->woke_ns = loop->started_ns;
	loop->is_in_run = true;
	if (!loop->is_single) {
		gyre__spin_begin(&loop->spin, loop->sys);
		gyre__loop_publish(loop, GYRE__NEVER);
	}
	do
		result = gyre__loop_iterate(loop);
	while (result > 0 && !loop->is_single);
	gyre__watchdog_leave(loop);
	loop->ran_ns += gyre_loop_time(loop) - loop->started_ns;
	loop->is_in_run = false;
	gyre__spin_end(&loop->spin);
	gyre__loop_publish(loop, GYRE__NEVER);
	gyre__outbox_leave(&loop->outbox);
	/* In a fork of the callback that ran, other threads may have left the
	 * registry locked. */
	if (!gyre__is_fork(loop->forks))
		gyre__rcu_unregister();
	gyre__current_leave(before);
	/* A stop that came too late for this run is the next one's. */
	gyre__loop_change(loop, 0, 0,
			  result > 0 ? GYRE__LOOP_RUNNING
				     : GYRE__LOOP_RUNNING | GYRE__LOOP_STOP);
	return result;
}

int
gyre_loop_start(struct gyre_loop *loop)
{
	int result = gyre__loop_begin(loop);

	return result <= 0 ? result : gyre__loop_run(loop);
}

void
gyre_loop_stop(struct gyre_loop *loop)
{
	if (gyre__is_fork(loop->forks))
		return;
	if (gyre__loop_change(loop, GYRE__LOOP_CLOSED, GYRE__LOOP_STOP, 0) &
	    GYRE__LOOP_CLOSED)
		return;
	gyre__inbox_poke(loop->inbox);
}

void
gyre_loop_abort(struct gyre_loop *loop, int error)
{
	GYRE_REQUIRE(error < 0);
	GYRE_REQUIRE(gyre_loop_in_owner_thread(loop));
	GYRE_REQUIRE(gyre__loop_state(loop) & GYRE__LOOP_RUNNING);
	loop->abort_error = error;
	gyre__outbox_halt(&loop->outbox);
}
