/*
 * The service: one `struct server` for the program, one `struct shard` a loop.
 *
 * A shard owns its keys, its connections and whatever they need; no other
 * thread touches them. Shards meet in batches (batch.h) and publications
 * (publication.h) alone.
 */
#ifndef KV_SERVER_H
#define KV_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include <gyre/gyre.h>

#include "args.h"
#include "budget.h"
#include "bytes.h"
#include "keyhash.h"
#include "options.h"
#include "pubsub.h"
#include "slowlog.h"
#include "sockets.h"
#include "store.h"

struct batch;
struct connection;

/* Redis's version whose replies these are; clients look at it. */
#define SERVER_REDIS_VERSION "7.0.15"

/* A scratch buffer that has grown above this is given back. */
#define SCRATCH_KEEP_MAX  ((size_t)256 * 1024)
#define OWN_ARGS_KEEP_MAX 4096

/* What a shard has counted; each only grows but the clients. */
struct shard_stats {
	uint64_t clients;     /* connected now */
	uint64_t connections; /* accepted */
	uint64_t rejected;    /* turned away */
	uint64_t commands;    /* received */
	uint64_t crossed;     /* batches sent to other shards */
	uint64_t carried;     /* commands, or parts of one, in them */
};

struct shard {
	/* -- immutable after start -- */
	struct server *server;
	struct gyre_loop *loop;
	unsigned index;
	/* -- owner -- */
	struct store store;
	struct gyre_listener *local_listener; /* the first shard's; or NULL */
	struct connection *connections;
	uint64_t last_connection; /* its number on this shard */
	struct pubsub pubsub;
	uint64_t last_publication; /* its serial */
	unsigned publications;     /* of its connections, under way */
	bool publications_full;    /* enough are; until half of them are back */
	struct batch *spare;       /* batches to fill again */
	size_t spare_count;
	struct slowlog slowlog;
	struct bytes scratch; /* of whoever runs, until it returns */
	struct args own_args; /* of the own part of a command, likewise */
	bool draining;        /* nothing is read any more */
	bool stopping;        /* nobody is accepted, nothing is sent */
	struct shard_stats stats;
};

struct server {
	/* -- immutable after start -- */
	const struct options *options;
	struct gyre_bus *bus;
	unsigned shards_count;
	uint16_t port; /* the first that clients come to; 0: none */
	uint16_t tls_port;
	struct gyre_tls *tls; /* NULL: TLS is not spoken */
	struct keyhash keyhash;
	int64_t epoch_ns; /* the stores' time */
	int64_t started_ns;
	/*
	 * Each shard sets its own place on its own thread before its loop
	 * runs and is the only one to read it.
	 */
	struct shard *shards[GYRE_SHARDS_MAX];
	/* Likewise each shard the sockets that are its own. */
	struct sockets sockets;
	/* -- any thread, atomic -- */
	atomic_ullong last_slow; /* number of a slow command, the next one's */
	struct budget_pool memory;
	struct gyre_limit clients; /* connected to all shards */
};

/* What runs on every shard; its argument is the server. */
extern const struct gyre_service_ops server_service;

/* Say in a line what went wrong, and return the error. */
int server_complain(const char *what, int error);

#endif
