/* The wake descriptor: an eventfd, or a pipe where there is none. */
#include "tests/bus/fixture.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

/* -- a table in which a call fails --------------------------------------- */

static int eventfd_error;
static int pipe_error;
static unsigned fcntl_fails_at; /* 0: never */
static unsigned interruptions;  /* of the next writes */
static unsigned writes;
static unsigned reads;

static int
failing_eventfd(unsigned value, int flags)
{
	if (eventfd_error == 0)
		return gyre__sys_default.eventfd(value, flags);
	errno = eventfd_error;
	return -1;
}

static int
failing_pipe(int fds[2])
{
	if (pipe_error == 0)
		return gyre__sys_default.pipe(fds);
	errno = pipe_error;
	return -1;
}

static int
failing_fcntl(int fd, int command, ...)
{
	va_list arguments;
	int argument;

	va_start(arguments, command);
	argument = va_arg(arguments, int);
	va_end(arguments);
	if (fcntl_fails_at == 0 || --fcntl_fails_at > 0)
		return gyre__sys_default.fcntl(fd, command, argument);
	errno = EPERM;
	return -1;
}

static ssize_t
interrupted_write(int fd, const void *bytes, size_t size)
{
	writes++;
	if (interruptions == 0)
		return gyre__sys_default.write(fd, bytes, size);
	interruptions--;
	errno = EINTR;
	return -1;
}

static ssize_t
counted_read(int fd, void *bytes, size_t size)
{
	reads++;
	return gyre__sys_default.read(fd, bytes, size);
}

static struct gyre_sys table;

static int
set_up(void **state)
{
	eventfd_error = 0;
	pipe_error = 0;
	fcntl_fails_at = 0;
	interruptions = 0;
	writes = 0;
	reads = 0;
	table = gyre__sys_default;
	table.eventfd = failing_eventfd;
	table.pipe = failing_pipe;
	table.fcntl = failing_fcntl;
	table.write = interrupted_write;
	table.read = counted_read;
	return bus_set_up(state);
}

static struct gyre__wake_fd
opened(void)
{
	struct gyre__wake_fd wake;

	assert_int_equal(gyre__wake_fd_open(&wake, &table), 0);
	return wake;
}

static struct gyre__wake_fd
opened_pipe(void)
{
	eventfd_error = ENOSYS;
	return opened();
}

static void
ring(struct gyre__wake_fd *wake)
{
	wake->bell.ring(&wake->bell);
}

static bool
is_readable(const struct gyre__wake_fd *wake)
{
	struct pollfd watched = { .fd = wake->read_fd, .events = POLLIN };

	assert_true(poll(&watched, 1, 0) >= 0);
	return watched.revents == POLLIN;
}

static void
assert_flags(int fd)
{
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
}

/* -- the eventfd --------------------------------------------------------- */

static void
a_ring_makes_it_readable(void **state)
{
	struct gyre__wake_fd wake = opened();

	(void)state;
	assert_int_equal(wake.read_fd, wake.write_fd);
	assert_flags(wake.read_fd);
	assert_false(is_readable(&wake));
	ring(&wake);
	assert_true(is_readable(&wake));
	gyre__wake_fd_close(&wake);
}

static void
rearming_leaves_an_eventfd_alone(void **state)
{
	struct gyre__wake_fd wake = opened();

	(void)state;
	ring(&wake);
	assert_int_equal(gyre__wake_fd_rearm(&wake), 0);
	assert_true(is_readable(&wake));
	gyre__wake_fd_close(&wake);
}

static void
draining_an_eventfd_takes_one_read(void **state)
{
	struct gyre__wake_fd wake = opened();

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		ring(&wake);
		ring(&wake);
		reads = 0;
		assert_int_equal(gyre__wake_fd_drain(&wake), 0);
		assert_int_equal(reads, 1);
		assert_false(is_readable(&wake));
	}
	assert_int_equal(gyre__wake_fd_drain(&wake), 0);
	gyre__wake_fd_close(&wake);
}

/* An edge-triggered poller must be told of each ring, read or not. */
static void
each_ring_is_an_edge(void **state)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	struct gyre__wake_fd wake = opened();
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	(void)state;
	assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, wake.read_fd, &event),
			 0);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(epoll_wait(epoll, &event, 1, 0), 0);
		ring(&wake);
		assert_int_equal(epoll_wait(epoll, &event, 1, 0), 1);
	}
	close(epoll);
	gyre__wake_fd_close(&wake);
}

static void
a_full_counter_has_rung_already(void **state)
{
	const uint64_t most = UINT64_MAX - 1;
	struct gyre__wake_fd wake = opened();

	(void)state;
	assert_int_equal(write(wake.write_fd, &most, sizeof(most)),
			 sizeof(most));
	ring(&wake);
	assert_int_equal(writes, 1);
	assert_true(is_readable(&wake));
	gyre__wake_fd_close(&wake);
}

/* -- both ---------------------------------------------------------------- */

static void
check_interruptions(struct gyre__wake_fd wake)
{
	interruptions = 3;
	ring(&wake);
	assert_int_equal(writes, 4);
	assert_true(is_readable(&wake));
	gyre__wake_fd_close(&wake);
}

static void
an_interrupted_ring_is_tried_again(void **state)
{
	(void)state;
	check_interruptions(opened());
	writes = 0;
	check_interruptions(opened_pipe());
}

static void
a_ring_keeps_errno(void **state)
{
	struct gyre__wake_fd wake = opened();

	(void)state;
	interruptions = 1;
	errno = ENOTTY;
	ring(&wake);
	assert_int_equal(errno, ENOTTY);
	gyre__wake_fd_close(&wake);
}

/* -- the pipe ------------------------------------------------------------ */

static void
a_pipe_stands_in_for_an_eventfd(void **state)
{
	struct gyre__wake_fd wake = opened_pipe();

	(void)state;
	assert_int_not_equal(wake.read_fd, wake.write_fd);
	assert_flags(wake.read_fd);
	assert_flags(wake.write_fd);
	assert_false(is_readable(&wake));
	for (unsigned i = 0; i < 3; i++) {
		ring(&wake);
		ring(&wake);
		assert_true(is_readable(&wake));
		assert_int_equal(gyre__wake_fd_rearm(&wake), 0);
		assert_false(is_readable(&wake));
	}
	gyre__wake_fd_close(&wake);
}

static void
a_full_pipe_has_rung_already(void **state)
{
	struct gyre__wake_fd wake = opened_pipe();
	char bytes[4096] = { 0 };

	(void)state;
	while (write(wake.write_fd, bytes, sizeof(bytes)) > 0)
		;
	while (write(wake.write_fd, bytes, 1) > 0)
		;
	ring(&wake);
	assert_int_equal(writes, 1);
	assert_int_equal(gyre__wake_fd_drain(&wake), 0);
	assert_false(is_readable(&wake));
	ring(&wake);
	assert_true(is_readable(&wake));
	gyre__wake_fd_close(&wake);
}

/* -- what can't be opened ------------------------------------------------ */

static void
no_descriptor_is_reported(void **state)
{
	struct gyre__wake_fd wake;

	(void)state;
	eventfd_error = EMFILE;
	assert_int_equal(gyre__wake_fd_open(&wake, &table), -EMFILE);
	eventfd_error = ENOSYS;
	pipe_error = ENFILE;
	assert_int_equal(gyre__wake_fd_open(&wake, &table), -ENFILE);
}

/* The teardown counts descriptors. */
static void
half_a_pipe_is_closed_again(void **state)
{
	struct gyre__wake_fd wake;

	(void)state;
	eventfd_error = ENOSYS;
	for (unsigned i = 1; i <= 4; i++) {
		fcntl_fails_at = i;
		assert_int_equal(gyre__wake_fd_open(&wake, &table), -EPERM);
		assert_int_equal(fcntl_fails_at, 0);
	}
	wake = opened_pipe();
	gyre__wake_fd_close(&wake);
}

#define DOORBELL_TEST(name) \
	cmocka_unit_test_setup_teardown(name, set_up, bus_tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		DOORBELL_TEST(a_ring_makes_it_readable),
		DOORBELL_TEST(rearming_leaves_an_eventfd_alone),
		DOORBELL_TEST(draining_an_eventfd_takes_one_read),
		DOORBELL_TEST(each_ring_is_an_edge),
		DOORBELL_TEST(a_full_counter_has_rung_already),
		DOORBELL_TEST(an_interrupted_ring_is_tried_again),
		DOORBELL_TEST(a_ring_keeps_errno),
		DOORBELL_TEST(a_pipe_stands_in_for_an_eventfd),
		DOORBELL_TEST(a_full_pipe_has_rung_already),
		DOORBELL_TEST(no_descriptor_is_reported),
		DOORBELL_TEST(half_a_pipe_is_closed_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
