/*
 * run_sync: a run for the sake of one function.
 */
#include "tests/support/loop_fixture.h"

#include <gyre/future.h>

static struct gyre_future *pending; /* what a function waits for */

static struct gyre_future *
new_pending(void)
{
	pending = gyre_future_new(the_loop);
	CHECK(pending != NULL);
	return gyre_future_ref(pending);
}

static void
forget_pending(void)
{
	gyre_future_unref(pending);
	pending = NULL;
}

static void
resolve_pending(void *value)
{
	CHECK(gyre_future_resolve(pending, value) == 0);
}

static struct gyre_future *
wait_for_ten_ms(void *value)
{
	CHECK(gyre_loop_call_later(the_loop, GYRE_MS(10), resolve_pending,
				   value, NULL) == 0);
	return new_pending();
}

static struct gyre_future *
wait_for_ever(void *word)
{
	trace_arg(word);
	return new_pending();
}

static struct gyre_future *
need_no_waiting(void *word)
{
	trace_arg(word);
	return NULL;
}

static struct gyre_future *
bring_a_complete_one(void *value)
{
	struct gyre_future *future = new_pending();

	resolve_pending(value);
	return future;
}

static struct gyre_future *
fail_at_once(void *arg)
{
	(void)arg;
	gyre_raise(-EDOM, "at once");
	return NULL;
}

static struct gyre_future *
fail_later(void *arg)
{
	(void)arg;
	new_pending();
	CHECK(gyre_future_reject(pending, -ERANGE, "later") == 0);
	return pending;
}

static int
run_sync(struct gyre_future *(*func)(void *), const char *word,
	 int64_t timeout_ns, void **ret_value)
{
	return gyre_loop_run_sync(the_loop, func, (void *)(uintptr_t)word,
				  timeout_ns, ret_value);
}

/* L143 holds: run_sync starts the loop, runs the function on it, stops it when
 * the future is complete and returns its value; no future is a result too. */
static void
L143_run_sync_returns_the_value(void **state)
{
	void *value = NULL;

	(void)state;
	assert_int_equal(
		run_sync(wait_for_ten_ms, "value", GYRE_FOREVER, &value), 0);
	assert_string_equal(value, "value");
	assert_true(stage.now_ns == GYRE_SECONDS(1000) + GYRE_MS(10));
	forget_pending();
	assert_int_equal(run_sync(need_no_waiting, "ran", GYRE_FOREVER, &value),
			 0);
	assert_null(value);
	assert_trace("ran");
}

static struct gyre_future *
look_at_current(void *arg)
{
	(void)arg;
	CHECK(gyre_loop_current(false) == the_loop);
	CHECK(gyre_loop_in_owner_thread(the_loop));
	return NULL;
}

static void
L143_the_loop_is_current_meanwhile(void **state)
{
	(void)state;
	assert_null(gyre_loop_current(false));
	assert_int_equal(run_sync(look_at_current, NULL, GYRE_FOREVER, NULL),
			 0);
	assert_null(gyre_loop_current(false));
}

/* L144 holds: what the function raises, or its future is rejected with, is
 * what run_sync returns; the exception hook does not hear of it. */
static void
L144_run_sync_returns_the_error(void **state)
{
	struct gyre_loop_stats stats;
	void *value = &value;

	(void)state;
	assert_int_equal(run_sync(fail_at_once, NULL, GYRE_FOREVER, &value),
			 -EDOM);
	assert_null(gyre_exception());
	assert_int_equal(run_sync(fail_later, NULL, GYRE_FOREVER, &value),
			 -ERANGE);
	forget_pending();
	assert_ptr_equal(value, &value);
	gyre_loop_get_stats(the_loop, &stats);
	assert_int_equal(stats.exceptions, 0);
}

static struct gyre_future *
bring_another_loop_s(void *other)
{
	return gyre_future_new(other);
}

/* L145 deviates: a function can return nothing but a future or NULL; a future
 * of another loop is refused with -EINVAL. Why: the compiler checks the rest.
 */
static void
L145_a_future_of_another_loop_is_refused(void **state)
{
	struct gyre_loop *other = stage_loop();

	(void)state;
	assert_int_equal(gyre_loop_run_sync(the_loop, bring_another_loop_s,
					    other, GYRE_FOREVER, NULL),
			 -EINVAL);
	close_and_free(other);
}

/* L146 holds: the function is queued like any callback: what was queued before
 * runs first, and other work goes on while it waits. */
static void
L146_run_sync_after_what_is_queued(void **state)
{
	(void)state;
	add_callback(trace_arg, "before");
	call_later(GYRE_MS(5), trace_arg, "meanwhile");
	call_later(GYRE_MS(15), trace_arg, "never");
	assert_int_equal(run_sync(wait_for_ten_ms, NULL, GYRE_FOREVER, NULL),
			 0);
	forget_pending();
	assert_trace("before meanwhile");
}

/* L147 holds: a run that takes longer than its timeout ends with -ETIMEDOUT,
 * when the timeout expires and not before. */
static void
L147_run_sync_times_out(void **state)
{
	void *value = &value;

	(void)state;
	assert_int_equal(run_sync(wait_for_ever, NULL, GYRE_MS(7), &value),
			 -ETIMEDOUT);
	assert_ptr_equal(value, &value);
	assert_true(stage.now_ns == GYRE_SECONDS(1000) + GYRE_MS(7));
	forget_pending();
}

/* L148 deviates: at the timeout the future is cancelled and the run ends one
 * hop later, in any case; whoever goes on and completes it is refused. Why:
 * cancelling a future completes it, so there is nothing to wait for. */
static void
L148_a_timeout_cancels_the_future(void **state)
{
	(void)state;
	assert_int_equal(run_sync(wait_for_ever, NULL, GYRE_MS(7), NULL),
			 -ETIMEDOUT);
	assert_int_equal(gyre_future_result(pending, NULL), -ECANCELED);
	assert_int_equal(gyre_future_resolve(pending, NULL), -EALREADY);
	forget_pending();
}

static void
L148_a_result_that_came_before_the_cancel_counts(void **state)
{
	void *value = NULL;

	(void)state;
	/* Both are due at once, and the result was scheduled first. */
	call_later(GYRE_MS(10), resolve_pending, "just");
	assert_int_equal(run_sync(wait_for_ever, NULL, GYRE_MS(10), &value), 0);
	assert_string_equal(value, "just");
	forget_pending();
}

/* L149 holds: with a timeout of 0, or less, the function still runs once; one
 * that needs no waiting succeeds, another times out. */
static void
L149_a_timeout_of_zero_runs_the_function_once(void **state)
{
	static const int64_t timeouts[] = { 0, -1, INT64_MIN };
	void *value;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(
			run_sync(need_no_waiting, "once", timeouts[i], NULL),
			0);
		value = NULL;
		assert_int_equal(run_sync(bring_a_complete_one, "value",
					  timeouts[i], &value),
				 0);
		assert_string_equal(value, "value");
		forget_pending();
		assert_int_equal(
			run_sync(wait_for_ever, "waits", timeouts[i], NULL),
			-ETIMEDOUT);
		forget_pending();
		assert_trace("once waits");
	}
}

static uint64_t
scheduled(void)
{
	struct gyre_loop_stats stats;

	gyre_loop_get_stats(the_loop, &stats);
	return stats.timeouts_waiting;
}

static struct gyre_future *
stop_and_wait(void *arg)
{
	gyre_loop_stop(the_loop);
	return wait_for_ever(arg);
}

/* L150 holds: the timeout is removed on every way out: success, failure, a
 * stop by others, a poll that fails, a loop that will not run. */
static void
L150_the_timeout_is_removed_on_every_way_out(void **state)
{
	(void)state;
	assert_int_equal(run_sync(need_no_waiting, NULL, GYRE_SECONDS(1), NULL),
			 0);
	assert_int_equal(scheduled(), 0);
	assert_int_equal(run_sync(fail_at_once, NULL, GYRE_SECONDS(1), NULL),
			 -EDOM);
	assert_int_equal(scheduled(), 0);
	assert_int_equal(run_sync(stop_and_wait, NULL, GYRE_SECONDS(1), NULL),
			 -ECANCELED);
	assert_int_equal(scheduled(), 0);
	forget_pending();
	stage.fail_next = -EIO;
	assert_int_equal(run_sync(wait_for_ever, NULL, GYRE_SECONDS(1), NULL),
			 -EIO);
	assert_int_equal(scheduled(), 0);
	forget_pending();
	gyre_loop_stop(the_loop);
	assert_int_equal(
		run_sync(wait_for_ever, "never", GYRE_SECONDS(1), NULL),
		-ECANCELED);
	assert_int_equal(scheduled(), 0);
}

/* L151 holds: stopped by someone else, run_sync returns -ECANCELED, and leaves
 * the future to those who have it. */
static void
L151_stopped_by_another_it_is_cancelled(void **state)
{
	(void)state;
	assert_int_equal(run_sync(stop_and_wait, NULL, GYRE_FOREVER, NULL),
			 -ECANCELED);
	assert_false(gyre_future_done(pending));
	forget_pending();
}

/* L152 holds: on a loop that was stopped before, run_sync returns -ECANCELED,
 * uses the stop up, and its function is not queued. */
static void
L152_on_a_stopped_loop_it_runs_nothing(void **state)
{
	(void)state;
	gyre_loop_stop(the_loop);
	assert_int_equal(run_sync(need_no_waiting, "never", GYRE_FOREVER, NULL),
			 -ECANCELED);
	assert_trace("");
	run_once();
	assert_trace("");
}

static void
nest(void *word)
{
	CHECK(run_sync(need_no_waiting, "never", GYRE_FOREVER, NULL) == -EBUSY);
	CHECK(scheduled() == 1);
	trace_arg(word);
}

/* L153 holds: inside a running loop run_sync returns -EBUSY and leaves nothing
 * behind: neither its function nor a stop. */
static void
L153_inside_a_running_loop_it_is_busy(void **state)
{
	(void)state;
	add_callback(nest, "outer");
	call_later(GYRE_MS(1), stop_callback, "to the end");
	run();
	assert_trace("outer to the end");
}

static void
complete_late(void *word)
{
	(void)gyre_future_resolve(pending, NULL);
	trace_arg(word);
}

/* L154 holds: what completes after its run gave up stops no later run. */
static void
L154_a_late_completion_stops_no_later_run(void **state)
{
	(void)state;
	assert_int_equal(run_sync(stop_and_wait, NULL, GYRE_FOREVER, NULL),
			 -ECANCELED);
	add_callback(complete_late, "late");
	call_later(GYRE_MS(1), stop_callback, "to the end");
	run();
	assert_trace("late to the end");
	forget_pending();
}

static void
abort_run(void *word)
{
	trace_arg(word);
	gyre_loop_abort(the_loop, -EINTR);
}

static void
L154_a_call_that_was_left_behind_does_not_run_later(void **state)
{
	(void)state;
	add_callback(abort_run, "aborted");
	assert_int_equal(run_sync(need_no_waiting, "never", GYRE_FOREVER, NULL),
			 -EINTR);
	run_once();
	assert_trace("aborted");
}

static void
L154_a_call_that_was_left_behind_is_dropped_at_close(void **state)
{
	(void)state;
	add_callback(abort_run, "aborted");
	assert_int_equal(run_sync(need_no_waiting, "never", GYRE_FOREVER, NULL),
			 -EINTR);
	assert_int_equal(gyre_loop_close(the_loop, false), 0);
	assert_trace("aborted");
}

/* L155 holds: run_sync may be called any number of times on one loop. */
static void
L155_run_sync_is_repeatable(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		assert_int_equal(
			run_sync(wait_for_ten_ms, NULL, GYRE_SECONDS(1), NULL),
			0);
		forget_pending();
	}
	assert_int_equal(scheduled(), 0);
}

static struct gyre_future *
wait_if_there_is_memory(void *arg)
{
	(void)arg;
	pending = gyre_future_new(the_loop);
	if (pending != NULL)
		return gyre_future_ref(pending);
	gyre_raise(-ENOMEM, "no future");
	return NULL;
}

/* Every allocation on the way fails once. */
static void
L150_without_memory_nothing_is_left(void **state)
{
	int result = -ENOMEM;

	(void)state;
	for (unsigned n = 1; result == -ENOMEM; n++) {
		fake_fail_at(n);
		result = run_sync(wait_if_there_is_memory, NULL, 0, NULL);
		fake_fail_at(0);
		forget_pending();
		assert_int_equal(scheduled(), 0);
	}
	assert_int_equal(result, -ETIMEDOUT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STAGE_TEST(L143_run_sync_returns_the_value),
		STAGE_TEST(L143_the_loop_is_current_meanwhile),
		STAGE_TEST(L144_run_sync_returns_the_error),
		STAGE_TEST(L145_a_future_of_another_loop_is_refused),
		STAGE_TEST(L146_run_sync_after_what_is_queued),
		STAGE_TEST(L147_run_sync_times_out),
		STAGE_TEST(L148_a_timeout_cancels_the_future),
		STAGE_TEST(L148_a_result_that_came_before_the_cancel_counts),
		STAGE_TEST(L149_a_timeout_of_zero_runs_the_function_once),
		STAGE_TEST(L150_the_timeout_is_removed_on_every_way_out),
		STAGE_TEST(L150_without_memory_nothing_is_left),
		STAGE_TEST(L151_stopped_by_another_it_is_cancelled),
		STAGE_TEST(L152_on_a_stopped_loop_it_runs_nothing),
		STAGE_TEST(L153_inside_a_running_loop_it_is_busy),
		STAGE_TEST(L154_a_late_completion_stops_no_later_run),
		STAGE_TEST(L154_a_call_that_was_left_behind_does_not_run_later),
		STAGE_TEST(
			L154_a_call_that_was_left_behind_is_dropped_at_close),
		STAGE_TEST(L155_run_sync_is_repeatable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
