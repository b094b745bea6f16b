/*
 * Handlers: what a loop calls when a descriptor is ready.
 *
 * A descriptor has one handler at most, which is called again and again while
 * the descriptor is ready (level-triggered), with what it waits for and with
 * ERROR. A descriptor is a number, or an object that knows its number and how
 * it is closed; both are one key space. Remove the handler before closing.
 *
 *     static void on_input(int fd, unsigned events, void *connection)
 *     {
 *             if (events & GYRE_READ)
 *                     read_some(connection);
 *     }
 *     gyre_loop_add_handler(loop, fd, GYRE_READ, on_input, connection);
 */
#ifndef GYRE_HANDLER_H
#define GYRE_HANDLER_H

#include <gyre/base.h>
#include <gyre/poller.h>

#ifdef __cplusplus
extern "C" {
#endif

struct gyre_loop;

typedef void (*gyre_handler_fn)(int fd, unsigned events, void *arg);

/*
 * A descriptor object: what has a descriptor and its own way to be closed.
 * Both functions are called by the owner; fileno answers a negative number
 * when there is no descriptor (any more).
 */
struct gyre_descriptor_ops {
	int (*fileno)(void *object);
	void (*close)(void *object);
};

/* An object by its functions; .ops NULL where a plain number is meant. */
struct gyre_descriptor {
	const struct gyre_descriptor_ops *ops;
	void *object;
};

typedef void (*gyre_object_handler_fn)(void *object, unsigned events,
				       void *arg);

/*
 * Call a handler whenever the descriptor is ready, level-triggered: as long as
 * it is ready, each poll calls it again. Its events are those it waits for and
 * are ready, in one call, and GYRE_ERROR, which needs no asking for: test READ
 * first, for there may be data before the error. A peer's orderly close is
 * READ with nothing to read.
 *
 * A handler that waits for nothing (GYRE_NONE) hears of an error once; then
 * the descriptor is left alone until gyre_loop_update_handler() asks for
 * something or gyre_loop_set_handler() replaces it. One that waits for
 * something and ignores a hang-up is called by each poll.
 *
 * What a handler adds, and what it raises the interest in, is seen by the next
 * poll; what it removes or drops the interest in, of any descriptor, is not
 * delivered any more. Among ready descriptors there is no order.
 *
 * Thread: owner
 * Errors: -EEXIST it has a handler already, which stays; -EBADF; -EINVAL
 *         events has other bits than READ, WRITE and ERROR;
 *         -EPERM a regular file or a folder (a line is logged), or the process
 *         is a fork; -ESHUTDOWN; -ENOMEM
 */
GYRE_API int gyre_loop_add_handler(struct gyre_loop *loop, int fd,
				   unsigned events, gyre_handler_fn fn,
				   void *arg) GYRE_MUST_CHECK;

/*
 * Add a handler, or put it in the place of the one that is there, object and
 * all; from the next poll on. It also puts right what a library has done that
 * closed a descriptor and opened another of the same number.
 *
 * Thread: owner
 * Errors: -EBADF; -EINVAL, -EPERM, -ESHUTDOWN, -ENOMEM as for add; the one that
 *         was there stays
 */
GYRE_API int gyre_loop_set_handler(struct gyre_loop *loop, int fd,
				   unsigned events, gyre_handler_fn fn,
				   void *arg) GYRE_MUST_CHECK;

/*
 * Change what a descriptor's handler waits for; nothing is added.
 *
 * Thread: owner
 * Errors: -ENOENT it has no handler, or it was closed and the number is
 *         another's; -EBADF it was closed; -EINVAL events has other bits;
 *         -EPERM the process is a fork; -ESHUTDOWN
 */
GYRE_API int gyre_loop_update_handler(struct gyre_loop *loop, int fd,
				      unsigned events);

/*
 * Stop watching a descriptor; events already collected for it are not
 * delivered, and what belongs to the handler may be freed. Call it before the
 * descriptor is closed: one of which a duplicate is open (in a child, too)
 * goes on being reported. The loop bears that for a few polls after the
 * handler was removed, then takes a new poller and logs a line.
 *
 * Thread: owner
 * Errors: -ENOENT it has no handler; may be ignored;
 *         -EPERM the process is a fork
 */
GYRE_API int gyre_loop_remove_handler(struct gyre_loop *loop, int fd);

/*
 * As gyre_loop_add_handler(), for a descriptor object, which the handler gets
 * back. Objects and numbers share one space of keys: what was registered as
 * the one may be updated and removed as the other.
 *
 * Thread: owner
 * Errors: -EBADF it has no descriptor; and as for gyre_loop_add_handler()
 */
GYRE_API int gyre_loop_add_handler_object(struct gyre_loop *loop,
					  struct gyre_descriptor descriptor,
					  unsigned events,
					  gyre_object_handler_fn fn,
					  void *arg) GYRE_MUST_CHECK;

/*
 * As gyre_loop_update_handler(), for a descriptor object.
 *
 * Thread: owner
 * Errors: as for gyre_loop_update_handler()
 */
GYRE_API int gyre_loop_update_handler_object(struct gyre_loop *loop,
					     struct gyre_descriptor descriptor,
					     unsigned events);

/*
 * As gyre_loop_remove_handler(), for a descriptor object. One that was closed
 * meanwhile is found all the same.
 *
 * Thread: owner
 * Errors: as for gyre_loop_remove_handler()
 */
GYRE_API int gyre_loop_remove_handler_object(struct gyre_loop *loop,
					     struct gyre_descriptor descriptor);

/*
 * Tell what is registered under a number: the object, or .ops NULL for the
 * plain number.
 *
 * Thread: owner
 * Errors: -ENOENT it has no handler
 */
GYRE_API int gyre_loop_split_fd(const struct gyre_loop *loop, int fd,
				struct gyre_descriptor *ret_descriptor);

/*
 * Take a handler off and close what it was for: an object by its own close, a
 * plain number by close(2), whose errors are ignored; never both.
 *
 * Thread: owner
 * Errors: -ENOENT it has no handler, and nothing was closed; -EBADF the number
 *         had been closed before: the handler is off, and the number, which
 *         may be another's, left alone; -EPERM the process is a fork
 */
GYRE_API int gyre_loop_close_fd(struct gyre_loop *loop, int fd);

#ifdef __cplusplus
}
#endif

#endif
