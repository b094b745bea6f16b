/*
 * What the owner registers: callbacks and handlers. On the loop's own
 * thread a callback costs no atomic operation: the outbox keeps what a loop
 * sends to itself.
 */
#include "loop/loop.h"

#include "base/check.h"

#include <errno.h>

int
gyre_loop_add_callback(struct gyre_loop *loop, gyre_callback_fn fn, void *arg)
{
	GYRE_REQUIRE(fn != NULL);
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
