/*
 * Runs that end otherwise than by a stop: what survives them.
 */
#include "tests/support/loop_fixture.h"

static void
abort_run(void *word)
{
	trace_arg(word);
	gyre_loop_abort(the_loop, -EINTR);
}

static void
abort_handler(int fd, unsigned events, void *word)
{
	(void)fd;
	(void)events;
	abort_run(word);
}

static void
run_to_the_abort(void)
{
	assert_int_equal(gyre_loop_start(the_loop), -EINTR);
}

/* L26 holds: after a run that ended by an error the loop can be started again
 * at once; the current loop of before is back, and no stop is left behind. */
static void
L26_a_loop_runs_again_after_an_abort(void **state)
{
	(void)state;
	assert_null(gyre_loop_current(false));
	add_callback(abort_run, "aborted");
	run_to_the_abort();
	assert_null(gyre_loop_current(false));
	assert_null(gyre_exception());
	run_once();
	assert_trace("aborted");
}

static void
L26_a_loop_runs_again_after_its_poller_failed(void **state)
{
	(void)state;
	stage.fail_next = -EIO;
	assert_int_equal(gyre_loop_start(the_loop), -EIO);
	assert_null(gyre_loop_current(false));
	add_callback(trace_arg, "again");
	run_once();
	assert_trace("again");
}

static void
stop_and_abort(void *word)
{
	gyre_loop_stop(the_loop);
	abort_run(word);
}

static void
L26_a_stop_before_the_abort_is_used_up(void **state)
{
	(void)state;
	add_callback(stop_and_abort, "aborted");
	run_to_the_abort();
	add_callback(trace_arg, "again");
	run_once();
	assert_trace("aborted again");
}

/* L27 deviates: callbacks that did not run stay queued in their order, due
 * timeouts stay due, and descriptors that are ready are reported by the next
 * poll. Why: losing timeouts that were due helps nobody. */
static void
L27_callbacks_survive_an_abort(void **state)
{
	static const char *const before[] = { "1", "2" };
	static const char *const after[] = { "3", "4", "5" };
	struct gyre_loop_stats stats;

	(void)state;
	for (unsigned i = 0; i < 2; i++)
		add_callback(trace_arg, before[i]);
	add_callback(abort_run, "aborted");
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(
			gyre_loop_add_callback_drop(the_loop, trace_arg,
						    (void *)(uintptr_t)after[i],
						    trace_drop),
			0);
	run_to_the_abort();
	assert_trace("1 2 aborted");
	gyre_loop_get_stats(the_loop, &stats);
	assert_int_equal(stats.run, 3);
	assert_int_equal(stats.waiting, 3);
	add_callback(trace_arg, "6");
	run_once();
	assert_trace("3 4 5 6");
	gyre_loop_get_stats(the_loop, &stats);
	assert_int_equal(stats.posted, stats.run);
}

/* The loop's own, which lie together in blocks. */
static void
add_around_an_abort(void *words)
{
	const char *const *word = words;

	add_callback(trace_arg, word[0]);
	add_callback(abort_run, "aborted");
	for (unsigned i = 1; i < 4; i++)
		CHECK(gyre_loop_add_callback_drop(
			      the_loop, trace_arg, (void *)(uintptr_t)word[i],
			      i == 2 ? trace_drop : NULL) == 0);
}

static void
L27_what_lies_in_one_block_with_the_abort_survives_it(void **state)
{
	static const char *words[] = { "1", "2", "3", "4" };
	struct gyre_loop_stats stats;

	(void)state;
	for (int closes = 0; closes < 2; closes++) {
		CHECK(gyre_loop_add_callback(the_loop, add_around_an_abort,
					     words) == 0);
		run_to_the_abort();
		assert_trace("1 aborted");
		gyre_loop_get_stats(the_loop, &stats);
		assert_int_equal(stats.waiting, 3);
		if (closes)
			break;
		run_once();
		assert_trace("2 3 4");
		gyre_loop_get_stats(the_loop, &stats);
		assert_int_equal(stats.posted, stats.run);
	}
	assert_int_equal(gyre_loop_close(the_loop, false), 0);
	assert_trace("3 stopped");
	gyre_loop_get_stats(the_loop, &stats);
	assert_int_equal(stats.dropped, 3);
}

static void
add_next(void *word)
{
	add_callback(trace_arg, word);
}

static void
L27_what_was_added_meanwhile_comes_after_what_was_left(void **state)
{
	(void)state;
	add_callback(add_next, "next");
	add_callback(abort_run, "aborted");
	for (unsigned i = 0; i < 100; i++)
		add_callback(trace_arg, NULL);
	add_callback(trace_arg, "left");
	run_to_the_abort();
	run_once();
	assert_trace("aborted left next");
}

static void
L27_what_is_left_is_dropped_if_the_loop_closes(void **state)
{
	(void)state;
	add_callback(abort_run, "aborted");
	assert_int_equal(gyre_loop_add_callback_drop(the_loop, trace_arg,
						     (void *)(uintptr_t) "left",
						     trace_drop),
			 0);
	run_to_the_abort();
	close_and_free(the_loop);
	the_loop = NULL;
	assert_trace("aborted left stopped");
}

static void
L27_due_timeouts_survive_an_abort(void **state)
{
	gyre_timeout canceled;

	(void)state;
	call_at(1, abort_run, "aborted");
	call_at(2, trace_arg, "second");
	canceled = call_at(3, trace_arg, "canceled");
	call_at(4, trace_arg, "fourth");
	run_to_the_abort();
	gyre_loop_remove_timeout(the_loop, canceled);
	call_at(0, trace_arg, "fifth");
	run_once();
	assert_trace("aborted second fourth fifth");
}

static void
L27_ready_descriptors_are_reported_again(void **state)
{
	(void)state;
	handle(3, GYRE_READ, abort_handler, "aborted");
	handle(4, GYRE_READ, stop_handler, "four");
	stage.ready[3] = GYRE_READ;
	stage.ready[4] = GYRE_READ;
	run_to_the_abort();
	assert_trace("aborted");
	stage.ready[3] = 0;
	run();
	assert_trace("four");
}

static void
raise_and_abort(void *word)
{
	gyre_raise(-EDOM, "before it aborts");
	abort_run(word);
}

static void
trace_failure(struct gyre_loop *loop, const struct gyre_failure *failure,
	      void *arg)
{
	(void)loop;
	(void)failure;
	(void)arg;
	trace(gyre_error_name(gyre_exception()->error));
}

/* L63 holds: gyre_loop_abort() ends a run in the middle of a batch with its
 * error, which the exception hook does not hear of; a raise it does. */
static void
L63_abort_ends_a_run_mid_batch(void **state)
{
	struct gyre_loop_options options = stage_options();
	struct gyre_loop_stats stats;

	(void)state;
	close_and_free(the_loop);
	options.on_exception = trace_failure;
	the_loop = new_loop(&options);
	add_callback(abort_run, "aborted");
	add_callback(raise_and_abort, "again");
	add_callback(trace_arg, "left");
	run_to_the_abort();
	assert_trace("aborted");
	assert_int_equal(stage.polls, 0);
	run_to_the_abort();
	assert_trace("again EDOM");
	gyre_loop_get_stats(the_loop, &stats);
	assert_int_equal(stats.exceptions, 1);
	run_once();
	assert_trace("left");
}

static void
abort_what_does_not_run(void *unused)
{
	(void)unused;
	gyre_loop_abort(stage_loop(), -EINTR);
}

static void
abort_with_success(void *unused)
{
	(void)unused;
	gyre_loop_abort(stage_loop(), 0);
}

static void
L63_only_a_running_loop_can_be_aborted(void **state)
{
	(void)state;
	assert_true(
		aborts_saying(abort_what_does_not_run, NULL, "caller's error"));
	assert_true(aborts_saying(abort_with_success, NULL, "error < 0"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STAGE_TEST(L26_a_loop_runs_again_after_an_abort),
		STAGE_TEST(L26_a_loop_runs_again_after_its_poller_failed),
		STAGE_TEST(L26_a_stop_before_the_abort_is_used_up),
		STAGE_TEST(L27_callbacks_survive_an_abort),
		STAGE_TEST(
			L27_what_lies_in_one_block_with_the_abort_survives_it),
		STAGE_TEST(
			L27_what_was_added_meanwhile_comes_after_what_was_left),
		STAGE_TEST(L27_what_is_left_is_dropped_if_the_loop_closes),
		STAGE_TEST(L27_due_timeouts_survive_an_abort),
		STAGE_TEST(L27_ready_descriptors_are_reported_again),
		STAGE_TEST(L63_abort_ends_a_run_mid_batch),
		STAGE_TEST(L63_only_a_running_loop_can_be_aborted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
