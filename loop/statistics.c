/* What a loop tells of itself: counters, gauges, and the iteration hook. */
#include "loop/loop.h"

#include "base/histogram.h"
#include "base/atomics.h"
#include "bus/inbox.h"

/* The runs before, and this one if it runs. */
static int64_t
ran_ns(const struct gyre_loop *loop)
{
	if (!(gyre__loop_state(loop) & GYRE__LOOP_RUNNING))
		return loop->ran_ns;
	return loop->ran_ns + gyre_loop_time(loop) - loop->started_ns;
}

static int64_t
busy_ns(const struct gyre_loop *loop)
{
	return ran_ns(loop) - loop->idle_ns - loop->spin.spun_ns;
}

/* All but the times. */
static void
count(const struct gyre_loop *loop, struct gyre_loop_stats *ret_stats)
{
	const struct gyre__outbox *outbox = &loop->outbox;
	const struct gyre__call_counts *calls = &outbox->calls;

	*ret_stats = (struct gyre_loop_stats){
		.iterations = loop->iterations,
		.polls = loop->polls,
		.sleeps = loop->sleeps,
		.spurious = loop->spurious,
		.batches = outbox->batches,
		.received = outbox->received,
		.posted = gyre__outbox_posted(outbox),
		.run = outbox->run,
		.dropped = outbox->dropped,
		.handlers_run = loop->handlers_run,
		.timeouts_added = loop->timeouts_added,
		.timeouts_run = loop->timeouts_run,
		.timeouts_dropped = loop->timeouts_dropped,
		.exceptions = loop->exceptions,
		.poller_changes = loop->poller_changes,
		.spins = loop->spin.spins,
		.spins_found = loop->spin.found,
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
		.waiting = gyre__outbox_posted(outbox) - outbox->run -
			   outbox->dropped,
		.timeouts_waiting = loop->timeouts_added - loop->timeouts_run -
				    loop->timeouts_dropped,
		.handlers = loop->handlers.count,
		.calls_open = calls->made - calls->run - calls->canceled -
			      calls->expired - calls->stopped,
	};
}

void
gyre_loop_get_stats(const struct gyre_loop *loop,
		    struct gyre_loop_stats *ret_stats)
{
	gyre__loop_require_owner(loop);
	count(loop, ret_stats);
	ret_stats->busy_ns = busy_ns(loop);
	ret_stats->idle_ns = loop->idle_ns;
	ret_stats->spinning_ns = loop->spin.spun_ns;
}

/* -- for other threads ----------------------------------------------------- */

void
gyre__loop_publish(struct gyre_loop *loop, int64_t asleep_ns)
{
	struct gyre__page page = { .started_ns = GYRE__NEVER,
				   .asleep_ns = asleep_ns };

	count(loop, &page.stats);
	page.stats.busy_ns = loop->ran_ns;
	page.stats.idle_ns = loop->idle_ns;
	page.stats.spinning_ns = loop->spin.spun_ns;
	if (loop->is_in_run)
		page.started_ns = loop->started_ns;
	gyre__bulletin_write(&loop->bulletin, &page);
}

/* Since then, up to now; 0 if it is not that time that goes on. */
static int64_t
since(int64_t then_ns, int64_t now_ns)
{
	return then_ns == GYRE__NEVER || then_ns > now_ns ? 0
							  : now_ns - then_ns;
}

void
gyre_loop_read_stats(struct gyre_loop *loop, struct gyre_loop_stats *ret_stats)
{
	struct gyre__bulletin *bulletin = &loop->bulletin;
	struct gyre__page page;
	int64_t now_ns, slept_ns;

	gyre__bulletin_read(bulletin, &page);
	now_ns = gyre_loop_time(loop);
	slept_ns = since(page.asleep_ns, now_ns);
	page.stats.busy_ns += since(page.started_ns, now_ns) - slept_ns -
			      page.stats.idle_ns - page.stats.spinning_ns;
	page.stats.idle_ns += slept_ns;
	*ret_stats = page.stats;
	ret_stats->busy_ns = gyre__bulletin_tell(&bulletin->told_busy_ns,
						 page.stats.busy_ns);
	ret_stats->idle_ns = gyre__bulletin_tell(&bulletin->told_idle_ns,
						 page.stats.idle_ns);
}

void
gyre_loop_read_times(const struct gyre_loop *loop,
		     struct gyre_loop_times *ret_times)
{
	const struct gyre_loop_times *times = &loop->times;

	gyre__histogram_read(&times->lateness, &ret_times->lateness);
	gyre__histogram_read(&times->queue_delay, &ret_times->queue_delay);
	gyre__histogram_read(&times->run_time, &ret_times->run_time);
	gyre__histogram_read(&times->awake, &ret_times->awake);
}

/* -- how long things run --------------------------------------------------- */

void
gyre__loop_time_run(struct gyre_loop *loop, int64_t began_ns)
{
	if (began_ns != GYRE__NEVER)
		gyre__histogram_record(&loop->times.run_time,
				       gyre_loop_time(loop) - began_ns);
}

/* -- what the rooms above count -------------------------------------------- */

void
gyre__loop_count_connection(struct gyre_loop *loop, int change)
{
	/* statistics.C1 relaxed: a gauge to look at */
	gyre__store_64_relaxed(&loop->connections,
			       loop->connections + (uint64_t)(int64_t)change);
}

uint64_t
gyre__loop_connections(const struct gyre_loop *loop)
{
	/* statistics.C2 relaxed: as statistics.C1 */
	return gyre__load_64_relaxed(&loop->connections);
}

/* -- the iteration hook ---------------------------------------------------- */

static void
begin_iteration(struct gyre_loop *loop)
{
	loop->iteration = (struct gyre_iteration){
		.number = loop->iterations + 1,
		.busy_ns = busy_ns(loop),
		.idle_ns = loop->idle_ns,
		.spinning_ns = loop->spin.spun_ns,
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
		.busy_ns = busy_ns(loop) - began->busy_ns,
		.idle_ns = loop->idle_ns - began->idle_ns,
		.spinning_ns = loop->spin.spun_ns - began->spinning_ns,
		.callbacks_run = loop->outbox.run - began->callbacks_run,
		.timeouts_run = loop->timeouts_run - began->timeouts_run,
		.handlers_run = loop->handlers_run - began->handlers_run,
	};

	begin_iteration(loop);
	loop->on_iteration(loop, &iteration, loop->on_iteration_arg);
}
