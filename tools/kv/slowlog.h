/*
 * SLOWLOG: the last commands of a shard's clients that took long, wherever
 * they ran.
 *
 * Each is kept as the reply that tells of it, with the arguments cut as Redis
 * cuts them, so that it takes a bounded amount of memory.
 */
#ifndef KV_SLOWLOG_H
#define KV_SLOWLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arg.h"
#include "bytes.h"

struct call;
struct command;
struct connection;
struct shard;

/* Zeroed: empty. */
struct slowlog {
	struct bytes *ring;
	size_t capacity;
	size_t next; /* where the next one goes */
	size_t count;
};

/* Tell whether what took so long is to be kept. */
bool slowlog_is_slow(const struct shard *shard, int64_t took_ns);

/*
 * Keep a command of a connection that took so long, if that is long enough.
 * The oldest one goes if there are enough; without memory it is left out.
 */
void slowlog_add(struct connection *connection, const struct command *command,
		 const struct arg *argv, size_t argc, int64_t took_ns);

/* Reply at most so many, the newest first, each as the text of its reply. */
void slowlog_reply(const struct slowlog *slowlog, size_t max,
		   struct call *call);

/* Forget all. */
void slowlog_clear(struct slowlog *slowlog);

#endif
