/* Deadlines of futures, on the stage. */
#include "tests/support/loop_fixture.h"

#include <errno.h>

static struct gyre_future *the_future;
static int64_t began_ns;

static int
set_up(void **state)
{
	stage_set_up(state);
	began_ns = stage.now_ns;
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
trace_outcome(struct gyre_future *future, void *word)
{
	int result = gyre_future_result(future, NULL);

	trace(word);
	trace(result == 0 ? "resolved" : gyre_error_name(result));
}

static void
then(const char *word)
{
	assert_int_equal(gyre_loop_add_future(the_loop, the_future,
					      trace_outcome,
					      (void *)(uintptr_t)word),
			 0);
}

/* Instants count from the beginning. */
static void
expire_at(int64_t after_ns)
{
	assert_int_equal(gyre_loop_expire_future(the_loop, the_future,
						 began_ns + after_ns),
			 0);
}

static void
do_at(int64_t after_ns, gyre_callback_fn fn, const char *word)
{
	call_at(began_ns + after_ns, fn, word);
}

static void
resolve(void *arg)
{
	CHECK(gyre_future_resolve(the_future, arg) == 0);
}

static uint64_t
timeouts_waiting(void)
{
	struct gyre_loop_stats stats;

	gyre_loop_get_stats(the_loop, &stats);
	return stats.timeouts_waiting;
}

static void
it_is_rejected_at_the_instant(void **state)
{
	(void)state;
	then("future");
	expire_at(100);
	do_at(99, trace_arg, "before");
	do_at(101, trace_arg, "after");
	do_at(102, stop_callback, NULL);
	run();
	assert_trace("before future ETIMEDOUT after");
	assert_string_equal(gyre_future_message(the_future),
			    "the deadline has passed");
	assert_int_equal(timeouts_waiting(), 0);
}

static void
the_first_of_several_deadlines_counts(void **state)
{
	(void)state;
	then("future");
	expire_at(200);
	expire_at(100);
	do_at(101, trace_arg, "between");
	do_at(300, stop_callback, NULL);
	run();
	assert_trace("future ETIMEDOUT between");
}

static void
completed_before_it_leaves_no_timeout(void **state)
{
	(void)state;
	then("future");
	expire_at(100);
	assert_int_equal(timeouts_waiting(), 1);
	add_callback(resolve, NULL);
	run_once();
	run_once();
	assert_trace("future resolved");
	assert_int_equal(timeouts_waiting(), 0);
}

/* Complete, and the deadline has passed, in the same batch. */
static void
completed_as_it_is_due_stays_as_it_is(void **state)
{
	(void)state;
	then("future");
	expire_at(5);
	do_at(4, resolve, NULL);
	do_at(6, trace_arg, "due");
	stage.now_ns = began_ns + 10;
	run_once();
	run_once();
	assert_trace("due future resolved");
}

static void
one_that_is_complete_stays_so(void **state)
{
	(void)state;
	assert_int_equal(gyre_future_cancel(the_future), 0);
	run_once();
	expire_at(0);
	run_once();
	run_once();
	assert_int_equal(gyre_future_result(the_future, NULL), -ECANCELED);
	assert_int_equal(timeouts_waiting(), 0);
}

static void
close_drops_the_deadline(void **state)
{
	(void)state;
	expire_at(100);
	assert_int_equal(gyre_loop_close(the_loop, false), 0);
	assert_false(gyre_future_done(the_future));
	assert_int_equal(gyre_loop_expire_future(the_loop, the_future, 1),
			 -ESHUTDOWN);
}

static void
another_loops_future_is_refused(void **state)
{
	struct gyre_loop *other = stage_loop();
	struct gyre_future *future = gyre_future_new(other);

	(void)state;
	assert_int_equal(gyre_loop_expire_future(the_loop, future, 1), -EINVAL);
	gyre_future_unref(future);
	close_and_free(other);
}

static void
without_memory_there_is_no_deadline(void **state)
{
	int result = -ENOMEM;
	unsigned failed = 0;

	(void)state;
	for (unsigned i = 1; result == -ENOMEM; i++) {
		fake_fail_at(i);
		result = gyre_loop_expire_future(the_loop, the_future, 100);
		failed += result == -ENOMEM;
		assert_int_equal(timeouts_waiting(), result == 0);
	}
	fake_fail_at(0);
	assert_int_equal(result, 0);
	assert_true(failed >= 2); /* the deadline; the timeouts */
}

#define EXPIRE_TEST(name) \
	cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		EXPIRE_TEST(it_is_rejected_at_the_instant),
		EXPIRE_TEST(the_first_of_several_deadlines_counts),
		EXPIRE_TEST(completed_before_it_leaves_no_timeout),
		EXPIRE_TEST(completed_as_it_is_due_stays_as_it_is),
		EXPIRE_TEST(one_that_is_complete_stays_so),
		EXPIRE_TEST(close_drops_the_deadline),
		EXPIRE_TEST(another_loops_future_is_refused),
		EXPIRE_TEST(without_memory_there_is_no_deadline),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
