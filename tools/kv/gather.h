/*
 * How the replies of several shards to one command become one reply.
 *
 * Each part's reply waits in its lane, the own shard's among the replies
 * that the connection holds back, until all are there and it is the command's
 * turn.
 */
#ifndef KV_GATHER_H
#define KV_GATHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arg.h"
#include "command.h"

struct lane;
struct server;

struct gather_part {
	struct lane *lane; /* NULL: the own shard's */
	/* What is not used yet of its reply, while they are put together. */
	const char *at;
	const char *end;
};

struct gather {
	enum gather_kind kind;
	bool resp3;        /* what the reply is to be; the parts' are RESP2 */
	size_t limit;      /* of what is in the reply; 0: none */
	unsigned sections; /* of INFO */
	size_t own_length; /* of the own shard's reply */
	size_t parts_count;
	size_t keys_count;
	uint16_t *key_parts; /* which part has the key, in the keys' order */
	struct gather_part parts[];
};

/* Make one for at most so many parts and keys. NULL: no memory. */
struct gather *gather_new(enum gather_kind kind, size_t parts_max,
			  size_t keys_max);
void gather_free(struct gather *gather);

/* Add a part and return its index. */
size_t gather_add_part(struct gather *gather, struct lane *lane);

/* Tell whether every other shard has replied. */
bool gather_is_ready(const struct gather *gather);

/* Take every part's reply and append the one reply that they make. */
void gather_finish(struct gather *gather, const char *own,
		   const struct server *server, struct reply *reply);

#endif
