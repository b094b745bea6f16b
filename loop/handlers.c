/* The table of handlers. */
#include "loop/handlers.h"

#include "base/check.h"
#include "base/fork.h"
#include "base/log.h"
#include "loop/poller.h"

#include <errno.h>

#define EVENTS (GYRE_READ | GYRE_WRITE | GYRE_ERROR)

/* A ghost costs a poll; making the poller anew, two calls a registration. */
#define GHOSTS_MAX_FIRST 16u
#define GHOSTS_MAX_LAST  (1u << 20)

void
gyre__handlers_init(struct gyre__handlers *handlers, const struct gyre_sys *sys,
		    const struct gyre_log *log,
		    const struct gyre_poller_ops *ops, void *poller)
{
	*handlers = (struct gyre__handlers){
		.sys = sys,
		.log = log,
		.ops = ops,
		.poller = poller,
		.forks = gyre__forks(),
		.ghosts_max = GHOSTS_MAX_FIRST,
	};
}

void
gyre__handlers_fini(struct gyre__handlers *handlers)
{
	handlers->sys->release(handlers->table);
	handlers->table = NULL;
	handlers->capacity = 0;
	handlers->count = 0;
}

/* -- looking up ----------------------------------------------------------- */

static struct gyre__registration *
find(const struct gyre__handlers *handlers, int fd)
{
	if (fd < 0 || (size_t)fd >= handlers->capacity ||
	    handlers->table[fd].handler.fn == NULL)
		return NULL;
	return &handlers->table[fd];
}

const struct gyre__handler *
gyre__handlers_find(const struct gyre__handlers *handlers, int fd)
{
	const struct gyre__registration *registration = find(handlers, fd);

	return registration != NULL ? &registration->handler : NULL;
}

static bool
holds(const struct gyre__handlers *handlers, int fd,
      struct gyre_descriptor descriptor)
{
	const struct gyre__handler *handler = gyre__handlers_find(handlers, fd);

	return handler != NULL && handler->descriptor.ops == descriptor.ops &&
	       handler->descriptor.object == descriptor.object;
}

/* The whole table is searched only for an object that is not where its number
 * says: it was closed, or it is registered by number. */
int
gyre__handlers_number(const struct gyre__handlers *handlers,
		      struct gyre_descriptor descriptor)
{
	/* In parentheses, as some systems have a macro of this name. */
	int number = (descriptor.ops->fileno)(descriptor.object);

	if (holds(handlers, number, descriptor))
		return number;
	for (size_t fd = 0; fd < handlers->capacity; fd++)
		if (holds(handlers, (int)fd, descriptor))
			return (int)fd;
	return number;
}

static uint64_t
cookie_of(int fd, uint32_t generation)
{
	return (uint64_t)generation << 32 | (uint32_t)fd;
}

/* -- the poller's part ---------------------------------------------------- */

/* Whether the poller means: this is not the descriptor that I was given. It
 * was closed, and perhaps its number is another's now. */
static bool
says_gone(int result)
{
	return result == -ENOENT || result == -EBADF;
}

/* Ask by changing nothing. One that is not watched can't be asked for. */
static bool
is_gone(const struct gyre__handlers *handlers, int fd,
	const struct gyre__registration *registration)
{
	return registration->watched &&
	       says_gone(handlers->ops->modify(
		       handlers->poller, fd, registration->events | GYRE_ERROR,
		       cookie_of(fd, registration->generation)));
}

static int
watch(struct gyre__handlers *handlers, int fd, unsigned events,
      uint32_t generation)
{
	int result =
		handlers->ops->add(handlers->poller, fd, events | GYRE_ERROR,
				   cookie_of(fd, generation));

	if (result == -EPERM)
		gyre__log(handlers->log, GYRE_LOG_ERROR,
			  "descriptor %d cannot be watched: it is a regular "
			  "file or a folder, which is always ready",
			  fd);
	return result;
}

/* -- registering ---------------------------------------------------------- */

static int
make_room(struct gyre__handlers *handlers, int fd)
{
	void *table = handlers->table;
	int result = gyre__poller_grow(handlers->sys, &table,
				       sizeof(*handlers->table),
				       &handlers->capacity, (size_t)fd);

	handlers->table = table;
	return result;
}

static void
put(struct gyre__handlers *handlers, int fd, unsigned events,
    const struct gyre__handler *handler)
{
	if (find(handlers, fd) == NULL)
		handlers->count++;
	handlers->table[fd] = (struct gyre__registration){
		.handler = *handler,
		.generation = handlers->generation,
		.ended_in = handlers->batch,
		.events = (uint16_t)events,
		.watched = true,
	};
}

/* The kernel comes first: it knows which numbers are descriptors, and a table
 * for one that is not may be of any size. */
static int
enter(struct gyre__handlers *handlers, int fd, unsigned events,
      const struct gyre__handler *handler)
{
	int result = watch(handlers, fd, events, ++handlers->generation);

	if (result < 0)
		return result;
	result = make_room(handlers, fd);
	if (result < 0) {
		handlers->ops->remove(handlers->poller, fd);
		return result;
	}
	put(handlers, fd, events, handler);
	return 0;
}

static int
refuse(int fd, unsigned events)
{
	if (events & ~EVENTS)
		return -EINVAL;
	return fd < 0 ? -EBADF : 0;
}

int
gyre__handlers_add(struct gyre__handlers *handlers, int fd, unsigned events,
		   const struct gyre__handler *handler)
{
	const struct gyre__registration *registration = find(handlers, fd);
	int result = refuse(fd, events);

	if (result < 0)
		return result;
	if (registration != NULL && !is_gone(handlers, fd, registration))
		return -EEXIST;
	return enter(handlers, fd, events, handler);
}

/* A new generation: what was collected for the old handler is not the new
 * one's. */
int
gyre__handlers_set(struct gyre__handlers *handlers, int fd, unsigned events,
		   const struct gyre__handler *handler)
{
	const struct gyre__registration *registration = find(handlers, fd);
	int result = refuse(fd, events);

	if (result < 0)
		return result;
	if (registration == NULL || !registration->watched)
		return enter(handlers, fd, events, handler);
	result =
		handlers->ops->modify(handlers->poller, fd, events | GYRE_ERROR,
				      cookie_of(fd, ++handlers->generation));
	if (says_gone(result))
		return enter(handlers, fd, events, handler);
	if (result == 0)
		put(handlers, fd, events, handler);
	return result;
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
	if (registration->watched) {
		result = handlers->ops->modify(
			handlers->poller, fd, events | GYRE_ERROR,
			cookie_of(fd, registration->generation));
	} else {
		if (events == GYRE_NONE)
			return 0;
		result = watch(handlers, fd, events, registration->generation);
	}
	if (result < 0)
		return result;
	registration->events = (uint16_t)events;
	registration->watched = true;
	return 0;
}

int
gyre__handlers_take(struct gyre__handlers *handlers, int fd,
		    struct gyre__handler *ret_handler)
{
	struct gyre__registration *registration = find(handlers, fd);
	int result = 0;

	if (registration == NULL)
		return -ENOENT;
	if (gyre__is_fork(handlers->forks))
		return -EPERM;
	if (registration->watched)
		result = handlers->ops->remove(handlers->poller, fd);
	*ret_handler = registration->handler;
	registration->handler.fn = NULL;
	handlers->count--;
	registration->ended_in = handlers->batch;
	return says_gone(result) ? -EBADF : 0;
}

/* -- delivering ----------------------------------------------------------- */

void
gyre__handlers_begin_batch(struct gyre__handlers *handlers)
{
	handlers->batch++;
}

/* Ended in this batch, it was collected before; that is no ghost. */
static void
note_stale(struct gyre__handlers *handlers, int fd)
{
	if ((size_t)fd >= handlers->capacity ||
	    handlers->table[fd].ended_in != handlers->batch)
		handlers->ghosts++;
}

/* It waits for nothing and was told of the hang-up, which would be reported
 * by each poll from now on. */
static void
leave_alone(struct gyre__handlers *handlers, int fd,
	    struct gyre__registration *registration)
{
	handlers->ops->remove(handlers->poller, fd);
	registration->watched = false;
}

bool
gyre__handlers_match(struct gyre__handlers *handlers,
		     const struct gyre_poller_event *event,
		     struct gyre__delivery *ret_delivery)
{
	int fd = (int)(uint32_t)event->cookie;
	struct gyre__registration *registration = find(handlers, fd);
	unsigned events;

	if (registration == NULL ||
	    registration->generation != (uint32_t)(event->cookie >> 32)) {
		note_stale(handlers, fd);
		return false;
	}
	if (!registration->watched) {
		handlers->ghosts++;
		return false;
	}
	events = event->events & (registration->events | GYRE_ERROR);
	if (events == 0)
		return false;
	*ret_delivery = (struct gyre__delivery){
		.fd = fd,
		.events = events,
		.handler = registration->handler,
	};
	if (registration->events == GYRE_NONE)
		leave_alone(handlers, fd, registration);
	return true;
}

void
gyre__handlers_deliver(const struct gyre__delivery *delivery)
{
	const struct gyre__handler *handler = &delivery->handler;

	if (handler->descriptor.ops != NULL)
		((gyre_object_handler_fn)handler->fn)(
			handler->descriptor.object, delivery->events,
			handler->arg);
	else
		((gyre_handler_fn)handler->fn)(delivery->fd, delivery->events,
					       handler->arg);
}

/* -- another poller ------------------------------------------------------- */

bool
gyre__handlers_has_ghosts(const struct gyre__handlers *handlers)
{
	return handlers->ghosts >= handlers->ghosts_max &&
	       !gyre__is_fork(handlers->forks);
}

void
gyre__handlers_endure(struct gyre__handlers *handlers)
{
	handlers->ghosts = 0;
	if (handlers->ghosts_max < GHOSTS_MAX_LAST)
		handlers->ghosts_max *= 2;
}

/* What the old poller does not know any more is not the new one's business:
 * the number may be another's. */
static int
move_one(struct gyre__handlers *handlers, int fd, void *poller)
{
	const struct gyre__registration *registration = find(handlers, fd);
	int result;

	if (registration == NULL || !registration->watched ||
	    is_gone(handlers, fd, registration))
		return 0;
	result = handlers->ops->add(poller, fd,
				    registration->events | GYRE_ERROR,
				    cookie_of(fd, registration->generation));
	/* Closed on another thread meanwhile. */
	return says_gone(result) ? 0 : result;
}

int
gyre__handlers_move(struct gyre__handlers *handlers, void *poller)
{
	int result = 0;

	for (size_t fd = 0; fd < handlers->capacity && result == 0; fd++)
		result = move_one(handlers, (int)fd, poller);
	if (result < 0) {
		gyre__handlers_endure(handlers);
		return result;
	}
	handlers->poller = poller;
	handlers->ghosts = 0;
	handlers->ghosts_max = GHOSTS_MAX_FIRST;
	return 0;
}
