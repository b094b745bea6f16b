/*
 * What the owner registers: timeouts, handlers.
 */
#include "loop/loop.h"

#include "base/check.h"

#include <errno.h>

int64_t
gyre_loop_time(const struct gyre_loop *loop)
{
	return loop->clock.now_ns(loop->clock.arg);
}

int
gyre_loop_call_at(struct gyre_loop *loop, int64_t when_ns, gyre_callback_fn fn,
		  void *arg, gyre_timeout *ret_timeout)
{
	GYRE_REQUIRE(fn != NULL);
	gyre__loop_require_owner(loop);
	if (gyre__loop_state(loop) & GYRE__LOOP_CLOSED)
		return -ESHUTDOWN;
	return gyre__timeouts_add(&loop->timeouts, when_ns, fn, arg,
				  ret_timeout);
}

int
gyre_loop_call_later(struct gyre_loop *loop, int64_t delay_ns,
		     gyre_callback_fn fn, void *arg, gyre_timeout *ret_timeout)
{
	int64_t when_ns;

	gyre__loop_require_owner(loop);
	if (__builtin_add_overflow(gyre_loop_time(loop), delay_ns, &when_ns))
		when_ns = delay_ns > 0 ? GYRE_FOREVER : INT64_MIN;
	return gyre_loop_call_at(loop, when_ns, fn, arg, ret_timeout);
}

void
gyre_loop_remove_timeout(struct gyre_loop *loop, gyre_timeout timeout)
{
	gyre__loop_require_owner(loop);
	if (!(gyre__loop_state(loop) & GYRE__LOOP_CLOSED))
		gyre__timeouts_remove(&loop->timeouts, timeout);
}

int
gyre_loop_add_handler(struct gyre_loop *loop, int fd, unsigned events,
		      gyre_handler_fn fn, void *arg)
{
	GYRE_REQUIRE(fn != NULL);
	gyre__loop_require_owner(loop);
	if (gyre__loop_state(loop) & GYRE__LOOP_CLOSED)
		return -ESHUTDOWN;
	return gyre__handlers_add(&loop->handlers, fd, events, fn, arg);
}

int
gyre_loop_update_handler(struct gyre_loop *loop, int fd, unsigned events)
{
	gyre__loop_require_owner(loop);
	if (gyre__loop_state(loop) & GYRE__LOOP_CLOSED)
		return -ESHUTDOWN;
	return gyre__handlers_update(&loop->handlers, fd, events);
}

int
gyre_loop_remove_handler(struct gyre_loop *loop, int fd)
{
	gyre__loop_require_owner(loop);
	return gyre__handlers_remove(&loop->handlers, fd);
}
