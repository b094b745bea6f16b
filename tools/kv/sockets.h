/*
 * The sockets that clients come by, before the shards start: made, so that a
 * port that is taken is found out while nothing runs, or inherited from who
 * started this, such as systemd. The path of --unixsocket is the first
 * shard's own.
 */
#ifndef KV_SOCKETS_H
#define KV_SOCKETS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/un.h>

struct gyre_listener;
struct gyre_runtime;
struct gyre_shard;
struct server;
struct shard;

/* As many are inherited at most. */
#define SOCKETS_INHERITED_MAX 16

struct socket_in {
	/* -- immutable after start -- */
	unsigned shard; /* which listens with it */
	bool with_tls;
	bool inherited;
	uint16_t port; /* 0: at a path */
	/* the numeric address, or the path; "": it has none */
	char address[sizeof(((struct sockaddr_un *)NULL)->sun_path) + 1];
	/* -- its shard's, and before and after the shards main's -- */
	int fd; /* -1: the listener's */
	struct gyre_listener *listener;
};

struct sockets {
	struct socket_in *items;
	size_t count;
};

/*
 * Take the sockets that this was started with, and make those that are missing
 * of the ports that the options name: one a shard. What goes wrong, a line
 * says.
 *
 * Returns: 0, or a negative errno and none is left
 */
int sockets_make(struct server *server, const struct gyre_runtime *runtime);

/* Close those that no listener has. */
void sockets_free(struct sockets *sockets);

/* Listen with a shard's, or close its listeners. On error those that could be
 * opened are. */
int sockets_open(const struct gyre_shard *gyre, struct shard *shard);
void sockets_close(struct shard *shard);

#endif
