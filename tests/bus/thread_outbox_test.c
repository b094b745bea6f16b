/* An outbox of a thread that runs no loop: as this one outside of its
 * stand-ins. */
#include <gyre/outbox.h>

#include "tests/bus/fixture.h"

#define MANY 1000

static struct stand_in a;
static struct stand_in b;
static struct gyre_outbox *outbox;
static char last_line[256];

static void
keep_line(enum gyre_log_level level, const char *line, void *arg)
{
	(void)level;
	(void)arg;
	snprintf(last_line, sizeof(last_line), "%s", line);
}

static int
make(void)
{
	const struct gyre_outbox_options options = {
		.log = { .fn = keep_line },
		._sys = harness_sys(),
	};

	return gyre_outbox_new(&options, &outbox);
}

static int
set_up(void **state)
{
	bus_set_up(state);
	stand_in_open(&a);
	stand_in_open(&b);
	assert_int_equal(make(), 0);
	return 0;
}

static int
tear_down(void **state)
{
	harness_pretend_fork(false);
	gyre_outbox_free(outbox);
	outbox = NULL;
	stand_in_end(&a);
	stand_in_end(&b);
	return bus_tear_down(state);
}

static int
add(struct stand_in *to, const char *word)
{
	return gyre_outbox_add_callback(outbox, to->inbox, say_arg,
					argument(word));
}

static int
add_droppable(struct stand_in *to, const char *word)
{
	return gyre_outbox_add_callback_drop(outbox, to->inbox, say_arg,
					     argument(word), say_dropped);
}

static void
fall_asleep(struct stand_in *stand_in)
{
	enter(stand_in);
	gyre__outbox_receive(&stand_in->outbox);
	assert_true(gyre__inbox_arm(stand_in->inbox));
	leave(stand_in);
}

/* -- sending --------------------------------------------------------------- */

static void
what_was_added_leaves_with_the_flush_in_order(void **state)
{
	struct message two = message("two");

	(void)state;
	fall_asleep(&a);
	assert_int_equal(add(&a, "one"), 0);
	assert_int_equal(gyre_outbox_add_task(outbox, a.inbox, &two.task), 0);
	assert_int_equal(add(&a, "three"), 0);
	assert_int_equal(add(&b, "other"), 0);
	assert_int_equal(a.bell.rings, 0);
	assert_true(gyre__inbox_is_empty(a.inbox));
	gyre_outbox_flush(outbox);
	assert_int_equal(a.bell.rings, 1);
	step(&a);
	assert_trace("one two three");
	step(&b);
	assert_trace("other");
	assert_int_equal(a.outbox.batches, 1);
	gyre_outbox_flush(outbox);
	step(&a);
	assert_trace("");
}

static void
so_many_leave_by_themselves(void **state)
{
	(void)state;
	for (unsigned i = 1; i < GYRE_OUTBOX_MESSAGES_MAX; i++)
		assert_int_equal(add(&a, "x"), 0);
	assert_true(gyre__inbox_is_empty(a.inbox));
	assert_int_equal(add(&a, "x"), 0);
	assert_false(gyre__inbox_is_empty(a.inbox));
	step(&a);
	forget_trace();
	assert_int_equal(a.outbox.run, GYRE_OUTBOX_MESSAGES_MAX);
}

static void
freeing_it_flushes(void **state)
{
	(void)state;
	assert_int_equal(add(&a, "last"), 0);
	gyre_outbox_free(outbox);
	outbox = NULL;
	step(&a);
	assert_trace("last");
	gyre_outbox_free(NULL);
}

/* -- memory ---------------------------------------------------------------- */

/* Some that are flushed, and some that leave by themselves. */
static void
send_many(void)
{
	for (unsigned i = 0; i < MANY; i++) {
		assert_int_equal(add(&a, "x"), 0);
		if (i < MANY / 2 && i % 16 == 0)
			gyre_outbox_flush(outbox);
		if (i % 100 == 0)
			step(&a);
	}
	gyre_outbox_flush(outbox);
	step(&a);
	forget_trace();
}

static void
once_warm_it_allocates_nothing(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 10; i++)
		send_many();
	harness_fail_all(FAULT_ALLOCATE);
	for (unsigned i = 0; i < 10; i++)
		send_many();
	assert_false(harness_has_failed());
	harness_fail_all(0);
	assert_int_equal(a.outbox.run, 20 * MANY);
}

static void
blocks_that_are_out_outlive_it(void **state)
{
	(void)state;
	for (unsigned i = 0; i < MANY; i++)
		assert_int_equal(add(&a, "x"), 0);
	gyre_outbox_free(outbox);
	outbox = NULL;
	step(&a);
	forget_trace();
	assert_int_equal(a.outbox.run, MANY);
}

static void
without_memory_nothing_is_taken(void **state)
{
	struct message task = message("task");

	(void)state;
	gyre_outbox_free(outbox);
	outbox = NULL;
	for (unsigned n = 1; n <= 2; n++) {
		harness_fail(FAULT_ALLOCATE, n);
		assert_int_equal(make(), -ENOMEM);
		assert_true(harness_has_failed());
		assert_null(outbox);
	}
	assert_int_equal(make(), 0);
	for (unsigned n = 1; n <= 2; n++) {
		harness_fail(FAULT_ALLOCATE, n); /* the lane; the block */
		assert_int_equal(add_droppable(&a, "callback"), -ENOMEM);
		assert_true(harness_has_failed());
	}
	harness_fail(FAULT_ALLOCATE, 1);
	assert_int_equal(gyre_outbox_add_task(outbox, b.inbox, &task.task), 0);
	assert_true(harness_has_failed());
	gyre_outbox_flush(outbox);
	step(&a);
	step(&b);
	assert_trace("task");
}

/* -- who takes nothing ----------------------------------------------------- */

static void
a_closed_inbox_refuses_at_once(void **state)
{
	struct message task = message("task");

	(void)state;
	stand_in_close(&a);
	assert_int_equal(add_droppable(&a, "x"), -ESHUTDOWN);
	assert_int_equal(gyre_outbox_add_task(outbox, a.inbox, &task.task),
			 -ESHUTDOWN);
	gyre_outbox_flush(outbox);
	assert_trace("");
}

static void
what_finds_it_closed_is_dropped_in_the_flush(void **state)
{
	struct message two = message("two");

	(void)state;
	assert_int_equal(add_droppable(&a, "one"), 0);
	assert_int_equal(gyre_outbox_add_task(outbox, a.inbox, &two.task), 0);
	assert_int_equal(add_droppable(&b, "other"), 0);
	stand_in_close(&a);
	assert_trace("");
	gyre_outbox_flush(outbox);
	assert_trace("one!stopped two!stopped");
	step(&b);
	assert_trace("other");
}

static void
what_was_sent_and_does_not_run_is_dropped_there(void **state)
{
	(void)state;
	assert_int_equal(add_droppable(&a, "one"), 0);
	gyre_outbox_flush(outbox);
	stand_in_close(&a);
	assert_trace("one!stopped");
}

static void
add_instead(void *word, enum gyre_drop_reason reason)
{
	say_dropped(word, reason);
	assert_int_equal(add(&b, "instead"), 0);
	assert_int_equal(add(&a, "again"), -ESHUTDOWN);
	gyre_raise(-EIO, "what a pity");
}

static void
a_drop_function_may_add_and_raise(void **state)
{
	(void)state;
	assert_int_equal(gyre_outbox_add_callback_drop(outbox, a.inbox, say_arg,
						       argument("one"),
						       add_instead),
			 0);
	stand_in_close(&a);
	gyre_outbox_flush(outbox);
	assert_trace("one!stopped");
	step(&b);
	assert_trace("instead");
	assert_non_null(strstr(last_line, "what a pity"));
	assert_null(gyre_exception());
}

static void
one_that_is_quiet_refuses_what_comes_from_outside(void **state)
{
	struct message task = message("task");

	(void)state;
	assert_int_equal(add(&a, "before"), 0);
	gyre__inbox_admit_insiders(a.inbox);
	assert_int_equal(add(&a, "after"), -ESHUTDOWN);
	assert_int_equal(gyre_outbox_add_task(outbox, a.inbox, &task.task),
			 -ESHUTDOWN);
	gyre_outbox_flush(outbox);
	step(&a);
	assert_trace("before");
}

static void
a_fork_sends_nothing_of_it(void **state)
{
	(void)state;
	assert_int_equal(add(&a, "parent's"), 0);
	harness_pretend_fork(true);
	assert_int_equal(add(&a, "child's"), -EPERM);
	gyre_outbox_flush(outbox);
	assert_true(gyre__inbox_is_empty(a.inbox));
	harness_pretend_fork(false);
	gyre_outbox_flush(outbox);
	step(&a);
	assert_trace("parent's");
}

static void
add_in_a_loop(void *arg)
{
	(void)arg;
	enter(&a);
	(void)!add(&b, "x");
}

static void
a_thread_that_runs_a_loop_has_one_already(void **state)
{
	(void)state;
	assert_true(aborts_saying(add_in_a_loop, NULL, "outbox"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_thread_that_runs_a_loop_has_one_already),
		TEST(what_was_added_leaves_with_the_flush_in_order),
		TEST(so_many_leave_by_themselves),
		TEST(freeing_it_flushes),
		TEST(once_warm_it_allocates_nothing),
		TEST(blocks_that_are_out_outlive_it),
		TEST(without_memory_nothing_is_taken),
		TEST(a_closed_inbox_refuses_at_once),
		TEST(what_finds_it_closed_is_dropped_in_the_flush),
		TEST(what_was_sent_and_does_not_run_is_dropped_there),
		TEST(a_drop_function_may_add_and_raise),
		TEST(one_that_is_quiet_refuses_what_comes_from_outside),
		TEST(a_fork_sends_nothing_of_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
