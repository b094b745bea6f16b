/*
 * What a loop tells of itself.
 */
#include "loop/loop.h"
#include "tests/support/loop_fixture.h"

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
	assert_int_equal(stats().timeouts_waiting, 2);
	assert_int_equal(stats().handlers, 2);
	gyre_loop_remove_timeout(the_loop, timeout);
	gyre_loop_remove_timeout(the_loop, timeout);
	assert_int_equal(stats().timeouts_waiting, 1);
	assert_int_equal(gyre_loop_remove_handler(the_loop, 3), 0);
	assert_int_equal(gyre_loop_remove_handler(the_loop, 3), -ENOENT);
	assert_int_equal(stats().handlers, 1);
	assert_int_equal(gyre_loop_close(the_loop, false), 0);
	assert_int_equal(stats().timeouts_waiting, 0);
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

static void
work_in_a_handler(int fd, unsigned events, void *arg)
{
	(void)events;
	stage.ready[fd] = 0;
	work_for_3_ms(arg);
}

/* -- as others see it ------------------------------------------------------ */

static struct gyre_loop_stats
read_stats(void)
{
	struct gyre_loop_stats read;

	gyre_loop_read_stats(the_loop, &read);
	return read;
}

static struct gyre_loop_times
read_times(void)
{
	struct gyre_loop_times times;

	gyre_loop_read_times(the_loop, &times);
	return times;
}

/* One in each iteration, all without a sleep. */
static void
see_one_poll_in_eight(void *arg)
{
	struct gyre_loop_stats read = read_stats();
	uint64_t before = stats().iterations - 1;

	CHECK(read.iterations == before - before % GYRE_TIMED_EVERY);
	CHECK(read.run == read.iterations);
	CHECK(read.posted == read.run + read.dropped + read.waiting);
	if (before < 3 * GYRE_TIMED_EVERY + 1)
		add_callback(see_one_poll_in_eight, arg);
	else
		gyre_loop_stop(the_loop);
}

static void
others_see_one_poll_in_eight_and_each_sleep(void **state)
{
	struct gyre_loop_stats read;

	(void)state;
	assert_int_equal(read_stats().iterations, 0);
	add_callback(see_one_poll_in_eight, NULL);
	run();
	read = read_stats();
	assert_int_equal(read.iterations, 3 * GYRE_TIMED_EVERY + 2);
	assert_int_equal(read.run, read.iterations);
	assert_int_equal(gyre_loop_close(the_loop, false), 0);
	read = read_stats();
	assert_int_equal(read.posted, read.run + read.dropped);
	assert_int_equal(read.dropped, stats().dropped);
}

static void
look_at_the_sleeper(void)
{
	assert_true(read_stats().idle_ns == 0);
	assert_true(read_stats().busy_ns == GYRE_MS(3));
	stage.now_ns += GYRE_MS(5);
	assert_true(read_stats().idle_ns == GYRE_MS(5));
	assert_true(read_stats().busy_ns == GYRE_MS(3));
	stage.ready[3] = GYRE_READ;
}

static void
look_at_the_worker(int fd, unsigned events, void *arg)
{
	(void)events;
	(void)arg;
	stage.ready[fd] = 0;
	stage.on_wait = NULL;
	work_for_3_ms(NULL);
	assert_true(read_stats().busy_ns == GYRE_MS(6));
	assert_true(read_stats().idle_ns == GYRE_MS(5));
	gyre_loop_stop(the_loop);
}

static void
the_times_go_on_while_it_sleeps_or_works(void **state)
{
	(void)state;
	add_callback(work_for_3_ms, NULL);
	handle(3, GYRE_READ, look_at_the_worker, NULL);
	stage.on_wait = look_at_the_sleeper;
	run();
	stage.now_ns += GYRE_MS(100);
	assert_true(read_stats().busy_ns == GYRE_MS(6));
	assert_true(read_stats().idle_ns == GYRE_MS(5));
}

static void
told_times_never_shrink(void **state)
{
	(void)state;
	add_callback(work_for_3_ms, NULL);
	run_once();
	assert_true(read_stats().busy_ns == GYRE_MS(3));
	/* As a reader does who read the clock late. */
	gyre__bulletin_tell(&the_loop->bulletin.told_busy_ns, GYRE_MS(4));
	assert_true(read_stats().busy_ns == GYRE_MS(4));
}

/* -- each counter, each distribution --------------------------------------- */

static void
a_wake_for_nothing_is_counted(void **state)
{
	(void)state;
	call_later(GYRE_MS(10), stop_callback, NULL);
	stage.fail_next = -EINTR;
	run();
	assert_int_equal(stats().sleeps, 2);
	assert_int_equal(stats().spurious, 1);
}

static void
post_one(void *arg)
{
	CHECK(gyre_loop_add_callback(arg, trace_arg, NULL) == 0);
}

static void
ring_and_stop(void)
{
	if (stage.slept_ns == 0)
		return;
	elsewhere(post_one, the_loop);
	gyre_loop_stop(the_loop);
	stage.on_wait = NULL;
}

static void
what_comes_by_the_inbox_is_counted(void **state)
{
	(void)state;
	elsewhere(post_one, the_loop);
	elsewhere(post_one, the_loop);
	add_callback(post_one, (const char *)the_loop);
	stage.on_wait = ring_and_stop;
	run();
	assert_int_equal(stats().received, 4);
	assert_int_equal(stats().posted, 5);
	assert_int_equal(stats().batches, 2);
	assert_int_equal(stats().rings, 1);
	assert_int_equal(stats().spurious, 0);
}

static void
timeouts_are_as_late_as_when_their_batch_begins(void **state)
{
	struct gyre_loop_times times;

	(void)state;
	call_later(GYRE_MS(1), work_for_3_ms, NULL);
	call_later(GYRE_MS(2), stop_callback, NULL);
	call_at(INT64_MIN, trace_arg, NULL);
	gyre_loop_remove_timeout(the_loop,
				 call_later(GYRE_MS(1), trace_arg, NULL));
	run();
	times = read_times();
	assert_int_equal(times.lateness.count, 3);
	assert_true(times.lateness.max_ns >= (uint64_t)INT64_MAX);
	call_later(0, trace_arg, NULL);
	call_later(GYRE_MS(1), stop_callback, NULL);
	stage.now_ns += GYRE_MS(5);
	run();
	assert_int_equal(read_times().lateness.count, 5);
	assert_int_equal(read_times().lateness.sum_ns - times.lateness.sum_ns,
			 GYRE_MS(9));
}

static void
work_again(void *arg)
{
	work_for_3_ms(arg);
	if (stats().run < 15)
		add_callback(work_again, arg);
	else
		gyre_loop_stop(the_loop);
}

static void
one_iteration_in_eight_has_its_callback_timed(void **state)
{
	(void)state;
	add_callback(work_again, NULL);
	run();
	assert_int_equal(stats().iterations, 16);
	assert_int_equal(read_times().run_time.count, 2);
	assert_int_equal(read_times().run_time.sum_ns, GYRE_MS(6));
}

static void
add_a_block(void *arg)
{
	(void)arg;
	add_callback(trace_arg, "a");
	CHECK(gyre_loop_add_callback_drop(the_loop, work_for_3_ms, NULL,
					  trace_drop) == 0);
}

/* Of the block's callbacks one works, and each is the one that is timed. */
static void
any_callback_of_a_block_may_be_the_timed_one(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		the_loop->outbox.batches = i;
		the_loop->iterations = 6;
		add_callback(add_a_block, NULL);
		call_later(GYRE_MS(10), stop_callback, NULL);
		run();
	}
	assert_trace("a a a");
	assert_int_equal(read_times().run_time.count, 3);
	assert_int_equal(read_times().run_time.sum_ns, GYRE_MS(6));
}

static void
one_iteration_in_eight_has_its_first_handler_and_timeout_timed(void **state)
{
	(void)state;
	the_loop->iterations = 7;
	handle(3, GYRE_READ, work_in_a_handler, NULL);
	handle(4, GYRE_READ, work_in_a_handler, NULL);
	stage.ready[3] = stage.ready[4] = GYRE_READ;
	call_later(0, work_for_3_ms, NULL);
	call_later(0, work_for_3_ms, NULL);
	call_later(GYRE_MS(30), stop_callback, NULL);
	run();
	assert_int_equal(read_times().run_time.count, 2);
	assert_int_equal(read_times().run_time.sum_ns, GYRE_MS(6));
}

static void
each_time_awake_is_counted(void **state)
{
	(void)state;
	add_callback(work_for_3_ms, NULL);
	call_later(GYRE_MS(10), work_for_3_ms, NULL);
	call_later(GYRE_MS(20), stop_callback, NULL);
	run();
	assert_int_equal(stats().sleeps, 2);
	assert_int_equal(read_times().awake.count, 2);
	assert_int_equal(read_times().awake.sum_ns, GYRE_MS(6));
}

/* -- the queue delay ------------------------------------------------------- */

/* Two clocks would do no good: only the system's is asked. */
static void
a_loop_with_its_own_clock_takes_no_delays(void **state)
{
	(void)state;
	elsewhere(post_one, the_loop);
	run_once();
	assert_int_equal(read_times().queue_delay.count, 0);
}

static int
tell_stage_time(clockid_t id, struct timespec *ret)
{
	(void)id;
	ret->tv_sec = stage.now_ns / GYRE_SECONDS(1);
	ret->tv_nsec = stage.now_ns % GYRE_SECONDS(1);
	return 0;
}

static void
wait_and_stop(void)
{
	stage.now_ns += GYRE_MS(1);
	gyre_loop_stop(the_loop);
}

static void
delays_are_from_the_first_push_of_a_batch(void **state)
{
	struct gyre_loop_options options = stage_options();
	int (*real)(clockid_t, struct timespec *) = fake_sys.clock_gettime;

	(void)state;
	close_and_free(the_loop);
	options.clock = (struct gyre_clock){ 0 };
	the_loop = new_loop(&options);
	fake_sys.clock_gettime = tell_stage_time;
	for (int i = 1; i <= 9; i++) {
		elsewhere(post_one, the_loop);
		stage.now_ns += GYRE_MS(5);
		elsewhere(post_one, the_loop);
		stage.on_wait = wait_and_stop;
		run();
		assert_int_equal(read_times().queue_delay.count, i < 9 ? 1 : 2);
	}
	fake_sys.clock_gettime = real;
	assert_int_equal(read_times().queue_delay.sum_ns, GYRE_MS(10));
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
		STAGE_TEST(others_see_one_poll_in_eight_and_each_sleep),
		STAGE_TEST(the_times_go_on_while_it_sleeps_or_works),
		STAGE_TEST(told_times_never_shrink),
		STAGE_TEST(a_wake_for_nothing_is_counted),
		STAGE_TEST(what_comes_by_the_inbox_is_counted),
		STAGE_TEST(timeouts_are_as_late_as_when_their_batch_begins),
		STAGE_TEST(one_iteration_in_eight_has_its_callback_timed),
		STAGE_TEST(any_callback_of_a_block_may_be_the_timed_one),
		STAGE_TEST(
			one_iteration_in_eight_has_its_first_handler_and_timeout_timed),
		STAGE_TEST(each_time_awake_is_counted),
		STAGE_TEST(a_loop_with_its_own_clock_takes_no_delays),
		STAGE_TEST(delays_are_from_the_first_push_of_a_batch),
		STAGE_TEST(the_hook_is_told_of_each_iteration),
		STAGE_TEST(the_hook_may_unset_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
