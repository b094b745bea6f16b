#include "child.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARGUMENTS_MAX 16

/* By the name that it was called by or, if that has no folder, as Linux knows
 * it: it was found on the path then. */
static bool
own_path(const char *own, char *ret_path, size_t size)
{
	ssize_t length;

	if (strchr(own, '/') != NULL)
		return (size_t)snprintf(ret_path, size, "%s", own) < size;
	length = readlink("/proc/self/exe", ret_path, size - 1);
	if (length < 0)
		return false;
	ret_path[length] = '\0';
	return true;
}

bool
child_find(const char *own, const char *name, char *ret_path, size_t size)
{
	char folder[512];
	char *slash;

	if (!own_path(own, folder, sizeof(folder)))
		return false;
	slash = strrchr(folder, '/');
	if (slash == NULL)
		return false;
	*slash = '\0';
	if ((size_t)snprintf(ret_path, size, "%s/%s", folder, name) >= size)
		return false;
	return access(ret_path, X_OK) == 0;
}

static void
exec_child(const char *path, const char *arguments, int output)
{
	char words[256];
	char *argv[ARGUMENTS_MAX + 2] = { (char *)path };
	unsigned count = 1;

	snprintf(words, sizeof(words), "%s", arguments);
	for (char *word = strtok(words, " ");
	     word != NULL && count <= ARGUMENTS_MAX; word = strtok(NULL, " "))
		argv[count++] = word;
	dup2(output, STDOUT_FILENO);
	execv(path, argv);
	perror(path);
	_exit(127);
}

/* All that it prints, until it closes its end. */
static void
read_all(int fd, char *ret, size_t size)
{
	size_t length = 0;
	ssize_t got;

	while (length < size - 1 &&
	       (got = read(fd, ret + length, size - 1 - length)) > 0)
		length += (size_t)got;
	ret[length] = '\0';
}

bool
child_run(const char *path, const char *arguments,
	  char ret_line[CHILD_LINE_BYTES])
{
	int fds[2];
	int status = 0;
	pid_t pid;

	if (pipe(fds) < 0)
		return false;
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		close(fds[0]);
		exec_child(path, arguments, fds[1]);
	}
	close(fds[1]);
	if (pid > 0) {
		read_all(fds[0], ret_line, CHILD_LINE_BYTES);
		waitpid(pid, &status, 0);
	}
	close(fds[0]);
	return pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool
child_has(const char *path, const char *bench)
{
	char list[CHILD_LINE_BYTES];
	size_t length = strlen(bench);
	const char *line = list;

	if (!child_run(path, "--list", list))
		return false;
	while (*line != '\0') {
		if (strncmp(line, bench, length) == 0 && line[length] == '\n')
			return true;
		line = strchr(line, '\n');
		if (line == NULL)
			return false;
		line++;
	}
	return false;
}

/* What follows the key; NULL: it is not there. */
static const char *
find_value(const char *line, const char *key)
{
	char quoted[64];
	const char *found;

	snprintf(quoted, sizeof(quoted), "\"%s\": ", key);
	found = strstr(line, quoted);
	return found != NULL ? found + strlen(quoted) : NULL;
}

double
child_number(const char *line, const char *key)
{
	const char *found = find_value(line, key);
	double number = -1;

	if (found != NULL)
		(void)sscanf(found, "%lf", &number);
	return number;
}

void
child_text(const char *line, const char *key, char *ret, size_t size)
{
	const char *found = find_value(line, key);
	size_t length = 0;

	if (found != NULL && *found == '"')
		for (found++; found[length] != '"' && found[length] != '\0' &&
			      length + 1 < size;
		     length++)
			ret[length] = found[length];
	ret[length] = '\0';
}
