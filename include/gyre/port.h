/*
 * A port is a bounded mailbox on a loop.
 *
 * Any thread sends; the messages are delivered on the port's loop, in the
 * order of the posts and callbacks of each sender. When `capacity` messages
 * are inside, a send answers -EAGAIN: then the sender asks to be told when
 * there is room, or, on a thread without a loop, waits for it. Who asked is
 * served first come, first served, with a place that nobody else can take. A
 * message is delivered or dropped, once, and then released. A port is counted:
 * it outlives its loop for those who hold it, and its messages hold it too.
 *
 *     gyre_port_new(loop, &(struct gyre_port_options){
 *             .capacity = 64, .on_message = on_order }, &orders);
 *     // elsewhere
 *     result = gyre_port_send(orders, (struct gyre_message){
 *             .data = order, .size = sizeof(*order), .release = free });
 *     if (result == -EAGAIN)
 *             result = gyre_port_notify(orders, on_room, order, drop_order);
 */
#ifndef GYRE_PORT_H
#define GYRE_PORT_H

#include <gyre/base.h>
#include <gyre/task.h>

#ifdef __cplusplus
extern "C" {
#endif

struct gyre_loop;
struct gyre_port;

/* The most that gyre_port_send_copy() takes, and the most slots of a port. */
#define GYRE_PORT_COPY_MAX     64
#define GYRE_PORT_CAPACITY_MAX 0xfffff

/*
 * Handle a message; it is released when this returns. To keep it, clear
 * message->release (a copy's bytes do not outlast the call).
 */
typedef void (*gyre_port_fn)(struct gyre_port *port,
			     struct gyre_message *message, void *arg);

/* An accepted message will never be delivered; otherwise as gyre_port_fn. */
typedef void (*gyre_port_drop_fn)(struct gyre_port *port,
				  struct gyre_message *message,
				  enum gyre_drop_reason reason, void *arg);

/* There is room for one message of this sender, or a mark was passed. */
typedef void (*gyre_port_room_fn)(struct gyre_port *port, void *arg);

struct gyre_port_options {
	uint32_t capacity; /* 1 up to GYRE_PORT_CAPACITY_MAX */
	gyre_port_fn on_message;
	/* On the port's loop; if that closed before a message reached it, on
	 * the sender's. May be NULL. */
	gyre_port_drop_fn on_drop;
	void *arg; /* of all four */
	/* on_high comes with the delivery that finds high_water slots in use
	 * or more, and not again before on_low, which comes when one is given
	 * back and low_water are left in use or less. Either may be NULL. */
	uint32_t high_water; /* 0: no marks; up to capacity */
	uint32_t low_water;  /* less than high_water */
	gyre_port_room_fn on_high;
	gyre_port_room_fn on_low;
};

/* accepted = delivered + dropped + waiting */
struct gyre_port_stats {
	uint64_t accepted;
	uint64_t delivered; /* their on_message has returned */
	uint64_t dropped;
	uint64_t refused; /* full, closed, or not sent within the deadline */
	uint32_t waiting; /* the one that is being delivered included */
	uint32_t capacity;
};

/* -- life ---------------------------------------------------------------- */

/*
 * Make a port on a loop. The caller gets one reference; the port is open until
 * it or its loop is closed, whether or not somebody holds it.
 *
 * Thread: owner
 * Errors: -EINVAL capacity or the marks are out of range; -ESHUTDOWN the loop
 *         is closed; -EPERM the process is a fork; -ENOMEM
 */
GYRE_API int gyre_port_new(struct gyre_loop *loop,
			   const struct gyre_port_options *options,
			   struct gyre_port **ret_port) GYRE_MUST_CHECK;

/*
 * Close a port: it refuses from now on, those who wait for room are dropped on
 * their own loops, and so are the messages inside, each when its turn comes.
 * Closing it again is a no-op.
 *
 * Thread: owner
 */
GYRE_API void gyre_port_close(struct gyre_port *port);

/*
 * Take one more reference.
 *
 * Thread: any
 */
GYRE_API struct gyre_port *gyre_port_ref(struct gyre_port *port);

/*
 * Give a reference back. NULL is a no-op.
 *
 * Thread: any
 */
GYRE_API void gyre_port_unref(struct gyre_port *port);

/* -- sending ------------------------------------------------------------- */

/*
 * Send a message.
 *
 * Thread: any
 * Owns:   on 0 the port, until delivered or dropped; on error still the caller
 * Order:  first in, first out per sender and loop, with callbacks and tasks
 * Blocks: never; allocates nothing once warm
 * Errors: -EAGAIN the port is full; -ESHUTDOWN it is closed;
 *         -EPERM the process is a fork
 */
GYRE_API int gyre_port_send(struct gyre_port *port,
			    struct gyre_message message) GYRE_MUST_CHECK;

/*
 * Send a copy of some bytes, which is kept inside the port.
 *
 * Thread: any
 * Order:  first in, first out per sender and loop, with callbacks and tasks
 * Blocks: never; allocates nothing once warm
 * Errors: -EMSGSIZE more than GYRE_PORT_COPY_MAX bytes; -EAGAIN the port is
 *         full; -ESHUTDOWN it is closed; -EPERM the process is a fork
 */
GYRE_API int gyre_port_send_copy(struct gyre_port *port, const void *bytes,
				 size_t size) GYRE_MUST_CHECK;

/*
 * Have fn called once, on this thread's running loop, when there is room for
 * one message of this sender: a slot that is kept for the first send to this
 * port inside of fn. If fn does not use it, it goes to the next who waits. A
 * loop that has stopped keeps it until it runs again or closes.
 *
 * If the port closes first, drop gets arg, on this loop with
 * GYRE_DROP_STOPPED; if this loop closes first, so it does, perhaps on the
 * port's loop. drop may be NULL.
 *
 * Thread: any that runs a loop
 * Owns:   on 0 the port owns arg, until fn or drop; on error still the caller
 * Order:  those who wait get room in the order in which they reach the port
 * Blocks: never; allocates what waits
 * Errors: -ENOENT the thread runs no loop; -ESHUTDOWN the port is closed;
 *         -EPERM the process is a fork; -ENOMEM
 */
GYRE_API int gyre_port_notify(struct gyre_port *port, gyre_port_room_fn fn,
			      void *arg, gyre_drop_fn drop) GYRE_MUST_CHECK;

/*
 * Send a message, and wait in turn for room if there is none.
 *
 * Thread: any that runs no loop
 * Owns:   on 0 the port, until delivered or dropped; on error still the caller
 * Order:  first in, first out per sender and loop, with callbacks and tasks
 * Blocks: up to deadline_ns, an instant of CLOCK_MONOTONIC; GYRE_FOREVER
 * Errors: -ETIMEDOUT there was no room; -ESHUTDOWN the port is or got closed;
 *         -EDEADLK called on a running loop's thread; -EPERM the process is a
 *         fork; -ENOMEM
 */
GYRE_API int gyre_port_send_wait(struct gyre_port *port,
				 struct gyre_message message,
				 int64_t deadline_ns) GYRE_MUST_CHECK;

/* -- introspection ------------------------------------------------------- */

/*
 * Read the counters, which are exact on the port's loop, and everywhere once
 * nobody sends.
 *
 * Thread: any
 */
GYRE_API void gyre_port_get_stats(const struct gyre_port *port,
				  struct gyre_port_stats *ret_stats);

#ifdef __cplusplus
}
#endif

#endif
