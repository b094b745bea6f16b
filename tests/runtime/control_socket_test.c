/*
 * The control socket: whose it is, where, and what clients can do to it that
 * do not behave.
 */
#include "tests/runtime/fixture.h"

#include "tests/support/watchdog.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static char folder[] = "/tmp/gyre-control-XXXXXX";
static char path[64];

static int
make_folder(void **state)
{
	(void)state;
	CHECK(mkdtemp(folder) != NULL);
	snprintf(path, sizeof(path), "%s/socket", folder);
	watchdog(60);
	return 0;
}

static int
remove_folder(void **state)
{
	(void)state;
	return rmdir(folder);
}

static int
start(struct fixture *fixture, const char *at)
{
	struct gyre_runtime_options options;

	fixture_init(fixture);
	options = fixture_options(fixture, 2);
	options.control_path = at;
	assert_int_equal(fixture_new(fixture, &options, 1), 0);
	return gyre_runtime_start(fixture->runtime);
}

/* -- clients ------------------------------------------------------------- */

static int
connect_to(const char *at)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CHECK(fd >= 0);
	strcpy(address.sun_path, at);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	close(fd);
	return -errno;
}

static void
send_text(int fd, const char *text)
{
	CHECK(send(fd, text, strlen(text), MSG_NOSIGNAL) ==
	      (ssize_t)strlen(text));
}

/* Up to the end of a line, or of the connection: how many bytes. */
static size_t
read_line(int fd, char *line, size_t size)
{
	size_t used = 0;

	while (used < size - 1) {
		ssize_t count = recv(fd, line + used, 1, 0);

		if (count <= 0)
			break;
		used++;
		if (line[used - 1] == '\n')
			break;
	}
	line[used] = '\0';
	return used;
}

static bool
answers(int fd)
{
	char line[65536];

	send_text(fd, "stats\n");
	return read_line(fd, line, sizeof(line)) > 0 &&
	       strncmp(line, "{\"protocol\":1,", 14) == 0 &&
	       strcmp(line + strlen(line) - 2, "}\n") == 0;
}

static bool
has_hung_up(int fd)
{
	char byte;

	return recv(fd, &byte, 1, 0) <= 0;
}

static bool
a_new_client_is_answered(void)
{
	int fd = connect_to(path);
	bool is_answered = fd >= 0 && answers(fd);

	close(fd);
	return is_answered;
}

/* -- the path ------------------------------------------------------------ */

static void
it_is_the_users_alone_and_gone_at_the_end(void **state)
{
	struct fixture fixture;
	struct stat status;

	(void)state;
	assert_int_equal(start(&fixture, path), 0);
	assert_int_equal(lstat(path, &status), 0);
	assert_true(S_ISSOCK(status.st_mode));
	assert_int_equal(status.st_mode & 07777, 0600);
	assert_true(a_new_client_is_answered());
	fixture_stop_and_end(&fixture);
	assert_int_equal(access(path, F_OK), -1);
}

static void
there_is_none_unless_asked_for(void **state)
{
	struct fixture fixture;

	(void)state;
	assert_int_equal(start(&fixture, NULL), 0);
	assert_int_equal(connect_to(path), -ENOENT);
	fixture_stop_and_end(&fixture);
	setenv("GYRE_CONTROL", path, 1);
	assert_int_equal(start(&fixture, NULL), 0);
	unsetenv("GYRE_CONTROL");
	assert_true(a_new_client_is_answered());
	fixture_stop_and_end(&fixture);
}

static void
a_dead_ones_path_is_taken_over_and_a_live_ones_not(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct fixture fixture;
	struct gyre_runtime *second;
	struct gyre_runtime_options options;
	int dead = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	strcpy(address.sun_path, path);
	assert_int_equal(
		bind(dead, (struct sockaddr *)&address, sizeof(address)), 0);
	close(dead);
	assert_int_equal(start(&fixture, path), 0);
	assert_true(a_new_client_is_answered());
	options = fixture_options(&fixture, 1);
	options.control_path = path;
	assert_int_equal(gyre_runtime_new(&options, &second), 0);
	assert_int_equal(gyre_runtime_start(second), -EADDRINUSE);
	assert_int_equal(fixture.lines, 1);
	assert_non_null(strstr(fixture.line, "a process that runs has it"));
	gyre_runtime_free(second);
	/* By the environment's wish alone, it runs without. */
	setenv("GYRE_CONTROL", path, 1);
	options.control_path = NULL;
	assert_int_equal(gyre_runtime_new(&options, &second), 0);
	assert_int_equal(gyre_runtime_start(second), 0);
	unsetenv("GYRE_CONTROL");
	gyre_runtime_stop(second);
	assert_int_equal(gyre_runtime_wait(second), 0);
	gyre_runtime_free(second);
	assert_true(a_new_client_is_answered());
	fixture_stop_and_end(&fixture);
}

static void
what_is_no_socket_stays(void **state)
{
	struct fixture fixture;
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(start(&fixture, path), -EEXIST);
	assert_non_null(strstr(fixture.line, "no socket"));
	fixture_end(&fixture);
	assert_int_equal(unlink(path), 0);
}

static void
a_path_that_does_not_fit_is_refused(void **state)
{
	struct fixture fixture;
	char longer[200];

	(void)state;
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(start(&fixture, longer), -ENAMETOOLONG);
	assert_non_null(strstr(fixture.line, "199 bytes"));
	fixture_end(&fixture);
	assert_int_equal(start(&fixture, ""), -ENAMETOOLONG);
	fixture_end(&fixture);
}

static void
anothers_path_is_not_taken_away_at_the_end(void **state)
{
	struct fixture fixture;
	int fd;

	(void)state;
	assert_int_equal(start(&fixture, path), 0);
	assert_int_equal(unlink(path), 0);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	close(fd);
	fixture_stop_and_end(&fixture);
	assert_int_equal(unlink(path), 0);
}

/* -- clients that do not behave ------------------------------------------ */

static void
garbage_gets_an_error_and_too_much_of_it_the_end(void **state)
{
	struct fixture fixture;
	char line[4096];
	char much[1000];
	int fd;

	(void)state;
	assert_int_equal(start(&fixture, path), 0);
	fd = connect_to(path);
	send_text(fd, "\nno such thing \x01\xff\n");
	assert_true(read_line(fd, line, sizeof(line)) > 0);
	assert_non_null(strstr(line, "\"error\":"));
	assert_true(read_line(fd, line, sizeof(line)) > 0);
	assert_true(answers(fd));
	memset(much, 'x', sizeof(much));
	CHECK(send(fd, much, sizeof(much), MSG_NOSIGNAL) > 0);
	assert_true(has_hung_up(fd));
	close(fd);
	assert_true(a_new_client_is_answered());
	fixture_stop_and_end(&fixture);
}

static void
requests_come_in_any_pieces(void **state)
{
	struct fixture fixture;
	char line[65536];
	int fd, half;

	(void)state;
	assert_int_equal(start(&fixture, path), 0);
	half = connect_to(path);
	send_text(half, "sta"); /* and never more */
	fd = connect_to(path);
	send_text(fd, "st");
	send_text(fd, "ats\nstats\nsta");
	for (unsigned i = 0; i < 2; i++) {
		assert_true(read_line(fd, line, sizeof(line)) > 0);
		assert_non_null(strstr(line, "\"shards\":"));
	}
	send_text(fd, "ts\n");
	assert_true(read_line(fd, line, sizeof(line)) > 0);
	assert_non_null(strstr(line, "\"shards\":"));
	send_text(fd, "prometheus\n");
	while (read_line(fd, line, sizeof(line)) > 0)
		;
	assert_true(has_hung_up(fd));
	close(fd);
	close(half);
	fixture_stop_and_end(&fixture);
}

static void
who_never_reads_keeps_nobody_waiting(void **state)
{
	struct fixture fixture;
	int deaf[3];
	int no_waiting = 1;

	(void)state;
	assert_int_equal(start(&fixture, path), 0);
	for (unsigned i = 0; i < 3; i++) {
		deaf[i] = connect_to(path);
		fcntl(deaf[i], F_SETFL, O_NONBLOCK);
		setsockopt(deaf[i], SOL_SOCKET, SO_RCVBUF, &no_waiting,
			   sizeof(no_waiting));
		/* Until it isn't read from any more either. */
		while (send(deaf[i], "stats\n", 6, MSG_NOSIGNAL) == 6)
			;
		assert_int_equal(errno, EAGAIN);
	}
	assert_true(a_new_client_is_answered());
	gyre_runtime_stop(fixture.runtime);
	assert_int_equal(gyre_runtime_wait(fixture.runtime), 0);
	for (unsigned i = 0; i < 3; i++)
		close(deaf[i]);
	fixture_end(&fixture);
}

static void
many_clients_push_out_the_idle_ones(void **state)
{
	struct fixture fixture;
	int fds[50];

	(void)state;
	assert_int_equal(start(&fixture, path), 0);
	for (unsigned i = 0; i < 50; i++) {
		fds[i] = connect_to(path);
		assert_true(fds[i] >= 0);
		assert_true(answers(fds[i]));
	}
	for (unsigned i = 0; i < 42; i++)
		assert_true(has_hung_up(fds[i]));
	for (unsigned i = 42; i < 50; i++)
		assert_true(answers(fds[i]));
	for (unsigned i = 0; i < 50; i++)
		close(fds[i]);
	fixture_stop_and_end(&fixture);
}

static void
who_goes_at_once_leaves_nothing(void **state)
{
	struct fixture fixture;

	(void)state;
	assert_int_equal(start(&fixture, path), 0);
	for (unsigned i = 0; i < 200; i++) {
		int fd = connect_to(path);

		assert_true(fd >= 0);
		if (i % 2 == 0)
			send_text(fd, "stats\nprometheus\n");
		close(fd);
	}
	assert_true(a_new_client_is_answered());
	fixture_stop_and_end(&fixture); /* descriptors and memory as before */
}

static atomic_bool may_go_on;

static void
block(void *arg)
{
	(void)arg;
	while (!atomic_load(&may_go_on))
		usleep(100);
}

static void
stuck_loops_can_be_looked_at(void **state)
{
	struct fixture fixture;

	(void)state;
	assert_int_equal(start(&fixture, path), 0);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(
			gyre_loop_add_callback(
				gyre_runtime_shard(fixture.runtime, i)->loop,
				block, NULL),
			0);
	assert_true(a_new_client_is_answered());
	gyre_runtime_stop(fixture.runtime);
	assert_true(a_new_client_is_answered());
	atomic_store(&may_go_on, true);
	assert_int_equal(gyre_runtime_wait(fixture.runtime), 0);
	fixture_end(&fixture);
}

/* -- failures ------------------------------------------------------------ */

static void
whatever_fails_is_undone(void **state)
{
	struct fixture fixture;
	unsigned nth = 0;
	bool has_failed;

	(void)state;
	do {
		struct gyre_runtime_options options;

		fixture_init(&fixture);
		options = fixture_options(&fixture, 1);
		options.control_path = path;
		harness_fail(FAULT_ALLOCATE | FAULT_THREAD, ++nth);
		if (fixture_new(&fixture, &options, 1) == 0 &&
		    gyre_runtime_start(fixture.runtime) == 0) {
			gyre_runtime_stop(fixture.runtime);
			assert_int_equal(gyre_runtime_wait(fixture.runtime), 0);
		}
		has_failed = harness_has_failed();
		fixture_end(&fixture);
		assert_int_equal(access(path, F_OK), -1);
	} while (has_failed);
	assert_true(nth > 10);
}

/* The table with calls that fail when their name is here. */
static const char *failing;
static struct gyre_sys sys;

#define FAILING(name, parameters, arguments)                          \
	static int failing_##name parameters                          \
	{                                                             \
		if (failing != NULL && strcmp(failing, #name) == 0) { \
			errno = EIO;                                  \
			return -1;                                    \
		}                                                     \
		return gyre__sys_default.name arguments;              \
	}
FAILING(socket, (int family, int type, int protocol), (family, type, protocol))
FAILING(pipe, (int fds[2]), (fds))
FAILING(bind, (int fd, const struct sockaddr *address, socklen_t length),
	(fd, address, length))
FAILING(chmod, (const char *at, mode_t mode), (at, mode))
FAILING(lstat, (const char *at, struct stat *status), (at, status))
FAILING(listen, (int fd, int backlog), (fd, backlog))
FAILING(peer_user, (int fd, uid_t *user), (fd, user))

static int
anothers_user(int fd, uid_t *user)
{
	int result = gyre__sys_default.peer_user(fd, user);

	*user += 1;
	return result;
}

static void
make_sys(void)
{
	sys = *harness_sys();
	sys.socket = failing_socket;
	sys.pipe = failing_pipe;
	sys.bind = failing_bind;
	sys.chmod = failing_chmod;
	sys.lstat = failing_lstat;
	sys.listen = failing_listen;
	sys.accept = gyre__sys_default.accept;
	sys.peer_user = failing_peer_user;
}

static int
start_with_sys(struct fixture *fixture)
{
	struct gyre_runtime_options options;

	fixture_init(fixture);
	options = fixture_options(fixture, 1);
	options.control_path = path;
	options._sys = &sys;
	assert_int_equal(fixture_new(fixture, &options, 1), 0);
	return gyre_runtime_start(fixture->runtime);
}

static void
each_call_that_fails_is_told(void **state)
{
	static const char *const calls[] = { "socket", "pipe",  "bind",
					     "chmod",  "lstat", "listen" };
	struct fixture fixture;

	(void)state;
	make_sys();
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		failing = calls[i];
		assert_int_equal(start_with_sys(&fixture), -EIO);
		failing = NULL;
		assert_int_equal(fixture.lines, 1);
		assert_non_null(strstr(fixture.line, "EIO"));
		fixture_end(&fixture);
		assert_int_equal(access(path, F_OK), -1);
	}
}

static void
others_are_not_let_in(void **state)
{
	struct fixture fixture;
	int fd;

	(void)state;
	make_sys();
	sys.peer_user = anothers_user;
	assert_int_equal(start_with_sys(&fixture), 0);
	fd = connect_to(path);
	assert_true(fd >= 0);
	assert_true(has_hung_up(fd));
	close(fd);
	fixture_stop_and_end(&fixture);
	make_sys();
	failing = "peer_user";
	assert_int_equal(start_with_sys(&fixture), 0);
	fd = connect_to(path);
	assert_true(has_hung_up(fd));
	close(fd);
	failing = NULL;
	fixture_stop_and_end(&fixture);
}

/* Says of its first call that there are no descriptors. */
static int
accept_later(int fd, struct sockaddr *address, socklen_t *length)
{
	static atomic_uint calls;

	if (atomic_fetch_add(&calls, 1) > 0)
		return gyre__sys_default.accept(fd, address, length);
	errno = EMFILE;
	return -1;
}

static void
who_can_not_be_accepted_is_later(void **state)
{
	struct fixture fixture;

	(void)state;
	make_sys();
	sys.accept = accept_later;
	assert_int_equal(start_with_sys(&fixture), 0);
	assert_true(a_new_client_is_answered());
	fixture_stop_and_end(&fixture);
}

static void
a_child_has_none_of_it(void **state)
{
	struct fixture fixture;
	char command[160];
	int status;
	pid_t child;

	(void)state;
	assert_int_equal(start(&fixture, path), 0);
	child = fork();
	if (child == 0) {
		/* Free does nothing here; exec closes what there is. */
		gyre_runtime_free(fixture.runtime);
		snprintf(command, sizeof(command),
			 "ls -l /proc/$$/fd | grep -c socket: | grep -qx 0");
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_true(a_new_client_is_answered());
	fixture_stop_and_end(&fixture);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_the_users_alone_and_gone_at_the_end),
		cmocka_unit_test(there_is_none_unless_asked_for),
		cmocka_unit_test(
			a_dead_ones_path_is_taken_over_and_a_live_ones_not),
		cmocka_unit_test(what_is_no_socket_stays),
		cmocka_unit_test(a_path_that_does_not_fit_is_refused),
		cmocka_unit_test(anothers_path_is_not_taken_away_at_the_end),
		cmocka_unit_test(
			garbage_gets_an_error_and_too_much_of_it_the_end),
		cmocka_unit_test(requests_come_in_any_pieces),
		cmocka_unit_test(who_never_reads_keeps_nobody_waiting),
		cmocka_unit_test(many_clients_push_out_the_idle_ones),
		cmocka_unit_test(who_goes_at_once_leaves_nothing),
		cmocka_unit_test(stuck_loops_can_be_looked_at),
		cmocka_unit_test(whatever_fails_is_undone),
		cmocka_unit_test(each_call_that_fails_is_told),
		cmocka_unit_test(others_are_not_let_in),
		cmocka_unit_test(who_can_not_be_accepted_is_later),
		cmocka_unit_test(a_child_has_none_of_it),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
