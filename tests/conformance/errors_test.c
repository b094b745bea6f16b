/*
 * Functions that raise, on the stage: the hook hears of each and of no other,
 * and the loop goes on.
 */
#include "tests/support/loop_fixture.h"

/* -- what was logged ------------------------------------------------------ */

static char logged[512];
static unsigned logged_count;
static enum gyre_log_level logged_level;

static void
note_line(enum gyre_log_level level, const char *line, void *arg)
{
	assert_ptr_equal(arg, logged);
	logged_level = level;
	logged_count++;
	snprintf(logged, sizeof(logged), "%s", line);
}

/* -- the hook ------------------------------------------------------------- */

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
	options.log = (struct gyre_log){ note_line, logged };
	logged_count = 0;
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

/* -- nobody raised -------------------------------------------------------- */

/* L59 deviates: a callback returns nothing; what it has to report it raises.
 * Why: a result that is mostly ignored is one that is sometimes mistaken for
 * an error. Once run it is done with, and the loop sleeps. */
static void
L59_a_callback_runs_once_and_the_loop_sleeps(void **state)
{
	struct gyre_loop_stats stats;

	(void)state;
	add_callback(trace_arg, "once");
	call_later(GYRE_MS(50), stop_callback, NULL);
	run();
	assert_trace("once");
	gyre_loop_get_stats(the_loop, &stats);
	assert_int_equal(stats.iterations, 2);
	assert_int_equal(stage.slept_ns, GYRE_MS(50));
	assert_int_equal(told_count, 0);
}

/* -- who raised ----------------------------------------------------------- */

/* L60 holds: one hook, an option of the loop, hears of every function that
 * raised, whatever its kind; the default one logs a line; the loop goes on. */
static void
L60_a_callback_that_raises_is_reported(void **state)
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
	assert_non_null(strstr(record.file, "errors_test.c"));
	assert_null(gyre_exception());
	assert_int_equal(logged_count, 0); /* that is the default hook's */
}

static void
L60_a_timeout_that_raises_is_reported(void **state)
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
L60_a_handler_that_raises_is_reported_and_stays(void **state)
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

/* L61 deviates: the hook gets the function, its argument and the descriptor
 * as they were called, of a handler too that has removed itself. Why: a copy
 * made before the call costs nothing, and half a report is of little use. */
static void
L61_a_handler_that_removed_itself_is_reported_in_full(void **state)
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
raise_broken_pipe(void *arg)
{
	(void)arg;
	gyre_raise(-EPIPE, NULL);
}

/* L64 holds: a handler that raises -EPIPE is not reported; a handler with any
 * other error is, and so is a callback with this one. */
static void
L64_a_broken_pipe_is_silent_from_a_handler_alone(void **state)
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
	add_callback(raise_broken_pipe, NULL);
	run_once();
	assert_told("callback", -1, (any_fn)raise_broken_pipe, NULL);
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
L60_a_task_that_raises_is_reported(void **state)
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
L60_a_drop_function_that_raises_at_close_is_reported(void **state)
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
L60_a_drop_function_that_raises_at_a_flush_is_reported(void **state)
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
L60_what_was_raised_before_a_run_is_blamed_on_nobody(void **state)
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
L60_of_several_records_the_last_counts(void **state)
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

/* L62 deviates: what the hook raises is logged in one line and forgotten, and
 * the loop goes on. Why: a loop that a bug in its error handling stops, with
 * its work undone, is worse than the bug; a hook can call stop. */
static void
L62_what_the_hook_raises_is_logged_and_the_loop_goes_on(void **state)
{
	(void)state;
	in_hook = raise_callback;
	add_callback(raise_callback, "callback");
	add_callback(trace_arg, "rest of the batch");
	run_once();
	assert_trace("callback in hook rest of the batch");
	assert_int_equal(told_count, 1);
	assert_null(gyre_exception());
	assert_int_equal(logged_count, 1);
	assert_int_equal(logged_level, GYRE_LOG_ERROR);
	assert_ptr_equal(
		strstr(logged, "the exception hook raised EIO: lost in hook ("),
		logged);
}

static void
close_callback(void *word)
{
	trace(word);
	assert_int_equal(gyre_loop_close(the_loop, false), -EBUSY);
}

static void
L62_the_hook_may_not_close_the_loop(void **state)
{
	(void)state;
	in_hook = close_callback;
	add_callback(raise_callback, "callback");
	add_callback(trace_arg, "rest of the batch");
	run_once();
	assert_trace("callback in hook rest of the batch");
}

static void
L62_the_hook_may_stop_the_loop(void **state)
{
	(void)state;
	in_hook = stop_callback;
	add_callback(raise_callback, "callback");
	add_callback(trace_arg, "rest of the batch");
	run();
	assert_trace("callback in hook rest of the batch");
}

/* -- the default hook ----------------------------------------------------- */

static void
use_default_hook(struct gyre_log log)
{
	struct gyre_loop_options options = stage_options();

	close_and_free(the_loop);
	options.log = log;
	the_loop = new_loop(&options);
}

static void
L60_the_default_hook_logs_one_line(void **state)
{
	(void)state;
	use_default_hook((struct gyre_log){ note_line, logged });
	add_callback(raise_callback, "callback");
	run_once();
	assert_trace("callback");
	assert_int_equal(logged_count, 1);
	assert_int_equal(logged_level, GYRE_LOG_ERROR);
	/* A static function is found by module and offset. */
	assert_ptr_equal(strstr(logged, "callback "), logged);
	assert_non_null(strstr(logged, "conformance_errors_test+0x"));
	assert_non_null(strstr(logged, " raised EIO: lost callback ("));
	assert_non_null(strstr(logged, "errors_test.c:"));
	assert_null(strchr(logged, '\n'));
}

/* Exported, so that it has a name. */
void raise_in_public(void *arg);

void
raise_in_public(void *arg)
{
	(void)arg;
	gyre_raise(-ENOSPC, NULL);
}

static void
assert_line(const char *beginning)
{
	assert_ptr_equal(strstr(logged, beginning), logged);
}

static void
L60_the_line_names_the_function_where_it_can(void **state)
{
	struct gyre_failure failure = {
		.what = "handler",
		.fd = 7,
		.fn = (any_fn)raise_in_public,
	};

	(void)state;
	use_default_hook((struct gyre_log){ note_line, logged });
	add_callback(raise_in_public, NULL);
	run_once();
	assert_line("callback raise_in_public raised ENOSPC (");

	raise_in_public(NULL);
	gyre_loop_handle_callback_exception(the_loop, &failure, NULL);
	assert_line("handler raise_in_public of descriptor 7 raised ENOSPC (");
	failure = (struct gyre_failure){ .what = "end of batch", .fd = -1 };
	gyre_loop_handle_callback_exception(the_loop, &failure, NULL);
	assert_line("end of batch raised ENOSPC (");
}

static void
raise_in_a_loop_of_its_own(void *arg)
{
	(void)arg;
	the_loop = stage_loop();
	add_callback(raise_callback, "callback");
	run_once();
}

/* L30 holds: a program that configured no logging finds its loop's errors on
 * standard error. */
static void
L30_errors_are_seen_without_any_logging_set_up(void **state)
{
	char output[1024];

	(void)state;
	assert_int_equal(in_child(raise_in_a_loop_of_its_own, NULL, output,
				  sizeof(output)),
			 0);
	assert_ptr_equal(strstr(output, "gyre: callback "), output);
	assert_non_null(strstr(output, " raised EIO: lost callback ("));
}

#define HOOK_TEST(name) \
	cmocka_unit_test_setup_teardown(name, set_up_hook, loop_tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		HOOK_TEST(L30_errors_are_seen_without_any_logging_set_up),
		HOOK_TEST(L59_a_callback_runs_once_and_the_loop_sleeps),
		HOOK_TEST(L60_a_callback_that_raises_is_reported),
		HOOK_TEST(L60_a_timeout_that_raises_is_reported),
		HOOK_TEST(L60_a_handler_that_raises_is_reported_and_stays),
		HOOK_TEST(L60_a_task_that_raises_is_reported),
		HOOK_TEST(L60_a_drop_function_that_raises_at_close_is_reported),
		HOOK_TEST(
			L60_a_drop_function_that_raises_at_a_flush_is_reported),
		HOOK_TEST(L60_what_was_raised_before_a_run_is_blamed_on_nobody),
		HOOK_TEST(L60_of_several_records_the_last_counts),
		HOOK_TEST(L60_the_default_hook_logs_one_line),
		HOOK_TEST(L60_the_line_names_the_function_where_it_can),
		HOOK_TEST(
			L61_a_handler_that_removed_itself_is_reported_in_full),
		HOOK_TEST(
			L62_what_the_hook_raises_is_logged_and_the_loop_goes_on),
		HOOK_TEST(L62_the_hook_may_stop_the_loop),
		HOOK_TEST(L62_the_hook_may_not_close_the_loop),
		HOOK_TEST(L64_a_broken_pipe_is_silent_from_a_handler_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
