/*
 * The iteration, on the stage: how long a poll may wait.
 */
#include "tests/support/loop_fixture.h"

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
without_timeouts_a_run_a_sleep_and_one_batch_in_8_read_the_clock(void **state)
{
	struct gyre_loop_options options = stage_options();

	(void)state;
	close_and_free(the_loop);
	options.clock.now_ns = count_and_tell_time;
	the_loop = new_loop(&options);
	clock_reads = 0;
	add_callback(requeue_many_times, NULL);
	run();
	assert_int_equal(clock_reads, 2 + 2 * (100 / GYRE_TIMED_EVERY));
	stage.on_wait = stop_now;
	run();
	assert_int_equal(stage.sleeps, 1);
	assert_int_equal(clock_reads, 6 + 2 * (100 / GYRE_TIMED_EVERY));
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STAGE_TEST(an_idle_loop_polls_once_without_end),
		STAGE_TEST(
			without_timeouts_a_run_a_sleep_and_one_batch_in_8_read_the_clock),
		STAGE_TEST(it_sleeps_until_the_first_deadline_exactly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
