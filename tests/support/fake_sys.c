/* The table of system calls that counts and fails on demand. */
#include "tests/support/loop_fixture.h"

#include <malloc.h>
#include <stdatomic.h>

static atomic_uint live_allocations;
static atomic_uint write_count;
static atomic_uint poll_count;
static atomic_uint countdown;
static atomic_bool fired;
static atomic_int failure;

void (*fake_on_wait)(bool may_sleep);

/* Whether this call is the one to fail. One that nobody need hear of (close,
 * EPOLL_CTL_DEL) passes 0 for what must be. */
static bool
fails(int error, int must_be_heard)
{
	unsigned left = atomic_load(&countdown);

	if (left == 0)
		return false;
	atomic_store(&countdown, left - 1);
	if (left > 1)
		return false;
	atomic_store(&fired, true);
	atomic_store(&failure, must_be_heard);
	errno = error;
	return true;
}

static void *
fake_allocate(size_t size, size_t align)
{
	void *memory;

	if (fails(ENOMEM, -ENOMEM))
		return NULL;
	memory = gyre__sys_default.allocate(size, align);
	CHECK(memory != NULL);
	/* Nobody may count on zeroes. */
	memset(memory, 0xa5, size);
	atomic_fetch_add(&live_allocations, 1);
	return memory;
}

static void
fake_release(void *memory)
{
	if (memory == NULL)
		return;
	atomic_fetch_sub(&live_allocations, 1);
	/* Nobody may look at it again: some loads are assembly, which the
	 * sanitizers do not see. */
	memset(memory, 0x5a, malloc_usable_size(memory));
	gyre__sys_default.release(memory);
}

/* A close that fails has closed all the same, as on Linux. */
static int
fake_close(int fd)
{
	int result = gyre__sys_default.close(fd);

	return fails(EIO, 0) ? -1 : result;
}

static int
fake_epoll_create1(int flags)
{
	if (fails(EMFILE, -EMFILE))
		return -1;
	return gyre__sys_default.epoll_create1(flags);
}

static int
fake_eventfd(unsigned value, int flags)
{
	if (fails(ENFILE, -ENFILE))
		return -1;
	return gyre__sys_default.eventfd(value, flags);
}

static int
fake_epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event)
{
	if (fails(ENOSPC, operation == EPOLL_CTL_DEL ? 0 : -ENOSPC))
		return -1;
	return gyre__sys_default.epoll_ctl(epoll, operation, fd, event);
}

static void
note_wait(bool may_sleep)
{
	atomic_fetch_add(&poll_count, 1);
	if (fake_on_wait != NULL)
		fake_on_wait(may_sleep);
}

static bool
is_some_time(const struct timespec *timeout)
{
	return timeout == NULL || timeout->tv_sec != 0 || timeout->tv_nsec != 0;
}

static int
fake_epoll_wait(int epoll, struct epoll_event *events, int max, int ms)
{
	note_wait(ms != 0);
	if (fails(EIO, -EIO))
		return -1;
	return gyre__sys_default.epoll_wait(epoll, events, max, ms);
}

static int
fake_epoll_pwait2(int epoll, struct epoll_event *events, int max,
		  const struct timespec *timeout, const sigset_t *mask)
{
	note_wait(is_some_time(timeout));
	if (fails(EIO, -EIO))
		return -1;
	return gyre__sys_default.epoll_pwait2(epoll, events, max, timeout,
					      mask);
}

static int
fake_poll(struct pollfd *fds, nfds_t count, const struct timespec *timeout)
{
	note_wait(is_some_time(timeout));
	if (fails(EIO, -EIO))
		return -1;
	return gyre__sys_default.poll(fds, count, timeout);
}

#if defined(GYRE__KQUEUE)
static int
fake_kqueue(void)
{
	if (fails(EMFILE, -EMFILE))
		return -1;
	return gyre__sys_default.kqueue();
}

static int
fake_kevent(int queue, const struct kevent *changes, int change_count,
	    struct kevent *events, int event_count,
	    const struct timespec *timeout)
{
	bool waits = event_count > 0;
	bool triggers = !waits && (changes[0].fflags & NOTE_TRIGGER);
	bool adds = !waits && (changes[0].flags & EV_ADD);

	if (waits)
		note_wait(is_some_time(timeout));
	if (triggers)
		atomic_fetch_add(&write_count, 1);
	/* A loop without a user event does with a descriptor. */
	if ((waits || adds) &&
	    fails(ENOSPC,
		  adds && changes[0].filter == EVFILT_USER ? 0 : -ENOSPC))
		return -1;
	return gyre__sys_default.kevent(queue, changes, change_count, events,
					event_count, timeout);
}
#endif

static int
fake_fstat(int fd, struct stat *status)
{
	if (fails(ENOMEM, -ENOMEM))
		return -1;
	return gyre__sys_default.fstat(fd, status);
}

static ssize_t
fake_write(int fd, const void *bytes, size_t size)
{
	atomic_fetch_add(&write_count, 1);
	return gyre__sys_default.write(fd, bytes, size);
}

struct gyre_sys fake_sys;

void
fake_reset(void)
{
	fake_sys = gyre__sys_default;
	fake_sys.allocate = fake_allocate;
	fake_sys.release = fake_release;
	fake_sys.close = fake_close;
	fake_sys.epoll_create1 = fake_epoll_create1;
	fake_sys.eventfd = fake_eventfd;
	fake_sys.epoll_ctl = fake_epoll_ctl;
	fake_sys.epoll_wait = fake_epoll_wait;
	fake_sys.epoll_pwait2 = fake_epoll_pwait2;
	fake_sys.poll = fake_poll;
	fake_sys.fstat = fake_fstat;
#if defined(GYRE__KQUEUE)
	fake_sys.kqueue = fake_kqueue;
	fake_sys.kevent = fake_kevent;
#endif
	fake_sys.write = fake_write;
	fake_on_wait = NULL;
	atomic_store(&live_allocations, 0);
	atomic_store(&write_count, 0);
	atomic_store(&poll_count, 0);
	fake_fail_at(0);
}

struct fake_counts
fake_counts(void)
{
	return (struct fake_counts){
		.allocations = atomic_load(&live_allocations),
		.writes = atomic_load(&write_count),
		.polls = atomic_load(&poll_count),
	};
}

void
fake_fail_at(unsigned n)
{
	atomic_store(&fired, false);
	atomic_store(&failure, 0);
	atomic_store(&countdown, n);
}

int
fake_failure(void)
{
	return atomic_load(&failure);
}

bool
fake_fired(void)
{
	return atomic_load(&fired);
}
