/*
 * A future is a value or an error that arrives later, on its home loop.
 *
 * Any thread may resolve, reject or cancel it, once; the first to do so wins.
 * What happened travels to the home loop as a task, and everything else (its
 * callbacks, done, result) is seen there, one hop later, in the order the
 * callbacks were added. If the home loop closes first, the callbacks are
 * dropped. A future is counted: whoever will complete it holds a reference,
 * and so does a callback that waits for it.
 *
 *     struct gyre_future *reply = gyre_bus_call(bus, 2, lookup, key);
 *     gyre_loop_add_future(loop, reply, on_reply, connection);
 *     gyre_future_unref(reply);
 */
#ifndef GYRE_FUTURE_H
#define GYRE_FUTURE_H

#include <gyre/base.h>
#include <gyre/task.h>

#ifdef __cplusplus
extern "C" {
#endif

struct gyre_future;
struct gyre_loop;

typedef void (*gyre_future_fn)(struct gyre_future *future, void *arg);

/*
 * Make a pending future whose home is the given loop. The caller holds the
 * one reference.
 *
 * Thread: any
 * Errors: NULL no memory, or the loop is closed
 */
GYRE_API struct gyre_future *gyre_future_new(struct gyre_loop *loop)
	GYRE_MUST_CHECK;

/*
 * Take one more reference.
 *
 * Thread: any
 */
GYRE_API struct gyre_future *gyre_future_ref(struct gyre_future *future);

/*
 * Give a reference back; the last one frees the future. NULL is a no-op.
 *
 * An error that nobody has read is reported then, to the home loop's exception
 * hook as what failed, "future": inside this call on the home loop's thread,
 * else as soon as the home loop comes to it. It was read if gyre_future_wait(),
 * gyre_future_result() or gyre_future_message() gave it out, or another future
 * took it over. Not reported are cancellations, what is left when the home
 * loop has closed, and futures that no loop is the home of.
 *
 * Thread: any
 */
GYRE_API void gyre_future_unref(struct gyre_future *future);

/*
 * Complete the future with a value.
 *
 * Thread: any
 * Blocks: never; allocates nothing
 * Errors: -EALREADY it was completed before; the value stays the caller's
 */
GYRE_API int gyre_future_resolve(struct gyre_future *future, void *value);

/*
 * Complete the future with an error (a negative errno) and one line that says
 * what was wrong, or NULL.
 *
 * Thread: any
 * Errors: -EALREADY it was completed before
 */
GYRE_API int gyre_future_reject(struct gyre_future *future, int error,
				const char *message);

/*
 * Complete the future with -ECANCELED. Whatever was to complete it is not
 * interrupted; its own completion is refused. An executor's job that waits is
 * withdrawn inside this call, one that runs sees gyre_job_cancelled().
 *
 * Thread: any
 * Errors: -EALREADY it was completed before
 */
GYRE_API int gyre_future_cancel(struct gyre_future *future);

/*
 * Tell whether the future is complete.
 *
 * Thread: any; on the home loop it is final, elsewhere a moment's truth
 */
GYRE_API bool gyre_future_done(const struct gyre_future *future);

/*
 * Read the outcome: 0 with the value, or the error it was completed with.
 *
 * Thread: any
 * Errors: -EAGAIN it is not complete; -ECANCELED; the rejection's code
 */
GYRE_API int gyre_future_result(struct gyre_future *future, void **ret_value);

/*
 * Return the line a rejection came with, "" if there is none.
 *
 * Thread: any, once the future is done
 */
GYRE_API const char *gyre_future_message(struct gyre_future *future);

/*
 * Complete the target as the source is, once that is complete, unless the
 * target is done by then; a value is the same pointer for both. If the source's
 * home loop closes first, the target is rejected with -ESHUTDOWN. Both are held
 * until then.
 *
 * Thread: owner of the source's home loop; the target may live anywhere
 * Errors: -EINVAL both are the same, or no loop is the source's home;
 *         -ESHUTDOWN that loop is closed; -ENOMEM
 */
GYRE_API int gyre_future_chain(struct gyre_future *source,
			       struct gyre_future *target) GYRE_MUST_CHECK;

/*
 * Make a future that is complete when all these futures of the loop are: with
 * NULL, or with the error of the first in the array that has one; the others'
 * errors stay unread. Of no futures, it is complete at once. It holds them,
 * also when it is cancelled, which leaves them alone; one may be there twice;
 * it is rejected with -EINVAL if one lives on another loop, with -ESHUTDOWN if
 * the loop closes first.
 *
 * Thread: owner
 * Owns:   the caller gets one reference to the new future
 * Errors: NULL no memory, or the loop is closed
 */
GYRE_API struct gyre_future *gyre_future_all(struct gyre_loop *loop,
					     struct gyre_future *const *futures,
					     size_t count) GYRE_MUST_CHECK;

/*
 * Make a future that is complete when one of these futures of the loop is
 * resolved, with that one's value; if all fail, with the error of the last to
 * fail. The others' errors stay unread. Of no futures, it is rejected with
 * -EINVAL. For the rest it is like gyre_future_all().
 *
 * Thread: owner
 * Owns:   the caller gets one reference to the new future
 * Errors: NULL no memory, or the loop is closed
 */
GYRE_API struct gyre_future *gyre_future_any(struct gyre_loop *loop,
					     struct gyre_future *const *futures,
					     size_t count) GYRE_MUST_CHECK;

/*
 * Block until the future is complete, then answer as gyre_future_result().
 * The home loop need not run: whoever completes the future wakes the wait.
 *
 * Thread: any that runs no loop
 * Blocks: up to deadline_ns, an instant of CLOCK_MONOTONIC; GYRE_FOREVER
 * Errors: -ETIMEDOUT; -EDEADLK called on a running loop's thread; -ENOMEM
 */
GYRE_API int gyre_future_wait(struct gyre_future *future, int64_t deadline_ns,
			      void **ret_value) GYRE_MUST_CHECK;

#ifdef __cplusplus
}
#endif

#endif
