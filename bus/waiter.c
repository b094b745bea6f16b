/*
 * A mutex and a condition variable each: blocking is for threads that have
 * nothing better to do, and a futex of our own would gain them nothing.
 */
#include "bus/waiter.h"

#include <errno.h>

struct gyre__waiter *
gyre__waiter_new(const struct gyre_sys *sys)
{
	struct gyre__waiter *waiter = gyre__allocate(sys, sizeof(*waiter), 0);
	pthread_condattr_t attributes;

	if (waiter == NULL)
		return NULL;
	waiter->sys = sys;
	waiter->refs = 2;
	pthread_mutex_init(&waiter->mutex, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&waiter->woken, &attributes);
	pthread_condattr_destroy(&attributes);
	return waiter;
}

/* With the mutex held; lets go of it. */
static void
unref_locked(struct gyre__waiter *waiter)
{
	bool last = --waiter->refs == 0;

	pthread_mutex_unlock(&waiter->mutex);
	if (!last)
		return;
	pthread_cond_destroy(&waiter->woken);
	pthread_mutex_destroy(&waiter->mutex);
	waiter->sys->release(waiter);
}

int
gyre__waiter_wait(struct gyre__waiter *waiter, int64_t deadline_ns)
{
	/* an instant before the clock began has passed like any other */
	int64_t instant_ns = deadline_ns > 0 ? deadline_ns : 0;
	struct timespec deadline = {
		.tv_sec = instant_ns / 1000000000,
		.tv_nsec = instant_ns % 1000000000,
	};
	int result = 0;

	pthread_mutex_lock(&waiter->mutex);
	while (!waiter->done && result == 0) {
		if (deadline_ns == INT64_MAX)
			pthread_cond_wait(&waiter->woken, &waiter->mutex);
		else
			result = -pthread_cond_timedwait(
				&waiter->woken, &waiter->mutex, &deadline);
	}
	if (waiter->done)
		result = 0;
	unref_locked(waiter);
	return result;
}

void
gyre__waiter_wake(struct gyre__waiter *waiter)
{
	pthread_mutex_lock(&waiter->mutex);
	waiter->done = true;
	pthread_cond_signal(&waiter->woken);
	unref_locked(waiter);
}

void
gyre__waiter_unref(struct gyre__waiter *waiter)
{
	pthread_mutex_lock(&waiter->mutex);
	unref_locked(waiter);
}
