/*
 * A batch: what one connection asks of one other shard, in one crossing.
 *
 * It is filled on the connection's loop, crosses as one task, runs its
 * requests there in their order and comes back as the same task with the
 * replies. Its memory is its home shard's and is filled again and again.
 *
 *   filling -- post --> away -- come home --> home -- all taken --> spare
 *                        ^                      |
 *                        +---- post again ------+  not all have run yet
 *
 * A batch comes home before all of its requests have run when the replies are
 * many bytes: so a client that asks for more than it reads holds a bounded
 * amount of memory, however much a few bytes of requests ask for.
 *
 * While it is away its home doesn't look at it: if the loop it travels to has
 * closed it is freed wherever that is noticed, and home never hears of it.
 */
#ifndef KV_BATCH_H
#define KV_BATCH_H

#include <stdbool.h>
#include <stddef.h>

#include <gyre/task.h>

#include "args.h"
#include "bytes.h"

struct command;
struct connection;
struct server;
struct shard;

/* Replies of this size are enough for one crossing. */
#define BATCH_REPLY_MAX ((size_t)64 * 1024)

/* A command, or the part of one that is this shard's. */
struct request {
	const struct command *command;
	bool resp3; /* the reply is to be */
	size_t argc;
	int64_t took_ns;
	size_t reply_end; /* in the replies of the crossing it ran in */
};

struct batch {
	struct gyre_task task;
	/* -- immutable while it is away -- */
	struct server *server;
	unsigned home;
	unsigned target;
	struct connection *connection; /* home's to look at */
	struct request *requests;
	size_t count;
	size_t capacity;
	bool unwanted; /* nobody is left to read the replies */
	/* -- whoever has it -- */
	struct args args;  /* of all requests, one behind the other */
	struct bytes text; /* of all arguments, one behind the other */
	size_t args_done;  /* of the requests that have run */
	size_t text_done;
	size_t done;          /* requests that have run */
	bool has_slow;        /* one of the last crossing was slow */
	struct bytes replies; /* of those that ran in the last crossing */
	/* -- home -- */
	struct batch *next_spare;
	bool failed;          /* memory ran out while it was filled */
	size_t taken;         /* requests whose replies were taken */
	size_t replies_taken; /* bytes of them */
};

/* Get an empty batch to a shard. NULL: no memory. */
struct batch *batch_get(struct shard *home, unsigned target,
			struct connection *connection);

/* Give a batch back that is not away. */
void batch_put(struct shard *home, struct batch *batch);

/* Free the spare ones. */
void batch_free_spare(struct shard *home);

/* Begin a request; its arguments, the name first, are to be added. */
void batch_begin(struct batch *batch, const struct command *command,
		 bool resp3);

/* Add a copy of an argument to the last request. */
void batch_add(struct batch *batch, const struct arg *arg);

/* Send it. 0, or an errno and it is still here. */
int batch_post(struct batch *batch);

/* Add those of the last crossing that were slow to home's list. */
void batch_log_slow(const struct batch *batch);

/* Tell whether the reply to the next request is here. */
bool batch_has_reply(const struct batch *batch);

/* Take the reply to the next request; valid until the batch moves on. */
struct arg batch_take(struct batch *batch);

/* Take all that ran, for nobody. */
void batch_discard(struct batch *batch);

/* Tell whether all that ran has been taken. */
bool batch_is_taken(const struct batch *batch);

#endif
