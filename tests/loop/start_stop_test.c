/*
 * Start and stop, on the stage: where stop is looked at, what a refused or a
 * failed start leaves behind.
 */
#include "base/fork.h"
#include "tests/support/loop_fixture.h"

#include <sys/wait.h>
#include <unistd.h>

/* -- stop while it runs --------------------------------------------------- */

static void
stop_and_queue_late(void *word)
{
	add_callback(trace_arg, "late");
	stop_callback(word);
}

static void
stop_in_a_callback_finishes_callbacks_and_due_timeouts(void **state)
{
	(void)state;
	stage.ready[3] = GYRE_READ;
	handle(3, GYRE_READ, trace_handler, "handler");
	add_callback(stop_and_queue_late, "1");
	add_callback(trace_arg, "2");
	call_later(0, trace_arg, "timeout");
	run();
	assert_trace("1 2 timeout");
	assert_int_equal(stage.polls, 0);
	run_once();
	assert_trace("late");
}

static void
stop_in_a_timeout_finishes_the_due_ones(void **state)
{
	(void)state;
	call_later(0, stop_callback, "1");
	call_later(0, trace_arg, "2");
	call_later(1, trace_arg, "not due");
	run();
	assert_trace("1 2");
	assert_int_equal(stage.polls, 0);
}

static void
callback_with_late(void *word)
{
	trace(word);
	add_callback(trace_arg, "late");
}

static void
stop_and_queue(int fd, unsigned events, void *word)
{
	(void)fd;
	(void)events;
	add_callback(callback_with_late, "callback");
	call_later(0, trace_arg, "timeout");
	stop_callback(word);
}

static void
stop_in_a_handler_finishes_the_batch_and_one_more_pass(void **state)
{
	(void)state;
	for (int fd = 3; fd < 6; fd++)
		stage.ready[fd] = GYRE_READ;
	handle(3, GYRE_READ, stop_and_queue, "3");
	handle(4, GYRE_READ, trace_handler, "4");
	handle(5, GYRE_READ, trace_handler, "5");
	run();
	assert_trace("3 4 5 callback timeout");
	assert_int_equal(stage.polls, 1);
	gyre_loop_remove_handler(the_loop, 3);
	run_once();
	assert_trace("late");
}

/* -- stop while it does not ----------------------------------------------- */

static void
stop_before_start_runs_nothing_and_keeps_the_queue(void **state)
{
	(void)state;
	add_callback(trace_arg, "callback");
	call_later(0, trace_arg, "timeout");
	gyre_loop_stop(the_loop);
	run();
	assert_trace("");
	assert_int_equal(stage.polls, 0);
	run_once();
	assert_trace("callback timeout");
}

static void
many_stops_cancel_one_start(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++)
		gyre_loop_stop(the_loop);
	run();
	add_callback(stop_callback, "ran");
	run();
	assert_trace("ran");
}

static void
many_stops_in_a_run_end_that_run_only(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++)
		add_callback(stop_callback, "stop");
	run();
	assert_trace("stop stop stop stop stop");
	add_callback(stop_callback, "ran");
	run();
	assert_trace("ran");
}

static void
a_stop_after_the_run_cancels_the_next(void **state)
{
	(void)state;
	run_once();
	gyre_loop_stop(the_loop);
	add_callback(stop_callback, "ran");
	run();
	assert_trace("");
	run();
	assert_trace("ran");
}

static void
a_stop_leaves_at_most_a_needless_wake_up(void **state)
{
	(void)state;
	gyre_loop_stop(the_loop);
	run();
	call_later(GYRE_SECONDS(1), stop_callback, "timeout");
	run();
	assert_trace("timeout");
	assert_in_range(stage.polls, 1, 2);
}

/* -- starts that are refused ---------------------------------------------- */

static void
start_again(void *word)
{
	assert_int_equal(gyre_loop_start(the_loop), -EBUSY);
	trace(word);
}

static void
start_on_a_running_loop_is_refused(void **state)
{
	(void)state;
	add_callback(start_again, "refused");
	add_callback(trace_arg, "goes on");
	call_later(0, stop_callback, "till the end");
	run();
	assert_trace("refused goes on till the end");
}

static void
start_from_elsewhere(void *word)
{
	(void)word;
	CHECK(gyre_loop_start(the_loop) == -EBUSY);
}

static void
have_it_started_elsewhere(void *word)
{
	elsewhere(start_from_elsewhere, NULL);
	trace(word);
}

static void
start_on_another_thread_s_running_loop_is_refused(void **state)
{
	(void)state;
	add_callback(have_it_started_elsewhere, "refused");
	call_later(0, stop_callback, "goes on");
	run();
	assert_trace("refused goes on");
}

static struct gyre_loop *inner;

static void
start_inner(void *word)
{
	gyre_loop_stop(inner);
	assert_int_equal(gyre_loop_start(inner), -EBUSY);
	trace(word);
}

static void
a_second_loop_on_the_thread_is_refused_and_keeps_its_stop(void **state)
{
	(void)state;
	inner = stage_loop();
	assert_int_equal(gyre_loop_add_callback(inner, stop_callback, NULL), 0);
	add_callback(start_inner, "refused");
	run_once();
	assert_trace("refused");
	/* The refusal did not use up the stop that was pending. */
	assert_int_equal(gyre_loop_start(inner), 0);
	add_callback(stop_callback, NULL);
	close_and_free(inner);
	run();
}

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

static void
start_after_close_is_refused(void **state)
{
	(void)state;
	add_callback(trace_arg, "never");
	assert_int_equal(gyre_loop_close(the_loop, false), 0);
	assert_int_equal(gyre_loop_start(the_loop), -ESHUTDOWN);
	gyre_loop_stop(the_loop);
	assert_int_equal(gyre_loop_start(the_loop), -ESHUTDOWN);
	assert_trace("");
}

/* -- in a fork ------------------------------------------------------------ */

static void
use_in_a_fork(void *unused)
{
	(void)unused;
	CHECK(gyre_loop_start(the_loop) == -EPERM);
	CHECK(gyre_loop_close(the_loop, false) == -EPERM);
	CHECK(gyre_loop_add_handler(the_loop, 3, GYRE_READ, trace_handler,
				    NULL) == -EPERM);
	CHECK(gyre_loop_update_handler(the_loop, 4, GYRE_WRITE) == -EPERM);
	CHECK(gyre_loop_remove_handler(the_loop, 4) == -EPERM);
	fprintf(stderr, "refused\n");
}

static void
a_fork_may_neither_run_nor_close_nor_touch_the_poller(void **state)
{
	char output[256];

	(void)state;
	handle(4, GYRE_READ, trace_handler, NULL);
	assert_int_equal(in_child(use_in_a_fork, NULL, output, sizeof(output)),
			 0);
	assert_string_equal(output, "refused\n");
	/* The parent's registration is as it was. */
	assert_int_equal(gyre_loop_remove_handler(the_loop, 4), 0);
}

static void
start_as_a_fork(void *word)
{
	gyre__fork_count++;
	elsewhere(start_from_elsewhere, NULL);
	gyre__fork_count--;
	stop_callback(word);
}

static void
a_running_loop_is_busy_to_a_fork_too(void **state)
{
	(void)state;
	add_callback(start_as_a_fork, "busy");
	run();
	assert_trace("busy");
}

static void
a_start_refused_in_a_fork_keeps_the_pending_stop(void **state)
{
	(void)state;
	gyre_loop_stop(the_loop);
	gyre__fork_count++;
	assert_int_equal(gyre_loop_start(the_loop), -EPERM);
	gyre__fork_count--;
	add_callback(stop_callback, "ran");
	run();
	assert_trace("");
	run();
	assert_trace("ran");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STAGE_TEST(
			stop_in_a_callback_finishes_callbacks_and_due_timeouts),
		STAGE_TEST(stop_in_a_timeout_finishes_the_due_ones),
		STAGE_TEST(
			stop_in_a_handler_finishes_the_batch_and_one_more_pass),
		STAGE_TEST(stop_before_start_runs_nothing_and_keeps_the_queue),
		STAGE_TEST(many_stops_cancel_one_start),
		STAGE_TEST(many_stops_in_a_run_end_that_run_only),
		STAGE_TEST(a_stop_after_the_run_cancels_the_next),
		STAGE_TEST(a_stop_leaves_at_most_a_needless_wake_up),
		STAGE_TEST(start_on_a_running_loop_is_refused),
		STAGE_TEST(start_on_another_thread_s_running_loop_is_refused),
		STAGE_TEST(
			a_second_loop_on_the_thread_is_refused_and_keeps_its_stop),
		STAGE_TEST(
			close_of_another_loop_inside_a_running_one_is_refused),
		STAGE_TEST(start_after_close_is_refused),
		STAGE_TEST(
			a_fork_may_neither_run_nor_close_nor_touch_the_poller),
		STAGE_TEST(a_running_loop_is_busy_to_a_fork_too),
		STAGE_TEST(a_start_refused_in_a_fork_keeps_the_pending_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
