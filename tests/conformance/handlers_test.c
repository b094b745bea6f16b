/*
 * Handlers as documented, on the stage, whose batches come in the order of the
 * descriptors: what is delivered, what is refused, and what a handler may do to
 * others and to itself in the middle of a batch.
 */
#include "tests/support/loop_fixture.h"

#include <sys/epoll.h>

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

/* L65 holds: a handler runs when its descriptor is ready and gets back what was
 * registered: the number, or the very object. */
static void
L65_a_handler_gets_its_descriptor_events_and_argument(void **state)
{
	(void)state;
	make_ready(3, GYRE_READ | GYRE_WRITE);
	handle(3, GYRE_READ, trace_events, "mine");
	run_polls(1);
	assert_trace("| mine:3:0x1");
}

/* L66 holds: the event bits are 0, 1, 4 and 0x18, which are epoll's own. */
static void
L66_the_bits_are_epoll_s(void **state)
{
	(void)state;
	assert_int_equal(GYRE_NONE, 0);
	assert_int_equal(GYRE_READ, 0x001);
	assert_int_equal(GYRE_WRITE, 0x004);
	assert_int_equal(GYRE_ERROR, 0x018);
	assert_int_equal(GYRE_READ, EPOLLIN);
	assert_int_equal(GYRE_WRITE, EPOLLOUT);
	assert_int_equal(GYRE_ERROR, EPOLLERR | EPOLLHUP);
}

/* L68 holds: a handler hears of the events it waits for, and of errors; what
 * else the descriptor is ready for is not reported. */
static void
L68_only_what_was_asked_for_is_delivered(void **state)
{
	(void)state;
	for (int fd = 3; fd < 6; fd++)
		make_ready(fd, GYRE_READ | GYRE_WRITE);
	handle(3, GYRE_READ, trace_events, "r");
	handle(4, GYRE_WRITE, trace_events, "w");
	handle(5, GYRE_ERROR, trace_events, "e");
	run_polls(1);
	assert_trace("| r:3:0x1 w:4:0x4");
	make_ready(3, GYRE_READ | GYRE_ERROR);
	make_ready(4, 0);
	run_polls(1);
	assert_trace("| r:3:0x19");
}

/* L72 holds: as long as a descriptor is ready, each poll calls its handler. */
static void
L72_readiness_that_is_not_used_up_is_reported_again(void **state)
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

/* L69 holds: a descriptor that can be read and written calls its handler once,
 * with both bits. */
static void
L69_read_and_write_come_in_one_call(void **state)
{
	(void)state;
	make_ready(3, GYRE_READ | GYRE_WRITE);
	handle(3, GYRE_READ | GYRE_WRITE, trace_events, "rw");
	run_polls(1);
	assert_trace("| rw:3:0x5");
}

/* L67 deviates: an error or hang-up is delivered to a handler that did not ask
 * for it; one that waits for nothing hears of it once, and its descriptor is
 * left alone until the interest is raised or the handler replaced. Why: the
 * kernel would report it in every poll, and the loop would spin. */
static void
L67_errors_come_without_being_asked_for(void **state)
{
	(void)state;
	make_ready(3, GYRE_ERROR);
	handle(3, GYRE_NONE, trace_events, "e");
	run_polls(1);
	assert_trace("| e:3:0x18");
}

static void
L67_one_that_waits_for_nothing_hears_of_it_once(void **state)
{
	(void)state;
	make_ready(3, GYRE_READ | GYRE_ERROR);
	handle(3, GYRE_NONE, trace_events, "e");
	run_polls(3);
	assert_trace("| e:3:0x18 | |");
	/* To ask for nothing again is not to ask. */
	assert_int_equal(gyre_loop_update_handler(the_loop, 3, GYRE_NONE), 0);
	run_polls(1);
	assert_trace("|");
	/* Whoever waits for something hears of it as long as it is so. */
	assert_int_equal(gyre_loop_update_handler(the_loop, 3, GYRE_WRITE), 0);
	run_polls(2);
	assert_trace("| e:3:0x18 | e:3:0x18");
	assert_int_equal(gyre_loop_update_handler(the_loop, 3, GYRE_NONE), 0);
	run_polls(2);
	assert_trace("| e:3:0x18 |");
	assert_int_equal(set_handler(3, GYRE_NONE, trace_events, "new"), 0);
	run_polls(2);
	assert_trace("| new:3:0x18 |");
	assert_int_equal(gyre_loop_remove_handler(the_loop, 3), 0);
	handle(3, GYRE_READ, trace_events, "next");
	run_polls(1);
	assert_trace("| next:3:0x19");
}

/* -- registering ---------------------------------------------------------- */

/* L73 holds: adding a handler for a descriptor that has one answers -EEXIST,
 * and the first handler, its events and its argument stay. */
static void
L73_a_second_add_is_refused_and_changes_nothing(void **state)
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

/* L78 holds: remove stops the events; for a descriptor without a handler it
 * answers -ENOENT, which may be ignored, and nothing is logged. */
static void
L78_what_is_removed_or_unknown_is_not_called(void **state)
{
	(void)state;
	make_ready(4, GYRE_READ);
	handle(3, GYRE_READ, trace_handler, "3");
	handle(4, GYRE_READ, trace_handler, "4");
	assert_int_equal(gyre_loop_remove_handler(the_loop, 4), 0);
	for (int fd = -1; fd < 100000; fd = fd < 0 ? 4 : fd * 2)
		assert_int_equal(gyre_loop_remove_handler(the_loop, fd),
				 -ENOENT);
	run_polls(2);
	assert_trace("| |");
}

static void
L74_bad_descriptors_and_events_are_refused(void **state)
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
L74_an_add_that_fails_leaves_nothing_behind(void **state)
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

/* L76 holds: update replaces the events alone; handler, argument and object
 * stay. A descriptor without a handler is -ENOENT, and is not added. */
static void
L76_update_changes_the_events_and_nothing_else(void **state)
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

static void
L76_update_of_an_unknown_descriptor_adds_nothing(void **state)
{
	(void)state;
	make_ready(4, GYRE_READ);
	handle(3, GYRE_READ, trace_handler, "3");
	for (int fd = -1; fd < 100000; fd = fd < 0 ? 4 : fd * 2)
		assert_int_equal(
			gyre_loop_update_handler(the_loop, fd, GYRE_READ),
			-ENOENT);
	run_polls(1);
	assert_trace("|");
	/* Had the poller been told of it, the stage would complain. */
	handle(4, GYRE_READ, trace_handler, "4");
	run_polls(1);
	assert_trace("| 4");
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

/* L80 holds: a handler that is removed by another one is not called any more,
 * even if its event came with the same poll. */
static void
L80_a_handler_removed_in_the_batch_is_not_called(void **state)
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

/* L81 holds: a handler added in the place of one whose event is still in the
 * batch is not called for it, but by a later poll. */
static void
L81_one_added_in_its_place_waits_for_its_own_event(void **state)
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

/* L82 holds: a handler may remove or replace itself, and free what it has; what
 * it put in its place runs from the next poll on. */
static void
L82_a_handler_may_remove_itself(void **state)
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
L82_a_handler_may_replace_itself_from_the_next_poll_on(void **state)
{
	(void)state;
	make_ready(3, GYRE_READ);
	handle(3, GYRE_READ, replace_self, "first");
	run_polls(2);
	assert_trace("| first | second");
}

struct thing {
	int fd;
	struct thing *other;
};

static void
free_thing(struct thing *thing)
{
	assert_int_equal(gyre_loop_remove_handler(the_loop, thing->fd), 0);
	fake_sys.release(thing);
}

/* Whoever comes first frees the other, and then itself. */
static void
free_both(int fd, unsigned events, void *arg)
{
	struct thing *thing = arg;

	(void)events;
	assert_int_equal(thing->fd, fd);
	trace("both");
	free_thing(thing->other);
	free_thing(thing);
	gyre_raise(-ECONNRESET, "freed");
}

static void
L82_a_handler_may_free_itself_and_others(void **state)
{
	struct thing *a = fake_sys.allocate(sizeof(*a), 0);
	struct thing *b = fake_sys.allocate(sizeof(*b), 0);
	struct gyre_loop_stats stats;

	(void)state;
	*a = (struct thing){ .fd = 3, .other = b };
	*b = (struct thing){ .fd = 4, .other = a };
	make_ready(3, GYRE_READ);
	make_ready(4, GYRE_READ);
	assert_int_equal(
		gyre_loop_add_handler(the_loop, 3, GYRE_READ, free_both, a), 0);
	assert_int_equal(
		gyre_loop_add_handler(the_loop, 4, GYRE_READ, free_both, b), 0);
	run_polls(2);
	assert_trace("| both |");
	/* What it raised was reported all the same. */
	gyre_loop_get_stats(the_loop, &stats);
	assert_int_equal(stats.exceptions, 1);
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

/* L77 holds: an event that was collected for an interest that has been dropped
 * since is not delivered, and one raised since waits for the next poll. */
static void
L77_an_interest_dropped_in_the_batch_is_not_delivered(void **state)
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
L77_an_interest_raised_in_the_batch_waits_for_the_next_poll(void **state)
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

/* L84 holds: what a handler adds is first looked at by the next poll, even if
 * it is ready now. */
static void
L84_handlers_added_by_a_handler_wait_for_the_next_poll(void **state)
{
	(void)state;
	make_ready(3, GYRE_READ);
	make_ready(4, GYRE_READ);
	handle(3, GYRE_READ, add_4, "3");
	run_polls(2);
	assert_trace("| 3 | 4");
}

/* L83 holds: no order among ready descriptors is promised; they come as the
 * poller reports them. */
static void
L83_ready_descriptors_come_as_the_poller_has_them(void **state)
{
	(void)state;
	for (int fd = 5; fd >= 3; fd--) {
		make_ready(fd, GYRE_READ);
		handle(fd, GYRE_READ, trace_events, "");
	}
	run_polls(1);
	assert_trace("| :3:0x1 :4:0x1 :5:0x1");
}

static void
always_fail(int fd, unsigned events, void *word)
{
	trace_handler(fd, events, word);
	gyre_raise(-EIO, "always");
}

/* L87 holds: a handler that raises keeps its registration; one that always does
 * is called, and reported, as often as its descriptor is ready. */
static void
L87_a_handler_that_always_fails_is_always_called(void **state)
{
	struct gyre_loop_stats stats;

	(void)state;
	make_ready(3, GYRE_READ);
	handle(3, GYRE_READ, always_fail, "x");
	run_polls(4);
	assert_trace("| x | x | x | x");
	gyre_loop_get_stats(the_loop, &stats);
	assert_int_equal(stats.exceptions, 4);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STAGE_TEST(
			L65_a_handler_gets_its_descriptor_events_and_argument),
		STAGE_TEST(L66_the_bits_are_epoll_s),
		STAGE_TEST(L68_only_what_was_asked_for_is_delivered),
		STAGE_TEST(L72_readiness_that_is_not_used_up_is_reported_again),
		STAGE_TEST(L69_read_and_write_come_in_one_call),
		STAGE_TEST(L67_errors_come_without_being_asked_for),
		STAGE_TEST(L67_one_that_waits_for_nothing_hears_of_it_once),
		STAGE_TEST(L73_a_second_add_is_refused_and_changes_nothing),
		STAGE_TEST(L78_what_is_removed_or_unknown_is_not_called),
		STAGE_TEST(L74_bad_descriptors_and_events_are_refused),
		STAGE_TEST(L74_an_add_that_fails_leaves_nothing_behind),
		STAGE_TEST(L76_update_changes_the_events_and_nothing_else),
		STAGE_TEST(L76_update_of_an_unknown_descriptor_adds_nothing),
		STAGE_TEST(L80_a_handler_removed_in_the_batch_is_not_called),
		STAGE_TEST(L81_one_added_in_its_place_waits_for_its_own_event),
		STAGE_TEST(L82_a_handler_may_remove_itself),
		STAGE_TEST(
			L82_a_handler_may_replace_itself_from_the_next_poll_on),
		STAGE_TEST(L82_a_handler_may_free_itself_and_others),
		STAGE_TEST(
			L77_an_interest_dropped_in_the_batch_is_not_delivered),
		STAGE_TEST(
			L77_an_interest_raised_in_the_batch_waits_for_the_next_poll),
		STAGE_TEST(
			L84_handlers_added_by_a_handler_wait_for_the_next_poll),
		STAGE_TEST(L83_ready_descriptors_come_as_the_poller_has_them),
		STAGE_TEST(L87_a_handler_that_always_fails_is_always_called),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
