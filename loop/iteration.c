/*
 * One iteration of a loop: callbacks, timeouts, one check for stop, poll,
 * handlers. Sleeping is in one function, which alone arms the inbox and takes
 * the thread off RCU.
 */
#include "loop/loop.h"

#include "base/check.h"
#include "base/exception.h"
#include "base/fork.h"
#include "base/histogram.h"
#include "base/trace.h"
#include "bus/inbox.h"
#include "bus/rcu.h"

#include <errno.h>

/* So many iterations in a row that took from the inbox, and it is busy. */
#define TAKES_BUSY 2u

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
		while (loop->batch_ends != NULL &&
		       !gyre__is_fork(loop->forks)) {
			struct gyre__batch_end *end = loop->batch_ends;

			gyre__loop_cancel_batch_end(loop, end);
			end->run(end);
			if (gyre__raised())
				gyre__outbox_report(&loop->outbox,
						    "end of batch", NULL, NULL);
		}
		gyre__outbox_flush(&loop->outbox);
	} while (loop->batch_ends != NULL && !gyre__is_fork(loop->forks));
}

/* -- the phases ---------------------------------------------------------- */

static void
collect_timeouts(struct gyre_loop *loop)
{
	if (gyre__timeouts_any(&loop->timeouts))
		gyre__timeouts_collect(&loop->timeouts, gyre_loop_time(loop));
}

static void
record_delay(struct gyre_loop *loop)
{
	gyre__histogram_record(&loop->times.queue_delay,
			       gyre__now_ns(loop->sys) -
				       loop->outbox.oldest_ns);
	loop->outbox.oldest_ns = 0;
}

static void
run_callbacks(struct gyre_loop *loop, struct gyre__chain *batch)
{
	if (GYRE__UNLIKELY(loop->outbox.oldest_ns != 0))
		record_delay(loop);
	if (gyre__loop_is_timed(loop))
		gyre__outbox_run_timed(&loop->outbox, batch,
				       &loop->times.run_time);
	else
		gyre__outbox_run(&loop->outbox, batch);
	gyre__loop_end_batch(loop);
}

/* What ends a run at once: an abort, or that this is a fork, where what waits
 * is the parent's. 1: nothing does. */
static int
may_go_on(const struct gyre_loop *loop)
{
	if (GYRE__LIKELY(!loop->outbox.halted))
		return 1;
	return gyre__is_fork(loop->forks) ? -EPERM : loop->abort_error;
}

/* A clock may be negative: then the difference can be too much. */
static int64_t
lateness(int64_t when_ns, int64_t now_ns)
{
	int64_t late_ns;

	return __builtin_sub_overflow(now_ns, when_ns, &late_ns) ? INT64_MAX
								 : late_ns;
}

static void
run_timeouts(struct gyre_loop *loop)
{
	struct gyre_callback callback;
	int64_t when_ns, now_ns, began_ns;

	if (!gyre__timeouts_due(&loop->timeouts, &when_ns))
		return;
	now_ns = gyre_loop_time(loop);
	began_ns = gyre__loop_is_timed(loop) ? now_ns : GYRE__NEVER;
	while (gyre__timeouts_due(&loop->timeouts, &when_ns)) {
		gyre__timeouts_pop_due(&loop->timeouts, &callback);
		loop->timeouts_run++;
		gyre__histogram_record(&loop->times.lateness,
				       lateness(when_ns, now_ns));
		callback.fn(callback.arg);
		gyre__loop_time_run(loop, began_ns);
		began_ns = GYRE__NEVER;
		if (gyre__raised())
			gyre__outbox_report(&loop->outbox, "timeout",
					    (void (*)(void))callback.fn,
					    callback.arg);
		gyre__outbox_run_urgent(&loop->outbox);
		if (may_go_on(loop) < 0)
			break;
	}
	gyre__loop_end_batch(loop);
}

/* How long a poll may wait, by a clock that is read now: callbacks may have
 * been slow. */
static int64_t
poll_timeout(struct gyre_loop *loop)
{
	int64_t next, left;

	if (loop->outbox.ready.head != NULL)
		return 0;
	next = gyre__timeouts_next(&loop->timeouts);
	if (next == GYRE_FOREVER)
		return loop->poll_max_ns;
	/* A clock may be negative: then the difference can be too much. */
	if (__builtin_sub_overflow(next, gyre_loop_time(loop), &left))
		left = next > 0 ? GYRE_FOREVER : 0;
	if (left > loop->poll_max_ns)
		return loop->poll_max_ns;
	return left > 0 ? left : 0;
}

/* How long to sleep, if timeouts that are close together share a wake-up. */
static int64_t
sleep_timeout(const struct gyre_loop *loop, int64_t now_ns, int64_t timeout_ns)
{
	timeout_ns = gyre__slack_sleep(&loop->slack, &loop->timeouts, now_ns,
				       timeout_ns);
	return timeout_ns < loop->poll_max_ns ? timeout_ns : loop->poll_max_ns;
}

/* Sleep until there is an event, a post, or a timeout. */
static int
sleep_and_poll(struct gyre_loop *loop, int64_t timeout_ns)
{
	int64_t asleep_ns = gyre_loop_time(loop);
	int count;

	timeout_ns = sleep_timeout(loop, asleep_ns, timeout_ns);
	GYRE_INSIST(gyre__outbox_is_flushed(&loop->outbox));
	GYRE_INSIST(loop->batch_ends == NULL);
	gyre__histogram_record(&loop->times.awake, asleep_ns - loop->woke_ns);
	gyre__loop_publish(loop, asleep_ns);
	gyre__rcu_offline();
	gyre__loop_sleep(loop);
	GYRE__TRACE_LOOP_SLEPT(loop->inbox, timeout_ns);
	count = loop->poller_ops->wait(loop->handlers.poller, loop->events,
				       GYRE__POLL_EVENTS_MAX, timeout_ns);
	gyre__loop_wake(loop);
	GYRE__TRACE_LOOP_WOKE(loop->inbox, count);
	gyre__rcu_online();
	loop->sleeps++;
	loop->takes = 0;
	gyre__spin_slept(&loop->spin);
	loop->woke_ns = gyre_loop_time(loop);
	loop->idle_ns += loop->woke_ns - asleep_ns;
	/* Disarm, so that nobody rings for a loop that is awake. */
	gyre__outbox_receive(&loop->outbox);
	if (loop->woke_ns - asleep_ns < timeout_ns) {
		if (count <= 0 && loop->outbox.ready.head == NULL)
			loop->spurious++;
	} else if (gyre__timeouts_next(&loop->timeouts) <= loop->woke_ns) {
		gyre__slack_begin(&loop->slack, loop->woke_ns);
	}
	gyre__loop_publish(loop, GYRE__NEVER);
	return count;
}

/*
 * Others are at it: then the loop looks once more before it sleeps, since to be
 * woken costs both sides more than that. One that was woken for a message, and
 * has run it, sleeps at once.
 */
static bool
is_busy_inbox(const struct gyre_loop *loop)
{
	return loop->takes >= TAKES_BUSY;
}

/* Take what is ready. */
static void
begin(struct gyre_loop *loop, struct gyre__chain *ret_batch)
{
	uint64_t received = loop->outbox.received;

	loop->iterations++;
	gyre__outbox_take_ready(&loop->outbox, ret_batch);
	if (loop->outbox.received != received)
		loop->takes++;
	else
		loop->takes = 0;
}

static int
poll_events(struct gyre_loop *loop)
{
	int64_t timeout_ns = poll_timeout(loop);
	int count;

	if (timeout_ns != 0 && gyre__spin_is_due(&loop->spin)) {
		if (gyre__loop_spin(loop, timeout_ns, &count))
			return count;
		timeout_ns = poll_timeout(loop);
	}
	loop->polls++;
	if (timeout_ns != 0 && !is_busy_inbox(loop) &&
	    gyre__inbox_arm(loop->inbox))
		return sleep_and_poll(loop, timeout_ns);
	/* As often as anything is timed: it costs a third of an iteration. */
	if (gyre__loop_is_timed(loop))
		gyre__loop_publish(loop, GYRE__NEVER);
	gyre__rcu_quiescent();
	return loop->poller_ops->wait(loop->handlers.poller, loop->events,
				      GYRE__POLL_EVENTS_MAX, 0);
}

/* A peer that went away is not worth a report: what the handler is for ends
 * with it. */
static void
report_handler(struct gyre_loop *loop, const struct gyre_failure *failure)
{
	if (gyre_exception()->error == -EPIPE || gyre__raised_is_halt())
		gyre__clear_exception();
	else
		gyre__loop_report(loop, failure);
}

static void
run_handler(struct gyre_loop *loop, const struct gyre_poller_event *event,
	    bool is_first)
{
	struct gyre__delivery delivery;
	int64_t began_ns;

	if (!gyre__handlers_match(&loop->handlers, event, &delivery))
		return;
	began_ns = is_first && gyre__loop_is_timed(loop) ? gyre_loop_time(loop)
							 : GYRE__NEVER;
	loop->handlers_run++;
	gyre__handlers_deliver(&delivery);
	gyre__loop_time_run(loop, began_ns);
	if (gyre__raised())
		report_handler(loop, &(struct gyre_failure){
					     .what = "handler",
					     .fd = delivery.fd,
					     .fn = delivery.handler.fn,
					     .arg = delivery.handler.arg,
				     });
}

static void
run_handlers(struct gyre_loop *loop, int count)
{
	if (count <= 0)
		return;
	gyre__handlers_begin_batch(&loop->handlers);
	for (int i = 0; i < count && may_go_on(loop) > 0; i++) {
		run_handler(loop, &loop->events[i], i == 0);
		gyre__outbox_run_urgent(&loop->outbox);
	}
	gyre__loop_end_batch(loop);
	if (gyre__handlers_has_ghosts(&loop->handlers) &&
	    gyre__inbox_is_quiet(loop->inbox))
		gyre__loop_change_poller(loop);
}

/* Whether the run ends here, as asked for before. */
static bool
is_over(struct gyre_loop *loop)
{
	if (gyre__loop_state(loop) & GYRE__LOOP_STOP)
		return true;
	return loop->drain != NULL && gyre__loop_is_drained(loop);
}

int
gyre__loop_iterate(struct gyre_loop *loop)
{
	struct gyre__chain batch;
	int result;

	begin(loop, &batch);
	collect_timeouts(loop);
	run_callbacks(loop, &batch);
	if ((result = may_go_on(loop)) < 0)
		return result;
	run_timeouts(loop);
	if ((result = may_go_on(loop)) < 0)
		return result;
	if (loop->on_iteration != NULL)
		gyre__loop_tell_iteration(loop);
	if (is_over(loop))
		return 0;
	gyre__heartbeat_idle(&loop->heartbeat);
	result = poll_events(loop);
	gyre__heartbeat_busy(&loop->heartbeat);
	if (result < 0 && result != -EINTR)
		return result;
	run_handlers(loop, result);
	return may_go_on(loop);
}
