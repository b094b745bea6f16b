/*
 * A periodic calls a callback again and again, on a grid of whole periods.
 *
 * The first call comes one period after the start. When the callback returns,
 * the next call is scheduled at the first slot of the grid that is still to
 * come: what it took does not shift the grid, and slots that it overran, or
 * that passed while the loop was stopped, are skipped and never made up. A
 * periodic is bound to a loop while it runs, and belongs to that loop's owner
 * then; otherwise any one thread at a time may use it. It does not keep its
 * loop from stopping; when its loop closes, it is stopped, and when its runtime
 * stops it calls no more.
 *
 *     struct gyre_periodic *tick;
 *     gyre_periodic_new(on_tick, NULL, GYRE_MS(500), &tick);
 *     gyre_periodic_start(tick);
 *     gyre_loop_start(loop);
 *     gyre_periodic_free(tick);
 */
#ifndef GYRE_PERIODIC_H
#define GYRE_PERIODIC_H

#include <gyre/base.h>
#include <gyre/loop.h>
#include <gyre/task.h>

#ifdef __cplusplus
extern "C" {
#endif

struct gyre_periodic;

/* -- life ---------------------------------------------------------------- */

/*
 * Make a periodic, which does not run yet.
 *
 * Thread: any
 * Errors: -EINVAL period_ns is not positive; -ENOMEM
 */
GYRE_API int gyre_periodic_new(
	gyre_callback_fn fn, void *arg, int64_t period_ns,
	struct gyre_periodic **ret_periodic) GYRE_MUST_CHECK;

/*
 * As gyre_periodic_new(); when the periodic goes, drop gets arg, with
 * GYRE_DROP_CANCELED.
 *
 * Thread: any
 * Owns:   on 0 the periodic owns arg, until drop; on error still the caller
 * Errors: -EINVAL period_ns is not positive; -ENOMEM
 */
GYRE_API int gyre_periodic_new_drop(
	struct gyre_callback callback, int64_t period_ns,
	struct gyre_periodic **ret_periodic) GYRE_MUST_CHECK;

/*
 * Stop a periodic and free it. Inside its own callback, or while a call is
 * held, it goes when that call is over. NULL is a no-op.
 *
 * Thread: owner
 */
GYRE_API void gyre_periodic_free(struct gyre_periodic *periodic);

/*
 * Start on the thread's current loop, as gyre_periodic_start_on().
 *
 * Thread: owner
 * Errors: -EALREADY it runs; -ENOENT the thread has no current loop;
 *         -ESHUTDOWN; -ENOMEM
 */
GYRE_API int gyre_periodic_start(struct gyre_periodic *periodic)
	GYRE_MUST_CHECK;

/*
 * Start on a loop: the first call comes one period from now.
 *
 * Thread: owner
 * Errors: -EALREADY it runs; -ESHUTDOWN the loop is closed; -ENOMEM
 */
GYRE_API int gyre_periodic_start_on(struct gyre_periodic *periodic,
				    struct gyre_loop *loop) GYRE_MUST_CHECK;

/*
 * Stop: no call comes any more, not even one that is due in this batch. One
 * that does not run is left alone. It may be started again at once, inside
 * its own callback too: that begins a new series and ends the old one.
 *
 * Thread: owner
 */
GYRE_API void gyre_periodic_stop(struct gyre_periodic *periodic);

/* -- settings ------------------------------------------------------------ */

/*
 * Change the period; the call that is already scheduled keeps its instant.
 *
 * Thread: owner
 * Errors: -EINVAL period_ns is not positive
 */
GYRE_API int gyre_periodic_set_period(struct gyre_periodic *periodic,
				      int64_t period_ns);

/*
 * Vary the period: each call is scheduled with another one, drawn evenly from
 * period * (1 - jitter / 2) up to period * (1 + jitter / 2). The differences
 * add up: there is no grid any more. 0, as at first, is none; the call that is
 * already scheduled keeps its instant.
 *
 * Thread: owner
 * Errors: -EINVAL jitter is not within 0 and 1; what the system's random
 *         numbers failed with
 */
GYRE_API int gyre_periodic_set_jitter(struct gyre_periodic *periodic,
				      double jitter);

/* -- calls that outlast their callback ----------------------------------- */

/*
 * Say, inside the callback, that this call is not over when the callback
 * returns: the next one is scheduled by gyre_periodic_done(). Calls never
 * overlap: after a stop and a start too, the first waits for a held one.
 *
 * Thread: owner
 */
GYRE_API void gyre_periodic_hold(struct gyre_periodic *periodic);

/*
 * End the call that is held, as if its callback returned now. Owed once for
 * each hold, also when the periodic was stopped or freed meanwhile.
 *
 * Thread: owner
 */
GYRE_API void gyre_periodic_done(struct gyre_periodic *periodic);

/* -- introspection ------------------------------------------------------- */

/*
 * Tell whether it was started and not stopped since, whether or not its loop
 * runs. Closing its loop stops it.
 *
 * Thread: owner
 */
GYRE_API bool gyre_periodic_is_running(const struct gyre_periodic *periodic);

#ifdef __cplusplus
}
#endif

#endif
