/*
 * The wake descriptor. Reading an eventfd after each wake-up costs a system
 * call per sleep and, under ThreadSanitizer, invents an ordering that hides
 * races; edge-triggered, each write is an edge of its own.
 */
#include "bus/doorbell.h"

#include <errno.h>
#include <fcntl.h>

#if defined(__linux__)
#include <sys/eventfd.h>
#endif

/* errno is kept: a ring may come from a signal handler. */
static void
wake_fd_ring(struct gyre__doorbell *bell)
{
	struct gyre__wake_fd *wake = (struct gyre__wake_fd *)bell;
	const uint64_t one = 1;
	size_t size = wake->read_fd == wake->write_fd ? sizeof(one) : 1;
	int saved = errno;
	ssize_t written;

	do
		written = wake->sys->write(wake->write_fd, &one, size);
	while (written < 0 && errno == EINTR);
	/* EAGAIN: so much was written that it is readable anyway. */
	errno = saved;
}

static int
open_eventfd(struct gyre__wake_fd *wake)
{
#if defined(__linux__)
	int fd = wake->sys->eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	wake->read_fd = fd;
	wake->write_fd = fd;
	return 0;
#else
	(void)wake;
	return -ENOSYS;
#endif
}

static int
prepare_pipe_end(const struct gyre_sys *sys, int fd)
{
	if (sys->fcntl(fd, F_SETFL, O_NONBLOCK) < 0 ||
	    sys->fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		return -errno;
	return 0;
}

static int
open_pipe(struct gyre__wake_fd *wake)
{
	int fds[2];
	int result;

	if (wake->sys->pipe(fds) < 0)
		return -errno;
	wake->read_fd = fds[0];
	wake->write_fd = fds[1];
	result = prepare_pipe_end(wake->sys, fds[0]);
	if (result == 0)
		result = prepare_pipe_end(wake->sys, fds[1]);
	if (result < 0)
		gyre__wake_fd_close(wake);
	return result;
}

int
gyre__wake_fd_open(struct gyre__wake_fd *wake, const struct gyre_sys *sys)
{
	int result;

	wake->bell.ring = wake_fd_ring;
	wake->sys = sys;
	result = open_eventfd(wake);
	if (result == -ENOSYS)
		result = open_pipe(wake);
	return result;
}

/* An eventfd gives all it has at once, a pipe until there is less. */
int
gyre__wake_fd_drain(struct gyre__wake_fd *wake)
{
	char bytes[256];
	ssize_t got;

	do
		got = wake->sys->read(wake->read_fd, bytes, sizeof(bytes));
	while (got == (ssize_t)sizeof(bytes));
	if (got > 0 || (got < 0 && errno == EAGAIN))
		return 0;
	return got < 0 ? -errno : -EPIPE;
}

int
gyre__wake_fd_rearm(struct gyre__wake_fd *wake)
{
	if (wake->read_fd == wake->write_fd)
		return 0;
	return gyre__wake_fd_drain(wake);
}

void
gyre__wake_fd_close(struct gyre__wake_fd *wake)
{
	wake->sys->close(wake->read_fd);
	if (wake->write_fd != wake->read_fd)
		wake->sys->close(wake->write_fd);
}
