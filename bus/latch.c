/*
 * A mutex and a condition variable: blocking is for threads that have nothing
 * better to do, and a futex of our own would gain them nothing.
 *
 * Rejected: a waiter for each thread, which must stay where whoever wakes it
 * will look for it, after its thread has given up.
 */
#include "bus/latch.h"

#include <errno.h>

struct gyre__latch *
gyre__latch_new(const struct gyre_sys *sys)
{
	struct gyre__latch *latch = gyre__allocate(sys, sizeof(*latch), 0);
	pthread_condattr_t attributes;

	if (latch == NULL)
		return NULL;
	latch->sys = sys;
	pthread_mutex_init(&latch->mutex, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&latch->opened, &attributes);
	pthread_condattr_destroy(&attributes);
	return latch;
}

int
gyre__latch_wait(struct gyre__latch *latch, int64_t deadline_ns)
{
	/* an instant before the clock began has passed like any other */
	int64_t instant_ns = deadline_ns > 0 ? deadline_ns : 0;
	struct timespec deadline = {
		.tv_sec = instant_ns / 1000000000,
		.tv_nsec = instant_ns % 1000000000,
	};
	int result = 0;

	pthread_mutex_lock(&latch->mutex);
	while (!latch->is_open && result == 0) {
		if (deadline_ns == INT64_MAX)
			pthread_cond_wait(&latch->opened, &latch->mutex);
		else
			result = -pthread_cond_timedwait(
				&latch->opened, &latch->mutex, &deadline);
	}
	if (latch->is_open)
		result = 0;
	pthread_mutex_unlock(&latch->mutex);
	return result;
}

void
gyre__latch_open(struct gyre__latch *latch)
{
	pthread_mutex_lock(&latch->mutex);
	latch->is_open = true;
	pthread_cond_broadcast(&latch->opened);
	pthread_mutex_unlock(&latch->mutex);
}

void
gyre__latch_free(struct gyre__latch *latch)
{
	if (latch == NULL)
		return;
	pthread_cond_destroy(&latch->opened);
	pthread_mutex_destroy(&latch->mutex);
	latch->sys->release(latch);
}
