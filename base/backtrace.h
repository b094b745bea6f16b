/*
 * Where a thread is, and what code is called: the stack of this thread or of
 * another, and the names of functions and frames.
 */
#ifndef GYRE_BASE_BACKTRACE_H
#define GYRE_BASE_BACKTRACE_H

#include "base/sys.h"

#include <stdbool.h>

/* Deeper stacks are cut at their outer end. */
#define GYRE__BACKTRACE_MAX 64

struct gyre__backtrace {
	int count; /* 0: this platform cannot tell */
	/* The first frame is where a signal interrupted the thread; all others
	 * are addresses to return to. */
	bool is_interrupted;
	void *frames[GYRE__BACKTRACE_MAX];
};

/* Whose stack to take, and only while a word of that thread's, which is
 * changed atomically, has a value. The word outlives the thread's use of it. */
struct gyre__backtrace_request {
	pthread_t thread;
	const uint64_t *word;
	uint64_t value;
};

/* Do what taking a stack does the first time and a signal handler may not.
 * Any thread. */
void gyre__backtrace_prepare(void);

/* Take the calling thread's stack, from the frame with this return address
 * outwards. Any thread. */
void gyre__backtrace_take(const void *from, struct gyre__backtrace *ret);

/*
 * Take another thread's stack. The thread must live until this returns.
 * Sleeps until it answers, for about half a second at most: 0, -ETIMEDOUT it
 * did not answer, -ECANCELED the word had another value, -EBUSY other stacks
 * are being taken. Any thread, after gyre__backtrace_prepare().
 */
int gyre__backtrace_take_other(const struct gyre_sys *sys,
			       const struct gyre__backtrace_request *request,
			       struct gyre__backtrace *ret);

/* "name", or "module+0x1c" where the name is not known: what addr2line wants.
 * Any thread. */
void gyre__function_name(void (*fn)(void), char *text, size_t size);

/* Where the function begins that the frame is in, or NULL: it is not known.
 * Any thread. */
void *gyre__frame_function(const struct gyre__backtrace *backtrace, int frame);

/* "name+0x1c (module+0x12c)", or "module+0x12c". Any thread. */
void gyre__frame_name(const struct gyre__backtrace *backtrace, int frame,
		      char *text, size_t size);

#endif
