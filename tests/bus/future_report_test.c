/* An error that nobody has read is reported when its future ends, at home. */
#include "tests/bus/future_fixture.h"

#include "base/exception.h"

static struct gyre_exception reported;

static void
keep_report(struct gyre__outbox *outbox, const char *what, void (*fn)(void),
	    void *arg)
{
	assert_ptr_equal(outbox, &home.outbox);
	assert_ptr_equal(outbox, gyre__outbox_of_thread);
	assert_null(fn);
	assert_null(arg);
	reported = *gyre_exception();
	say(what);
}

/* A second reference goes instead of the test's: that one is torn down. */
static struct gyre_future *
new_rejected(int error, const char *message)
{
	struct gyre_future *other = gyre__future_new(harness_sys(), home.inbox);

	home.outbox.on_raise = keep_report;
	assert_int_equal(gyre_future_reject(other, error, message), 0);
	step(&home);
	return other;
}

static void
unref_at_home(struct gyre_future *other)
{
	enter(&home);
	gyre_future_unref(other);
	leave(&home);
}

static void
an_unread_error_is_reported_at_the_last_unref(void **state)
{
	struct gyre_future *other = new_rejected(-EIO, "disk on fire");

	(void)state;
	gyre_future_ref(other);
	unref_at_home(other);
	assert_trace("");
	unref_at_home(other);
	assert_trace("future");
	assert_int_equal(reported.error, -EIO);
	assert_string_equal(reported.message, "disk on fire");
	assert_null(reported.file);
}

static void
an_unread_error_may_have_no_line(void **state)
{
	(void)state;
	unref_at_home(new_rejected(-EIO, NULL));
	assert_trace("future");
	assert_int_equal(reported.error, -EIO);
	assert_string_equal(reported.message, "");
}

static void
the_place_where_it_was_raised_is_kept(void **state)
{
	struct gyre_future *other = gyre__future_new(harness_sys(), home.inbox);
	int line = __LINE__ + 4;

	(void)state;
	home.outbox.on_raise = keep_report;
	gyre_raise(-ERANGE, NULL);
	gyre__future_complete(other, NULL);
	gyre_future_unref(other);
	assert_trace("");
	step(&home);
	assert_trace("future");
	assert_int_equal(reported.error, -ERANGE);
	assert_string_equal(reported.file, __FILE__);
	assert_int_equal(reported.line, line);
}

static void
a_long_line_is_cut(void **state)
{
	char line[2 * GYRE_EXCEPTION_MESSAGE_MAX];

	(void)state;
	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	unref_at_home(new_rejected(-EIO, line));
	assert_trace("future");
	assert_int_equal(strlen(reported.message),
			 GYRE_EXCEPTION_MESSAGE_MAX - 1);
}

static void
what_was_raised_outlives_a_report(void **state)
{
	struct gyre_future *other = new_rejected(-EIO, "other");

	(void)state;
	gyre_raise(-EPERM, "mine");
	unref_at_home(other);
	assert_trace("future");
	assert_string_equal(reported.message, "other");
	assert_int_equal(gyre_exception()->error, -EPERM);
	assert_string_equal(gyre_exception()->message, "mine");
	gyre__clear_exception();
}

static void
one_given_back_elsewhere_goes_home_to_be_reported(void **state)
{
	struct stand_in other;

	(void)state;
	gyre_future_unref(new_rejected(-EIO, "no thread"));
	assert_trace("");
	step(&home);
	assert_trace("future");
	/* The same from another loop's thread. */
	stand_in_open(&other);
	enter(&other);
	gyre_future_unref(new_rejected(-EIO, "another"));
	gyre__outbox_flush(&other.outbox);
	leave(&other);
	assert_trace("");
	step(&home);
	assert_trace("future");
	stand_in_close(&other);
	stand_in_free(&other);
}

static void
an_error_that_was_read_is_not_reported(void **state)
{
	struct gyre_future *other;

	(void)state;
	other = new_rejected(-EIO, "result");
	assert_int_equal(gyre_future_result(other, NULL), -EIO);
	unref_at_home(other);
	other = new_rejected(-EIO, "message");
	assert_string_equal(gyre_future_message(other), "message");
	unref_at_home(other);
	other = new_rejected(-EIO, "wait");
	assert_int_equal(gyre_future_wait(other, 0, NULL), -EIO);
	unref_at_home(other);
	/* To ask whether it is done is not to read it. */
	other = new_rejected(-EIO, "done");
	assert_true(gyre_future_done(other));
	assert_trace("");
	unref_at_home(other);
	assert_trace("future");
}

static void
an_error_looked_for_too_early_was_not_read(void **state)
{
	struct gyre_future *other = gyre__future_new(harness_sys(), home.inbox);

	(void)state;
	home.outbox.on_raise = keep_report;
	assert_int_equal(gyre_future_result(other, NULL), -EAGAIN);
	assert_int_equal(gyre_future_wait(other, 0, NULL), -ETIMEDOUT);
	assert_int_equal(gyre_future_reject(other, -EIO, NULL), 0);
	step(&home);
	unref_at_home(other);
	assert_trace("future");
}

static void
neither_values_nor_cancellations_are_reported(void **state)
{
	struct gyre_future *other = gyre__future_new(harness_sys(), home.inbox);

	(void)state;
	unref_at_home(new_rejected(-ECANCELED, NULL));
	assert_int_equal(gyre_future_resolve(other, &value), 0);
	step(&home);
	unref_at_home(other);
	/* One that was never completed has no error. */
	unref_at_home(gyre__future_new(harness_sys(), home.inbox));
	step(&home);
	assert_trace("");
}

static void
one_without_a_home_reports_nothing(void **state)
{
	struct gyre_future *other = gyre__future_new(harness_sys(), NULL);

	(void)state;
	home.outbox.on_raise = keep_report;
	assert_int_equal(gyre_future_reject(other, -EIO, NULL), 0);
	unref_at_home(other);
	assert_trace("");
}

/* What was on its way home when that closed is reported all the same. */
static void
a_home_that_closes_reports_what_has_reached_it(void **state)
{
	struct gyre_future *other;

	(void)state;
	gyre_future_unref(new_rejected(-EIO, "sent home to be reported"));
	other = gyre__future_new(harness_sys(), home.inbox);
	assert_int_equal(gyre_future_reject(other, -EIO, "completed"), 0);
	gyre_future_unref(other);
	assert_trace("");
	stand_in_close(&home);
	assert_trace("future future");
}

static void
a_home_that_has_closed_reports_nothing(void **state)
{
	struct gyre_future *other = new_rejected(-EIO, "late");

	(void)state;
	stand_in_close(&home);
	gyre_future_unref(other);
	assert_trace("");
}

/* It is in the sender's lane when the home closes. */
static void
a_report_that_cannot_be_delivered_is_none(void **state)
{
	struct gyre_future *other = new_rejected(-EIO, "lost");
	struct stand_in sender;

	(void)state;
	stand_in_open(&sender);
	enter(&sender);
	gyre_future_unref(other);
	stand_in_close(&home);
	gyre__outbox_flush(&sender.outbox);
	leave(&sender);
	assert_int_equal(sender.outbox.undelivered, 1);
	assert_int_equal(sender.raised, 0);
	assert_trace("");
	stand_in_close(&sender);
	stand_in_free(&sender);
}

static void
reject_when_dropped(void *word, enum gyre_drop_reason reason)
{
	struct gyre_future *other = gyre__future_new(harness_sys(), home.inbox);

	say_dropped(word, reason);
	assert_int_equal(gyre_future_reject(other, -ESHUTDOWN, NULL), 0);
	gyre_future_unref(other);
}

static void
that_the_home_closed_is_no_news_to_it(void **state)
{
	(void)state;
	home.outbox.on_raise = keep_report;
	assert_int_equal(gyre__future_add_callback(future, say_future,
						   argument("one"),
						   reject_when_dropped),
			 0);
	stand_in_close(&home);
	assert_trace("one!stopped");
}

static void
that_another_closed_is(void **state)
{
	(void)state;
	unref_at_home(new_rejected(-ESHUTDOWN, NULL));
	assert_trace("future");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		FUTURE_TEST(an_unread_error_is_reported_at_the_last_unref),
		FUTURE_TEST(an_unread_error_may_have_no_line),
		FUTURE_TEST(the_place_where_it_was_raised_is_kept),
		FUTURE_TEST(a_long_line_is_cut),
		FUTURE_TEST(what_was_raised_outlives_a_report),
		FUTURE_TEST(one_given_back_elsewhere_goes_home_to_be_reported),
		FUTURE_TEST(an_error_that_was_read_is_not_reported),
		FUTURE_TEST(an_error_looked_for_too_early_was_not_read),
		FUTURE_TEST(neither_values_nor_cancellations_are_reported),
		FUTURE_TEST(one_without_a_home_reports_nothing),
		FUTURE_TEST(a_home_that_closes_reports_what_has_reached_it),
		FUTURE_TEST(a_home_that_has_closed_reports_nothing),
		FUTURE_TEST(a_report_that_cannot_be_delivered_is_none),
		FUTURE_TEST(that_the_home_closed_is_no_news_to_it),
		FUTURE_TEST(that_another_closed_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
