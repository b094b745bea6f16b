/*
 * What happens to a shard: it starts, clients come, it stops, it is freed.
 */
#include "server.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admission.h"
#include "batch.h"
#include "connection.h"
#include "secure.h"
#include "sockets.h"

int
server_complain(const char *what, int error)
{
	fprintf(stderr, "gyre-kv: %s: %s\n", what, strerror(-error));
	return error;
}

static void
on_hangup(int signo, void *server)
{
	(void)signo;
	secure_reload(server);
}

/* The first shard is told to read the certificates again. */
static int
listen_to_hangups(struct shard *shard)
{
	struct server *server = shard->server;

	if (server->tls == NULL || shard->index != 0)
		return 0;
	return gyre_loop_add_signal(shard->loop, SIGHUP, on_hangup, server);
}

static void
close_listeners(struct shard *shard)
{
	sockets_close(shard);
	gyre_listener_close(shard->local_listener);
}

/* The first shard listens at the path for all. */
static int
open_local_listener(const struct gyre_shard *gyre, struct shard *shard)
{
	const struct gyre_listener_options options = {
		.path = shard->server->options->unix_path,
		.mode = shard->server->options->unix_mode,
		.spread = gyre->runtime,
		.limit = &shard->server->clients,
		.on_refuse = admission_refuse,
	};

	if (options.path == NULL || shard->index != 0)
		return 0;
	return gyre_listener_open(shard->loop, &options, admission_take,
				  shard->server, &shard->local_listener);
}

static int
open_listeners(const struct gyre_shard *gyre, struct shard *shard)
{
	int error = open_local_listener(gyre, shard);

	if (error == 0)
		error = listen_to_hangups(shard);
	if (error == 0)
		error = sockets_open(gyre, shard);
	if (error < 0) {
		/* Who has come already is closed. */
		shard->stopping = true;
		close_listeners(shard);
	}
	return error;
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
	server->shards[gyre->index] = shard;
	error = pubsub_init(&shard->pubsub, server->shards_count);
	if (error == 0)
		error = open_listeners(gyre, shard);
	if (error < 0) {
		server->shards[gyre->index] = NULL;
		pubsub_fini(&shard->pubsub);
		free(shard);
		return error;
	}
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
	close_listeners(shard);
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
	slowlog_clear(&shard->slowlog);
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
