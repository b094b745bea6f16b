/*
 * The poller over epoll. The event bits are epoll's own, so nothing is
 * translated on the way. It is woken through an eventfd, which it watches
 * edge-triggered and never reads.
 */
#include "loop/poller.h"

#if defined(__linux__)

#include "bus/doorbell.h"

#include <errno.h>
#include <sys/epoll.h>

_Static_assert(GYRE_READ == EPOLLIN && GYRE_WRITE == EPOLLOUT &&
		       GYRE_ERROR == (EPOLLERR | EPOLLHUP),
	       "handlers' event bits are epoll's");

/* No registration has this cookie. */
#define WAKE_COOKIE UINT64_MAX

struct epoll_poller {
	struct gyre__wake_fd wake_fd;
	const struct gyre_sys *sys;
	int fd;
	bool coarse; /* the kernel has no epoll_pwait2: whole milliseconds */
	struct epoll_event events[GYRE__POLL_EVENTS_MAX];
};

static int
control(struct epoll_poller *poller, int operation, int fd, unsigned events,
	uint64_t cookie)
{
	struct epoll_event event = { .events = events, .data.u64 = cookie };

	if (poller->sys->epoll_ctl(poller->fd, operation, fd, &event) < 0)
		return -errno;
	return 0;
}

static int
open_parts(struct epoll_poller *poller)
{
	int result;

	poller->fd = poller->sys->epoll_create1(EPOLL_CLOEXEC);
	if (poller->fd < 0)
		return -errno;
	result = gyre__wake_fd_open(&poller->wake_fd, poller->sys);
	if (result < 0)
		goto close_epoll;
	result = control(poller, EPOLL_CTL_ADD, poller->wake_fd.read_fd,
			 EPOLLIN | EPOLLET, WAKE_COOKIE);
	if (result < 0)
		goto close_wake_fd;
	return 0;

close_wake_fd:
	gyre__wake_fd_close(&poller->wake_fd);
close_epoll:
	poller->sys->close(poller->fd);
	return result;
}

static int
epoll_open(const struct gyre_sys *sys, void **ret_poller)
{
	struct epoll_poller *poller = gyre__allocate(sys, sizeof(*poller), 0);
	int result;

	if (poller == NULL)
		return -ENOMEM;
	poller->sys = sys;
	result = open_parts(poller);
	if (result < 0) {
		sys->release(poller);
		return result;
	}
	*ret_poller = poller;
	return 0;
}

static void
epoll_close(void *arg)
{
	struct epoll_poller *poller = arg;

	gyre__wake_fd_close(&poller->wake_fd);
	poller->sys->close(poller->fd);
	poller->sys->release(poller);
}

static int
epoll_add(void *poller, int fd, unsigned events, uint64_t cookie)
{
	return control(poller, EPOLL_CTL_ADD, fd, events, cookie);
}

static int
epoll_modify(void *poller, int fd, unsigned events, uint64_t cookie)
{
	return control(poller, EPOLL_CTL_MOD, fd, events, cookie);
}

static int
epoll_remove(void *poller, int fd)
{
	return control(poller, EPOLL_CTL_DEL, fd, 0, 0);
}

/* Milliseconds rounded up, so that no timeout is early or polled for. */
static int
ceil_ms(int64_t timeout_ns)
{
	int64_t ms = timeout_ns / 1000000 + (timeout_ns % 1000000 != 0);

	return ms > INT32_MAX ? INT32_MAX : (int)ms;
}

static int
wait_precisely(struct epoll_poller *poller, int max, int64_t timeout_ns)
{
	struct timespec timeout = {
		.tv_sec = timeout_ns / 1000000000,
		.tv_nsec = timeout_ns % 1000000000,
	};

	return poller->sys->epoll_pwait2(poller->fd, poller->events, max,
					 &timeout, NULL);
}

static int
wait_raw(struct epoll_poller *poller, int max, int64_t timeout_ns)
{
	int ms = timeout_ns == 0 ? 0 : -1;
	int count;

	if (timeout_ns != 0 && timeout_ns != GYRE_FOREVER) {
		if (!poller->coarse) {
			count = wait_precisely(poller, max, timeout_ns);
			if (count >= 0 || errno != ENOSYS)
				return count;
			poller->coarse = true;
		}
		ms = ceil_ms(timeout_ns);
	}
	return poller->sys->epoll_wait(poller->fd, poller->events, max, ms);
}

static int
epoll_wait_events(void *arg, struct gyre_poller_event *events, int max,
		  int64_t timeout_ns)
{
	struct epoll_poller *poller = arg;
	int stored = 0;
	int count;

	if (max > GYRE__POLL_EVENTS_MAX)
		max = GYRE__POLL_EVENTS_MAX;
	count = wait_raw(poller, max, timeout_ns);
	if (count < 0)
		return -errno;
	for (int i = 0; i < count; i++) {
		uint64_t cookie = poller->events[i].data.u64;

		if (cookie == WAKE_COOKIE) {
			int result = gyre__wake_fd_rearm(&poller->wake_fd);

			if (result < 0)
				return result;
			continue;
		}
		events[stored].cookie = cookie;
		events[stored++].events = poller->events[i].events;
	}
	return stored;
}

static void
epoll_wake(void *arg)
{
	struct epoll_poller *poller = arg;

	poller->wake_fd.bell.ring(&poller->wake_fd.bell);
}

static int
epoll_descriptor(void *poller)
{
	return ((struct epoll_poller *)poller)->fd;
}

const struct gyre_poller_ops gyre__poller_epoll = {
	.name = "epoll",
	.open = epoll_open,
	.close = epoll_close,
	.add = epoll_add,
	.modify = epoll_modify,
	.remove = epoll_remove,
	.wait = epoll_wait_events,
	.wake = epoll_wake,
	.fd = epoll_descriptor,
};

#endif
