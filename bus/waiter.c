/*
 * A mutex and a condition variable each: blocking is for threads that have
 * nothing better to do, and a futex of our own would gain them nothing.
 */
#include "bus/waiter.h"

#include "base/condition.h"

struct gyre__waiter *
gyre__waiter_new(const struct gyre_sys *sys)
{
	struct gyre__waiter *waiter = gyre__allocate(sys, sizeof(*waiter), 0);

	if (waiter == NULL)
		return NULL;
	waiter->sys = sys;
	waiter->refs = 2;
	pthread_mutex_init(&waiter->mutex, NULL);
	gyre__condition_init(&waiter->woken);
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
	int result = 0;

	pthread_mutex_lock(&waiter->mutex);
	while (!waiter->done && result == 0)
		result = gyre__condition_wait(&waiter->woken, &waiter->mutex,
					      deadline_ns);
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
