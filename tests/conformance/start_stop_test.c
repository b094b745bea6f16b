/*
 * Start and stop, on the stage but for what the kernel does: where stop is
 * looked at, which starts are refused, what an idle loop does. L14-L23, L25,
 * L28, L31.
 */
#include "tests/support/loop_fixture.h"

#include "loop/loop.h"

/* -- start ---------------------------------------------------------------- */

/* L14 holds: start runs the loop until it is stopped, and then answers 0; or
 * what the poller failed with. */
static void
L14_start_blocks_until_stopped_and_answers_0(void **state)
{
	int64_t begun_ns = stage.now_ns;

	(void)state;
	call_later(GYRE_SECONDS(1), trace_arg, "goes on");
	call_later(GYRE_SECONDS(2), stop_callback, "stopped");
	assert_int_equal(gyre_loop_start(the_loop), 0);
	assert_trace("goes on stopped");
	assert_int_equal(stage.now_ns - begun_ns, GYRE_SECONDS(2));
	stage.fail_next = -EBADF;
	assert_int_equal(gyre_loop_start(the_loop), -EBADF);
}

static void
start_again(void *word)
{
	assert_int_equal(gyre_loop_start(the_loop), -EBUSY);
	trace(word);
}

/* L15 holds: start on a loop that this thread runs answers -EBUSY at once, and
 * the run goes on as if nothing had been. */
static void
L15_start_on_a_running_loop_is_refused(void **state)
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

/* L16 holds: start on a loop that another thread runs answers -EBUSY too; of
 * threads that start one loop at the same moment one runs it. */
static void
L16_start_on_another_thread_s_running_loop_is_refused(void **state)
{
	(void)state;
	add_callback(have_it_started_elsewhere, "refused");
	call_later(0, stop_callback, "goes on");
	run();
	assert_trace("refused goes on");
}

/* -- stop while it runs --------------------------------------------------- */

static void
stop_and_queue_late(void *word)
{
	add_callback(trace_arg, "late");
	stop_callback(word);
}

/* L17 holds: stop() in a callback lets the rest of its batch and the due
 * timeouts run; then start returns without a poll. What they added waits for
 * the next start. */
static void
L17_stop_in_a_callback_finishes_callbacks_and_due_timeouts(void **state)
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

/* L18 holds: stop() in a timeout lets those that are due with it run; then
 * start returns without a poll. */
static void
L18_stop_in_a_timeout_finishes_the_due_ones(void **state)
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

/* L19 holds: stop() in a handler lets the other handlers of the poll run, then
 * the callbacks and the timeouts that are ready; there is no other poll, and
 * what that last pass adds waits for the next start. */
static void
L19_stop_in_a_handler_finishes_the_batch_and_one_more_pass(void **state)
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

/* L20 holds: after a stop() the next start returns at once and runs nothing at
 * all; what waits is kept for the one after it. */
static void
L20_stop_before_start_runs_nothing_and_keeps_the_queue(void **state)
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

/* L21 holds: stop() sets a flag and counts nothing: many before a start cancel
 * that one start, many in a run end that one run. */
static void
L21_many_stops_cancel_one_start(void **state)
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
L21_many_stops_in_a_run_end_that_run_only(void **state)
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

/* L22 holds: a stop() that comes when start has returned cancels the next
 * start. */
static void
L22_a_stop_after_the_run_cancels_the_next(void **state)
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

/* -- starts that are refused ---------------------------------------------- */

static bool
ends_well_in_a_fork(void (*body)(void *arg))
{
	char output[256];
	int status = in_child(body, NULL, output, sizeof(output));

	if (output[0] != '\0')
		print_error("%s", output);
	return status == 0;
}

static void
start_running(void *unused)
{
	(void)unused;
	CHECK(gyre_loop_start(the_loop) == -EBUSY);
}

static void
fork_here(void *unused)
{
	(void)unused;
	CHECK(ends_well_in_a_fork(start_running));
}

static void
fork_while_it_runs(void *word)
{
	fork_here(NULL);
	elsewhere(fork_here, NULL);
	stop_callback(word);
}

/* L23 holds: start looks whether the loop runs already (-EBUSY), then whether
 * the process is a fork (-EPERM), then whether it was stopped: what is refused
 * does not use up the stop. */
static void
L23_a_running_loop_is_busy_to_a_fork_too(void **state)
{
	(void)state;
	add_callback(fork_while_it_runs, "busy");
	run();
	assert_trace("busy");
}

static void
start_stopped(void *unused)
{
	(void)unused;
	CHECK(gyre_loop_start(the_loop) == -EPERM);
	CHECK(gyre__loop_state(the_loop) & GYRE__LOOP_STOP);
}

static void
L23_a_start_refused_in_a_fork_keeps_the_pending_stop(void **state)
{
	(void)state;
	gyre_loop_stop(the_loop);
	assert_true(ends_well_in_a_fork(start_stopped));
	add_callback(stop_callback, "ran");
	run();
	assert_trace("");
	run();
	assert_trace("ran");
}

/* L25 holds: a stop() that woke nobody may leave one needless wake-up to the
 * next run, which does no harm: no handler is called, no timeout is early. */
static void
L25_a_stop_leaves_at_most_a_needless_wake_up(void **state)
{
	(void)state;
	gyre_loop_stop(the_loop);
	run();
	call_later(GYRE_SECONDS(1), stop_callback, "timeout");
	run();
	assert_trace("timeout");
	assert_in_range(stage.polls, 1, 2);
}

/* -- closed, idle --------------------------------------------------------- */

/* L28 holds: start on a closed loop answers -ESHUTDOWN, stopped or not. */
static void
L28_start_after_close_is_refused(void **state)
{
	(void)state;
	add_callback(trace_arg, "never");
	assert_int_equal(gyre_loop_close(the_loop, false), 0);
	assert_int_equal(gyre_loop_start(the_loop), -ESHUTDOWN);
	gyre_loop_stop(the_loop);
	assert_int_equal(gyre_loop_start(the_loop), -ESHUTDOWN);
	assert_trace("");
}

static void
stop_the_idle_loop(void)
{
	gyre_loop_stop(the_loop);
}

/* L31 holds: a loop with nothing to do sleeps in its poller without end, or
 * until its first timeout, however far; it wakes for nothing else. */
static void
L31_an_idle_loop_sleeps_without_end(void **state)
{
	(void)state;
	stage.on_wait = stop_the_idle_loop;
	run();
	assert_int_equal(stage.polls, 1);
	assert_int_equal(stage.slept_ns, GYRE_FOREVER);
}

static void
L31_it_sleeps_until_its_first_timeout(void **state)
{
	const int64_t year_ns = GYRE_SECONDS(3600.0 * 24 * 365);

	(void)state;
	call_later(year_ns, stop_callback, "a year later");
	run();
	assert_trace("a year later");
	assert_int_equal(stage.polls, 1);
	assert_int_equal(stage.slept_ns, year_ns);
}

static void
L31_the_kernel_is_asked_once(void **state)
{
	(void)state;
	call_later(GYRE_MS(50), stop_callback, "timeout");
	run();
	assert_trace("timeout");
	assert_int_equal(fake_counts().polls, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STAGE_TEST(L14_start_blocks_until_stopped_and_answers_0),
		STAGE_TEST(L15_start_on_a_running_loop_is_refused),
		STAGE_TEST(
			L16_start_on_another_thread_s_running_loop_is_refused),
		STAGE_TEST(
			L17_stop_in_a_callback_finishes_callbacks_and_due_timeouts),
		STAGE_TEST(L18_stop_in_a_timeout_finishes_the_due_ones),
		STAGE_TEST(
			L19_stop_in_a_handler_finishes_the_batch_and_one_more_pass),
		STAGE_TEST(
			L20_stop_before_start_runs_nothing_and_keeps_the_queue),
		STAGE_TEST(L21_many_stops_cancel_one_start),
		STAGE_TEST(L21_many_stops_in_a_run_end_that_run_only),
		STAGE_TEST(L22_a_stop_after_the_run_cancels_the_next),
		STAGE_TEST(L23_a_running_loop_is_busy_to_a_fork_too),
		STAGE_TEST(
			L23_a_start_refused_in_a_fork_keeps_the_pending_stop),
		STAGE_TEST(L25_a_stop_leaves_at_most_a_needless_wake_up),
		STAGE_TEST(L28_start_after_close_is_refused),
		STAGE_TEST(L31_an_idle_loop_sleeps_without_end),
		STAGE_TEST(L31_it_sleeps_until_its_first_timeout),
		REAL_TEST(L31_the_kernel_is_asked_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
