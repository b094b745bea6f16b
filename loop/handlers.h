/*
 * Who handles which descriptor: a table indexed by the descriptor's number.
 *
 * Each registration has a generation that its events carry: what was
 * collected for a descriptor that has been removed, or removed and added
 * again, or closed and reused, is told apart and not delivered. The kernel is
 * asked first and the table follows, so a failure changes nothing. One thread.
 */
#ifndef GYRE_LOOP_HANDLERS_H
#define GYRE_LOOP_HANDLERS_H

#include <gyre/loop.h>

#include "base/sys.h"

struct gyre__registration {
	gyre_handler_fn fn; /* NULL: none */
	void *arg;
	uint32_t events;
	uint32_t generation;
};

struct gyre__handlers {
	const struct gyre_sys *sys;
	const struct gyre_poller_ops *ops;
	void *poller;
	uint32_t forks; /* a fork shares the poller with its parent */
	struct gyre__registration *table;
	size_t capacity;
	size_t count; /* of those that have a handler */
	uint32_t generation;
};

void gyre__handlers_init(struct gyre__handlers *handlers,
			 const struct gyre_sys *sys,
			 const struct gyre_poller_ops *ops, void *poller);

/* Forget all of them; with close_fds, close the descriptors. */
void gyre__handlers_fini(struct gyre__handlers *handlers, bool close_fds);

int gyre__handlers_add(struct gyre__handlers *handlers, int fd, unsigned events,
		       gyre_handler_fn fn, void *arg);
int gyre__handlers_update(struct gyre__handlers *handlers, int fd,
			  unsigned events);
int gyre__handlers_remove(struct gyre__handlers *handlers, int fd);

/*
 * What to call for an event: the handler and the bits it waits for, ERROR
 * always among them. False: the event is stale, or nothing is left of it.
 */
bool gyre__handlers_match(const struct gyre__handlers *handlers,
			  const struct gyre_poller_event *event, int *ret_fd,
			  unsigned *ret_events, gyre_handler_fn *ret_fn,
			  void **ret_arg);

#endif
