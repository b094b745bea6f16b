/*
 * A loop's life: made, closed, freed. Running it is iteration.c's.
 */
#include "loop/loop.h"

#include "base/check.h"
#include "base/exception.h"
#include "base/fork.h"
#include "base/option.h"
#include "bus/inbox.h"

#include <errno.h>

/* -- new ----------------------------------------------------------------- */

static int64_t
monotonic_now(void *arg)
{
	return gyre__now_ns(arg);
}

/* Whoever rings has seen the inbox armed, and hence the poller that the owner
 * had when it armed. */
static void
ring(struct gyre__doorbell *bell)
{
	const struct gyre_loop *loop =
		(const struct gyre_loop *)((char *)bell -
					   offsetof(struct gyre_loop, bell));

	loop->poller_ops->wake(loop->handlers.poller);
}

static void
apply_options(struct gyre_loop *loop, const struct gyre_loop_options *options)
{
	loop->sys = gyre__sys(options->_sys);
	loop->spares.sys = loop->sys;
	loop->forks = gyre__forks();
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
	loop->poll_max_ns = GYRE_FOREVER;
	gyre__spin_init(&loop->spin, options->spin_ns);
	gyre__slack_init(&loop->slack, options->slack_ns);
	loop->bell.ring = ring;
}

/* Signal handlers may add callbacks, which must not allocate, from now on. */
static int
open_inbox(struct gyre_loop *loop)
{
	loop->inbox = gyre__inbox_new(loop->sys, &loop->bell);
	if (loop->inbox == NULL)
		return -ENOMEM;
	if (gyre__cells_reserve(&loop->inbox->cells))
		return 0;
	gyre_inbox_unref(loop->inbox);
	return -ENOMEM;
}

/* Everything that can fail, undone in reverse where it does. */
static int
open_parts(struct gyre_loop *loop)
{
	void *poller;
	int result = 0;

	if (loop->poller_ops == NULL)
		result = gyre__poller_choose(&loop->log, &loop->poller_ops);
	if (result == 0)
		result = loop->poller_ops->open(loop->sys, &poller);
	if (result < 0)
		return result;
	result = open_inbox(loop);
	if (result < 0) {
		loop->poller_ops->close(poller);
		return result;
	}
	gyre__handlers_init(&loop->handlers, loop->sys, &loop->log,
			    loop->poller_ops, poller);
	return 0;
}

static void
init_owned(struct gyre_loop *loop)
{
	loop->batch_ends_end = &loop->batch_ends;
	gyre__outbox_init(&loop->outbox, loop->sys, loop->inbox,
			  gyre__loop_on_raise);
	loop->outbox.now_ns = loop->clock.now_ns;
	loop->outbox.now_arg = loop->clock.arg;
	/* A clock of the user's is not read on other threads. */
	if (loop->clock.now_ns == monotonic_now)
		gyre__outbox_ask_delays(&loop->outbox);
	gyre__timeouts_init(&loop->timeouts, loop->sys);
}

static int
check_options(const struct gyre_loop_options *options)
{
	int result;

	if (options->make_current == GYRE_MAKE_CURRENT_YES &&
	    gyre_loop_current(false) != NULL)
		return -EEXIST;
	result = gyre__option_check_ns(&options->log, "loop", "spin_ns",
				       options->spin_ns, GYRE_SPIN_MAX_NS);
	if (result < 0)
		return result;
	return gyre__option_check_ns(&options->log, "loop", "slack_ns",
				     options->slack_ns, GYRE_SLACK_MAX_NS);
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
	result = check_options(options);
	if (result < 0)
		return result;
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
		(void)gyre_loop_make_current(loop);
	*ret_loop = loop;
	return 0;
}

/* -- close and free ------------------------------------------------------ */

void
gyre__loop_set_helpers(struct gyre_loop *loop, const struct gyre__cpus *helpers)
{
	loop->helpers = *helpers;
}

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

/* One that has not been told to be quiet, or NULL. What it is told may take
 * others away. */
static struct gyre__dependent *
first_loud(const struct gyre_loop *loop)
{
	struct gyre__dependent *dependent = loop->dependents;

	while (dependent != NULL &&
	       (dependent->quiet == NULL || dependent->is_quiet))
		dependent = dependent->next;
	return dependent;
}

void
gyre__loop_quiet(struct gyre_loop *loop)
{
	struct gyre__dependent *dependent;

	loop->is_quiet = true;
	gyre__inbox_admit_insiders(loop->inbox);
	while ((dependent = first_loud(loop)) != NULL) {
		dependent->is_quiet = true;
		dependent->quiet(dependent);
	}
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

/* Close what lives on the loop, drop its timeouts, then close its inbox. */
static void
drop_what_waits(struct gyre_loop *loop)
{
	gyre__clear_exception(); /* nothing of what follows raised it */
	gyre__outbox_enter(&loop->outbox);
	gyre__loop_end_batch(loop);
	close_dependents(loop);
	gyre__loop_drop_timeouts(loop);
	gyre__loop_end_batch(loop);
	gyre__outbox_close(&loop->outbox);
	gyre__outbox_leave(&loop->outbox);
	GYRE_INSIST(loop->batch_ends == NULL);
}

int
gyre_loop_close(struct gyre_loop *loop, bool all_fds)
{
	uint32_t state;

	if (gyre__is_fork(loop->forks))
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
	gyre__watchdog_close(loop);
	drop_what_waits(loop);
	gyre__loop_close_handlers(loop, all_fds);
	gyre__loop_publish(loop, GYRE__NEVER);
	gyre_pool_free(loop->own_pool);
	loop->own_pool = NULL;
	loop->poller_ops->close(loop->handlers.poller);
	if (gyre__loop_is_current(loop))
		gyre_loop_clear_current();
	return 0;
}

/* A fork leaves to its parent what the loop was to do, and closes the
 * descriptors that it got a copy of. The poller's registrations are not
 * copies: removing one would remove the parent's. */
static void
abandon(struct gyre_loop *loop)
{
	GYRE_REQUIRE(!gyre_loop_in_owner_thread(loop));
	loop->poller_ops->close(loop->handlers.poller);
	loop->sys->release(loop->handlers.table);
	gyre__timeouts_fini(&loop->timeouts);
	gyre__inbox_unref_many(loop->inbox, loop->outbox.home_refs);
}

void
gyre_loop_free(struct gyre_loop *loop)
{
	if (loop == NULL)
		return;
	GYRE_REQUIRE(gyre_loop_is_closed(loop) || gyre__is_fork(loop->forks));
	if (!gyre_loop_is_closed(loop))
		abandon(loop);
	/* It may have been closed on another thread. */
	if (gyre__loop_is_current(loop))
		gyre_loop_clear_current();
	gyre_inbox_unref(loop->inbox);
	gyre__spares_fini(&loop->spares);
	loop->sys->release(loop);
}

/* -- what others ask for -------------------------------------------------- */

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
