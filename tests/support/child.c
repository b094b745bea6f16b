#include "tests/support/child.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void
must(bool good, const char *what)
{
	if (good)
		return;
	perror(what);
	abort();
}

/* cmocka's handler would take the abort for a failure of the test. */
static void
die(int output, void (*body)(void *arg), void *arg)
{
	const struct rlimit no_core = { 0, 0 };

	signal(SIGABRT, SIG_DFL);
	setrlimit(RLIMIT_CORE, &no_core);
	dup2(output, STDERR_FILENO);
	body(arg);
	_exit(0);
}

/* To the end, so that the child never waits for us. */
static void
read_all(int fd, char *ret_output, size_t size)
{
	size_t used = 0;
	char rest[256];
	ssize_t got;

	while (used < size - 1 &&
	       (got = read(fd, ret_output + used, size - 1 - used)) > 0)
		used += (size_t)got;
	ret_output[used] = '\0';
	while (read(fd, rest, sizeof(rest)) > 0)
		;
}

int
in_child(void (*body)(void *arg), void *arg, char *ret_output, size_t size)
{
	int status = 0;
	int fds[2];
	pid_t child;

	must(pipe(fds) == 0, "pipe");
	for (int i = 0; i < 2; i++) /* not for what the body executes */
		must(fcntl(fds[i], F_SETFD, FD_CLOEXEC) == 0, "fcntl");
	fflush(NULL);
	child = fork();
	must(child >= 0, "fork");
	if (child == 0)
		die(fds[1], body, arg);
	close(fds[1]);
	read_all(fds[0], ret_output, size);
	close(fds[0]);
	must(waitpid(child, &status, 0) == child, "waitpid");
	return status;
}

bool
aborts_saying(void (*body)(void *arg), void *arg, const char *words)
{
	char output[1024];
	int status = in_child(body, arg, output, sizeof(output));

	return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT &&
	       strstr(output, words) != NULL;
}
