/*
 * Those who wait for a future at home: tasks that need no memory of ours, on
 * lists that are the home's alone.
 *
 * Rejected: callbacks that are the future's, to be freed with it, since a
 * future that nobody completes may be held by those who wait for it alone.
 */
#include "bus/future.h"

#include "base/atomics.h"
#include "base/check.h"
#include "base/exception.h"
#include "base/fork.h"
#include "bus/inbox.h"
#include "bus/outbox.h"

#include <errno.h>

/* -- the home's list ----------------------------------------------------- */

static struct gyre__awaiter *
awaiter_of_task(struct gyre_task *task)
{
	return (struct gyre__awaiter *)((char *)task -
					offsetof(struct gyre__awaiter, task));
}

static void
enlist(struct gyre_inbox *home, struct gyre__awaiter *awaiter)
{
	awaiter->next = NULL;
	awaiter->link = home->awaiters_end;
	*awaiter->link = awaiter;
	home->awaiters_end = &awaiter->next;
}

static void
unlist(struct gyre__awaiter *awaiter)
{
	*awaiter->link = awaiter->next;
	if (awaiter->next != NULL)
		awaiter->next->link = awaiter->link;
	else
		awaiter->future->home->awaiters_end = awaiter->link;
}

/* Take an awaiter off its future's queue and the home's list; the oldest of
 * both is first. */
static struct gyre_task *
pop_awaiter(struct gyre_future *future)
{
	struct gyre_task *newest = future->newest_awaiter;
	struct gyre_task *oldest;

	if (newest == NULL)
		return NULL;
	oldest = newest->_next;
	newest->_next = oldest->_next;
	if (oldest == newest)
		future->newest_awaiter = NULL;
	unlist(awaiter_of_task(oldest));
	return oldest;
}

void
gyre__future_fire(struct gyre_future *future)
{
	struct gyre_task *task;

	future->fired = true;
	while (!gyre__is_fork(future->home->forks) &&
	       (task = pop_awaiter(future)) != NULL)
		task->run(task);
}

/* -- awaiting ------------------------------------------------------------ */

void
gyre__future_require_owner(const struct gyre_future *future,
			   const char *function)
{
	/* future_await.H1 relaxed: compared, and no more */
	const struct gyre__outbox *outbox =
		gyre__load_ptr_relaxed(&future->home->outbox);

	if (GYRE__UNLIKELY(outbox != NULL && outbox != gyre__outbox_of_thread))
		gyre__fail("the future's home loop is run by another thread; "
			   "only its owner may chain or await it",
			   __FILE__, __LINE__, function);
}

static void
push_awaiter(struct gyre_future *future, struct gyre__awaiter *awaiter)
{
	struct gyre_task *newest = future->newest_awaiter;

	if (newest == NULL)
		newest = &awaiter->task;
	else
		awaiter->task._next = newest->_next;
	newest->_next = &awaiter->task;
	future->newest_awaiter = &awaiter->task;
	enlist(future->home, awaiter);
}

int
gyre__future_await(struct gyre_future *future, struct gyre__awaiter *awaiter)
{
	int result = 0;

	if (future->home == NULL)
		return -EINVAL;
	gyre__future_require_owner(future, __func__);
	if (gyre__inbox_is_closed(future->home))
		return -ESHUTDOWN;
	awaiter->future = gyre_future_ref(future);
	if (!future->fired)
		push_awaiter(future, awaiter);
	else
		result = gyre__send_task(future->home, &awaiter->task);
	GYRE_INSIST(result == 0); /* the owner alone closes it */
	return 0;
}

void
gyre__futures_close(struct gyre_inbox *inbox)
{
	struct gyre__awaiter *awaiter;

	GYRE_INSIST(gyre__inbox_is_closed(inbox));
	while ((awaiter = inbox->awaiters) != NULL) {
		struct gyre_task *task = pop_awaiter(awaiter->future);

		/* Both orders are those in which they came. */
		GYRE_INSIST(task == &awaiter->task);
		task->drop(task, GYRE_DROP_STOPPED);
	}
}

/* -- callbacks ----------------------------------------------------------- */

struct callback {
	struct gyre__awaiter awaiter; /* first */
	gyre_future_fn fn;
	void *arg;
	gyre_drop_fn drop;
};

static void
free_callback(struct callback *callback)
{
	struct gyre_future *future = callback->awaiter.future;

	future->sys->release(callback);
	gyre_future_unref(future);
}

static void
run_callback(struct gyre_task *task)
{
	struct callback *callback = (struct callback *)task;

	callback->fn(callback->awaiter.future, callback->arg);
	if (gyre__raised())
		gyre__outbox_report(gyre__outbox_of_thread, "future callback",
				    (void (*)(void))callback->fn,
				    callback->arg);
	free_callback(callback);
}

static void
drop_callback(struct gyre_task *task, enum gyre_drop_reason reason)
{
	struct callback *callback = (struct callback *)task;

	if (callback->drop == NULL) {
		free_callback(callback);
		return;
	}
	callback->drop(callback->arg, reason);
	if (gyre__raised())
		gyre__outbox_report(gyre__outbox_of_thread, "drop",
				    (void (*)(void))callback->drop,
				    callback->arg);
	free_callback(callback);
}

int
gyre__future_add_callback(struct gyre_future *future, gyre_future_fn fn,
			  void *arg, gyre_drop_fn drop)
{
	struct callback *callback = future->sys->allocate(sizeof(*callback), 0);
	int result;

	if (callback == NULL)
		return -ENOMEM;
	*callback = (struct callback){
		.awaiter.task = { .run = run_callback, .drop = drop_callback },
		.fn = fn,
		.arg = arg,
		.drop = drop,
	};
	result = gyre__future_await(future, &callback->awaiter);
	if (result < 0)
		future->sys->release(callback);
	return result;
}
