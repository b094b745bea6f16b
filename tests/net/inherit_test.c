/*
 * Descriptors that a process is started with. This program is its own child:
 * started with an argument, it says what it was given.
 */
#include "tests/support/loop_fixture.h"

#include "base/sys.h"
#include "net/inherit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static char program[4096];

/* -- the child ------------------------------------------------------------- */

/* Write the names to each descriptor, and end with how many there are. */
static int
be_child(void)
{
	struct gyre_inherited items[4];
	sigset_t blocked;
	int count = gyre_inherited_take(items, 4);

	if (getenv("LISTEN_FDS") != NULL || getenv("LISTEN_PID") != NULL ||
	    getenv("LISTEN_FDNAMES") != NULL ||
	    gyre_inherited_take(items, 4) != 0)
		return 100;
	sigprocmask(SIG_SETMASK, NULL, &blocked);
	if (sigismember(&blocked, SIGUSR1))
		return 101;
	for (int i = 0; i < count; i++) {
		size_t length = strlen(items[i].name);

		if (fcntl(items[i].fd, F_GETFD) != FD_CLOEXEC)
			return 102;
		if (write(items[i].fd, items[i].name, length) !=
		    (ssize_t)length)
			return 103;
	}
	return count;
}

/* -- passing on ------------------------------------------------------------ */

static int
start(const struct gyre_inherited *items, unsigned count, int *ret_pid)
{
	char *const arguments[] = { program, (char *)(uintptr_t) "child",
				    NULL };

	return gyre_inherited_start(program, arguments, items, count, ret_pid);
}

static int
wait_for(int pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static struct gyre_inherited
item(int fd, const char *name)
{
	struct gyre_inherited result = { .fd = fd };

	snprintf(result.name, sizeof(result.name), "%s", name);
	return result;
}

static void
expect_text(int fd, const char *text)
{
	char got[32] = "";

	assert_int_equal(read(fd, got, sizeof(got) - 1), strlen(text));
	assert_string_equal(got, text);
}

static void
a_program_gets_what_it_is_given(void **state)
{
	unsigned before = open_descriptors();
	int pairs[3][2];
	struct gyre_inherited items[3];
	sigset_t usr1;
	int pid = 0;

	(void)state;
	for (int i = 0; i < 3; i++)
		make_pair(pairs[i]);
	/* Against their order, so that one is where another is to be. */
	items[0] = item(pairs[2][0], "web");
	items[1] = item(pairs[0][0], "metrics.v1");
	items[2] = item(pairs[1][0], "x");
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &usr1, NULL);
	assert_int_equal(start(items, 3, &pid), 0);
	pthread_sigmask(SIG_UNBLOCK, &usr1, NULL);
	assert_int_equal(wait_for(pid), 3);
	expect_text(pairs[2][1], "web");
	expect_text(pairs[0][1], "metrics.v1");
	expect_text(pairs[1][1], "x");
	for (int i = 0; i < 3; i++)
		close_both(pairs[i]);
	assert_int_equal(open_descriptors(), before);
}

static void
none_is_none(void **state)
{
	int pid = 0;

	(void)state;
	assert_int_equal(start(NULL, 0, &pid), 0);
	assert_int_equal(wait_for(pid), 0);
}

static void
what_can_not_be_started_is_told(void **state)
{
	char *const arguments[] = { program, NULL };
	struct gyre_inherited items[65];
	unsigned before = open_descriptors();
	int pid = 77;

	(void)state;
	assert_int_equal(gyre_inherited_start("/nowhere/at/all", arguments,
					      NULL, 0, &pid),
			 -ENOENT);
	assert_int_equal(gyre_inherited_start("/", arguments, NULL, 0, &pid),
			 -EACCES);
	items[0] = item(-1, "x");
	assert_int_equal(start(items, 1, &pid), -EBADF);
	for (unsigned i = 0; i < 65; i++)
		items[i] = item(0, "x");
	assert_int_equal(start(items, 65, &pid), -E2BIG);
	items[0] = item(0, "a:b");
	assert_int_equal(start(items, 1, &pid), -EINVAL);
	items[0] = item(0, "");
	assert_int_equal(start(items, 1, &pid), -EINVAL);
	items[0] = item(0, "a b");
	assert_int_equal(start(items, 1, &pid), -EINVAL);
	memset(items[0].name, 'x', sizeof(items[0].name));
	assert_int_equal(start(items, 1, &pid), -EINVAL);
	assert_int_equal(pid, 77);
	assert_int_equal(open_descriptors(), before);
}

/* -- the system fails ------------------------------------------------------ */

/* Which of the calls of each kind fails, counted from 1; 0: none. */
static unsigned fails;
static unsigned calls;

static bool
is_to_fail(int error)
{
	errno = error;
	return ++calls == fails;
}

static void *
fail_allocate(size_t size, size_t align)
{
	return is_to_fail(ENOMEM) ? NULL
				  : gyre__sys_default.allocate(size, align);
}

static int
fail_pipe(int fds[2])
{
	return is_to_fail(EMFILE) ? -1 : pipe(fds);
}

static pid_t
fail_fork(void)
{
	return is_to_fail(EAGAIN) ? -1 : fork();
}

static int
fail_fcntl(int fd, int command, ...)
{
	va_list arguments;
	int value;

	va_start(arguments, command);
	value = command == F_GETFD ? 0 : va_arg(arguments, int);
	va_end(arguments);
	return is_to_fail(EMFILE) ? -1 : fcntl(fd, command, value);
}

/* In the child, which has a copy of the count. */
static int
fail_dup2(int fd, int wanted)
{
	return is_to_fail(EMFILE) ? -1 : dup2(fd, wanted);
}

/* One that a signal interrupts is made again. */
static ssize_t
fail_read(int fd, void *data, size_t size)
{
	return is_to_fail(EINTR) ? -1 : read(fd, data, size);
}

static pid_t
fail_waitpid(pid_t pid, int *ret_status, int options)
{
	return is_to_fail(EINTR) ? -1 : waitpid(pid, ret_status, options);
}

/* Start with two descriptors; nothing may be left of it. */
static int
start_with(const struct gyre_sys *sys, unsigned n)
{
	char *const arguments[] = { program, (char *)(uintptr_t) "child",
				    NULL };
	unsigned before = open_descriptors();
	struct gyre_inherited items[2];
	sigset_t blocked;
	int pairs[2][2];
	int pid = 77;
	int status;

	fails = n;
	calls = 0;
	for (int i = 0; i < 2; i++) {
		make_pair(pairs[i]);
		items[i] = item(pairs[i][0], "x");
	}
	status = gyre__inherited_start(sys, program, arguments, items, 2, &pid);
	if (status == 0)
		assert_int_equal(wait_for(pid), 2);
	else
		assert_int_equal(pid, 77);
	/* Of a child that did not become the program nothing is left. */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	pthread_sigmask(SIG_SETMASK, NULL, &blocked);
	for (int number = 1; number < 32; number++)
		assert_int_equal(sigismember(&blocked, number), 0);
	for (int i = 0; i < 2; i++)
		close_both(pairs[i]);
	assert_int_equal(open_descriptors(), before);
	return status;
}

/* Each of `count` calls of a kind fails once, and then none of them. */
static void
check_failures(const struct gyre_sys *sys, unsigned count, int error)
{
	for (unsigned n = 1; n <= count; n++)
		assert_int_equal(start_with(sys, n), error);
	assert_int_equal(start_with(sys, count + 1), 0);
}

static void
every_call_may_fail(void **state)
{
	struct gyre_sys sys = gyre__sys_default;

	(void)state;
	sys.allocate = fail_allocate;
	check_failures(&sys, 2, -ENOMEM);
	sys = gyre__sys_default;
	sys.pipe = fail_pipe;
	check_failures(&sys, 1, -EMFILE);
	sys = gyre__sys_default;
	sys.fcntl = fail_fcntl;
	check_failures(&sys, 4, -EMFILE);
	sys = gyre__sys_default;
	sys.fork = fail_fork;
	check_failures(&sys, 1, -EAGAIN);
	sys = gyre__sys_default;
	sys.dup2 = fail_dup2;
	check_failures(&sys, 2, -EMFILE);
}

static void
what_is_interrupted_is_done_again(void **state)
{
	struct gyre_sys sys = gyre__sys_default;

	(void)state;
	sys.read = fail_read;
	assert_int_equal(start_with(&sys, 1), 0);
	assert_true(calls >= 2);
	sys = gyre__sys_default;
	sys.waitpid = fail_waitpid;
	sys.dup2 = fail_dup2; /* the child's own count */
	assert_int_equal(start_with(&sys, 1), -EMFILE);
	assert_int_equal(calls, 2);
}

/* -- taking --------------------------------------------------------------- */

static void
say(const char *pid, const char *fds)
{
	char text[32];

	snprintf(text, sizeof(text), "%d", (int)getpid());
	setenv("LISTEN_PID", pid != NULL ? pid : text, 1);
	setenv("LISTEN_FDS", fds, 1);
	unsetenv("LISTEN_FDNAMES");
}

static int
take(unsigned max)
{
	struct gyre_inherited items[4];

	return gyre_inherited_take(items, max);
}

static void
what_makes_no_sense_is_refused(void **state)
{
	(void)state;
	assert_int_equal(take(4), 0);
	say("1", "1"); /* another's */
	assert_int_equal(take(4), 0);
	assert_non_null(getenv("LISTEN_FDS"));
	say("x", "1");
	assert_int_equal(take(4), -EINVAL);
	say("0", "1");
	assert_int_equal(take(4), -EINVAL);
	say(NULL, "-1");
	assert_int_equal(take(4), -EINVAL);
	say(NULL, "1x");
	assert_int_equal(take(4), -EINVAL);
	say(NULL, "99999999999999999999");
	assert_int_equal(take(4), -EINVAL);
	say(NULL, "5");
	assert_int_equal(take(4), -E2BIG);
	assert_non_null(getenv("LISTEN_FDS"));
	say(NULL, "0");
	assert_int_equal(take(4), 0);
	assert_null(getenv("LISTEN_FDS"));
}

/* Such as systemd passes when it was given none. */
static void
without_names_they_are_unknown(void **state)
{
	struct gyre_inherited items[4];
	int fds[2];
	int kept = fcntl(3, F_DUPFD_CLOEXEC, 20);
	int flags = fcntl(3, F_GETFD);

	(void)state;
	make_pair(fds);
	assert_int_equal(dup2(fds[0], 3), 3);
	say(NULL, "1");
	assert_int_equal(gyre_inherited_take(items, 4), 1);
	assert_int_equal(items[0].fd, 3);
	assert_string_equal(items[0].name, "unknown");
	assert_int_equal(fcntl(3, F_GETFD), FD_CLOEXEC);
	assert_null(getenv("LISTEN_FDS"));
	if (fds[0] != 3 && fds[1] != 3)
		close(3);
	close_both(fds);
	if (kept >= 0) {
		assert_int_equal(dup2(kept, 3), 3);
		fcntl(3, F_SETFD, flags);
		close(kept);
	}
}

static void
one_that_is_not_there_is_refused(void **state)
{
	int kept = fcntl(3, F_DUPFD_CLOEXEC, 20);
	int flags = fcntl(3, F_GETFD);

	(void)state;
	close(3);
	say(NULL, "1");
	assert_int_equal(take(4), -EINVAL);
	assert_non_null(getenv("LISTEN_FDS"));
	if (kept >= 0) {
		assert_int_equal(dup2(kept, 3), 3);
		fcntl(3, F_SETFD, flags);
		close(kept);
	}
}

static int
forget(void **state)
{
	(void)state;
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	return 0;
}

int
main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, forget, forget)
	const struct CMUnitTest tests[] = {
		TEST(a_program_gets_what_it_is_given),
		TEST(none_is_none),
		TEST(what_can_not_be_started_is_told),
		TEST(every_call_may_fail),
		TEST(what_is_interrupted_is_done_again),
		TEST(what_makes_no_sense_is_refused),
		TEST(without_names_they_are_unknown),
		TEST(one_that_is_not_there_is_refused),
	};

	if (argc == 2 && strcmp(argv[1], "child") == 0)
		return be_child();
	if (realpath(argv[0], program) == NULL)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
