/* A loop inside another one, which waits by poll(2). */
#include <gyre/embedding.h>

#include "tests/support/loop_fixture.h"

#include <poll.h>
#include <stdatomic.h>
#include <unistd.h>

/* Whether the other loop would wake up now. */
static bool
is_readable(void)
{
	struct pollfd wanted = { gyre_loop_fd(the_loop), POLLIN, 0 };

	return poll(&wanted, 1, 0) == 1;
}

/* As the other loop does: the instant is asked for last. */
static void
check_idle(void)
{
	assert_true(gyre_loop_next_ns(the_loop) == GYRE_FOREVER);
	assert_false(is_readable());
}

static void
check_due(void)
{
	assert_true(gyre_loop_next_ns(the_loop) <= gyre_loop_time(the_loop));
}

static void
once(void)
{
	assert_int_equal(gyre_loop_run_once(the_loop, 0), 0);
}

static void
an_idle_loop_wants_nothing(void **state)
{
	(void)state;
	check_idle();
	once();
	check_idle();
}

static void
what_is_added_between_makes_it_readable(void **state)
{
	(void)state;
	check_idle();
	add_callback(trace_arg, "a");
	assert_true(is_readable());
	add_callback(trace_arg, "b");
	once();
	assert_trace("a b");
	check_idle();
}

static void
what_was_added_before_is_due_at_once(void **state)
{
	(void)state;
	add_callback(trace_arg, "a");
	check_due();
	check_due();
	once();
	assert_trace("a");
	check_idle();
}

static void
add_next(void *word)
{
	trace(word);
	add_callback(trace_arg, "next");
}

static void
a_callback_of_a_callback_waits_for_the_next_time(void **state)
{
	(void)state;
	add_callback(add_next, "first");
	once();
	assert_trace("first");
	check_due();
	once();
	assert_trace("next");
	check_idle();
}

static void
add_elsewhere(void *word)
{
	CHECK(gyre_loop_add_callback(the_loop, trace_arg, word) == 0);
}

static void
what_another_thread_adds_makes_it_readable(void **state)
{
	(void)state;
	check_idle();
	elsewhere(add_elsewhere, (void *)"theirs");
	assert_true(is_readable());
	once();
	assert_trace("theirs");
	check_idle();
}

static void
the_instant_is_the_next_timeouts(void **state)
{
	int64_t when_ns = gyre_loop_time(the_loop) + GYRE_SECONDS(100);

	(void)state;
	call_at(when_ns, trace_arg, "never");
	assert_true(gyre_loop_next_ns(the_loop) == when_ns);
	call_at(gyre_loop_time(the_loop), trace_arg, "due");
	check_due();
	once();
	assert_trace("due");
	assert_true(gyre_loop_next_ns(the_loop) == when_ns);
}

static void
an_event_makes_it_readable_until_it_is_handled(void **state)
{
	int fds[2];

	(void)state;
	make_pipe(fds);
	handle(fds[0], GYRE_READ, trace_handler, "readable");
	check_idle();
	assert_int_equal(write(fds[1], "x", 1), 1);
	assert_true(is_readable());
	once();
	once();
	/* it is level-triggered: nobody has read the byte */
	assert_trace("readable readable");
	assert_true(is_readable());
	assert_int_equal(gyre_loop_remove_handler(the_loop, fds[0]), 0);
	check_idle();
	close_both(fds);
}

static void
it_waits_as_long_as_it_is_told(void **state)
{
	(void)state;
	call_later(GYRE_SECONDS(100), trace_arg, "never");
	assert_int_equal(gyre_loop_run_once(the_loop, GYRE_MS(30)), 0);
	assert_int_equal(stage.slept_ns, GYRE_MS(30));
	assert_int_equal(gyre_loop_run_once(the_loop, -5), 0);
	assert_int_equal(stage.sleeps, 1);
	assert_int_equal(gyre_loop_run_once(the_loop, GYRE_FOREVER), 0);
	assert_true(stage.slept_ns <= GYRE_SECONDS(100));
	assert_int_equal(stage.sleeps, 2);
}

static void
a_start_later_waits_without_a_bound(void **state)
{
	(void)state;
	assert_int_equal(gyre_loop_run_once(the_loop, GYRE_MS(30)), 0);
	call_later(GYRE_SECONDS(100), stop_callback, NULL);
	run();
	assert_int_equal(stage.slept_ns, GYRE_SECONDS(100));
}

static void
a_stop_is_told_once(void **state)
{
	(void)state;
	gyre_loop_stop(the_loop);
	assert_int_equal(gyre_loop_run_once(the_loop, 0), -ECANCELED);
	once();
	add_callback(stop_callback, NULL);
	assert_int_equal(gyre_loop_run_once(the_loop, 0), -ECANCELED);
	once();
}

static void
stop_in_wait(void)
{
	gyre_loop_stop(the_loop);
}

static void
a_stop_that_comes_too_late_is_the_next_times(void **state)
{
	(void)state;
	stage.on_wait = stop_in_wait;
	once();
	stage.on_wait = NULL;
	assert_int_equal(gyre_loop_run_once(the_loop, 0), -ECANCELED);
	once();
}

static void
try_inside(void *arg)
{
	(void)arg;
	CHECK(gyre_loop_run_once(the_loop, 0) == -EBUSY);
	trace("refused");
}

static void
it_is_refused_inside_and_after_close(void **state)
{
	struct gyre_loop *open = the_loop;

	(void)state;
	add_callback(try_inside, NULL);
	once();
	assert_trace("refused");
	the_loop = real_loop();
	(void)gyre_loop_next_ns(the_loop);
	assert_int_equal(gyre_loop_close(the_loop, false), 0);
	assert_int_equal(gyre_loop_run_once(the_loop, 0), -ESHUTDOWN);
	assert_int_equal(gyre_loop_fd(the_loop), -ESHUTDOWN);
	assert_true(gyre_loop_next_ns(the_loop) == GYRE_FOREVER);
	gyre_loop_free(the_loop);
	the_loop = open;
}

static void
a_poller_without_a_descriptor_says_so(void **state)
{
	(void)state;
	assert_int_equal(gyre_loop_fd(the_loop), -ENOTSUP);
}

static void
it_may_be_started_when_it_was_armed(void **state)
{
	(void)state;
	check_idle();
	run_once();
	once(); /* takes the poke that the stop left */
	check_idle();
	add_callback(trace_arg, "a");
	run_once();
	assert_trace("a");
	once();
	check_idle();
}

/* -- two threads, one of them with the other loop ------------------------- */

#define MESSAGES 20000

static atomic_uint arrived;

static void
count_arrival(void *arg)
{
	CHECK((uintptr_t)arg == atomic_load(&arrived));
	atomic_fetch_add(&arrived, 1);
}

static void *
send_main(void *arg)
{
	(void)arg;
	for (uintptr_t i = 0; i < MESSAGES; i++) {
		CHECK(gyre_loop_add_callback(the_loop, count_arrival,
					     (void *)i) == 0);
		/* one at a time: nothing else would repair a lost wake-up */
		while (i % 4 == 3 && atomic_load(&arrived) <= i)
			sched_yield();
	}
	return NULL;
}

static void
no_wakeup_of_the_other_loop_is_lost(void **state)
{
	pthread_t sender;

	(void)state;
	atomic_store(&arrived, 0);
	assert_int_equal(pthread_create(&sender, NULL, send_main, NULL), 0);
	while (atomic_load(&arrived) < MESSAGES) {
		struct pollfd wanted = { gyre_loop_fd(the_loop), POLLIN, 0 };
		bool is_due = gyre_loop_next_ns(the_loop) != GYRE_FOREVER;

		CHECK(poll(&wanted, 1, is_due ? 0 : 10000) == 1 || is_due);
		once();
	}
	pthread_join(sender, NULL);
	check_idle();
}

int
main(void)
{
	const struct CMUnitTest with_fd[] = {
		REAL_TEST(an_idle_loop_wants_nothing),
		REAL_TEST(what_is_added_between_makes_it_readable),
		REAL_TEST(what_was_added_before_is_due_at_once),
		REAL_TEST(a_callback_of_a_callback_waits_for_the_next_time),
		REAL_TEST(what_another_thread_adds_makes_it_readable),
		REAL_TEST(the_instant_is_the_next_timeouts),
		REAL_TEST(an_event_makes_it_readable_until_it_is_handled),
		REAL_TEST(it_is_refused_inside_and_after_close),
		REAL_TEST(it_may_be_started_when_it_was_armed),
		REAL_TEST(no_wakeup_of_the_other_loop_is_lost),
	};
	const struct CMUnitTest on_stage[] = {
		STAGE_TEST(it_waits_as_long_as_it_is_told),
		STAGE_TEST(a_start_later_waits_without_a_bound),
		STAGE_TEST(a_stop_is_told_once),
		STAGE_TEST(a_stop_that_comes_too_late_is_the_next_times),
		STAGE_TEST(a_poller_without_a_descriptor_says_so),
	};
	int failed = cmocka_run_group_tests(on_stage, NULL, NULL);

	if (!poller_is("poll"))
		failed += cmocka_run_group_tests(with_fd, NULL, NULL);
	return failed;
}
