/*
 * A periodic of ten seconds beside the_loop on the stage, and when it called.
 */
#ifndef GYRE_TESTS_CONFORMANCE_PERIODIC_FIXTURE_H
#define GYRE_TESTS_CONFORMANCE_PERIODIC_FIXTURE_H

#include <gyre/periodic.h>

#include "tests/support/loop_fixture.h"

#define CALLS_MAX 32

extern struct gyre_periodic *periodic;
extern int64_t called_at_ns[CALLS_MAX];
extern unsigned calls;
/* What the calls do: take so many seconds each, and this; NULL: nothing. */
extern const int64_t *durations;
extern void (*in_call)(void);

/* The callback: notes when it came, and stops the loop after the last. */
void on_call(void *word);

struct gyre_periodic *make_periodic(int64_t period_ns);
void start_periodic(void);
/* Run the_loop till so many more calls have come. */
void run_for_calls(unsigned count);

/* When all the calls came, in seconds; the stage begins at 1000. */
#define assert_calls_at(...)                                         \
	do {                                                         \
		const double at[] = { __VA_ARGS__ };                 \
                                                                     \
		assert_int_equal(calls, sizeof(at) / sizeof(at[0])); \
		for (unsigned call = 0; call < calls; call++)        \
			assert_int_equal(called_at_ns[call],         \
					 GYRE_SECONDS(at[call]));    \
	} while (0)

int set_up_periodic(void **state);
int tear_down_periodic(void **state);
#define PERIODIC_TEST(name)                                    \
	cmocka_unit_test_setup_teardown(name, set_up_periodic, \
					tear_down_periodic)

#endif
