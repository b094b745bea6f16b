/*
 * What the tests of futures share: a home, and one future that lives there.
 */
#ifndef GYRE_TESTS_BUS_FUTURE_FIXTURE_H
#define GYRE_TESTS_BUS_FUTURE_FIXTURE_H

#include "tests/bus/fixture.h"

#include "bus/future.h"

extern struct stand_in home;
extern struct gyre_future *future;

/* What it is resolved with. */
extern int value;

/* A callback that says its word, for the future. */
void say_future(struct gyre_future *done, void *word);

/* Add one, which says its word too when it is dropped. */
void add_callback(gyre_future_fn fn, const char *word);

/* The future is complete, like this; reads it. */
void assert_outcome(int error, const void *expected, const char *message);

int future_set_up(void **state);
int future_tear_down(void **state);
#define FUTURE_TEST(name) \
	cmocka_unit_test_setup_teardown(name, future_set_up, future_tear_down)

#endif
