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

/* -- once more before a sleep ---------------------------------------------- */

static unsigned iterations_more;

static void
send_one(void *arg)
{
	add_callback((gyre_callback_fn)(uintptr_t)arg, arg);
}

/* Each finds what another thread sent while the one before it ran. */
static void
be_sent_more(void *fn)
{
	if (iterations_more-- > 0)
		elsewhere(send_one, fn);
}

static void
stop_when_asleep(void)
{
	if (stage.slept_ns != 0)
		gyre_loop_stop(the_loop);
}

/* Run until it sleeps, with so many iterations more that find something. */
static unsigned
polls_until_asleep(unsigned more)
{
	unsigned polls = stage.polls;

	iterations_more = more;
	stage.on_wait = stop_when_asleep;
	send_one((void *)(uintptr_t)be_sent_more);
	run();
	return stage.polls - polls;
}

static void
a_loop_that_is_sent_to_again_and_again_looks_once_more(void **state)
{
	(void)state;
	assert_int_equal(polls_until_asleep(0), 1);
	assert_int_equal(polls_until_asleep(1), 3);
	assert_int_equal(polls_until_asleep(5), 7);
	assert_int_equal(polls_until_asleep(0), 1);
	assert_int_equal(stage.sleeps, 4);
}

static unsigned messages_left;

static void
answer(void *arg)
{
	(void)arg;
}

static void
send_when_asleep(void)
{
	if (stage.slept_ns == 0)
		return;
	if (messages_left-- == 0)
		gyre_loop_stop(the_loop);
	else
		elsewhere(send_one, (void *)(uintptr_t)answer);
}

/* It is woken for each. */
static void
a_loop_that_is_woken_for_a_message_sleeps_after_it(void **state)
{
	unsigned polls = stage.polls;

	(void)state;
	messages_left = 10;
	stage.on_wait = send_when_asleep;
	run();
	assert_int_equal(stage.sleeps, 11);
	assert_int_equal(stage.polls - polls, 11);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STAGE_TEST(an_idle_loop_polls_once_without_end),
		STAGE_TEST(
			without_timeouts_a_run_a_sleep_and_one_batch_in_8_read_the_clock),
		STAGE_TEST(it_sleeps_until_the_first_deadline_exactly),
		STAGE_TEST(
			a_loop_that_is_sent_to_again_and_again_looks_once_more),
		STAGE_TEST(a_loop_that_is_woken_for_a_message_sleeps_after_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
