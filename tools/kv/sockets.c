/*
 * Each socket is in one place, with who is to have it; a shard's listener takes
 * it from there, and what is left at the end nobody has taken.
 *
 * One that is inherited is another's too, who may start us again: a client that
 * waits in its queue is for whoever comes after us.
 */
#include "sockets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "admission.h"
#include "server.h"

/* What systemd calls the socket of TLS: FileDescriptorName=tls. */
#define TLS_NAME "tls"

union name {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	struct sockaddr_un un;
};

/* -- where they are -------------------------------------------------------- */

/* Ask the system; 0, or a negative errno. */
static int
find_out(struct socket_in *item)
{
	union name name = { .any = { .sa_family = AF_UNSPEC } };
	socklen_t length = sizeof(name);

	if (getsockname(item->fd, &name.any, &length) < 0)
		return -errno;
	if (name.any.sa_family == AF_INET) {
		item->port = ntohs(name.v4.sin_port);
		inet_ntop(AF_INET, &name.v4.sin_addr, item->address,
			  sizeof(item->address));
	} else if (name.any.sa_family == AF_INET6) {
		item->port = ntohs(name.v6.sin6_port);
		inet_ntop(AF_INET6, &name.v6.sin6_addr, item->address,
			  sizeof(item->address));
	} else if (length > offsetof(struct sockaddr_un, sun_path)) {
		/* It need not end with a NUL there. */
		snprintf(item->address, sizeof(item->address), "%.*s",
			 (int)sizeof(name.un.sun_path), name.un.sun_path);
	}
	return 0;
}

static uint16_t
first_port(const struct sockets *sockets, bool with_tls)
{
	for (size_t i = 0; i < sockets->count; i++) {
		const struct socket_in *item = &sockets->items[i];

		if (item->with_tls == with_tls && item->port != 0)
			return item->port;
	}
	return 0;
}

static bool
has(const struct sockets *sockets, bool with_tls)
{
	for (size_t i = 0; i < sockets->count; i++)
		if (sockets->items[i].with_tls == with_tls)
			return true;
	return false;
}

/* -- inherited ------------------------------------------------------------- */

/* Whether the options are for such a socket. */
static int
check_inherited(const struct options *options, const struct socket_in *item)
{
	if (item->with_tls && !options->has_tls) {
		fprintf(stderr, "gyre-kv: a socket named " TLS_NAME
				" is inherited, but there is no --tls-port\n");
		return -EINVAL;
	}
	if (!item->with_tls && !options->has_port) {
		fprintf(stderr, "gyre-kv: a socket that is not named " TLS_NAME
				" is inherited, but --port is off\n");
		return -EINVAL;
	}
	return 0;
}

/* They go round the shards; each is one for all of them. */
static int
add_inherited(struct server *server, const struct gyre_inherited *inherited)
{
	struct sockets *sockets = &server->sockets;
	struct socket_in *item = &sockets->items[sockets->count];
	char what[64];
	int error;

	*item = (struct socket_in){
		.shard = (unsigned)sockets->count % server->shards_count,
		.with_tls = strcmp(inherited->name, TLS_NAME) == 0,
		.inherited = true,
		.fd = inherited->fd,
	};
	sockets->count++;
	error = find_out(item);
	if (error == 0)
		return check_inherited(server->options, item);
	snprintf(what, sizeof(what), "cannot listen with descriptor %d",
		 item->fd);
	return server_complain(what, error);
}

static int
take_inherited(struct server *server)
{
	struct gyre_inherited inherited[SOCKETS_INHERITED_MAX];
	int count = gyre_inherited_take(inherited, SOCKETS_INHERITED_MAX);
	int error = 0;

	if (count < 0)
		return server_complain("cannot take the sockets of LISTEN_FDS",
				       count);
	for (int i = 0; i < count; i++) {
		if (error == 0)
			error = add_inherited(server, &inherited[i]);
		else
			close(inherited[i].fd);
	}
	return error;
}

/* -- made ------------------------------------------------------------------ */

/* One a shard, on one port. */
static int
add_made(struct server *server, const struct gyre_runtime *runtime,
	 uint16_t port, bool with_tls)
{
	const struct options *options = server->options;
	const struct gyre_listener_options where = {
		.address = options->bind,
		.port = port,
		.steer = options->steer,
	};
	struct sockets *sockets = &server->sockets;
	int fds[GYRE_SHARDS_MAX];
	char what[128];
	int error = gyre_listener_sockets(runtime, &where, fds);

	for (unsigned i = 0; error == 0 && i < server->shards_count; i++)
		sockets->items[sockets->count++] = (struct socket_in){
			.shard = i,
			.with_tls = with_tls,
			.fd = fds[i],
		};
	for (unsigned i = 1; error == 0 && i <= server->shards_count; i++)
		error = find_out(&sockets->items[sockets->count - i]);
	if (error == 0)
		return 0;
	snprintf(what, sizeof(what), "cannot listen on %s port %u",
		 options->bind, port);
	return server_complain(what, error);
}

int
sockets_make(struct server *server, const struct gyre_runtime *runtime)
{
	const struct options *options = server->options;
	struct sockets *sockets = &server->sockets;
	int error;

	sockets->items =
		calloc(SOCKETS_INHERITED_MAX + 2 * (size_t)server->shards_count,
		       sizeof(*sockets->items));
	if (sockets->items == NULL)
		return server_complain("cannot start", -ENOMEM);
	error = take_inherited(server);
	if (error == 0 && options->has_port && !has(sockets, false))
		error = add_made(server, runtime, options->port, false);
	if (error == 0 && options->has_tls && !has(sockets, true))
		error = add_made(server, runtime, options->tls_port, true);
	if (error < 0) {
		sockets_free(sockets);
		return error;
	}
	server->port = first_port(sockets, false);
	server->tls_port = first_port(sockets, true);
	return 0;
}

void
sockets_free(struct sockets *sockets)
{
	for (size_t i = 0; i < sockets->count; i++)
		if (sockets->items[i].fd >= 0)
			close(sockets->items[i].fd);
	free(sockets->items);
	*sockets = (struct sockets){ .count = 0 };
}

/* -- on the shards --------------------------------------------------------- */

/* Who waits in the queue is for who is started next. */
static int
share_queue(struct gyre_listener *listener)
{
	int fd = gyre_listener_hand_over(listener);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

static int
open_listener(const struct gyre_shard *gyre, struct server *server,
	      struct socket_in *item)
{
	const struct gyre_listener_options options = {
		.fd = item->fd,
		.spread = item->inherited ? gyre->runtime : NULL,
		.limit = &server->clients,
		.on_refuse = item->with_tls ? admission_refuse_secure
					    : admission_refuse,
	};
	int error = gyre_listener_open(gyre->loop, &options,
				       item->with_tls ? admission_take_secure
						      : admission_take,
				       server, &item->listener);

	if (error < 0)
		return error;
	item->fd = -1;
	return item->inherited ? share_queue(item->listener) : 0;
}

int
sockets_open(const struct gyre_shard *gyre, struct shard *shard)
{
	struct sockets *sockets = &shard->server->sockets;
	int error = 0;

	for (size_t i = 0; error == 0 && i < sockets->count; i++)
		if (sockets->items[i].shard == shard->index)
			error = open_listener(gyre, shard->server,
					      &sockets->items[i]);
	return error;
}

void
sockets_close(struct shard *shard)
{
	struct sockets *sockets = &shard->server->sockets;

	for (size_t i = 0; i < sockets->count; i++) {
		struct socket_in *item = &sockets->items[i];

		if (item->shard != shard->index)
			continue;
		gyre_listener_close(item->listener);
		item->listener = NULL;
	}
}
