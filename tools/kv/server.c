/*
 * What happens to a shard: it starts, clients come, it stops, it is freed.
 */
#include "server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "auth.h"
#include "batch.h"
#include "connection.h"

static const char too_many[] = "-ERR max number of clients reached\r\n";
static const char denied[] =
	"-DENIED gyre-kv has no password, and so it takes connections from "
	"this machine alone. Start it with --requirepass PASSWORD, or with "
	"--protected-mode no if all who can reach it may do everything.\r\n";

/* Tell a client why it can't stay, as far as the socket takes it. */
static void
turn_away(struct shard *shard, int fd, const char *text)
{
	shard->stats.rejected++;
	(void)!send(fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT);
	close(fd);
}

/* Count a client in; false: there are enough. */
static bool
count_in(struct server *server)
{
	/* Relaxed: the count is a limit and orders nothing. */
	unsigned before = atomic_fetch_add_explicit(&server->clients, 1,
						    memory_order_relaxed);

	if (before < server->options->clients_max)
		return true;
	atomic_fetch_sub_explicit(&server->clients, 1, memory_order_relaxed);
	return false;
}

static void
on_accept(struct gyre_listener *listener, int fd, void *arg)
{
	struct shard *shard = arg;

	(void)listener;
	if (shard->stopping) {
		close(fd);
	} else if (!auth_may_connect(shard->server->options, fd)) {
		turn_away(shard, fd, denied);
	} else if (!count_in(shard->server)) {
		turn_away(shard, fd, too_many);
	} else if (connection_open(shard, fd) < 0) {
		atomic_fetch_sub_explicit(&shard->server->clients, 1,
					  memory_order_relaxed);
		close(fd);
	}
}

static int
open_listener(struct shard *shard)
{
	const struct gyre_listener_options options = {
		.address = shard->server->options->bind,
		.port = shard->server->port,
		.reuse_port = true,
	};

	return gyre_listener_open(shard->loop, &options, on_accept, shard,
				  &shard->listener);
}

static int
start(const struct gyre_shard *gyre, void *arg, void **ret_state)
{
	struct server *server = arg;
	struct shard *shard = calloc(1, sizeof(*shard));
	int error;

	if (shard == NULL)
		return -ENOMEM;
	shard->server = server;
	shard->loop = gyre->loop;
	shard->index = gyre->index;
	store_init(&shard->store, gyre->loop, server->epoch_ns,
		   &server->memory);
	error = pubsub_init(&shard->pubsub, server->shards_count);
	if (error == 0)
		error = open_listener(shard);
	if (error < 0) {
		pubsub_fini(&shard->pubsub);
		free(shard);
		return error;
	}
	server->shards[gyre->index] = shard;
	*ret_state = shard;
	return 0;
}

/* What was read is carried out, on all shards, before the stop. */
static void
drain(const struct gyre_shard *gyre, void *state)
{
	struct shard *shard = state;

	(void)gyre;
	shard->draining = true;
	connection_drain_all(shard);
}

static void
stop(const struct gyre_shard *gyre, void *state)
{
	struct shard *shard = state;

	(void)gyre;
	shard->stopping = true;
	gyre_listener_close(shard->listener);
	connection_close_all(shard);
	interest_close(shard);
	store_stop(&shard->store);
}

static void
free_shard(void *state)
{
	struct shard *shard = state;

	connection_free_all(shard);
	pubsub_fini(&shard->pubsub);
	batch_free_spare(shard);
	store_free(&shard->store);
	bytes_free(&shard->scratch);
	args_free(&shard->own_args);
	free(shard);
}

const struct gyre_service_ops server_service = {
	.name = "kv",
	.start = start,
	.drain = drain,
	.stop = stop,
	.free = free_shard,
};
