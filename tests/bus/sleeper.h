/*
 * What the stress tests sleep on: an inbox whose doorbell is a descriptor, and
 * an edge-triggered epoll that watches it, as a loop has them.
 */
#ifndef GYRE_TESTS_BUS_SLEEPER_H
#define GYRE_TESTS_BUS_SLEEPER_H

#include "bus/inbox.h"

struct sleeper {
	struct gyre__wake_fd wake; /* first: rings come with its address */
	void (*ring)(struct gyre__doorbell *bell);
	struct gyre_inbox *inbox;
	int epoll;
	bool closed; /* set when nobody may ring any more */
};

void sleeper_open(struct sleeper *sleeper);

/* Sleep until something comes, unless it has already. */
void sleeper_sleep(struct sleeper *sleeper);

/* Once the inbox is closed: check that every ring was owed and is over, and
 * close the descriptors, which no later ring may touch. */
void sleeper_close(struct sleeper *sleeper);

#endif
