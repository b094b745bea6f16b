/*
 * A mutex and a condition variable: blocking is for threads that have nothing
 * better to do, and a futex of our own would gain them nothing.
 *
 * Rejected: a waiter for each thread, which must stay where whoever wakes it
 * will look for it, after its thread has given up.
 */
#include "bus/latch.h"

#include "base/condition.h"

#include <errno.h>

struct gyre__latch *
gyre__latch_new(const struct gyre_sys *sys)
{
	struct gyre__latch *latch = gyre__allocate(sys, sizeof(*latch), 0);

	if (latch == NULL)
		return NULL;
	latch->sys = sys;
	pthread_mutex_init(&latch->mutex, NULL);
	gyre__condition_init(&latch->opened);
	return latch;
}

int
gyre__latch_wait(struct gyre__latch *latch, int64_t deadline_ns)
{
	int result = 0;

	pthread_mutex_lock(&latch->mutex);
	while (!latch->is_open && result == 0)
		result = gyre__condition_wait(&latch->opened, &latch->mutex,
					      deadline_ns);
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
