/*
 * Futures on a loop, on the stage: when their callbacks run, what they find.
 */
#include "tests/support/loop_fixture.h"

static struct gyre_future *the_future;

static int
set_up(void **state)
{
	stage_set_up(state);
	the_future = gyre_future_new(the_loop);
	return the_future == NULL;
}

static int
tear_down(void **state)
{
	gyre_future_unref(the_future);
	return loop_tear_down(state);
}

static void
trace_future(struct gyre_future *future, void *word)
{
	assert_ptr_equal(future, the_future);
	assert_true(gyre_future_done(future));
	trace(word);
}

static void
then(gyre_future_fn fn, const char *word)
{
	assert_int_equal(gyre_loop_add_future(the_loop, the_future, fn,
					      (void *)(uintptr_t)word),
			 0);
}

static char value[] = "value";

static void
resolve(void *arg)
{
	(void)arg;
	CHECK(gyre_future_resolve(the_future, value) == 0);
}

/* -- when ----------------------------------------------------------------- */

static void
resolve_between(void *arg)
{
	add_callback(trace_arg, "before");
	resolve(arg);
	add_callback(stop_callback, "after");
	trace("resolved");
}

static void
callbacks_run_one_hop_later_in_their_order(void **state)
{
	(void)state;
	then(trace_future, "1");
	then(trace_future, "2");
	add_callback(resolve_between, NULL);
	add_callback(trace_arg, "rest of the batch");
	then(trace_future, "3");
	run();
	assert_trace("resolved rest of the batch before 1 2 3 after");
}

static void
add_and_say(void *word)
{
	then(trace_future, word);
	trace("added");
}

static void
one_added_when_it_is_done_is_not_run_at_once(void **state)
{
	(void)state;
	resolve(NULL);
	/* Done, but the completion has not come home. */
	then(trace_future, "1");
	assert_trace("");
	run_once();
	assert_trace("1");
	/* It has. */
	add_callback(add_and_say, "2");
	run_once();
	assert_trace("added");
	run_once();
	assert_trace("2");
}

static void
add_another(struct gyre_future *future, void *word)
{
	trace_future(future, word);
	then(trace_future, "added inside");
}

static void
one_added_by_a_callback_waits_for_another_hop(void **state)
{
	(void)state;
	then(add_another, "1");
	then(trace_future, "2");
	resolve(NULL);
	run_once();
	assert_trace("1 2");
	run_once();
	assert_trace("added inside");
}

static void
resolve_elsewhere(void)
{
	stage.on_wait = NULL;
	elsewhere(resolve, NULL);
}

static void
stop_then(struct gyre_future *future, void *word)
{
	trace_future(future, word);
	assert_true(gyre_loop_in_owner_thread(the_loop));
	gyre_loop_stop(the_loop);
}

static void
a_completion_from_elsewhere_wakes_the_loop(void **state)
{
	(void)state;
	stage.on_wait = resolve_elsewhere;
	then(stop_then, "done");
	run();
	assert_trace("done");
	assert_int_equal(fake_counts().writes, 1);
}

/* -- what ----------------------------------------------------------------- */

static void
the_first_outcome_counts(void **state)
{
	char other[] = "other";
	void *got = other;

	(void)state;
	assert_false(gyre_future_done(the_future));
	assert_int_equal(gyre_future_result(the_future, &got), -EAGAIN);
	assert_ptr_equal(got, other);
	resolve(NULL);
	assert_int_equal(gyre_future_resolve(the_future, other), -EALREADY);
	assert_int_equal(gyre_future_reject(the_future, -EIO, "no"), -EALREADY);
	assert_int_equal(gyre_future_cancel(the_future), -EALREADY);
	assert_true(gyre_future_done(the_future));
	assert_int_equal(gyre_future_result(the_future, &got), 0);
	assert_ptr_equal(got, value);
	assert_string_equal(gyre_future_message(the_future), "");
}

static void
a_rejection_keeps_its_code_and_line(void **state)
{
	void *untouched = value;

	(void)state;
	then(trace_future, "rejected");
	assert_int_equal(gyre_future_reject(the_future, -EIO, "disk on fire"),
			 0);
	assert_int_equal(gyre_future_result(the_future, &untouched), -EIO);
	assert_ptr_equal(untouched, value);
	assert_string_equal(gyre_future_message(the_future), "disk on fire");
	run_once();
	assert_trace("rejected");
}

static void
cancelling_completes_it_for_everybody(void **state)
{
	(void)state;
	then(trace_future, "cancelled");
	assert_int_equal(gyre_future_cancel(the_future), 0);
	assert_int_equal(gyre_future_resolve(the_future, value), -EALREADY);
	assert_int_equal(gyre_future_result(the_future, NULL), -ECANCELED);
	run_once();
	assert_trace("cancelled");
}

/* -- refused and lost ----------------------------------------------------- */

static void
another_loop_s_future_and_a_closed_loop_are_refused(void **state)
{
	struct gyre_loop *other = stage_loop();

	(void)state;
	assert_int_equal(
		gyre_loop_add_future(other, the_future, trace_future, NULL),
		-EINVAL);
	close_and_free(other);
	assert_int_equal(gyre_loop_close(the_loop, false), 0);
	assert_int_equal(
		gyre_loop_add_future(the_loop, the_future, trace_future, NULL),
		-ESHUTDOWN);
	assert_null(gyre_future_new(the_loop));
}

static void
without_memory_a_callback_is_refused(void **state)
{
	(void)state;
	fake_fail_at(1);
	assert_int_equal(
		gyre_loop_add_future(the_loop, the_future, trace_future, NULL),
		-ENOMEM);
	then(trace_future, "early");
	resolve(NULL);
	run_once();
	fake_fail_at(1);
	assert_int_equal(
		gyre_loop_add_future(the_loop, the_future, trace_future, NULL),
		-ENOMEM);
	fake_fail_at(1);
	assert_null(gyre_future_new(the_loop));
	then(trace_future, "late");
	run_once();
	assert_trace("early late");
}

static void
callbacks_vanish_with_a_loop_that_closes_first(void **state)
{
	(void)state;
	then(trace_future, "never");
	resolve(NULL);
	assert_int_equal(gyre_loop_close(the_loop, false), 0);
	assert_trace("");
}

static void
completing_after_the_loop_is_gone_is_harmless(void **state)
{
	(void)state;
	then(trace_future, "never");
	close_and_free(the_loop);
	the_loop = NULL;
	elsewhere(resolve, NULL);
	assert_int_equal(gyre_future_result(the_future, NULL), 0);
}

static struct gyre_failure told;

static void
hook(struct gyre_loop *loop, const struct gyre_failure *failure, void *arg)
{
	(void)loop;
	(void)arg;
	told = *failure;
	trace(gyre_exception()->message);
}

static void
raise_then(struct gyre_future *future, void *word)
{
	trace_future(future, word);
	gyre_raise(-EIO, "raised");
}

static void
a_future_callback_that_raises_is_reported(void **state)
{
	struct gyre_loop_options options = stage_options();

	(void)state;
	gyre_future_unref(the_future);
	close_and_free(the_loop);
	options.on_exception = hook;
	the_loop = new_loop(&options);
	the_future = gyre_future_new(the_loop);
	then(raise_then, "1");
	then(trace_future, "2");
	resolve(NULL);
	run_once();
	assert_trace("1 raised 2");
	assert_string_equal(told.what, "future callback");
	assert_true(told.fn == (void (*)(void))raise_then);
	assert_string_equal(told.arg, "1");
}

#define FUTURE_TEST(name) \
	cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		FUTURE_TEST(callbacks_run_one_hop_later_in_their_order),
		FUTURE_TEST(one_added_when_it_is_done_is_not_run_at_once),
		FUTURE_TEST(one_added_by_a_callback_waits_for_another_hop),
		FUTURE_TEST(a_completion_from_elsewhere_wakes_the_loop),
		FUTURE_TEST(the_first_outcome_counts),
		FUTURE_TEST(a_rejection_keeps_its_code_and_line),
		FUTURE_TEST(cancelling_completes_it_for_everybody),
		FUTURE_TEST(
			another_loop_s_future_and_a_closed_loop_are_refused),
		FUTURE_TEST(without_memory_a_callback_is_refused),
		FUTURE_TEST(callbacks_vanish_with_a_loop_that_closes_first),
		FUTURE_TEST(completing_after_the_loop_is_gone_is_harmless),
		FUTURE_TEST(a_future_callback_that_raises_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
