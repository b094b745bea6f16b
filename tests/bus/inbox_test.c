/* The inbox, one thread: what each word of its head means to both sides. */
#include "tests/bus/fixture.h"

struct frame {
	struct counting_bell bell;
	struct gyre_inbox *inbox;
	struct gyre__chain chain;
};

static void
open_inbox(struct frame *frame)
{
	counting_bell_init(&frame->bell);
	frame->inbox = gyre__inbox_new(harness_sys(), &frame->bell.bell);
	assert_non_null(frame->inbox);
	frame->chain = (struct gyre__chain){ 0 };
}

static void
close_inbox(struct frame *frame)
{
	gyre__inbox_close(frame->inbox, &frame->chain);
	gyre_inbox_unref(frame->inbox);
}

static void
push(struct frame *frame, struct message *message)
{
	assert_int_equal(
		gyre__inbox_push(frame->inbox, &message->task, &message->task),
		0);
}

static void
run_all(struct gyre__chain *chain)
{
	struct gyre_task *task;

	while ((task = gyre__chain_pop(chain)) != NULL)
		task->run(task);
	assert_null(chain->tail);
	chain->messages = 0;
}

static void
take_and_run(struct frame *frame)
{
	gyre__inbox_take(frame->inbox, &frame->chain);
	run_all(&frame->chain);
}

static void
what_is_pushed_is_taken_in_its_order(void **state)
{
	struct message one = message("one");
	struct message two = message("two");
	struct message three = message("three");
	struct frame frame;

	(void)state;
	open_inbox(&frame);
	push(&frame, &one);
	push(&frame, &two);
	push(&frame, &three);
	gyre__inbox_take(frame.inbox, &frame.chain);
	assert_int_equal(frame.chain.messages, 3);
	assert_ptr_equal(frame.chain.tail, &three.task);
	run_all(&frame.chain);
	assert_trace("one two three");
	close_inbox(&frame);
}

static void
a_chain_is_pushed_whole_and_in_order(void **state)
{
	struct message before = message("before");
	struct message older = message("older");
	struct message newer = message("newer");
	struct frame frame;

	(void)state;
	open_inbox(&frame);
	push(&frame, &before);
	newer.task._next = &older.task;
	assert_int_equal(
		gyre__inbox_push(frame.inbox, &newer.task, &older.task), 0);
	take_and_run(&frame);
	assert_trace("before older newer");
	close_inbox(&frame);
}

static void
take_appends_to_what_is_there(void **state)
{
	struct message one = message("one");
	struct message two = message("two");
	struct frame frame;

	(void)state;
	open_inbox(&frame);
	gyre__inbox_take(frame.inbox, &frame.chain);
	assert_null(frame.chain.head);
	push(&frame, &one);
	gyre__inbox_take(frame.inbox, &frame.chain);
	push(&frame, &two);
	gyre__inbox_take(frame.inbox, &frame.chain);
	gyre__inbox_take(frame.inbox, &frame.chain);
	assert_int_equal(frame.chain.messages, 2);
	run_all(&frame.chain);
	assert_trace("one two");
	close_inbox(&frame);
}

static void
pushes_to_an_awake_consumer_ring_nothing(void **state)
{
	struct message one = message("one");
	struct message two = message("two");
	struct frame frame;

	(void)state;
	open_inbox(&frame);
	push(&frame, &one);
	push(&frame, &two);
	assert_int_equal(frame.bell.rings, 0);
	take_and_run(&frame);
	assert_trace("one two");
	close_inbox(&frame);
}

static void
arming_fails_when_something_came(void **state)
{
	struct message one = message("one");
	struct frame frame;

	(void)state;
	open_inbox(&frame);
	push(&frame, &one);
	assert_false(gyre__inbox_arm(frame.inbox));
	assert_int_equal(frame.inbox->arms, 0);
	take_and_run(&frame);
	assert_trace("one");
	assert_true(gyre__inbox_arm(frame.inbox));
	close_inbox(&frame);
}

static void
only_the_push_that_ends_an_arm_rings(void **state)
{
	struct message one = message("one");
	struct message two = message("two");
	struct frame frame;

	(void)state;
	open_inbox(&frame);
	assert_true(gyre__inbox_arm(frame.inbox));
	assert_int_equal(frame.bell.rings, 0);
	push(&frame, &one);
	assert_int_equal(frame.bell.rings, 1);
	push(&frame, &two);
	assert_int_equal(frame.bell.rings, 1);
	take_and_run(&frame);
	assert_trace("one two");
	assert_true(gyre__inbox_arm(frame.inbox));
	push(&frame, &one);
	assert_int_equal(frame.bell.rings, 2);
	take_and_run(&frame);
	assert_trace("one");
	assert_int_equal(frame.inbox->arms, 2);
	assert_int_equal(frame.inbox->rings, 2);
	assert_int_equal(frame.inbox->self_disarms, 0);
	close_inbox(&frame);
}

static void
a_consumer_woken_otherwise_disarms_itself(void **state)
{
	struct message one = message("one");
	struct frame frame;

	(void)state;
	open_inbox(&frame);
	assert_true(gyre__inbox_arm(frame.inbox));
	gyre__inbox_take(frame.inbox, &frame.chain);
	assert_null(frame.chain.head);
	assert_int_equal(frame.inbox->self_disarms, 1);
	gyre__inbox_take(frame.inbox, &frame.chain);
	assert_int_equal(frame.inbox->self_disarms, 1);
	push(&frame, &one);
	assert_int_equal(frame.bell.rings, 0);
	take_and_run(&frame);
	assert_trace("one");
	close_inbox(&frame);
}

static void
a_closed_inbox_refuses_and_touches_nothing(void **state)
{
	struct message one = message("one");
	struct frame frame;

	(void)state;
	open_inbox(&frame);
	assert_false(gyre__inbox_is_closed(frame.inbox));
	gyre__inbox_close(frame.inbox, &frame.chain);
	assert_true(gyre__inbox_is_closed(frame.inbox));
	one.task._next = &one.task;
	assert_int_equal(gyre__inbox_push(frame.inbox, &one.task, &one.task),
			 -ESHUTDOWN);
	assert_ptr_equal(one.task._next, &one.task);
	assert_int_equal(gyre_inbox_post(frame.inbox, &one.task), -ESHUTDOWN);
	assert_int_equal(frame.bell.rings, 0);
	gyre_inbox_unref(frame.inbox);
}

static void
close_hands_over_what_waited(void **state)
{
	struct message one = message("one");
	struct message two = message("two");
	struct frame frame;

	(void)state;
	open_inbox(&frame);
	push(&frame, &one);
	push(&frame, &two);
	gyre__inbox_close(frame.inbox, &frame.chain);
	assert_int_equal(frame.chain.messages, 2);
	run_all(&frame.chain);
	assert_trace("one two");
	gyre_inbox_unref(frame.inbox);
}

static void
close_of_an_armed_inbox_waits_for_no_ring(void **state)
{
	struct frame frame;

	(void)state;
	open_inbox(&frame);
	assert_true(gyre__inbox_arm(frame.inbox));
	gyre__inbox_close(frame.inbox, &frame.chain);
	assert_null(frame.chain.head);
	assert_int_equal(frame.inbox->self_disarms, 1);
	gyre_inbox_unref(frame.inbox);
}

static void
close_twice(void *inbox)
{
	struct gyre__chain chain = { 0 };

	gyre__inbox_close(inbox, &chain);
}

static void
a_second_close_aborts(void **state)
{
	struct frame frame;

	(void)state;
	open_inbox(&frame);
	gyre__inbox_close(frame.inbox, &frame.chain);
	assert_true(aborts_saying(close_twice, frame.inbox, "broken law"));
	gyre_inbox_unref(frame.inbox);
}

static void
the_last_reference_releases(void **state)
{
	struct harness_live with;
	struct frame frame;

	(void)state;
	open_inbox(&frame);
	harness_live(&with);
	assert_ptr_equal(gyre_inbox_ref(frame.inbox), frame.inbox);
	gyre__inbox_ref_many(frame.inbox, 3);
	close_inbox(&frame);
	for (unsigned i = 0; i < 3; i++)
		gyre_inbox_unref(frame.inbox);
	assert_true(harness_live_is(&with));
	gyre_inbox_unref(frame.inbox);
	assert_false(harness_live_is(&with));
	gyre_inbox_unref(NULL);
}

static void
no_memory_no_inbox(void **state)
{
	struct counting_bell bell;

	(void)state;
	counting_bell_init(&bell);
	harness_fail(FAULT_ALLOCATE, 1);
	assert_null(gyre__inbox_new(harness_sys(), &bell.bell));
	assert_true(harness_has_failed());
}

static void
drop_reasons_have_names(void **state)
{
	(void)state;
	assert_string_equal(gyre_drop_reason_name(GYRE_DROP_STOPPED),
			    "stopped");
	assert_string_equal(gyre_drop_reason_name(GYRE_DROP_EXPIRED),
			    "expired");
	assert_string_equal(gyre_drop_reason_name(GYRE_DROP_CANCELED),
			    "canceled");
	assert_string_equal(gyre_drop_reason_name((enum gyre_drop_reason)77),
			    "unknown reason");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BUS_TEST(what_is_pushed_is_taken_in_its_order),
		BUS_TEST(a_chain_is_pushed_whole_and_in_order),
		BUS_TEST(take_appends_to_what_is_there),
		BUS_TEST(pushes_to_an_awake_consumer_ring_nothing),
		BUS_TEST(arming_fails_when_something_came),
		BUS_TEST(only_the_push_that_ends_an_arm_rings),
		BUS_TEST(a_consumer_woken_otherwise_disarms_itself),
		BUS_TEST(a_closed_inbox_refuses_and_touches_nothing),
		BUS_TEST(close_hands_over_what_waited),
		BUS_TEST(close_of_an_armed_inbox_waits_for_no_ring),
		BUS_TEST(a_second_close_aborts),
		BUS_TEST(the_last_reference_releases),
		BUS_TEST(no_memory_no_inbox),
		BUS_TEST(drop_reasons_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
