/*
 * Handlers on real descriptors: what the kernel reports, what it refuses, and
 * numbers that are used again.
 */
#include "tests/support/loop_fixture.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <unistd.h>

/* -- what descriptors report ---------------------------------------------- */

static unsigned seen;

static void
note_events(int fd, unsigned events, void *arg)
{
	(void)fd;
	(void)arg;
	seen = events;
	gyre_loop_stop(the_loop);
}

/* What a handler with this interest sees within 20 ms; 0: it is not called. */
static unsigned
events_of(int fd, unsigned interest)
{
	gyre_timeout patience;

	seen = 0;
	handle(fd, interest, note_events, NULL);
	patience = call_later(GYRE_MS(20), stop_callback, NULL);
	run();
	gyre_loop_remove_timeout(the_loop, patience);
	gyre_loop_remove_handler(the_loop, fd);
	return seen;
}

/* A connected pair of TCP sockets. */
static void
make_tcp_pair(int fds[2])
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t length = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK(bind(listener, (struct sockaddr *)&address, length) == 0);
	CHECK(listen(listener, 1) == 0);
	CHECK(getsockname(listener, (struct sockaddr *)&address, &length) == 0);
	fds[0] = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(connect(fds[0], (struct sockaddr *)&address, length) == 0);
	fds[1] = accept(listener, NULL, NULL);
	CHECK(fds[1] >= 0);
	close(listener);
}

static void
a_closed_unix_peer_is_a_hang_up(void **state)
{
	int fds[2];

	(void)state;
	make_pair(fds);
	assert_int_equal(events_of(fds[0], GYRE_READ), 0);
	close(fds[1]);
	if (poller_is("kqueue")) {
		assert_int_equal(events_of(fds[0], GYRE_NONE), 0);
		assert_int_equal(events_of(fds[0], GYRE_READ), 0x1);
		assert_int_equal(events_of(fds[0], GYRE_WRITE), 0x1c);
	} else {
		assert_int_equal(events_of(fds[0], GYRE_NONE), 0x10);
		assert_int_equal(events_of(fds[0], GYRE_READ), 0x11);
	}
	close(fds[0]);
}

static void
a_tcp_half_close_is_readable_and_no_error(void **state)
{
	int fds[2];

	(void)state;
	make_tcp_pair(fds);
	shutdown(fds[1], SHUT_WR);
	assert_int_equal(events_of(fds[0], GYRE_READ), 0x1);
	assert_int_equal(events_of(fds[0], GYRE_ERROR), 0);
	assert_int_equal(events_of(fds[0], GYRE_WRITE), 0x4);
	close(fds[0]);
	close(fds[1]);
}

static void
a_tcp_reset_is_read_error_and_hang_up(void **state)
{
	const struct linger at_once = { .l_onoff = 1 };
	int fds[2];

	(void)state;
	make_tcp_pair(fds);
	setsockopt(fds[1], SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(fds[1]);
	assert_int_equal(events_of(fds[0], GYRE_READ), 0x19);
	close(fds[0]);
}

static void
a_refused_connect_is_write_error_and_hang_up(void **state)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t length = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	/* A port that nobody listens on: bound, and not listened on. */
	(void)state;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK(bind(listener, (struct sockaddr *)&address, length) == 0);
	CHECK(getsockname(listener, (struct sockaddr *)&address, &length) == 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, length), -1);
	assert_int_equal(events_of(fd, GYRE_WRITE), 0x1c);
	close(fd);
	close(listener);
}

static void
a_writable_and_readable_socket_reports_what_was_asked(void **state)
{
	int fds[2];

	(void)state;
	make_pair(fds);
	assert_int_equal(write(fds[1], "x", 1), 1);
	assert_int_equal(events_of(fds[0], GYRE_READ), 0x1);
	assert_int_equal(events_of(fds[0], GYRE_WRITE), 0x4);
	assert_int_equal(events_of(fds[0], GYRE_READ | GYRE_WRITE), 0x5);
	assert_int_equal(events_of(fds[0], GYRE_ERROR), 0);
	close(fds[0]);
	close(fds[1]);
}

/* -- descriptors that cannot be watched, and reused ------------------------ */

static int
try_to_add(int fd)
{
	return gyre_loop_add_handler(the_loop, fd, GYRE_READ, trace_handler,
				     NULL);
}

static void
what_cannot_be_watched_is_refused_and_forgotten(void **state)
{
	struct fake_counts before = fake_counts();
	FILE *file = tmpfile();
	int fds[2];

	(void)state;
	assert_non_null(file);
	assert_int_equal(try_to_add(fileno(file)), -EPERM);
	make_pipe(fds);
	close(fds[1]);
	assert_int_equal(try_to_add(fds[1]), -EBADF);
	assert_int_equal(try_to_add(INT32_MAX), -EBADF);
	/* Not even a table for the high number was made. */
	assert_int_equal(fake_counts().allocations, before.allocations);
	assert_int_equal(gyre_loop_remove_handler(the_loop, fileno(file)),
			 -ENOENT);
	/* Had they been kept, this would close them. */
	assert_int_equal(gyre_loop_close(the_loop, true), 0);
	assert_int_equal(fcntl(fileno(file), F_GETFD) & ~FD_CLOEXEC, 0);
	fclose(file);
	close(fds[0]);
}

static void
an_update_that_fails_changes_nothing(void **state)
{
	int fds[2];

	(void)state;
	/* To poll(2) an update is no call, and cannot fail. */
	if (poller_is("poll"))
		return;
	make_pair(fds);
	handle(fds[0], GYRE_NONE, note_events, NULL);
	fake_fail_at(1);
	assert_int_equal(gyre_loop_update_handler(the_loop, fds[0], GYRE_WRITE),
			 -ENOSPC);
	/* The table did not take it for done. */
	assert_int_equal(gyre_loop_update_handler(the_loop, fds[0], GYRE_WRITE),
			 0);
	seen = 0;
	run();
	assert_int_equal(seen, GYRE_WRITE);
	close(fds[0]);
	close(fds[1]);
}

static int pair_a[2];
static int pair_b[2];

/* The two are ready; whoever comes first gives the other's number away. */
static void
reuse_the_other(int fd, unsigned events, void *arg)
{
	int other = fd == pair_a[0] ? pair_b[0] : pair_a[0];
	char byte;

	(void)events;
	(void)arg;
	trace("first");
	assert_int_equal(read(fd, &byte, 1), 1);
	assert_int_equal(gyre_loop_remove_handler(the_loop, other), 0);
	close(other);
	assert_int_equal(dup2(pair_a[1], other), other);
	handle(other, GYRE_READ, trace_handler, "successor");
	call_later(GYRE_MS(5), stop_callback, NULL);
}

static void
a_number_reused_in_a_batch_gets_no_event_of_its_predecessor(void **state)
{
	(void)state;
	make_pair(pair_a);
	make_pair(pair_b);
	assert_int_equal(write(pair_a[1], "x", 1), 1);
	assert_int_equal(write(pair_b[1], "x", 1), 1);
	handle(pair_a[0], GYRE_READ, reuse_the_other, NULL);
	handle(pair_b[0], GYRE_READ, reuse_the_other, NULL);
	run();
	assert_trace("first");
	for (int i = 0; i < 2; i++) {
		close(pair_a[i]);
		close(pair_b[i]);
	}
}

static void
a_descriptor_closed_before_its_handler_is_removed_is_forgiven(void **state)
{
	int closed[2];
	int pair[2];

	(void)state;
	make_pipe(closed);
	make_pair(pair);
	handle(closed[0], GYRE_READ, trace_handler, "x");
	close(closed[0]);
	assert_int_equal(gyre_loop_remove_handler(the_loop, closed[0]), 0);
	assert_int_equal(gyre_loop_remove_handler(the_loop, closed[0]),
			 -ENOENT);
	assert_int_equal(dup2(pair[0], closed[0]), closed[0]);
	assert_int_equal(events_of(closed[0], GYRE_WRITE), 0x4);
	close(closed[0]);
	close(closed[1]);
	close(pair[0]);
	close(pair[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		REAL_TEST(a_closed_unix_peer_is_a_hang_up),
		REAL_TEST(a_tcp_half_close_is_readable_and_no_error),
		REAL_TEST(a_tcp_reset_is_read_error_and_hang_up),
		REAL_TEST(a_refused_connect_is_write_error_and_hang_up),
		REAL_TEST(
			a_writable_and_readable_socket_reports_what_was_asked),
		REAL_TEST(what_cannot_be_watched_is_refused_and_forgotten),
		REAL_TEST(an_update_that_fails_changes_nothing),
		REAL_TEST(
			a_number_reused_in_a_batch_gets_no_event_of_its_predecessor),
		REAL_TEST(
			a_descriptor_closed_before_its_handler_is_removed_is_forgiven),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
