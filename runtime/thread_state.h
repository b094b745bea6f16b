/*
 * What the kernel says a thread is doing, where it says so: Linux' /proc, as
 * much of it as a process may read of itself without a privilege.
 */
#ifndef GYRE_RUNTIME_THREAD_STATE_H
#define GYRE_RUNTIME_THREAD_STATE_H

#include <gyre/statistics.h>

#include "base/sys.h"

#include <stdbool.h>

#define GYRE__WAIT_BYTES 96u

/* A thread at one moment. */
struct gyre__thread_state {
	bool is_known;
	char letter;    /* as ps has it: R, S, D, T … */
	int64_t cpu_ns; /* it had until then */
	int64_t at_ns;
};

/* The number by which the kernel knows the calling thread; 0: unknown. */
unsigned gyre__thread_number(const struct gyre_sys *sys);

/* Look at a thread of this process. Any thread. */
void gyre__thread_state_read(const struct gyre_sys *sys, unsigned number,
			     int64_t now_ns, struct gyre__thread_state *ret);

/* What a thread has been at from one moment to another. */
enum gyre_stall_kind gyre__thread_state_judge(
	const struct gyre__thread_state *before,
	const struct gyre__thread_state *after);

/* What it waits in: "read, in pipe_read", "system call 999", or "". Any
 * thread. */
void gyre__thread_state_wait(const struct gyre_sys *sys, unsigned number,
			     char *ret_text, size_t size);

#endif
