/*
 * An outbox gathers what a thread without a loop sends, so that much of it
 * costs what little does: one exchange and at most one wake-up a flush.
 *
 * A loop has one of its own. Another thread posts each callback or task by
 * itself, unless it makes an outbox, adds to it and flushes it now and then.
 * To each destination an outbox is one sender: what it took arrives in the
 * order in which it took it; what the thread sends past it may overtake. Up to
 * GYRE_OUTBOX_MESSAGES_MAX wait for a destination, then they leave by
 * themselves.
 *
 *     gyre_outbox_new(NULL, &outbox);
 *     while (read_batch(&batch)) {
 *             for (i = 0; i < batch.count; i++)
 *                     gyre_outbox_add_callback(outbox, inbox, on_row,
 *                                              &batch.rows[i]);
 *             gyre_outbox_flush(outbox);
 *     }
 */
#ifndef GYRE_OUTBOX_H
#define GYRE_OUTBOX_H

#include <gyre/base.h>
#include <gyre/task.h>

#ifdef __cplusplus
extern "C" {
#endif

struct gyre_outbox;

#define GYRE_OUTBOX_MESSAGES_MAX 64u

struct gyre_outbox_options {
	struct gyre_log log; /* what drop functions raise is told there */
	const struct gyre_sys *_sys;
};

/*
 * Make an outbox. NULL options mean the defaults.
 *
 * Thread: any that runs no loop; the outbox is one thread's at a time
 * Errors: -ENOMEM
 */
GYRE_API int gyre_outbox_new(const struct gyre_outbox_options *options,
			     struct gyre_outbox **ret_outbox) GYRE_MUST_CHECK;

/*
 * Add a callback for a loop, by its inbox (gyre_loop_inbox(),
 * gyre_bus_inbox()). It leaves with the next flush at the latest.
 *
 * Thread: any that runs no loop, the outbox's
 * Order:  first in, first out per outbox and inbox, with tasks
 * Blocks: never; allocates nothing once warm
 * Errors: -ESHUTDOWN the inbox is closed, or its runtime takes no more from
 *         outside; -EPERM the process is a fork; -ENOMEM
 */
GYRE_API int gyre_outbox_add_callback(struct gyre_outbox *outbox,
				      struct gyre_inbox *inbox,
				      gyre_callback_fn fn,
				      void *arg) GYRE_MUST_CHECK;

/*
 * As gyre_outbox_add_callback(); if the callback never runs, `drop` gets arg:
 * where the loop is closed, or in the flush that finds it closed.
 *
 * Thread: any that runs no loop, the outbox's
 * Owns:   on 0 arg is fn's or drop's, on error still the caller's
 * Order:  first in, first out per outbox and inbox, with tasks
 * Blocks: never; allocates nothing once warm
 * Errors: as gyre_outbox_add_callback()
 */
GYRE_API int gyre_outbox_add_callback_drop(struct gyre_outbox *outbox,
					   struct gyre_inbox *inbox,
					   gyre_callback_fn fn, void *arg,
					   gyre_drop_fn drop) GYRE_MUST_CHECK;

/*
 * Add a task. It leaves with the next flush at the latest.
 *
 * Thread: any that runs no loop, the outbox's
 * Owns:   on 0 the inbox, until run or drop; on error still the caller
 * Order:  first in, first out per outbox and inbox, with callbacks
 * Blocks: never; allocates nothing once warm
 * Errors: -ESHUTDOWN the inbox is closed, or its runtime takes no more from
 *         outside; -EPERM the process is a fork
 */
GYRE_API int gyre_outbox_add_task(struct gyre_outbox *outbox,
				  struct gyre_inbox *inbox,
				  struct gyre_task *task) GYRE_MUST_CHECK;

/*
 * Send all that was added. What was for an inbox that has closed meanwhile is
 * dropped here (GYRE_DROP_STOPPED); drop functions may add to the outbox, not
 * free it.
 *
 * Thread: any that runs no loop, the outbox's
 * Blocks: never
 */
GYRE_API void gyre_outbox_flush(struct gyre_outbox *outbox);

/*
 * Flush and free an outbox. NULL is a no-op. In a fork of the process that made
 * it, what was added is its parent's to send.
 *
 * Thread: any that runs no loop, the outbox's
 */
GYRE_API void gyre_outbox_free(struct gyre_outbox *outbox);

#ifdef __cplusplus
}
#endif

#endif
