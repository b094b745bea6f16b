/*
 * What the rooms above hang on a loop, on the stage: end-of-batch work, and
 * dependents that are closed with it.
 */
#include "tests/support/loop_fixture.h"

#include "loop/loop.h"

struct work {
	struct gyre__batch_end end; /* first */
	const char *word;
	struct work *adds; /* queued by its run */
	unsigned times;    /* how often it queues itself again */
};

static void
run_work(struct gyre__batch_end *end)
{
	struct work *work = (struct work *)end;

	assert_false(end->queued);
	trace(work->word);
	if (work->adds != NULL)
		gyre__loop_at_batch_end(the_loop, &work->adds->end);
	if (work->times > 0 && --work->times > 0)
		gyre__loop_at_batch_end(the_loop, end);
}

static struct work
make_work(const char *word)
{
	return (struct work){ .end = { .run = run_work }, .word = word };
}

static void
queue_callback(void *work)
{
	gyre__loop_at_batch_end(the_loop, &((struct work *)work)->end);
	trace("q");
}

static void
queue_handler(int fd, unsigned events, void *work)
{
	(void)events;
	queue_callback(work);
	add_callback(trace_arg, "next batch");
	gyre_loop_remove_handler(the_loop, fd);
}

static void
add(gyre_callback_fn fn, struct work *work)
{
	assert_int_equal(gyre_loop_add_callback(the_loop, fn, work), 0);
}

/* -- end-of-batch work ---------------------------------------------------- */

static void
it_runs_once_after_each_kind_of_batch(void **state)
{
	struct work of_callback = make_work("callback");
	struct work of_timeout = make_work("timeout");
	struct work of_handler = make_work("handler");

	(void)state;
	stage.ready[3] = GYRE_READ;
	stage.ready[4] = GYRE_READ;
	add(queue_callback, &of_callback);
	add(queue_callback, &of_callback);
	add_callback(trace_arg, ".");
	assert_int_equal(gyre_loop_call_later(the_loop, 0, queue_callback,
					      &of_timeout, NULL),
			 0);
	call_later(0, trace_arg, ".");
	assert_int_equal(gyre_loop_add_handler(the_loop, 3, GYRE_READ,
					       queue_handler, &of_handler),
			 0);
	handle(4, GYRE_READ, stop_handler, ".");
	run();
	assert_trace("q q . callback q . timeout q . handler next batch");
}

static void
work_queued_by_work_runs_in_the_same_end(void **state)
{
	struct work first = make_work("first");
	struct work second = make_work("second");

	(void)state;
	first.adds = &second;
	second.times = 3;
	add(queue_callback, &first);
	call_later(0, stop_callback, "timeout");
	run();
	assert_trace("q first second second second timeout");
}

static struct work *cancelled;

static void
cancel(void *word)
{
	gyre__loop_cancel_batch_end(the_loop, &cancelled->end);
	assert_false(cancelled->end.queued);
	if (word != NULL)
		trace(word);
}

static void
what_is_cancelled_does_not_run_and_the_others_do(void **state)
{
	struct work works[] = { make_work("0"), make_work("1"),
				make_work("2") };
	struct work never = make_work("never");

	(void)state;
	gyre__loop_cancel_batch_end(the_loop, &never.end);
	for (int i = 0; i < 3; i++) {
		for (int j = 0; j < 3; j++)
			add(queue_callback, &works[j]);
		cancelled = &works[i];
		add_callback(cancel, NULL);
		add_callback(cancel, NULL);
		/* The chain is whole: one more goes to its end. */
		add(queue_callback, &works[i]);
		run_once();
	}
	assert_trace("q q q q 1 2 0 q q q q 0 2 1 q q q q 0 1 2");
}

static struct gyre_loop *receiver;

static void
send_at_end(struct gyre__batch_end *end)
{
	(void)end;
	assert_int_equal(gyre_loop_add_callback(receiver, trace_arg, NULL), 0);
}

static void
what_it_sends_is_flushed_before_the_loop_sleeps(void **state)
{
	struct work work = make_work("sent");
	struct gyre_loop_stats stats;

	(void)state;
	receiver = stage_loop();
	work.end.run = send_at_end;
	add(queue_callback, &work);
	call_later(GYRE_MS(1), stop_callback, "q");
	run();
	assert_trace("q q");
	gyre_loop_get_stats(the_loop, &stats);
	assert_int_equal(stats.sent, 1);
	assert_int_equal(stats.sleeps, 1);
	close_and_free(receiver);
}

static struct work *dropped_to;

static void
drop_to_end(void *arg, enum gyre_drop_reason reason)
{
	trace_drop(arg, reason);
	gyre__loop_at_batch_end(the_loop, &dropped_to->end);
}

static void
close_receiver(void *arg)
{
	(void)arg;
	close_and_free(receiver);
}

static void
send_and_close_receiver(void *word)
{
	assert_int_equal(gyre_loop_add_callback_drop(receiver, trace_arg, word,
						     drop_to_end),
			 0);
	elsewhere(close_receiver, NULL);
}

static void
what_a_drop_function_queues_runs_before_the_loop_sleeps(void **state)
{
	struct work work = make_work("work");

	(void)state;
	receiver = stage_loop();
	dropped_to = &work;
	add_callback(send_and_close_receiver, "message");
	call_later(GYRE_MS(1), stop_callback, "timeout");
	run();
	assert_trace("message stopped work timeout");
}

static void
raise_at_end(struct gyre__batch_end *end)
{
	(void)end;
	gyre_raise(-EIO, "at the end");
}

static void
what_it_raises_is_put_down_to_nobody_else(void **state)
{
	struct gyre_loop_stats stats;
	struct work work = make_work("raised");

	(void)state;
	work.end.run = raise_at_end;
	add(queue_callback, &work);
	run_once();
	assert_trace("q");
	assert_null(gyre_exception());
	gyre_loop_get_stats(the_loop, &stats);
	assert_int_equal(stats.exceptions, 1);
}

static void
work_queued_while_nobody_runs_it_is_done_at_close(void **state)
{
	struct work work = make_work("late");

	(void)state;
	gyre__loop_at_batch_end(the_loop, &work.end);
	assert_int_equal(gyre_loop_close(the_loop, false), 0);
	assert_trace("late");
}

/* -- dependents ----------------------------------------------------------- */

static char cb_word[] = "cb";

struct thing {
	struct gyre__dependent dependent; /* first */
	const char *word;
	struct work *work; /* queued by its close */
};

static void
close_thing(struct gyre__dependent *dependent)
{
	struct thing *thing = (struct thing *)dependent;

	trace(thing->word);
	gyre__loop_remove_dependent(dependent);
	assert_int_equal(gyre_loop_add_callback_drop(the_loop, trace_arg,
						     cb_word, trace_drop),
			 0);
	if (thing->work != NULL)
		gyre__loop_at_batch_end(the_loop, &thing->work->end);
}

static void
dependents_are_closed_with_the_loop_and_what_they_add_is_dropped(void **state)
{
	struct work work = make_work("flush");
	struct thing things[4] = {
		{ { .close = close_thing }, "0", NULL },
		{ { .close = close_thing }, "1", &work },
		{ { .close = close_thing }, "2", NULL },
		{ { .close = close_thing }, "3", NULL },
	};

	(void)state;
	for (int i = 0; i < 4; i++)
		gyre__loop_add_dependent(the_loop, &things[i].dependent);
	/* From the middle, the newest end, and again. */
	gyre__loop_remove_dependent(&things[2].dependent);
	gyre__loop_remove_dependent(&things[3].dependent);
	assert_int_equal(gyre_loop_close(the_loop, false), 0);
	assert_trace("1 0 flush cb stopped cb stopped");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STAGE_TEST(it_runs_once_after_each_kind_of_batch),
		STAGE_TEST(work_queued_by_work_runs_in_the_same_end),
		STAGE_TEST(what_is_cancelled_does_not_run_and_the_others_do),
		STAGE_TEST(what_it_sends_is_flushed_before_the_loop_sleeps),
		STAGE_TEST(
			what_a_drop_function_queues_runs_before_the_loop_sleeps),
		STAGE_TEST(what_it_raises_is_put_down_to_nobody_else),
		STAGE_TEST(work_queued_while_nobody_runs_it_is_done_at_close),
		STAGE_TEST(
			dependents_are_closed_with_the_loop_and_what_they_add_is_dropped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
