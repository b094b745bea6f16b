/*
 * A thread without a loop that blocks until something is done.
 *
 * On the heap and counted twice, by who waits and by who will wake it, since
 * either may give up first: a wait with a deadline leaves its waiter behind.
 */
#ifndef GYRE_BUS_WAITER_H
#define GYRE_BUS_WAITER_H

#include "base/sys.h"

#include <stdbool.h>

struct gyre__waiter {
	struct gyre__waiter *next; /* for who keeps it */
	const struct gyre_sys *sys;
	pthread_mutex_t mutex;
	pthread_cond_t woken;
	unsigned refs; /* under the mutex, as is done */
	bool done;
};

/* A waiter with both references, or NULL. Any thread. */
struct gyre__waiter *gyre__waiter_new(const struct gyre_sys *sys);

/*
 * Block until woken, or until an instant of CLOCK_MONOTONIC, and give one
 * reference back: 0 or -ETIMEDOUT.
 */
int gyre__waiter_wait(struct gyre__waiter *waiter, int64_t deadline_ns);

/* Wake it and give one reference back. Any thread. */
void gyre__waiter_wake(struct gyre__waiter *waiter);

/* Give one reference back without waking. Any thread. */
void gyre__waiter_unref(struct gyre__waiter *waiter);

#endif
