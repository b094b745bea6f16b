/* What a thread without an outbox sends: at its berth, and past it. This one is
 * such a thread outside of its stand-ins. */
#include "tests/bus/fixture.h"

#include "bus/berth.h"

#include <pthread.h>

#define MANY 70u /* more than a guest has places for */

static struct stand_in a;
static struct stand_in b;
static struct stand_in many[MANY];

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
	stand_in_end(&a);
	stand_in_end(&b);
	return bus_tear_down(state);
}

static int
send_to(struct stand_in *to, const char *word)
{
	return gyre__send_callback(to->inbox, say_arg, argument(word), NULL);
}

static int
send_droppable_to(struct stand_in *to, const char *word)
{
	return gyre__send_callback(to->inbox, say_arg, argument(word),
				   say_dropped);
}

static unsigned
berths_of(const struct stand_in *stand_in)
{
	unsigned count = 0;
	const struct gyre__berth *berth;

	for (berth = stand_in->inbox->berths; berth != NULL;
	     berth = berth->next)
		count++;
	return count;
}

/* -- blocks ---------------------------------------------------------------- */

static void
what_follows_is_added_to_what_waits(void **state)
{
	(void)state;
	assert_true(gyre__inbox_arm(a.inbox));
	assert_int_equal(send_to(&a, "one"), 0);
	assert_int_equal(a.bell.rings, 1);
	assert_int_equal(send_droppable_to(&a, "two"), 0);
	assert_int_equal(send_to(&a, "three"), 0);
	assert_null(a.inbox->head->_next);
	step(&a);
	assert_trace("one two three");
	assert_int_equal(a.outbox.run, 3);
	assert_int_equal(a.bell.rings, 1);
	assert_int_equal(send_to(&a, "four"), 0);
	step(&a);
	assert_trace("four");
}

/* While it has not run, nothing is added to it, and it is not used again. */
static void
nothing_is_added_to_what_was_taken(void **state)
{
	(void)state;
	assert_int_equal(send_to(&a, "one"), 0);
	enter(&a);
	gyre__outbox_receive(&a.outbox);
	leave(&a);
	assert_int_equal(send_to(&a, "two"), 0);
	assert_int_equal(a.outbox.ready.messages, 1);
	assert_int_equal(a.inbox->berth_blocks, 2);
	step(&a);
	assert_trace("one two");
}

static void
blocks_are_used_again(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 200; round++) {
		if (round == 2)
			harness_fail_all(FAULT_ALLOCATE);
		for (unsigned i = 0; i < GYRE__BERTH_ENTRIES + 1; i++)
			assert_int_equal(send_to(&a, "x"), 0);
		step(&a);
		forget_trace();
	}
	assert_false(harness_has_failed());
	assert_int_equal(a.inbox->berth_blocks, 2);
	assert_int_equal(a.outbox.run, 200 * (GYRE__BERTH_ENTRIES + 1));
}

/* A mark and its callback are in one block. */
static void
a_block_is_filled_to_the_last_entry(void **state)
{
	(void)state;
	for (unsigned i = 0; i < GYRE__BERTH_ENTRIES - 1; i++)
		assert_int_equal(send_to(&a, "x"), 0);
	assert_int_equal(send_droppable_to(&a, "two"), 0);
	assert_int_equal(a.inbox->berth_blocks, 2);
	for (unsigned i = 0; i < GYRE__BERTH_ENTRIES - 2; i++)
		assert_int_equal(send_to(&a, "x"), 0);
	assert_int_equal(a.inbox->berth_blocks, 2);
	assert_int_equal(send_to(&a, "x"), 0);
	assert_int_equal(a.inbox->berth_blocks, 3);
	step(&a);
	forget_trace();
	assert_int_equal(a.outbox.run, 2 * GYRE__BERTH_ENTRIES - 1);
}

/* -- the order with what is sent otherwise ----------------------------------
 */

static void
tasks_and_cells_keep_their_place(void **state)
{
	struct message two = message("two");
	struct message four = message("four");
	struct gyre_task_chain chain = { 0 };

	(void)state;
	gyre_task_chain_add(&chain, &four.task);
	assert_int_equal(send_to(&a, "one"), 0);
	assert_int_equal(gyre_inbox_post(a.inbox, &two.task), 0);
	assert_int_equal(send_to(&a, "three"), 0);
	assert_int_equal(gyre_inbox_post_chain(a.inbox, &chain), 0);
	assert_int_equal(send_to(&a, "five"), 0);
	assert_int_equal(
		gyre__send_cell(a.inbox, say_arg, argument("six"), NULL), 0);
	assert_int_equal(send_to(&a, "seven"), 0);
	step(&a);
	assert_trace("one two three four five six seven");
}

/* A handler on the thread. */
static void
what_a_signal_handler_sends_keeps_its_place(void **state)
{
	(void)state;
	assert_true(gyre__cells_reserve(&a.inbox->cells));
	assert_int_equal(send_to(&a, "one"), 0);
	assert_int_equal(gyre__send_callback_from_signal(a.inbox, say_arg,
							 argument("two"), NULL),
			 0);
	assert_int_equal(send_to(&a, "three"), 0);
	step(&a);
	assert_trace("one two three");
}

static void
what_a_thread_sends_as_a_loop_keeps_its_place(void **state)
{
	(void)state;
	assert_int_equal(send_to(&a, "one"), 0);
	enter(&b);
	send_word(&b, &a, "two");
	gyre__outbox_flush(&b.outbox);
	leave(&b);
	assert_int_equal(send_to(&a, "three"), 0);
	step(&a);
	assert_trace("one two three");
	step(&b);
}

/* -- without memory ---------------------------------------------------------
 */

static void
without_memory_a_cell_is_sent(void **state)
{
	(void)state;
	assert_true(gyre__cells_reserve(&a.inbox->cells));
	for (unsigned nth = 1; nth <= 2; nth++) { /* the berth, the block */
		harness_fail(FAULT_ALLOCATE, nth);
		assert_int_equal(send_to(&a, "one"), 0);
		assert_true(harness_has_failed());
		assert_int_equal(a.inbox->berth_blocks, 0);
	}
	assert_int_equal(send_to(&a, "two"), 0);
	assert_int_equal(a.inbox->berth_blocks, 1);
	step(&a);
	assert_trace("one one two");
}

static void
berths_keep_so_much_and_no_more(void **state)
{
	(void)state;
	a.inbox->berth_blocks = GYRE__BERTH_BLOCKS_MAX - 1;
	for (unsigned i = 0; i < GYRE__BERTH_ENTRIES + 2; i++)
		assert_int_equal(send_to(&a, "x"), 0);
	assert_int_equal(a.inbox->berth_blocks, GYRE__BERTH_BLOCKS_MAX);
	step(&a);
	forget_trace();
	assert_int_equal(a.outbox.run, GYRE__BERTH_ENTRIES + 2);
	/* The one that there is has run. */
	harness_fail_all(FAULT_ALLOCATE);
	assert_int_equal(send_to(&a, "again"), 0);
	step(&a);
	assert_trace("again");
	assert_false(harness_has_failed());
}

/* -- closing ----------------------------------------------------------------
 */

static void
closing_drops_what_waits_and_refuses_the_rest(void **state)
{
	(void)state;
	assert_int_equal(send_droppable_to(&a, "one"), 0);
	assert_int_equal(send_droppable_to(&a, "two"), 0);
	stand_in_close(&a);
	assert_trace("one!stopped two!stopped");
	assert_int_equal(a.outbox.dropped, 2);
	harness_fail_all(FAULT_ALLOCATE);
	for (unsigned i = 0; i < 1000; i++) {
		assert_int_equal(send_droppable_to(&a, "three"), -ESHUTDOWN);
		assert_int_equal(send_to(&a, "three"), -ESHUTDOWN);
	}
	assert_false(harness_has_failed());
}

static void
a_closed_inbox_gets_no_berth(void **state)
{
	(void)state;
	stand_in_close(&a);
	assert_int_equal(send_to(&a, "one"), -ESHUTDOWN);
	assert_int_equal(berths_of(&a), 0);
}

/* The memory may be the next one's. */
static void
an_inbox_that_ended_is_forgotten(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		stand_in_open(&many[0]);
		assert_int_equal(send_to(&many[0], "one"), 0);
		step(&many[0]);
		assert_trace("one");
		assert_int_equal(berths_of(&many[0]), 1);
		stand_in_end(&many[0]);
	}
}

/* -- guests -----------------------------------------------------------------
 */

static void *
send_from_thread(void *word)
{
	return send_to(&a, word) == 0 ? &a : NULL;
}

static void
send_elsewhere(const char *word)
{
	pthread_t thread;
	void *sent = NULL;

	assert_int_equal(
		pthread_create(&thread, NULL, send_from_thread, argument(word)),
		0);
	pthread_join(thread, &sent);
	assert_non_null(sent);
}

/* Also with something in it. */
static void
a_thread_that_ends_leaves_its_berth_to_the_next(void **state)
{
	(void)state;
	send_elsewhere("one");
	send_elsewhere("two");
	step(&a);
	assert_trace("one two");
	for (unsigned i = 0; i < 100; i++) {
		send_elsewhere("x");
		step(&a);
	}
	forget_trace();
	assert_int_equal(berths_of(&a), 1);
	assert_int_equal(a.inbox->berth_blocks, 2);
}

/* And what one sends when another has sent comes after that. */
static void
threads_that_are_there_have_one_each(void **state)
{
	(void)state;
	assert_int_equal(send_to(&a, "one"), 0);
	send_elsewhere("two");
	assert_int_equal(send_to(&a, "three"), 0);
	assert_int_equal(send_to(&a, "four"), 0);
	assert_int_equal(berths_of(&a), 2);
	assert_int_equal(a.inbox->berth_blocks, 3);
	step(&a);
	assert_trace("one two three four");
}

static void
a_guest_of_too_many_leaves_some(void **state)
{
	(void)state;
	for (unsigned i = 0; i < MANY; i++)
		stand_in_open(&many[i]);
	for (unsigned round = 0; round < 3; round++)
		for (unsigned i = 0; i < MANY; i++) {
			assert_int_equal(send_to(&many[i], "one"), 0);
			assert_int_equal(send_to(&many[i], "two"), 0);
		}
	for (unsigned i = 0; i < MANY; i++) {
		step(&many[i]);
		assert_trace("one two one two one two");
		assert_int_equal(berths_of(&many[i]), 1);
		stand_in_end(&many[i]);
	}
}

#define BERTH_TEST(name) \
	cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BERTH_TEST(what_follows_is_added_to_what_waits),
		BERTH_TEST(nothing_is_added_to_what_was_taken),
		BERTH_TEST(blocks_are_used_again),
		BERTH_TEST(a_block_is_filled_to_the_last_entry),
		BERTH_TEST(tasks_and_cells_keep_their_place),
		BERTH_TEST(what_a_signal_handler_sends_keeps_its_place),
		BERTH_TEST(what_a_thread_sends_as_a_loop_keeps_its_place),
		BERTH_TEST(without_memory_a_cell_is_sent),
		BERTH_TEST(berths_keep_so_much_and_no_more),
		BERTH_TEST(closing_drops_what_waits_and_refuses_the_rest),
		BERTH_TEST(a_closed_inbox_gets_no_berth),
		BERTH_TEST(an_inbox_that_ended_is_forgotten),
		BERTH_TEST(a_thread_that_ends_leaves_its_berth_to_the_next),
		BERTH_TEST(threads_that_are_there_have_one_each),
		BERTH_TEST(a_guest_of_too_many_leaves_some),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
