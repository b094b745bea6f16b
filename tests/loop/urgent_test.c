/*
 * The urgent lane: what overtakes.
 */
#include "tests/support/loop_fixture.h"

struct urgent {
	struct gyre_task task;
	const char *word;
};

static void
run_urgent(struct gyre_task *task)
{
	trace(((struct urgent *)task)->word);
}

static void
drop_urgent(struct gyre_task *task, enum gyre_drop_reason reason)
{
	trace(((struct urgent *)task)->word);
	trace(gyre_drop_reason_name(reason));
}

static struct urgent first = { { NULL, run_urgent, drop_urgent }, "urgent" };
static struct urgent second = { { NULL, run_urgent, drop_urgent }, "too" };

static int
post(struct urgent *urgent)
{
	return gyre_inbox_post_urgent(gyre_loop_inbox(the_loop), &urgent->task);
}

static void
post_both(void *word)
{
	trace_arg(word);
	CHECK(post(&first) == 0);
	CHECK(post(&second) == 0);
}

static void
post_both_elsewhere(void *word)
{
	elsewhere(post_both, word);
}

static void
post_both_in_a_handler(int fd, unsigned events, void *word)
{
	(void)events;
	stage.ready[fd] = 0;
	post_both(word);
}

static void
it_overtakes_the_callbacks_of_the_batch(void **state)
{
	(void)state;
	add_callback(trace_arg, "1");
	add_callback(post_both, "2");
	add_callback(trace_arg, "3");
	run_once();
	assert_trace("1 2 urgent too 3");
	add_callback(post_both_elsewhere, "2");
	add_callback(trace_arg, "3");
	run_once();
	assert_trace("2 urgent too 3");
}

static void
it_overtakes_the_due_timeouts(void **state)
{
	(void)state;
	call_at(1, post_both, "1");
	call_at(2, trace_arg, "2");
	run_once();
	assert_trace("1 urgent too 2");
}

static void
it_overtakes_the_ready_handlers(void **state)
{
	(void)state;
	handle(3, GYRE_READ, post_both_in_a_handler, "1");
	handle(4, GYRE_READ, stop_handler, "2");
	stage.ready[3] = GYRE_READ;
	stage.ready[4] = GYRE_READ;
	run();
	assert_trace("1 urgent too 2");
}

static void
post_and_stop_soon(void)
{
	stage.on_wait = NULL;
	elsewhere(post_both, NULL);
	call_later(0, stop_callback, NULL);
}

static void
it_wakes_a_loop_that_sleeps(void **state)
{
	(void)state;
	stage.on_wait = post_and_stop_soon;
	run();
	assert_int_equal(stage.polls, 1);
	assert_int_equal(fake_counts().writes, 1);
	assert_trace("urgent too");
}

static void
before_the_start_it_waits_for_it(void **state)
{
	(void)state;
	add_callback(trace_arg, "1");
	post_both(NULL);
	run_once();
	assert_trace("urgent too 1");
}

static void
each_counts_once_and_the_poke_not(void **state)
{
	struct gyre_loop_stats stats;

	(void)state;
	post_both(NULL);
	gyre_loop_stop(the_loop);
	run();
	add_callback(stop_callback, NULL);
	run();
	assert_trace("urgent too");
	gyre_loop_get_stats(the_loop, &stats);
	assert_int_equal(stats.posted, 3);
	assert_int_equal(stats.run, 3);
}

static void
abort_run(void *word)
{
	post_both(word);
	gyre_loop_abort(the_loop, -EINTR);
}

static void
an_abort_keeps_it(void **state)
{
	(void)state;
	add_callback(abort_run, "aborted");
	add_callback(trace_arg, "left");
	assert_int_equal(gyre_loop_start(the_loop), -EINTR);
	assert_trace("aborted");
	run_once();
	assert_trace("urgent too left");
}

static void
close_drops_it_and_then_refuses_it(void **state)
{
	(void)state;
	post_both(NULL);
	assert_int_equal(gyre_loop_close(the_loop, false), 0);
	assert_trace("urgent stopped too stopped");
	assert_int_equal(post(&first), -ESHUTDOWN);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STAGE_TEST(it_overtakes_the_callbacks_of_the_batch),
		STAGE_TEST(it_overtakes_the_due_timeouts),
		STAGE_TEST(it_overtakes_the_ready_handlers),
		STAGE_TEST(it_wakes_a_loop_that_sleeps),
		STAGE_TEST(before_the_start_it_waits_for_it),
		STAGE_TEST(each_counts_once_and_the_poke_not),
		STAGE_TEST(an_abort_keeps_it),
		STAGE_TEST(close_drops_it_and_then_refuses_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
