/* What a loop tells of itself: counters, gauges, and the iteration hook. */
#include "loop/loop.h"

#include "bus/inbox.h"

/* The runs before, and this one if it runs. */
static int64_t
ran_ns(const struct gyre_loop *loop)
{
	if (!(gyre__loop_state(loop) & GYRE__LOOP_RUNNING))
		return loop->ran_ns;
	return loop->ran_ns + gyre_loop_time(loop) - loop->started_ns;
}

void
gyre_loop_get_stats(const struct gyre_loop *loop,
		    struct gyre_loop_stats *ret_stats)
{
	const struct gyre__outbox *outbox = &loop->outbox;
	const struct gyre__call_counts *calls = &outbox->calls;

	gyre__loop_require_owner(loop);
	*ret_stats = (struct gyre_loop_stats){
		.iterations = loop->iterations,
		.polls = loop->polls,
		.sleeps = loop->sleeps,
		.posted = outbox->posted,
		.run = outbox->run,
		.dropped = outbox->dropped,
		.handlers_run = loop->handlers_run,
		.timeouts_added = loop->timeouts_added,
		.timeouts_run = loop->timeouts_run,
		.timeouts_dropped = loop->timeouts_dropped,
		.exceptions = loop->exceptions,
		.poller_changes = loop->poller_changes,
		.arms = loop->inbox->arms,
		.self_disarms = loop->inbox->self_disarms,
		.rings = loop->inbox->arms - loop->inbox->self_disarms,
		.flushes = outbox->flushes,
		.sent = outbox->sent,
		.undelivered = outbox->undelivered,
		.calls = calls->made,
		.calls_run = calls->run,
		.calls_canceled = calls->canceled,
		.calls_expired = calls->expired,
		.calls_stopped = calls->stopped,
		.calls_refused = calls->refused,
		.busy_ns = ran_ns(loop) - loop->idle_ns,
		.idle_ns = loop->idle_ns,
		.waiting = outbox->posted - outbox->run - outbox->dropped,
		.timeouts_waiting = loop->timeouts_added - loop->timeouts_run -
				    loop->timeouts_dropped,
		.handlers = loop->handlers.count,
		.calls_open = calls->made - calls->run - calls->canceled -
			      calls->expired - calls->stopped,
	};
}

/* -- the iteration hook ---------------------------------------------------- */

static void
begin_iteration(struct gyre_loop *loop)
{
	loop->iteration = (struct gyre_iteration){
		.number = loop->iterations + 1,
		.busy_ns = ran_ns(loop) - loop->idle_ns,
		.idle_ns = loop->idle_ns,
		.callbacks_run = loop->outbox.run,
		.timeouts_run = loop->timeouts_run,
		.handlers_run = loop->handlers_run,
	};
}

void
gyre_loop_set_iteration_hook(struct gyre_loop *loop, gyre_iteration_fn fn,
			     void *arg)
{
	gyre__loop_require_owner(loop);
	loop->on_iteration = fn;
	loop->on_iteration_arg = arg;
	begin_iteration(loop);
}

void
gyre__loop_tell_iteration(struct gyre_loop *loop)
{
	const struct gyre_iteration *began = &loop->iteration;
	const struct gyre_iteration iteration = {
		.number = loop->iterations,
		.busy_ns = ran_ns(loop) - loop->idle_ns - began->busy_ns,
		.idle_ns = loop->idle_ns - began->idle_ns,
		.callbacks_run = loop->outbox.run - began->callbacks_run,
		.timeouts_run = loop->timeouts_run - began->timeouts_run,
		.handlers_run = loop->handlers_run - began->handlers_run,
	};

	begin_iteration(loop);
	loop->on_iteration(loop, &iteration, loop->on_iteration_arg);
}
