/*
 * Who may stay is decided before anything is read of a client, and who may not
 * is told why, as far as the socket takes it.
 */
#include "admission.h"

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

/* The shard whose loop this is. */
static struct shard *
here(struct server *server)
{
	return server->shards[gyre_shard_current()->index];
}

/* With TLS there is no telling before the handshake: the text is NULL. */
static void
turn_away(struct shard *shard, int fd, const char *text)
{
	shard->stats.rejected++;
	if (text != NULL)
		(void)!send(fd, text, strlen(text),
			    MSG_NOSIGNAL | MSG_DONTWAIT);
	close(fd);
}

static void
take(struct server *server, int fd, bool with_tls)
{
	struct shard *shard = here(server);

	if (shard->stopping)
		close(fd);
	else if (!auth_may_connect(server->options, fd))
		turn_away(shard, fd, with_tls ? NULL : denied);
	else if (connection_open(shard, fd, with_tls) < 0)
		close(fd);
	else
		return;
	gyre_limit_leave(&server->clients);
}

void
admission_take(struct gyre_listener *listener, int fd, void *arg)
{
	(void)listener;
	take(arg, fd, false);
}

void
admission_take_secure(struct gyre_listener *listener, int fd, void *arg)
{
	(void)listener;
	take(arg, fd, true);
}

void
admission_refuse(struct gyre_listener *listener, int fd, void *arg)
{
	(void)listener;
	turn_away(here(arg), fd, too_many);
}

void
admission_refuse_secure(struct gyre_listener *listener, int fd, void *arg)
{
	(void)listener;
	turn_away(here(arg), fd, NULL);
}
