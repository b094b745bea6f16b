/*
 * The memory that callbacks and tasks need, on the stage.
 */
#include "tests/support/loop_fixture.h"

#include "bus/outbox.h"

static void *
no_memory(size_t size, size_t align)
{
	(void)size;
	(void)align;
	return NULL;
}

static unsigned tasks_run;

static void
run_task(struct gyre_task *task)
{
	(void)task;
	tasks_run++;
}

static void
drop_task(struct gyre_task *task, enum gyre_drop_reason reason)
{
	(void)task;
	(void)reason;
	CHECK(false);
}

static struct gyre_task task = { .run = run_task, .drop = drop_task };

static void
do_nothing(void *arg)
{
	(void)arg;
}

static void
add_without_memory(void *word)
{
	void *(*allocate)(size_t, size_t) = fake_sys.allocate;

	fake_sys.allocate = no_memory;
	CHECK(gyre_loop_add_callback(the_loop, trace_arg, word) == -ENOMEM);
	CHECK(gyre_loop_add_callback_drop(the_loop, trace_arg, word,
					  trace_drop) == -ENOMEM);
	/* A task brings its own. */
	CHECK(gyre_inbox_post(gyre_loop_inbox(the_loop), &task) == 0);
	fake_sys.allocate = allocate;
}

static void
without_memory_callbacks_are_refused_and_tasks_are_not(void **state)
{
	struct gyre_loop_stats stats;

	(void)state;
	tasks_run = 0;
	/* What a thread without a loop finds there is soon used up. */
	for (int i = 0; i < GYRE__CELL_CHUNK_FIRST; i++)
		assert_int_equal(gyre__send_cell(gyre_loop_inbox(the_loop),
						 do_nothing, NULL, NULL),
				 0);
	elsewhere(add_without_memory, NULL);
	run_once();
	assert_int_equal(tasks_run, 1);
	add_callback(add_without_memory, NULL);
	add_callback(trace_arg, "next");
	run_once();
	run_once();
	assert_trace("next");
	assert_int_equal(tasks_run, 2);
	gyre_loop_get_stats(the_loop, &stats);
	assert_int_equal(stats.posted, stats.run + stats.waiting);
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
		STAGE_TEST(
			without_memory_callbacks_are_refused_and_tasks_are_not),
		STAGE_TEST(a_warm_loop_allocates_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
