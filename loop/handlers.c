/* The table of handlers. */
#include "loop/handlers.h"

#include "base/check.h"
#include "base/fork.h"

#include <errno.h>
#include <string.h>

#define CAPACITY_MIN 64
#define EVENTS       (GYRE_READ | GYRE_WRITE | GYRE_ERROR)

void
gyre__handlers_init(struct gyre__handlers *handlers, const struct gyre_sys *sys,
		    const struct gyre_poller_ops *ops, void *poller)
{
	*handlers = (struct gyre__handlers){
		.sys = sys,
		.ops = ops,
		.poller = poller,
		.forks = gyre__forks(),
	};
}

void
gyre__handlers_fini(struct gyre__handlers *handlers, bool close_fds)
{
	for (size_t fd = 0; fd < handlers->capacity; fd++) {
		if (handlers->table[fd].fn == NULL)
			continue;
		handlers->ops->remove(handlers->poller, (int)fd);
		if (close_fds)
			handlers->sys->close((int)fd);
	}
	handlers->sys->release(handlers->table);
	handlers->table = NULL;
	handlers->capacity = 0;
	handlers->count = 0;
}

static struct gyre__registration *
find(const struct gyre__handlers *handlers, int fd)
{
	if (fd < 0 || (size_t)fd >= handlers->capacity ||
	    handlers->table[fd].fn == NULL)
		return NULL;
	return &handlers->table[fd];
}

static int
make_room(struct gyre__handlers *handlers, int fd)
{
	size_t capacity = handlers->capacity;
	struct gyre__registration *table;

	if ((size_t)fd < capacity)
		return 0;
	if (capacity == 0)
		capacity = CAPACITY_MIN;
	while (capacity <= (size_t)fd)
		capacity *= 2;
	table = gyre__allocate(handlers->sys, capacity * sizeof(*table), 0);
	if (table == NULL)
		return -ENOMEM;
	if (handlers->capacity > 0)
		memcpy(table, handlers->table,
		       handlers->capacity * sizeof(*table));
	handlers->sys->release(handlers->table);
	handlers->table = table;
	handlers->capacity = capacity;
	return 0;
}

static uint64_t
cookie_of(int fd, uint32_t generation)
{
	return (uint64_t)generation << 32 | (uint32_t)fd;
}

/* The kernel comes first: it knows which numbers are descriptors, and a table
 * for one that is not may be of any size. */
int
gyre__handlers_add(struct gyre__handlers *handlers, int fd, unsigned events,
		   gyre_handler_fn fn, void *arg)
{
	int result;

	if (events & ~EVENTS)
		return -EINVAL;
	if (fd < 0)
		return -EBADF;
	if (find(handlers, fd) != NULL)
		return -EEXIST;
	if (gyre__is_fork(handlers->forks))
		return -EPERM;
	result = handlers->ops->add(handlers->poller, fd, events | GYRE_ERROR,
				    cookie_of(fd, ++handlers->generation));
	if (result < 0)
		return result;
	result = make_room(handlers, fd);
	if (result < 0) {
		handlers->ops->remove(handlers->poller, fd);
		return result;
	}
	handlers->table[fd] = (struct gyre__registration){
		.fn = fn,
		.arg = arg,
		.events = events,
		.generation = handlers->generation,
	};
	handlers->count++;
	return 0;
}

int
gyre__handlers_update(struct gyre__handlers *handlers, int fd, unsigned events)
{
	struct gyre__registration *registration = find(handlers, fd);
	int result;

	if (events & ~EVENTS)
		return -EINVAL;
	if (registration == NULL)
		return -ENOENT;
	if (registration->events == events)
		return 0;
	if (gyre__is_fork(handlers->forks))
		return -EPERM;
	result =
		handlers->ops->modify(handlers->poller, fd, events | GYRE_ERROR,
				      cookie_of(fd, registration->generation));
	if (result == 0)
		registration->events = events;
	return result;
}

int
gyre__handlers_remove(struct gyre__handlers *handlers, int fd)
{
	struct gyre__registration *registration = find(handlers, fd);

	if (registration == NULL)
		return -ENOENT;
	if (gyre__is_fork(handlers->forks))
		return -EPERM;
	/* It may have been closed before: then the poller has forgotten it. */
	handlers->ops->remove(handlers->poller, fd);
	registration->fn = NULL;
	handlers->count--;
	return 0;
}

bool
gyre__handlers_match(const struct gyre__handlers *handlers,
		     const struct gyre_poller_event *event, int *ret_fd,
		     unsigned *ret_events, gyre_handler_fn *ret_fn,
		     void **ret_arg)
{
	int fd = (int)(uint32_t)event->cookie;
	const struct gyre__registration *registration = find(handlers, fd);
	unsigned events;

	if (registration == NULL ||
	    registration->generation != (uint32_t)(event->cookie >> 32))
		return false;
	events = event->events & (registration->events | GYRE_ERROR);
	if (events == 0)
		return false;
	*ret_fd = fd;
	*ret_events = events;
	*ret_fn = registration->fn;
	*ret_arg = registration->arg;
	return true;
}
