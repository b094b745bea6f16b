/*
 * A loop of gyre's inside another program's loop.
 *
 * The other loop watches one descriptor, which is readable when there is
 * something to do, and one instant, the next timeout's; on either it has this
 * loop run one iteration. All of it on one thread, the loop's owner. Ask for
 * the instant last before each wait: what it returns takes account of
 * everything up to then, and what comes later makes the descriptor readable.
 *
 *     int64_t next_ns = gyre_loop_next_ns(loop);
 *     int wait_ms = ...;       (next_ns - gyre_loop_time(loop), rounded up)
 *     poll(&(struct pollfd){ gyre_loop_fd(loop), POLLIN, 0 }, 1, wait_ms);
 *     gyre_loop_run_once(loop, 0);
 */
#ifndef GYRE_EMBEDDING_H
#define GYRE_EMBEDDING_H

#include <gyre/loop.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Return a descriptor that is readable while the loop has events, and after
 * somebody has sent it something since gyre_loop_next_ns(). It is the loop's:
 * wait for it, and do nothing else with it. It stays the same as long as
 * handlers are removed before their descriptors are closed.
 *
 * Thread: owner
 * Errors: -ENOTSUP the loop's poller has none (poll, or one that was brought);
 *         -ESHUTDOWN; -EPERM the process is a fork
 */
GYRE_API int gyre_loop_fd(struct gyre_loop *loop);

/*
 * Return the instant of the loop's clock at which it wants to run if nothing
 * comes before: now, if something waits; GYRE_FOREVER, if nothing is scheduled.
 * From here on whatever is sent makes the descriptor readable.
 *
 * Thread: owner; not while the loop runs
 */
GYRE_API int64_t gyre_loop_next_ns(struct gyre_loop *loop);

/*
 * Run one iteration: the callbacks that are ready, the timeouts that are due,
 * and the handlers of what is ready after a wait of up to timeout_ns (0: none).
 *
 * Thread: owner; the calling thread becomes it while this runs
 * Blocks: up to timeout_ns, GYRE_FOREVER, and what runs then
 * Errors: -ECANCELED the loop was stopped, before or meanwhile; as
 *         gyre_loop_start()
 */
GYRE_API int gyre_loop_run_once(struct gyre_loop *loop,
				int64_t timeout_ns) GYRE_MUST_CHECK;

#ifdef __cplusplus
}
#endif

#endif
