/*
 * The real clock, and not the table's: the kernel measures the wait by it.
 */
#include "base/condition.h"

#include <errno.h>

#if defined(__APPLE__)

static int
wait_until(pthread_cond_t *condition, pthread_mutex_t *mutex,
	   int64_t deadline_ns)
{
	int64_t now_ns = gyre__now_ns(&gyre__sys_default);
	struct timespec left =
		gyre__timespec(deadline_ns > 0 ? deadline_ns - now_ns : 0);

	return pthread_cond_timedwait_relative_np(condition, mutex, &left);
}

void
gyre__condition_init(pthread_cond_t *condition)
{
	pthread_cond_init(condition, NULL);
}

#else

static int
wait_until(pthread_cond_t *condition, pthread_mutex_t *mutex,
	   int64_t deadline_ns)
{
	struct timespec deadline = gyre__timespec(deadline_ns);

	return pthread_cond_timedwait(condition, mutex, &deadline);
}

void
gyre__condition_init(pthread_cond_t *condition)
{
	pthread_condattr_t attributes;

	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(condition, &attributes);
	pthread_condattr_destroy(&attributes);
}

#endif

int
gyre__condition_wait(pthread_cond_t *condition, pthread_mutex_t *mutex,
		     int64_t deadline_ns)
{
	if (deadline_ns == INT64_MAX)
		return -pthread_cond_wait(condition, mutex);
	return -wait_until(condition, mutex, deadline_ns);
}
