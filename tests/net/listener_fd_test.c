/*
 * Listeners with a descriptor that listens already, and how one comes to
 * another.
 */
#include "tests/net/harness.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define PATH_SIZE sizeof(((struct sockaddr_un *)NULL)->sun_path)

static struct gyre_listener *listener;
static unsigned first_count;
static unsigned second_count;

static void
count_and_close(struct gyre_listener *from, int fd, void *count)
{
	(void)from;
	++*(unsigned *)count;
	close(fd);
}

static int
setup(void **state)
{
	first_count = second_count = 0;
	return net_setup(state);
}

static int
open_with(int fd, unsigned *count, struct gyre_listener **ret)
{
	struct gyre_listener_options options = { .fd = fd };

	return gyre_listener_open(loop, &options, count_and_close, count, ret);
}

static void
a_descriptor_that_listens_is_taken_over(void **state)
{
	uint16_t port;
	int fd = listen_at(5, &port);

	(void)state;
	fcntl(fd, F_SETFD, 0);
	assert_int_equal(open_with(fd, &first_count, &listener), 0);
	assert_int_equal(gyre_listener_port(listener), port);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	for (unsigned i = 1; i <= 3; i++) {
		close(connect_to(port));
		run_until_counted(&first_count, i);
	}
	gyre_listener_close(listener);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
}

static void
expect_refused(const struct gyre_listener_options *options, int error)
{
	int fds = count_fds();
	size_t live = faults.live;

	listener = NULL;
	assert_int_equal(gyre_listener_open(loop, options, count_and_close,
					    &first_count, &listener),
			 error);
	assert_null(listener);
	assert_int_equal(count_fds(), fds);
	assert_int_equal(faults.live, live);
}

static void
what_does_not_listen_is_refused(void **state)
{
	const int kinds[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET };
	struct gyre_listener_options options;
	int pipes[2];

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		options = (struct gyre_listener_options){
			.fd = socket(AF_UNIX, kinds[i] | SOCK_CLOEXEC, 0),
		};
		expect_refused(&options, -EINVAL);
		assert_non_null(strstr(log_last, "does not listen"));
		close(options.fd);
	}
	assert_int_equal(pipe(pipes), 0);
	options.fd = pipes[0];
	expect_refused(&options, -ENOTSOCK);
	assert_non_null(strstr(log_last, "ENOTSOCK"));
	close(pipes[0]);
	close(pipes[1]);
	expect_refused(&options, -EBADF);
	options.fd = -1;
	expect_refused(&options, -EBADF);
}

static void
an_address_or_a_path_is_not_given_too(void **state)
{
	uint16_t port;
	int fd = listen_at(5, &port);
	struct gyre_listener_options options = { .fd = fd, .path = "x" };

	(void)state;
	expect_refused(&options, -EINVAL);
	options = (struct gyre_listener_options){ .fd = fd, .port = 1 };
	expect_refused(&options, -EINVAL);
	options = (struct gyre_listener_options){ .fd = fd, .address = "::1" };
	expect_refused(&options, -EINVAL);
	options =
		(struct gyre_listener_options){ .fd = fd, .reuse_port = true };
	expect_refused(&options, -EINVAL);
	assert_int_equal(log_lines, 4);
	close(fd);
}

/* It is still the caller's then, and as good as before. */
static void
every_call_of_taking_over_may_fail(void **state)
{
	struct fault *const kinds[] = { &faults.allocate, &faults.getsockopt,
					&faults.fcntl, &faults.getsockname,
					&faults.watch };
	uint16_t port;
	int fd = listen_at(5, &port);
	struct gyre_listener_options options = { .fd = fd };

	(void)state;
	close(connect_to(port));
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		inject(kinds[i], 1, 0, ENOMEM);
		expect_refused(&options, -ENOMEM);
	}
	inject(&faults.getsockopt, 2, 0, ENOMEM);
	expect_refused(&options, -ENOMEM);
	for (unsigned n = 2; n <= 4; n++) {
		inject(&faults.fcntl, n, 0, EMFILE);
		expect_refused(&options, -EMFILE);
	}
	assert_int_equal(open_with(fd, &first_count, &listener), 0);
	run_until_counted(&first_count, 1);
	gyre_listener_close(listener);
}

/* -- handing over ---------------------------------------------------------- */

static struct gyre_listener *
open_first(const char *path)
{
	struct gyre_listener_options options = { .path = path };

	assert_int_equal(gyre_listener_open(loop, &options, count_and_close,
					    &first_count, &listener),
			 0);
	return listener;
}

static void
who_waits_is_left_to_whom_it_was_handed_to(void **state)
{
	struct gyre_listener *first = open_first(NULL);
	struct gyre_listener *second;
	uint16_t port = gyre_listener_port(first);
	int fd = gyre_listener_hand_over(first);

	(void)state;
	assert_true(fd > 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	/* It still accepts. */
	close(connect_to(port));
	run_until_counted(&first_count, 1);
	for (unsigned i = 0; i < 10; i++)
		close(connect_to(port));
	gyre_listener_close(first);
	assert_int_equal(first_count, 1);
	/* Nobody listens with it just now, and still nobody is refused. */
	close(connect_to(port));
	assert_int_equal(open_with(fd, &second_count, &second), 0);
	assert_int_equal(gyre_listener_port(second), port);
	run_until_counted(&second_count, 11);
	gyre_listener_close(second);
}

static void
a_path_stays_for_whom_it_was_handed_to(void **state)
{
	char folder[] = "/tmp/gyre-listener-XXXXXX";
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct gyre_listener *first;
	struct gyre_listener *second;
	int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int fd;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket",
		 folder);
	first = open_first(address.sun_path);
	fd = gyre_listener_hand_over(first);
	assert_true(fd > 0);
	gyre_listener_close(first);
	assert_int_equal(open_with(fd, &second_count, &second), 0);
	assert_int_equal(gyre_listener_port(second), 0);
	assert_int_equal(
		connect(client, (struct sockaddr *)&address, sizeof(address)),
		0);
	run_until_counted(&second_count, 1);
	gyre_listener_close(second);
	/* Who inherits one may hand it on; who made the path is gone. */
	assert_int_equal(unlink(address.sun_path), 0);
	assert_int_equal(rmdir(folder), 0);
	close(client);
}

/* Nobody else is there for who waits, nor for the path. */
static void
what_is_taken_back_is_its_own(void **state)
{
	char folder[] = "/tmp/gyre-listener-XXXXXX";
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct gyre_listener *first;
	int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket",
		 folder);
	first = open_first(address.sun_path);
	for (int i = 0; i < 2; i++)
		assert_int_equal(close(gyre_listener_hand_over(first)), 0);
	for (int i = 0; i < 2; i++)
		gyre_listener_take_back(first);
	assert_int_equal(
		connect(client, (struct sockaddr *)&address, sizeof(address)),
		0);
	gyre_listener_close(first);
	assert_int_equal(first_count, 1);
	assert_int_equal(rmdir(folder), 0);
	close(client);
}

static void
one_of_two_that_is_taken_back_leaves_the_other(void **state)
{
	struct gyre_listener *first = open_first(NULL);
	uint16_t port = gyre_listener_port(first);
	int fd = gyre_listener_hand_over(first);
	struct gyre_listener *second;

	(void)state;
	assert_int_equal(close(gyre_listener_hand_over(first)), 0);
	gyre_listener_take_back(first);
	close(connect_to(port));
	gyre_listener_close(first);
	assert_int_equal(first_count, 0);
	assert_int_equal(open_with(fd, &second_count, &second), 0);
	run_until_counted(&second_count, 1);
	gyre_listener_close(second);
}

static void
without_a_descriptor_nothing_is_handed_over(void **state)
{
	struct gyre_listener *first = open_first(NULL);
	uint16_t port = gyre_listener_port(first);

	(void)state;
	inject(&faults.fcntl, 1, 0, EMFILE);
	assert_int_equal(gyre_listener_hand_over(first), -EMFILE);
	close(connect_to(port));
	/* The queue is its own, and so it is emptied. */
	gyre_listener_close(first);
	assert_int_equal(first_count, 1);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, net_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_descriptor_that_listens_is_taken_over),
		TEST(what_does_not_listen_is_refused),
		TEST(an_address_or_a_path_is_not_given_too),
		TEST(every_call_of_taking_over_may_fail),
		TEST(who_waits_is_left_to_whom_it_was_handed_to),
		TEST(a_path_stays_for_whom_it_was_handed_to),
		TEST(what_is_taken_back_is_its_own),
		TEST(one_of_two_that_is_taken_back_leaves_the_other),
		TEST(without_a_descriptor_nothing_is_handed_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
