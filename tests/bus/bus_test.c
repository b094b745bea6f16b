/* The bus: its table of shards, and posts to them. */
#include "tests/bus/shards.h"

static void
shards_are_found_by_their_number(void **state)
{
	(void)state;
	assert_int_equal(gyre_bus_shards(bus), SHARDS);
	assert_ptr_equal(gyre_bus_inbox(bus, A), shards[A].inbox);
	assert_ptr_equal(gyre_bus_inbox(bus, B), shards[B].inbox);
	assert_null(gyre_bus_inbox(bus, NOBODY));
	assert_null(gyre_bus_inbox(bus, UINT32_MAX));
}

static void
a_bus_that_is_not_connected_has_no_inboxes(void **state)
{
	struct gyre_bus *other = gyre__bus_new(harness_sys(), 3);
	struct message one = message("one");

	(void)state;
	assert_int_equal(gyre_bus_shards(other), 3);
	assert_null(gyre_bus_inbox(other, 0));
	assert_int_equal(gyre_bus_post(other, 0, &one.task), -ENOENT);
	gyre__bus_free(other);
	gyre__bus_free(NULL);
}

static void
a_bus_needs_memory(void **state)
{
	struct gyre_inbox *inboxes[1] = { shards[A].inbox };
	struct gyre_bus *other;

	(void)state;
	harness_fail(FAULT_ALLOCATE, 1);
	assert_null(gyre__bus_new(harness_sys(), 1));
	other = gyre__bus_new(harness_sys(), 1);
	assert_non_null(other);
	harness_fail(FAULT_ALLOCATE, 1);
	assert_int_equal(gyre__bus_connect(other, inboxes), -ENOMEM);
	assert_null(gyre_bus_inbox(other, 0));
	assert_int_equal(gyre__bus_connect(other, inboxes), 0);
	assert_ptr_equal(gyre_bus_inbox(other, 0), shards[A].inbox);
	gyre__bus_free(other);
}

static void
a_post_reaches_its_shard_or_stays_the_callers(void **state)
{
	struct message one = message("one");
	struct message two = message("two");

	(void)state;
	assert_int_equal(gyre_bus_post(bus, B, &one.task), 0);
	assert_int_equal(gyre_bus_post(bus, NOBODY, &two.task), -ENOENT);
	step(&shards[B]);
	assert_trace("one");
	stand_in_close(&shards[B]);
	assert_int_equal(gyre_bus_post(bus, B, &two.task), -ESHUTDOWN);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SHARD_TEST(shards_are_found_by_their_number),
		SHARD_TEST(a_bus_that_is_not_connected_has_no_inboxes),
		SHARD_TEST(a_bus_needs_memory),
		SHARD_TEST(a_post_reaches_its_shard_or_stays_the_callers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
