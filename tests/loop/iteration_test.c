/*
 * The iteration, on the stage: timeouts in it, and how long a poll may wait.
 */
#include "tests/support/loop_fixture.h"

/* -- timeouts in an iteration --------------------------------------------- */

static void
add_due_timeout(void *word)
{
	trace("first");
	call_later(-1, stop_callback, word);
}

static void
a_timeout_made_by_a_timeout_waits_for_a_poll(void **state)
{
	(void)state;
	stage.ready[3] = GYRE_READ;
	handle(3, GYRE_READ, trace_handler, "handler");
	call_later(0, add_due_timeout, "second");
	run();
	assert_trace("first handler second");
}

static void
overdue_timeouts_run_in_order_in_one_iteration(void **state)
{
	(void)state;
	call_later(GYRE_MS(3), stop_callback, "c");
	call_later(GYRE_MS(1), trace_arg, "a");
	call_later(GYRE_MS(3), trace_arg, "d");
	call_later(GYRE_MS(2), trace_arg, "b");
	stage.now_ns += GYRE_SECONDS(1);
	run();
	assert_trace("a b c d");
	assert_int_equal(stage.polls, 0);
}

static gyre_timeout victim;

static void
cancel_victim(void *word)
{
	trace(word);
	gyre_loop_remove_timeout(the_loop, victim);
}

static void
a_due_timeout_can_still_be_cancelled(void **state)
{
	(void)state;
	call_later(0, cancel_victim, "timeout");
	victim = call_later(0, trace_arg, "victim");
	run_once();
	assert_trace("timeout");
	victim = call_later(0, trace_arg, "victim");
	add_callback(cancel_victim, "callback");
	run_once();
	assert_trace("callback");
}

static void
a_timeout_that_cancels_itself_does_no_harm(void **state)
{
	(void)state;
	victim = call_later(0, cancel_victim, "self");
	call_later(0, trace_arg, "other");
	run_once();
	assert_trace("self other");
	gyre_loop_remove_timeout(the_loop, victim);
	gyre_loop_remove_timeout(the_loop, 0);
}

static void
timeouts_survive_a_stop(void **state)
{
	struct gyre_loop_stats stats;

	(void)state;
	call_later(GYRE_MS(5), trace_arg, "timeout");
	run_once();
	assert_trace("");
	stage.now_ns += GYRE_MS(5);
	run_once();
	assert_trace("timeout");
	gyre_loop_get_stats(the_loop, &stats);
	assert_int_equal(stats.timeouts_run, 1);
	assert_int_equal(stats.iterations, 2);
}

/* -- how long a poll waits ------------------------------------------------ */

static void
stop_now(void)
{
	gyre_loop_stop(the_loop);
}

static void
an_idle_loop_polls_once_without_end(void **state)
{
	struct gyre_loop_stats stats;

	(void)state;
	stage.on_wait = stop_now;
	run();
	assert_int_equal(stage.polls, 1);
	assert_true(stage.slept_ns == GYRE_FOREVER);
	gyre_loop_get_stats(the_loop, &stats);
	assert_int_equal(stats.sleeps, 1);
	assert_int_equal(stats.arms, 1);
}

static unsigned clock_reads;

static int64_t
count_and_tell_time(void *arg)
{
	clock_reads++;
	return stage_now(arg);
}

static void
requeue_many_times(void *arg)
{
	static unsigned times;

	if (++times % 100 == 0)
		gyre_loop_stop(the_loop);
	else
		add_callback(requeue_many_times, arg);
}

static void
without_timeouts_only_a_run_and_a_sleep_read_the_clock(void **state)
{
	struct gyre_loop_options options = stage_options();

	(void)state;
	close_and_free(the_loop);
	options.clock.now_ns = count_and_tell_time;
	the_loop = new_loop(&options);
	clock_reads = 0;
	add_callback(requeue_many_times, NULL);
	run();
	assert_int_equal(clock_reads, 2);
	stage.on_wait = stop_now;
	run();
	assert_int_equal(stage.sleeps, 1);
	assert_int_equal(clock_reads, 6);
}

static void
it_sleeps_until_the_first_deadline_exactly(void **state)
{
	(void)state;
	call_later(GYRE_SECONDS(7), stop_callback, "seven");
	call_later(1, trace_arg, "first");
	run();
	assert_trace("first seven");
	assert_int_equal(stage.polls, 2);
	assert_int_equal(stage.slept_ns, GYRE_SECONDS(7) - 1);
}

static void
a_poll_that_ends_early_runs_no_timeout_early(void **state)
{
	(void)state;
	stage.fail_next = -EINTR;
	call_later(GYRE_MS(5), stop_callback, "timeout");
	run();
	assert_trace("timeout");
	assert_int_equal(stage.polls, 2);
	assert_int_equal(stage.slept_ns, GYRE_MS(5));
}

static void
a_deadline_too_far_to_count_is_slept_for_without_end(void **state)
{
	(void)state;
	stage.now_ns = GYRE_SECONDS(-1000);
	stage.on_wait = stop_now;
	call_at(GYRE_FOREVER - 1, trace_arg, "far");
	run();
	assert_true(stage.slept_ns == GYRE_FOREVER);
	assert_trace("");
}

static void
a_delay_that_overflows_never_ends_or_is_over(void **state)
{
	(void)state;
	stage.on_wait = stop_now;
	call_later(GYRE_FOREVER, trace_arg, "never");
	call_later(GYRE_FOREVER - 5, trace_arg, "never");
	run();
	assert_true(stage.slept_ns == GYRE_FOREVER);
	stage.now_ns = GYRE_SECONDS(-1000);
	call_later(INT64_MIN, trace_arg, "long ago");
	run_once();
	assert_trace("long ago");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STAGE_TEST(a_timeout_made_by_a_timeout_waits_for_a_poll),
		STAGE_TEST(overdue_timeouts_run_in_order_in_one_iteration),
		STAGE_TEST(a_due_timeout_can_still_be_cancelled),
		STAGE_TEST(a_timeout_that_cancels_itself_does_no_harm),
		STAGE_TEST(timeouts_survive_a_stop),
		STAGE_TEST(an_idle_loop_polls_once_without_end),
		STAGE_TEST(
			without_timeouts_only_a_run_and_a_sleep_read_the_clock),
		STAGE_TEST(it_sleeps_until_the_first_deadline_exactly),
		STAGE_TEST(a_poll_that_ends_early_runs_no_timeout_early),
		STAGE_TEST(
			a_deadline_too_far_to_count_is_slept_for_without_end),
		STAGE_TEST(a_delay_that_overflows_never_ends_or_is_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
