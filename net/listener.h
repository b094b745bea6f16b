/*
 * A listener's insides, shared by the files that work on one: listener.c (its
 * life), accept.c (what comes out of its queue), spread.c (on which shard).
 */
#ifndef GYRE_NET_LISTENER_H
#define GYRE_NET_LISTENER_H

#include <gyre/listener.h>

#include "base/local_socket.h"
#include "loop/loop.h"

#define GYRE__PLACE_MAX 120

struct gyre__spread;

struct gyre_listener {
	/* -- immutable after open -- */
	struct gyre_loop *loop;
	const struct gyre_sys *sys;
	struct gyre_log log;
	gyre_accept_fn on_accept;
	gyre_accept_fn on_refuse; /* or NULL */
	void *arg;
	struct gyre_limit *limit;    /* or NULL */
	struct gyre__spread *spread; /* a reference; NULL: all stay here */
	int fd;                      /* -1: the port is closed */
	int backlog;
	uint16_t port; /* 0: at a path */
	struct gyre__local_socket local;

	/* -- owner -- */
	struct gyre__dependent dependent;
	int reserve;    /* a descriptor to give up when there are none; -1 */
	bool accepting; /* on_accept or on_refuse may be on the stack */
	bool closing;
	bool out;             /* of descriptors or memory: `retry` will try */
	unsigned handed_over; /* to so many others: the queue and the path are
				 theirs too */
	gyre_timeout retry;   /* 0: none is scheduled */
	int64_t quiet_until_ns;
};

/* accept.c */

/* Take the clients that an event tells of, and what follows from it. */
void gyre__listener_on_readable(int fd, unsigned events, void *arg);

/* Take all who wait in the queue; 0, or the error that left some there. */
int gyre__listener_empty(struct gyre_listener *listener);

/* Keep a descriptor for when there is none: 0, or a negative errno. */
int gyre__listener_keep_reserve(struct gyre_listener *listener);

/* listener.c */

/* It was closed in one of its callbacks, which have returned. */
void gyre__listener_finish(struct gyre_listener *listener);

/* Where it listens, for a line of the log. */
const char *gyre__listener_place(const struct gyre_listener *listener,
				 char text[GYRE__PLACE_MAX]);

/* How many may wait in the kernel's queue. */
int gyre__listener_backlog(const struct gyre_listener_options *options);

/* spread.c */

/* NULL: no memory. */
struct gyre__spread *gyre__spread_new(struct gyre_runtime *runtime,
				      gyre_accept_fn on_accept, void *arg,
				      struct gyre_limit *limit);

/* The listener is done with it; what is on the way arrives. NULL is a no-op. */
void gyre__spread_unref(struct gyre__spread *spread);

/* Give a connection to the shard with the fewest: true, it is on its way;
 * false: it is to stay on this loop. */
bool gyre__spread_send(struct gyre__spread *spread,
		       const struct gyre_loop *from, int fd);

#endif
