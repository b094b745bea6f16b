/*
 * Timeouts: callbacks that a loop runs at an instant of its clock.
 *
 * Instants and delays are nanoseconds. A timeout runs never early, in exact
 * order of its instant, ties in the order they were added. It can be moved and
 * removed at any time, even by another one of its batch; a handle whose timeout
 * has gone names none.
 *
 *     gyre_timeout idle;
 *     gyre_loop_call_later(loop, GYRE_SECONDS(30), hang_up, connection, &idle);
 *     gyre_loop_update_timeout(loop, idle,
 *                              gyre_loop_time(loop) + GYRE_SECONDS(30));
 */
#ifndef GYRE_TIMEOUT_H
#define GYRE_TIMEOUT_H

#include <gyre/base.h>
#include <gyre/task.h>

#ifdef __cplusplus
extern "C" {
#endif

struct gyre_loop;

/* Names a scheduled timeout; 0 names none. A stale handle is harmless. */
typedef uint64_t gyre_timeout;

/* An instant of the loop's clock, or a delay from now; see gyre_at(). */
struct gyre_deadline {
	int64_t _ns;
	bool _from_now;
};

/*
 * Make a deadline of an instant of the loop's clock.
 *
 * Thread: any+signal
 */
static inline struct gyre_deadline
gyre_at(int64_t when_ns)
{
	struct gyre_deadline deadline = { when_ns, false };

	return deadline;
}

/*
 * Make a deadline of a delay, which begins when it is given to a loop.
 *
 * Thread: any+signal
 */
static inline struct gyre_deadline
gyre_after(int64_t delay_ns)
{
	struct gyre_deadline deadline = { delay_ns, true };

	return deadline;
}

/*
 * Return the loop's clock, in nanoseconds.
 *
 * Thread: any+signal
 */
GYRE_API int64_t gyre_loop_time(const struct gyre_loop *loop);

/*
 * Run a callback at a deadline, never earlier: gyre_at(when_ns) as
 * gyre_loop_call_at(), gyre_after(delay_ns) as gyre_loop_call_later().
 *
 * Thread: owner
 * Order:  by instant, then in the order they were added
 * Errors: -ESHUTDOWN; -ENOMEM
 */
GYRE_API int gyre_loop_add_timeout(struct gyre_loop *loop,
				   struct gyre_deadline deadline,
				   gyre_callback_fn fn, void *arg,
				   gyre_timeout *ret_timeout) GYRE_MUST_CHECK;

/*
 * As gyre_loop_add_timeout(); if the callback never runs, its drop gets arg:
 * GYRE_DROP_CANCELED inside gyre_loop_remove_timeout(), GYRE_DROP_STOPPED
 * inside gyre_loop_close(). It may add and remove timeouts.
 *
 * Thread: owner
 * Owns:   on 0 the loop owns arg, until fn or drop; on error still the caller
 * Errors: -ESHUTDOWN; -ENOMEM
 */
GYRE_API int gyre_loop_add_timeout_drop(
	struct gyre_loop *loop, struct gyre_deadline deadline,
	struct gyre_callback callback,
	gyre_timeout *ret_timeout) GYRE_MUST_CHECK;

/*
 * Run a callback at an instant of the loop's clock, never earlier. Any instant
 * is legal: one in the past is due in the next iteration, GYRE_FOREVER never
 * comes. A timeout that a timeout makes waits for the next poll, due or not.
 * ret_timeout may be NULL.
 *
 * Thread: owner
 * Order:  by instant, then in the order they were added
 * Errors: -ESHUTDOWN; -ENOMEM
 */
GYRE_API int gyre_loop_call_at(struct gyre_loop *loop, int64_t when_ns,
			       gyre_callback_fn fn, void *arg,
			       gyre_timeout *ret_timeout) GYRE_MUST_CHECK;

/*
 * As gyre_loop_call_at(), with the drop of gyre_loop_add_timeout_drop().
 *
 * Thread: owner
 * Owns:   on 0 the loop owns arg, until fn or drop; on error still the caller
 * Errors: -ESHUTDOWN; -ENOMEM
 */
GYRE_API int gyre_loop_call_at_drop(struct gyre_loop *loop, int64_t when_ns,
				    struct gyre_callback callback,
				    gyre_timeout *ret_timeout) GYRE_MUST_CHECK;

/*
 * Run a callback after a delay, as gyre_loop_call_at(now + delay_ns). A sum
 * beyond the largest instant is GYRE_FOREVER.
 *
 * Thread: owner
 * Errors: -ESHUTDOWN; -ENOMEM
 */
GYRE_API int gyre_loop_call_later(struct gyre_loop *loop, int64_t delay_ns,
				  gyre_callback_fn fn, void *arg,
				  gyre_timeout *ret_timeout) GYRE_MUST_CHECK;

/*
 * As gyre_loop_call_later(), with the drop of gyre_loop_add_timeout_drop().
 *
 * Thread: owner
 * Owns:   on 0 the loop owns arg, until fn or drop; on error still the caller
 * Errors: -ESHUTDOWN; -ENOMEM
 */
GYRE_API int gyre_loop_call_later_drop(
	struct gyre_loop *loop, int64_t delay_ns, struct gyre_callback callback,
	gyre_timeout *ret_timeout) GYRE_MUST_CHECK;

/*
 * Move a timeout to another instant, as if it were removed and added again;
 * its handle stays good. One that is due in this batch and has not run yet
 * waits for its new instant. Moving later is one store.
 *
 * Thread: owner
 * Blocks: never; allocates nothing
 * Errors: -ENOENT it has run, is running, or was removed
 */
GYRE_API int gyre_loop_update_timeout(struct gyre_loop *loop,
				      gyre_timeout timeout, int64_t when_ns);

/*
 * Cancel a timeout; its drop is called before this returns. One that is due
 * in this batch and has not run yet will not. Harmless when it has run, was
 * removed, or is running.
 *
 * Thread: owner
 */
GYRE_API void gyre_loop_remove_timeout(struct gyre_loop *loop,
				       gyre_timeout timeout);

#ifdef __cplusplus
}
#endif

#endif
