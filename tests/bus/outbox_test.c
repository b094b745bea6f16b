/* The outbox: what is sent, in which order, and what becomes of it when its
 * destination closes. Two or three stand-ins, stepped by hand. */
#include "tests/bus/fixture.h"

static struct stand_in a;
static struct stand_in b;
static struct stand_in c;

static int
set_up(void **state)
{
	bus_set_up(state);
	stand_in_open(&a);
	stand_in_open(&b);
	stand_in_open(&c);
	return 0;
}

static int
tear_down(void **state)
{
	harness_fail(0, 0);
	stand_in_end(&a);
	stand_in_end(&b);
	stand_in_end(&c);
	return bus_tear_down(state);
}

static void
flush(struct stand_in *stand_in)
{
	gyre__outbox_flush(&stand_in->outbox);
	assert_true(gyre__outbox_is_flushed(&stand_in->outbox));
}

/* The hint that an inbox is closed may come late; then its head decides. */
static void
hide_that_it_is_closed(struct stand_in *stand_in)
{
	stand_in->inbox->closed = 0;
}

/* A word for a number, for order over many. */
static const char *
number_word(unsigned number)
{
	static char words[1000][4];

	assert_true(number < 1000);
	snprintf(words[number], sizeof(words[number]), "%u", number);
	return words[number];
}

static void
assert_numbers(unsigned count)
{
	char expected[4000] = "";
	size_t used = 0;

	for (unsigned i = 0; i < count; i++)
		used += (size_t)snprintf(expected + used,
					 sizeof(expected) - used,
					 i > 0 ? " %u" : "%u", i);
	assert_trace(expected);
}

/* -- order --------------------------------------------------------------- */

static void
callbacks_and_tasks_keep_one_order(void **state)
{
	struct message two = message("two");
	struct message five = message("five");

	(void)state;
	enter(&a);
	send_word(&a, &b, "one");
	post_message(&a, &b, &two);
	send_word(&a, &b, "three");
	send_droppable(&a, &b, "four");
	post_message(&a, &b, &five);
	flush(&a);
	leave(&a);
	step(&b);
	assert_trace("one two three four five");
	assert_int_equal(b.outbox.run, 5);
	assert_int_equal(a.outbox.sent, 5);
}

/* More than a block holds, more than a lane holds, with tasks in between. */
static void
order_is_kept_over_many_blocks(void **state)
{
	struct message tasks[300];

	(void)state;
	enter(&a);
	for (unsigned i = 0; i < 300; i++) {
		tasks[i] = message(number_word(i));
		if (i % 37 == 0)
			post_message(&a, &b, &tasks[i]);
		else if (i % 3 == 0)
			send_droppable(&a, &b, number_word(i));
		else
			send_word(&a, &b, number_word(i));
	}
	flush(&a);
	leave(&a);
	step(&b);
	assert_numbers(300);
	assert_int_equal(a.outbox.sent, 300);
}

static void
what_it_sends_itself_keeps_order_too(void **state)
{
	struct message two = message("two");

	(void)state;
	enter(&a);
	send_word(&a, &a, "one");
	post_message(&a, &a, &two);
	send_word(&a, &a, "three");
	assert_true(gyre__outbox_is_flushed(&a.outbox));
	leave(&a);
	step(&a);
	assert_trace("one two three");
	assert_int_equal(a.bell.rings, 0);
}

static void
say_and_send_home(void *word)
{
	say(word);
	send_word(&a, &a, "later");
}

static void
what_a_callback_adds_waits_for_the_next_batch(void **state)
{
	(void)state;
	enter(&a);
	assert_int_equal(gyre__outbox_add(&a.outbox, a.inbox, say_and_send_home,
					  argument("first"), NULL),
			 0);
	send_word(&a, &a, "second");
	leave(&a);
	step(&a);
	assert_trace("first second");
	step(&a);
	assert_trace("later");
}

/* What came earlier from elsewhere is before what is added to itself now. */
static void
own_and_others_join_in_the_order_they_came(void **state)
{
	(void)state;
	enter(&a);
	send_word(&a, &b, "from a");
	flush(&a);
	leave(&a);
	enter(&b);
	send_word(&b, &b, "own");
	gyre__outbox_receive(&b.outbox);
	send_word(&b, &b, "own after");
	leave(&b);
	step(&b);
	assert_trace("own from a own after");
}

/* -- when it leaves ------------------------------------------------------ */

static void
nothing_leaves_before_the_flush(void **state)
{
	(void)state;
	assert_true(gyre__inbox_arm(b.inbox));
	enter(&a);
	send_word(&a, &b, "one");
	send_word(&a, &c, "two");
	assert_false(gyre__outbox_is_flushed(&a.outbox));
	assert_int_equal(b.bell.rings, 0);
	flush(&a);
	assert_int_equal(b.bell.rings, 1);
	leave(&a);
	step(&b);
	step(&c);
	assert_trace("one two");
}

static void
a_batch_is_one_push_and_one_ring(void **state)
{
	(void)state;
	assert_true(gyre__inbox_arm(b.inbox));
	enter(&a);
	for (unsigned i = 0; i < 60; i++)
		send_word(&a, &b, number_word(i));
	flush(&a);
	leave(&a);
	assert_int_equal(a.outbox.flushes, 1);
	assert_int_equal(b.bell.rings, 1);
	step(&b);
	assert_numbers(60);
}

static void
a_full_lane_leaves_at_once(void **state)
{
	(void)state;
	assert_true(gyre__inbox_arm(b.inbox));
	enter(&a);
	for (unsigned i = 0; i < GYRE__LANE_MESSAGES_MAX; i++) {
		assert_int_equal(b.bell.rings, 0);
		send_word(&a, &b, number_word(i));
	}
	assert_int_equal(b.bell.rings, 1);
	assert_int_equal(a.outbox.sent, GYRE__LANE_MESSAGES_MAX);
	flush(&a);
	leave(&a);
	step(&b);
	assert_numbers(GYRE__LANE_MESSAGES_MAX);
}

/* It was in the list of what to flush when it left. */
static void
a_lane_that_left_at_its_bound_is_flushed_as_empty(void **state)
{
	(void)state;
	enter(&a);
	for (unsigned i = 0; i < GYRE__LANE_MESSAGES_MAX; i++)
		send_word(&a, &b, number_word(i));
	flush(&a);
	assert_int_equal(a.outbox.flushes, 1);
	for (unsigned i = 0; i < 2; i++)
		send_word(&a, &c, number_word(GYRE__LANE_MESSAGES_MAX + i));
	flush(&a);
	leave(&a);
	assert_int_equal(a.outbox.flushes, 2);
	step(&b);
	step(&c);
	assert_numbers(GYRE__LANE_MESSAGES_MAX + 2);
}

/* More than there are buckets; some close, in no order. */
static void
many_destinations_do_not_mix(void **state)
{
	struct stand_in many[3 * GYRE__OUTBOX_BUCKETS];
	const unsigned count = 3 * GYRE__OUTBOX_BUCKETS;

	(void)state;
	for (unsigned i = 0; i < count; i++)
		stand_in_open(&many[i]);
	enter(&a);
	for (unsigned i = 0; i < count; i++)
		send_word(&a, &many[i * 7 % count], number_word(i));
	for (unsigned i = 0; i < count; i += 3)
		stand_in_close(&many[i]);
	flush(&a);
	leave(&a);
	assert_int_equal(a.outbox.undelivered, count / 3);
	for (unsigned i = 0; i < count; i++) {
		if (i % 3 == 0) {
			stand_in_free(&many[i]);
			continue;
		}
		step(&many[i]);
		assert_int_equal(many[i].outbox.run, 1);
	}
	for (unsigned i = 0; i < count; i++) {
		if (i % 3 == 0)
			continue;
		stand_in_close(&many[i]);
		stand_in_free(&many[i]);
	}
	forget_trace();
}

static void
leave_with_something_unflushed(void *arg)
{
	(void)arg;
	enter(&a);
	send_word(&a, &b, "one");
	leave(&a);
}

static void
leaving_unflushed_aborts(void **state)
{
	(void)state;
	assert_true(aborts_saying(leave_with_something_unflushed, NULL,
				  "gyre__outbox_is_flushed"));
}

static void
post_what_cannot_run(void *arg)
{
	struct gyre_task task = { .run = NULL };

	(void)arg;
	(void)!gyre_inbox_post(a.inbox, &task);
}

static void
a_task_without_functions_aborts(void **state)
{
	(void)state;
	assert_true(
		aborts_saying(post_what_cannot_run, NULL, "caller's error"));
}

/* -- closed destinations ------------------------------------------------- */

static void
a_closed_destination_refuses_at_once(void **state)
{
	struct message one = message("one");

	(void)state;
	stand_in_close(&b);
	enter(&a);
	assert_int_equal(gyre__outbox_add(&a.outbox, b.inbox, say_arg,
					  argument("one"), say_dropped),
			 -ESHUTDOWN);
	assert_int_equal(gyre__outbox_post(&a.outbox, b.inbox, &one.task),
			 -ESHUTDOWN);
	flush(&a);
	leave(&a);
	assert_int_equal(a.outbox.undelivered, 0);
}

static void
one_that_closes_before_the_flush_drops_on_the_sender(void **state)
{
	struct message two = message("two");

	(void)state;
	enter(&a);
	send_droppable(&a, &b, "one");
	post_message(&a, &b, &two);
	send_word(&a, &b, "silent");
	send_droppable(&a, &b, "three");
	send_word(&a, &c, "arrives");
	stand_in_close(&b);
	assert_trace("");
	flush(&a);
	assert_trace("one!stopped two!stopped three!stopped");
	assert_int_equal(a.outbox.undelivered, 4);
	assert_int_equal(a.outbox.sent, 1);
	flush(&a);
	leave(&a);
	step(&c);
	assert_trace("arrives");
}

/* It is its lane that is full, and the hint has not come yet. */
static void
one_that_closes_before_the_bound_drops_at_the_flush(void **state)
{
	struct message last = message("last");
	const unsigned full = GYRE__LANE_MESSAGES_MAX;

	(void)state;
	enter(&a);
	for (unsigned i = 0; i < full - 1; i++)
		send_word(&a, &b, "silent");
	stand_in_close(&b);
	hide_that_it_is_closed(&b);
	post_message(&a, &b, &last);
	send_droppable(&a, &b, "more");
	assert_trace("");
	flush(&a);
	assert_trace("last!stopped more!stopped");
	assert_int_equal(a.outbox.undelivered, full + 1);
	b.inbox->closed = 1;
	leave(&a);
}

static void
send_again(void *word, enum gyre_drop_reason reason)
{
	say_dropped(word, reason);
	assert_int_equal(gyre__send_callback(b.inbox, say_arg, word, NULL),
			 -ESHUTDOWN);
	send_droppable(&a, &c, "instead");
}

static void
a_drop_function_may_send_elsewhere(void **state)
{
	(void)state;
	enter(&a);
	assert_int_equal(gyre__outbox_add(&a.outbox, b.inbox, say_arg,
					  argument("one"), send_again),
			 0);
	stand_in_close(&b);
	flush(&a);
	leave(&a);
	assert_trace("one!stopped");
	step(&c);
	assert_trace("instead");
}

/* The second destination is found closed while the first one's are dropped. */
static void
a_drop_function_may_send_to_one_that_closed_too(void **state)
{
	(void)state;
	enter(&a);
	assert_int_equal(gyre__outbox_add(&a.outbox, b.inbox, say_arg,
					  argument("one"), send_again),
			 0);
	stand_in_close(&b);
	stand_in_close(&c);
	hide_that_it_is_closed(&c);
	flush(&a);
	leave(&a);
	assert_trace("one!stopped instead!stopped");
	assert_int_equal(a.outbox.undelivered, 2);
	c.inbox->closed = 1;
}

static void
what_waits_is_dropped_in_order_at_close(void **state)
{
	struct message three = message("three");

	(void)state;
	enter(&b);
	send_droppable(&b, &b, "one");
	leave(&b);
	enter(&a);
	send_droppable(&a, &b, "two");
	post_message(&a, &b, &three);
	send_word(&a, &b, "silent");
	flush(&a);
	leave(&a);
	stand_in_close(&b);
	assert_trace("one!stopped two!stopped three!stopped");
	assert_int_equal(b.outbox.posted, 4);
	assert_int_equal(b.outbox.dropped, 4);
}

static void
close_sends_what_was_still_in_lanes(void **state)
{
	(void)state;
	enter(&a);
	send_word(&a, &b, "goodbye");
	gyre__outbox_close(&a.outbox);
	leave(&a);
	step(&b);
	assert_trace("goodbye");
}

static void
send_home_and_to_c(void *word, enum gyre_drop_reason reason)
{
	say_dropped(word, reason);
	assert_int_equal(gyre__send_callback(a.inbox, say_arg, word, NULL),
			 -ESHUTDOWN);
	send_droppable(&a, &c, "last words");
}

static void
a_drop_at_close_may_send_elsewhere(void **state)
{
	(void)state;
	enter(&a);
	assert_int_equal(gyre__outbox_add(&a.outbox, a.inbox, say_arg,
					  argument("one"), send_home_and_to_c),
			 0);
	leave(&a);
	stand_in_close(&a);
	assert_trace("one!stopped");
	step(&c);
	assert_trace("last words");
}

/* -- what is raised ------------------------------------------------------ */

static void
say_and_raise(void *word)
{
	say(word);
	gyre_raise(-EIO, "could not say %s", (char *)word);
}

static void
raise_in_task(struct gyre_task *task)
{
	say_and_raise(argument(((struct message *)task)->word));
}

static void
what_is_raised_is_reported_and_the_rest_runs(void **state)
{
	struct message two = message("two");

	(void)state;
	two.task.run = raise_in_task;
	enter(&a);
	assert_int_equal(gyre__outbox_add(&a.outbox, b.inbox, say_and_raise,
					  argument("one"), NULL),
			 0);
	post_message(&a, &b, &two);
	send_word(&a, &b, "three");
	flush(&a);
	leave(&a);
	step(&b);
	assert_trace("one two three");
	assert_int_equal(b.raised, 2);
	assert_int_equal(b.outbox.run, 3);
}

static void
drop_and_raise(void *word, enum gyre_drop_reason reason)
{
	say_dropped(word, reason);
	gyre_raise(-EIO, NULL);
}

static void
drop_task_and_raise(struct gyre_task *task, enum gyre_drop_reason reason)
{
	drop_and_raise(argument(((struct message *)task)->word), reason);
}

static void
add_what_raises_when_dropped(struct stand_in *from, struct stand_in *to,
			     struct message *message)
{
	message->task.drop = drop_task_and_raise;
	assert_int_equal(gyre__outbox_add(&from->outbox, to->inbox, say_arg,
					  argument("one"), drop_and_raise),
			 0);
	post_message(from, to, message);
}

/* Else it would be blamed on whatever this thread runs next. */
static void
what_a_drop_function_raises_is_reported_there(void **state)
{
	struct message two = message("two");

	(void)state;
	enter(&a);
	add_what_raises_when_dropped(&a, &b, &two);
	stand_in_close(&b);
	gyre__outbox_flush(&a.outbox);
	assert_null(gyre_exception());
	assert_int_equal(a.raised, 2);
	add_what_raises_when_dropped(&a, &a, &two);
	leave(&a);
	stand_in_close(&a);
	assert_int_equal(a.raised, 4);
	assert_trace("one!stopped two!stopped one!stopped two!stopped");
}

/* -- without memory ------------------------------------------------------ */

static void
a_callback_without_memory_is_refused_whole(void **state)
{
	unsigned failed = 0;
	int result = -ENOMEM;

	(void)state;
	enter(&a);
	for (unsigned i = 1; result == -ENOMEM; i++) {
		harness_fail(FAULT_ALLOCATE, i);
		result = gyre__outbox_add(&a.outbox, b.inbox, say_arg,
					  argument("one"), say_dropped);
		failed += result == -ENOMEM;
	}
	assert_int_equal(result, 0);
	assert_int_equal(failed, 2); /* a lane; a block */
	flush(&a);
	leave(&a);
	step(&b);
	assert_trace("one");
}

static void
a_callback_to_itself_without_memory_is_refused(void **state)
{
	(void)state;
	enter(&a);
	harness_fail(FAULT_ALLOCATE, 1);
	assert_int_equal(gyre__outbox_add(&a.outbox, a.inbox, say_arg,
					  argument("one"), NULL),
			 -ENOMEM);
	send_word(&a, &a, "two");
	leave(&a);
	step(&a);
	assert_trace("two");
}

static void
a_task_needs_no_memory(void **state)
{
	struct message one = message("one");
	struct message two = message("two");

	(void)state;
	enter(&a);
	harness_fail_all(FAULT_ALLOCATE);
	post_message(&a, &b, &one);
	post_message(&a, &b, &two);
	flush(&a);
	leave(&a);
	step(&b);
	assert_trace("one two");
	assert_true(harness_has_failed());
}

#define OUTBOX_TEST(name) \
	cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		OUTBOX_TEST(callbacks_and_tasks_keep_one_order),
		OUTBOX_TEST(order_is_kept_over_many_blocks),
		OUTBOX_TEST(what_it_sends_itself_keeps_order_too),
		OUTBOX_TEST(what_a_callback_adds_waits_for_the_next_batch),
		OUTBOX_TEST(own_and_others_join_in_the_order_they_came),
		OUTBOX_TEST(nothing_leaves_before_the_flush),
		OUTBOX_TEST(a_batch_is_one_push_and_one_ring),
		OUTBOX_TEST(a_full_lane_leaves_at_once),
		OUTBOX_TEST(a_lane_that_left_at_its_bound_is_flushed_as_empty),
		OUTBOX_TEST(many_destinations_do_not_mix),
		OUTBOX_TEST(leaving_unflushed_aborts),
		OUTBOX_TEST(a_task_without_functions_aborts),
		OUTBOX_TEST(a_closed_destination_refuses_at_once),
		OUTBOX_TEST(
			one_that_closes_before_the_flush_drops_on_the_sender),
		OUTBOX_TEST(
			one_that_closes_before_the_bound_drops_at_the_flush),
		OUTBOX_TEST(a_drop_function_may_send_elsewhere),
		OUTBOX_TEST(a_drop_function_may_send_to_one_that_closed_too),
		OUTBOX_TEST(what_waits_is_dropped_in_order_at_close),
		OUTBOX_TEST(close_sends_what_was_still_in_lanes),
		OUTBOX_TEST(a_drop_at_close_may_send_elsewhere),
		OUTBOX_TEST(what_is_raised_is_reported_and_the_rest_runs),
		OUTBOX_TEST(what_a_drop_function_raises_is_reported_there),
		OUTBOX_TEST(a_callback_without_memory_is_refused_whole),
		OUTBOX_TEST(a_callback_to_itself_without_memory_is_refused),
		OUTBOX_TEST(a_task_needs_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
