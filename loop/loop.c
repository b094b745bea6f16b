/*
 * A loop's life: made, closed, freed. Running it is iteration.c's.
 */
#include "loop/loop.h"

#include "base/check.h"
#include "base/exception.h"
#include "bus/inbox.h"

#include <errno.h>

/* -- new ----------------------------------------------------------------- */

static int64_t
monotonic_now(void *arg)
{
	return gyre__now_ns(arg);
}

/* The wake task has done its work by arriving. */
static void
run_wake(struct gyre_task *task)
{
	struct gyre_loop *loop =
		(struct gyre_loop *)((char *)task -
				     offsetof(struct gyre_loop, wake));

	gyre__loop_change(loop, 0, 0, GYRE__LOOP_WAKING);
}

static void
drop_wake(struct gyre_task *task, enum gyre_drop_reason reason)
{
	(void)reason;
	run_wake(task);
}

static void
ring(struct gyre__doorbell *bell)
{
	const struct gyre_loop *loop =
		(const struct gyre_loop *)((char *)bell -
					   offsetof(struct gyre_loop, bell));

	loop->poller_ops->wake(loop->poller);
}

static void
apply_options(struct gyre_loop *loop, const struct gyre_loop_options *options)
{
	loop->sys = gyre__sys(options->_sys);
	loop->clock = options->clock;
	if (loop->clock.now_ns == NULL)
		loop->clock = (struct gyre_clock){
			.now_ns = monotonic_now,
			.arg = (void *)(uintptr_t)loop->sys,
		};
	loop->log = options->log;
	loop->on_exception = options->on_exception;
	loop->on_exception_arg = options->on_exception_arg;
	if (loop->on_exception == NULL)
		loop->on_exception = gyre_loop_handle_callback_exception;
	GYRE_REQUIRE(options->poller == NULL || options->poller->wake != NULL);
	loop->poller_ops = options->poller;
	loop->bell.ring = ring;
}

/* Everything that can fail, undone in reverse where it does. */
static int
open_parts(struct gyre_loop *loop)
{
	int result = 0;

	if (loop->poller_ops == NULL)
		result = gyre__poller_choose(&loop->log, &loop->poller_ops);
	if (result == 0)
		result = loop->poller_ops->open(loop->sys, &loop->poller);
	if (result < 0)
		return result;
	loop->inbox = gyre__inbox_new(loop->sys, &loop->bell);
	if (loop->inbox != NULL)
		return 0;
	loop->poller_ops->close(loop->poller);
	return -ENOMEM;
}

static void
init_owned(struct gyre_loop *loop)
{
	loop->pid = loop->sys->getpid();
	loop->wake.run = run_wake;
	loop->wake.drop = drop_wake;
	loop->batch_ends_end = &loop->batch_ends;
	gyre__outbox_init(&loop->outbox, loop->sys, loop->inbox,
			  gyre__loop_on_raise);
	gyre__handlers_init(&loop->handlers, loop->sys, loop->poller_ops,
			    loop->poller);
	gyre__timeouts_init(&loop->timeouts, loop->sys);
}

int
gyre_loop_new(const struct gyre_loop_options *options,
	      struct gyre_loop **ret_loop)
{
	static const struct gyre_loop_options defaults;
	struct gyre_loop *loop;
	int result;

	if (options == NULL)
		options = &defaults;
	if (options->make_current == GYRE_MAKE_CURRENT_YES &&
	    gyre_loop_current(false) != NULL)
		return -EEXIST;
	loop = gyre__allocate(gyre__sys(options->_sys), sizeof(*loop),
			      GYRE__CACHE_LINE);
	if (loop == NULL)
		return -ENOMEM;
	apply_options(loop, options);
	result = open_parts(loop);
	if (result < 0) {
		loop->sys->release(loop);
		return result;
	}
	init_owned(loop);
	if (options->make_current != GYRE_MAKE_CURRENT_NO &&
	    gyre_loop_current(false) == NULL)
		gyre__loop_swap_current(loop);
	*ret_loop = loop;
	return 0;
}

/* -- close and free ------------------------------------------------------ */

void
gyre__loop_add_dependent(struct gyre_loop *loop,
			 struct gyre__dependent *dependent)
{
	dependent->next = loop->dependents;
	dependent->link = &loop->dependents;
	if (dependent->next != NULL)
		dependent->next->link = &dependent->next;
	loop->dependents = dependent;
}

void
gyre__loop_remove_dependent(struct gyre__dependent *dependent)
{
	*dependent->link = dependent->next;
	if (dependent->next != NULL)
		dependent->next->link = dependent->link;
}

static void
close_dependents(struct gyre_loop *loop)
{
	struct gyre__dependent *dependent;

	while ((dependent = loop->dependents) != NULL) {
		dependent->close(dependent);
		GYRE_INSIST(loop->dependents != dependent);
	}
}

/* Close what lives on the loop, then its inbox. */
static void
drop_what_waits(struct gyre_loop *loop)
{
	gyre__clear_exception(); /* nothing of what follows raised it */
	gyre__outbox_enter(&loop->outbox);
	gyre__loop_end_batch(loop);
	close_dependents(loop);
	gyre__loop_end_batch(loop);
	gyre__outbox_close(&loop->outbox);
	gyre__outbox_leave(&loop->outbox);
	GYRE_INSIST(loop->batch_ends == NULL);
}

int
gyre_loop_close(struct gyre_loop *loop, bool all_fds)
{
	uint32_t state;

	if (loop->sys->getpid() != loop->pid)
		return -EPERM;
	if (gyre__loop_state(loop) & GYRE__LOOP_CLOSED)
		return 0;
	if (gyre__outbox_of_thread != NULL)
		return -EBUSY;
	state = gyre__loop_change(loop, GYRE__LOOP_RUNNING | GYRE__LOOP_CLOSED,
				  GYRE__LOOP_CLOSED, GYRE__LOOP_STOP);
	if (state & GYRE__LOOP_RUNNING)
		return -EBUSY;
	if (state & GYRE__LOOP_CLOSED)
		return 0;
	drop_what_waits(loop);
	gyre__timeouts_fini(&loop->timeouts);
	gyre__handlers_fini(&loop->handlers, all_fds);
	gyre_pool_free(loop->own_pool);
	loop->own_pool = NULL;
	loop->poller_ops->close(loop->poller);
	if (gyre__loop_is_current(loop))
		gyre_loop_clear_current();
	return 0;
}

void
gyre_loop_free(struct gyre_loop *loop)
{
	if (loop == NULL)
		return;
	GYRE_REQUIRE(gyre__loop_state(loop) & GYRE__LOOP_CLOSED);
	/* It may have been closed on another thread. */
	if (gyre__loop_is_current(loop))
		gyre_loop_clear_current();
	gyre_inbox_unref(loop->inbox);
	loop->sys->release(loop);
}

/* -- introspection ------------------------------------------------------- */

struct gyre_inbox *
gyre_loop_inbox(struct gyre_loop *loop)
{
	return loop->inbox;
}

const struct gyre_sys *
gyre__loop_sys(const struct gyre_loop *loop)
{
	return loop->sys;
}

const struct gyre_log *
gyre__loop_log(const struct gyre_loop *loop)
{
	return &loop->log;
}

void
gyre_loop_get_stats(const struct gyre_loop *loop,
		    struct gyre_loop_stats *ret_stats)
{
	const struct gyre__outbox *outbox = &loop->outbox;

	gyre__loop_require_owner(loop);
	*ret_stats = (struct gyre_loop_stats){
		.iterations = loop->iterations,
		.polls = loop->polls,
		.sleeps = loop->sleeps,
		.posted = outbox->posted,
		.run = outbox->run,
		.dropped = outbox->dropped,
		.waiting = outbox->posted - outbox->run - outbox->dropped,
		.handlers_run = loop->handlers_run,
		.timeouts_run = loop->timeouts_run,
		.exceptions = loop->exceptions,
		.arms = loop->inbox->arms,
		.self_disarms = loop->inbox->self_disarms,
		.rings = loop->inbox->arms - loop->inbox->self_disarms,
		.flushes = outbox->flushes,
		.sent = outbox->sent,
		.undelivered = outbox->undelivered,
	};
}
