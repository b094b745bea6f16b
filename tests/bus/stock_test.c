/* Where blocks and cells go when they have run: home, and what becomes of
 * them when home is closed. The frame of each test counts what is left. */
#include "tests/bus/fixture.h"

static struct stand_in a;
static struct stand_in b;

static int
set_up(void **state)
{
	bus_set_up(state);
	stand_in_open(&a);
	stand_in_open(&b);
	return 0;
}

static int
tear_down(void **state)
{
	harness_fail(0, 0);
	if (!gyre__inbox_is_closed(a.inbox))
		stand_in_close(&a);
	if (!gyre__inbox_is_closed(b.inbox))
		stand_in_close(&b);
	stand_in_free(&a);
	stand_in_free(&b);
	return bus_tear_down(state);
}

static void
count(void *counter)
{
	(*(unsigned *)counter)++;
}

/* From one to the other, so many callbacks that count. */
static void
send_counted(struct stand_in *from, struct stand_in *to, unsigned callbacks,
	     unsigned *counter)
{
	enter(from);
	for (unsigned i = 0; i < callbacks; i++)
		assert_int_equal(gyre__outbox_add(&from->outbox, to->inbox,
						  count, counter, NULL),
				 0);
	gyre__outbox_flush(&from->outbox);
	leave(from);
}

static uint32_t
blocks_out(const struct stand_in *stand_in)
{
	return stand_in->outbox.blocks - stand_in->outbox.spares;
}

/* -- the way home -------------------------------------------------------- */

static void
a_block_comes_home_with_what_is_sent_there(void **state)
{
	unsigned ran = 0;

	(void)state;
	send_counted(&a, &b, 1, &ran);
	assert_int_equal(blocks_out(&a), 1);
	step(&b);
	step(&a);
	assert_int_equal(blocks_out(&a), 1);
	send_counted(&b, &a, 1, &ran);
	step(&a);
	assert_int_equal(blocks_out(&a), 0);
	assert_int_equal(a.outbox.spares, 1);
	assert_int_equal(ran, 2);
	assert_int_equal(a.outbox.run, 1);
}

static void
many_blocks_come_home_by_themselves(void **state)
{
	unsigned ran = 0;

	(void)state;
	for (unsigned i = 0; i < GYRE__LANE_RETURNS_MAX; i++) {
		assert_int_equal(blocks_out(&a), i);
		send_counted(&a, &b, 1, &ran);
		step(&b);
		step(&a);
	}
	assert_int_equal(blocks_out(&a), 0);
	assert_int_equal(a.outbox.run, 0);
	assert_int_equal(ran, GYRE__LANE_RETURNS_MAX);
}

static void
a_block_to_itself_is_home_at_once(void **state)
{
	unsigned ran = 0;

	(void)state;
	send_counted(&a, &a, 1, &ran);
	step(&a);
	assert_int_equal(blocks_out(&a), 0);
	assert_int_equal(a.outbox.blocks, 1);
}

static void
warm_paths_allocate_nothing(void **state)
{
	unsigned ran = 0;

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		if (i == 2)
			harness_fail_all(FAULT_ALLOCATE);
		send_counted(&a, &b, 70, &ran);
		send_counted(&a, &a, 40, &ran);
		step(&b);
		send_counted(&b, &a, 10, &ran);
		step(&a);
	}
	assert_false(harness_has_failed());
	assert_int_equal(ran, 120000);
}

/* One way only: what is out is bounded, and so is what is ever made. */
static void
one_way_traffic_allocates_nothing_once_warm(void **state)
{
	unsigned ran = 0;

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		if (i == 100)
			harness_fail_all(FAULT_ALLOCATE);
		send_counted(&a, &b, 1, &ran);
		step(&b);
		step(&a);
	}
	assert_false(harness_has_failed());
	assert_in_range(a.outbox.blocks, 1, GYRE__LANE_RETURNS_MAX + 1);
}

static void
the_stock_has_a_bound(void **state)
{
	const unsigned blocks = GYRE__SPARE_BLOCKS_MAX + 20;
	unsigned ran = 0;

	(void)state;
	send_counted(&a, &b, blocks * GYRE__BLOCK_ENTRIES, &ran);
	assert_true(blocks_out(&a) >= blocks);
	step(&b);
	send_counted(&b, &a, 1, &ran);
	step(&a);
	assert_int_equal(blocks_out(&a), 0);
	assert_int_equal(a.outbox.spares, GYRE__SPARE_BLOCKS_MAX);
	assert_int_equal(ran, blocks * GYRE__BLOCK_ENTRIES + 1);
}

static void
a_refused_block_is_home_at_once(void **state)
{
	unsigned ran = 0;

	(void)state;
	enter(&a);
	assert_int_equal(
		gyre__outbox_add(&a.outbox, b.inbox, count, &ran, NULL), 0);
	stand_in_close(&b);
	gyre__outbox_flush(&a.outbox);
	leave(&a);
	assert_int_equal(blocks_out(&a), 0);
	assert_int_equal(ran, 0);
	assert_int_equal(a.outbox.undelivered, 1);
}

/* b has no memory for a lane to a. */
static void
a_block_goes_home_without_memory(void **state)
{
	unsigned ran = 0;

	(void)state;
	send_counted(&a, &b, 1, &ran);
	harness_fail_all(FAULT_ALLOCATE);
	step(&b);
	assert_true(harness_has_failed());
	step(&a);
	assert_int_equal(blocks_out(&a), 0);
}

/* -- home closes --------------------------------------------------------- */

static void
blocks_waiting_at_home_are_freed_when_it_closes(void **state)
{
	unsigned ran = 0;

	(void)state;
	send_counted(&a, &b, 100, &ran);
	step(&b);
	send_counted(&b, &a, 1, &ran);
	stand_in_close(&a);
	assert_int_equal(a.outbox.blocks, 0);
	assert_int_equal(a.outbox.dropped, 1);
}

static void
a_block_that_runs_after_home_closed_is_an_orphan(void **state)
{
	unsigned ran = 0;

	(void)state;
	send_counted(&a, &b, 100, &ran);
	stand_in_close(&a);
	assert_true(a.outbox.blocks > 0);
	step(&b);
	assert_int_equal(ran, 100);
}

static void
a_block_that_had_run_when_home_closed_is_an_orphan(void **state)
{
	unsigned ran = 0;

	(void)state;
	send_counted(&a, &b, 100, &ran);
	step(&b);
	stand_in_close(&a);
	assert_int_equal(blocks_out(&a), a.outbox.blocks);
}

static void
an_orphan_without_memory_for_its_lane_is_freed(void **state)
{
	unsigned ran = 0;

	(void)state;
	send_counted(&a, &b, 1, &ran);
	stand_in_close(&a);
	harness_fail_all(FAULT_ALLOCATE);
	step(&b);
	assert_true(harness_has_failed());
	assert_int_equal(ran, 1);
}

static void
an_orphan_that_is_dropped_is_freed(void **state)
{
	unsigned ran = 0;

	(void)state;
	send_counted(&a, &b, 100, &ran);
	stand_in_close(&a);
	stand_in_close(&b);
	assert_int_equal(ran, 0);
	assert_int_equal(b.outbox.dropped, 100);
}

static void
closing_sends_others_blocks_home(void **state)
{
	unsigned ran = 0;

	(void)state;
	send_counted(&a, &b, 100, &ran);
	step(&b);
	stand_in_close(&b);
	step(&a);
	assert_int_equal(blocks_out(&a), 0);
}

/* Whoever holds the orphan holds the inbox; here b gives up last. */
static void
an_orphan_keeps_its_inbox(void **state)
{
	struct stand_in gone;
	unsigned ran = 0;

	(void)state;
	stand_in_open(&gone);
	send_counted(&gone, &b, 1, &ran);
	stand_in_close(&gone);
	stand_in_free(&gone);
	step(&b);
	assert_int_equal(ran, 1);
}

/* -- cells: what has no berth, or no room there --------------------------- */

static void
send_cells(unsigned cells, unsigned *counter)
{
	for (unsigned i = 0; i < cells; i++)
		assert_int_equal(gyre__send_cell(a.inbox, count, counter, NULL),
				 0);
}

static void
a_thread_without_an_outbox_sends_at_once(void **state)
{
	(void)state;
	assert_true(gyre__inbox_arm(a.inbox));
	assert_int_equal(gyre__send_callback(a.inbox, say_arg, argument("one"),
					     say_dropped),
			 0);
	assert_int_equal(a.bell.rings, 1);
	assert_int_equal(
		gyre__send_callback(a.inbox, say_arg, argument("two"), NULL),
		0);
	step(&a);
	assert_trace("one two");
	assert_int_equal(a.outbox.run, 2);
}

static void
cells_come_back_and_are_used_again(void **state)
{
	unsigned ran = 0;

	(void)state;
	for (unsigned i = 0; i < 200; i++) {
		if (i == 10)
			harness_fail_all(FAULT_ALLOCATE);
		send_cells(50, &ran);
		step(&a);
	}
	assert_false(harness_has_failed());
	assert_int_equal(ran, 10000);
}

static void
a_burst_of_cells_makes_more_and_keeps_them(void **state)
{
	unsigned ran = 0;

	(void)state;
	send_cells(5000, &ran);
	step(&a);
	assert_int_equal(ran, 5000);
	harness_fail_all(FAULT_ALLOCATE);
	send_cells(5000 - GYRE__CELLS_BACK_MAX, &ran);
	assert_false(harness_has_failed());
	step(&a);
}

static void
more_cells_than_chunks_hold_are_made_singly(void **state)
{
	unsigned all =
		GYRE__CELL_CHUNK_FIRST * ((1u << GYRE__CELL_CHUNKS_MAX) - 1);
	unsigned ran = 0;

	(void)state;
	send_cells(all + 100, &ran);
	step(&a);
	assert_int_equal(ran, all + 100);
}

static void
a_cell_is_made_singly_when_a_chunk_cannot_be(void **state)
{
	unsigned ran = 0;

	(void)state;
	harness_fail(FAULT_ALLOCATE, 1);
	send_cells(1, &ran);
	assert_true(harness_has_failed());
	step(&a);
	assert_int_equal(ran, 1);
}

static void
without_memory_a_callback_is_refused(void **state)
{
	(void)state;
	harness_fail_all(FAULT_ALLOCATE);
	assert_int_equal(gyre__send_callback(a.inbox, say_arg, argument("one"),
					     say_dropped),
			 -ENOMEM);
	step(&a);
}

static void
a_closed_inbox_refuses_and_keeps_its_cells(void **state)
{
	(void)state;
	assert_int_equal(
		gyre__send_cell(a.inbox, say_arg, argument("one"), say_dropped),
		0);
	stand_in_close(&a);
	assert_trace("one!stopped");
	harness_fail_all(FAULT_ALLOCATE);
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(gyre__send_cell(a.inbox, say_arg,
						 argument("two"), say_dropped),
				 -ESHUTDOWN);
	assert_false(harness_has_failed());
}

/* What a closing loop's drop functions send goes in cells, since blocks would
 * have no home; the receiver frees them. */
static void
send_to_b(void *word, enum gyre_drop_reason reason)
{
	say_dropped(word, reason);
	for (unsigned i = 0; i < 3; i++)
		send_droppable(&a, &b, "last words");
}

static void
a_closing_loop_sends_cells(void **state)
{
	(void)state;
	enter(&a);
	assert_int_equal(gyre__outbox_add(&a.outbox, a.inbox, say_arg,
					  argument("one"), send_to_b),
			 0);
	leave(&a);
	stand_in_close(&a);
	assert_int_equal(a.outbox.blocks, 0);
	step(&b);
	assert_trace("one!stopped last words last words last words");
}

#define STOCK_TEST(name) \
	cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STOCK_TEST(a_block_comes_home_with_what_is_sent_there),
		STOCK_TEST(many_blocks_come_home_by_themselves),
		STOCK_TEST(a_block_to_itself_is_home_at_once),
		STOCK_TEST(warm_paths_allocate_nothing),
		STOCK_TEST(one_way_traffic_allocates_nothing_once_warm),
		STOCK_TEST(the_stock_has_a_bound),
		STOCK_TEST(a_refused_block_is_home_at_once),
		STOCK_TEST(a_block_goes_home_without_memory),
		STOCK_TEST(blocks_waiting_at_home_are_freed_when_it_closes),
		STOCK_TEST(a_block_that_runs_after_home_closed_is_an_orphan),
		STOCK_TEST(a_block_that_had_run_when_home_closed_is_an_orphan),
		STOCK_TEST(an_orphan_without_memory_for_its_lane_is_freed),
		STOCK_TEST(an_orphan_that_is_dropped_is_freed),
		STOCK_TEST(closing_sends_others_blocks_home),
		STOCK_TEST(an_orphan_keeps_its_inbox),
		STOCK_TEST(a_thread_without_an_outbox_sends_at_once),
		STOCK_TEST(cells_come_back_and_are_used_again),
		STOCK_TEST(a_burst_of_cells_makes_more_and_keeps_them),
		STOCK_TEST(more_cells_than_chunks_hold_are_made_singly),
		STOCK_TEST(a_cell_is_made_singly_when_a_chunk_cannot_be),
		STOCK_TEST(without_memory_a_callback_is_refused),
		STOCK_TEST(a_closed_inbox_refuses_and_keeps_its_cells),
		STOCK_TEST(a_closing_loop_sends_cells),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
