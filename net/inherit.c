/*
 * The protocol of sd_listen_fds(): taking, and passing on.
 *
 * The child says its own process id in LISTEN_PID, and so there is a fork and
 * not a posix_spawn(); between it and the exec stand only calls that a signal
 * handler might make, on memory that was filled before, since another thread
 * may have held malloc's lock. A pipe that the exec closes tells whether there
 * was one.
 */
#include "net/inherit.h"

#include "base/check.h"
#include "base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIRST     3
#define ITEMS_MAX 64u
#define NAMES_MAX (ITEMS_MAX * (GYRE_INHERITED_NAME_MAX + 1))

#if defined(NSIG)
#define SIGNALS_END NSIG
#else
#define SIGNALS_END 65
#endif

/* There a library does not see the program's own. */
#if defined(__APPLE__)
#include <crt_externs.h>
#define environ (*_NSGetEnviron())
#else
extern char **environ;
#endif

static const char *const variables[] = { "LISTEN_PID", "LISTEN_FDS",
					 "LISTEN_FDNAMES" };

/* -- taking --------------------------------------------------------------- */

/* A number of nothing but digits; -1: it is none. */
static long
number(const char *text)
{
	char *end;
	long value;

	if (text[0] < '0' || text[0] > '9')
		return -1;
	errno = 0;
	value = strtol(text, &end, 10);
	return *end == '\0' && errno == 0 ? value : -1;
}

/* How many there are for this process; -ENOENT: it was given nothing; or
 * -EINVAL. */
static int
count_of_environment(void)
{
	const char *pid = getenv("LISTEN_PID");
	const char *fds = getenv("LISTEN_FDS");
	long count;

	if (pid == NULL || fds == NULL)
		return -ENOENT;
	if (number(pid) <= 0)
		return -EINVAL;
	if (number(pid) != (long)getpid())
		return -ENOENT;
	count = number(fds);
	return count >= 0 && count < INT32_MAX - FIRST ? (int)count : -EINVAL;
}

/* The next of the names, which are separated by colons. */
static const char *
take_name(const char *names, char *ret_name)
{
	size_t length = names != NULL ? strcspn(names, ":") : 0;

	snprintf(ret_name, GYRE_INHERITED_NAME_MAX + 1, "%.*s",
		 length > 0 ? (int)length : GYRE_INHERITED_NAME_MAX,
		 length > 0 ? names : "unknown");
	if (names == NULL)
		return NULL;
	return names[length] == ':' ? names + length + 1 : NULL;
}

int
gyre__inherited_take(const struct gyre_sys *sys,
		     struct gyre_inherited *ret_items, unsigned max)
{
	const char *names = getenv("LISTEN_FDNAMES");
	int count = count_of_environment();

	if (count < 0)
		return count == -ENOENT ? 0 : count;
	if ((unsigned)count > max)
		return -E2BIG;
	for (int i = 0; i < count; i++)
		if (sys->fcntl(FIRST + i, F_GETFD) < 0)
			return -EINVAL;
	for (int i = 0; i < count; i++) {
		(void)sys->fcntl(FIRST + i, F_SETFD, FD_CLOEXEC);
		ret_items[i].fd = FIRST + i;
		names = take_name(names, ret_items[i].name);
	}
	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
		unsetenv(variables[i]);
	return count;
}

/* -- passing on ------------------------------------------------------------ */

/* What the child has, which allocates nothing. */
struct start {
	const struct gyre_sys *sys;
	const char *program;
	char *const *argv;
	char **environment;
	unsigned count;
	int fds[ITEMS_MAX]; /* out of the way of where they are to be */
	int report;
	char pid[32];
	char fds_count[32];
	char names[sizeof("LISTEN_FDNAMES=") + NAMES_MAX];
};

static bool
is_name(const char *name)
{
	size_t length = strnlen(name, GYRE_INHERITED_NAME_MAX + 1);

	if (length == 0 || length > GYRE_INHERITED_NAME_MAX)
		return false;
	for (size_t i = 0; i < length; i++)
		if (name[i] <= ' ' || name[i] > '~' || name[i] == ':')
			return false;
	return true;
}

static bool
is_variable(const char *entry)
{
	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
		size_t length = strlen(variables[i]);

		if (strncmp(entry, variables[i], length) == 0 &&
		    entry[length] == '=')
			return true;
	}
	return false;
}

/* This environment, with three of our own. */
static int
make_environment(struct start *start)
{
	size_t count = 0;
	size_t used = 0;

	while (environ[count] != NULL)
		count++;
	start->environment =
		start->sys->allocate((count + 4) * sizeof(char *), 0);
	if (start->environment == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		if (!is_variable(environ[i]))
			start->environment[used++] = environ[i];
	start->environment[used++] = start->pid;
	start->environment[used++] = start->fds_count;
	start->environment[used++] = start->names;
	start->environment[used] = NULL;
	return 0;
}

static void
write_names(struct start *start, const struct gyre_inherited *items)
{
	size_t at = 0;

	at += (size_t)snprintf(start->names, sizeof(start->names),
			       "LISTEN_FDNAMES=");
	for (unsigned i = 0; i < start->count; i++)
		at += (size_t)snprintf(start->names + at,
				       sizeof(start->names) - at, "%s%s",
				       i > 0 ? ":" : "", items[i].name);
	snprintf(start->fds_count, sizeof(start->fds_count), "LISTEN_FDS=%u",
		 start->count);
}

/* In the child, where snprintf() may not be called. */
static void
write_pid(char *text)
{
	static const char name[] = "LISTEN_PID=";
	char digits[16];
	size_t length = 0;
	long pid = (long)getpid();

	memcpy(text, name, sizeof(name) - 1);
	text += sizeof(name) - 1;
	for (; pid > 0; pid /= 10)
		digits[length++] = (char)('0' + pid % 10);
	while (length > 0)
		*text++ = digits[--length];
	*text = '\0';
}

static void
reset_signals(const struct gyre_sys *sys)
{
	struct sigaction action = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (int number = 1; number < SIGNALS_END; number++)
		(void)sys->sigaction(number, &action, NULL);
	sigemptyset(&none);
	(void)sys->thread_sigmask(SIG_SETMASK, &none, NULL);
}

/* Become the program, or say why not. */
static void
become(struct start *start)
{
	const struct gyre_sys *sys = start->sys;
	int error;

	reset_signals(sys);
	for (unsigned i = 0; i < start->count; i++)
		if (sys->dup2(start->fds[i], FIRST + (int)i) < 0)
			goto failed;
	write_pid(start->pid);
	sys->execve(start->program, start->argv, start->environment);
failed:
	error = errno;
	while (sys->write(start->report, &error, sizeof(error)) < 0 &&
	       errno == EINTR)
		continue;
	_exit(127);
}

/* 0 when the program has begun, or why it has not. */
static int
await_report(const struct gyre_sys *sys, int fd, pid_t pid)
{
	int error = 0;
	ssize_t length;

	do
		length = sys->read(fd, &error, sizeof(error));
	while (length < 0 && errno == EINTR);
	if (length <= 0)
		return 0;
	while (sys->waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		continue;
	return -error;
}

/* Copies of the descriptors behind those numbers that they are to have. */
static int
copy_descriptors(struct start *start, const struct gyre_inherited *items)
{
	int above = FIRST + (int)start->count;

	for (unsigned i = 0; i < start->count; i++) {
		start->fds[i] =
			start->sys->fcntl(items[i].fd, F_DUPFD_CLOEXEC, above);
		if (start->fds[i] >= 0)
			continue;
		start->count = i;
		return -errno;
	}
	return 0;
}

/* A pipe whose writing end is out of the way too. */
static int
make_report(const struct gyre_sys *sys, int above, int *ret_read,
	    int *ret_write)
{
	int ends[2];
	int error = 0;

	if (sys->pipe(ends) < 0)
		return -errno;
	*ret_read = ends[0];
	*ret_write = sys->fcntl(ends[1], F_DUPFD_CLOEXEC, above);
	if (*ret_write < 0 || sys->fcntl(ends[0], F_SETFD, FD_CLOEXEC) < 0)
		error = -errno;
	sys->close(ends[1]);
	if (error == 0)
		return 0;
	sys->close(ends[0]);
	if (*ret_write >= 0)
		sys->close(*ret_write);
	return error;
}

static int
launch(struct start *start, int *ret_pid)
{
	const struct gyre_sys *sys = start->sys;
	int heard = -1;
	int status = make_report(sys, FIRST + (int)start->count, &heard,
				 &start->report);
	sigset_t all, before;
	pid_t pid;

	if (status < 0)
		return status;
	/* No handler of ours runs in the child. */
	sigfillset(&all);
	(void)sys->thread_sigmask(SIG_SETMASK, &all, &before);
	pid = sys->fork();
	if (pid == 0)
		become(start);
	status = pid < 0 ? -errno : 0;
	(void)sys->thread_sigmask(SIG_SETMASK, &before, NULL);
	sys->close(start->report);
	if (status == 0)
		status = await_report(sys, heard, pid);
	sys->close(heard);
	if (status == 0)
		*ret_pid = (int)pid;
	return status;
}

int
gyre__inherited_start(const struct gyre_sys *sys, const char *program,
		      char *const argv[], const struct gyre_inherited *items,
		      unsigned count, int *ret_pid)
{
	struct start *start;
	int status;

	GYRE_REQUIRE(program != NULL && argv != NULL && ret_pid != NULL);
	if (count > ITEMS_MAX)
		return -E2BIG;
	for (unsigned i = 0; i < count; i++)
		if (!is_name(items[i].name))
			return -EINVAL;
	start = gyre__allocate(sys, sizeof(*start), 0);
	if (start == NULL)
		return -ENOMEM;
	start->sys = sys;
	start->program = program;
	start->argv = argv;
	start->count = count;
	write_names(start, items);
	status = copy_descriptors(start, items);
	if (status == 0)
		status = make_environment(start);
	if (status == 0)
		status = launch(start, ret_pid);
	while (start->count > 0)
		sys->close(start->fds[--start->count]);
	sys->release(start->environment);
	sys->release(start);
	return status;
}

/* -- public --------------------------------------------------------------- */

int
gyre_inherited_take(struct gyre_inherited *ret_items, unsigned max)
{
	return gyre__inherited_take(&gyre__sys_default, ret_items, max);
}

int
gyre_inherited_start(const char *program, char *const argv[],
		     const struct gyre_inherited *items, unsigned count,
		     int *ret_pid)
{
	return gyre__inherited_start(&gyre__sys_default, program, argv, items,
				     count, ret_pid);
}
