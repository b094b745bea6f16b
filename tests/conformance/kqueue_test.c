/*
 * What is kqueue's own: which filters a change of interest adds and deletes,
 * and what the end of a file is to a reader and to a writer.
 */
#include "tests/support/loop_fixture.h"

#include <sys/event.h>
#include <unistd.h>

/* -- the changes that are made --------------------------------------------- */

static unsigned fail_change_at; /* 0: none */

static const char *
describe(const struct kevent *change)
{
	bool adds = (change->flags & EV_ADD) != 0;

	bool keeps = (change->flags & EV_ENABLE) != 0;

	if (change->filter == EVFILT_READ)
		return adds ? "+read" : keeps ? "=read" : "-read";
	if (change->filter == EVFILT_WRITE)
		return adds ? "+write" : keeps ? "=write" : "-write";
	return "other";
}

static int
note_changes(int queue, const struct kevent *changes, int change_count,
	     struct kevent *events, int event_count,
	     const struct timespec *timeout)
{
	for (int i = 0; i < change_count; i++)
		trace(describe(&changes[i]));
	if (change_count > 0 && fail_change_at > 0 && --fail_change_at == 0) {
		errno = ENOMEM;
		return -1;
	}
	return gyre__sys_default.kevent(queue, changes, change_count, events,
					event_count, timeout);
}

static int
set_up(void **state)
{
	const struct gyre_loop_options options = {
		.make_current = GYRE_MAKE_CURRENT_NO,
		.poller = gyre_poller_find("kqueue"),
		._sys = &fake_sys,
	};

	real_set_up(state);
	close_and_free(the_loop);
	the_loop = new_loop(&options);
	fake_sys.kevent = note_changes;
	fail_change_at = 0;
	return 0;
}

static void
update(int fd, unsigned events)
{
	assert_int_equal(gyre_loop_update_handler(the_loop, fd, events), 0);
}

/* L185 deviates: a change of interest adds or deletes the filters that differ
 * and leaves the others, so that there is no moment without them, but asks
 * whether they are still there; ERROR comes with them and is never asked for.
 * Why: to delete and add anew loses what comes in
 * between, and costs twice. */
static void
L185_a_change_touches_what_differs(void **state)
{
	int fds[2];

	(void)state;
	make_pair(fds);
	handle(fds[0], GYRE_NONE, trace_handler, NULL);
	assert_trace("");
	update(fds[0], GYRE_READ);
	assert_trace("+read");
	update(fds[0], GYRE_READ | GYRE_WRITE);
	assert_trace("=read +write");
	update(fds[0], GYRE_WRITE | GYRE_ERROR);
	assert_trace("-read =write");
	update(fds[0], GYRE_READ);
	assert_trace("+read -write");
	gyre_loop_remove_handler(the_loop, fds[0]);
	assert_trace("-read");
	close(fds[0]);
	close(fds[1]);
}

static void
L185_a_change_that_fails_is_taken_back(void **state)
{
	int fds[2];

	(void)state;
	make_pair(fds);
	fail_change_at = 2;
	assert_int_equal(gyre_loop_add_handler(the_loop, fds[0],
					       GYRE_READ | GYRE_WRITE,
					       trace_handler, NULL),
			 -ENOMEM);
	assert_trace("+read +write -read");
	handle(fds[0], GYRE_READ, trace_handler, NULL);
	assert_trace("+read");
	fail_change_at = 2;
	assert_int_equal(gyre_loop_update_handler(the_loop, fds[0], GYRE_WRITE),
			 -ENOMEM);
	assert_trace("-read +write +read");
	gyre_loop_remove_handler(the_loop, fds[0]);
	assert_trace("-read");
	close(fds[0]);
	close(fds[1]);
}

/* -- ends ------------------------------------------------------------------ */

static unsigned seen;
static unsigned calls;

static void
note_and_stop(int fd, unsigned events, void *arg)
{
	(void)fd;
	(void)arg;
	seen = events;
	calls++;
	gyre_loop_stop(the_loop);
}

static unsigned
events_of(int fd, unsigned interest)
{
	calls = 0;
	assert_int_equal(gyre_loop_add_handler(the_loop, fd, interest,
					       note_and_stop, NULL),
			 0);
	run();
	assert_int_equal(calls, 1);
	gyre_loop_remove_handler(the_loop, fd);
	assert_int_equal(fake_failure(), 0);
	return seen;
}

static void
forget_trace(void)
{
	fake_sys.kevent = gyre__sys_default.kevent;
}

/* L186 deviates: the end of a file is READ to who reads, for data may remain,
 * and WRITE with ERROR to who writes; what the two filters say of a descriptor
 * is put together and comes in one call. Why: what one filter says must not be
 * lost to the other, and who waits for WRITE is to try, and see the error. */
static void
L186_a_writer_s_end_is_an_error_and_keeps_the_rest(void **state)
{
	char bytes[4];
	int fds[2];

	(void)state;
	forget_trace();
	make_pair(fds);
	assert_int_equal(write(fds[1], "x", 1), 1);
	close(fds[1]);
	assert_int_equal(events_of(fds[0], GYRE_READ), GYRE_READ);
	assert_int_equal(events_of(fds[0], GYRE_WRITE),
			 GYRE_WRITE | GYRE_ERROR);
	assert_int_equal(events_of(fds[0], GYRE_READ | GYRE_WRITE),
			 GYRE_READ | GYRE_WRITE | GYRE_ERROR);
	assert_int_equal(read(fds[0], bytes, sizeof(bytes)), 1);
	close(fds[0]);
}

static void
L186_a_reader_s_end_is_no_error(void **state)
{
	int fds[2];

	(void)state;
	forget_trace();
	make_pipe(fds);
	close(fds[1]);
	assert_int_equal(events_of(fds[0], GYRE_READ), GYRE_READ);
	close(fds[0]);
}

static void
note_mine(int fd, unsigned events, void *arg)
{
	(void)fd;
	*(unsigned *)arg = events;
	if (++calls == 2)
		gyre_loop_stop(the_loop);
}

static void
L186_two_descriptors_stay_two(void **state)
{
	unsigned mine[2];
	int fds[2];

	(void)state;
	forget_trace();
	make_pair(fds);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(write(fds[i], "x", 1), 1);
		assert_int_equal(
			gyre_loop_add_handler(the_loop, fds[i],
					      i == 0 ? GYRE_READ | GYRE_WRITE
						     : GYRE_READ,
					      note_mine, &mine[i]),
			0);
	}
	for (int batch = 0; batch < 2; batch++) {
		calls = 0;
		memset(mine, 0, sizeof(mine));
		run();
		assert_int_equal(calls, 2);
		assert_int_equal(mine[0], GYRE_READ | GYRE_WRITE);
		assert_int_equal(mine[1], GYRE_READ);
	}
	close(fds[0]);
	close(fds[1]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, loop_tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(L185_a_change_touches_what_differs),
		TEST(L185_a_change_that_fails_is_taken_back),
		TEST(L186_a_writer_s_end_is_an_error_and_keeps_the_rest),
		TEST(L186_a_reader_s_end_is_no_error),
		TEST(L186_two_descriptors_stay_two),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
