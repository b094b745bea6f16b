/*
 * Listeners at a path: what was there before, who may connect, and that
 * nothing stays behind.
 */
#include "tests/net/harness.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define PATH_SIZE sizeof(((struct sockaddr_un *)NULL)->sun_path)

static struct gyre_listener *listener;
static unsigned accepted_count;
static char folder[] = "/tmp/gyre-listener-XXXXXX";
static char path[PATH_SIZE];

static int
setup(void **state)
{
	memcpy(folder + sizeof(folder) - 7, "XXXXXX", 6);
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/socket", folder);
	accepted_count = 0;
	return net_setup(state);
}

/* Whatever was there, nothing of ours stays. */
static int
teardown(void **state)
{
	int result = net_teardown(state);

	assert_int_equal(rmdir(folder), 0);
	return result;
}

static void
accept_and_close(struct gyre_listener *from, int fd, void *arg)
{
	(void)from;
	(void)arg;
	accepted_count++;
	close(fd);
}

static int
connect_to_path(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	memcpy(address.sun_path, path, strlen(path));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	close(fd);
	return -errno;
}

/* Connect, and leave. */
static void
knock(void)
{
	int fd = connect_to_path();

	assert_true(fd >= 0);
	close(fd);
}

static void
expect_refused(const struct gyre_listener_options *options, int error)
{
	struct gyre_listener *untouched = NULL;
	int fds = count_fds();
	size_t live = faults.live;

	assert_int_equal(gyre_listener_open(loop, options, accept_and_close,
					    NULL, &untouched),
			 error);
	assert_null(untouched);
	assert_int_equal(count_fds(), fds);
	assert_int_equal(faults.live, live);
}

static int
open_at_path(struct gyre_listener **ret)
{
	struct gyre_listener_options options = { .path = path };

	return gyre_listener_open(loop, &options, accept_and_close, NULL, ret);
}

static void
a_listener_accepts_at_a_path(void **state)
{
	struct gyre_listener_options options = { .path = path, .mode = 0660 };
	struct stat status;

	(void)state;
	assert_int_equal(gyre_listener_open(loop, &options, accept_and_close,
					    NULL, &listener),
			 0);
	assert_int_equal(gyre_listener_port(listener), 0);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0660);
	knock();
	run_until_counted(&accepted_count, 1);
	gyre_listener_close(listener);
	assert_int_equal(connect_to_path(), -ENOENT);
	assert_int_equal(open_at_path(&listener), 0);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	gyre_listener_close(listener);
}

static void
a_path_is_taken_once(void **state)
{
	const struct gyre_listener_options options = { .path = path };

	(void)state;
	assert_int_equal(open_at_path(&listener), 0);
	knock();
	expect_refused(&options, -EADDRINUSE);
	assert_non_null(strstr(log_last, "a process that runs has it"));
	/* It still has its path, and who asked for it is no client. */
	run_for(GYRE_MS(1));
	assert_true(accepted_count >= 1);
	knock();
	gyre_listener_close(listener);
}

/* Leave a socket behind as a process does that is killed. */
static void
leave_socket(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	memcpy(address.sun_path, path, strlen(path));
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)),
			 0);
	assert_int_equal(listen(fd, 1), 0);
	close(fd);
}

static void
what_a_dead_process_left_is_taken_away(void **state)
{
	(void)state;
	leave_socket();
	assert_int_equal(connect_to_path(), -ECONNREFUSED);
	assert_int_equal(open_at_path(&listener), 0);
	knock();
	run_until_counted(&accepted_count, 1);
	gyre_listener_close(listener);
}

static void
what_is_no_socket_stays(void **state)
{
	const struct gyre_listener_options options = { .path = path };
	FILE *file = fopen(path, "w");

	(void)state;
	assert_non_null(file);
	fclose(file);
	expect_refused(&options, -EEXIST);
	assert_non_null(strstr(log_last, "no socket"));
	assert_int_equal(unlink(path), 0);
	/* A link is not followed. */
	assert_int_equal(symlink("elsewhere", path), 0);
	expect_refused(&options, -EEXIST);
	assert_int_equal(unlink(path), 0);
}

static void
anothers_path_is_not_removed(void **state)
{
	char aside[PATH_SIZE + 8];

	(void)state;
	snprintf(aside, sizeof(aside), "%s.aside", path);
	assert_int_equal(open_at_path(&listener), 0);
	/* It stays somewhere, so that the other one has another inode. */
	assert_int_equal(rename(path, aside), 0);
	leave_socket();
	gyre_listener_close(listener);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(unlink(aside), 0);
}

/* Who runs and has no time for clients is not gone. */
static void
a_path_with_a_full_queue_is_taken(void **state)
{
	const struct gyre_listener_options options = { .path = path };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int busy = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int waiting[8];
	int count = 0;
	int error = 0;

	(void)state;
	memcpy(address.sun_path, path, strlen(path));
	assert_int_equal(
		bind(busy, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(busy, 0), 0);
	while (error == 0 && count < 8) {
		int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

		waiting[count++] = fd;
		assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
		error = connect(fd, (struct sockaddr *)&address,
				sizeof(address));
	}
	assert_int_equal(error, -1);
	expect_refused(&options, -EADDRINUSE);
	while (count > 0)
		close(waiting[--count]);
	close(busy);
	assert_int_equal(unlink(path), 0);
}

static void
bad_paths_are_refused(void **state)
{
	char text[2 * PATH_SIZE];
	struct gyre_listener_options options = { .path = text };

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	expect_refused(&options, -ENAMETOOLONG);
	text[0] = '\0';
	expect_refused(&options, -ENAMETOOLONG);
	snprintf(text, sizeof(text), "%s/nowhere/socket", folder);
	expect_refused(&options, -ENOENT);
	options.port = 80;
	expect_refused(&options, -EINVAL);
	options.port = 0;
	options.reuse_port = true;
	expect_refused(&options, -EINVAL);
}

static void
every_call_of_opening_at_a_path_may_fail(void **state)
{
	struct fault *const kinds[] = {
		&faults.allocate, &faults.socket, &faults.bind,
		&faults.listen,   &faults.watch,
	};
	const struct gyre_listener_options options = { .path = path };

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		inject(kinds[i], 1, 0, ENOMEM);
		expect_refused(&options, -ENOMEM);
		assert_int_equal(access(path, F_OK), -1);
	}
}

static void
a_path_goes_with_the_loop(void **state)
{
	(void)state;
	assert_int_equal(open_at_path(&listener), 0);
	close_loop();
	assert_int_equal(access(path, F_OK), -1);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_listener_accepts_at_a_path),
		TEST(a_path_is_taken_once),
		TEST(what_a_dead_process_left_is_taken_away),
		TEST(what_is_no_socket_stays),
		TEST(anothers_path_is_not_removed),
		TEST(a_path_with_a_full_queue_is_taken),
		TEST(bad_paths_are_refused),
		TEST(every_call_of_opening_at_a_path_may_fail),
		TEST(a_path_goes_with_the_loop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
