/*
 * Timeouts as the loop's user sees them, on the stage: when they run, and by
 * which clock.
 */
#include "tests/support/loop_fixture.h"

/* As the argument of a callback. */
#define WORD(word) ((void *)(uintptr_t)(word))

static void
update(gyre_timeout timeout, int64_t when_ns)
{
	CHECK(gyre_loop_update_timeout(the_loop, timeout, when_ns) == 0);
}

static void
stop_now(void)
{
	gyre_loop_stop(the_loop);
}

/* -- adding --------------------------------------------------------------- */

/* L90 holds: add_timeout takes an instant of the loop's clock or a delay from
 * now; the deadline's maker tells which, and nothing else is a deadline. */
static void
L90_a_deadline_is_an_instant_or_a_delay(void **state)
{
	const struct gyre_callback dropping = {
		.fn = trace_arg,
		.arg = WORD("later"),
		.drop = trace_drop,
	};

	(void)state;
	stage.now_ns = 100;
	assert_int_equal(gyre_loop_add_timeout(the_loop, gyre_after(50),
					       stop_callback, WORD("at 150"),
					       NULL),
			 0);
	assert_int_equal(gyre_loop_add_timeout(the_loop, gyre_at(50), trace_arg,
					       WORD("at 50"), NULL),
			 0);
	assert_int_equal(gyre_loop_add_timeout_drop(the_loop, gyre_at(151),
						    dropping, NULL),
			 0);
	run();
	assert_trace("at 50 at 150");
	assert_int_equal(stage.now_ns, 150);
	assert_int_equal(gyre_loop_close(the_loop, false), 0);
	assert_trace("later stopped");
}

/* L91 holds: call_at takes an instant, call_later a delay from the clock at
 * the call; a sum beyond the ends of time is the end it is beyond. */
static void
L91_a_delay_begins_at_the_call(void **state)
{
	(void)state;
	call_later(20, stop_callback, "later");
	call_at(stage.now_ns + 10, trace_arg, "at");
	stage.now_ns += 10;
	call_later(5, trace_arg, "between");
	run();
	assert_trace("at between later");
	assert_int_equal(stage.now_ns, GYRE_SECONDS(1000) + 20);
}

static void
L91_a_delay_that_overflows_never_ends_or_is_over(void **state)
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

/* L92 holds: each call that schedules gives a handle out, never 0 and good
 * for removing and moving; it may be left untaken. */
static void
L92_every_call_gives_a_handle_out(void **state)
{
	const struct gyre_callback callback = { .fn = trace_arg };
	gyre_timeout handles[6] = { 0 };
	int result = 0;

	(void)state;
	result |= gyre_loop_call_at(the_loop, 0, trace_arg, WORD("x"),
				    &handles[0]);
	result |= gyre_loop_call_later(the_loop, 0, trace_arg, WORD("x"),
				       &handles[1]);
	result |= gyre_loop_add_timeout(the_loop, gyre_at(0), trace_arg,
					WORD("x"), &handles[2]);
	result |= gyre_loop_call_at_drop(the_loop, 0, callback, &handles[3]);
	result |= gyre_loop_call_later_drop(the_loop, 0, callback, &handles[4]);
	result |= gyre_loop_add_timeout_drop(the_loop, gyre_at(0), callback,
					     &handles[5]);
	assert_int_equal(result, 0);
	for (int i = 0; i < 6; i++) {
		assert_int_not_equal(handles[i], 0);
		for (int j = 0; j < i; j++)
			assert_int_not_equal(handles[i], handles[j]);
		gyre_loop_remove_timeout(the_loop, handles[i]);
	}
	assert_int_equal(gyre_loop_call_later(the_loop, 0, trace_arg,
					      WORD("untaken"), NULL),
			 0);
	run_once();
	assert_trace("untaken");
}

static void
L92_a_refused_call_gives_none_out(void **state)
{
	struct gyre_loop_stats stats;
	gyre_timeout untouched = 7;

	(void)state;
	fake_fail_at(1);
	assert_int_equal(gyre_loop_call_at(the_loop, 0, trace_arg, WORD("x"),
					   &untouched),
			 -ENOMEM);
	assert_int_equal(untouched, 7);
	gyre_loop_get_stats(the_loop, &stats);
	assert_int_equal(stats.timeouts_added, 0);
	run_once();
	assert_trace("");
}

/* -- when, and in which order --------------------------------------------- */

static void
end_a_nanosecond_early(void)
{
	stage.now_ns += stage.slept_ns - 1;
	stage.fail_next = -EINTR;
	stage.on_wait = NULL;
}

/* L93 holds: a timeout runs when the clock has reached its instant, never
 * before; a poll that ends too early is followed by another. */
static void
L93_a_poll_that_ends_early_runs_no_timeout_early(void **state)
{
	(void)state;
	stage.on_wait = end_a_nanosecond_early;
	call_later(GYRE_US(5300), stop_callback, "timeout");
	run();
	assert_trace("timeout");
	assert_int_equal(stage.polls, 2);
	assert_int_equal(stage.slept_ns, 1);
	assert_int_equal(stage.now_ns, GYRE_SECONDS(1000) + GYRE_US(5300));
}

/* L94 holds: timeouts run in the order of their instants, those of one
 * instant in the order they were added; a moved one counts as added then. */
static void
L94_ties_run_in_the_order_they_were_added(void **state)
{
	static const char digits[] = "0\0001\0002\0003\0004\0005\0006\0007\0"
				     "8\0009";

	(void)state;
	call_later(GYRE_MS(2), trace_arg, "last");
	for (int i = 0; i < 50; i++)
		call_later(GYRE_MS(1), trace_arg, &digits[i % 10 * 2]);
	call_later(0, trace_arg, "first");
	stage.now_ns += GYRE_MS(2);
	run_once();
	assert_trace("first 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 "
		     "0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 "
		     "0 1 2 3 4 5 6 7 8 9 last");
}

static void
L94_a_moved_one_comes_behind_its_ties(void **state)
{
	gyre_timeout later, earlier, back;
	int64_t now_ns = stage.now_ns;

	(void)state;
	later = call_at(now_ns + 1, trace_arg, "later");
	earlier = call_at(now_ns + 9, trace_arg, "earlier");
	back = call_at(now_ns + 2, trace_arg, "back");
	call_at(now_ns + 1, trace_arg, "one");
	call_at(now_ns + 2, trace_arg, "two");
	update(later, now_ns + 2);
	update(earlier, now_ns + 1);
	update(back, now_ns + 9);
	update(back, now_ns + 2);
	stage.now_ns += 2;
	run_once();
	assert_trace("one earlier two later back");
}

/* L95 holds: all that is overdue runs in one iteration, in order. */
static void
L95_overdue_timeouts_run_in_order_in_one_iteration(void **state)
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

/* L96 holds: an instant in the past, 0 and negative ones too, is legal and due
 * in the next iteration. */
static void
L96_instants_in_the_past_are_due_next(void **state)
{
	(void)state;
	call_later(GYRE_SECONDS(-1), stop_callback, "a second ago");
	call_at(0, trace_arg, "zero");
	call_at(-1, trace_arg, "negative");
	call_at(INT64_MIN, trace_arg, "first of all");
	run();
	assert_trace("first of all negative zero a second ago");
	assert_int_equal(stage.polls, 0);
}

static void
add_the_first_of_all(void *word)
{
	call_at(INT64_MIN, stop_callback, word);
}

static void
L96_the_first_instant_of_all_is_not_slept_for(void **state)
{
	(void)state;
	add_callback(add_the_first_of_all, "first of all");
	run();
	assert_trace("first of all");
	assert_int_equal(stage.polls, 1);
	assert_int_equal(stage.sleeps, 0);
}

static void
add_due_timeout(void *word)
{
	trace("first");
	call_later(-1, stop_callback, word);
}

/* L97 holds: a timeout that a timeout makes waits for the next iteration, with
 * a poll in between, even if it is due already; one that is moved does too. */
static void
L97_a_timeout_made_by_a_timeout_waits_for_a_poll(void **state)
{
	(void)state;
	stage.ready[3] = GYRE_READ;
	handle(3, GYRE_READ, trace_handler, "handler");
	call_later(0, add_due_timeout, "second");
	run();
	assert_trace("first handler second");
}

static gyre_timeout other;

static void
move_the_other_to_the_past(void *word)
{
	trace(word);
	update(other, 0);
}

static void
L97_a_due_timeout_that_is_moved_waits_for_a_poll(void **state)
{
	(void)state;
	stage.ready[3] = GYRE_READ;
	handle(3, GYRE_READ, trace_handler, "handler");
	call_later(0, move_the_other_to_the_past, "mover");
	other = call_later(0, stop_callback, "moved");
	call_later(0, trace_arg, "third");
	run();
	assert_trace("mover third handler moved");
}

/* -- extremes ------------------------------------------------------------- */

/* L103 deviates: there is no instant that is no number; the largest one,
 * GYRE_FOREVER, never comes, and none holds others up or makes the loop spin.
 * Why: time is a whole number of nanoseconds, and every value is defined. */
static void
L103_an_instant_that_never_comes_holds_nobody_up(void **state)
{
	(void)state;
	call_at(GYRE_FOREVER, trace_arg, "never");
	call_later(GYRE_MS(100), stop_callback, "timeout");
	run();
	assert_trace("timeout");
	assert_int_equal(stage.polls, 1);
	/* Not even then. */
	stage.now_ns = GYRE_FOREVER;
	run_once();
	assert_trace("");
}

/* L104 deviates: a sleep has no limit of an hour; it lasts until the first
 * deadline, however far that is. Why: nanoseconds do not overflow on their
 * way to the poller, and a wake-up every hour is one too many. */
static void
L104_a_year_is_slept_through(void **state)
{
	(void)state;
	call_later(GYRE_SECONDS(365 * 86400), stop_callback, "a year");
	run();
	assert_trace("a year");
	assert_int_equal(stage.polls, 1);
	assert_int_equal(stage.now_ns, GYRE_SECONDS(1000 + 365 * 86400));
}

static void
L104_a_deadline_too_far_to_count_is_slept_for_without_end(void **state)
{
	(void)state;
	stage.now_ns = GYRE_SECONDS(-1000);
	stage.on_wait = stop_now;
	call_at(GYRE_FOREVER - 1, trace_arg, "far");
	run();
	assert_true(stage.slept_ns == GYRE_FOREVER);
	assert_trace("");
}

/* -- threads and clocks ---------------------------------------------------- */

static const struct gyre_callback nothing = { .fn = trace_arg };

static void
call_call_at(void)
{
	(void)!gyre_loop_call_at(the_loop, 0, trace_arg, NULL, NULL);
}

static void
call_call_at_drop(void)
{
	(void)!gyre_loop_call_at_drop(the_loop, 0, nothing, NULL);
}

static void
call_call_later(void)
{
	(void)!gyre_loop_call_later(the_loop, 0, trace_arg, NULL, NULL);
}

static void
call_call_later_drop(void)
{
	(void)!gyre_loop_call_later_drop(the_loop, 0, nothing, NULL);
}

static void
call_add_timeout(void)
{
	(void)!gyre_loop_add_timeout(the_loop, gyre_at(0), trace_arg, NULL,
				     NULL);
}

static void
call_add_timeout_drop(void)
{
	(void)!gyre_loop_add_timeout_drop(the_loop, gyre_at(0), nothing, NULL);
}

static void
call_update_timeout(void)
{
	(void)gyre_loop_update_timeout(the_loop, 1, 0);
}

static void
call_remove_timeout(void)
{
	gyre_loop_remove_timeout(the_loop, 1);
}

static void
call_elsewhere(void *call)
{
	(*(void (**)(void))call)();
}

static void
have_it_called_elsewhere(void *call)
{
	elsewhere(call_elsewhere, call);
}

/* In a child, which may not run its parent's loop. */
static void
run_and_call_elsewhere(void *call)
{
	the_loop = stage_loop();
	(void)!gyre_loop_add_callback(the_loop, have_it_called_elsewhere, call);
	(void)!gyre_loop_start(the_loop);
}

/* L106 deviates: scheduling, moving or removing a timeout from another thread
 * than the owner aborts, with a line that names the function. Why: a timeout
 * that the sleeping loop does not hear of is a late one; other threads add a
 * callback that schedules it. */
static void
L106_timeouts_belong_to_the_owner(void **state)
{
	static struct {
		const char *words;
		void (*call)(void);
	} calls[] = {
		{ "gyre_loop_call_at()", call_call_at },
		{ "gyre_loop_call_at_drop()", call_call_at_drop },
		{ "gyre_loop_call_later()", call_call_later },
		{ "gyre_loop_call_later_drop()", call_call_later_drop },
		{ "gyre_loop_add_timeout()", call_add_timeout },
		{ "gyre_loop_add_timeout_drop()", call_add_timeout_drop },
		{ "gyre_loop_update_timeout()", call_update_timeout },
		{ "gyre_loop_remove_timeout()", call_remove_timeout },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		if (!aborts_saying(run_and_call_elsewhere, &calls[i].call,
				   calls[i].words))
			fail_msg("%s", calls[i].words);
	}
}

static int
monotonic_only(clockid_t id, struct timespec *ret)
{
	CHECK(id == CLOCK_MONOTONIC);
	*ret = (struct timespec){ .tv_sec = 7, .tv_nsec = 9 };
	return 0;
}

/* L107 deviates: the clock is CLOCK_MONOTONIC, unless the loop was made with
 * another. Why: a wall clock that is set back stalls every timeout. With a
 * clock of the user's, a step back makes timeouts wait, one forward has them
 * due. */
static void
L107_the_clock_is_monotonic(void **state)
{
	struct gyre_loop_options options = stage_options();

	(void)state;
	close_and_free(the_loop);
	fake_sys.clock_gettime = monotonic_only;
	options.clock = (struct gyre_clock){ 0 };
	the_loop = new_loop(&options);
	assert_int_equal(gyre_loop_time(the_loop), GYRE_SECONDS(7) + 9);
}

static void
L107_timeouts_follow_the_given_clock(void **state)
{
	(void)state;
	call_later(GYRE_SECONDS(1), trace_arg, "one");
	call_later(GYRE_SECONDS(2), trace_arg, "two");
	call_later(GYRE_SECONDS(3), stop_callback, "three");
	stage.now_ns += GYRE_SECONDS(2);
	run_once();
	assert_trace("one two");
	stage.now_ns -= GYRE_SECONDS(10);
	run();
	assert_trace("three");
	assert_int_equal(stage.slept_ns, GYRE_SECONDS(11));
}

/* L108 holds: timeouts stay over a stop and a start; those that came due
 * meanwhile run at once. */
static void
L108_timeouts_survive_a_stop(void **state)
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

static void
check_time(void *arg)
{
	(void)arg;
	CHECK(gyre_loop_time(the_loop) == stage.now_ns);
}

/* L110 deviates: time() is a whole number of nanoseconds, of any epoch, and
 * any thread may ask. Why: fractions of seconds drift and are compared in
 * vain. */
static void
L110_time_is_in_nanoseconds(void **state)
{
	(void)state;
	stage.now_ns = GYRE_SECONDS(-3) + GYRE_MS(20) + GYRE_US(4) + 1;
	assert_int_equal(gyre_loop_time(the_loop), -2979995999);
	add_callback(check_time, NULL);
	run_once();
	elsewhere(check_time, NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STAGE_TEST(L90_a_deadline_is_an_instant_or_a_delay),
		STAGE_TEST(L91_a_delay_begins_at_the_call),
		STAGE_TEST(L91_a_delay_that_overflows_never_ends_or_is_over),
		STAGE_TEST(L92_every_call_gives_a_handle_out),
		STAGE_TEST(L92_a_refused_call_gives_none_out),
		STAGE_TEST(L93_a_poll_that_ends_early_runs_no_timeout_early),
		STAGE_TEST(L94_ties_run_in_the_order_they_were_added),
		STAGE_TEST(L94_a_moved_one_comes_behind_its_ties),
		STAGE_TEST(L95_overdue_timeouts_run_in_order_in_one_iteration),
		STAGE_TEST(L96_instants_in_the_past_are_due_next),
		STAGE_TEST(L96_the_first_instant_of_all_is_not_slept_for),
		STAGE_TEST(L97_a_timeout_made_by_a_timeout_waits_for_a_poll),
		STAGE_TEST(L97_a_due_timeout_that_is_moved_waits_for_a_poll),
		STAGE_TEST(L103_an_instant_that_never_comes_holds_nobody_up),
		STAGE_TEST(L104_a_year_is_slept_through),
		STAGE_TEST(
			L104_a_deadline_too_far_to_count_is_slept_for_without_end),
		STAGE_TEST(L106_timeouts_belong_to_the_owner),
		STAGE_TEST(L107_the_clock_is_monotonic),
		STAGE_TEST(L107_timeouts_follow_the_given_clock),
		STAGE_TEST(L108_timeouts_survive_a_stop),
		STAGE_TEST(L110_time_is_in_nanoseconds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
