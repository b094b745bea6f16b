/*
 * The raised error of this thread, for those who run user functions: look
 * after each call, report, clear.
 */
#ifndef GYRE_BASE_EXCEPTION_H
#define GYRE_BASE_EXCEPTION_H

#include <gyre/base.h>

/* One of the thread-locals: error is 0 while nothing is raised. */
extern _Thread_local struct gyre_exception gyre__exception
	__attribute__((tls_model("initial-exec"), visibility("hidden")));

static inline bool
gyre__raised(void)
{
	return __builtin_expect(gyre__exception.error != 0, 0);
}

static inline void
gyre__clear_exception(void)
{
	gyre__exception.error = 0;
}

#endif
