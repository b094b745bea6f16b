/*
 * The port from the inside: what it consists of, and what its parts ask of
 * each other.
 *
 * A message takes a slot, which travels to the port's loop as a task and is
 * given back there. While the port is open that happens on its loop alone, and
 * whoever waits for room is served before a slot goes back on the stack; hence,
 * while somebody waits, no slot is free. The messages hold one reference
 * between them, from the port's making until it is closed and no slot is out.
 */
#ifndef GYRE_BUS_PORT_H
#define GYRE_BUS_PORT_H

#include "bus/slots.h"
#include "bus/waiter.h"

struct gyre_port {
	/* -- immutable after init -- */
	const struct gyre_sys *sys;
	struct gyre_inbox *inbox; /* a reference */
	struct gyre_port_options options;
	uint32_t forks;
	/* -- owner -- */
	alignas(GYRE__CACHE_LINE) bool closed;
	bool is_high; /* on_high came, and on_low not yet */
	struct gyre__waiters waiters;
	/* -- the owner writes, any thread reads, atomic -- */
	uint64_t delivered;
	/* -- any thread, atomic: written seldom -- */
	alignas(GYRE__CACHE_LINE) uint32_t refs;
	uint32_t granted; /* slots that are out without a message */
	uint64_t dropped;
	uint64_t refused;
	/* -- any thread -- */
	struct gyre__slots slots;
};

/*
 * Make zeroed memory a port with two references: the caller's, and that of the
 * messages. The memory is the port's first member, or the port, and is
 * released through sys with the last. -EINVAL, -ENOMEM: nothing was made.
 */
int gyre__port_init(struct gyre_port *port, const struct gyre_sys *sys,
		    struct gyre_inbox *inbox,
		    const struct gyre_port_options *options);

/* Refuse from now on; once. Owner. */
void gyre__port_close(struct gyre_port *port);

/* Whether close has begun, as far as this thread can see. Any thread. */
bool gyre__port_is_closed(const struct gyre_port *port);

/* Give a slot to the next who waits, or back. Owner. */
void gyre__port_put(struct gyre_port *port, struct gyre__slot *slot);

/* Give a slot back to a port that is closed. Any thread. */
void gyre__port_put_closed(struct gyre_port *port, struct gyre__slot *slot);

/* Make a slot that was granted an ordinary one. -ESHUTDOWN: the port has closed
 * meanwhile, and the slot is given back. Any thread. */
int gyre__port_ungrant(struct gyre_port *port, struct gyre__slot *slot);

/* Send a message in a slot. -ESHUTDOWN: the slot is given back. Any thread. */
int gyre__port_post(struct gyre_port *port, struct gyre__slot *slot,
		    const struct gyre_message *message);

/* Count what a sender is told: refused, if it is an error. Returns it. */
int gyre__port_told(struct gyre_port *port, int result);

#endif
