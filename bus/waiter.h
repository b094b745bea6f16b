/*
 * A waiter is a sender that asked for room in a port. It travels to the port's
 * loop as a task, queues there, first come, first served, and is offered a
 * slot. port_notify.c has those that are told on a loop of theirs,
 * port_wait.c those whose thread blocks.
 */
#ifndef GYRE_BUS_WAITER_H
#define GYRE_BUS_WAITER_H

#include <gyre/task.h>

#include <stdbool.h>

struct gyre__slot;
struct gyre_port;

struct gyre__waiter {
	struct gyre_task task;  /* first */
	struct gyre_port *port; /* a reference */
	/* What was granted; NULL: nothing, or it was used. */
	struct gyre__slot *slot;
	/*
	 * Take a slot, or hear that the port is closed: NULL. False: it does
	 * not want it any more. Either way the waiter is its own again, and
	 * may be gone. The port's owner; with NULL, any thread.
	 */
	bool (*offer)(struct gyre__waiter *waiter, struct gyre__slot *slot);
	/* -- the port's owner -- */
	struct gyre__waiter *next;
	struct gyre__waiter **link; /* what points here; NULL: not queued */
};

/* Oldest first. The port's owner's. */
struct gyre__waiters {
	struct gyre__waiter *first;
	struct gyre__waiter **end;
};

/* Send a waiter to its port: 0, or -ESHUTDOWN and it is the caller's. */
int gyre__waiter_send(struct gyre__waiter *waiter);

/* Take a waiter off the queue, if it is there: whether it was. Owner. */
bool gyre__waiter_unqueue(struct gyre__waiter *waiter);

/* Offer a slot to those who wait, in turn: whether one took it. Owner. */
bool gyre__waiters_offer(struct gyre_port *port, struct gyre__slot *slot);

/* Tell all that the port is closed. Owner. */
void gyre__waiters_close(struct gyre_port *port);

#endif
