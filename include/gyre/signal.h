/*
 * Signals on a loop: a function that runs on the loop, in an iteration of its
 * own, when the process gets a signal, so that it may do whatever a callback
 * may.
 *
 * Any loop may watch any signal, and several may watch the same: each is told.
 * A signal that comes again before the function has run is not told twice, as
 * the kernel has it; one that comes after the function has begun is told again,
 * so none is lost. The first watch of a signal takes the process's action for
 * it, and the last one that goes brings the former action back. A signal must
 * be blocked in no thread at all or in some, but not in all.
 *
 *     gyre_loop_add_signal(loop, SIGHUP, reload, server);
 */
#ifndef GYRE_SIGNAL_H
#define GYRE_SIGNAL_H

#include <gyre/base.h>

#ifdef __cplusplus
extern "C" {
#endif

struct gyre_loop;

typedef void (*gyre_signal_fn)(int signo, void *arg);

/*
 * Run a function on the loop whenever the process gets a signal, until the
 * watch is removed or the loop is closed. A child that is forked has the
 * actions from before and is told nothing.
 *
 * Thread: owner
 * Errors: -EINVAL there is no such signal, it cannot be handled, or a fault
 *         raises it; -EEXIST this loop watches it; -ESHUTDOWN; -EPERM the
 *         process is a fork; -ENOMEM
 */
GYRE_API int gyre_loop_add_signal(struct gyre_loop *loop, int signo,
				  gyre_signal_fn fn, void *arg) GYRE_MUST_CHECK;

/*
 * Watch a signal no more: when this returns the function is not called again,
 * even for a signal that came before.
 *
 * Thread: owner
 * Errors: -ENOENT this loop does not watch it; -EPERM the process is a fork
 */
GYRE_API int gyre_loop_remove_signal(struct gyre_loop *loop, int signo);

#ifdef __cplusplus
}
#endif

#endif
