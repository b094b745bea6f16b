/*
 * The stand-in for kqueue, against what kqueue(2) says. On a system that has a
 * kqueue of its own the same program can be compiled against that.
 */
#include <sys/event.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static int queue;
static int fds[2];
static const struct timespec at_once;

static int
set_up(void **state)
{
	(void)state;
	queue = kqueue();
	assert_true(queue >= 0);
	return socketpair(AF_UNIX, SOCK_STREAM, 0, fds);
}

static int
tear_down(void **state)
{
	(void)state;
	close(queue);
	close(fds[0]);
	close(fds[1]);
	return 0;
}

/* -- asking ---------------------------------------------------------------- */

/* 0, or the error of a change for which there is no room to answer. */
static int
change(int ident, int filter, unsigned flags, unsigned note, int64_t data)
{
	struct kevent wanted;

	EV_SET(&wanted, (uintptr_t)ident, (short)filter, (unsigned short)flags,
	       note, data, &queue);
	return kevent(queue, &wanted, 1, NULL, 0, NULL) < 0 ? errno : 0;
}

static struct kevent events[8];

static int
ready(void)
{
	memset(events, 0, sizeof(events));
	return kevent(queue, NULL, 0, events, 8, &at_once);
}

/* The one event that there is. */
static const struct kevent *
only(void)
{
	assert_int_equal(ready(), 1);
	assert_ptr_equal(events[0].udata, &queue);
	return &events[0];
}

static void
fill(int fd)
{
	char bytes[4096] = { 0 };

	fcntl(fd, F_SETFL, O_NONBLOCK);
	while (write(fd, bytes, sizeof(bytes)) > 0)
		;
}

/* -- descriptors ------------------------------------------------------------
 */

static void
a_filter_reports_as_long_as_it_is_so(void **state)
{
	char byte;

	(void)state;
	assert_int_equal(change(fds[0], EVFILT_READ, EV_ADD, 0, 0), 0);
	assert_int_equal(ready(), 0);
	assert_int_equal(write(fds[1], "abc", 3), 3);
	for (int left = 3; left > 0; left--) {
		assert_int_equal(only()->filter, EVFILT_READ);
		assert_int_equal(events[0].ident, fds[0]);
		assert_int_equal(events[0].data, left);
		assert_int_equal(events[0].flags & (EV_EOF | EV_ERROR), 0);
		assert_int_equal(read(fds[0], &byte, 1), 1);
	}
	assert_int_equal(ready(), 0);
}

static void
two_filters_are_two_events(void **state)
{
	(void)state;
	assert_int_equal(write(fds[1], "x", 1), 1);
	assert_int_equal(change(fds[0], EVFILT_READ, EV_ADD, 0, 0), 0);
	assert_int_equal(change(fds[0], EVFILT_WRITE, EV_ADD, 0, 0), 0);
	assert_int_equal(ready(), 2);
	assert_int_equal(events[0].filter + events[1].filter,
			 EVFILT_READ + EVFILT_WRITE);
	assert_int_equal(change(fds[0], EVFILT_READ, EV_DELETE, 0, 0), 0);
	assert_int_equal(only()->filter, EVFILT_WRITE);
	fill(fds[0]);
	assert_int_equal(ready(), 0);
}

static void
a_cleared_filter_reports_a_change_once(void **state)
{
	(void)state;
	assert_int_equal(change(fds[0], EVFILT_READ, EV_ADD | EV_CLEAR, 0, 0),
			 0);
	assert_int_equal(write(fds[1], "x", 1), 1);
	assert_int_equal(only()->flags & EV_CLEAR, EV_CLEAR);
	assert_int_equal(ready(), 0);
	assert_int_equal(write(fds[1], "x", 1), 1);
	assert_int_equal(only()->data, 2);
	assert_int_equal(ready(), 0);
}

static void
the_end_comes_with_what_remains(void **state)
{
	char byte;

	(void)state;
	assert_int_equal(change(fds[0], EVFILT_READ, EV_ADD, 0, 0), 0);
	assert_int_equal(write(fds[1], "x", 1), 1);
	shutdown(fds[1], SHUT_WR);
	assert_int_equal(only()->flags & EV_EOF, EV_EOF);
	assert_int_equal(events[0].data, 1);
	assert_int_equal(events[0].fflags, 0);
	assert_int_equal(read(fds[0], &byte, 1), 1);
	assert_int_equal(only()->flags & EV_EOF, EV_EOF);
	assert_int_equal(events[0].data, 0);
	/* It says nothing of the other direction. */
	assert_int_equal(change(fds[0], EVFILT_READ, EV_DELETE, 0, 0), 0);
	assert_int_equal(change(fds[0], EVFILT_WRITE, EV_ADD, 0, 0), 0);
	assert_int_equal(only()->flags & EV_EOF, 0);
	close(fds[1]);
	assert_int_equal(only()->flags & EV_EOF, EV_EOF);
}

static void
adding_again_changes_and_enables(void **state)
{
	(void)state;
	assert_int_equal(write(fds[1], "x", 1), 1);
	assert_int_equal(change(fds[0], EVFILT_READ, EV_ADD, 0, 0), 0);
	assert_int_equal(change(fds[0], EVFILT_READ, EV_DISABLE, 0, 0), 0);
	assert_int_equal(ready(), 0);
	assert_int_equal(change(fds[0], EVFILT_READ, EV_ENABLE, 0, 0), 0);
	only();
	assert_int_equal(change(fds[0], EVFILT_READ, EV_DISABLE, 0, 0), 0);
	assert_int_equal(change(fds[0], EVFILT_READ, EV_ADD | EV_ONESHOT, 0, 0),
			 0);
	only();
	assert_int_equal(ready(), 0);
	assert_int_equal(change(fds[0], EVFILT_READ, EV_DELETE, 0, 0), ENOENT);
}

static void
a_dispatched_filter_waits_to_be_enabled(void **state)
{
	(void)state;
	assert_int_equal(write(fds[1], "x", 1), 1);
	assert_int_equal(
		change(fds[0], EVFILT_READ, EV_ADD | EV_DISPATCH, 0, 0), 0);
	only();
	assert_int_equal(ready(), 0);
	assert_int_equal(change(fds[0], EVFILT_READ, EV_ENABLE, 0, 0), 0);
	only();
}

static void
what_is_deleted_reports_nothing(void **state)
{
	(void)state;
	assert_int_equal(write(fds[1], "x", 1), 1);
	assert_int_equal(change(fds[0], EVFILT_READ, EV_ADD, 0, 0), 0);
	assert_int_equal(change(fds[0], EVFILT_READ, EV_DELETE, 0, 0), 0);
	assert_int_equal(ready(), 0);
	assert_int_equal(change(fds[0], EVFILT_READ, EV_DELETE, 0, 0), ENOENT);
}

static void
close_removes(void **state)
{
	int twin = dup(fds[0]);
	int original = fds[0];

	(void)state;
	assert_int_equal(write(fds[1], "x", 1), 1);
	assert_int_equal(change(original, EVFILT_READ, EV_ADD, 0, 0), 0);
	assert_int_equal(change(original, EVFILT_WRITE, EV_ADD, 0, 0), 0);
	assert_int_equal(ready(), 2);
	/* Though what it was open on still is. */
	close(original);
	assert_int_equal(ready(), 0);
	assert_int_equal(change(original, EVFILT_READ, EV_ADD, 0, 0), EBADF);
	/* Nor does the number bring anything back. */
	assert_int_equal(dup2(twin, original), original);
	assert_int_equal(ready(), 0);
	assert_int_not_equal(change(original, EVFILT_READ, EV_DELETE, 0, 0), 0);
	close(twin);
}

/* -- user events and timers --------------------------------------------------
 */

static void
triggers_of_a_user_event_are_one(void **state)
{
	(void)state;
	assert_int_equal(change(7, EVFILT_USER, EV_ADD | EV_CLEAR, 0, 0), 0);
	assert_int_equal(ready(), 0);
	for (int i = 0; i < 3; i++) {
		change(7, EVFILT_USER, 0, NOTE_TRIGGER, 0);
		change(7, EVFILT_USER, 0, NOTE_TRIGGER, 0);
		assert_int_equal(only()->filter, EVFILT_USER);
		assert_int_equal(events[0].ident, 7);
		assert_int_equal(ready(), 0);
	}
	assert_int_equal(change(8, EVFILT_USER, 0, NOTE_TRIGGER, 0), ENOENT);
}

static void
without_clear_a_user_event_stays(void **state)
{
	(void)state;
	assert_int_equal(change(7, EVFILT_USER, EV_ADD, 0, 0), 0);
	change(7, EVFILT_USER, 0, NOTE_TRIGGER, 0);
	only();
	only();
	assert_int_equal(change(7, EVFILT_USER, EV_DELETE, 0, 0), 0);
	assert_int_equal(ready(), 0);
}

static void *
trigger(void *arg)
{
	assert_int_equal(change(7, EVFILT_USER, 0, NOTE_TRIGGER, 0), 0);
	return arg;
}

static void
a_user_event_ends_an_endless_wait(void **state)
{
	pthread_t thread;

	(void)state;
	assert_int_equal(change(7, EVFILT_USER, EV_ADD | EV_CLEAR, 0, 0), 0);
	assert_int_equal(pthread_create(&thread, NULL, trigger, NULL), 0);
	assert_int_equal(kevent(queue, NULL, 0, events, 8, NULL), 1);
	pthread_join(thread, NULL);
}

static void
a_timer_counts_what_it_missed(void **state)
{
	(void)state;
	assert_int_equal(change(1, EVFILT_TIMER, EV_ADD, NOTE_USECONDS, 200),
			 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(kevent(queue, NULL, 0, events, 8, NULL), 1);
		assert_int_equal(events[0].filter, EVFILT_TIMER);
		assert_true(events[0].data >= 1);
	}
	assert_int_equal(
		change(1, EVFILT_TIMER, EV_ADD | EV_ONESHOT, NOTE_NSECONDS, 1),
		0);
	assert_int_equal(kevent(queue, NULL, 0, events, 8, NULL), 1);
	assert_int_equal(change(1, EVFILT_TIMER, EV_DELETE, 0, 0), ENOENT);
	/* Milliseconds are the unit where none is named. */
	assert_int_equal(change(1, EVFILT_TIMER, EV_ADD, 0, 3600000), 0);
	assert_int_equal(ready(), 0);
}

/* -- answers ------------------------------------------------------------------
 */

static void
receipts_and_errors_are_answers(void **state)
{
	struct kevent changes[3];

	(void)state;
	assert_int_equal(write(fds[1], "x", 1), 1);
	EV_SET(&changes[0], (uintptr_t)fds[0], EVFILT_READ, EV_ADD | EV_RECEIPT,
	       0, 0, 0);
	EV_SET(&changes[1], 999, EVFILT_READ, EV_ADD, 0, 0, 0);
	EV_SET(&changes[2], (uintptr_t)fds[0], EVFILT_WRITE, EV_ADD, 0, 0, 0);
	/* No event is taken for an answer, and no wait. */
	assert_int_equal(kevent(queue, changes, 3, events, 8, NULL), 2);
	assert_int_equal(events[0].flags & EV_ERROR, EV_ERROR);
	assert_int_equal(events[0].data, 0);
	assert_int_equal(events[1].flags & EV_ERROR, EV_ERROR);
	assert_int_equal(events[1].data, EBADF);
	assert_int_equal(events[1].ident, 999);
	/* What followed the error was done. */
	assert_int_equal(ready(), 2);
}

static void
a_call_without_room_does_not_wait(void **state)
{
	const struct timespec long_time = { .tv_sec = 1000 };

	(void)state;
	assert_int_equal(kevent(queue, NULL, 0, NULL, 0, &long_time), 0);
	assert_int_equal(kevent(queue, NULL, 0, NULL, 0, NULL), 0);
	assert_int_equal(change(0, 99, EV_ADD, 0, 0), EINVAL);
	assert_int_equal(kevent(fds[0], NULL, 0, events, 8, NULL), -1);
	assert_int_equal(errno, EBADF);
}

static void
what_finds_no_room_comes_with_the_next(void **state)
{
	(void)state;
	assert_int_equal(change(fds[0], EVFILT_WRITE, EV_ADD, 0, 0), 0);
	assert_int_equal(change(fds[1], EVFILT_WRITE, EV_ADD, 0, 0), 0);
	assert_int_equal(kevent(queue, NULL, 0, &events[0], 1, NULL), 1);
	assert_int_equal(kevent(queue, NULL, 0, &events[1], 1, NULL), 1);
	assert_int_not_equal(events[0].ident, events[1].ident);
}

static void
a_child_has_no_queue_and_the_parent_keeps_its_own(void **state)
{
	int status = -1;
	pid_t child;

	(void)state;
	assert_int_equal(change(fds[0], EVFILT_WRITE, EV_ADD, 0, 0), 0);
	child = fork();
	if (child == 0)
		_exit(kevent(queue, NULL, 0, events, 8, &at_once) == -1 &&
				      errno == EBADF
			      ? 0
			      : 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(ready(), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_filter_reports_as_long_as_it_is_so),
		TEST(two_filters_are_two_events),
		TEST(a_cleared_filter_reports_a_change_once),
		TEST(the_end_comes_with_what_remains),
		TEST(adding_again_changes_and_enables),
		TEST(a_dispatched_filter_waits_to_be_enabled),
		TEST(what_is_deleted_reports_nothing),
		TEST(close_removes),
		TEST(a_child_has_no_queue_and_the_parent_keeps_its_own),
		TEST(triggers_of_a_user_event_are_one),
		TEST(without_clear_a_user_event_stays),
		TEST(a_user_event_ends_an_endless_wait),
		TEST(a_timer_counts_what_it_missed),
		TEST(receipts_and_errors_are_answers),
		TEST(a_call_without_room_does_not_wait),
		TEST(what_finds_no_room_comes_with_the_next),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
