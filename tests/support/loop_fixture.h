/*
 * What tests of loops share: a trace of what ran, a table of system calls
 * that counts and fails on demand, and a stage, which is a virtual clock and a
 * poller that asks no kernel.
 */
#ifndef GYRE_TESTS_SUPPORT_LOOP_FIXTURE_H
#define GYRE_TESTS_SUPPORT_LOOP_FIXTURE_H

#include <gyre/loop.h>

#include "base/sys.h"
#include "tests/support/child.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* cmocka's asserts work on the test's own thread only; this on any. */
#define CHECK(x)                                                           \
	((x) ? (void)0                                                     \
	     : (fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, \
			#x),                                               \
		abort()))

/* -- the trace: words in the order they were said ------------------------- */

void trace(const char *word);
/* A callback: says its argument, if it is not NULL. */
void trace_arg(void *arg);
/* A drop function: says its argument and the reason's name. */
void trace_drop(void *arg, enum gyre_drop_reason reason);
/* Compare the whole trace, words separated by spaces, and begin anew. */
#define assert_trace(expected) assert_trace_at((expected), __FILE__, __LINE__)
void assert_trace_at(const char *expected, const char *file, int line);

/* -- the table of system calls -------------------------------------------- */

/* The real calls, counted; any thread. */
extern struct gyre_sys fake_sys;

struct fake_counts {
	unsigned allocations; /* not released yet */
	unsigned writes;
	unsigned polls;
};

/* Begin anew: nothing fails, nothing was counted. */
void fake_reset(void);
struct fake_counts fake_counts(void);

/* What is called before each wait for events, whichever poller waits; NULL
 * after fake_reset(). */
extern void (*fake_on_wait)(bool may_sleep);

/* From now on let the n-th call that can fail do so, once. 0: none. */
void fake_fail_at(unsigned n);
/* The negative errno that was injected and must be heard of; else 0. */
int fake_failure(void);
/* Whether the countdown of fake_fail_at has ended. */
bool fake_fired(void);

/* -- the stage ------------------------------------------------------------ */

#define STAGE_FDS 16

struct stage {
	int64_t now_ns;
	int64_t slept_ns; /* the last wait's timeout */
	unsigned polls;
	unsigned sleeps;           /* of which could block */
	unsigned ready[STAGE_FDS]; /* level-triggered, until cleared */
	int fail_next;             /* what the next wait answers, if negative */
	/* Called at the beginning of each wait; may be NULL. */
	void (*on_wait)(void);
};

/* There is one; descriptors below STAGE_FDS are numbers and no more. */
extern struct stage stage;
extern const struct gyre_poller_ops stage_poller;

int64_t stage_now(void *arg);
void stage_reset(void);

/* Options for a loop on the stage, with fake_sys; not current. */
struct gyre_loop_options stage_options(void);
struct gyre_loop *stage_loop(void);

/* -- small things --------------------------------------------------------- */

/* A real loop with fake_sys; not current. */
struct gyre_loop *real_loop(void);

struct gyre_loop *new_loop(const struct gyre_loop_options *options);

void close_and_free(struct gyre_loop *loop);

/* What the_loop tells of itself. */
struct gyre_loop_stats stats(void);

/* Callbacks: stop the_loop, and say the argument if it is not NULL. */
void stop_callback(void *word);
void stop_handler(int fd, unsigned events, void *word);

/* Start the_loop, which must be stopped in due course. */
void run(void);
/* Have it stop in its next iteration, and run it till then. */
void run_once(void);
/* Have it stop after so long, and run it till then. */
void run_for(int64_t delay_ns);

/* Run a function on a thread of its own, and wait for it. */
void elsewhere(void (*fn)(void *), void *arg);

/* The loop of a test that has one, for its callbacks. */
extern struct gyre_loop *the_loop;
/* Add a callback or a timeout to it, which the loop must accept. */
void add_callback(gyre_callback_fn fn, const char *word);
gyre_timeout call_at(int64_t when_ns, gyre_callback_fn fn, const char *word);
gyre_timeout call_later(int64_t delay_ns, gyre_callback_fn fn,
			const char *word);
/* Have it handle one of the stage's descriptors. */
void handle(int fd, unsigned events, gyre_handler_fn fn, const char *word);
void trace_handler(int fd, unsigned events, void *arg);
/* Set a handler and return what the loop says. */
int set_handler(int fd, unsigned events, gyre_handler_fn fn, const char *word);

/* Set-up and teardown: the_loop on the stage, or a real one; nothing may be
 * left of it, neither memory nor a descriptor. */
int stage_set_up(void **state);
int real_set_up(void **state);
int loop_tear_down(void **state);
#define STAGE_TEST(name) \
	cmocka_unit_test_setup_teardown(name, stage_set_up, loop_tear_down)
#define REAL_TEST(name) \
	cmocka_unit_test_setup_teardown(name, real_set_up, loop_tear_down)

/* In place of the_loop take a real one whose last log line is kept. */
extern char last_logged[512];
void log_the_loop(void);
/* There is no such loop, and the log says which option is wrong. */
void assert_refused(const struct gyre_loop_options *options, const char *name);
/* Whether loops poll with this one here, unless told otherwise. */
bool poller_is(const char *name);
/* How many descriptors a real loop has: a kqueue wakes itself, and the stand-in
 * for one is made of four; poll has but the one that wakes it. */
unsigned loop_descriptors(void);

/* A deterministic sequence; the seed is any number. */
uint64_t next_random(uint64_t *seed);

/* GYRE_TEST_SEED if it is set, else the default. */
uint64_t first_seed(uint64_t otherwise);

/* How many descriptors this process has open. */
unsigned open_descriptors(void);

/* A pipe and a pair of stream sockets, non-blocking. */
void make_pipe(int fds[2]);
void make_pair(int fds[2]);
void close_both(const int fds[2]);
bool is_open(int fd);

#endif
