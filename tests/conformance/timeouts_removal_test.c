/*
 * Timeouts that do not run, on the stage: removed, moved away, or scheduled on
 * a loop that closes.
 */
#include "tests/support/loop_fixture.h"

static gyre_timeout
call_later_drop(int64_t delay_ns, gyre_callback_fn fn, const char *word,
		gyre_drop_fn drop)
{
	const struct gyre_callback callback = {
		.fn = fn,
		.arg = (void *)(uintptr_t)word,
		.drop = drop,
	};
	gyre_timeout timeout;

	CHECK(gyre_loop_call_later_drop(the_loop, delay_ns, callback,
					&timeout) == 0);
	return timeout;
}

static void
update(gyre_timeout timeout, int64_t when_ns)
{
	CHECK(gyre_loop_update_timeout(the_loop, timeout, when_ns) == 0);
}

static gyre_timeout other;

/* -- removing ------------------------------------------------------------- */

/* L98 holds: what is removed does not run, and its drop is called before
 * gyre_loop_remove_timeout() returns. */
static void
L98_what_is_removed_is_dropped_at_once(void **state)
{
	gyre_timeout timeout;

	(void)state;
	timeout = call_later_drop(0, trace_arg, "timeout", trace_drop);
	trace("before");
	gyre_loop_remove_timeout(the_loop, timeout);
	trace("after");
	run_once();
	assert_trace("before timeout canceled after");
	assert_int_equal(gyre_loop_update_timeout(the_loop, timeout, 0),
			 -ENOENT);
}

static void
remove_the_other_and_add_one(void *word, enum gyre_drop_reason reason)
{
	trace_drop(word, reason);
	gyre_loop_remove_timeout(the_loop, other);
	call_later(0, trace_arg, "added");
}

static void
L98_a_drop_may_remove_and_add_timeouts(void **state)
{
	gyre_timeout timeout;

	(void)state;
	timeout = call_later_drop(0, trace_arg, "one",
				  remove_the_other_and_add_one);
	other = call_later_drop(0, trace_arg, "other", trace_drop);
	gyre_loop_remove_timeout(the_loop, timeout);
	assert_trace("one canceled other canceled");
	run_once();
	assert_trace("added");
}

static void
say_failure(struct gyre_loop *loop, const struct gyre_failure *failure,
	    void *arg)
{
	(void)loop;
	(void)arg;
	trace(failure->what);
	trace(failure->arg);
	trace(gyre_error_name(gyre_exception()->error));
}

static void
raise_drop(void *word, enum gyre_drop_reason reason)
{
	trace_drop(word, reason);
	gyre_raise(-EIO, NULL);
}

static void
raise_and_remove_the_other(void *word)
{
	trace(word);
	gyre_raise(-EPROTO, NULL);
	gyre_loop_remove_timeout(the_loop, other);
}

static void
use_hook(void)
{
	struct gyre_loop_options options = stage_options();

	close_and_free(the_loop);
	options.on_exception = say_failure;
	the_loop = new_loop(&options);
}

static void
L98_what_a_drop_raises_is_its_own_failure(void **state)
{
	(void)state;
	use_hook();
	other = call_later_drop(0, trace_arg, "other", raise_drop);
	add_callback(raise_and_remove_the_other, "callback");
	run_once();
	assert_trace("callback other canceled drop other EIO "
		     "callback callback EPROTO");
	/* While nobody runs the loop, too. */
	other = call_later_drop(0, trace_arg, "other", raise_drop);
	gyre_loop_remove_timeout(the_loop, other);
	assert_trace("other canceled drop other EIO");
	assert_null(gyre_exception());
	call_later_drop(0, trace_arg, "rest", raise_drop);
	assert_int_equal(gyre_loop_close(the_loop, false), 0);
	assert_trace("rest stopped drop rest EIO");
	assert_null(gyre_exception());
}

static void
remove_the_other(void *word)
{
	trace(word);
	gyre_loop_remove_timeout(the_loop, other);
}

/* L99 holds: a due timeout that an earlier callback or timeout of the same
 * iteration removes does not run. */
static void
L99_a_due_timeout_can_still_be_removed(void **state)
{
	(void)state;
	call_later(0, remove_the_other, "timeout");
	other = call_later_drop(0, trace_arg, "victim", trace_drop);
	run_once();
	assert_trace("timeout victim canceled");
	other = call_later_drop(0, trace_arg, "victim", trace_drop);
	add_callback(remove_the_other, "callback");
	run_once();
	assert_trace("callback victim canceled");
}

/* L100 holds: removing one that has run, was removed or is running is
 * harmless and drops nothing; so is a handle whose place another has now. */
static void
L100_removing_what_runs_or_ran_does_no_harm(void **state)
{
	(void)state;
	other = call_later_drop(0, remove_the_other, "self", trace_drop);
	call_later(0, trace_arg, "next");
	run_once();
	assert_trace("self next");
	for (int i = 0; i < 2; i++) {
		gyre_loop_remove_timeout(the_loop, other);
		gyre_loop_remove_timeout(the_loop, 0);
		assert_int_equal(gyre_loop_update_timeout(the_loop, other, 0),
				 -ENOENT);
	}
	assert_int_equal(gyre_loop_update_timeout(the_loop, 0, 0), -ENOENT);
	run_once();
	assert_trace("");
}

static void
move_itself(void *word)
{
	trace(word);
	assert_int_equal(gyre_loop_update_timeout(the_loop, other, 0), -ENOENT);
}

static void
L100_what_runs_can_not_be_moved(void **state)
{
	(void)state;
	other = call_later(0, move_itself, "self");
	run_once();
	run_once();
	assert_trace("self");
}

static void
L100_a_stale_handle_does_not_name_the_next_user(void **state)
{
	gyre_timeout stale[64];
	gyre_timeout fresh;

	(void)state;
	/* One place, used again and again. */
	for (size_t i = 0; i < 64; i++) {
		stale[i] = call_later(0, trace_arg, "stale");
		gyre_loop_remove_timeout(the_loop, stale[i]);
	}
	fresh = call_later(0, trace_arg, "fresh");
	for (size_t i = 0; i < 64; i++) {
		assert_int_equal((uint32_t)stale[i], (uint32_t)fresh);
		assert_int_not_equal(stale[i], fresh);
		gyre_loop_remove_timeout(the_loop, stale[i]);
		assert_int_equal(gyre_loop_update_timeout(the_loop, stale[i],
							  GYRE_FOREVER),
				 -ENOENT);
	}
	run_once();
	assert_trace("fresh");
}

/* L101 deviates: the place of a removed timeout is free at once, so that there
 * is nothing to compact, however many are removed. Why: the heap knows where
 * each one is, and no garbage waits for an iteration. */
static void
L101_a_removed_timeout_holds_no_memory(void **state)
{
	gyre_timeout timeouts[16];

	(void)state;
	for (int i = 0; i < 16; i++)
		timeouts[i] = call_later(i, trace_arg, "x");
	fake_fail_at(1);
	for (int i = 0; i < 2000; i++) {
		gyre_loop_remove_timeout(the_loop, timeouts[i % 16]);
		timeouts[i % 16] = call_later(i, trace_arg, "x");
	}
	assert_false(fake_fired());
	for (int i = 0; i < 16; i++)
		gyre_loop_remove_timeout(the_loop, timeouts[i]);
}

/* L102 deviates: when the first timeout is removed, or moved later, its old
 * instant wakes nobody. Why: a loop that wakes for nothing is a defect here,
 * and the first deadline is known when the sleep begins. */
static void
L102_a_removed_first_timeout_wakes_nobody(void **state)
{
	gyre_timeout first;

	(void)state;
	first = call_later(GYRE_SECONDS(1), trace_arg, "first");
	call_later(GYRE_SECONDS(5), stop_callback, "second");
	gyre_loop_remove_timeout(the_loop, first);
	run();
	assert_trace("second");
	assert_int_equal(stage.polls, 1);
}

static unsigned messages;

/* A message every second keeps an idle timeout of five away. */
static void
receive_message(void *unused)
{
	(void)unused;
	update(other, gyre_loop_time(the_loop) + GYRE_SECONDS(5));
	if (--messages > 0)
		call_later(GYRE_SECONDS(1), receive_message, NULL);
}

static void
L102_a_timeout_that_is_moved_on_wakes_nobody(void **state)
{
	(void)state;
	messages = 20;
	other = call_later(GYRE_SECONDS(5), stop_callback, "idle");
	call_later(GYRE_SECONDS(1), receive_message, NULL);
	run();
	assert_trace("idle");
	assert_int_equal(stage.now_ns, GYRE_SECONDS(1000 + 20 + 5));
	assert_int_equal(stage.polls, 20 + 1);
	assert_int_equal(stage.sleeps, 20 + 1);
}

/* -- closing -------------------------------------------------------------- */

static void
assert_counts(uint64_t added, uint64_t ran, uint64_t dropped, uint64_t waiting)
{
	struct gyre_loop_stats stats;

	gyre_loop_get_stats(the_loop, &stats);
	assert_int_equal(stats.timeouts_added, added);
	assert_int_equal(stats.timeouts_run, ran);
	assert_int_equal(stats.timeouts_dropped, dropped);
	assert_int_equal(stats.timeouts_waiting, waiting);
}

static void
drop_and_use_the_loop(void *word, enum gyre_drop_reason reason)
{
	trace_drop(word, reason);
	assert_int_equal(gyre_loop_call_at(the_loop, 0, trace_arg,
					   (void *)(uintptr_t) "refused", NULL),
			 -ESHUTDOWN);
	gyre_loop_remove_timeout(the_loop, other);
}

/* L109 holds: what is scheduled when the loop closes does not run; its drop
 * is called. From then on scheduling is refused. */
static void
L109_close_drops_what_is_scheduled(void **state)
{
	const struct gyre_callback callback = {
		.fn = trace_arg,
		.arg = (void *)(uintptr_t) "refused",
		.drop = trace_drop,
	};
	gyre_timeout untouched = 7;

	(void)state;
	call_later(0, trace_arg, "ran");
	gyre_loop_remove_timeout(the_loop, call_later(0, trace_arg, "removed"));
	run_once();
	assert_trace("ran");
	call_later(0, trace_arg, "plain");
	call_later_drop(GYRE_SECONDS(9), trace_arg, "timeout", trace_drop);
	assert_counts(4, 1, 1, 2);
	assert_int_equal(gyre_loop_close(the_loop, false), 0);
	assert_trace("timeout stopped");
	assert_counts(4, 1, 3, 0);
	assert_int_equal(
		gyre_loop_call_at_drop(the_loop, 0, callback, &untouched),
		-ESHUTDOWN);
	assert_int_equal(gyre_loop_add_timeout_drop(the_loop, gyre_after(0),
						    callback, &untouched),
			 -ESHUTDOWN);
	assert_int_equal(untouched, 7);
	assert_int_equal(gyre_loop_update_timeout(the_loop, 1, 0), -ENOENT);
	gyre_loop_remove_timeout(the_loop, 1);
	assert_trace("");
}

static void
L109_a_drop_at_close_may_use_the_loop(void **state)
{
	(void)state;
	other = call_later_drop(0, trace_arg, "other", trace_drop);
	call_later_drop(1, trace_arg, "one", drop_and_use_the_loop);
	assert_int_equal(gyre_loop_close(the_loop, false), 0);
	/* Removed means gone, here as everywhere. */
	assert_trace("one stopped other canceled");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STAGE_TEST(L98_what_is_removed_is_dropped_at_once),
		STAGE_TEST(L98_a_drop_may_remove_and_add_timeouts),
		STAGE_TEST(L98_what_a_drop_raises_is_its_own_failure),
		STAGE_TEST(L99_a_due_timeout_can_still_be_removed),
		STAGE_TEST(L100_removing_what_runs_or_ran_does_no_harm),
		STAGE_TEST(L100_what_runs_can_not_be_moved),
		STAGE_TEST(L100_a_stale_handle_does_not_name_the_next_user),
		STAGE_TEST(L101_a_removed_timeout_holds_no_memory),
		STAGE_TEST(L102_a_removed_first_timeout_wakes_nobody),
		STAGE_TEST(L102_a_timeout_that_is_moved_on_wakes_nobody),
		STAGE_TEST(L109_close_drops_what_is_scheduled),
		STAGE_TEST(L109_a_drop_at_close_may_use_the_loop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
