/*
 * What the owner does with descriptors, given by number or as objects; and
 * the closing of those that are registered. The table is handlers.c's.
 */
#include "loop/loop.h"

#include "base/check.h"
#include "base/exception.h"
#include "base/log.h"

#include <errno.h>

/* -- by number ------------------------------------------------------------ */

static struct gyre__handler
plain(gyre_handler_fn fn, void *arg)
{
	return (struct gyre__handler){ .fn = (void (*)(void))fn, .arg = arg };
}

int
gyre_loop_add_handler(struct gyre_loop *loop, int fd, unsigned events,
		      gyre_handler_fn fn, void *arg)
{
	const struct gyre__handler handler = plain(fn, arg);
	int result = gyre__loop_refusal(loop);

	GYRE_REQUIRE(fn != NULL);
	gyre__loop_require_owner(loop);
	if (result < 0)
		return result;
	return gyre__handlers_add(&loop->handlers, fd, events, &handler);
}

int
gyre_loop_set_handler(struct gyre_loop *loop, int fd, unsigned events,
		      gyre_handler_fn fn, void *arg)
{
	const struct gyre__handler handler = plain(fn, arg);
	int result = gyre__loop_refusal(loop);

	GYRE_REQUIRE(fn != NULL);
	gyre__loop_require_owner(loop);
	if (result < 0)
		return result;
	return gyre__handlers_set(&loop->handlers, fd, events, &handler);
}

int
gyre_loop_update_handler(struct gyre_loop *loop, int fd, unsigned events)
{
	int result = gyre__loop_refusal(loop);

	gyre__loop_require_owner(loop);
	if (result < 0)
		return result;
	return gyre__handlers_update(&loop->handlers, fd, events);
}

/* That it was closed before is forgiven. */
int
gyre_loop_remove_handler(struct gyre_loop *loop, int fd)
{
	struct gyre__handler handler;
	int result;

	gyre__loop_require_owner(loop);
	result = gyre__handlers_take(&loop->handlers, fd, &handler);
	return result == -EBADF ? 0 : result;
}

/* -- by object ------------------------------------------------------------ */

static void
require_ops(struct gyre_descriptor descriptor)
{
	GYRE_REQUIRE(descriptor.ops != NULL && descriptor.ops->fileno != NULL &&
		     descriptor.ops->close != NULL);
}

int
gyre_loop_add_handler_object(struct gyre_loop *loop,
			     struct gyre_descriptor descriptor, unsigned events,
			     gyre_object_handler_fn fn, void *arg)
{
	const struct gyre__handler handler = {
		.fn = (void (*)(void))fn,
		.arg = arg,
		.descriptor = descriptor,
	};
	int result = gyre__loop_refusal(loop);

	GYRE_REQUIRE(fn != NULL);
	require_ops(descriptor);
	gyre__loop_require_owner(loop);
	if (result < 0)
		return result;
	return gyre__handlers_add(&loop->handlers,
				  (descriptor.ops->fileno)(descriptor.object),
				  events, &handler);
}

int
gyre_loop_update_handler_object(struct gyre_loop *loop,
				struct gyre_descriptor descriptor,
				unsigned events)
{
	require_ops(descriptor);
	gyre__loop_require_owner(loop);
	return gyre_loop_update_handler(
		loop, gyre__handlers_number(&loop->handlers, descriptor),
		events);
}

int
gyre_loop_remove_handler_object(struct gyre_loop *loop,
				struct gyre_descriptor descriptor)
{
	require_ops(descriptor);
	gyre__loop_require_owner(loop);
	return gyre_loop_remove_handler(
		loop, gyre__handlers_number(&loop->handlers, descriptor));
}

/* -- what is registered --------------------------------------------------- */

int
gyre_loop_split_fd(const struct gyre_loop *loop, int fd,
		   struct gyre_descriptor *ret_descriptor)
{
	const struct gyre__handler *handler;

	gyre__loop_require_owner(loop);
	handler = gyre__handlers_find(&loop->handlers, fd);
	if (handler == NULL)
		return -ENOENT;
	*ret_descriptor = handler->descriptor;
	return 0;
}

/* -EBADF: it was closed before; a number may be another's then, while an
 * object knows about itself. */
int
gyre_loop_close_fd(struct gyre_loop *loop, int fd)
{
	struct gyre__handler handler;
	int result;

	gyre__loop_require_owner(loop);
	result = gyre__handlers_take(&loop->handlers, fd, &handler);
	if (result < 0 && result != -EBADF)
		return result;
	if (handler.descriptor.ops != NULL) {
		handler.descriptor.ops->close(handler.descriptor.object);
		return 0;
	}
	if (result == 0)
		loop->sys->close(fd);
	return result;
}

/* -- the loop's end, and its poller's ------------------------------------- */

static void
close_one(struct gyre_loop *loop, int fd)
{
	gyre_loop_close_fd(loop, fd);
	if (gyre__raised())
		gyre__loop_report(loop, &(struct gyre_failure){
						.what = "close",
						.fd = fd,
					});
}

/* By index over a table that nobody can grow now: a close function may remove
 * any handler. */
void
gyre__loop_close_handlers(struct gyre_loop *loop, bool close_fds)
{
	for (size_t fd = 0; fd < loop->handlers.capacity; fd++)
		if (close_fds)
			close_one(loop, (int)fd);
		else
			gyre_loop_remove_handler(loop, (int)fd);
	gyre__handlers_fini(&loop->handlers);
}

static int
try_another_poller(struct gyre_loop *loop)
{
	void *old = loop->handlers.poller;
	void *poller;
	int result = loop->poller_ops->open(loop->sys, &poller);

	if (result < 0) {
		gyre__handlers_endure(&loop->handlers);
		return result;
	}
	result = gyre__handlers_move(&loop->handlers, poller);
	loop->poller_ops->close(result < 0 ? poller : old);
	return result;
}

void
gyre__loop_change_poller(struct gyre_loop *loop)
{
	int result = try_another_poller(loop);

	if (result < 0) {
		gyre__log(&loop->log, GYRE_LOG_WARN,
			  "a closed descriptor is still reported, and a new "
			  "poller could not be had: %s",
			  gyre_error_name(result));
		return;
	}
	loop->poller_changes++;
	gyre__log(&loop->log, GYRE_LOG_WARN,
		  "a closed descriptor was still reported, for a duplicate of "
		  "it is open: the poller was made anew; remove handlers "
		  "before closing");
}
