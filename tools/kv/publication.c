/*
 * The sum rides on the message itself, so that it counts what was done and
 * nothing else: a shard that did not get the message has added nothing. A
 * table of all subscribers, shared by the shards, would be read by every
 * PUBLISH and could only tell who might get it.
 */
#include "publication.h"

#include <errno.h>
#include <stdlib.h>

#include <gyre/gyre.h>

#include "connection.h"
#include "interest.h"
#include "server.h"

/* -- the way home ---------------------------------------------------------- */

static void
come_home(struct gyre_task *task)
{
	struct publication *publication = (struct publication *)task;
	struct connection *connection = publication->connection;

	publication->done = true;
	connection_on_publication(connection, publication);
	publication_unref(publication);
}

/* Home is closed: nobody waits for the answer. */
static void
drop(struct gyre_task *task, enum gyre_drop_reason reason)
{
	(void)reason;
	publication_unref((struct publication *)task);
}

/* Every shard that got it is done with it; runs on any thread. */
static void
release(void *data)
{
	struct publication *publication = data;
	struct server *server = publication->server;

	/*
	 * Only its home looks at what is home's: nobody wanted it, or they
	 * have been faster than the bus. Home may be gone by now.
	 */
	if (gyre_loop_current(false) == publication->loop &&
	    publication->sending) {
		publication->done = true;
		publication_unref(publication);
		return;
	}
	if (gyre_bus_post(server->bus, publication->home, &publication->task) <
	    0)
		publication_unref(publication);
}

/* -- at home --------------------------------------------------------------- */

struct publication *
publication_new(struct connection *connection, const struct arg *channel,
		const struct arg *message)
{
	struct shard *home = connection->shard;
	size_t size = channel->length + message->length;
	struct publication *publication = malloc(sizeof(*publication) + size);
	char *text;

	if (publication == NULL)
		return NULL;
	*publication = (struct publication){
		.task = { .run = come_home, .drop = drop },
		.server = home->server,
		.home = home->index,
		.loop = home->loop,
		.serial = ++home->last_publication,
		.channel = *channel,
		.message = *message,
		.connection = connection,
		.keepers = 2,
	};
	text = publication->text;
	memcpy(text, channel->data, channel->length);
	memcpy(text + channel->length, message->data, message->length);
	publication->channel.data = text;
	publication->message.data = text + channel->length;
	return publication;
}

int
publication_send(struct publication *publication)
{
	int error;

	publication->sending = true;
	error = publication->connection->shard->stopping
			? -ESHUTDOWN
			: interest_publish(publication, release);
	publication->sending = false;
	if (error < 0)
		publication_unref(publication);
	return error;
}

unsigned
publication_max(const struct server *server)
{
	return GYRE_TOPIC_BACKLOG_MAX / server->shards_count;
}

void
publication_unref(struct publication *publication)
{
	/* Release what was done with it, acquire what the other one did. */
	if (atomic_fetch_sub_explicit(&publication->keepers, 1,
				      memory_order_acq_rel) == 1)
		free(publication);
}

void
publication_count(struct publication *publication, size_t receivers)
{
	/* Relaxed: the way home orders it before the sum is read. */
	atomic_fetch_add_explicit(&publication->receivers, receivers,
				  memory_order_relaxed);
}

size_t
publication_receivers(const struct publication *publication)
{
	return atomic_load_explicit(&publication->receivers,
				    memory_order_relaxed);
}

size_t
publication_size(const struct publication *publication)
{
	return publication->channel.length + publication->message.length;
}
