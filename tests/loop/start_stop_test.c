/*
 * Runs whose poll fails, and a close inside another loop's run; on the stage.
 * tests/conformance/start_stop_test.c has the rest.
 */
#include "tests/support/loop_fixture.h"

/* -- one inside another --------------------------------------------------- */

static struct gyre_loop *inner;

static void
close_inner(void *word)
{
	assert_int_equal(gyre_loop_close(inner, false), -EBUSY);
	trace(word);
}

static void
close_of_another_loop_inside_a_running_one_is_refused(void **state)
{
	(void)state;
	inner = stage_loop();
	add_callback(close_inner, "refused");
	run_once();
	assert_trace("refused");
	close_and_free(inner);
}

/* -- polls that fail ------------------------------------------------------ */

static void
fail_with_a_callback_queued(void)
{
	stage.on_wait = NULL;
	stage.fail_next = -EINTR;
	add_callback(trace_arg, "callback");
}

static void
an_interrupted_poll_goes_round_again(void **state)
{
	(void)state;
	stage.on_wait = fail_with_a_callback_queued;
	stage.ready[3] = GYRE_READ;
	handle(3, GYRE_READ, stop_handler, "handler");
	run();
	assert_trace("callback handler");
	assert_int_equal(stage.polls, 2);
}

static void
callback_with_late(void *word)
{
	trace(word);
	add_callback(trace_arg, "late");
}

static void
a_failed_poll_ends_the_run_and_loses_nothing(void **state)
{
	struct gyre_loop_stats stats;

	(void)state;
	for (int sleeping = 0; sleeping < 2; sleeping++) {
		stage.fail_next = -EIO;
		stage.ready[3] = GYRE_READ;
		handle(3, GYRE_READ, stop_handler, "handler");
		call_later(GYRE_MS(5), trace_arg, "timeout");
		if (!sleeping)
			add_callback(callback_with_late, "callback");
		assert_int_equal(gyre_loop_start(the_loop), -EIO);
		assert_null(gyre_loop_current(false));
		assert_trace(sleeping ? "" : "callback");
		run();
		assert_trace(sleeping ? "handler" : "late handler");
		stage.now_ns += GYRE_MS(5);
		gyre_loop_remove_handler(the_loop, 3);
		run_once();
		assert_trace("timeout");
	}
	gyre_loop_get_stats(the_loop, &stats);
	assert_int_equal(stats.posted, stats.run + stats.waiting);
	assert_int_equal(stats.arms, stats.self_disarms);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STAGE_TEST(
			close_of_another_loop_inside_a_running_one_is_refused),
		STAGE_TEST(an_interrupted_poll_goes_round_again),
		STAGE_TEST(a_failed_poll_ends_the_run_and_loses_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
