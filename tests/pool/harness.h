/*
 * What the tests of pool and runtime share: a table of system calls whose
 * n-th call fails, a count of what is alive, and a check for any thread.
 *
 * The table is one for the program, since its functions get no argument; it
 * is reset before each use.
 */
#ifndef GYRE_TESTS_POOL_HARNESS_H
#define GYRE_TESTS_POOL_HARNESS_H

#include "base/sys.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* cmocka's asserts are for the test's own thread; this one is for all. */
#define CHECK(x)                                                      \
	((x) ? (void)0                                                \
	     : (fprintf(stderr, "%s:%d: %s(): CHECK(%s)\n", __FILE__, \
			__LINE__, __func__, #x),                      \
		abort()))

enum fault {
	FAULT_ALLOCATE = 1 << 0,
	FAULT_THREAD = 1 << 1,
	FAULT_CALL = 1 << 2, /* every other call that can fail */
	FAULT_ANY = FAULT_ALLOCATE | FAULT_THREAD | FAULT_CALL,
};

/* A table that counts, and fails nothing until it is told to. */
const struct gyre_sys *harness_sys(void);

/* Fail the n-th call of these kinds from now on, 1 the next; 0: none. */
void harness_fail(unsigned kinds, unsigned nth);

/* Fail every call of these kinds from now on. */
void harness_fail_all(unsigned kinds);

/* Whether the call that was to fail has come. */
bool harness_has_failed(void);

/* The name of the call that failed. */
const char *harness_failed_call(void);

/* Count a fork that there was not, or no longer. */
void harness_pretend_fork(bool forked);

/* What the table handed out and did not get back. */
struct harness_live {
	long allocations;
	long threads;
	long descriptors; /* of the process, as the kernel counts */
	long tasks;       /* threads of the process, likewise */
};

void harness_live(struct harness_live *ret);

/* Wait a moment for threads that were joined to be gone; compare. */
bool harness_live_is(const struct harness_live *before);

/* GYRE_SEED, or one of the clock; printed. */
uint64_t harness_seed(void);

/* The next of a sequence of numbers; one state a thread. */
uint64_t harness_random(uint64_t *state);

/* So many percent of a number as GYRE_SCALE says; 100 if it says nothing. */
unsigned harness_scaled(unsigned number);

#endif
