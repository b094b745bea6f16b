/* Those who wait for a future at home: run one hop later in order, or dropped
 * when the home closes. */
#include "tests/bus/future_fixture.h"

/* -- callbacks ----------------------------------------------------------- */

static void
callbacks_run_one_hop_later_in_order(void **state)
{
	(void)state;
	add_callback(say_future, "one");
	add_callback(say_future, "two");
	assert_int_equal(gyre_future_resolve(future, &value), 0);
	add_callback(say_future, "three");
	assert_trace("");
	step(&home);
	assert_trace("one two three");
	step(&home);
}

static void
late_callbacks_have_a_hop_of_their_own(void **state)
{
	(void)state;
	assert_int_equal(gyre_future_resolve(future, &value), 0);
	step(&home);
	add_callback(say_future, "one");
	add_callback(say_future, "two");
	assert_trace("");
	step(&home);
	assert_trace("one two");
}

static void
say_and_add(struct gyre_future *done, void *word)
{
	say_future(done, word);
	add_callback(say_future, "three");
}

static void
a_callback_may_add_another(void **state)
{
	(void)state;
	add_callback(say_and_add, "one");
	add_callback(say_future, "two");
	assert_int_equal(gyre_future_resolve(future, &value), 0);
	step(&home);
	assert_trace("one two");
	step(&home);
	assert_trace("three");
}

static void
say_and_raise(struct gyre_future *done, void *word)
{
	say_future(done, word);
	gyre_raise(-EIO, NULL);
}

static void
what_a_callback_raises_is_reported_and_the_rest_runs(void **state)
{
	(void)state;
	add_callback(say_and_raise, "one");
	add_callback(say_future, "two");
	assert_int_equal(gyre_future_resolve(future, &value), 0);
	step(&home);
	assert_trace("one two");
	assert_int_equal(home.raised, 1);
	add_callback(say_and_raise, "three");
	step(&home);
	assert_trace("three");
	assert_int_equal(home.raised, 2);
}

static void
a_callback_without_memory_is_refused(void **state)
{
	(void)state;
	harness_fail(FAULT_ALLOCATE, 1);
	assert_int_equal(
		gyre__future_add_callback(future, say_future, NULL, NULL),
		-ENOMEM);
	assert_int_equal(gyre_future_resolve(future, &value), 0);
	step(&home);
	harness_fail(FAULT_ALLOCATE, 1);
	assert_int_equal(
		gyre__future_add_callback(future, say_future, NULL, NULL),
		-ENOMEM);
	step(&home);
}

static void
one_that_is_waited_for_lives_until_its_home_closes(void **state)
{
	struct gyre_future *other = gyre__future_new(harness_sys(), home.inbox);

	(void)state;
	assert_int_equal(gyre__future_add_callback(other, say_future,
						   argument("never"),
						   say_dropped),
			 0);
	assert_ptr_equal(gyre_future_ref(other), other);
	gyre_future_unref(other);
	gyre_future_unref(other);
	gyre_future_unref(NULL);
	assert_trace("");
	stand_in_close(&home);
	assert_trace("never!stopped");
}

static void
one_without_a_home_keeps_no_callback(void **state)
{
	struct gyre_future *other = gyre__future_new(harness_sys(), NULL);

	(void)state;
	assert_int_equal(
		gyre__future_add_callback(other, say_future, NULL, say_dropped),
		-EINVAL);
	gyre_future_unref(other);
}

static void
add_elsewhere(void *arg)
{
	struct stand_in other;

	(void)arg;
	enter(&home);
	gyre__outbox_of_thread = NULL;
	stand_in_open(&other);
	enter(&other);
	add_callback(say_future, "foreign");
}

static void
a_thread_that_is_not_the_owner_s_adds_none(void **state)
{
	(void)state;
	assert_true(
		aborts_saying(add_elsewhere, NULL, "gyre__outbox_of_thread"));
}

/* -- the home closes ----------------------------------------------------- */

static void
callbacks_are_dropped_in_order_when_the_home_closes(void **state)
{
	struct gyre_future *other = gyre__future_new(harness_sys(), home.inbox);

	(void)state;
	add_callback(say_future, "one");
	assert_int_equal(gyre__future_add_callback(other, say_future,
						   argument("two"),
						   say_dropped),
			 0);
	add_callback(say_future, "three");
	assert_int_equal(gyre_future_resolve(future, &value), 0);
	stand_in_close(&home);
	assert_trace("one!stopped two!stopped three!stopped");
	assert_outcome(0, &value, "");
	gyre_future_unref(other);
}

static void
it_completes_after_its_home_closed(void **state)
{
	(void)state;
	add_callback(say_future, "one");
	stand_in_close(&home);
	assert_trace("one!stopped");
	assert_int_equal(gyre_future_resolve(future, &value), 0);
	assert_outcome(0, &value, "");
}

static void
late_callbacks_are_dropped_and_then_refused_when_the_home_closes(void **state)
{
	(void)state;
	assert_int_equal(gyre_future_resolve(future, &value), 0);
	step(&home);
	add_callback(say_future, "one");
	stand_in_close(&home);
	assert_trace("one!stopped");
	assert_int_equal(gyre__future_add_callback(future, say_future, NULL,
						   say_dropped),
			 -ESHUTDOWN);
}

static void
early_callbacks_are_refused_when_the_home_closed(void **state)
{
	(void)state;
	stand_in_close(&home);
	assert_int_equal(gyre__future_add_callback(future, say_future, NULL,
						   say_dropped),
			 -ESHUTDOWN);
}

/* A callback that has run is on no list: the other one alone is dropped. */
static void
what_has_run_is_not_dropped(void **state)
{
	struct gyre_future *other = gyre__future_new(harness_sys(), home.inbox);

	(void)state;
	assert_int_equal(gyre__future_add_callback(other, say_future,
						   argument("zero"),
						   say_dropped),
			 0);
	add_callback(say_future, "one");
	add_callback(say_future, "two");
	assert_int_equal(gyre_future_resolve(future, &value), 0);
	step(&home);
	assert_trace("one two");
	assert_int_equal(gyre__future_add_callback(other, say_future,
						   argument("three"),
						   say_dropped),
			 0);
	gyre_future_unref(other);
	stand_in_close(&home);
	assert_trace("zero!stopped three!stopped");
}

static void
raise_dropped(void *word, enum gyre_drop_reason reason)
{
	say_dropped(word, reason);
	/* Nothing more is taken while it closes. */
	assert_int_equal(gyre__future_add_callback(future, say_future, NULL,
						   say_dropped),
			 -ESHUTDOWN);
	gyre_raise(-EIO, NULL);
}

static void
what_a_drop_raises_is_reported_and_the_rest_dropped(void **state)
{
	(void)state;
	assert_int_equal(gyre__future_add_callback(future, say_future,
						   argument("one"),
						   raise_dropped),
			 0);
	add_callback(say_future, "two");
	stand_in_close(&home);
	assert_trace("one!stopped two!stopped");
	assert_int_equal(home.raised, 1);
}

/* The completion is in the sender's lane when the home closes. */
static void
a_completion_that_is_dropped_leaves_nothing(void **state)
{
	struct stand_in sender;

	(void)state;
	stand_in_open(&sender);
	enter(&sender);
	assert_int_equal(gyre_future_resolve(future, &value), 0);
	stand_in_close(&home);
	gyre__outbox_flush(&sender.outbox);
	leave(&sender);
	assert_int_equal(sender.outbox.undelivered, 1);
	assert_outcome(0, &value, "");
	stand_in_close(&sender);
	stand_in_free(&sender);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		FUTURE_TEST(callbacks_run_one_hop_later_in_order),
		FUTURE_TEST(late_callbacks_have_a_hop_of_their_own),
		FUTURE_TEST(a_callback_may_add_another),
		FUTURE_TEST(
			what_a_callback_raises_is_reported_and_the_rest_runs),
		FUTURE_TEST(a_callback_without_memory_is_refused),
		FUTURE_TEST(one_that_is_waited_for_lives_until_its_home_closes),
		FUTURE_TEST(one_without_a_home_keeps_no_callback),
		FUTURE_TEST(a_thread_that_is_not_the_owner_s_adds_none),
		FUTURE_TEST(
			callbacks_are_dropped_in_order_when_the_home_closes),
		FUTURE_TEST(it_completes_after_its_home_closed),
		FUTURE_TEST(
			late_callbacks_are_dropped_and_then_refused_when_the_home_closes),
		FUTURE_TEST(early_callbacks_are_refused_when_the_home_closed),
		FUTURE_TEST(what_has_run_is_not_dropped),
		FUTURE_TEST(
			what_a_drop_raises_is_reported_and_the_rest_dropped),
		FUTURE_TEST(a_completion_that_is_dropped_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
