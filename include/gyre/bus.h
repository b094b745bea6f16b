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

/* A call, and what becomes of its argument when it never runs. */
struct gyre_call {
	gyre_call_fn fn;
	void *arg;
	gyre_drop_fn drop; /* may be NULL */
};

/* What one shard answered; as yet -EINPROGRESS. */
struct gyre_answer {
	int error;
	void *value; /* if error is 0 */
};

/* What is asked of all shards at once. */
struct gyre_map_reduce {
	gyre_call_fn map; /* on each shard, with the same arg */
	void *arg;
	/* The last shard that had to do with arg is done with it; on that
	 * shard's thread or the asker's, maybe after the future is complete.
	 * May be NULL: arg must then live until the runtime has stopped, or
	 * every shard has answered. */
	void (*release)(void *arg);
	/* On the asker's loop; may be NULL. */
	void (*reduce)(void *acc, void *value, unsigned shard);
	void *acc; /* the asker's; the future's value */
};

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
 *
 * A call whose future is cancelled, or expires (gyre_loop_expire_future()),
 * before its turn never runs. One that runs already is not interrupted: what it
 * returns is discarded, so whatever must be freed belongs in arg.
 *
 * From one loop at most `calls_max` calls (an option of the runtime) are open
 * at one shard: from here until their answer is home, be they cancelled
 * meanwhile. One more is rejected at once with -EAGAIN: nothing waits for room.
 *
 * Calls in a cycle: when a called function itself calls a shard by which its
 * own call came about and finds no room there, waiting for room and trying
 * again may never end, since those who hold the room may do the same at the
 * other end. Let calls that call be ordered (as layers are), or be few beside
 * the bound. A build with GYRE_DEBUG aborts there and names the shards.
 *
 * The answer is rejected with -ESHUTDOWN if the shard is or gets closed first,
 * -ENOENT if there is none, -EAGAIN, or what fn raised.
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
 * As gyre_bus_call(); if fn never runs, `drop` gets arg: on the shard, on this
 * loop, or inside the call if that is refused at once (GYRE_DROP_REFUSED;
 * closed: GYRE_DROP_STOPPED).
 *
 * Thread: any that runs a loop
 * Owns:   the caller gets one reference to the future; arg is fn's or drop's,
 *         with NULL still the caller's
 * Order:  first in, first out per sender and shard, with posts
 * Errors: NULL no memory, or the calling thread runs no loop
 */
GYRE_API struct gyre_future *gyre_bus_call_drop(
	struct gyre_bus *bus, unsigned shard, gyre_call_fn fn, void *arg,
	gyre_drop_fn drop) GYRE_MUST_CHECK;

/*
 * Run a function on a shard and block until it has answered. After
 * -ETIMEDOUT a call that waited still never runs; one that ran already goes
 * on, with arg: gyre_bus_call_wait_drop() gives it away.
 *
 * Thread: any that runs no loop
 * Blocks: up to deadline_ns, an instant of CLOCK_MONOTONIC; GYRE_FOREVER
 * Errors: -ENOENT no such shard; -ESHUTDOWN it is or got closed;
 *         -ETIMEDOUT; -EDEADLK called on a running loop's thread; -ENOMEM;
 *         -EPERM the process is a fork; what fn raised
 */
GYRE_API int gyre_bus_call_wait(struct gyre_bus *bus, unsigned shard,
				gyre_call_fn fn, void *arg, int64_t deadline_ns,
				void **ret_value) GYRE_MUST_CHECK;

/*
 * As gyre_bus_call_wait(); once the call is accepted arg is fn's, or else
 * `drop`'s, on the shard and maybe after this has returned.
 *
 * Thread: any that runs no loop
 * Owns:   arg is fn's or drop's; if the call is refused (-ENOENT, -EDEADLK,
 *         -ENOMEM, -EPERM, or the shard was closed before), drop gets it
 *         inside the call
 * Blocks: up to deadline_ns, an instant of CLOCK_MONOTONIC; GYRE_FOREVER
 * Errors: as gyre_bus_call_wait()
 */
GYRE_API int gyre_bus_call_wait_drop(struct gyre_bus *bus, unsigned shard,
				     struct gyre_call call, int64_t deadline_ns,
				     void **ret_value) GYRE_MUST_CHECK;

/*
 * Run a function on every shard, all at once, and reduce what they return, here
 * and one after the other, as it arrives.
 *
 * The future is complete when all have answered: with acc, or with the error of
 * the first shard by number that failed; the others are reduced all the same.
 * Cancelled or expired before that, shards whose turn has not come do nothing,
 * and acc and the answers hold what had arrived: they are not touched once
 * gyre_future_done() is true here. If reduce raises, the future is rejected at
 * once.
 *
 * `answers`, if not NULL, has gyre_bus_shards() entries and stays the
 * caller's: -EINPROGRESS until a shard has answered, then 0 and its value, or
 * its error.
 *
 * Thread: any that runs a loop
 * Owns:   the caller gets one reference to the future; `asked` is copied
 * Order:  first in, first out per sender and shard, with posts
 * Errors: NULL no memory, or the calling thread runs no loop
 */
GYRE_API struct gyre_future *gyre_bus_map_reduce(
	struct gyre_bus *bus, const struct gyre_map_reduce *asked,
	struct gyre_answer *answers) GYRE_MUST_CHECK;

/*
 * Run a function on every shard, all at once; as gyre_bus_map_reduce() with
 * nothing to reduce. The future's value is NULL.
 *
 * Thread: any that runs a loop
 * Owns:   the caller gets one reference to the future
 * Order:  first in, first out per sender and shard, with posts
 * Errors: NULL no memory, or the calling thread runs no loop
 */
GYRE_API struct gyre_future *gyre_bus_each(
	struct gyre_bus *bus, gyre_call_fn fn, void *arg,
	struct gyre_answer *answers) GYRE_MUST_CHECK;

/*
 * Get a future that is resolved when all that this thread posted to the shards
 * before, itself included, has run. One that is closed, where it was dropped,
 * or has no room rejects it.
 *
 * Thread: any that runs a loop
 * Owns:   the caller gets one reference to the future
 * Errors: NULL no memory, or the calling thread runs no loop
 */
GYRE_API struct gyre_future *gyre_bus_barrier(struct gyre_bus *bus)
	GYRE_MUST_CHECK;

#ifdef __cplusplus
}
#endif

#endif
