/*
 * A periodic's series, on the stage: started, stopped, held, moved from loop
 * to loop.
 */
#include "tests/conformance/periodic_fixture.h"

/* -- stopping and starting ------------------------------------------------ */

static void
stop_periodic(void)
{
	gyre_periodic_stop(periodic);
}

/* L119 holds: stop cancels the call that is to come; twice or before a start
 * it does nothing; inside the callback it ends the series. */
static void
L119_stop_ends_the_series(void **state)
{
	(void)state;
	gyre_periodic_stop(periodic);
	start_periodic();
	gyre_periodic_stop(periodic);
	gyre_periodic_stop(periodic);
	call_later(GYRE_SECONDS(25), stop_callback, "25 s");
	run();
	assert_trace("25 s");
	assert_int_equal(calls, 0);
}

static void
L119_stop_inside_the_callback_ends_the_series(void **state)
{
	(void)state;
	in_call = stop_periodic;
	start_periodic();
	call_later(GYRE_SECONDS(25), stop_callback, "25 s");
	run();
	assert_trace("25 s");
	assert_calls_at(1010);
	assert_false(gyre_periodic_is_running(periodic));
}

static void
stop_periodic_callback(void *word)
{
	trace(word);
	gyre_periodic_stop(periodic);
}

/* L120 holds: stop also suppresses a call that is due in the same batch. */
static void
L120_stop_suppresses_a_due_call(void **state)
{
	(void)state;
	call_later(GYRE_SECONDS(10), stop_periodic_callback, "timeout");
	start_periodic();
	call_later(GYRE_SECONDS(10), stop_callback, "end");
	run();
	assert_trace("timeout end");
	assert_int_equal(calls, 0);
}

static void
restart(void)
{
	gyre_periodic_stop(periodic);
	start_periodic();
}

/* L121 holds: a stop and a start give one series, which begins at the start. */
static void
L121_a_restart_gives_one_series(void **state)
{
	(void)state;
	start_periodic();
	stage.now_ns += GYRE_SECONDS(4);
	restart();
	restart();
	run_for_calls(3);
	assert_calls_at(1014, 1024, 1034);
}

/* L122 deviates: a second start is refused with -EALREADY, and the series
 * goes on as it was. Why: versions differ in how they double it, and none of
 * that is wanted. */
static void
L122_a_second_start_is_refused(void **state)
{
	(void)state;
	start_periodic();
	stage.now_ns += GYRE_SECONDS(4);
	assert_int_equal(gyre_periodic_start_on(periodic, the_loop), -EALREADY);
	assert_int_equal(gyre_periodic_start(periodic), -EALREADY);
	run_for_calls(3);
	assert_calls_at(1010, 1020, 1030);
	gyre_periodic_stop(periodic);
	call_later(GYRE_SECONDS(25), stop_callback, "25 s");
	run();
	assert_trace("25 s");
	assert_int_equal(calls, 3);
}

static void
start_again(void)
{
	assert_int_equal(gyre_periodic_start_on(periodic, the_loop), -EALREADY);
}

static void
restart_in_the_first_call(void)
{
	if (calls == 1)
		restart();
}

/* L123 deviates: start inside its own callback is refused too; stop and start
 * there give one series from then on, and no timeout is left behind. Why:
 * double rates and timeouts that nothing can cancel are defects. */
static void
L123_start_inside_the_callback_is_refused(void **state)
{
	(void)state;
	in_call = start_again;
	start_periodic();
	run_for_calls(3);
	assert_calls_at(1010, 1020, 1030);
}

static void
L123_a_restart_inside_the_callback_gives_one_series(void **state)
{
	static const int64_t taken[] = { 3, 0, 0 };

	(void)state;
	durations = taken;
	in_call = restart_in_the_first_call;
	start_periodic();
	run_for_calls(3);
	/* The call took its time before it restarted. */
	assert_calls_at(1010, 1023, 1033);
	assert_int_equal(stage.polls, 3);
	gyre_periodic_stop(periodic);
	call_later(GYRE_SECONDS(25), stop_callback, "25 s");
	run();
	assert_trace("25 s");
	assert_int_equal(calls, 3);
	/* Its timeout was the only one. */
	assert_int_equal(stage.polls, 4);
}

/* -- errors, and calls that last ------------------------------------------ */

static struct gyre_failure told;

static void
hook(struct gyre_loop *loop, const struct gyre_failure *failure, void *arg)
{
	(void)loop;
	(void)arg;
	told = *failure;
	trace(failure->what);
	trace(gyre_error_name(gyre_exception()->error));
}

static void
raise_in_call(void)
{
	gyre_raise(-EIO, NULL);
}

/* L124 holds: a callback that fails is reported to the hook, and the series
 * goes on. */
static void
L124_errors_are_reported_and_the_series_goes_on(void **state)
{
	struct gyre_loop_options options = stage_options();

	(void)state;
	close_and_free(the_loop);
	options.on_exception = hook;
	the_loop = new_loop(&options);
	in_call = raise_in_call;
	start_periodic();
	run_for_calls(2);
	assert_trace("periodic EIO periodic EIO");
	assert_true(told.fn == (void (*)(void))on_call);
	assert_null(told.arg);
	assert_calls_at(1010, 1020);
}

static void
finish_call(void *word)
{
	trace_arg(word);
	gyre_periodic_done(periodic);
}

static void
hold_for_25_seconds(void)
{
	gyre_periodic_hold(periodic);
	call_later(GYRE_SECONDS(25), finish_call, NULL);
}

static void
hold_two_for_25_seconds(void)
{
	if (calls <= 2)
		hold_for_25_seconds();
}

/* L125 holds: a callback may say that its call goes on after it returned;
 * calls never overlap, and when one is over the next is scheduled as if the
 * callback had returned then. A restart meanwhile changes nothing in that. */
static void
L125_a_held_call_delays_the_next(void **state)
{
	(void)state;
	in_call = hold_two_for_25_seconds;
	start_periodic();
	run_for_calls(3);
	assert_calls_at(1010, 1040, 1070);
}

static void
stop_now(void)
{
	gyre_loop_stop(the_loop);
}

static void
hold_call(void)
{
	gyre_periodic_hold(periodic);
}

static void
L125_a_held_call_wakes_nobody(void **state)
{
	(void)state;
	in_call = hold_call;
	start_periodic();
	run_for_calls(1);
	stage.on_wait = stop_now;
	run();
	assert_true(stage.slept_ns == GYRE_FOREVER);
	gyre_periodic_done(periodic);
	assert_calls_at(1010);
}

static void
hold_and_be_done(void)
{
	gyre_periodic_hold(periodic);
	gyre_periodic_done(periodic);
	stage.now_ns += GYRE_SECONDS(12);
}

static void
L125_done_inside_the_callback_waits_for_its_return(void **state)
{
	(void)state;
	in_call = hold_and_be_done;
	start_periodic();
	run_for_calls(2);
	assert_calls_at(1010, 1030);
}

static void
hold_the_first(void)
{
	if (calls > 1)
		return;
	gyre_periodic_hold(periodic);
	call_later(GYRE_SECONDS(25), finish_call, "done");
	restart();
}

static void
L125_a_restart_does_not_overlap_a_held_call(void **state)
{
	(void)state;
	in_call = hold_the_first;
	start_periodic();
	run_for_calls(2);
	assert_trace("done");
	/* Its slots at 1020 and 1030 came while the first was not over. */
	assert_calls_at(1010, 1040);
}

static void
L125_done_before_the_restarted_slot_changes_nothing(void **state)
{
	static const int64_t taken[] = { 6, 0, 0 };

	(void)state;
	durations = taken;
	in_call = hold_the_first;
	gyre_periodic_set_period(periodic, GYRE_SECONDS(30));
	start_periodic();
	run_for_calls(2);
	assert_trace("done");
	/* Restarted at 1036, done at 1061, its slot at 1066. */
	assert_calls_at(1030, 1066);
}

static void
L125_done_after_a_stop_schedules_nothing(void **state)
{
	(void)state;
	in_call = hold_for_25_seconds;
	start_periodic();
	run_for_calls(1);
	gyre_periodic_stop(periodic);
	call_later(GYRE_SECONDS(50), stop_callback, "50 s");
	run();
	assert_trace("50 s");
	assert_int_equal(calls, 1);
}

/* -- loops ---------------------------------------------------------------- */

static void
make_it_elsewhere(void *unused)
{
	(void)unused;
	periodic = make_periodic(GYRE_SECONDS(10));
}

/* L127 holds: start binds to the loop that is current then, whichever thread
 * made the periodic; start_on takes the loop from its caller. With no current
 * loop start is refused. */
static void
L127_start_binds_to_the_current_loop(void **state)
{
	(void)state;
	gyre_periodic_free(periodic);
	elsewhere(make_it_elsewhere, NULL);
	assert_int_equal(gyre_periodic_start(periodic), -ENOENT);
	assert_false(gyre_periodic_is_running(periodic));
	assert_int_equal(gyre_loop_make_current(the_loop), 0);
	assert_int_equal(gyre_periodic_start(periodic), 0);
	gyre_loop_clear_current();
	run_for_calls(2);
	assert_calls_at(1010, 1020);
}

static void
L127_one_periodic_may_run_on_one_loop_after_another(void **state)
{
	struct gyre_loop *first = the_loop;

	(void)state;
	start_periodic();
	run_for_calls(1);
	gyre_periodic_stop(periodic);
	the_loop = stage_loop();
	start_periodic();
	close_and_free(first);
	run_for_calls(2);
	assert_calls_at(1010, 1020, 1030);
}

/* L128 holds: over a stop and a start of the loop one call is overdue, and
 * then the old grid goes on. */
static void
L128_a_stopped_loop_costs_its_slots(void **state)
{
	(void)state;
	start_periodic();
	call_later(GYRE_SECONDS(15), stop_callback, NULL);
	run();
	stage.now_ns += GYRE_SECONDS(27);
	run_for_calls(2);
	assert_calls_at(1010, 1042, 1050);
}

static void
check_running(void)
{
	assert_true(gyre_periodic_is_running(periodic));
}

/* L129 holds: it counts as running from start to stop, whether or not its
 * loop runs; closing its loop stops it, and it may start on another. */
static void
L129_it_runs_from_start_to_stop(void **state)
{
	(void)state;
	assert_false(gyre_periodic_is_running(periodic));
	start_periodic();
	assert_true(gyre_periodic_is_running(periodic));
	in_call = check_running;
	run_for_calls(1);
	assert_true(gyre_periodic_is_running(periodic));
	gyre_periodic_stop(periodic);
	assert_false(gyre_periodic_is_running(periodic));
}

static void
L129_closing_its_loop_stops_it(void **state)
{
	(void)state;
	start_periodic();
	run_for_calls(1);
	close_and_free(the_loop);
	assert_false(gyre_periodic_is_running(periodic));
	gyre_periodic_stop(periodic);
	the_loop = stage_loop();
	start_periodic();
	run_for_calls(1);
	assert_calls_at(1010, 1020);
}

static void
L129_closing_its_loop_stops_it_while_a_call_is_held(void **state)
{
	(void)state;
	in_call = hold_call;
	start_periodic();
	run_for_calls(1);
	close_and_free(the_loop);
	assert_false(gyre_periodic_is_running(periodic));
	the_loop = stage_loop();
	start_periodic();
	gyre_periodic_done(periodic);
	run_for_calls(1);
	gyre_periodic_done(periodic);
	assert_calls_at(1010, 1020);
}

/* L130 holds: a periodic does not keep its loop from stopping. */
static void
L130_it_does_not_hold_the_loop(void **state)
{
	(void)state;
	start_periodic();
	call_later(GYRE_SECONDS(3), stop_callback, "stop");
	run();
	assert_trace("stop");
	assert_int_equal(calls, 0);
	assert_int_equal(stage.now_ns, GYRE_SECONDS(1003));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		PERIODIC_TEST(L119_stop_ends_the_series),
		PERIODIC_TEST(L119_stop_inside_the_callback_ends_the_series),
		PERIODIC_TEST(L120_stop_suppresses_a_due_call),
		PERIODIC_TEST(L121_a_restart_gives_one_series),
		PERIODIC_TEST(L122_a_second_start_is_refused),
		PERIODIC_TEST(L123_start_inside_the_callback_is_refused),
		PERIODIC_TEST(
			L123_a_restart_inside_the_callback_gives_one_series),
		PERIODIC_TEST(L124_errors_are_reported_and_the_series_goes_on),
		PERIODIC_TEST(L125_a_held_call_delays_the_next),
		PERIODIC_TEST(L125_a_held_call_wakes_nobody),
		PERIODIC_TEST(
			L125_done_inside_the_callback_waits_for_its_return),
		PERIODIC_TEST(L125_a_restart_does_not_overlap_a_held_call),
		PERIODIC_TEST(
			L125_done_before_the_restarted_slot_changes_nothing),
		PERIODIC_TEST(L125_done_after_a_stop_schedules_nothing),
		PERIODIC_TEST(L127_start_binds_to_the_current_loop),
		PERIODIC_TEST(
			L127_one_periodic_may_run_on_one_loop_after_another),
		PERIODIC_TEST(L128_a_stopped_loop_costs_its_slots),
		PERIODIC_TEST(L129_it_runs_from_start_to_stop),
		PERIODIC_TEST(L129_closing_its_loop_stops_it),
		PERIODIC_TEST(
			L129_closing_its_loop_stops_it_while_a_call_is_held),
		PERIODIC_TEST(L130_it_does_not_hold_the_loop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
