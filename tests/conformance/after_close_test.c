/*
 * What a closed loop answers, and a loop that nobody closes. L172, L173, L175.
 */
#include "tests/support/loop_fixture.h"

#include <unistd.h>

/* L172 deviates: closing a loop twice is closing it once; the second close
 * answers 0. Why: whoever cleans up need not know whether somebody else did,
 * and there is nothing that a second close could do wrong. */
static void
L172_close_twice_is_once(void **state)
{
	(void)state;
	assert_int_equal(gyre_loop_close(the_loop, true), 0);
	assert_int_equal(gyre_loop_close(the_loop, true), 0);
}

static void *
no_job(void *arg)
{
	fail();
	return arg;
}

static void
no_future(struct gyre_future *future, void *arg)
{
	(void)future;
	(void)arg;
	fail();
}

static void
no_task(struct gyre_task *task)
{
	(void)task;
	fail();
}

static void
no_drop(struct gyre_task *task, enum gyre_drop_reason reason)
{
	(void)task;
	(void)reason;
	fail();
}

static void
assert_adding_is_refused(void)
{
	struct gyre_task task = { .run = no_task, .drop = no_drop };

	assert_int_equal(gyre_loop_add_callback(the_loop, trace_arg, NULL),
			 -ESHUTDOWN);
	assert_int_equal(gyre_loop_add_callback_drop(the_loop, trace_arg, NULL,
						     trace_drop),
			 -ESHUTDOWN);
	assert_int_equal(gyre_inbox_post(gyre_loop_inbox(the_loop), &task),
			 -ESHUTDOWN);
	assert_int_equal(gyre_loop_call_at(the_loop, 0, trace_arg, NULL, NULL),
			 -ESHUTDOWN);
	assert_int_equal(
		gyre_loop_call_later(the_loop, 0, trace_arg, NULL, NULL),
		-ESHUTDOWN);
	assert_int_equal(gyre_loop_add_handler(the_loop, 0, GYRE_READ,
					       trace_handler, NULL),
			 -ESHUTDOWN);
	assert_int_equal(gyre_loop_update_handler(the_loop, 0, GYRE_READ),
			 -ESHUTDOWN);
	assert_int_equal(gyre_loop_add_timeout(the_loop, gyre_after(0),
					       trace_arg, NULL, NULL),
			 -ESHUTDOWN);
	assert_int_equal(gyre_loop_set_handler(the_loop, 0, GYRE_READ,
					       trace_handler, NULL),
			 -ESHUTDOWN);
	assert_int_equal(gyre_loop_spawn_callback(the_loop, trace_arg, NULL),
			 -ESHUTDOWN);
	assert_int_equal(
		gyre_loop_add_callback_from_signal(the_loop, trace_arg, NULL),
		-ESHUTDOWN);
	assert_null(gyre_future_new(the_loop));
	assert_null(gyre_loop_run_in_executor(the_loop, NULL, no_job, NULL));
}

static struct gyre_future *
no_function(void *arg)
{
	(void)arg;
	fail();
	return NULL;
}

static void
assert_running_is_refused(void)
{
	void *value = &value;

	assert_int_equal(gyre_loop_start(the_loop), -ESHUTDOWN);
	assert_int_equal(gyre_loop_run_sync(the_loop, no_function, NULL,
					    GYRE_FOREVER, &value),
			 -ESHUTDOWN);
	assert_ptr_equal(value, &value);
	assert_int_equal(gyre_loop_drain(the_loop, GYRE_FOREVER), -ESHUTDOWN);
	assert_int_equal(gyre_loop_make_current(the_loop), -ESHUTDOWN);
}

/* L173 holds: once a loop is closed, what would add to it, run it or make it
 * current is refused with -ESHUTDOWN; what takes away from it is quiet, and
 * its clock, counters and inbox are there until it is freed. */
static void
L173_after_close_everything_is_refused_or_quiet(void **state)
{
	struct gyre_future *future = gyre_future_new(the_loop);
	struct gyre_loop_stats stats;
	gyre_timeout timeout = call_later(0, trace_arg, NULL);
	int fds[2];

	(void)state;
	make_pipe(fds);
	handle(fds[0], GYRE_READ, trace_handler, NULL);
	assert_false(gyre_loop_is_closed(the_loop));
	assert_int_equal(gyre_loop_close(the_loop, false), 0);
	assert_true(gyre_loop_is_closed(the_loop));
	assert_adding_is_refused();
	assert_int_equal(
		gyre_loop_add_future(the_loop, future, no_future, NULL),
		-ESHUTDOWN);
	assert_running_is_refused();
	assert_int_equal(gyre_loop_remove_handler(the_loop, 0), -ENOENT);
	assert_int_equal(gyre_loop_remove_handler(the_loop, fds[0]), -ENOENT);
	gyre_loop_remove_timeout(the_loop, timeout);
	gyre_loop_stop(the_loop);
	assert_true(gyre_loop_time(the_loop) > 0);
	gyre_loop_get_stats(the_loop, &stats);
	assert_int_equal(stats.waiting, 0);
	assert_false(gyre_loop_in_owner_thread(the_loop));
	gyre_future_unref(future);
	close(fds[0]);
	close(fds[1]);
}

static void
say_nothing(void *arg)
{
	(void)arg;
}

/* As a program that just ends: with a current loop that has run, and has more
 * to run. exit() looks for lost memory where there is a leak checker. */
static void
exit_without_close(void *unused)
{
	const struct gyre_loop_options options = {
		.make_current = GYRE_MAKE_CURRENT_YES,
	};
	int fds[2];

	(void)unused;
	make_pipe(fds);
	CHECK(gyre_loop_new(&options, &the_loop) == 0);
	handle(fds[0], GYRE_READ, trace_handler, NULL);
	add_callback(stop_callback, NULL);
	CHECK(gyre_loop_start(the_loop) == 0);
	call_later(GYRE_SECONDS(1), say_nothing, NULL);
	add_callback(say_nothing, NULL);
	the_loop = NULL;
	exit(0);
}

/* L175 holds: a program may end without closing its loops. Nothing is printed,
 * nothing runs, and a leak checker finds a loop that is still current. */
static void
L175_a_program_may_end_without_closing(void **state)
{
	char output[1024];
	int status = in_child(exit_without_close, NULL, output, sizeof(output));

	(void)state;
	assert_string_equal(output, "");
	assert_int_equal(status, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		REAL_TEST(L172_close_twice_is_once),
		REAL_TEST(L173_after_close_everything_is_refused_or_quiet),
		REAL_TEST(L175_a_program_may_end_without_closing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
