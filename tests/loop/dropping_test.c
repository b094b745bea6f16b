/*
 * What is accepted and never runs, on the stage: who owns it, who drops it.
 */
#include "tests/support/loop_fixture.h"

/* -- dropping ------------------------------------------------------------- */

static int
add_with_drop(const char *word)
{
	return gyre_loop_add_callback_drop(the_loop, trace_arg,
					   (void *)(uintptr_t)word, trace_drop);
}

static void
what_ran_is_not_dropped(void **state)
{
	(void)state;
	assert_int_equal(add_with_drop("ran"), 0);
	run_once();
	assert_int_equal(gyre_loop_close(the_loop, false), 0);
	assert_trace("ran");
}

static void
fail_run(struct gyre_task *task)
{
	(void)task;
	fail();
}

static void
fail_drop(struct gyre_task *task, enum gyre_drop_reason reason)
{
	(void)reason;
	fail_run(task);
}

static void
an_inbox_that_is_kept_refuses_when_the_loop_is_gone(void **state)
{
	struct gyre_task task = { .run = fail_run, .drop = fail_drop };
	struct gyre_inbox *inbox;

	(void)state;
	inbox = gyre_inbox_ref(gyre_loop_inbox(the_loop));
	close_and_free(the_loop);
	the_loop = NULL;
	assert_int_equal(gyre_inbox_post(inbox, &task), -ESHUTDOWN);
	gyre_inbox_unref(inbox);
}

/* -- from one loop to another --------------------------------------------- */

static struct gyre_loop *other;

static void
stop_other(void *word)
{
	if (word != NULL)
		trace(word);
	gyre_loop_stop(other);
}

static int
send_to_other(const char *word, gyre_callback_fn fn)
{
	return gyre_loop_add_callback_drop(other, fn, (void *)(uintptr_t)word,
					   trace_drop);
}

static void
close_other_elsewhere(void *arg)
{
	(void)arg;
	CHECK(gyre_loop_close(other, false) == 0);
}

static void
send_and_close_other(void *word)
{
	assert_int_equal(send_to_other(word, trace_arg), 0);
	elsewhere(close_other_elsewhere, NULL);
	/* It is closed for all to see: from now on the answer is no. */
	assert_int_equal(send_to_other("refused", trace_arg), -ESHUTDOWN);
	trace("sent");
}

static void
what_was_accepted_for_a_loop_that_closes_is_dropped_here(void **state)
{
	struct gyre_loop_stats stats;

	(void)state;
	other = stage_loop();
	add_callback(send_and_close_other, "message");
	call_later(0, stop_callback, "timeout");
	run();
	assert_trace("sent message stopped timeout");
	gyre_loop_get_stats(the_loop, &stats);
	assert_int_equal(stats.undelivered, 1);
	gyre_loop_free(other);
}

static void
send_two(void *arg)
{
	(void)arg;
	assert_int_equal(send_to_other("one", trace_arg), 0);
	assert_int_equal(send_to_other("two", stop_other), 0);
	gyre_loop_stop(the_loop);
}

static void
what_a_loop_sends_arrives_at_the_end_of_the_batch(void **state)
{
	struct gyre_loop_stats stats;

	(void)state;
	other = stage_loop();
	add_callback(send_two, NULL);
	run();
	assert_trace("");
	assert_int_equal(gyre_loop_start(other), 0);
	assert_trace("one two");
	gyre_loop_get_stats(the_loop, &stats);
	assert_int_equal(stats.flushes, 1);
	assert_int_equal(stats.sent, 2);
	close_and_free(other);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STAGE_TEST(what_ran_is_not_dropped),
		STAGE_TEST(an_inbox_that_is_kept_refuses_when_the_loop_is_gone),
		STAGE_TEST(
			what_was_accepted_for_a_loop_that_closes_is_dropped_here),
		STAGE_TEST(what_a_loop_sends_arrives_at_the_end_of_the_batch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
