/*
 * Futures on a loop, on the stage: what the loop refuses, what it passes on.
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

/* -- what ----------------------------------------------------------------- */

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

/* -- joined --------------------------------------------------------------- */

static void
trace_result(struct gyre_future *future, void *word)
{
	void *got = NULL;

	assert_int_equal(gyre_future_result(future, &got), 0);
	trace(word);
	trace_arg(got);
}

static void
all_and_any_are_futures_of_the_loop(void **state)
{
	struct gyre_future *other = gyre_future_new(the_loop);
	struct gyre_future *both[] = { the_future, other };
	struct gyre_future *all = gyre_future_all(the_loop, both, 2);
	struct gyre_future *any = gyre_future_any(the_loop, both, 2);

	(void)state;
	assert_int_equal(gyre_loop_add_future(the_loop, all, trace_result,
					      (void *)(uintptr_t) "all"),
			 0);
	assert_int_equal(gyre_loop_add_future(the_loop, any, trace_result,
					      (void *)(uintptr_t) "any"),
			 0);
	resolve(NULL);
	run_once();
	run_once();
	assert_trace("any value");
	assert_int_equal(gyre_future_resolve(other, NULL), 0);
	run_once();
	run_once();
	assert_trace("all");
	gyre_future_unref(all);
	gyre_future_unref(any);
	gyre_future_unref(other);
}

static void
another_loop_s_future_is_not_joined(void **state)
{
	struct gyre_loop *other = stage_loop();
	struct gyre_future *all = gyre_future_all(other, &the_future, 1);

	(void)state;
	assert_int_equal(gyre_future_result(all, NULL), -EINVAL);
	gyre_future_unref(all);
	close_and_free(other);
}

static void
a_closed_loop_joins_nothing(void **state)
{
	(void)state;
	assert_int_equal(gyre_loop_close(the_loop, false), 0);
	assert_null(gyre_future_all(the_loop, &the_future, 1));
	assert_null(gyre_future_any(the_loop, NULL, 0));
}

/* From inside a drop, too: it is closed by then. */
static void
drop_and_join(void *word, enum gyre_drop_reason reason)
{
	trace_drop(word, reason);
	assert_null(gyre_future_all(the_loop, &the_future, 1));
	assert_int_equal(
		gyre_loop_add_future(the_loop, the_future, trace_future, NULL),
		-ESHUTDOWN);
}

static void
a_closing_loop_takes_nothing(void **state)
{
	(void)state;
	assert_int_equal(gyre_loop_add_future_drop(
				 the_loop, the_future, trace_future,
				 (void *)(uintptr_t) "it", drop_and_join),
			 0);
	assert_int_equal(gyre_loop_close(the_loop, false), 0);
	assert_trace("it stopped");
}

static void
add_a_droppable(void *arg)
{
	struct gyre_future *future = gyre_future_new(the_loop);

	assert_int_equal(gyre_loop_add_future_drop(the_loop, future,
						   trace_future, arg,
						   trace_drop),
			 0);
	gyre_future_unref(future);
}

/* Pending futures that nobody else has are the loop's to end. */
static void
what_waits_for_nobody_s_future_is_dropped_in_order(void **state)
{
	(void)state;
	add_callback(add_a_droppable, "1");
	add_callback(add_a_droppable, "2");
	add_callback(add_a_droppable, "3");
	run_once();
	assert_int_equal(gyre_loop_close(the_loop, false), 0);
	assert_trace("1 stopped 2 stopped 3 stopped");
}

#define FUTURE_TEST(name) \
	cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		FUTURE_TEST(a_rejection_keeps_its_code_and_line),
		FUTURE_TEST(
			another_loop_s_future_and_a_closed_loop_are_refused),
		FUTURE_TEST(without_memory_a_callback_is_refused),
		FUTURE_TEST(all_and_any_are_futures_of_the_loop),
		FUTURE_TEST(another_loop_s_future_is_not_joined),
		FUTURE_TEST(a_closed_loop_joins_nothing),
		FUTURE_TEST(a_closing_loop_takes_nothing),
		FUTURE_TEST(what_waits_for_nobody_s_future_is_dropped_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
