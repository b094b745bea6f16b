/*
 * The limit of clients is all shards'. A client that is handed over is one
 * task; if the shard that it is for has closed, so is the client.
 */
#include "admission.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "auth.h"
#include "connection.h"
#include "server.h"

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

void
admission_take(struct shard *shard, int fd)
{
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

/* -- from one shard to another --------------------------------------------- */

struct handover {
	struct gyre_task task;
	struct server *server;
	unsigned target;
	int fd;
};

static void
arrive(struct gyre_task *task)
{
	struct handover *handover = (struct handover *)task;

	admission_take(handover->server->shards[handover->target],
		       handover->fd);
	free(handover);
}

static void
drop(struct gyre_task *task, enum gyre_drop_reason reason)
{
	struct handover *handover = (struct handover *)task;

	(void)reason;
	close(handover->fd);
	free(handover);
}

void
admission_spread(struct shard *shard, int fd)
{
	struct server *server = shard->server;
	unsigned target = shard->next_target++ % server->shards_count;
	struct handover *handover;

	if (target == shard->index) {
		admission_take(shard, fd);
		return;
	}
	handover = malloc(sizeof(*handover));
	if (handover == NULL) {
		close(fd);
		return;
	}
	*handover = (struct handover){
		.task = { .run = arrive, .drop = drop },
		.server = server,
		.target = target,
		.fd = fd,
	};
	if (gyre_bus_post(server->bus, target, &handover->task) < 0)
		drop(&handover->task, GYRE_DROP_STOPPED);
}
