/*
 * The loop's timeouts for its user: adding, moving and cancelling them, and
 * dropping what is left of them at close. The order they run in is
 * timeouts.c's, running them the iteration's.
 */
#include "loop/loop.h"

#include "base/check.h"
#include "base/fork.h"

#include <errno.h>

static void
drop(struct gyre_loop *loop, const struct gyre_callback *callback,
     enum gyre_drop_reason reason)
{
	loop->timeouts_dropped++;
	if (callback->drop != NULL)
		gyre__loop_drop(&loop->outbox, callback, reason);
}

void
gyre__loop_drop_timeouts(struct gyre_loop *loop)
{
	struct gyre_callback callback;

	while (gyre__timeouts_pop_any(&loop->timeouts, &callback))
		drop(loop, &callback, GYRE_DROP_STOPPED);
	gyre__timeouts_fini(&loop->timeouts);
}

int64_t
gyre_loop_time(const struct gyre_loop *loop)
{
	return loop->clock.now_ns(loop->clock.arg);
}

int64_t
gyre__loop_instant_after(const struct gyre_loop *loop, int64_t delay_ns)
{
	int64_t when_ns;

	if (__builtin_add_overflow(gyre_loop_time(loop), delay_ns, &when_ns))
		return delay_ns > 0 ? GYRE_FOREVER : INT64_MIN;
	return when_ns;
}

static int64_t
instant_of(const struct gyre_loop *loop, struct gyre_deadline deadline)
{
	return deadline._from_now ? gyre__loop_instant_after(loop, deadline._ns)
				  : deadline._ns;
}

int
gyre__loop_schedule(struct gyre_loop *loop, int64_t when_ns,
		    const struct gyre_callback *callback,
		    gyre_timeout *ret_timeout)
{
	int result = gyre__loop_refusal(loop);

	if (result < 0)
		return result;
	result = gyre__timeouts_add(&loop->timeouts, when_ns, callback,
				    ret_timeout);
	if (result == 0)
		loop->timeouts_added++;
	return result;
}

int
gyre_loop_add_timeout(struct gyre_loop *loop, struct gyre_deadline deadline,
		      gyre_callback_fn fn, void *arg, gyre_timeout *ret_timeout)
{
	const struct gyre_callback callback = { .fn = fn, .arg = arg };

	GYRE_REQUIRE(fn != NULL);
	gyre__loop_require_owner(loop);
	return gyre__loop_schedule(loop, instant_of(loop, deadline), &callback,
				   ret_timeout);
}

int
gyre_loop_add_timeout_drop(struct gyre_loop *loop,
			   struct gyre_deadline deadline,
			   struct gyre_callback callback,
			   gyre_timeout *ret_timeout)
{
	GYRE_REQUIRE(callback.fn != NULL);
	gyre__loop_require_owner(loop);
	return gyre__loop_schedule(loop, instant_of(loop, deadline), &callback,
				   ret_timeout);
}

int
gyre_loop_call_at(struct gyre_loop *loop, int64_t when_ns, gyre_callback_fn fn,
		  void *arg, gyre_timeout *ret_timeout)
{
	const struct gyre_callback callback = { .fn = fn, .arg = arg };

	GYRE_REQUIRE(fn != NULL);
	gyre__loop_require_owner(loop);
	return gyre__loop_schedule(loop, when_ns, &callback, ret_timeout);
}

int
gyre_loop_call_at_drop(struct gyre_loop *loop, int64_t when_ns,
		       struct gyre_callback callback, gyre_timeout *ret_timeout)
{
	GYRE_REQUIRE(callback.fn != NULL);
	gyre__loop_require_owner(loop);
	return gyre__loop_schedule(loop, when_ns, &callback, ret_timeout);
}

int
gyre_loop_call_later(struct gyre_loop *loop, int64_t delay_ns,
		     gyre_callback_fn fn, void *arg, gyre_timeout *ret_timeout)
{
	const struct gyre_callback callback = { .fn = fn, .arg = arg };

	GYRE_REQUIRE(fn != NULL);
	gyre__loop_require_owner(loop);
	return gyre__loop_schedule(loop,
				   gyre__loop_instant_after(loop, delay_ns),
				   &callback, ret_timeout);
}

int
gyre_loop_call_later_drop(struct gyre_loop *loop, int64_t delay_ns,
			  struct gyre_callback callback,
			  gyre_timeout *ret_timeout)
{
	GYRE_REQUIRE(callback.fn != NULL);
	gyre__loop_require_owner(loop);
	return gyre__loop_schedule(loop,
				   gyre__loop_instant_after(loop, delay_ns),
				   &callback, ret_timeout);
}

int
gyre_loop_update_timeout(struct gyre_loop *loop, gyre_timeout timeout,
			 int64_t when_ns)
{
	gyre__loop_require_owner(loop);
	if (gyre__is_fork(loop->forks))
		return -EPERM;
	return gyre__timeouts_update(&loop->timeouts, timeout, when_ns);
}

void
gyre_loop_remove_timeout(struct gyre_loop *loop, gyre_timeout timeout)
{
	struct gyre_callback callback;

	gyre__loop_require_owner(loop);
	/* In a fork, what it waits for is the parent's to drop. */
	if (gyre__is_fork(loop->forks))
		return;
	if (gyre__timeouts_remove(&loop->timeouts, timeout, &callback))
		drop(loop, &callback, GYRE_DROP_CANCELED);
}
