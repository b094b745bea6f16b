/*
 * A bus of stand-in shards that are stepped by hand, for the tests of calls.
 */
#ifndef GYRE_TESTS_BUS_SHARDS_H
#define GYRE_TESTS_BUS_SHARDS_H

#include "tests/bus/fixture.h"

#include "bus/bus.h"
#include "bus/future.h"

enum {
	A,
	B,
	C,
	SHARDS,
	NOBODY = SHARDS
};

extern struct stand_in shards[SHARDS];
extern struct gyre_bus *bus;

/* Answers its argument, and says it. */
void *echo(void *word);

/* A call from shard A, that has left it. */
struct gyre_future *call(unsigned shard, gyre_call_fn fn, const char *word);

/* The same, with say_dropped(). */
struct gyre_future *call_drop(unsigned shard, gyre_call_fn fn,
			      const char *word);

/* Have the reply say "word=value" or "word:ERROR" at home, and give it up. */
void expect(struct gyre_future *reply, const char *word);

/* What shard A has made of its calls. */
void assert_calls(uint64_t run, uint64_t canceled, uint64_t expired,
		  uint64_t stopped, uint64_t open);

int shards_set_up(void **state);
int shards_tear_down(void **state);
#define SHARD_TEST(name) \
	cmocka_unit_test_setup_teardown(name, shards_set_up, shards_tear_down)

#endif
