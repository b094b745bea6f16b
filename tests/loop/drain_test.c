/*
 * Draining: a run to the end of what is queued, or to a deadline.
 */
#include "tests/support/loop_fixture.h"

static void
add_three_more(void *arg)
{
	static const char *const words[] = { "1", "2", "3" };
	uintptr_t done = (uintptr_t)arg;

	if (done == 3)
		return;
	trace(words[done]);
	CHECK(gyre_loop_add_callback(the_loop, add_three_more,
				     (void *)(done + 1)) == 0);
}

static void
a_drain_runs_what_is_queued_and_what_that_queues(void **state)
{
	(void)state;
	add_callback(add_three_more, NULL);
	assert_int_equal(gyre_loop_drain(the_loop, GYRE_FOREVER), 0);
	assert_trace("1 2 3");
}

static void
an_idle_loop_is_drained_without_a_poll(void **state)
{
	(void)state;
	assert_int_equal(gyre_loop_drain(the_loop, GYRE_FOREVER), 0);
	assert_int_equal(stage.polls, 0);
}

static void
timeouts_that_are_not_due_are_not_waited_for(void **state)
{
	(void)state;
	call_later(GYRE_MS(1), trace_arg, "never");
	call_later(0, trace_arg, "due");
	assert_int_equal(gyre_loop_drain(the_loop, GYRE_FOREVER), 0);
	assert_trace("due");
}

static void
requeue(void *arg)
{
	stage.now_ns += GYRE_MS(1);
	CHECK(gyre_loop_add_callback(the_loop, requeue, arg) == 0);
}

static void
a_drain_that_takes_too_long_ends_at_its_deadline(void **state)
{
	struct gyre_loop_stats stats;

	(void)state;
	add_callback(requeue, NULL);
	assert_int_equal(gyre_loop_drain(the_loop, stage.now_ns + GYRE_MS(10)),
			 -ETIMEDOUT);
	assert_true(stage.now_ns == GYRE_SECONDS(1000) + GYRE_MS(11));
	gyre_loop_get_stats(the_loop, &stats);
	assert_int_equal(stats.waiting, 1);
	assert_int_equal(stats.timeouts_waiting, 0);
}

static void
a_deadline_in_the_past_gives_one_iteration(void **state)
{
	(void)state;
	add_callback(add_three_more, NULL);
	assert_int_equal(gyre_loop_drain(the_loop, 0), -ETIMEDOUT);
	assert_trace("1");
	assert_int_equal(gyre_loop_drain(the_loop, GYRE_FOREVER), 0);
	assert_trace("2 3");
}

static void
a_stop_ends_a_drain(void **state)
{
	(void)state;
	add_callback(stop_callback, NULL);
	add_callback(requeue, NULL);
	assert_int_equal(gyre_loop_drain(the_loop, GYRE_FOREVER), -ECANCELED);
	gyre_loop_stop(the_loop);
	assert_int_equal(gyre_loop_drain(the_loop, GYRE_FOREVER), -ECANCELED);
}

static void
drain_inside(void *word)
{
	CHECK(gyre_loop_drain(the_loop, GYRE_FOREVER) == -EBUSY);
	stop_callback(word);
}

static void
a_loop_that_cannot_be_started_cannot_be_drained(void **state)
{
	(void)state;
	add_callback(drain_inside, "busy");
	run();
	assert_trace("busy");
	stage.ready[3] = GYRE_READ;
	add_callback(requeue, NULL);
	stage.fail_next = -EIO;
	assert_int_equal(gyre_loop_drain(the_loop, GYRE_FOREVER), -EIO);
	assert_int_equal(gyre_loop_close(the_loop, false), 0);
	assert_int_equal(gyre_loop_drain(the_loop, GYRE_FOREVER), -ESHUTDOWN);
}

static void
without_memory_nothing_is_run(void **state)
{
	(void)state;
	add_callback(trace_arg, "later");
	fake_fail_at(1);
	assert_int_equal(gyre_loop_drain(the_loop, GYRE_FOREVER), -ENOMEM);
	assert_trace("");
	assert_int_equal(gyre_loop_drain(the_loop, GYRE_FOREVER), 0);
	assert_trace("later");
}

/* -- what arrives from elsewhere ------------------------------------------ */

static struct gyre_future *awaited;

static void
resolve_while_asleep(void)
{
	CHECK(gyre_future_resolve(awaited, NULL) == 0);
}

static void
trace_future(struct gyre_future *future, void *word)
{
	(void)future;
	trace(word);
}

static void
make_awaited(void)
{
	static char word[] = "complete";

	awaited = gyre_future_new(the_loop);
	assert_non_null(awaited);
	assert_int_equal(
		gyre_loop_add_future(the_loop, awaited, trace_future, word), 0);
}

static void
a_drain_sleeps_till_futures_that_have_callbacks_are_complete(void **state)
{
	(void)state;
	make_awaited();
	stage.on_wait = resolve_while_asleep;
	assert_int_equal(gyre_loop_drain(the_loop, GYRE_FOREVER), 0);
	assert_trace("complete");
	assert_int_equal(stage.sleeps, 1);
	gyre_future_unref(awaited);
}

static void
a_future_that_stays_incomplete_is_waited_for_till_the_deadline(void **state)
{
	int64_t deadline_ns = stage.now_ns + GYRE_MS(10);

	(void)state;
	make_awaited();
	assert_int_equal(gyre_loop_drain(the_loop, deadline_ns), -ETIMEDOUT);
	assert_true(stage.now_ns == deadline_ns);
	assert_trace("");
	assert_int_equal(gyre_future_cancel(awaited), 0);
	assert_int_equal(gyre_loop_drain(the_loop, GYRE_FOREVER), 0);
	assert_trace("complete");
	gyre_future_unref(awaited);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STAGE_TEST(a_drain_runs_what_is_queued_and_what_that_queues),
		STAGE_TEST(an_idle_loop_is_drained_without_a_poll),
		STAGE_TEST(timeouts_that_are_not_due_are_not_waited_for),
		STAGE_TEST(a_drain_that_takes_too_long_ends_at_its_deadline),
		STAGE_TEST(a_deadline_in_the_past_gives_one_iteration),
		STAGE_TEST(a_stop_ends_a_drain),
		STAGE_TEST(a_loop_that_cannot_be_started_cannot_be_drained),
		STAGE_TEST(without_memory_nothing_is_run),
		STAGE_TEST(
			a_drain_sleeps_till_futures_that_have_callbacks_are_complete),
		STAGE_TEST(
			a_future_that_stays_incomplete_is_waited_for_till_the_deadline),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
