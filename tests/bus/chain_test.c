/* Chains of tasks: posted in one go, in order, all of them or none. */
#include "tests/bus/fixture.h"

#define COUNT 200 /* more than fit a lane */

static struct stand_in a;
static struct stand_in b;
static struct message one;
static struct message two;
static struct message three;
static struct gyre_task_chain chain;

static int
set_up(void **state)
{
	bus_set_up(state);
	stand_in_open(&a);
	stand_in_open(&b);
	one = message("one");
	two = message("two");
	three = message("three");
	chain = (struct gyre_task_chain){ 0 };
	gyre_task_chain_add(&chain, &one.task);
	gyre_task_chain_add(&chain, &two.task);
	gyre_task_chain_add(&chain, &three.task);
	return 0;
}

static int
tear_down(void **state)
{
	harness_pretend_fork(false);
	stand_in_end(&a);
	stand_in_end(&b);
	return bus_tear_down(state);
}

/* From shard A, inside of it. */
static int
post_from_a(struct stand_in *to)
{
	int result;

	enter(&a);
	send_word(&a, to, "before");
	result = gyre_inbox_post_chain(to->inbox, &chain);
	send_word(&a, to, "after");
	gyre__outbox_flush(&a.outbox);
	leave(&a);
	return result;
}

static void
a_thread_without_a_loop_posts_it_in_one_push(void **state)
{
	(void)state;
	enter(&b);
	gyre__outbox_receive(&b.outbox);
	assert_true(gyre__inbox_arm(b.inbox));
	leave(&b);
	assert_int_equal(gyre_inbox_post_chain(b.inbox, &chain), 0);
	assert_int_equal(chain.count, 0);
	assert_int_equal(b.bell.rings, 1);
	step(&b);
	assert_trace("one two three");
	assert_int_equal(b.outbox.posted, 3);
	assert_int_equal(gyre_inbox_post_chain(b.inbox, &chain), 0);
	step(&b);
}

static void
it_keeps_its_place_among_what_a_loop_sends(void **state)
{
	(void)state;
	assert_int_equal(post_from_a(&b), 0);
	step(&b);
	assert_trace("before one two three after");
	assert_int_equal(a.outbox.sent, 5);
}

static void
it_keeps_its_place_among_what_a_loop_sends_itself(void **state)
{
	(void)state;
	assert_int_equal(post_from_a(&a), 0);
	step(&a);
	assert_trace("before one two three after");
}

static void
without_memory_for_a_lane_it_goes_directly(void **state)
{
	(void)state;
	enter(&a);
	harness_fail(FAULT_ALLOCATE, 1);
	assert_int_equal(gyre_inbox_post_chain(b.inbox, &chain), 0);
	assert_true(harness_has_failed());
	leave(&a);
	step(&b);
	assert_trace("one two three");
}

static void
a_long_one_leaves_at_once(void **state)
{
	static struct message messages[COUNT];
	struct gyre_task_chain many = { 0 };

	(void)state;
	for (unsigned i = 0; i < COUNT; i++) {
		messages[i] = message("x");
		gyre_task_chain_add(&many, &messages[i].task);
	}
	enter(&a);
	assert_int_equal(gyre_inbox_post_chain(b.inbox, &many), 0);
	assert_int_equal(a.outbox.sent, COUNT);
	gyre__outbox_flush(&a.outbox);
	leave(&a);
	step(&b);
	forget_trace();
	assert_int_equal(b.outbox.run, COUNT);
}

/* The refused chain is as it was: it can be posted elsewhere. */
static void
a_refused_one_stays_the_callers(void **state)
{
	(void)state;
	stand_in_close(&b);
	assert_int_equal(gyre_inbox_post_chain(b.inbox, &chain), -ESHUTDOWN);
	enter(&a);
	assert_int_equal(gyre_inbox_post_chain(b.inbox, &chain), -ESHUTDOWN);
	leave(&a);
	harness_pretend_fork(true);
	assert_int_equal(gyre_inbox_post_chain(a.inbox, &chain), -EPERM);
	harness_pretend_fork(false);
	assert_int_equal(chain.count, 3);
	assert_int_equal(gyre_inbox_post_chain(a.inbox, &chain), 0);
	step(&a);
	assert_trace("one two three");
}

static void
one_whose_destination_closes_meanwhile_is_dropped_here(void **state)
{
	(void)state;
	enter(&a);
	assert_int_equal(gyre_inbox_post_chain(b.inbox, &chain), 0);
	stand_in_close(&b);
	gyre__outbox_flush(&a.outbox);
	leave(&a);
	assert_trace("one!stopped two!stopped three!stopped");
	assert_int_equal(a.outbox.undelivered, 3);
}

#define CHAIN_TEST(name) \
	cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CHAIN_TEST(a_thread_without_a_loop_posts_it_in_one_push),
		CHAIN_TEST(it_keeps_its_place_among_what_a_loop_sends),
		CHAIN_TEST(it_keeps_its_place_among_what_a_loop_sends_itself),
		CHAIN_TEST(without_memory_for_a_lane_it_goes_directly),
		CHAIN_TEST(a_long_one_leaves_at_once),
		CHAIN_TEST(a_refused_one_stays_the_callers),
		CHAIN_TEST(
			one_whose_destination_closes_meanwhile_is_dropped_here),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
