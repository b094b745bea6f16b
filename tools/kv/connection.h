/*
 * A client's connection. It lives on the loop that accepted it.
 *
 * What it reads it parses and routes at once (router.h); what goes to another
 * shard is gathered in that shard's lane and leaves when the read has been
 * worked through. A lane has at most one batch away; what is read meanwhile
 * fills the next. Whatever grows has a limit: over it the connection is not
 * read from until its replies have left.
 *
 *   open -- QUIT, protocol error --> closing -- replies have left --+
 *     |                                                             v
 *     +-- the peer's end, an error, stop ---------------------> closed
 *
 * A closed connection stays until its batches are back and have all run: what
 * a client has sent and we have read is done, as if it had waited.
 */
#ifndef KV_CONNECTION_H
#define KV_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bytes.h"
#include "lane.h"
#include "replies.h"
#include "resp.h"

struct batch;
struct gyre_stream;
struct shard;

/* Replies made here and requests on their way: over it nothing is read. */
#define CONNECTION_WAITING_MAX ((size_t)1024 * 1024)

struct connection {
	struct shard *shard;
	struct gyre_stream *stream; /* NULL: gone */
	struct connection *previous;
	struct connection *next;
	uint64_t id;
	char *name; /* CLIENT SETNAME's; NULL: none */
	struct resp parser;
	struct bytes partial; /* the begin of a command that is long */
	struct replies replies;
	size_t carried_bytes; /* of arguments in batches */
	unsigned lanes_busy;  /* that have a batch */
	unsigned away;        /* lanes whose batch is away */
	uint64_t serial;      /* of commands that went to several shards */
	bool paused;          /* nothing is read until replies have left */
	bool ended;           /* the peer has half-closed */
	bool closing;         /* no command is taken any more */
	bool closed;          /* nor is any reply sent */
	struct lane lanes[];  /* one a shard */
};

/* Take a new client. 0, or an errno and the descriptor is the caller's. */
int connection_open(struct shard *shard, int fd);

/* One of its batches has come back. */
void connection_on_batch(struct connection *connection, struct batch *batch);

/* Give up: what can't be replied to must not be waited for. */
void connection_abort(struct connection *connection);

/* Close all of a shard's connections, at its stop. */
void connection_close_all(struct shard *shard);

/* Free them, once the loop is closed. */
void connection_free_all(struct shard *shard);

#endif
