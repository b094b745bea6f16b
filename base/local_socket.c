/*
 * Between bind and listen nobody can connect, so that a mode that is set there
 * is in time on every system; umask is the whole process's.
 *
 * Two processes that find the same stale path at the same moment may both
 * succeed, and the first is then unreachable. A lock file would be one more
 * thing that stays behind. On the BSDs one whose queue is full looks gone.
 */
#include "base/local_socket.h"

#include <gyre/base.h>

#include "base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

static void
say(char *ret_why, const char *text)
{
	snprintf(ret_why, GYRE__LOCAL_WHY_MAX, "%s", text);
}

static int
new_socket(const struct gyre_sys *sys)
{
	int fd = sys->socket(AF_UNIX, SOCK_STREAM, 0);

	if (fd < 0)
		return -errno;
	if (sys->fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ||
	    sys->fcntl(fd, F_SETFL, O_NONBLOCK) < 0) {
		int error = -errno;

		sys->close(fd);
		return error;
	}
	return fd;
}

/* Take away the path of a process that is gone: 0, or why it stays. */
static int
remove_stale(const struct gyre_sys *sys, const struct sockaddr_un *address,
	     char *ret_why)
{
	struct stat status;
	int fd, result = 0;

	if (sys->lstat(address->sun_path, &status) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(status.st_mode)) {
		say(ret_why, "there is something that is no socket");
		return -EEXIST;
	}
	fd = new_socket(sys);
	if (fd < 0)
		return fd;
	if (sys->connect(fd, (const struct sockaddr *)address,
			 sizeof(*address)) == 0 ||
	    errno != ECONNREFUSED) {
		say(ret_why, "a process that runs has it");
		result = -EADDRINUSE;
	} else if (sys->unlink(address->sun_path) < 0) {
		result = -errno;
	}
	sys->close(fd);
	return result;
}

static int
bind_path(const struct gyre_sys *sys, int fd, const struct sockaddr_un *address,
	  char *ret_why)
{
	const struct sockaddr *name = (const struct sockaddr *)address;
	int result;

	if (sys->bind(fd, name, sizeof(*address)) == 0)
		return 0;
	if (errno != EADDRINUSE)
		return -errno;
	result = remove_stale(sys, address, ret_why);
	if (result == 0 && sys->bind(fd, name, sizeof(*address)) < 0)
		result = -errno;
	return result;
}

static int
listen_at_path(const struct gyre_sys *sys, int fd, mode_t mode, int backlog,
	       struct gyre__local_socket *local, char *ret_why)
{
	const char *path = local->address.sun_path;
	struct stat status;
	int result = bind_path(sys, fd, &local->address, ret_why);

	if (result < 0)
		return result;
	if (sys->chmod(path, mode) < 0 || sys->lstat(path, &status) < 0 ||
	    sys->listen(fd, backlog) < 0) {
		result = -errno;
		sys->unlink(path);
		return result;
	}
	local->device = status.st_dev;
	local->inode = status.st_ino;
	return 0;
}

int
gyre__local_listen(const struct gyre_sys *sys, const char *path, mode_t mode,
		   int backlog, struct gyre__local_socket *ret,
		   char ret_why[GYRE__LOCAL_WHY_MAX])
{
	struct gyre__local_socket local = { .address.sun_family = AF_UNIX };
	size_t length = strlen(path);
	int result;
	int fd;

	ret_why[0] = '\0';
	if (length == 0 || length >= sizeof(local.address.sun_path)) {
		snprintf(ret_why, GYRE__LOCAL_WHY_MAX,
			 "its path has %zu bytes, and must have 1 to %zu",
			 length, sizeof(local.address.sun_path) - 1);
		return -ENAMETOOLONG;
	}
	memcpy(local.address.sun_path, path, length + 1);
	result = fd = new_socket(sys);
	if (fd >= 0)
		result =
			listen_at_path(sys, fd, mode, backlog, &local, ret_why);
	if (result < 0) {
		if (ret_why[0] == '\0')
			say(ret_why, gyre_error_name(result));
		if (fd >= 0)
			sys->close(fd);
		return result;
	}
	*ret = local;
	return fd;
}

void
gyre__local_remove(const struct gyre_sys *sys,
		   struct gyre__local_socket *socket)
{
	const char *path = socket->address.sun_path;
	struct stat status;

	if (path[0] != '\0' && sys->lstat(path, &status) == 0 &&
	    status.st_dev == socket->device && status.st_ino == socket->inode)
		sys->unlink(path);
	*socket = (struct gyre__local_socket){ .inode = 0 };
}
