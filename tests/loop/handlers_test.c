/*
 * Handlers, on the stage, whose batches come in the order of the descriptors:
 * what a handler may do to others and to itself in the middle of one.
 */
#include "tests/support/loop_fixture.h"

/* How many polls a run still has; the last handler of a batch is 15. */
static unsigned polls_left;

static void
say_poll(void)
{
	trace("|");
	if (--polls_left == 0)
		gyre_loop_stop(the_loop);
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

static void
make_ready(int fd, unsigned events)
{
	stage.ready[fd] = events;
}

static void
trace_events(int fd, unsigned events, void *arg)
{
	char text[48];

	snprintf(text, sizeof(text), "%s:%d:%#x", (const char *)arg, fd,
		 events);
	trace(text);
}

/* -- what is delivered ---------------------------------------------------- */

static void
a_handler_gets_what_it_was_registered_with(void **state)
{
	(void)state;
	make_ready(3, GYRE_READ | GYRE_WRITE);
	handle(3, GYRE_READ, trace_events, "mine");
	run_polls(1);
	assert_trace("| mine:3:0x1");
}

static void
readiness_that_is_not_used_up_is_reported_again(void **state)
{
	(void)state;
	make_ready(3, GYRE_READ);
	handle(3, GYRE_READ, trace_handler, "r");
	run_polls(3);
	assert_trace("| r | r | r");
	make_ready(3, 0);
	call_later(1, trace_arg, "idle");
	run_polls(2);
	assert_trace("| idle |");
}

static void
read_and_write_come_in_one_call(void **state)
{
	(void)state;
	make_ready(3, GYRE_READ | GYRE_WRITE);
	handle(3, GYRE_READ | GYRE_WRITE, trace_events, "rw");
	run_polls(1);
	assert_trace("| rw:3:0x5");
}

static void
errors_come_without_being_asked_for(void **state)
{
	(void)state;
	make_ready(3, GYRE_ERROR);
	handle(3, GYRE_NONE, trace_events, "e");
	run_polls(1);
	assert_trace("| e:3:0x18");
}

/* -- registering ---------------------------------------------------------- */

static void
a_second_add_is_refused_and_changes_nothing(void **state)
{
	(void)state;
	make_ready(3, GYRE_READ | GYRE_WRITE);
	handle(3, GYRE_READ, trace_events, "first");
	assert_int_equal(gyre_loop_add_handler(the_loop, 3, GYRE_WRITE,
					       trace_events, NULL),
			 -EEXIST);
	run_polls(1);
	assert_trace("| first:3:0x1");
}

static void
what_is_not_registered_can_be_neither_updated_nor_removed(void **state)
{
	(void)state;
	handle(3, GYRE_READ, trace_handler, "3");
	for (int fd = -1; fd < 100000; fd = fd < 0 ? 4 : fd * 2) {
		assert_int_equal(
			gyre_loop_update_handler(the_loop, fd, GYRE_READ),
			-ENOENT);
		assert_int_equal(gyre_loop_remove_handler(the_loop, fd),
				 -ENOENT);
	}
	make_ready(4, GYRE_READ);
	run_polls(1);
	assert_trace("|");
}

static void
bad_descriptors_and_events_are_refused(void **state)
{
	(void)state;
	assert_int_equal(gyre_loop_add_handler(the_loop, -1, GYRE_READ,
					       trace_handler, NULL),
			 -EBADF);
	assert_int_equal(gyre_loop_add_handler(the_loop, 3,
					       GYRE_READ | 0x80000000u,
					       trace_handler, NULL),
			 -EINVAL);
	handle(3, GYRE_READ, trace_handler, "3");
	assert_int_equal(gyre_loop_update_handler(the_loop, 3, 0x2000),
			 -EINVAL);
	make_ready(3, GYRE_READ);
	run_polls(1);
	assert_trace("| 3");
}

static void
an_add_that_fails_leaves_nothing_behind(void **state)
{
	struct fake_counts before = fake_counts();

	(void)state;
	fake_fail_at(1);
	assert_int_equal(gyre_loop_add_handler(the_loop, 3, GYRE_READ,
					       trace_handler, NULL),
			 -ENOMEM);
	/* The stage refuses a number that is too high for it. */
	assert_int_equal(gyre_loop_add_handler(the_loop, INT32_MAX, GYRE_READ,
					       trace_handler, NULL),
			 -EBADF);
	assert_int_equal(fake_counts().allocations, before.allocations);
	assert_int_equal(gyre_loop_remove_handler(the_loop, 3), -ENOENT);
	make_ready(3, GYRE_READ);
	run_polls(1);
	assert_trace("|");
	/* The poller must not know it either. */
	handle(3, GYRE_READ, trace_handler, "3");
	run_polls(1);
	assert_trace("| 3");
}

static void
update_changes_the_events_and_nothing_else(void **state)
{
	(void)state;
	make_ready(3, GYRE_READ | GYRE_WRITE);
	handle(3, GYRE_READ, trace_events, "x");
	assert_int_equal(gyre_loop_update_handler(the_loop, 3, GYRE_WRITE), 0);
	run_polls(1);
	assert_trace("| x:3:0x4");
	assert_int_equal(gyre_loop_update_handler(the_loop, 3, GYRE_NONE), 0);
	run_polls(1);
	assert_trace("|");
	make_ready(3, GYRE_READ | GYRE_WRITE | GYRE_ERROR);
	run_polls(1);
	assert_trace("| x:3:0x18");
	assert_int_equal(gyre_loop_update_handler(the_loop, 3, GYRE_READ), 0);
	run_polls(1);
	assert_trace("| x:3:0x19");
}

/* -- in the middle of a batch --------------------------------------------- */

static void
remove_4(int fd, unsigned events, void *word)
{
	(void)fd;
	(void)events;
	trace(word);
	assert_int_equal(gyre_loop_remove_handler(the_loop, 4), 0);
}

static void
a_handler_removed_in_the_batch_is_not_called(void **state)
{
	(void)state;
	make_ready(3, GYRE_READ);
	make_ready(4, GYRE_READ);
	handle(3, GYRE_READ, remove_4, "3");
	handle(4, GYRE_READ, trace_handler, "4");
	run_polls(1);
	assert_trace("| 3");
}

static void
replace_4(int fd, unsigned events, void *word)
{
	remove_4(fd, events, word);
	handle(4, GYRE_READ, trace_handler, "new");
	gyre_loop_remove_handler(the_loop, 3);
}

static void
one_added_in_its_place_waits_for_its_own_event(void **state)
{
	(void)state;
	make_ready(3, GYRE_READ);
	make_ready(4, GYRE_READ);
	handle(3, GYRE_READ, replace_4, "3");
	handle(4, GYRE_READ, trace_handler, "old");
	run_polls(2);
	assert_trace("| 3 | new");
}

static void
remove_self(int fd, unsigned events, void *word)
{
	(void)events;
	assert_int_equal(gyre_loop_remove_handler(the_loop, fd), 0);
	trace(word);
}

static void
a_handler_may_remove_itself(void **state)
{
	(void)state;
	make_ready(3, GYRE_READ);
	handle(3, GYRE_READ, remove_self, "once");
	run_polls(3);
	assert_trace("| once | |");
}

static void
replace_self(int fd, unsigned events, void *word)
{
	remove_self(fd, events, word);
	handle(fd, GYRE_READ, trace_handler, "second");
}

static void
a_handler_may_replace_itself_from_the_next_poll_on(void **state)
{
	(void)state;
	make_ready(3, GYRE_READ);
	handle(3, GYRE_READ, replace_self, "first");
	run_polls(2);
	assert_trace("| first | second");
}

static unsigned new_interest;

static void
update_4(int fd, unsigned events, void *word)
{
	(void)fd;
	(void)events;
	trace(word);
	assert_int_equal(gyre_loop_update_handler(the_loop, 4, new_interest),
			 0);
}

static void
an_interest_dropped_in_the_batch_is_not_delivered(void **state)
{
	static const struct {
		unsigned ready;
		unsigned interest;
		const char *trace;
	} cases[] = {
		{ GYRE_READ | GYRE_WRITE, GYRE_WRITE, "| 3 4:4:0x4" },
		{ GYRE_READ | GYRE_WRITE, GYRE_NONE, "| 3" },
		{ GYRE_READ | GYRE_ERROR, GYRE_NONE, "| 3 4:4:0x18" },
	};

	(void)state;
	make_ready(3, GYRE_READ);
	handle(3, GYRE_READ, update_4, "3");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		make_ready(4, cases[i].ready);
		handle(4, GYRE_READ | GYRE_WRITE, trace_events, "4");
		new_interest = cases[i].interest;
		run_polls(1);
		assert_trace(cases[i].trace);
		gyre_loop_remove_handler(the_loop, 4);
	}
}

static void
an_interest_raised_in_the_batch_waits_for_the_next_poll(void **state)
{
	(void)state;
	make_ready(3, GYRE_READ);
	make_ready(4, GYRE_READ | GYRE_WRITE);
	handle(3, GYRE_READ, update_4, "3");
	handle(4, GYRE_READ, trace_events, "4");
	new_interest = GYRE_READ | GYRE_WRITE;
	run_polls(2);
	assert_trace("| 3 4:4:0x1 | 3 4:4:0x5");
}

static void
add_4(int fd, unsigned events, void *word)
{
	remove_self(fd, events, word);
	handle(4, GYRE_READ, trace_handler, "4");
}

static void
handlers_added_by_a_handler_wait_for_the_next_poll(void **state)
{
	(void)state;
	make_ready(3, GYRE_READ);
	make_ready(4, GYRE_READ);
	handle(3, GYRE_READ, add_4, "3");
	run_polls(2);
	assert_trace("| 3 | 4");
}

static void
handlers_outlive_a_stop(void **state)
{
	struct gyre_loop_stats stats;

	(void)state;
	make_ready(3, GYRE_READ);
	handle(3, GYRE_READ, trace_handler, "3");
	run_polls(1);
	run_polls(1);
	assert_trace("| 3 | 3");
	gyre_loop_get_stats(the_loop, &stats);
	assert_int_equal(stats.handlers_run, 2);
	assert_int_equal(stats.polls, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STAGE_TEST(a_handler_gets_what_it_was_registered_with),
		STAGE_TEST(readiness_that_is_not_used_up_is_reported_again),
		STAGE_TEST(read_and_write_come_in_one_call),
		STAGE_TEST(errors_come_without_being_asked_for),
		STAGE_TEST(a_second_add_is_refused_and_changes_nothing),
		STAGE_TEST(
			what_is_not_registered_can_be_neither_updated_nor_removed),
		STAGE_TEST(bad_descriptors_and_events_are_refused),
		STAGE_TEST(an_add_that_fails_leaves_nothing_behind),
		STAGE_TEST(update_changes_the_events_and_nothing_else),
		STAGE_TEST(a_handler_removed_in_the_batch_is_not_called),
		STAGE_TEST(one_added_in_its_place_waits_for_its_own_event),
		STAGE_TEST(a_handler_may_remove_itself),
		STAGE_TEST(a_handler_may_replace_itself_from_the_next_poll_on),
		STAGE_TEST(an_interest_dropped_in_the_batch_is_not_delivered),
		STAGE_TEST(
			an_interest_raised_in_the_batch_waits_for_the_next_poll),
		STAGE_TEST(handlers_added_by_a_handler_wait_for_the_next_poll),
		STAGE_TEST(handlers_outlive_a_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
