/*
 * The bus carries work between the shards of one runtime.
 *
 * Every shard is a loop; a call runs a function on another shard's thread and
 * its answer comes back as a future on the caller's loop. What one sender
 * sends to one shard runs in the order it was sent.
 *
 *     static void *count(void *arg)   // runs on shard 2
 *     {
 *             return store_size(arg);
 *     }
 *     struct gyre_future *reply = gyre_bus_call(bus, 2, count, NULL);
 */
#ifndef GYRE_BUS_H
#define GYRE_BUS_H

#include <gyre/base.h>
#include <gyre/future.h>
#include <gyre/task.h>

#ifdef __cplusplus
extern "C" {
#endif

struct gyre_bus;

/* Runs on the asked shard; gyre_raise() there rejects the reply. */
typedef void *(*gyre_call_fn)(void *arg);

/*
 * Return the number of shards on the bus.
 *
 * Thread: any
 */
GYRE_API unsigned gyre_bus_shards(const struct gyre_bus *bus);

/*
 * Return a shard's inbox, for as long as the runtime lives.
 *
 * Thread: any
 * Errors: NULL there is no such shard
 */
GYRE_API struct gyre_inbox *gyre_bus_inbox(const struct gyre_bus *bus,
					   unsigned shard);

/*
 * Post a task to a shard.
 *
 * Thread: any
 * Owns:   on 0 the shard, until run or drop; on error still the caller
 * Order:  first in, first out per sender and shard
 * Blocks: never; allocates nothing once warm
 * Errors: -ENOENT no such shard; -ESHUTDOWN it is closed
 */
GYRE_API int gyre_bus_post(struct gyre_bus *bus, unsigned shard,
			   struct gyre_task *task) GYRE_MUST_CHECK;

/*
 * Run a function on a shard and get its answer as a future on this thread's
 * running loop. A call to the own shard also takes its turn in the queue.
 * A shard that is or gets closed first rejects the reply with -ESHUTDOWN.
 *
 * Thread: any that runs a loop
 * Owns:   the caller gets one reference to the future
 * Order:  first in, first out per sender and shard, with posts
 * Errors: NULL no memory, or the calling thread runs no loop
 */
GYRE_API struct gyre_future *gyre_bus_call(struct gyre_bus *bus, unsigned shard,
					   gyre_call_fn fn,
					   void *arg) GYRE_MUST_CHECK;

/*
 * Run a function on a shard and block until it has answered. After
 * -ETIMEDOUT the function may still run: arg must stay valid until it has.
 *
 * Thread: any that runs no loop
 * Blocks: up to deadline_ns, an instant of CLOCK_MONOTONIC; GYRE_FOREVER
 * Errors: -ENOENT no such shard; -ESHUTDOWN it is or got closed;
 *         -ETIMEDOUT; -EDEADLK called on a running loop's thread; -ENOMEM;
 *         what fn raised
 */
GYRE_API int gyre_bus_call_wait(struct gyre_bus *bus, unsigned shard,
				gyre_call_fn fn, void *arg, int64_t deadline_ns,
				void **ret_value) GYRE_MUST_CHECK;

#ifdef __cplusplus
}
#endif

#endif
