/*
 * Callbacks and tasks, on the stage: their order, and what they need.
 */
#include "tests/support/loop_fixture.h"

/* -- order ---------------------------------------------------------------- */

struct counted {
	struct gyre_task task;
	unsigned number;
};

#define MIXED         700
#define MIXED_DROPPED 400 /* four in seven */

static struct counted items[MIXED];
static unsigned next_number;
static unsigned dropped_count;

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

/* Those without a drop function are skipped. */
static void
count_drop(void *item, enum gyre_drop_reason reason)
{
	unsigned number = ((struct counted *)item)->number;

	CHECK(reason == GYRE_DROP_STOPPED);
	CHECK(number >= next_number);
	next_number = number + 1;
	dropped_count++;
}

static void
drop_counted_task(struct gyre_task *task, enum gyre_drop_reason reason)
{
	count_drop(task, reason);
}

/* Callbacks, callbacks with a drop function and tasks, by turns. */
static int
post_item(struct gyre_loop *loop, struct counted *item)
{
	switch (item->number % 7 % 3) {
	case 0:
		return gyre_loop_add_callback(loop, count_up, item);
	case 1:
		return gyre_loop_add_callback_drop(loop, count_up, item,
						   count_drop);
	default:
		item->task.run = count_task;
		item->task.drop = drop_counted_task;
		return gyre_inbox_post(gyre_loop_inbox(loop), &item->task);
	}
}

static void
post_items(void *loop)
{
	next_number = 0;
	dropped_count = 0;
	for (unsigned i = 0; i < MIXED; i++) {
		items[i].number = i;
		CHECK(post_item(loop, &items[i]) == 0);
	}
}

static void
post_items_elsewhere(void *loop)
{
	elsewhere(post_items, loop);
}

static void
callbacks_and_tasks_run_in_the_order_of_their_posts(void **state)
{
	(void)state;
	post_items(the_loop);
	run();
	assert_int_equal(next_number, MIXED);
	post_items_elsewhere(the_loop);
	run();
	assert_int_equal(next_number, MIXED);
	assert_int_equal(gyre_loop_add_callback(the_loop, post_items, the_loop),
			 0);
	run();
	assert_int_equal(next_number, MIXED);
	assert_int_equal(gyre_loop_add_callback(the_loop, post_items_elsewhere,
						the_loop),
			 0);
	run();
	assert_int_equal(next_number, MIXED);
}

static void
the_same_callback_runs_as_often_as_it_was_added(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++)
		add_callback(trace_arg, "again");
	run_once();
	assert_trace("again again again");
}

static void
add_and_say(void *word)
{
	add_callback(stop_callback, word);
	trace("added");
}

static void
a_callback_never_runs_inside_the_add(void **state)
{
	(void)state;
	add_callback(add_and_say, "ran");
	run();
	assert_trace("added ran");
}

static void
next_sum(void *sum)
{
	++*(unsigned *)sum;
}

static void
add_a_hundred_thousand(void *arg)
{
	unsigned *sum = arg;

	for (unsigned i = 0; i < 100000; i++)
		CHECK(gyre_loop_add_callback(the_loop, next_sum, sum) == 0);
}

static void
many_wait_for_the_first_start(void **state)
{
	unsigned sum = 0;

	(void)state;
	add_a_hundred_thousand(&sum);
	elsewhere(add_a_hundred_thousand, &sum);
	run_once();
	assert_int_equal(sum, 200000);
	assert_int_equal(fake_counts().writes, 0);
}

static void
what_waits_at_close_is_dropped_in_order_and_not_run(void **state)
{
	(void)state;
	for (int from_elsewhere = 0; from_elsewhere < 2; from_elsewhere++) {
		if (from_elsewhere)
			post_items_elsewhere(the_loop);
		else
			post_items(the_loop);
		assert_int_equal(gyre_loop_close(the_loop, false), 0);
		assert_int_equal(dropped_count, MIXED_DROPPED);
		gyre_loop_free(the_loop);
		the_loop = stage_loop();
	}
}

/* -- memory --------------------------------------------------------------- */

static void *
no_memory(size_t size, size_t align)
{
	(void)size;
	(void)align;
	return NULL;
}

static void
add_without_memory(void *word)
{
	struct counted *item = &items[0];
	void *(*allocate)(size_t, size_t) = fake_sys.allocate;

	fake_sys.allocate = no_memory;
	CHECK(gyre_loop_add_callback(the_loop, trace_arg, word) == -ENOMEM);
	CHECK(gyre_loop_add_callback_drop(the_loop, trace_arg, word,
					  trace_drop) == -ENOMEM);
	/* A task brings its own. */
	item->number = next_number;
	item->task.run = count_task;
	item->task.drop = drop_counted_task;
	CHECK(gyre_inbox_post(gyre_loop_inbox(the_loop), &item->task) == 0);
	fake_sys.allocate = allocate;
}

static void
without_memory_callbacks_are_refused_and_tasks_are_not(void **state)
{
	struct gyre_loop_stats stats;

	(void)state;
	next_number = 0;
	elsewhere(add_without_memory, NULL);
	run_once();
	assert_int_equal(next_number, 1);
	add_callback(add_without_memory, NULL);
	add_callback(trace_arg, "next");
	run_once();
	run_once();
	assert_trace("next");
	assert_int_equal(next_number, 2);
	gyre_loop_get_stats(the_loop, &stats);
	assert_int_equal(stats.posted, stats.run + stats.waiting);
}

static void
do_nothing(void *arg)
{
	(void)arg;
}

static unsigned rounds_left;

static void
add_many_again(void *arg)
{
	/* More than a block holds. */
	for (int i = 0; i < 50; i++)
		add_callback(do_nothing, NULL);
	call_later(0, do_nothing, NULL);
	if (--rounds_left == 0)
		gyre_loop_stop(the_loop);
	else
		add_callback(add_many_again, arg);
}

static void
a_warm_loop_allocates_nothing(void **state)
{
	void *(*allocate)(size_t, size_t) = fake_sys.allocate;

	(void)state;
	for (int warm = 0; warm < 2; warm++) {
		if (warm)
			fake_sys.allocate = no_memory;
		rounds_left = 100;
		add_callback(add_many_again, NULL);
		run();
	}
	fake_sys.allocate = allocate;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STAGE_TEST(callbacks_and_tasks_run_in_the_order_of_their_posts),
		STAGE_TEST(the_same_callback_runs_as_often_as_it_was_added),
		STAGE_TEST(a_callback_never_runs_inside_the_add),
		STAGE_TEST(many_wait_for_the_first_start),
		STAGE_TEST(what_waits_at_close_is_dropped_in_order_and_not_run),
		STAGE_TEST(
			without_memory_callbacks_are_refused_and_tasks_are_not),
		STAGE_TEST(a_warm_loop_allocates_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
