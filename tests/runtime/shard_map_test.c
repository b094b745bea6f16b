/* The map of slots to shards: what it says, and how it is changed. */
#include "tests/runtime/fixture.h"

#include <gyre/shard_map.h>

#include "tests/support/child.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

/* By an implementation of the two algorithms in another language. */
static void
the_hash_stays_as_it_is(void **state)
{
	unsigned char bytes[256];

	(void)state;
	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)i;
	assert_int_equal(gyre_shard_slot("", 0), 15348);
	assert_int_equal(gyre_shard_slot("a", 1), 8360);
	assert_int_equal(gyre_shard_slot("foobar", 6), 2824);
	assert_int_equal(gyre_shard_slot("key:000000000001", 16), 13151);
	assert_int_equal(gyre_shard_slot(bytes, sizeof(bytes)), 2073);
}

/* 160,000 keys in 16,384 slots, ten or so each: none has none, and none more
 * than four times its part. That the keys are alike makes no difference. */
static void
like_keys_spread_over_all_slots(void **state)
{
	static unsigned counts[GYRE_SHARD_SLOTS];
	unsigned groups[64] = { 0 };

	(void)state;
	memset(counts, 0, sizeof(counts));
	for (unsigned i = 0; i < 160000; i++) {
		char key[32];
		int length = snprintf(key, sizeof(key), "user:%u", i);

		counts[gyre_shard_slot(key, (size_t)length)]++;
	}
	for (unsigned i = 0; i < GYRE_SHARD_SLOTS; i++) {
		assert_in_range(counts[i], 0, 40);
		groups[i / (GYRE_SHARD_SLOTS / 64)] += counts[i];
	}
	for (unsigned i = 0; i < 64; i++) /* 2500, by four deviations */
		assert_in_range(groups[i], 2300, 2700);
}

static void
a_new_runtime_spreads_evenly(void **state)
{
	struct fixture fixture;
	struct gyre_runtime_options options;
	static struct gyre_shard_map map;
	unsigned counts[5] = { 0 };

	(void)state;
	fixture_init(&fixture);
	options = fixture_options(&fixture, 5);
	assert_int_equal(fixture_new(&fixture, &options, 0), 0);
	gyre_runtime_get_shard_map(fixture.runtime, &map);
	assert_int_equal(map.version, 1);
	for (unsigned i = 0; i < GYRE_SHARD_SLOTS; i++)
		counts[map.shards[i]]++;
	for (unsigned i = 0; i < 5; i++)
		assert_in_range(counts[i], GYRE_SHARD_SLOTS / 5,
				GYRE_SHARD_SLOTS / 5 + 1);
	assert_int_equal(gyre_runtime_shard_of(fixture.runtime, "a", 1),
			 map.shards[8360]);
	fixture_end(&fixture);
}

static void
slots_go_where_they_are_moved(void **state)
{
	const struct gyre_slot_move moves[] = {
		{ .first = 0, .count = GYRE_SHARD_SLOTS, .shard = 1 },
		{ .first = 8360, .count = 1, .shard = 2 },
	};
	struct fixture fixture;
	struct gyre_future *moved;

	(void)state;
	fixture_init(&fixture);
	fixture_start(&fixture, 3, 1);
	assert_int_equal(
		gyre_runtime_move_slots(fixture.runtime, moves, 2, &moved), 0);
	assert_int_equal(gyre_runtime_shard_of(fixture.runtime, "a", 1), 2);
	assert_int_equal(gyre_runtime_shard_of(fixture.runtime, "b", 1), 1);
	assert_int_equal(gyre_runtime_shard_map_version(fixture.runtime), 2);
	assert_int_equal(gyre_future_wait(moved, GYRE_FOREVER, NULL), 0);
	gyre_future_unref(moved);
	fixture_stop_and_end(&fixture);
}

static void
a_move_that_makes_no_sense_is_refused(void **state)
{
	const struct gyre_slot_move bad[] = {
		{ .first = 0, .count = 0, .shard = 0 },
		{ .first = GYRE_SHARD_SLOTS, .count = 1, .shard = 0 },
		{ .first = 1, .count = GYRE_SHARD_SLOTS, .shard = 0 },
		{ .first = 1, .count = UINT32_MAX, .shard = 0 },
		{ .first = 0, .count = 1, .shard = 2 },
	};
	const unsigned kinds = sizeof(bad) / sizeof(bad[0]);
	struct fixture fixture;
	struct gyre_future *moved = NULL;

	(void)state;
	fixture_init(&fixture);
	fixture_start(&fixture, 2, 1);
	for (unsigned i = 0; i < kinds; i++) {
		assert_int_equal(gyre_runtime_move_slots(fixture.runtime,
							 &bad[i], 1, &moved),
				 -EINVAL);
		assert_int_equal(fixture.lines, i + 1);
	}
	assert_string_equal(fixture.line,
			    "runtime: no move of 1 slots from 0 to shard 2: "
			    "there are 16384 slots and 2 shards");
	assert_int_equal(
		gyre_runtime_move_slots(fixture.runtime, bad, 0, &moved),
		-EINVAL);
	assert_null(moved);
	assert_int_equal(gyre_runtime_shard_map_version(fixture.runtime), 1);
	fixture_stop_and_end(&fixture);
}

/* In one whose threads do not run: they look at the count too. */
static void
a_fork_moves_nothing(void **state)
{
	const struct gyre_slot_move move = { .count = 1, .shard = 1 };
	struct fixture fixture;
	struct gyre_runtime_options options;

	(void)state;
	fixture_init(&fixture);
	options = fixture_options(&fixture, 2);
	assert_int_equal(fixture_new(&fixture, &options, 0), 0);
	harness_pretend_fork(true);
	assert_int_equal(
		gyre_runtime_move_slots(fixture.runtime, &move, 1, NULL),
		-EPERM);
	harness_pretend_fork(false);
	assert_int_equal(gyre_runtime_shard_map_version(fixture.runtime), 1);
	fixture_end(&fixture);
}

static void
a_move_without_memory_changes_nothing(void **state)
{
	const struct gyre_slot_move move = { .count = 1, .shard = 1 };
	struct fixture fixture;
	struct gyre_future *moved = NULL;
	unsigned nth = 0;
	int result;

	(void)state;
	fixture_init(&fixture);
	fixture_start(&fixture, 2, 1);
	do {
		harness_fail(FAULT_ALLOCATE, ++nth);
		result = gyre_runtime_move_slots(fixture.runtime, &move, 1,
						 &moved);
		if (harness_has_failed()) {
			assert_int_equal(result, -ENOMEM);
			assert_null(moved);
			assert_int_equal(
				gyre_runtime_shard_map_version(fixture.runtime),
				1);
		}
	} while (harness_has_failed());
	harness_fail(0, 0);
	assert_int_equal(nth, 3); /* the map, and the future */
	assert_int_equal(result, 0);
	gyre_future_unref(moved);
	fixture_stop_and_end(&fixture);
}

/* Nobody waits for readers then; start and free make up for it. */
static void
moves_before_start_and_after_the_end_are_told_of_too(void **state)
{
	const struct gyre_slot_move move = { .count = 1, .shard = 1 };
	struct fixture fixture;
	struct gyre_runtime_options options;
	struct gyre_future *early;
	struct gyre_future *late;

	(void)state;
	fixture_init(&fixture);
	options = fixture_options(&fixture, 2);
	assert_int_equal(fixture_new(&fixture, &options, 1), 0);
	assert_int_equal(
		gyre_runtime_move_slots(fixture.runtime, &move, 1, &early), 0);
	assert_false(gyre_future_done(early));
	assert_int_equal(gyre_runtime_start(fixture.runtime), 0);
	assert_int_equal(gyre_future_wait(early, GYRE_FOREVER, NULL), 0);
	gyre_future_unref(early);
	gyre_runtime_stop(fixture.runtime);
	assert_int_equal(gyre_runtime_wait(fixture.runtime), 0);
	assert_int_equal(
		gyre_runtime_move_slots(fixture.runtime, &move, 1, &late), 0);
	assert_false(gyre_future_done(late));
	assert_int_equal(gyre_runtime_shard_map_version(fixture.runtime), 3);
	gyre_runtime_free(fixture.runtime);
	fixture.runtime = NULL;
	assert_true(gyre_future_done(late));
	gyre_future_unref(late);
	fixture_end(&fixture);
}

/* -- on a loop ----------------------------------------------------------- */

static void
answer_in_start(struct fixture *fixture, const struct gyre_shard *shard)
{
	(void)fixture;
	CHECK(gyre_shard_of("a", 1) ==
	      gyre_runtime_shard_of(shard->runtime, "a", 1));
}

static void
a_service_asks_without_naming_its_runtime(void **state)
{
	struct fixture fixture;

	(void)state;
	fixture_init(&fixture);
	fixture.on_start = answer_in_start;
	fixture_start(&fixture, 3, 1);
	fixture_stop_and_end(&fixture);
}

static void
ask_nowhere(void *arg)
{
	(void)arg;
	(void)gyre_shard_of("a", 1);
}

static void
who_has_no_shard_must_name_a_runtime(void **state)
{
	(void)state;
	assert_true(aborts_saying(ask_nowhere, NULL, "shard != NULL"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_hash_stays_as_it_is),
		cmocka_unit_test(like_keys_spread_over_all_slots),
		cmocka_unit_test(a_new_runtime_spreads_evenly),
		cmocka_unit_test(slots_go_where_they_are_moved),
		cmocka_unit_test(a_move_that_makes_no_sense_is_refused),
		cmocka_unit_test(a_fork_moves_nothing),
		cmocka_unit_test(a_move_without_memory_changes_nothing),
		cmocka_unit_test(
			moves_before_start_and_after_the_end_are_told_of_too),
		cmocka_unit_test(a_service_asks_without_naming_its_runtime),
		cmocka_unit_test(who_has_no_shard_must_name_a_runtime),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
