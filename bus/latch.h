/*
 * A latch: threads without a loop block on it until it is opened, for good.
 *
 * One serves all who wait for the same thing, so a thread that gives up leaves
 * nothing behind. It lives as long as its maker says: whoever frees it knows
 * that nobody waits, and that who opened it has returned.
 */
#ifndef GYRE_BUS_LATCH_H
#define GYRE_BUS_LATCH_H

#include "base/sys.h"

#include <stdbool.h>

struct gyre__latch {
	const struct gyre_sys *sys;
	pthread_mutex_t mutex;
	pthread_cond_t opened;
	bool is_open; /* under the mutex */
};

/* A latch that is shut, or NULL. Any thread. */
struct gyre__latch *gyre__latch_new(const struct gyre_sys *sys);

/* Block until it is open, 0, or until an instant of CLOCK_MONOTONIC,
 * -ETIMEDOUT. Any thread. */
int gyre__latch_wait(struct gyre__latch *latch, int64_t deadline_ns);

/* Let everybody through, from now on. Any thread. */
void gyre__latch_open(struct gyre__latch *latch);

/* Free it; NULL is a no-op. */
void gyre__latch_free(struct gyre__latch *latch);

#endif
