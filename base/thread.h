/*
 * What every thread that gyre makes has in common: how it is made and named,
 * and on which CPUs it may run.
 */
#ifndef GYRE_BASE_THREAD_H
#define GYRE_BASE_THREAD_H

#include "base/sys.h"

#include <stdbool.h>

#define GYRE__CPUS_MAX 1024u /* CPUs have numbers below it */

/* A set of CPUs; where the platform has none to offer, never known. */
struct gyre__cpus {
	bool known;
	unsigned online; /* CPUs, when it was asked where a thread may run */
#if defined(__linux__)
	cpu_set_t set;
#endif
};

/* Make a joinable thread: 0 or a negative errno. */
int gyre__thread_start(const struct gyre_sys *sys, pthread_t *ret_thread,
		       void *(*main)(void *), void *arg);

/*
 * The same with a stack of this size (0: the system's default), and with every
 * signal blocked in it, but those that a fault of its own
 * raises: other threads handle what is sent to the process.
 */
int gyre__thread_start_blocked(const struct gyre_sys *sys,
			       pthread_t *ret_thread, size_t stack_bytes,
			       void *(*main)(void *), void *arg);

/* Whether a thread can have a stack of this size; 0: the system's default. */
bool gyre__thread_can_have_stack(size_t stack_bytes);

/* Whether the calling thread is one that gyre made: what it sends comes from
 * inside. */
extern _Thread_local bool gyre__thread_is_ours
	__attribute__((tls_model("initial-exec"), visibility("hidden")));

/* What each thread that gyre makes does first: say so, and take the name
 * "<prefix><index>", where threads have names. */
void gyre__thread_enter(const char *prefix, unsigned index);

/* Where the calling thread may run. */
void gyre__cpus_allowed(const struct gyre_sys *sys, struct gyre__cpus *ret);

/* Let the calling thread run there: 0 or a negative errno; unknown: 0. */
int gyre__cpus_apply(const struct gyre_sys *sys, const struct gyre__cpus *cpus);

/* Whether a CPU is in the set; unknown: false. */
bool gyre__cpus_has(const struct gyre__cpus *cpus, unsigned cpu);

/* Put a CPU into a set, which is known then: 0, or -EINVAL it is beyond what
 * the platform has. */
int gyre__cpus_add(struct gyre__cpus *cpus, unsigned cpu);

/* How many CPUs are in the set; unknown: those online; at least 1. */
unsigned gyre__cpus_count(const struct gyre__cpus *cpus);

#endif
