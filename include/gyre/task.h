/*
 * A task is the unit of work that crosses threads; an inbox is where it goes.
 *
 * A task is embedded in whatever crosses: a message, a request, a job. It is
 * accepted when the post returns 0, and then exactly one of run and drop is
 * called, exactly once, on the thread that owns the inbox (drop may also be
 * called on the sender's loop, when the destination closed meanwhile). From
 * one sender to one inbox tasks and callbacks run in the order of the posts.
 *
 *     struct order { struct gyre_task task; int quantity; };
 *     static void order_run(struct gyre_task *task)
 *     {
 *             struct order *order = (struct order *)task;
 *             ship(order->quantity);
 *             free(order);
 *     }
 */
#ifndef GYRE_TASK_H
#define GYRE_TASK_H

#include <gyre/base.h>

#ifdef __cplusplus
extern "C" {
#endif

struct gyre_inbox;

/* Why accepted work will never run. */
enum gyre_drop_reason {
	GYRE_DROP_STOPPED = 1, /* its loop closed, or its pool shut down */
	GYRE_DROP_EXPIRED,     /* its deadline passed before its turn */
	GYRE_DROP_CANCELED,    /* it was cancelled before its turn */
	GYRE_DROP_REFUSED,     /* there was no room for it, or no such place */
};

struct gyre_task {
	struct gyre_task *_next;
	/* Do the work; the task is the callee's again. */
	void (*run)(struct gyre_task *task);
	/* It will never run; the task is the callee's again. Posts, if at
	 * all, expecting refusal. */
	void (*drop)(struct gyre_task *task, enum gyre_drop_reason reason);
};

/* Tasks that are posted at once, in the order in which they were added. */
struct gyre_task_chain {
	struct gyre_task *_newest;
	struct gyre_task *_oldest;
	size_t count;
};

/*
 * Add a task to the end of a chain; it is in no other one and not posted.
 *
 * Thread: any; the chain is one thread's
 */
static inline void
gyre_task_chain_add(struct gyre_task_chain *chain, struct gyre_task *task)
{
	task->_next = chain->_newest;
	chain->_newest = task;
	if (chain->_oldest == NULL)
		chain->_oldest = task;
	chain->count++;
}

/* A callback and what becomes of its argument when it never runs. */
typedef void (*gyre_callback_fn)(void *arg);
typedef void (*gyre_drop_fn)(void *arg, enum gyre_drop_reason reason);

/* The three in one, where a call would have too many parameters. */
struct gyre_callback {
	gyre_callback_fn fn;
	void *arg;
	gyre_drop_fn drop; /* may be NULL */
};

/*
 * What ports and topics carry. Inside a process nothing is copied: `data` goes
 * as it is, and release is called once, on the thread that is done with it
 * last.
 */
struct gyre_message {
	void *data;
	size_t size;
	void (*release)(void *data); /* NULL: there is nothing to release */
};

/*
 * Post a task to an inbox.
 *
 * Inside a running loop the task is gathered with what that loop sends and
 * leaves at the end of the current batch at the latest.
 *
 * Thread: any
 * Owns:   on 0 the inbox, until run or drop; on error still the caller
 * Order:  first in, first out per sender and inbox, with callbacks
 * Blocks: never; needs no memory
 * Errors: -ESHUTDOWN the inbox is closed;
 *         -EPERM the process is a fork of the one that made it
 */
GYRE_API int gyre_inbox_post(struct gyre_inbox *inbox,
			     struct gyre_task *task) GYRE_MUST_CHECK;

/*
 * Post all the tasks of a chain, or none: nothing of the same sender comes
 * between them. The chain is empty afterwards.
 *
 *     struct gyre_task_chain chain = { 0 };
 *     for (int i = 0; i < n; i++)
 *             gyre_task_chain_add(&chain, &orders[i].task);
 *     result = gyre_inbox_post_chain(inbox, &chain);
 *
 * Thread: any
 * Owns:   on 0 the inbox, until each is run or dropped; on error still the
 *         caller, the chain as it was
 * Order:  first in, first out per sender and inbox, with callbacks
 * Blocks: never; needs no memory
 * Errors: -ESHUTDOWN the inbox is closed;
 *         -EPERM the process is a fork of the one that made it
 */
GYRE_API int gyre_inbox_post_chain(struct gyre_inbox *inbox,
				   struct gyre_task_chain *chain)
	GYRE_MUST_CHECK;

/*
 * Post a task that overtakes: it runs as soon as the function that now runs on
 * the inbox's loop returns, before all that is not urgent.
 *
 * Thread: any+signal
 * Owns:   on 0 the inbox, until run or drop; on error still the caller
 * Order:  first in, first out per sender, among urgent tasks
 * Blocks: never; needs no memory
 * Errors: -ESHUTDOWN the inbox is closed; -EPERM the process is a fork
 */
GYRE_API int gyre_inbox_post_urgent(struct gyre_inbox *inbox,
				    struct gyre_task *task) GYRE_MUST_CHECK;

/*
 * Keep an inbox: a counted handle outlives its loop, and a post to a closed
 * one is refused.
 *
 * Thread: any
 */
GYRE_API struct gyre_inbox *gyre_inbox_ref(struct gyre_inbox *inbox);

/*
 * Give a handle back. NULL is a no-op.
 *
 * Thread: any
 */
GYRE_API void gyre_inbox_unref(struct gyre_inbox *inbox);

/*
 * Return the name of a drop reason, such as "stopped".
 *
 * Thread: any
 */
GYRE_API const char *gyre_drop_reason_name(enum gyre_drop_reason reason);

#ifdef __cplusplus
}
#endif

#endif
