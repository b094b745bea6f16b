/*
 * What a loop tells of itself.
 */
#include "tests/support/loop_fixture.h"

static struct gyre_loop_stats
stats(void)
{
	struct gyre_loop_stats stats;

	gyre_loop_get_stats(the_loop, &stats);
	return stats;
}

static void
work_for_3_ms(void *arg)
{
	(void)arg;
	stage.now_ns += GYRE_MS(3);
}

static void
time_is_busy_or_idle(void **state)
{
	(void)state;
	add_callback(work_for_3_ms, NULL);
	call_later(GYRE_MS(10), work_for_3_ms, NULL);
	call_later(GYRE_MS(20), stop_callback, NULL);
	run();
	assert_true(stats().busy_ns == GYRE_MS(6));
	assert_true(stats().idle_ns == GYRE_MS(14));
	stage.now_ns += GYRE_MS(100);
	assert_true(stats().busy_ns == GYRE_MS(6));
	add_callback(work_for_3_ms, NULL);
	run_once();
	assert_true(stats().busy_ns == GYRE_MS(9));
	assert_true(stats().idle_ns == GYRE_MS(14));
}

static void
look_in_the_middle(void *arg)
{
	(void)arg;
	work_for_3_ms(NULL);
	CHECK(stats().busy_ns == GYRE_MS(3));
	gyre_loop_stop(the_loop);
}

static void
a_running_loop_counts_this_run_too(void **state)
{
	(void)state;
	add_callback(look_in_the_middle, NULL);
	run();
}

static void
what_there_is_at_present_is_counted(void **state)
{
	gyre_timeout timeout;

	(void)state;
	timeout = call_later(GYRE_MS(1), trace_arg, NULL);
	call_later(GYRE_MS(2), trace_arg, NULL);
	handle(3, GYRE_READ, trace_handler, NULL);
	handle(4, GYRE_READ, trace_handler, NULL);
	assert_int_equal(stats().timeouts, 2);
	assert_int_equal(stats().handlers, 2);
	gyre_loop_remove_timeout(the_loop, timeout);
	gyre_loop_remove_timeout(the_loop, timeout);
	assert_int_equal(stats().timeouts, 1);
	assert_int_equal(gyre_loop_remove_handler(the_loop, 3), 0);
	assert_int_equal(gyre_loop_remove_handler(the_loop, 3), -ENOENT);
	assert_int_equal(stats().handlers, 1);
	assert_int_equal(gyre_loop_close(the_loop, false), 0);
	assert_int_equal(stats().timeouts, 0);
	assert_int_equal(stats().handlers, 0);
}

static void
closed_is_told_on_any_thread(void **state)
{
	(void)state;
	assert_false(gyre_loop_is_closed(the_loop));
	assert_int_equal(gyre_loop_close(the_loop, false), 0);
	assert_true(gyre_loop_is_closed(the_loop));
}

/* -- the iteration hook ---------------------------------------------------- */

static struct gyre_iteration told[8];
static unsigned times_told;

static void
keep(struct gyre_loop *loop, const struct gyre_iteration *iteration, void *arg)
{
	CHECK(loop == the_loop);
	CHECK(arg == told);
	CHECK(times_told < 8);
	told[times_told++] = *iteration;
}

static void
work_in_a_handler(int fd, unsigned events, void *arg)
{
	(void)events;
	stage.ready[fd] = 0;
	work_for_3_ms(arg);
}

static void
the_hook_is_told_of_each_iteration(void **state)
{
	(void)state;
	times_told = 0;
	add_callback(work_for_3_ms, NULL);
	handle(3, GYRE_READ, work_in_a_handler, NULL);
	stage.ready[3] = GYRE_READ;
	call_later(GYRE_MS(10), stop_callback, NULL);
	gyre_loop_set_iteration_hook(the_loop, keep, told);
	run();
	assert_int_equal(times_told, 3);
	assert_int_equal(told[0].number, 1);
	assert_int_equal(told[0].callbacks_run, 1);
	assert_true(told[0].busy_ns == GYRE_MS(3));
	assert_int_equal(told[1].number, 2);
	assert_int_equal(told[1].handlers_run, 1);
	assert_int_equal(told[1].callbacks_run, 0);
	assert_true(told[1].busy_ns == GYRE_MS(3));
	assert_int_equal(told[2].number, 3);
	assert_int_equal(told[2].timeouts_run, 1);
	assert_true(told[2].busy_ns == 0);
	assert_true(told[2].idle_ns == GYRE_MS(4));
	gyre_loop_set_iteration_hook(the_loop, NULL, NULL);
	run_once();
	assert_int_equal(times_told, 3);
}

static void
unset(struct gyre_loop *loop, const struct gyre_iteration *iteration, void *arg)
{
	(void)iteration;
	trace(arg);
	gyre_loop_set_iteration_hook(loop, NULL, NULL);
}

static void
the_hook_may_unset_itself(void **state)
{
	(void)state;
	gyre_loop_set_iteration_hook(the_loop, unset,
				     (void *)(uintptr_t) "once");
	call_later(GYRE_MS(10), stop_callback, NULL);
	run();
	assert_trace("once");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STAGE_TEST(time_is_busy_or_idle),
		STAGE_TEST(a_running_loop_counts_this_run_too),
		STAGE_TEST(what_there_is_at_present_is_counted),
		STAGE_TEST(closed_is_told_on_any_thread),
		STAGE_TEST(the_hook_is_told_of_each_iteration),
		STAGE_TEST(the_hook_may_unset_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
