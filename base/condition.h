/*
 * A condition variable whose deadlines are instants of CLOCK_MONOTONIC, on
 * systems too that know only the time of day, or only how long.
 */
#ifndef GYRE_BASE_CONDITION_H
#define GYRE_BASE_CONDITION_H

#include "base/sys.h"

void gyre__condition_init(pthread_cond_t *condition);

/*
 * Wait until signalled, or until the instant; INT64_MAX never comes. As ever,
 * it may return for no reason. 0 or -ETIMEDOUT.
 */
int gyre__condition_wait(pthread_cond_t *condition, pthread_mutex_t *mutex,
			 int64_t deadline_ns);

#endif
