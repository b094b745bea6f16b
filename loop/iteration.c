/*
 * Running a loop. gyre_loop_start's iteration is the diagram: callbacks,
 * timeouts, one check for stop, poll, handlers. Sleeping is in one function,
 * which alone arms the inbox and takes the thread off RCU.
 */
#include "loop/loop.h"

#include "base/check.h"
#include "base/exception.h"
#include "bus/inbox.h"
#include "bus/rcu.h"

#include <errno.h>

/* -- end of batch -------------------------------------------------------- */

void
gyre__loop_at_batch_end(struct gyre_loop *loop, struct gyre__batch_end *end)
{
	if (end->queued)
		return;
	end->queued = true;
	end->next = NULL;
	end->link = loop->batch_ends_end;
	*loop->batch_ends_end = end;
	loop->batch_ends_end = &end->next;
}

void
gyre__loop_cancel_batch_end(struct gyre_loop *loop, struct gyre__batch_end *end)
{
	if (!end->queued)
		return;
	end->queued = false;
	*end->link = end->next;
	if (end->next != NULL)
		end->next->link = end->link;
	else
		loop->batch_ends_end = end->link;
}

void
gyre__loop_end_batch(struct gyre_loop *loop)
{
	do {
		while (loop->batch_ends != NULL) {
			struct gyre__batch_end *end = loop->batch_ends;

			gyre__loop_cancel_batch_end(loop, end);
			end->run(end);
			if (gyre__raised())
				gyre__outbox_report(&loop->outbox,
						    "end of batch", NULL, NULL);
		}
		gyre__outbox_flush(&loop->outbox);
	} while (loop->batch_ends != NULL);
}

/* -- the phases ---------------------------------------------------------- */

static void
collect_timeouts(struct gyre_loop *loop)
{
	if (gyre__timeouts_next(&loop->timeouts) != GYRE_FOREVER)
		gyre__timeouts_collect(&loop->timeouts, gyre_loop_time(loop));
}

static void
run_callbacks(struct gyre_loop *loop, struct gyre__chain *batch)
{
	gyre__outbox_run(&loop->outbox, batch);
	gyre__loop_end_batch(loop);
}

static void
run_timeouts(struct gyre_loop *loop)
{
	gyre_callback_fn fn;
	void *arg;
	bool any = false;

	while (gyre__timeouts_pop_due(&loop->timeouts, &fn, &arg)) {
		any = true;
		loop->timeouts_run++;
		fn(arg);
		if (gyre__raised())
			gyre__outbox_report(&loop->outbox, "timeout",
					    (void (*)(void))fn, arg);
	}
	if (any)
		gyre__loop_end_batch(loop);
}

/* How long a poll may wait, by a clock that is read now: callbacks may have
 * been slow. */
static int64_t
poll_timeout(const struct gyre_loop *loop)
{
	int64_t next = gyre__timeouts_next(&loop->timeouts);
	int64_t left;

	if (loop->outbox.ready.head != NULL)
		return 0;
	if (next == GYRE_FOREVER)
		return GYRE_FOREVER;
	/* A clock may be negative: then the difference can be too much. */
	if (__builtin_sub_overflow(next, gyre_loop_time(loop), &left))
		return next > 0 ? GYRE_FOREVER : 0;
	return left > 0 ? left : 0;
}

/* Sleep until there is an event, a post, or a timeout. */
static int
sleep_and_poll(struct gyre_loop *loop, int64_t timeout_ns)
{
	int count;

	GYRE_INSIST(gyre__outbox_is_flushed(&loop->outbox));
	GYRE_INSIST(loop->batch_ends == NULL);
	gyre__rcu_offline();
	count = loop->poller_ops->wait(loop->poller, loop->events,
				       GYRE__POLL_EVENTS_MAX, timeout_ns);
	gyre__rcu_online();
	loop->sleeps++;
	/* Disarm, so that nobody rings for a loop that is awake. */
	gyre__outbox_receive(&loop->outbox);
	return count;
}

static int
poll_events(struct gyre_loop *loop)
{
	int64_t timeout_ns = poll_timeout(loop);

	loop->polls++;
	if (timeout_ns != 0 && gyre__inbox_arm(loop->inbox))
		return sleep_and_poll(loop, timeout_ns);
	gyre__rcu_quiescent();
	return loop->poller_ops->wait(loop->poller, loop->events,
				      GYRE__POLL_EVENTS_MAX, 0);
}

/* A peer that went away is not worth a report: what the handler is for ends
 * with it. */
static void
report_handler(struct gyre_loop *loop, const struct gyre_failure *failure)
{
	if (gyre_exception()->error == -EPIPE)
		gyre__clear_exception();
	else
		gyre__loop_report(loop, failure);
}

static void
run_handler(struct gyre_loop *loop, const struct gyre_poller_event *event)
{
	struct gyre_failure failure = { .what = "handler" };
	gyre_handler_fn fn;
	unsigned events;

	if (!gyre__handlers_match(&loop->handlers, event, &failure.fd, &events,
				  &fn, &failure.arg))
		return;
	loop->handlers_run++;
	fn(failure.fd, events, failure.arg);
	if (gyre__raised()) {
		failure.fn = (void (*)(void))fn;
		report_handler(loop, &failure);
	}
}

static void
run_handlers(struct gyre_loop *loop, int count)
{
	for (int i = 0; i < count; i++)
		run_handler(loop, &loop->events[i]);
	if (count > 0)
		gyre__loop_end_batch(loop);
}

/* One iteration: 1 to go on, 0 when stopped, or what the poller failed with. */
static int
iterate(struct gyre_loop *loop)
{
	struct gyre__chain batch;
	int count;

	loop->iterations++;
	gyre__outbox_take_ready(&loop->outbox, &batch);
	collect_timeouts(loop);
	run_callbacks(loop, &batch);
	run_timeouts(loop);
	if (gyre__loop_state(loop) & GYRE__LOOP_STOP)
		return 0;
	count = poll_events(loop);
	if (count < 0 && count != -EINTR)
		return count;
	run_handlers(loop, count);
	return 1;
}

/* -- start and stop ------------------------------------------------------ */

/* 1: run; 0: a stop was pending and is used up; or why not. The order of the
 * checks is documented: a refusal does not use up a pending stop. */
static int
begin(struct gyre_loop *loop)
{
	uint32_t seen = gyre__loop_state(loop);

	if (gyre__outbox_of_thread != NULL || (seen & GYRE__LOOP_RUNNING))
		return -EBUSY;
	if (loop->sys->getpid() != loop->pid)
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

int
gyre_loop_start(struct gyre_loop *loop)
{
	struct gyre_loop *current;
	int result = begin(loop);

	if (result <= 0)
		return result;
	gyre__clear_exception(); /* nothing of this run raised it */
	current = gyre__loop_swap_current(loop);
	gyre__rcu_register();
	gyre__outbox_enter(&loop->outbox);
	do
		result = iterate(loop);
	while (result > 0);
	gyre__outbox_leave(&loop->outbox);
	gyre__rcu_unregister();
	gyre__loop_swap_current(current);
	gyre__loop_change(loop, 0, 0, GYRE__LOOP_RUNNING | GYRE__LOOP_STOP);
	return result;
}

void
gyre_loop_stop(struct gyre_loop *loop)
{
	uint32_t before =
		gyre__loop_change(loop, GYRE__LOOP_CLOSED,
				  GYRE__LOOP_STOP | GYRE__LOOP_WAKING, 0);

	/* Whoever set WAKING posts; until the task has run it is there to
	 * wake the loop, which then sees STOP. */
	if (!(before & (GYRE__LOOP_CLOSED | GYRE__LOOP_WAKING)))
		(void)gyre__inbox_push(loop->inbox, &loop->wake, &loop->wake);
}
