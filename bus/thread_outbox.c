/*
 * An outbox for a thread that runs no loop: a loop's outbox with a home where
 * nothing arrives but blocks that come back. Nobody sleeps there, so it has no
 * bell. It is the thread's only while it is flushed: a future made in between,
 * or a loop run, would otherwise have a home that nobody runs. What a flush
 * finds in one block, as mostly, leaves in a block of the thread's berth, which
 * need not come back.
 *
 * Rejected: cells that are taken and pushed in chains, which costs the same as
 * one by one but for the push: a cell comes from a stack that all senders
 * share; to add to what waits at the berth, which is one more look at a line
 * that the consumer has.
 */
#include <gyre/outbox.h>

#include "base/check.h"
#include "base/exception.h"
#include "base/fork.h"
#include "base/log.h"
#include "base/trace.h"
#include "bus/inbox.h"
#include "bus/outbox.h"

#include <errno.h>

_Static_assert(GYRE_OUTBOX_MESSAGES_MAX == GYRE__LANE_MESSAGES_MAX,
	       "what is documented is what a lane does");

struct gyre_outbox {
	struct gyre__outbox outbox; /* first */
	struct gyre_log log;
};

static void
log_raise(struct gyre__outbox *outbox, const char *what, void (*fn)(void),
	  void *arg)
{
	const struct gyre_outbox *own = (const struct gyre_outbox *)outbox;
	const struct gyre_exception *raised = gyre_exception();

	(void)fn;
	(void)arg;
	gyre__log(&own->log, GYRE_LOG_ERROR, "outbox: a %s raised %s: %s", what,
		  gyre_error_name(raised->error), raised->message);
}

/* Nothing but blocks has this home, and they need no turn. */
static void
take_blocks_back(struct gyre__outbox *outbox)
{
	struct gyre__chain back = { 0 };
	struct gyre_task *task;

	gyre__inbox_take(outbox->home, &back);
	while ((task = gyre__chain_pop(&back)) != NULL) {
		GYRE_INSIST(task->run == gyre__block_come_home);
		gyre__block_come_home(task);
	}
}

/* For so long it is the thread's, as in a flush, in which this may be. */
static void
restock(struct gyre__outbox *outbox)
{
	struct gyre__outbox *before = gyre__outbox_of_thread;

	if (gyre__inbox_is_empty(outbox->home))
		return;
	gyre__outbox_of_thread = outbox;
	take_blocks_back(outbox);
	gyre__outbox_of_thread = before;
}

int
gyre_outbox_new(const struct gyre_outbox_options *options,
		struct gyre_outbox **ret_outbox)
{
	static const struct gyre_outbox_options defaults;
	const struct gyre_sys *sys;
	struct gyre_outbox *outbox;
	struct gyre_inbox *home;

	GYRE_REQUIRE(gyre__outbox_of_thread == NULL);
	if (options == NULL)
		options = &defaults;
	sys = gyre__sys(options->_sys);
	outbox = gyre__allocate(sys, sizeof(*outbox), GYRE__CACHE_LINE);
	if (outbox == NULL)
		return -ENOMEM;
	home = gyre__inbox_new(sys, NULL);
	if (home == NULL) {
		sys->release(outbox);
		return -ENOMEM;
	}
	gyre__outbox_init(&outbox->outbox, sys, home, log_raise);
	outbox->outbox.restock = restock;
	outbox->log = options->log;
	*ret_outbox = outbox;
	return 0;
}

/* -- adding ---------------------------------------------------------------- */

/* Whether this thread may send there: 0 or why not. */
static inline int
refusal(const struct gyre_outbox *outbox, const struct gyre_inbox *inbox)
{
	GYRE_REQUIRE(gyre__outbox_of_thread == NULL ||
		     gyre__outbox_of_thread == &outbox->outbox);
	if (gyre__is_fork(inbox->forks))
		return -EPERM;
	return gyre__inbox_refuses_thread(inbox) ? -ESHUTDOWN : 0;
}

/* Needs no stack, as what it calls; see send.c. */
__attribute__((always_inline)) static inline int
add_callback(struct gyre_outbox *outbox, struct gyre_inbox *inbox,
	     gyre_callback_fn fn, void *arg, gyre_drop_fn drop)
{
	int result = refusal(outbox, inbox);

	if (result < 0)
		return result;
	GYRE__TRACE_CALLBACK_POSTED(inbox, fn, arg);
	return gyre__outbox_add(&outbox->outbox, inbox, fn, arg, drop);
}

int
gyre_outbox_add_callback_drop(struct gyre_outbox *outbox,
			      struct gyre_inbox *inbox, gyre_callback_fn fn,
			      void *arg, gyre_drop_fn drop)
{
	return add_callback(outbox, inbox, fn, arg, drop);
}

int
gyre_outbox_add_callback(struct gyre_outbox *outbox, struct gyre_inbox *inbox,
			 gyre_callback_fn fn, void *arg)
{
	return add_callback(outbox, inbox, fn, arg, NULL);
}

int
gyre_outbox_add_task(struct gyre_outbox *outbox, struct gyre_inbox *inbox,
		     struct gyre_task *task)
{
	int result = refusal(outbox, inbox);

	GYRE_REQUIRE(task->run != NULL && task->drop != NULL);
	if (result < 0)
		return result;
	GYRE__TRACE_TASK_POSTED(inbox, task, 1);
	return gyre__outbox_post(&outbox->outbox, inbox, task);
}

/* -- sending --------------------------------------------------------------- */

void
gyre_outbox_flush(struct gyre_outbox *outbox)
{
	struct gyre__outbox *own = &outbox->outbox;

	if (gyre__is_fork(own->home->forks))
		return;
	GYRE_REQUIRE(gyre__outbox_of_thread == NULL);
	gyre__outbox_enter(own);
	take_blocks_back(own);
	gyre__outbox_flush(own);
	gyre__outbox_leave(own);
}

void
gyre_outbox_free(struct gyre_outbox *outbox)
{
	struct gyre__outbox *own;

	if (outbox == NULL)
		return;
	own = &outbox->outbox;
	if (!gyre__is_fork(own->home->forks)) {
		GYRE_REQUIRE(gyre__outbox_of_thread == NULL);
		gyre__outbox_enter(own);
		take_blocks_back(own);
		gyre__outbox_close(own);
		gyre__outbox_leave(own);
	}
	gyre_inbox_unref(own->home);
	own->sys->release(outbox);
}
