/*
 * Misuse ends at once, with a line that names the function.
 */
#include "tests/support/loop_fixture.h"

#include <signal.h>
#include <sys/wait.h>

/* -- on another thread than the one that runs the loop --------------------- */

static void
call_add_handler(void)
{
	(void)!gyre_loop_add_handler(the_loop, 0, GYRE_READ, trace_handler,
				     NULL);
}

static void
call_update_handler(void)
{
	gyre_loop_update_handler(the_loop, 0, GYRE_READ);
}

static void
call_remove_handler(void)
{
	gyre_loop_remove_handler(the_loop, 0);
}

static void
call_call_at(void)
{
	(void)!gyre_loop_call_at(the_loop, 0, trace_arg, NULL, NULL);
}

static void
call_call_later(void)
{
	(void)!gyre_loop_call_later(the_loop, 0, trace_arg, NULL, NULL);
}

static void
call_remove_timeout(void)
{
	gyre_loop_remove_timeout(the_loop, 1);
}

static void
on_future(struct gyre_future *future, void *arg)
{
	(void)future;
	(void)arg;
}

static void
call_add_future(void)
{
	struct gyre_future *future = gyre_future_new(the_loop);

	(void)!gyre_loop_add_future(the_loop, future, on_future, NULL);
}

static void *
job(void *arg)
{
	return arg;
}

static void
call_add_future_drop(void)
{
	struct gyre_future *future = gyre_future_new(the_loop);

	(void)!gyre_loop_add_future_drop(the_loop, future, on_future, NULL,
					 NULL);
	gyre_future_unref(future);
}

static void
call_all(void)
{
	gyre_future_unref(gyre_future_all(the_loop, NULL, 0));
}

static void
call_any(void)
{
	gyre_future_unref(gyre_future_any(the_loop, NULL, 0));
}

static void
call_run_in_executor_drop(void)
{
	gyre_future_unref(gyre_loop_run_in_executor_drop(the_loop, NULL, job,
							 NULL, NULL));
}

static void
call_run_in_executor(void)
{
	(void)!gyre_loop_run_in_executor(the_loop, NULL, job, NULL);
}

static void
call_set_default_executor(void)
{
	gyre_loop_set_default_executor(the_loop, NULL);
}

static void
call_get_stats(void)
{
	struct gyre_loop_stats stats;

	gyre_loop_get_stats(the_loop, &stats);
}

static const struct {
	const char *function;
	void (*call)(void);
} owner_calls[] = {
	{ "gyre_loop_add_handler", call_add_handler },
	{ "gyre_loop_update_handler", call_update_handler },
	{ "gyre_loop_remove_handler", call_remove_handler },
	{ "gyre_loop_call_at", call_call_at },
	{ "gyre_loop_call_later", call_call_later },
	{ "gyre_loop_remove_timeout", call_remove_timeout },
	{ "gyre_loop_add_future", call_add_future },
	{ "gyre_loop_add_future_drop", call_add_future_drop },
	{ "gyre_future_all", call_all },
	{ "gyre_future_any", call_any },
	{ "gyre_loop_run_in_executor", call_run_in_executor },
	{ "gyre_loop_run_in_executor_drop", call_run_in_executor_drop },
	{ "gyre_loop_set_default_executor", call_set_default_executor },
	{ "gyre_loop_get_stats", call_get_stats },
};

static void (*misuse)(void);

static void
misuse_elsewhere(void *arg)
{
	(void)arg;
	misuse();
}

static void
have_it_misused(void *arg)
{
	elsewhere(misuse_elsewhere, arg);
}

/* In a child, which may not run its parent's loop. */
static void
run_and_misuse(void *unused)
{
	(void)unused;
	the_loop = stage_loop();
	add_callback(have_it_misused, NULL);
	(void)!gyre_loop_start(the_loop);
}

static void
assert_aborts(void (*body)(void *), const char *function, const char *what)
{
	char output[1024];
	int status = in_child(body, NULL, output, sizeof(output));

	if (!WIFSIGNALED(status) || strstr(output, function) == NULL ||
	    strstr(output, what) == NULL)
		print_error("%s: status %#x: %s\n", function, status, output);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
	assert_non_null(strstr(output, function));
	assert_non_null(strstr(output, what));
}

static void
a_call_from_the_wrong_thread_is_named(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(owner_calls) / sizeof(owner_calls[0]);
	     i++) {
		char function[64];

		snprintf(function, sizeof(function),
			 " %s():", owner_calls[i].function);
		misuse = owner_calls[i].call;
		assert_aborts(run_and_misuse, function, "loop 0x");
	}
}

static void
use_all(void *arg)
{
	for (size_t i = 0; i < sizeof(owner_calls) / sizeof(owner_calls[0]);
	     i++)
		if (owner_calls[i].call != call_add_future &&
		    owner_calls[i].call != call_run_in_executor)
			owner_calls[i].call();
	stop_callback(arg);
}

static void
use_all_elsewhere(void *arg)
{
	use_all(arg);
	CHECK(gyre_loop_start(the_loop) == 0);
	add_callback(use_all, NULL);
	CHECK(gyre_loop_start(the_loop) == 0);
}

static void
while_nobody_runs_it_any_thread_may_use_it(void **state)
{
	(void)state;
	use_all(NULL);
	elsewhere(use_all_elsewhere, NULL);
	use_all(NULL);
	run();
}

static void
expect_elsewhere(void *arg)
{
	(void)arg;
	CHECK(!gyre_loop_in_owner_thread(the_loop));
}

static void
expect_owner(void *arg)
{
	assert_true(gyre_loop_in_owner_thread(the_loop));
	elsewhere(expect_elsewhere, arg);
	stop_callback(arg);
}

static void
the_owner_is_the_thread_that_runs_it(void **state)
{
	(void)state;
	assert_false(gyre_loop_in_owner_thread(the_loop));
	add_callback(expect_owner, "ran");
	run();
	assert_trace("ran");
	assert_false(gyre_loop_in_owner_thread(the_loop));
}

/* -- what a caller owes --------------------------------------------------- */

static void
add_no_callback(void *unused)
{
	(void)unused;
	(void)!gyre_loop_add_callback(the_loop, NULL, NULL);
}

static void
add_no_callback_with_drop(void *unused)
{
	(void)unused;
	(void)!gyre_loop_add_callback_drop(the_loop, NULL, NULL, trace_drop);
}

static void
add_no_timeout(void *unused)
{
	(void)unused;
	(void)!gyre_loop_call_later(the_loop, 0, NULL, NULL, NULL);
}

static void
add_no_handler(void *unused)
{
	(void)unused;
	(void)!gyre_loop_add_handler(the_loop, 0, GYRE_READ, NULL, NULL);
}

static void
free_an_open_loop(void *unused)
{
	(void)unused;
	gyre_loop_free(stage_loop());
}

static void
a_caller_s_error_is_named(void **state)
{
	(void)state;
	assert_aborts(add_no_callback, "gyre_loop_add_callback()",
		      "caller's error: fn != NULL");
	assert_aborts(add_no_callback_with_drop,
		      "gyre_loop_add_callback_drop()",
		      "caller's error: fn != NULL");
	assert_aborts(add_no_timeout, "gyre_loop_call_",
		      "caller's error: fn != NULL");
	assert_aborts(add_no_handler, "gyre_loop_add_handler()",
		      "caller's error: fn != NULL");
	assert_aborts(free_an_open_loop, "gyre_loop_free()", "caller's error");
}

static void
nothing_can_be_freed(void **state)
{
	(void)state;
	gyre_loop_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STAGE_TEST(a_call_from_the_wrong_thread_is_named),
		STAGE_TEST(while_nobody_runs_it_any_thread_may_use_it),
		STAGE_TEST(the_owner_is_the_thread_that_runs_it),
		STAGE_TEST(a_caller_s_error_is_named),
		STAGE_TEST(nothing_can_be_freed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
