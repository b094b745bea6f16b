/*
 * Callbacks, from any thread and from signal handlers. On the loop's own
 * thread one costs no atomic operation: the outbox keeps what a loop sends to
 * itself. A thread without a loop has a berth at the loop's inbox.
 *
 * A signal handler sends cells of the loop's inbox, even on the loop's own
 * thread, whose outbox it may have interrupted half-way through a change. It
 * calls these functions and no others; none takes a lock, allocates, waits, or
 * reads what the interrupted thread writes in more than one step:
 *
 *     gyre__cells_take_free    one compare-and-swap on the free stack, again
 *                              if another thread or handler came between; the
 *                              cells' memory stays while the inbox lives
 *     gyre__cell_init,         plain stores to the cell, which is the
 *     gyre__block_add          handler's alone
 *     gyre__inbox_push         one compare-and-swap on the inbox's head, again
 *                              if another push, take or arm came between
 *     the doorbell's ring      write(2), which POSIX lists as safe, to a
 *                              descriptor that does not block; errno is kept
 *     gyre__inbox_is_closed,   a load; and one compare-and-swap to give back
 *     gyre__cell_list_add,     the cell that a closed inbox refused, in a list
 *     gyre__cells_put          on the handler's stack
 *     GYRE_REQUIRE             which does something in order to abort only
 *
 * To the words that are exchanged a handler is one more thread, all of whose
 * steps come between two of the interrupted one's: some of the schedules that
 * tests/models explores.
 *
 * No reference is taken: closing waits for the rings under way, and the loop
 * must not be freed under a handler any more than under a thread.
 *
 * Rejected: a flag that the owner looks at, which needs a second wake-up
 * protocol; cells of the handlers' own, which lie idle in every loop.
 */
#include "loop/loop.h"

#include "base/check.h"
#include "base/trace.h"

_Static_assert(GYRE__CELL_CHUNK_FIRST - GYRE__CELLS_BACK_MAX >= 32,
	       "32 can wait beside one that runs and those not yet back");

int
gyre_loop_add_callback(struct gyre_loop *loop, gyre_callback_fn fn, void *arg)
{
	GYRE_REQUIRE(fn != NULL);
	/* Its own, mostly: see send.c, which does the same more slowly. */
	if (gyre__outbox_of_thread == &loop->outbox &&
	    gyre__outbox_add_ready(&loop->outbox, fn, arg)) {
		GYRE__TRACE_CALLBACK_POSTED(loop->inbox, fn, arg);
		return 0;
	}
	return gyre__send_callback(loop->inbox, fn, arg, NULL);
}

int
gyre_loop_add_callback_drop(struct gyre_loop *loop, gyre_callback_fn fn,
			    void *arg, gyre_drop_fn drop)
{
	GYRE_REQUIRE(fn != NULL);
	return gyre__send_callback(loop->inbox, fn, arg, drop);
}

int
gyre_loop_spawn_callback(struct gyre_loop *loop, gyre_callback_fn fn, void *arg)
{
	return gyre_loop_add_callback(loop, fn, arg);
}

int
gyre_loop_add_callback_from_signal(struct gyre_loop *loop, gyre_callback_fn fn,
				   void *arg)
{
	GYRE_REQUIRE(fn != NULL);
	return gyre__send_callback_from_signal(loop->inbox, fn, arg, NULL);
}

int
gyre_loop_add_callback_from_signal_drop(struct gyre_loop *loop,
					gyre_callback_fn fn, void *arg,
					gyre_drop_fn drop)
{
	GYRE_REQUIRE(fn != NULL);
	return gyre__send_callback_from_signal(loop->inbox, fn, arg, drop);
}
