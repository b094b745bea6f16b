/*
 * Handlers as documented, on real descriptors: what the kernel reports and what
 * it refuses.
 */
#include "tests/support/loop_fixture.h"

#include <gyre/net.h>

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
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

static int
listen_on_any_port(struct sockaddr_in *ret_address)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK(bind(fd, (struct sockaddr *)&address, length) == 0);
	CHECK(getsockname(fd, (struct sockaddr *)&address, &length) == 0);
	*ret_address = address;
	return fd;
}

static int
connect_to(const struct sockaddr_in *address)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	CHECK(connect(fd, (const struct sockaddr *)address, sizeof(*address)) ==
	      0);
	return fd;
}

/* A connected pair of TCP sockets. */
static void
make_tcp_pair(int fds[2])
{
	struct sockaddr_in address;
	int listener = listen_on_any_port(&address);

	CHECK(listen(listener, 1) == 0);
	fds[0] = connect_to(&address);
	fds[1] = accept(listener, NULL, NULL);
	CHECK(fds[1] >= 0);
	close(listener);
}

static void
reset_by(int fd)
{
	const struct linger at_once = { .l_onoff = 1 };

	CHECK(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once,
			 sizeof(at_once)) == 0);
	close(fd);
}

/* What one end of a TCP connection does may take a moment to the other. */
static void
wait_for_news(int fd)
{
	struct pollfd news = { .fd = fd, .events = POLLIN };

	CHECK(poll(&news, 1, 10000) == 1);
}

static void
L69_the_kernel_s_read_and_write_come_in_one_call(void **state)
{
	int fds[2];

	(void)state;
	make_pair(fds);
	assert_int_equal(write(fds[1], "x", 1), 1);
	assert_int_equal(events_of(fds[0], GYRE_READ), 0x1);
	assert_int_equal(events_of(fds[0], GYRE_WRITE), 0x4);
	assert_int_equal(events_of(fds[0], GYRE_READ | GYRE_WRITE), 0x5);
	assert_int_equal(events_of(fds[0], GYRE_ERROR), 0);
	close_both(fds);
}

/* A kqueue tells of a Unix peer's end as of any other, and nothing to who asks
 * for nothing. */
static bool
tells_hang_ups(void)
{
	return !poller_is("kqueue");
}

/* L70 holds: what the kernel says is passed on. A Unix peer that closed is
 * 0x11, or 0x10 to who waits for nothing; a TCP FIN is 0x1 to a reader and
 * nothing new to a writer; a TCP reset is 0x19, a refused connect 0x1c. */
static void
L70_a_closed_unix_peer_is_a_hang_up(void **state)
{
	int fds[2];

	(void)state;
	make_pair(fds);
	assert_int_equal(events_of(fds[0], GYRE_READ), 0);
	close(fds[1]);
	assert_int_equal(events_of(fds[0], GYRE_NONE),
			 tells_hang_ups() ? 0x10 : 0);
	assert_int_equal(events_of(fds[0], GYRE_READ),
			 tells_hang_ups() ? 0x11 : 0x1);
	close(fds[0]);
}

static void
L70_a_hang_up_comes_with_the_data_that_is_left(void **state)
{
	char bytes[8];
	int fds[2];

	(void)state;
	make_pair(fds);
	assert_int_equal(write(fds[1], "last", 4), 4);
	close(fds[1]);
	assert_int_equal(events_of(fds[0], GYRE_READ),
			 tells_hang_ups() ? 0x11 : 0x1);
	assert_int_equal(read(fds[0], bytes, sizeof(bytes)), 4);
	close(fds[0]);
}

static void
L70_a_tcp_fin_is_readable_and_no_error(void **state)
{
	int fds[2];

	(void)state;
	make_tcp_pair(fds);
	close(fds[1]);
	wait_for_news(fds[0]);
	assert_int_equal(events_of(fds[0], GYRE_READ), 0x1);
	assert_int_equal(events_of(fds[0], GYRE_WRITE), 0x4);
	close(fds[0]);
}

static void
L70_a_tcp_reset_is_read_error_and_hang_up(void **state)
{
	int fds[2];

	(void)state;
	make_tcp_pair(fds);
	reset_by(fds[1]);
	wait_for_news(fds[0]);
	assert_int_equal(events_of(fds[0], GYRE_READ), 0x19);
	close(fds[0]);
}

static void
L70_a_refused_connect_is_write_error_and_hang_up(void **state)
{
	struct sockaddr_in address;
	/* Bound, and not listened on. */
	int deaf = listen_on_any_port(&address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	(void)state;
	assert_int_equal(
		connect(fd, (struct sockaddr *)&address, sizeof(address)), -1);
	assert_int_equal(events_of(fd, GYRE_WRITE), 0x1c);
	close(fd);
	close(deaf);
}

/* L71 holds: an orderly close is not an error: who waits for GYRE_ERROR alone
 * does not hear of it, a reader does. */
static void
L71_a_half_close_is_no_error(void **state)
{
	void (*const make[])(int fds[2]) = { make_pair, make_tcp_pair };
	int fds[2];

	(void)state;
	for (int i = 0; i < 2; i++) {
		make[i](fds);
		shutdown(fds[1], SHUT_WR);
		assert_int_equal(events_of(fds[0], GYRE_ERROR), 0);
		assert_int_equal(events_of(fds[0], GYRE_READ), 0x1);
		close_both(fds);
	}
}

/* -- hang-ups do not spin ------------------------------------------------- */

static unsigned calls;

static void
count_call(int fd, unsigned events, void *arg)
{
	(void)fd;
	(void)arg;
	calls++;
	seen = events;
}

/* A hung-up descriptor in 50 ms of idleness: who waits for nothing is called
 * once. Raising the interest, it hears of it again. */
static void
assert_no_spin(int fd, unsigned expected)
{
	unsigned polls = fake_counts().polls;

	calls = 0;
	handle(fd, GYRE_NONE, count_call, NULL);
	run_for(GYRE_MS(50));
	assert_int_equal(calls, tells_hang_ups());
	if (tells_hang_ups())
		assert_int_equal(seen, expected);
	assert_in_range(fake_counts().polls - polls, 1, 4);
	assert_int_equal(gyre_loop_update_handler(the_loop, fd, GYRE_READ), 0);
	run_for(GYRE_MS(20));
	assert_in_range(calls, 2, 1000000);
	assert_true(seen & (tells_hang_ups() ? GYRE_ERROR : GYRE_READ));
	assert_int_equal(gyre_loop_remove_handler(the_loop, fd), 0);
}

static void
L67_hang_ups_of_pipes_and_sockets_do_not_spin(void **state)
{
	int fds[2];

	(void)state;
	make_pipe(fds);
	close(fds[1]);
	assert_no_spin(fds[0], 0x10);
	close(fds[0]);
	make_pipe(fds);
	close(fds[0]);
	assert_no_spin(fds[1], 0x08);
	close(fds[1]);
	make_pair(fds);
	close(fds[1]);
	assert_no_spin(fds[0], 0x10);
	close(fds[0]);
	make_tcp_pair(fds);
	reset_by(fds[1]);
	assert_no_spin(fds[0], 0x18);
	close(fds[0]);
}

/* -- what cannot be watched ----------------------------------------------- */

static int
try_to_add(int fd)
{
	return gyre_loop_add_handler(the_loop, fd, GYRE_READ, trace_handler,
				     NULL);
}

/* L74 holds: what is not an open descriptor is -EBADF, a regular file -EPERM;
 * a refusal leaves nothing behind. */
static void
L74_what_cannot_be_watched_is_refused_and_forgotten(void **state)
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
L74_a_regular_file_is_refused_with_a_line(void **state)
{
	FILE *file = tmpfile();
	char words[64];

	(void)state;
	log_the_loop();
	assert_int_equal(try_to_add(INT32_MAX), -EBADF);
	assert_string_equal(last_logged, "");
	assert_int_equal(try_to_add(fileno(file)), -EPERM);
	snprintf(words, sizeof(words), "descriptor %d cannot be watched",
		 fileno(file));
	assert_non_null(strstr(last_logged, words));
	assert_non_null(strstr(last_logged, "regular file"));
	fclose(file);
}

/* -- accepting ------------------------------------------------------------ */

#define CLIENTS 70

static unsigned accepted;
static unsigned accepted_before_turn;

static void
close_accepted(struct gyre_listener *listener, int fd, void *arg)
{
	(void)listener;
	(void)arg;
	close(fd);
	accepted++;
}

static void
take_turn(int fd, unsigned events, void *arg)
{
	(void)fd;
	(void)events;
	(void)arg;
	if (accepted > 0 && accepted_before_turn == 0)
		accepted_before_turn = accepted;
	if (accepted == CLIENTS)
		gyre_loop_stop(the_loop);
}

/* L89 deviates: a listener accepts at most 64 connections for an event, goes on
 * with the rest after the other handlers had their turn, skips what the peer
 * gave up, and backs off when there are no descriptors. Why: half of what was
 * usual keeps the others waiting half as long, and costs one poll in 64. */
static void
L89_accepting_leaves_the_others_their_turn(void **state)
{
	struct gyre_listener *listener;
	struct sockaddr_in address = { .sin_family = AF_INET };
	int clients[CLIENTS];
	int fds[2];

	(void)state;
	make_pair(fds);
	assert_int_equal(gyre_listener_open(the_loop, NULL, close_accepted,
					    NULL, &listener),
			 0);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	address.sin_port = htons(gyre_listener_port(listener));
	for (int i = 0; i < CLIENTS; i++)
		clients[i] = connect_to(&address);
	accepted = 0;
	accepted_before_turn = 0;
	handle(fds[0], GYRE_WRITE, take_turn, NULL);
	run();
	assert_int_equal(accepted_before_turn, 64);
	gyre_listener_close(listener);
	for (int i = 0; i < CLIENTS; i++)
		close(clients[i]);
	close_both(fds);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		REAL_TEST(L69_the_kernel_s_read_and_write_come_in_one_call),
		REAL_TEST(L70_a_closed_unix_peer_is_a_hang_up),
		REAL_TEST(L70_a_hang_up_comes_with_the_data_that_is_left),
		REAL_TEST(L70_a_tcp_fin_is_readable_and_no_error),
		REAL_TEST(L70_a_tcp_reset_is_read_error_and_hang_up),
		REAL_TEST(L70_a_refused_connect_is_write_error_and_hang_up),
		REAL_TEST(L71_a_half_close_is_no_error),
		REAL_TEST(L67_hang_ups_of_pipes_and_sockets_do_not_spin),
		REAL_TEST(L74_what_cannot_be_watched_is_refused_and_forgotten),
		REAL_TEST(L74_a_regular_file_is_refused_with_a_line),
		REAL_TEST(L89_accepting_leaves_the_others_their_turn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
