/*
 * An iteration: what runs in which phase, what waits for the next one, and how
 * long a poll may wait.
 */
#include "tests/support/loop_fixture.h"

#include "bus/berth.h"

/* -- the phases ------------------------------------------------------------ */

/* L32 holds: callbacks run first, then the timeouts that are due, then the
 * handlers of a poll; so what a callback adds sees a poll before its turn. */
static void
L32_callbacks_come_before_timeouts_before_handlers(void **state)
{
	(void)state;
	stage.ready[3] = GYRE_READ;
	handle(3, GYRE_READ, stop_handler, "handler");
	call_later(0, trace_arg, "timeout");
	add_callback(trace_arg, "callback");
	run();
	assert_trace("callback timeout handler");
}

static void
add_one_of_each(void *arg)
{
	(void)arg;
	handle(3, GYRE_READ, trace_handler, "handler");
	call_later(0, stop_callback, "timeout");
	add_callback(trace_arg, "callback");
}

static void
L32_what_a_callback_adds_sees_a_poll_first(void **state)
{
	(void)state;
	stage.ready[3] = GYRE_READ;
	add_callback(add_one_of_each, NULL);
	run();
	/* The timeout was not due when the iteration began. */
	assert_trace("handler callback timeout");
}

static void
post_a_stop(void *word)
{
	add_callback(stop_callback, word);
}

static void
have_a_stop_posted(void *word)
{
	elsewhere(post_a_stop, word);
	trace("posted");
}

/* L33 holds: an iteration runs the callbacks that were there when it began,
 * before it reads the clock; what any thread adds meanwhile waits for a later
 * one. */
static void
L33_what_another_thread_adds_meanwhile_waits_too(void **state)
{
	(void)state;
	stage.ready[3] = GYRE_READ;
	handle(3, GYRE_READ, trace_handler, "handler");
	add_callback(have_a_stop_posted, "late");
	add_callback(trace_arg, "second");
	call_later(0, trace_arg, "timeout");
	run();
	assert_trace("posted second timeout handler late");
}

static unsigned clock_reads;

/* The first read is the start's, the second looks for what is due. */
static int64_t
post_and_tell_time(void *arg)
{
	if (++clock_reads == 2)
		elsewhere(post_a_stop, (void *)(uintptr_t) "late");
	return stage_now(arg);
}

static void
L33_what_is_added_while_the_clock_is_read_waits(void **state)
{
	struct gyre_loop_options options = stage_options();

	(void)state;
	close_and_free(the_loop);
	options.clock.now_ns = post_and_tell_time;
	the_loop = new_loop(&options);
	add_callback(trace_arg, "callback");
	call_later(0, trace_arg, "timeout");
	clock_reads = 0;
	run();
	assert_trace("callback timeout late");
}

static void
add_again(void *count)
{
	static const char *const next[] = { [3] = "2", [2] = "1", [1] = "0" };
	const char *digit = count;

	trace(digit);
	if (digit[0] != '0')
		add_callback(add_again, next[digit[0] - '0']);
	else
		gyre_loop_stop(the_loop);
}

/* L34 holds: a callback that adds itself again and again keeps neither
 * handlers nor timeouts from running. */
static void
L34_a_callback_that_adds_itself_starves_nobody(void **state)
{
	(void)state;
	stage.ready[3] = GYRE_READ;
	handle(3, GYRE_READ, trace_handler, "handler");
	call_later(GYRE_SECONDS(-1), trace_arg, "timeout");
	add_callback(add_again, "3");
	run();
	assert_trace("3 timeout handler 2 handler 1 handler 0");
}

/* -- how long a poll waits ------------------------------------------------- */

static void
queue_a_stop(void *arg)
{
	(void)arg;
	add_callback(stop_callback, NULL);
}

/* L35 holds: the loop does not sleep while a callback is queued, whether a
 * callback, a timeout or another thread added it. */
static void
L35_no_sleep_while_a_callback_is_queued(void **state)
{
	(void)state;
	add_callback(queue_a_stop, NULL);
	run();
	call_later(0, queue_a_stop, NULL);
	run();
	assert_int_equal(stage.polls, 2);
	assert_int_equal(stage.sleeps, 0);
}

static void
L35_no_sleep_while_a_post_of_another_thread_waits(void **state)
{
	(void)state;
	call_later(0, have_a_stop_posted, "stop");
	run();
	assert_trace("posted stop");
	assert_int_equal(stage.polls, 1);
	/* It would have blocked, had the inbox let itself be armed. */
	assert_int_equal(stage.slept_ns, 0);
	assert_int_equal(fake_counts().writes, 0);
}

static void
take_three_seconds(void *arg)
{
	(void)arg;
	stage.now_ns += GYRE_SECONDS(3);
}

/* L36 holds: how long to sleep is computed by a clock that is read after the
 * callbacks and timeouts ran, so slow ones do not make a deadline late. */
static void
L36_slow_callbacks_do_not_cause_oversleep(void **state)
{
	(void)state;
	call_later(GYRE_SECONDS(10), stop_callback, NULL);
	call_later(0, take_three_seconds, NULL);
	add_callback(take_three_seconds, NULL);
	run();
	assert_int_equal(stage.polls, 1);
	assert_int_equal(stage.slept_ns, GYRE_SECONDS(4));
}

static void
L36_a_deadline_that_passed_meanwhile_is_not_slept_for(void **state)
{
	(void)state;
	call_later(GYRE_SECONDS(2), stop_callback, NULL);
	add_callback(take_three_seconds, NULL);
	run();
	assert_int_equal(stage.polls, 1);
	assert_int_equal(stage.sleeps, 0);
}

/* -- order ----------------------------------------------------------------- */

struct counted {
	struct gyre_task task;
	unsigned number;
};

#define MIXED 700

static struct counted items[MIXED];
static unsigned next_number;

static void
count_up(void *item)
{
	CHECK(((struct counted *)item)->number == next_number);
	if (++next_number == MIXED)
		gyre_loop_stop(the_loop);
}

static void
count_task(struct gyre_task *task)
{
	count_up(task);
}

static void
never_dropped(void *item, enum gyre_drop_reason reason)
{
	(void)item;
	(void)reason;
	CHECK(false);
}

static void
task_never_dropped(struct gyre_task *task, enum gyre_drop_reason reason)
{
	never_dropped(task, reason);
}

/* Callbacks, callbacks with a drop function and tasks, by turns. */
static int
post_item(struct counted *item)
{
	switch (item->number % 7 % 3) {
	case 0:
		return gyre_loop_add_callback(the_loop, count_up, item);
	case 1:
		return gyre_loop_add_callback_drop(the_loop, count_up, item,
						   never_dropped);
	default:
		item->task.run = count_task;
		item->task.drop = task_never_dropped;
		return gyre_inbox_post(gyre_loop_inbox(the_loop), &item->task);
	}
}

static void
post_items(void *arg)
{
	(void)arg;
	next_number = 0;
	for (unsigned i = 0; i < MIXED; i++) {
		items[i].number = i;
		CHECK(post_item(&items[i]) == 0);
	}
}

static void
post_items_elsewhere(void *arg)
{
	elsewhere(post_items, arg);
}

/* L37 holds: callbacks, with or without a drop function, and tasks run in the
 * order in which they were added, as often as they were. */
static void
L37_callbacks_and_tasks_run_in_the_order_of_their_posts(void **state)
{
	(void)state;
	post_items(NULL);
	run();
	assert_int_equal(next_number, MIXED);
	post_items_elsewhere(NULL);
	run();
	assert_int_equal(next_number, MIXED);
	add_callback(post_items, NULL);
	run();
	assert_int_equal(next_number, MIXED);
	add_callback(post_items_elsewhere, NULL);
	run();
	assert_int_equal(next_number, MIXED);
}

static void
L37_the_same_callback_runs_as_often_as_it_was_added(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++)
		add_callback(trace_arg, "again");
	run_once();
	assert_trace("again again again");
}

/* -- what is kept during a poll -------------------------------------------- */

/* More than there is at the berths, and in cells: the rest is allocated one by
 * one. */
#define FLOOD                                           \
	(GYRE__BERTH_BLOCKS_MAX * GYRE__BERTH_ENTRIES + \
	 (GYRE__CELL_CHUNK_FIRST << GYRE__CELL_CHUNKS_MAX))

static unsigned unused;
static unsigned sleeps;
static unsigned allocations[3];

static void
use_up(void *arg)
{
	free(arg);
	unused--;
}

static void
flood(void *arg)
{
	(void)arg;
	unused = FLOOD;
	for (unsigned i = 0; i < FLOOD; i++)
		add_callback(use_up, malloc(1));
}

static void
note_what_is_kept(void)
{
	CHECK(unused == 0);
	allocations[sleeps++] = fake_counts().allocations;
	if (sleeps < 3)
		elsewhere(flood, NULL);
	else
		gyre_loop_stop(the_loop);
}

/* L39 holds: when the loop sleeps, it keeps nothing of what has run: the
 * argument was the callback's to free, and the memory it came in is back. */
static void
L39_nothing_that_has_run_is_kept_during_a_sleep(void **state)
{
	(void)state;
	sleeps = 0;
	stage.on_wait = note_what_is_kept;
	run();
	assert_int_equal(sleeps, 3);
	/* A berth with its blocks and the cells' other chunks stay, and no
	 * more than those. */
	assert_int_equal(allocations[1], allocations[0] + 1 +
						 GYRE__BERTH_BLOCKS_MAX +
						 GYRE__CELL_CHUNKS_MAX - 1);
	assert_int_equal(allocations[2], allocations[1]);
}

/* -- polls that fail ------------------------------------------------------- */

static void
interrupt_with_work_queued(void)
{
	stage.on_wait = NULL;
	stage.fail_next = -EINTR;
	add_callback(trace_arg, "callback");
	call_later(0, trace_arg, "timeout");
}

/* L40 holds: a poll that a signal interrupts is no error: no handler runs for
 * it, and the loop goes round again, callbacks and timeouts first. */
static void
L40_an_interrupted_poll_goes_round_again(void **state)
{
	(void)state;
	stage.on_wait = interrupt_with_work_queued;
	stage.ready[3] = GYRE_READ;
	handle(3, GYRE_READ, stop_handler, "handler");
	run();
	assert_trace("callback timeout handler");
	assert_int_equal(stage.polls, 2);
}

static void
callback_with_late(void *word)
{
	trace(word);
	add_callback(trace_arg, "late");
}

/* L41 holds: a poll that fails otherwise ends start with its error. Nothing is
 * lost, and the loop can be started again. */
static void
L41_a_failed_poll_ends_the_run_and_loses_nothing(void **state)
{
	struct gyre_loop_stats stats;

	(void)state;
	for (int sleeping = 0; sleeping < 2; sleeping++) {
		stage.fail_next = -EIO;
		stage.ready[3] = GYRE_READ;
		handle(3, GYRE_READ, stop_handler, "handler");
		call_later(GYRE_MS(5), trace_arg, "timeout");
		if (!sleeping)
			add_callback(callback_with_late, "callback");
		assert_int_equal(gyre_loop_start(the_loop), -EIO);
		assert_null(gyre_loop_current(false));
		assert_trace(sleeping ? "" : "callback");
		run();
		assert_trace(sleeping ? "handler" : "late handler");
		stage.now_ns += GYRE_MS(5);
		gyre_loop_remove_handler(the_loop, 3);
		run_once();
		assert_trace("timeout");
	}
	gyre_loop_get_stats(the_loop, &stats);
	assert_int_equal(stats.posted, stats.run + stats.waiting);
	assert_int_equal(stats.arms, stats.self_disarms);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STAGE_TEST(L32_callbacks_come_before_timeouts_before_handlers),
		STAGE_TEST(L32_what_a_callback_adds_sees_a_poll_first),
		STAGE_TEST(L33_what_another_thread_adds_meanwhile_waits_too),
		STAGE_TEST(L33_what_is_added_while_the_clock_is_read_waits),
		STAGE_TEST(L34_a_callback_that_adds_itself_starves_nobody),
		STAGE_TEST(L35_no_sleep_while_a_callback_is_queued),
		STAGE_TEST(L35_no_sleep_while_a_post_of_another_thread_waits),
		STAGE_TEST(L36_slow_callbacks_do_not_cause_oversleep),
		STAGE_TEST(
			L36_a_deadline_that_passed_meanwhile_is_not_slept_for),
		STAGE_TEST(
			L37_callbacks_and_tasks_run_in_the_order_of_their_posts),
		STAGE_TEST(L37_the_same_callback_runs_as_often_as_it_was_added),
		STAGE_TEST(L39_nothing_that_has_run_is_kept_during_a_sleep),
		STAGE_TEST(L40_an_interrupted_poll_goes_round_again),
		STAGE_TEST(L41_a_failed_poll_ends_the_run_and_loses_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
