/*
 * Who handles which descriptor: a table indexed by the descriptor's number,
 * and the poller that watches what is in it.
 *
 * Each registration has a generation that its events carry: what was
 * collected for a descriptor that has been removed, or removed and added
 * again, or closed and reused, is told apart and not delivered. The kernel is
 * asked first and the table follows, so a failure changes nothing. One thread.
 *
 * A ghost is an event for a registration that had ended before the poll: its
 * descriptor was closed while a duplicate lives on, so the kernel reports it
 * for ever and can't be told to stop. Only another poller is rid of it.
 */
#ifndef GYRE_LOOP_HANDLERS_H
#define GYRE_LOOP_HANDLERS_H

#include <gyre/loop.h>

#include "base/sys.h"

/* What to call; one word for handlers of numbers and of objects. */
struct gyre__handler {
	/* A gyre_handler_fn, or a gyre_object_handler_fn; NULL: none. */
	void (*fn)(void);
	void *arg;
	struct gyre_descriptor descriptor; /* .ops NULL: a plain number */
};

struct gyre__registration {
	struct gyre__handler handler; /* .fn NULL: none */
	uint32_t generation;
	uint32_t ended_in; /* the batch in which the one before ended */
	uint16_t events;
	bool watched; /* not taken out of the poller after a hang-up */
};

struct gyre__handlers {
	const struct gyre_sys *sys;
	const struct gyre_log *log;
	const struct gyre_poller_ops *ops;
	void *poller;   /* the loop's; here alone */
	uint32_t forks; /* a fork shares the poller with its parent: -EPERM */
	struct gyre__registration *table;
	size_t capacity;
	size_t count; /* of those that have a handler */
	uint32_t generation;
	uint32_t batch;
	uint32_t ghosts;     /* since the poller was made, or tried to be */
	uint32_t ghosts_max; /* how many to put up with */
};

/* An event and its handler, for iteration.c to bring together. */
struct gyre__delivery {
	int fd;
	unsigned events;
	struct gyre__handler handler;
};

void gyre__handlers_init(struct gyre__handlers *handlers,
			 const struct gyre_sys *sys, const struct gyre_log *log,
			 const struct gyre_poller_ops *ops, void *poller);

/* Forget the table, which must have been emptied. */
void gyre__handlers_fini(struct gyre__handlers *handlers);

int gyre__handlers_add(struct gyre__handlers *handlers, int fd, unsigned events,
		       const struct gyre__handler *handler);
int gyre__handlers_set(struct gyre__handlers *handlers, int fd, unsigned events,
		       const struct gyre__handler *handler);
int gyre__handlers_update(struct gyre__handlers *handlers, int fd,
			  unsigned events);

/*
 * Take a registration off and return what it was. -EBADF: that is done, and
 * the descriptor had been closed before: its number may be another's by now.
 */
int gyre__handlers_take(struct gyre__handlers *handlers, int fd,
			struct gyre__handler *ret_handler);

/* The number that an object is registered under, even if it was closed since;
 * else the one it has. Negative: neither. */
int gyre__handlers_number(const struct gyre__handlers *handlers,
			  struct gyre_descriptor descriptor);

/* What is registered under a number, or NULL. */
const struct gyre__handler *gyre__handlers_find(
	const struct gyre__handlers *handlers, int fd);

/* A poll has returned: what it holds was reported after all that ended. */
void gyre__handlers_begin_batch(struct gyre__handlers *handlers);

/*
 * What to call for an event: the handler and the bits it waits for, ERROR
 * always among them. False: the event is stale, or nothing is left of it.
 */
bool gyre__handlers_match(struct gyre__handlers *handlers,
			  const struct gyre_poller_event *event,
			  struct gyre__delivery *ret_delivery);
void gyre__handlers_deliver(const struct gyre__delivery *delivery);

/* Whether so many ghosts came that the poller should be made anew. */
bool gyre__handlers_has_ghosts(const struct gyre__handlers *handlers);

/* Have another poller watch all that is watched, and make it the one. On
 * failure the old one stays, for longer than before. */
int gyre__handlers_move(struct gyre__handlers *handlers, void *poller);

/* The other poller could not be made: put up with more ghosts. */
void gyre__handlers_endure(struct gyre__handlers *handlers);

#endif
