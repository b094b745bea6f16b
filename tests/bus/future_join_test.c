/* Futures that other futures complete: chained, all of several, any of them. */
#include "tests/bus/future_fixture.h"

#include "base/exception.h"

#define INPUTS 3

static struct gyre_future *inputs[INPUTS];
static struct gyre_future *joined;
static int values[INPUTS];

static void
say_report(struct gyre__outbox *outbox, const char *what, void (*fn)(void),
	   void *arg)
{
	(void)outbox;
	(void)what;
	(void)fn;
	(void)arg;
	say(gyre_exception()->message);
}

static struct gyre_future *
new_future(void)
{
	struct gyre_future *made = gyre__future_new(harness_sys(), home.inbox);

	assert_non_null(made);
	return made;
}

static int
set_up(void **state)
{
	future_set_up(state);
	home.outbox.on_raise = say_report;
	for (unsigned i = 0; i < INPUTS; i++)
		inputs[i] = new_future();
	joined = NULL;
	return 0;
}

/* Give one back at home: what nobody has read is said. */
static void
give_back(struct gyre_future **which)
{
	enter(&home);
	gyre_future_unref(*which);
	leave(&home);
	*which = NULL;
}

static void
give_all_back(void)
{
	for (unsigned i = 0; i < INPUTS; i++)
		give_back(&inputs[i]);
}

static int
tear_down(void **state)
{
	harness_fail(0, 0);
	gyre_future_unref(joined);
	for (unsigned i = 0; i < INPUTS; i++)
		gyre_future_unref(inputs[i]);
	return future_tear_down(state);
}

static void
join(bool any)
{
	joined = gyre__future_join(harness_sys(), home.inbox, inputs, INPUTS,
				   any);
	assert_non_null(joined);
}

static void
resolve(unsigned i)
{
	assert_int_equal(gyre_future_resolve(inputs[i], &values[i]), 0);
}

static void
reject(unsigned i, const char *message)
{
	assert_int_equal(gyre_future_reject(inputs[i], -EIO, message), 0);
}

static void
assert_joined(int error, const void *expected, const char *message)
{
	void *seen = NULL;

	assert_true(gyre_future_done(joined));
	assert_int_equal(gyre_future_result(joined, &seen), error);
	assert_ptr_equal(seen, expected);
	assert_string_equal(gyre_future_message(joined), message);
}

/* -- chained ------------------------------------------------------------- */

static void
chain(void)
{
	assert_int_equal(gyre_future_chain(inputs[0], future), 0);
}

static void
a_value_goes_along_the_chain(void **state)
{
	(void)state;
	chain();
	assert_false(gyre_future_done(future));
	resolve(0);
	assert_false(gyre_future_done(future));
	step(&home);
	assert_outcome(0, &values[0], "");
}

static void
an_error_goes_along_the_chain_and_was_read(void **state)
{
	(void)state;
	chain();
	reject(0, "passed on");
	step(&home);
	give_back(&inputs[0]);
	assert_trace("");
	assert_outcome(-EIO, NULL, "passed on");
}

static void
an_error_without_a_line_goes_along_the_chain(void **state)
{
	(void)state;
	chain();
	reject(0, NULL);
	step(&home);
	assert_outcome(-EIO, NULL, "");
}

static struct gyre_exception reported;

static void
keep_report(struct gyre__outbox *outbox, const char *what, void (*fn)(void),
	    void *arg)
{
	say_report(outbox, what, fn, arg);
	reported = *gyre_exception();
}

/* At the end of the chain nobody reads it: then it is told, and from where. */
static void
an_error_keeps_its_place_along_the_chain(void **state)
{
	struct gyre_future *end = new_future();
	int line = __LINE__ + 5;

	(void)state;
	home.outbox.on_raise = keep_report;
	assert_int_equal(gyre_future_chain(inputs[0], end), 0);
	gyre_raise(-EIO, "raised");
	gyre__future_complete(inputs[0], NULL);
	give_back(&inputs[0]);
	gyre_future_unref(end);
	step(&home);
	step(&home);
	assert_trace("raised");
	assert_string_equal(reported.file, __FILE__);
	assert_int_equal(reported.line, line);
}

static void
a_cancellation_goes_along_the_chain(void **state)
{
	(void)state;
	chain();
	gyre_future_cancel(inputs[0]);
	step(&home);
	assert_outcome(-ECANCELED, NULL, "");
}

static void
a_target_that_is_done_takes_nothing(void **state)
{
	(void)state;
	chain();
	assert_int_equal(gyre_future_resolve(future, &value), 0);
	reject(0, "unread");
	step(&home);
	assert_outcome(0, &value, "");
	give_back(&inputs[0]);
	assert_trace("unread");
}

static void
a_source_that_is_done_is_copied_one_hop_later(void **state)
{
	(void)state;
	resolve(0);
	step(&home);
	chain();
	assert_false(gyre_future_done(future));
	step(&home);
	assert_outcome(0, &values[0], "");
}

static void
a_chain_holds_both_ends(void **state)
{
	struct gyre_future *target = gyre_future_ref(future);

	(void)state;
	assert_int_equal(gyre_future_chain(inputs[0], target), 0);
	gyre_future_unref(target);
	resolve(0);
	give_back(&inputs[0]);
	step(&home);
	assert_outcome(0, &values[0], "");
}

static void
a_target_may_live_elsewhere(void **state)
{
	struct gyre_future *nowhere = gyre__future_new(harness_sys(), NULL);
	void *seen = NULL;

	(void)state;
	assert_int_equal(gyre_future_chain(inputs[0], nowhere), 0);
	resolve(0);
	step(&home);
	assert_int_equal(gyre_future_wait(nowhere, 0, &seen), 0);
	assert_ptr_equal(seen, &values[0]);
	gyre_future_unref(nowhere);
}

static void
a_target_is_rejected_when_the_source_s_home_closes(void **state)
{
	struct gyre_future *elsewhere = gyre__future_new(harness_sys(), NULL);

	(void)state;
	chain();
	assert_int_equal(gyre_future_chain(inputs[1], elsewhere), 0);
	stand_in_close(&home);
	assert_outcome(-ESHUTDOWN, NULL, "the loop was closed");
	assert_int_equal(gyre_future_wait(elsewhere, 0, NULL), -ESHUTDOWN);
	gyre_future_unref(elsewhere);
	assert_int_equal(gyre_future_chain(inputs[2], future), -ESHUTDOWN);
}

static void
a_chain_that_cannot_be_is_refused(void **state)
{
	struct gyre_future *nowhere = gyre__future_new(harness_sys(), NULL);

	(void)state;
	assert_int_equal(gyre_future_chain(future, future), -EINVAL);
	assert_int_equal(gyre_future_chain(nowhere, future), -EINVAL);
	harness_fail(FAULT_ALLOCATE, 1);
	assert_int_equal(gyre_future_chain(inputs[0], future), -ENOMEM);
	gyre_future_unref(nowhere);
	resolve(0);
	step(&home);
	assert_false(gyre_future_done(future));
}

/* -- all ----------------------------------------------------------------- */

static void
all_is_done_when_the_last_is(void **state)
{
	(void)state;
	join(false);
	resolve(2);
	step(&home);
	resolve(0);
	step(&home);
	assert_false(gyre_future_done(joined));
	resolve(1);
	step(&home);
	assert_joined(0, NULL, "");
}

static void
all_takes_the_first_error_of_the_array_and_leaves_the_rest(void **state)
{
	(void)state;
	join(false);
	reject(2, "two");
	step(&home);
	reject(1, "one");
	step(&home);
	assert_false(gyre_future_done(joined));
	resolve(0);
	step(&home);
	assert_joined(-EIO, NULL, "one");
	assert_trace("");
	give_all_back();
	assert_trace("two");
}

static void
all_of_what_is_done_is_done_a_hop_later(void **state)
{
	(void)state;
	for (unsigned i = 0; i < INPUTS; i++)
		resolve(i);
	step(&home);
	join(false);
	assert_false(gyre_future_done(joined));
	step(&home);
	assert_joined(0, NULL, "");
}

static void
all_of_nothing_is_done(void **state)
{
	(void)state;
	joined = gyre__future_join(harness_sys(), home.inbox, NULL, 0, false);
	assert_joined(0, NULL, "");
}

static void
all_counts_one_that_is_there_twice_twice(void **state)
{
	(void)state;
	gyre_future_unref(inputs[2]);
	inputs[2] = gyre_future_ref(inputs[0]);
	join(false);
	resolve(0);
	step(&home);
	assert_false(gyre_future_done(joined));
	resolve(1);
	step(&home);
	assert_joined(0, NULL, "");
}

static void
a_cancelled_input_is_an_error_like_any_other(void **state)
{
	(void)state;
	join(false);
	gyre_future_cancel(inputs[1]);
	resolve(0);
	resolve(2);
	step(&home);
	assert_joined(-ECANCELED, NULL, "");
}

/* -- any ----------------------------------------------------------------- */

static void
any_takes_the_first_value(void **state)
{
	(void)state;
	join(true);
	reject(0, "unread");
	step(&home);
	assert_false(gyre_future_done(joined));
	resolve(2);
	resolve(1);
	step(&home);
	assert_joined(0, &values[2], "");
	assert_trace("");
	give_all_back();
	assert_trace("unread");
}

static void
any_takes_the_last_error_if_all_fail(void **state)
{
	(void)state;
	join(true);
	reject(1, "one");
	reject(2, "two");
	step(&home);
	assert_false(gyre_future_done(joined));
	reject(0, "zero");
	step(&home);
	assert_joined(-EIO, NULL, "zero");
	give_all_back();
	assert_trace("one two");
}

static void
any_of_nothing_is_rejected(void **state)
{
	(void)state;
	joined = gyre__future_join(harness_sys(), home.inbox, NULL, 0, true);
	assert_joined(-EINVAL, NULL, "there is no future to wait for");
}

static void
one_that_comes_after_any_is_done_changes_nothing(void **state)
{
	(void)state;
	join(true);
	resolve(1);
	step(&home);
	assert_joined(0, &values[1], "");
	resolve(0);
	resolve(2);
	step(&home);
	assert_joined(0, &values[1], "");
}

/* -- both ---------------------------------------------------------------- */

static void
check_cancelled(bool any)
{
	join(any);
	assert_int_equal(gyre_future_cancel(joined), 0);
	give_back(&joined);
	step(&home);
	for (unsigned i = 0; i < INPUTS; i++)
		assert_false(gyre_future_done(inputs[i]));
	resolve(0);
	reject(1, "unread");
	resolve(2);
	step(&home);
	give_all_back();
	assert_trace("unread");
}

static void
cancelling_leaves_the_inputs_alone(void **state)
{
	check_cancelled(false);
	tear_down(state);
	set_up(state);
	check_cancelled(true);
}

static void
a_join_holds_its_inputs(void **state)
{
	(void)state;
	join(false);
	for (unsigned i = 0; i < INPUTS; i++) {
		resolve(i);
		give_back(&inputs[i]);
	}
	step(&home);
	assert_joined(0, NULL, "");
}

static void
a_home_that_closes_rejects_it(void **state)
{
	(void)state;
	join(false);
	resolve(0);
	step(&home);
	reject(1, "unread");
	stand_in_close(&home);
	assert_joined(-ESHUTDOWN, NULL, "the loop was closed");
}

/* Nobody has the join any more: that it will not be is no news. */
static void
a_home_that_closes_lets_go_of_what_nobody_wants(void **state)
{
	(void)state;
	join(true);
	give_back(&joined);
	stand_in_close(&home);
	assert_trace("");
}

static void
another_home_s_future_is_refused(void **state)
{
	struct gyre_future *own = inputs[1];

	(void)state;
	inputs[1] = gyre__future_new(harness_sys(), NULL);
	join(false);
	assert_joined(-EINVAL, NULL, "a future's home is another loop");
	gyre_future_unref(inputs[1]);
	inputs[1] = own;
}

static void
without_memory_there_is_none(void **state)
{
	(void)state;
	harness_fail(FAULT_ALLOCATE, 1);
	assert_null(gyre__future_join(harness_sys(), home.inbox, inputs, INPUTS,
				      false));
	assert_null(gyre__future_join(harness_sys(), home.inbox, inputs,
				      SIZE_MAX, false));
	assert_null(gyre__future_join(
		harness_sys(), home.inbox, inputs,
		SIZE_MAX / (sizeof(struct gyre__awaiter) + sizeof(void *)),
		true));
}

#define JOIN_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		JOIN_TEST(a_value_goes_along_the_chain),
		JOIN_TEST(an_error_goes_along_the_chain_and_was_read),
		JOIN_TEST(an_error_without_a_line_goes_along_the_chain),
		JOIN_TEST(an_error_keeps_its_place_along_the_chain),
		JOIN_TEST(a_cancellation_goes_along_the_chain),
		JOIN_TEST(a_target_that_is_done_takes_nothing),
		JOIN_TEST(a_source_that_is_done_is_copied_one_hop_later),
		JOIN_TEST(a_chain_holds_both_ends),
		JOIN_TEST(a_target_may_live_elsewhere),
		JOIN_TEST(a_target_is_rejected_when_the_source_s_home_closes),
		JOIN_TEST(a_chain_that_cannot_be_is_refused),
		JOIN_TEST(all_is_done_when_the_last_is),
		JOIN_TEST(
			all_takes_the_first_error_of_the_array_and_leaves_the_rest),
		JOIN_TEST(all_of_what_is_done_is_done_a_hop_later),
		JOIN_TEST(all_of_nothing_is_done),
		JOIN_TEST(all_counts_one_that_is_there_twice_twice),
		JOIN_TEST(a_cancelled_input_is_an_error_like_any_other),
		JOIN_TEST(any_takes_the_first_value),
		JOIN_TEST(any_takes_the_last_error_if_all_fail),
		JOIN_TEST(any_of_nothing_is_rejected),
		JOIN_TEST(one_that_comes_after_any_is_done_changes_nothing),
		JOIN_TEST(cancelling_leaves_the_inputs_alone),
		JOIN_TEST(a_join_holds_its_inputs),
		JOIN_TEST(a_home_that_closes_rejects_it),
		JOIN_TEST(a_home_that_closes_lets_go_of_what_nobody_wants),
		JOIN_TEST(another_home_s_future_is_refused),
		JOIN_TEST(without_memory_there_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
