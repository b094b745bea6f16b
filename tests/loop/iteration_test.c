/*
 * The iteration, on the stage: what runs in which phase, and how long a poll
 * may wait.
 */
#include "tests/support/loop_fixture.h"

/* -- the order of the phases ---------------------------------------------- */

static void
callbacks_come_before_timeouts_before_handlers(void **state)
{
	(void)state;
	stage.ready[3] = GYRE_READ;
	handle(3, GYRE_READ, stop_handler, "handler");
	call_later(0, trace_arg, "timeout");
	add_callback(trace_arg, "callback");
	run();
	assert_trace("callback timeout handler");
}

static void
add_one_of_each(void *arg)
{
	(void)arg;
	handle(3, GYRE_READ, trace_handler, "handler");
	call_later(0, stop_callback, "timeout");
	add_callback(trace_arg, "callback");
}

static void
what_a_callback_adds_sees_a_poll_first(void **state)
{
	(void)state;
	stage.ready[3] = GYRE_READ;
	add_callback(add_one_of_each, NULL);
	run();
	/* The timeout was not due when the iteration began. */
	assert_trace("handler callback timeout");
}

static void
add_again(void *count)
{
	static const char *const next[] = { [3] = "2", [2] = "1", [1] = "0" };
	const char *digit = count;

	trace(digit);
	if (digit[0] != '0')
		add_callback(add_again, next[digit[0] - '0']);
	else
		gyre_loop_stop(the_loop);
}

static void
a_callback_that_adds_itself_starves_nobody(void **state)
{
	(void)state;
	stage.ready[3] = GYRE_READ;
	handle(3, GYRE_READ, trace_handler, "handler");
	call_later(GYRE_SECONDS(-1), trace_arg, "timeout");
	add_callback(add_again, "3");
	run();
	assert_trace("3 timeout handler 2 handler 1 handler 0");
}

static void
post_a_stop(void *word)
{
	add_callback(stop_callback, word);
}

static void
have_a_stop_posted(void *word)
{
	elsewhere(post_a_stop, word);
	trace("posted");
}

static void
what_another_thread_adds_meanwhile_waits_too(void **state)
{
	(void)state;
	stage.ready[3] = GYRE_READ;
	handle(3, GYRE_READ, trace_handler, "handler");
	add_callback(have_a_stop_posted, "late");
	add_callback(trace_arg, "second");
	call_later(0, trace_arg, "timeout");
	run();
	assert_trace("posted second timeout handler late");
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
a_loop_without_timeouts_reads_no_clock(void **state)
{
	struct gyre_loop_options options = stage_options();

	(void)state;
	close_and_free(the_loop);
	options.clock.now_ns = count_and_tell_time;
	the_loop = new_loop(&options);
	clock_reads = 0;
	stage.on_wait = stop_now;
	run();
	assert_int_equal(clock_reads, 0);
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
take_three_seconds(void *arg)
{
	(void)arg;
	stage.now_ns += GYRE_SECONDS(3);
}

static void
slow_callbacks_do_not_cause_oversleep(void **state)
{
	(void)state;
	call_later(GYRE_SECONDS(10), stop_callback, NULL);
	call_later(0, take_three_seconds, NULL);
	add_callback(take_three_seconds, NULL);
	run();
	assert_int_equal(stage.polls, 1);
	assert_int_equal(stage.slept_ns, GYRE_SECONDS(4));
}

static void
a_deadline_that_passed_meanwhile_is_not_slept_for(void **state)
{
	(void)state;
	call_later(GYRE_SECONDS(2), stop_callback, NULL);
	add_callback(take_three_seconds, NULL);
	run();
	assert_int_equal(stage.polls, 1);
	assert_int_equal(stage.sleeps, 0);
}

static void
queue_a_stop(void *arg)
{
	(void)arg;
	add_callback(stop_callback, NULL);
}

static void
no_sleep_while_a_callback_is_queued(void **state)
{
	(void)state;
	add_callback(queue_a_stop, NULL);
	run();
	call_later(0, queue_a_stop, NULL);
	run();
	assert_int_equal(stage.polls, 2);
	assert_int_equal(stage.sleeps, 0);
}

static void
no_sleep_while_a_post_of_another_thread_waits(void **state)
{
	(void)state;
	call_later(0, have_a_stop_posted, "stop");
	run();
	assert_trace("posted stop");
	assert_int_equal(stage.polls, 1);
	/* It would have blocked, had the inbox let itself be armed. */
	assert_int_equal(stage.slept_ns, 0);
	assert_int_equal(fake_counts().writes, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STAGE_TEST(callbacks_come_before_timeouts_before_handlers),
		STAGE_TEST(what_a_callback_adds_sees_a_poll_first),
		STAGE_TEST(a_callback_that_adds_itself_starves_nobody),
		STAGE_TEST(what_another_thread_adds_meanwhile_waits_too),
		STAGE_TEST(an_idle_loop_polls_once_without_end),
		STAGE_TEST(a_loop_without_timeouts_reads_no_clock),
		STAGE_TEST(it_sleeps_until_the_first_deadline_exactly),
		STAGE_TEST(slow_callbacks_do_not_cause_oversleep),
		STAGE_TEST(a_deadline_that_passed_meanwhile_is_not_slept_for),
		STAGE_TEST(no_sleep_while_a_callback_is_queued),
		STAGE_TEST(no_sleep_while_a_post_of_another_thread_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
