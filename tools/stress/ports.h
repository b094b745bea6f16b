/*
 * A port on each loop, so small that it is often full: its messages come in
 * the order of their sender's callbacks and tasks, each is released once, and
 * whoever was told that there is room has room.
 */
#ifndef STRESS_PORTS_H
#define STRESS_PORTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "options.h"

struct gyre_port;
struct message;
struct place;

/* A loop that waits for room at another one's port. */
struct waiter {
	struct place *place;
	unsigned to;
	/* Its drop may come on the port's loop, when this one has closed. */
	_Atomic bool is_waiting;
};

struct ports {
	struct gyre_port *port; /* this loop's own; NULL: not in the mix */
	bool is_high;
	struct waiter waiters[OPTIONS_LOOPS_MAX + 1]; /* for others' */
};

/* On the loop's thread, before it runs. 0, or a negative errno. */
int ports_open(struct place *place);
void ports_close(struct place *place);

/* For channel_send(): as gyre_port_send(). */
int ports_post(struct place *to, struct message *message);

/* From a loop: what finds no room asks to be told. */
void ports_send(struct place *from, uint64_t order);

/* From a producer: what finds no room waits a little. */
void ports_send_wait(struct place *to, uint64_t order);

void ports_check(const struct place *place);

#endif
