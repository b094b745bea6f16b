/*
 * A connection's MULTI: the commands that wait for EXEC, on its home loop.
 *
 * All keys, those that are watched too, must be on one shard, to which EXEC
 * takes the commands as the arguments of one request, so that nothing comes
 * between them. Each command's name carries which command it is and how many
 * arguments it has.
 *
 *   none -- MULTI --> open -- EXEC, DISCARD, RESET, the end --> none
 *                      |
 *                      +-- a command is refused --> refused, EXEC is too
 */
#ifndef KV_TRANSACTION_H
#define KV_TRANSACTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "args.h"
#include "bytes.h"

struct call;
struct command;

/* Zeroed: none. */
struct transaction {
	bool open;
	bool refused;
	bool placed;    /* it has a key, hence a shard */
	unsigned shard; /* then */
	size_t count;   /* commands that wait */
	size_t watched; /* keys */
	size_t watched_bytes;
	struct args args;  /* EXEC's name, and all commands behind it */
	struct bytes text; /* of all arguments, one behind the other */
};

/* MULTI. */
void transaction_begin(struct transaction *transaction);

/*
 * Let a command wait, or have it or a WATCH of it counted; false: it is too
 * much, or there is no memory, and the reply says so.
 */
bool transaction_add(struct transaction *transaction, struct call *call);
bool transaction_watch(struct transaction *transaction, struct call *call);

/* Tell whether its keys, on this shard, can be in it; it is there then. */
bool transaction_place(struct transaction *transaction, unsigned shard);

/* A command was refused: what waits is forgotten, and EXEC will be refused. */
void transaction_refuse(struct transaction *transaction);

/*
 * Return the arguments that EXEC takes along, in place of its own: its name and
 * all that waits. They are valid until the next change.
 */
struct arg *transaction_pack(struct transaction *transaction, struct arg *own,
			     size_t *argc);

/* Read a command's name in a packed call. */
const struct command *transaction_unpack(const struct arg *name,
					 size_t *ret_argc);

/* It is over, and what was watched as well. */
void transaction_end(struct transaction *transaction);

#endif
