/*
 * Functions that raise, on the stage: the hook hears of each and of no other,
 * and the loop goes on.
 */
#include "tests/support/loop_fixture.h"

/* What the hook was told last. */
static struct gyre_failure told;
static struct gyre_exception record;
static unsigned told_count;
static gyre_callback_fn in_hook;
static char in_hook_word[] = "in hook";

static void
hook(struct gyre_loop *loop, const struct gyre_failure *failure, void *arg)
{
	assert_ptr_equal(loop, the_loop);
	assert_ptr_equal(arg, &told);
	told = *failure;
	record = *gyre_exception();
	told_count++;
	if (in_hook != NULL)
		in_hook(in_hook_word);
}

static int
set_up_hook(void **state)
{
	struct gyre_loop_options options;

	stage_set_up(state);
	close_and_free(the_loop);
	options = stage_options();
	options.on_exception = hook;
	options.on_exception_arg = &told;
	the_loop = new_loop(&options);
	told = (struct gyre_failure){ 0 };
	told_count = 0;
	in_hook = NULL;
	return 0;
}

static void
raise_callback(void *word)
{
	trace(word);
	gyre_raise(-EIO, "lost %s", (const char *)word);
}

typedef void (*any_fn)(void);

/* The hook was told once since it was asked last, and of this. */
static void
assert_told(const char *what, int fd, any_fn fn, const void *arg)
{
	assert_int_equal(told_count, 1);
	told_count = 0;
	assert_string_equal(told.what, what);
	assert_int_equal(told.fd, fd);
	assert_true(told.fn == fn);
	assert_ptr_equal(told.arg, arg);
}

/* -- who raised ----------------------------------------------------------- */

static void
a_callback_that_raises_is_reported(void **state)
{
	char arg[] = "callback";

	(void)state;
	assert_int_equal(gyre_loop_add_callback(the_loop, raise_callback, arg),
			 0);
	add_callback(trace_arg, "next");
	run_once();
	assert_trace("callback next");
	assert_told("callback", -1, (any_fn)raise_callback, arg);
	assert_int_equal(record.error, -EIO);
	assert_string_equal(record.message, "lost callback");
	assert_non_null(strstr(record.file, "failure_test.c"));
	assert_null(gyre_exception());
}

static void
a_timeout_that_raises_is_reported(void **state)
{
	char arg[] = "timeout";

	(void)state;
	assert_int_equal(
		gyre_loop_call_later(the_loop, 0, raise_callback, arg, NULL),
		0);
	call_later(0, trace_arg, "next");
	run_once();
	assert_trace("timeout next");
	assert_told("timeout", -1, (any_fn)raise_callback, arg);
}

static int handler_error;

static void
raise_handler(int fd, unsigned events, void *word)
{
	(void)fd;
	(void)events;
	trace(word);
	gyre_raise(handler_error, NULL);
}

static void
a_handler_that_raises_is_reported_and_stays(void **state)
{
	char arg[] = "handler";

	(void)state;
	handler_error = -ECONNRESET;
	stage.ready[3] = GYRE_READ;
	stage.ready[4] = GYRE_READ;
	assert_int_equal(gyre_loop_add_handler(the_loop, 3, GYRE_READ,
					       raise_handler, arg),
			 0);
	handle(4, GYRE_READ, stop_handler, "next");
	for (int twice = 0; twice < 2; twice++) {
		run();
		assert_trace("handler next");
		assert_told("handler", 3, (any_fn)raise_handler, arg);
		assert_int_equal(record.error, -ECONNRESET);
		assert_string_equal(record.message, "");
	}
}

static void
remove_self_and_raise(int fd, unsigned events, void *word)
{
	gyre_loop_remove_handler(the_loop, fd);
	raise_handler(fd, events, word);
	gyre_loop_stop(the_loop);
}

static void
a_handler_that_removed_itself_is_reported_in_full(void **state)
{
	char arg[] = "handler";

	(void)state;
	handler_error = -EIO;
	stage.ready[3] = GYRE_READ;
	assert_int_equal(gyre_loop_add_handler(the_loop, 3, GYRE_READ,
					       remove_self_and_raise, arg),
			 0);
	run();
	assert_trace("handler");
	assert_told("handler", 3, (any_fn)remove_self_and_raise, arg);
}

static void
a_broken_pipe_is_silent_from_a_handler_alone(void **state)
{
	(void)state;
	handler_error = -EPIPE;
	stage.ready[3] = GYRE_READ;
	stage.ready[4] = GYRE_READ;
	handle(3, GYRE_READ, raise_handler, "handler");
	handle(4, GYRE_READ, stop_handler, "next");
	run();
	assert_trace("handler next");
	assert_int_equal(told_count, 0);
	assert_null(gyre_exception());
}

static void
run_task(struct gyre_task *task)
{
	(void)task;
	gyre_raise(-ENOSPC, "no room");
}

static void
drop_task(struct gyre_task *task, enum gyre_drop_reason reason)
{
	(void)task;
	gyre_raise(-EIO, "dropped: %s", gyre_drop_reason_name(reason));
}

static void
a_task_that_raises_is_reported(void **state)
{
	struct gyre_task task = { .run = run_task, .drop = drop_task };

	(void)state;
	assert_int_equal(gyre_inbox_post(gyre_loop_inbox(the_loop), &task), 0);
	add_callback(trace_arg, "next");
	run_once();
	assert_trace("next");
	assert_told("task", -1, (any_fn)run_task, &task);
}

static void
a_drop_function_that_raises_at_close_is_reported(void **state)
{
	struct gyre_task task = { .run = run_task, .drop = drop_task };

	(void)state;
	assert_int_equal(gyre_inbox_post(gyre_loop_inbox(the_loop), &task), 0);
	assert_int_equal(gyre_loop_close(the_loop, false), 0);
	assert_told("drop", -1, (any_fn)drop_task, &task);
	assert_string_equal(record.message, "dropped: stopped");
	assert_null(gyre_exception());
}

static struct gyre_loop *other;

static void
send_to_other(void *task)
{
	assert_int_equal(gyre_inbox_post(gyre_loop_inbox(other), task), 0);
}

static void
close_in_thread(void *arg)
{
	(void)arg;
	close_and_free(other);
}

static void
close_other(void *arg)
{
	elsewhere(close_in_thread, arg);
}

static void
a_drop_function_that_raises_at_a_flush_is_reported_as_such(void **state)
{
	struct gyre_task task = { .run = run_task, .drop = drop_task };

	(void)state;
	other = stage_loop();
	assert_int_equal(gyre_loop_add_callback(the_loop, send_to_other, &task),
			 0);
	add_callback(close_other, NULL);
	call_later(0, stop_callback, "innocent");
	run();
	assert_trace("innocent");
	assert_told("drop", -1, (any_fn)drop_task, &task);
}

/* -- what is not to be blamed --------------------------------------------- */

static void
what_was_raised_before_a_run_is_blamed_on_nobody(void **state)
{
	(void)state;
	gyre_raise(-EIO, "before");
	run_once();
	assert_int_equal(told_count, 0);
	gyre_raise(-EIO, "before");
	add_callback(trace_arg, "never");
	assert_int_equal(gyre_loop_close(the_loop, false), 0);
	assert_int_equal(told_count, 0);
}

static void
raise_twice(void *arg)
{
	(void)arg;
	gyre_raise(-EIO, "first");
	gyre_raise(-ENOENT, "second");
}

static void
of_several_records_the_last_counts(void **state)
{
	struct gyre_loop_stats stats;

	(void)state;
	add_callback(raise_twice, NULL);
	run_once();
	assert_told("callback", -1, (any_fn)raise_twice, NULL);
	assert_string_equal(record.message, "second");
	gyre_loop_get_stats(the_loop, &stats);
	assert_int_equal(stats.exceptions, 1);
}

/* -- the hook itself ------------------------------------------------------ */

static void
a_hook_that_raises_is_not_called_for_that(void **state)
{
	(void)state;
	in_hook = raise_callback;
	add_callback(raise_callback, "callback");
	run_once();
	assert_trace("callback in hook");
	assert_int_equal(told_count, 1);
	assert_null(gyre_exception());
}

static void
a_hook_may_stop_the_loop(void **state)
{
	(void)state;
	in_hook = stop_callback;
	add_callback(raise_callback, "callback");
	add_callback(trace_arg, "rest of the batch");
	run();
	assert_trace("callback in hook rest of the batch");
}

static char logged[512];
static enum gyre_log_level logged_level;

static void
note_line(enum gyre_log_level level, const char *line, void *arg)
{
	assert_ptr_equal(arg, logged);
	logged_level = level;
	snprintf(logged, sizeof(logged), "%s", line);
}

static void
the_default_hook_logs_one_line_that_says_what_and_where(void **state)
{
	struct gyre_loop_options options = stage_options();

	(void)state;
	close_and_free(the_loop);
	options.log = (struct gyre_log){ note_line, logged };
	the_loop = new_loop(&options);
	add_callback(raise_callback, "callback");
	run_once();
	assert_trace("callback");
	assert_int_equal(logged_level, GYRE_LOG_ERROR);
	assert_ptr_equal(strstr(logged, "callback "), logged);
	assert_non_null(strstr(logged, " raised EIO: lost callback ("));
	assert_non_null(strstr(logged, "failure_test.c:"));
	assert_null(strchr(logged, '\n'));
}

#define HOOK_TEST(name) \
	cmocka_unit_test_setup_teardown(name, set_up_hook, loop_tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		HOOK_TEST(a_callback_that_raises_is_reported),
		HOOK_TEST(a_timeout_that_raises_is_reported),
		HOOK_TEST(a_handler_that_raises_is_reported_and_stays),
		HOOK_TEST(a_handler_that_removed_itself_is_reported_in_full),
		HOOK_TEST(a_broken_pipe_is_silent_from_a_handler_alone),
		HOOK_TEST(a_task_that_raises_is_reported),
		HOOK_TEST(a_drop_function_that_raises_at_close_is_reported),
		HOOK_TEST(
			a_drop_function_that_raises_at_a_flush_is_reported_as_such),
		HOOK_TEST(what_was_raised_before_a_run_is_blamed_on_nobody),
		HOOK_TEST(of_several_records_the_last_counts),
		HOOK_TEST(a_hook_that_raises_is_not_called_for_that),
		HOOK_TEST(a_hook_may_stop_the_loop),
		HOOK_TEST(
			the_default_hook_logs_one_line_that_says_what_and_where),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
