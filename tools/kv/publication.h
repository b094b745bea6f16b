/*
 * A publication: one message of one PUBLISH, on its way to every shard that
 * wants it.
 *
 * It is made on the publisher's shard and handed to the bus as a topic's
 * message. Each shard that gets it adds how many of its connections it has
 * sent it to; when the last is done with it the bus releases it, and it goes
 * home as a task, with the sum that PUBLISH answers.
 *
 * Two keep it: the slot of its reply, and whoever has it on its way.
 */
#ifndef KV_PUBLICATION_H
#define KV_PUBLICATION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <gyre/task.h>

#include "arg.h"

struct connection;
struct gyre_loop;
struct server;

struct publication {
	struct gyre_task task; /* the way home */
	/* -- immutable while it is under way -- */
	struct server *server;
	unsigned home;
	const struct gyre_loop *loop; /* home's, to tell it by */
	uint64_t serial; /* of the home's publications: it only grows */
	struct arg channel;
	struct arg message;
	/* -- home -- */
	struct connection *connection;
	bool sending; /* the bus is taking it just now */
	bool done;    /* it has been everywhere */
	/* -- any thread, atomic -- */
	atomic_uint keepers;
	atomic_size_t receivers;
	/* -- immutable while it is under way -- */
	char text[];
};

/* Make one; the channel is hashed. NULL: no memory. */
struct publication *publication_new(struct connection *connection,
				    const struct arg *channel,
				    const struct arg *message);

/*
 * Send it. 0, or an errno and it goes nowhere. It may be done when this
 * returns, such as if nobody wants it: connection_on_publication() is called
 * only if it is not.
 */
int publication_send(struct publication *publication);

/* How many of one shard may be under way, so that the bus has room for all. */
unsigned publication_max(const struct server *server);

/* The slot is done with it. */
void publication_unref(struct publication *publication);

/* A shard has sent it to so many; on any thread. */
void publication_count(struct publication *publication, size_t receivers);

/* How many got it, once it is done. */
size_t publication_receivers(const struct publication *publication);

/* What it holds, for the connection's limit. */
size_t publication_size(const struct publication *publication);

#endif
