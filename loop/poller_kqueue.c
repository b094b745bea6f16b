/*
 * The poller over kqueue. Each descriptor has up to two filters, and a change
 * of interest adds or deletes only those that differ, exactly as asked. What is
 * to stay is enabled once more, which changes nothing: the kernel forgets the
 * filters of a descriptor that is closed, and only so says that it has.
 *
 * A batch has an event a filter; they are put together to one a descriptor. End
 * of file on the read filter is READ, for data may remain; on the write filter
 * it is an ERROR besides WRITE. The kernel is asked for nothing else, so what
 * waits for neither hears of no error.
 *
 * It is woken by a user event, and where the kernel has none by a descriptor.
 *
 * A child has no queue of its parent's, and its number may be another's there.
 */
#include "loop/poller.h"

#if defined(GYRE__KQUEUE)

#include "base/fork.h"
#include "bus/doorbell.h"

#include <errno.h>

#define INTEREST (GYRE_READ | GYRE_WRITE)

/* Kernels refuse waits of years. */
#define WAIT_MAX_NS GYRE_SECONDS(86400)

struct watched {
	uint64_t cookie;
	uint32_t batch; /* of its last event, which is events[index] there */
	int index;
	unsigned events; /* READ and WRITE: the filters that are there */
	bool used;
};

struct kqueue_poller {
	struct gyre__wake_fd wake_fd; /* if not by_user_event */
	const struct gyre_sys *sys;
	int fd;
	uint32_t forks;
	bool by_user_event;
	uint32_t batch;
	struct watched *table; /* by number */
	size_t capacity;
	struct kevent events[GYRE__POLL_EVENTS_MAX];
};

/* -- the filters ---------------------------------------------------------- */

static int
change(struct kqueue_poller *poller, int ident, int filter, unsigned flags,
       unsigned note)
{
	struct kevent wanted;

	EV_SET(&wanted, (uintptr_t)ident, (short)filter, (unsigned short)flags,
	       note, 0, 0);
	if (poller->sys->kevent(poller->fd, &wanted, 1, NULL, 0, NULL) < 0)
		return -errno;
	return 0;
}

/* Let the filter be there if its bit is among the events. */
static int
set_filter(struct kqueue_poller *poller, int fd, unsigned bit, unsigned events)
{
	struct watched *watched = &poller->table[fd];
	bool is_there = (watched->events & bit) != 0;
	unsigned flags = is_there ? EV_ENABLE : EV_ADD;
	int result;

	if ((events & bit) == 0) {
		if (!is_there)
			return 0;
		flags = EV_DELETE;
	}
	result =
		change(poller, fd,
		       bit == GYRE_READ ? EVFILT_READ : EVFILT_WRITE, flags, 0);
	if (result == 0)
		watched->events = (watched->events & ~bit) | (events & bit);
	return result;
}

static int
set_interest(struct kqueue_poller *poller, int fd, unsigned events)
{
	unsigned before = poller->table[fd].events;
	int result = set_filter(poller, fd, GYRE_READ, events);

	if (result < 0)
		return result;
	result = set_filter(poller, fd, GYRE_WRITE, events);
	if (result < 0)
		(void)set_filter(poller, fd, GYRE_READ, before);
	return result;
}

static struct watched *
find(const struct kqueue_poller *poller, uintptr_t fd)
{
	if (fd >= poller->capacity || !poller->table[fd].used)
		return NULL;
	return &poller->table[fd];
}

static int
kqueue_add(void *arg, int fd, unsigned events, uint64_t cookie)
{
	struct kqueue_poller *poller = arg;
	void *table = poller->table;
	struct stat status;
	int result = gyre__poller_check_fd(poller->sys, fd, &status);

	if (result < 0)
		return result;
	if (find(poller, (uintptr_t)fd) != NULL)
		return -EEXIST;
	result = gyre__poller_grow(poller->sys, &table, sizeof(struct watched),
				   &poller->capacity, (size_t)fd);
	poller->table = table;
	if (result < 0)
		return result;
	poller->table[fd] = (struct watched){ .cookie = cookie };
	result = set_interest(poller, fd, events);
	poller->table[fd].used = result == 0;
	return result;
}

static int
kqueue_modify(void *arg, int fd, unsigned events, uint64_t cookie)
{
	struct kqueue_poller *poller = arg;
	struct watched *watched = find(poller, (uintptr_t)fd);
	int result;

	if (watched == NULL)
		return -ENOENT;
	result = set_interest(poller, fd, events);
	if (result == 0)
		watched->cookie = cookie;
	/* It was closed; its number may be added again. */
	if (result == -ENOENT || result == -EBADF)
		watched->used = false;
	return result;
}

/* One that was closed before has lost its filters: then both fail. */
static int
kqueue_remove(void *arg, int fd)
{
	struct kqueue_poller *poller = arg;
	struct watched *watched = find(poller, (uintptr_t)fd);
	int read_result;
	int write_result;

	if (watched == NULL)
		return -ENOENT;
	read_result = set_filter(poller, fd, GYRE_READ, GYRE_NONE);
	write_result = set_filter(poller, fd, GYRE_WRITE, GYRE_NONE);
	watched->used = false;
	return read_result < 0 ? read_result : write_result;
}

/* -- being woken ---------------------------------------------------------- */

/* A header may promise what the kernel that runs does not have. */
static int
add_user_event(struct kqueue_poller *poller)
{
#if defined(EVFILT_USER)
	return change(poller, 0, EVFILT_USER, EV_ADD | EV_CLEAR, 0);
#else
	(void)poller;
	return -ENOTSUP;
#endif
}

static void
trigger_user_event(struct kqueue_poller *poller)
{
#if defined(EVFILT_USER)
	int result;

	do
		result = change(poller, 0, EVFILT_USER, 0, NOTE_TRIGGER);
	while (result == -EINTR);
#else
	(void)poller;
#endif
}

static int
open_wake(struct kqueue_poller *poller)
{
	int result;

	poller->by_user_event = add_user_event(poller) == 0;
	if (poller->by_user_event)
		return 0;
	result = gyre__wake_fd_open(&poller->wake_fd, poller->sys);
	if (result < 0)
		return result;
	result =
		change(poller, poller->wake_fd.read_fd, EVFILT_READ, EV_ADD, 0);
	if (result < 0)
		gyre__wake_fd_close(&poller->wake_fd);
	return result;
}

static void
kqueue_wake(void *arg)
{
	struct kqueue_poller *poller = arg;
	int saved = errno;

	if (poller->by_user_event)
		trigger_user_event(poller);
	else
		poller->wake_fd.bell.ring(&poller->wake_fd.bell);
	errno = saved;
}

/* -- open and close ------------------------------------------------------- */

static int
open_parts(struct kqueue_poller *poller)
{
	int result;

	poller->forks = gyre__forks();
	poller->fd = poller->sys->kqueue();
	if (poller->fd < 0)
		return -errno;
	result = open_wake(poller);
	if (result < 0)
		poller->sys->close(poller->fd);
	return result;
}

static int
kqueue_open(const struct gyre_sys *sys, void **ret_poller)
{
	struct kqueue_poller *poller = gyre__allocate(sys, sizeof(*poller), 0);
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
kqueue_close(void *arg)
{
	struct kqueue_poller *poller = arg;

	if (!poller->by_user_event)
		gyre__wake_fd_close(&poller->wake_fd);
	if (!gyre__is_fork(poller->forks))
		poller->sys->close(poller->fd);
	poller->sys->release(poller->table);
	poller->sys->release(poller);
}

/* -- waiting -------------------------------------------------------------- */

static unsigned
bits_of(const struct kevent *event)
{
	bool eof = (event->flags & EV_EOF) != 0;

	if (event->filter == EVFILT_WRITE)
		return GYRE_WRITE | (eof ? GYRE_ERROR : 0);
	/* With its end a socket tells of an error, if there is one. */
	return GYRE_READ | (eof && event->fflags != 0 ? GYRE_ERROR : 0);
}

static bool
is_wake(const struct kqueue_poller *poller, const struct kevent *event)
{
	if (poller->by_user_event)
		return event->filter != EVFILT_READ &&
		       event->filter != EVFILT_WRITE;
	return event->filter == EVFILT_READ &&
	       event->ident == (uintptr_t)poller->wake_fd.read_fd;
}

/* Add an event to the batch, or its bits to what is there of its descriptor;
 * how many there are then. */
static int
store(struct kqueue_poller *poller, const struct kevent *event,
      struct gyre_poller_event *events, int stored)
{
	struct watched *watched = find(poller, event->ident);

	if (watched == NULL)
		return stored;
	if (watched->batch != poller->batch) {
		watched->batch = poller->batch;
		watched->index = stored;
		events[stored++] = (struct gyre_poller_event){
			.cookie = watched->cookie,
		};
	}
	events[watched->index].events |= bits_of(event);
	return stored;
}

static int
wait_raw(struct kqueue_poller *poller, int max, int64_t timeout_ns)
{
	bool forever = timeout_ns == GYRE_FOREVER;
	struct timespec timeout;

	if (timeout_ns > WAIT_MAX_NS)
		timeout_ns = WAIT_MAX_NS;
	timeout.tv_sec = timeout_ns / 1000000000;
	timeout.tv_nsec = timeout_ns % 1000000000;
	return poller->sys->kevent(poller->fd, NULL, 0, poller->events, max,
				   forever ? NULL : &timeout);
}

static int
kqueue_wait(void *arg, struct gyre_poller_event *events, int max,
	    int64_t timeout_ns)
{
	struct kqueue_poller *poller = arg;
	int stored = 0;
	int count;

	if (max > GYRE__POLL_EVENTS_MAX)
		max = GYRE__POLL_EVENTS_MAX;
	count = wait_raw(poller, max, timeout_ns);
	if (count < 0)
		return -errno;
	poller->batch++;
	for (int i = 0; i < count; i++) {
		const struct kevent *event = &poller->events[i];
		int result;

		if (!is_wake(poller, event)) {
			stored = store(poller, event, events, stored);
			continue;
		}
		/* A user event is cleared by its delivery. */
		if (poller->by_user_event)
			continue;
		result = gyre__wake_fd_drain(&poller->wake_fd);
		if (result < 0)
			return result;
	}
	return stored;
}

static int
kqueue_descriptor(void *poller)
{
	return ((struct kqueue_poller *)poller)->fd;
}

const struct gyre_poller_ops gyre__poller_kqueue = {
	.name = "kqueue",
	.open = kqueue_open,
	.close = kqueue_close,
	.add = kqueue_add,
	.modify = kqueue_modify,
	.remove = kqueue_remove,
	.wait = kqueue_wait,
	.wake = kqueue_wake,
	.fd = kqueue_descriptor,
};

#endif
