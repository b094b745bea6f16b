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
 * A closed connection stays until its batches and messages are back and all
 * has run: what a client has sent and we have read is done, as if it had
 * waited.
 */
#ifndef KV_CONNECTION_H
#define KV_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bytes.h"
#include "channels.h"
#include "lane.h"
#include "replies.h"
#include "resp.h"
#include "transaction.h"

struct batch;
struct command;
struct publication;
struct gyre_stream;
struct shard;

/* Replies made here and requests on their way: over it nothing is read. */
#define CONNECTION_WAITING_MAX ((size_t)1024 * 1024)

/*
 * Replies that wait here, and as much again in the stream: over it nothing is
 * run for the client. So this is also how much is done for one client before
 * the others of its shard get their turn.
 */
#define CONNECTION_REPLIES_MAX ((size_t)64 * 1024)

struct connection {
	struct shard *shard;
	struct gyre_stream *stream; /* NULL: gone */
	struct connection *previous;
	struct connection *next;
	uint64_t id;
	char *name; /* CLIENT SETNAME's; NULL: none */
	/* What its library calls itself; NULL: it has not said. */
	char *library_name;
	char *library_version;
	int64_t opened_ns;             /* on the loop's clock */
	int64_t active_ns;             /* something was read */
	const struct command *command; /* the last one; NULL: none */
	const char *subcommand;        /* and its own, or NULL */
	struct resp parser;
	/*
	 * What is read and waits here: the begin of a command that is long,
	 * or commands of which the first must wait (held).
	 */
	struct bytes partial;
	size_t partial_taken;          /* of held commands that have run */
	bool held;                     /* commands wait in partial */
	const struct command *waiting; /* the first; NULL: for room alone */
	struct replies replies;
	size_t carried_bytes;  /* of arguments in batches and publications */
	unsigned lanes_busy;   /* that have a batch */
	unsigned away;         /* lanes whose batch is away */
	unsigned publications; /* under way */
	struct subscriber subscriber;
	struct transaction transaction;
	int64_t unread_since_ns; /* too much waits; 0: it does not */
	uint64_t serial;         /* of commands that went to several shards */
	bool resp3;              /* it has said HELLO 3 */
	bool locked;             /* it has yet to give the password */
	bool paused;             /* nothing is read until replies have left */
	bool ended;              /* the peer has half-closed */
	bool closing;            /* no command is taken any more */
	bool closed;             /* nor is any reply sent */
	struct lane lanes[];     /* one a shard */
};

/* Take a new client. 0, or an errno and the descriptor is the caller's. */
int connection_open(struct shard *shard, int fd, bool with_tls);

/* One of its batches has come back. */
void connection_on_batch(struct connection *connection, struct batch *batch);

/* Its reply is the number of those who got a message that is under way. */
void connection_add_publication(struct connection *connection,
				struct publication *publication);

/* The message has been everywhere. */
void connection_on_publication(struct connection *connection,
			       struct publication *publication);

/* Send a message to a subscriber; false: it takes none any more. */
bool connection_push(struct connection *connection,
		     const struct bytes *message);

/* Tell whether it subscribes to anything. */
bool connection_subscribes(const struct connection *connection);

/*
 * Tell whether it may do little else: replies would look like messages. NULL,
 * where a transaction runs, may do all that is in it.
 */
bool connection_is_receiver(const struct connection *connection);

/* It must give the password, if there is one, or has given it. */
void connection_lock(struct connection *connection);
void connection_unlock(struct connection *connection);

/* See whether it may be idle for ever, as those may that subscribe. */
void connection_watch_idle(struct connection *connection);

/* Give up: what can't be replied to must not be waited for. */
void connection_abort(struct connection *connection);

/* Read no more, and close each of a shard's connections once its replies have
 * been written. */
void connection_drain_all(struct shard *shard);

/* Close all of a shard's connections, at its stop. */
void connection_close_all(struct shard *shard);

/* Free them, once the loop is closed. */
void connection_free_all(struct shard *shard);

#endif
