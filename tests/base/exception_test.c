/* The raised error: one record a thread, the last one counts. */
#include "base/exception.h"

#include "tests/support/child.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static int
clear(void **state)
{
	(void)state;
	gyre__clear_exception();
	return 0;
}

static void
nothing_is_raised_at_first(void **state)
{
	(void)state;
	assert_false(gyre__raised());
	assert_null(gyre_exception());
}

static void
a_record_has_code_message_and_place(void **state)
{
	const struct gyre_exception *record;
	int line;

	(void)state;
	line = __LINE__ + 1;
	gyre_raise(-EIO, "cannot save %s: %d", "it", 7);
	record = gyre_exception();
	assert_true(gyre__raised());
	assert_non_null(record);
	assert_int_equal(record->error, -EIO);
	assert_string_equal(record->message, "cannot save it: 7");
	assert_int_equal(record->line, line);
	assert_non_null(strstr(record->file, "exception_test.c"));
}

static void
a_record_may_have_no_message(void **state)
{
	(void)state;
	gyre_raise(-EIO, "first");
	gyre_raise_at(-EPIPE, "file", 3, NULL);
	assert_int_equal(gyre_exception()->error, -EPIPE);
	assert_string_equal(gyre_exception()->message, "");
}

static void
the_last_one_counts(void **state)
{
	(void)state;
	gyre_raise(-EIO, "a longer first message");
	gyre_raise(-ENOENT, "second");
	assert_int_equal(gyre_exception()->error, -ENOENT);
	assert_string_equal(gyre_exception()->message, "second");
}

static void
clearing_forgets_it(void **state)
{
	(void)state;
	gyre_raise(-EIO, "no");
	gyre__clear_exception();
	assert_false(gyre__raised());
	assert_null(gyre_exception());
}

static void
a_long_message_is_cut(void **state)
{
	char text[2 * GYRE_EXCEPTION_MESSAGE_MAX];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	gyre_raise(-EIO, "%s", text);
	assert_int_equal(strlen(gyre_exception()->message),
			 GYRE_EXCEPTION_MESSAGE_MAX - 1);
}

static void *
raise_elsewhere(void *ret_before)
{
	*(const struct gyre_exception **)ret_before = gyre_exception();
	gyre_raise(-EPIPE, "elsewhere");
	return NULL;
}

static void
each_thread_has_its_own(void **state)
{
	const struct gyre_exception *before_elsewhere = gyre_exception();
	pthread_t thread;

	(void)state;
	gyre_raise(-EIO, "here");
	assert_int_equal(pthread_create(&thread, NULL, raise_elsewhere,
					&before_elsewhere),
			 0);
	pthread_join(thread, NULL);
	assert_null(before_elsewhere);
	assert_int_equal(gyre_exception()->error, -EIO);
	assert_string_equal(gyre_exception()->message, "here");
}

static void
raise_success(void *arg)
{
	(void)arg;
	gyre_raise(0, "nothing");
}

static void
raising_success_aborts(void **state)
{
	(void)state;
	assert_true(aborts_saying(raise_success, NULL, "error < 0"));
}

static void
errors_have_names(void **state)
{
	(void)state;
	assert_string_equal(gyre_error_name(-ESHUTDOWN), "ESHUTDOWN");
	assert_string_equal(gyre_error_name(-ECANCELED), "ECANCELED");
	assert_string_equal(gyre_error_name(-99999), "unknown error");
}

#define EXCEPTION_TEST(name) cmocka_unit_test_setup_teardown(name, clear, clear)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		EXCEPTION_TEST(nothing_is_raised_at_first),
		EXCEPTION_TEST(a_record_has_code_message_and_place),
		EXCEPTION_TEST(a_record_may_have_no_message),
		EXCEPTION_TEST(the_last_one_counts),
		EXCEPTION_TEST(clearing_forgets_it),
		EXCEPTION_TEST(a_long_message_is_cut),
		EXCEPTION_TEST(each_thread_has_its_own),
		EXCEPTION_TEST(raising_success_aborts),
		EXCEPTION_TEST(errors_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
