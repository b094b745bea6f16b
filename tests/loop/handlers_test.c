/*
 * Handlers, on the stage: what goes beyond what is documented of them.
 */
#include "tests/support/loop_fixture.h"

/* How many polls a run still has; the last handler of a batch is 15. */
static unsigned polls_left;

static void
count_poll(void)
{
	if (--polls_left == 0)
		gyre_loop_stop(the_loop);
}

static void
say_poll(void)
{
	trace("|");
	count_poll();
}

/* Run so many polls and their handlers; each says "|" before them. */
static void
run_polls(unsigned count)
{
	polls_left = count;
	stage.on_wait = say_poll;
	run();
	stage.on_wait = NULL;
}

static int
set(int fd, unsigned events, const char *word)
{
	return set_handler(fd, events, trace_handler, word);
}

static void
handlers_outlive_a_stop(void **state)
{
	struct gyre_loop_stats stats;

	(void)state;
	stage.ready[3] = GYRE_READ;
	handle(3, GYRE_READ, trace_handler, "3");
	run_polls(1);
	run_polls(1);
	assert_trace("| 3 | 3");
	gyre_loop_get_stats(the_loop, &stats);
	assert_int_equal(stats.handlers_run, 2);
	assert_int_equal(stats.polls, 2);
}

static void
set_adds_or_replaces_handler_and_events(void **state)
{
	struct gyre_loop_stats stats;

	(void)state;
	stage.ready[3] = GYRE_READ;
	assert_int_equal(set(3, GYRE_READ, "first"), 0);
	run_polls(1);
	assert_int_equal(set(3, GYRE_READ, "second"), 0);
	run_polls(1);
	assert_int_equal(set(3, GYRE_WRITE, "writer"), 0);
	run_polls(1);
	stage.ready[3] = GYRE_WRITE;
	run_polls(1);
	assert_trace("| first | second | | writer");
	gyre_loop_get_stats(the_loop, &stats);
	assert_int_equal(stats.handlers, 1);
}

static void
what_set_refuses_stays_as_it_was(void **state)
{
	(void)state;
	stage.ready[3] = GYRE_READ;
	handle(3, GYRE_READ, trace_handler, "3");
	assert_int_equal(set(3, GYRE_READ | 0x80000000u, "x"), -EINVAL);
	assert_int_equal(set(-1, GYRE_READ, "x"), -EBADF);
	assert_int_equal(set(STAGE_FDS, GYRE_READ, "x"), -EBADF);
	run_polls(1);
	assert_trace("| 3");
}

static void
set_4(int fd, unsigned events, void *word)
{
	(void)fd;
	(void)events;
	trace(word);
	assert_int_equal(set(4, GYRE_READ, "new"), 0);
	gyre_loop_remove_handler(the_loop, 3);
}

static void
one_set_in_the_batch_waits_for_its_own_event(void **state)
{
	(void)state;
	stage.ready[3] = GYRE_READ;
	stage.ready[4] = GYRE_READ;
	handle(3, GYRE_READ, set_4, "3");
	handle(4, GYRE_READ, trace_handler, "old");
	run_polls(2);
	assert_trace("| 3 | new");
}

static void
remove_4(int fd, unsigned events, void *arg)
{
	(void)fd;
	(void)events;
	(void)arg;
	assert_int_equal(gyre_loop_remove_handler(the_loop, 4), 0);
}

static void
add_4(int fd, unsigned events, void *arg)
{
	(void)fd;
	(void)events;
	handle(4, GYRE_READ, trace_handler, arg);
}

static void
add_4_anew(int fd, unsigned events, void *arg)
{
	remove_4(fd, events, arg);
	add_4(fd, events, arg);
}

/* The stage is one poller and would complain of a second. */
static void
events_that_were_collected_before_are_no_reason_for_another_poller(void **state)
{
	struct gyre_loop_stats stats;

	(void)state;
	for (int fd = 3; fd <= 5; fd++)
		stage.ready[fd] = GYRE_READ;
	stage.on_wait = count_poll;
	/* Before its event, and around it. */
	handle(3, GYRE_READ, add_4_anew, "never");
	handle(4, GYRE_READ, trace_handler, "never");
	polls_left = 100;
	run();
	gyre_loop_remove_handler(the_loop, 3);
	handle(3, GYRE_READ, remove_4, NULL);
	handle(5, GYRE_READ, add_4, "never");
	polls_left = 100;
	run();
	gyre_loop_get_stats(the_loop, &stats);
	assert_int_equal(stats.poller_changes, 0);
	assert_int_equal(stats.handlers_run, 300);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STAGE_TEST(handlers_outlive_a_stop),
		STAGE_TEST(set_adds_or_replaces_handler_and_events),
		STAGE_TEST(what_set_refuses_stays_as_it_was),
		STAGE_TEST(one_set_in_the_batch_waits_for_its_own_event),
		STAGE_TEST(
			events_that_were_collected_before_are_no_reason_for_another_poller),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
