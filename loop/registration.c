/*
 * What the owner registers: handlers.
 */
#include "loop/loop.h"

#include "base/check.h"

#include <errno.h>

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
