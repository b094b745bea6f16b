/*
 * A connection's replies, in the order of its commands.
 *
 * A command that another shard runs leaves a slot behind; what comes after it
 * waits, wherever it ran. Replies that were made here lie in one buffer in
 * their order, the others where they arrived, and nothing is copied before it
 * is sent.
 */
#ifndef KV_REPLIES_H
#define KV_REPLIES_H

#include <stdbool.h>
#include <stddef.h>

#include "bytes.h"

struct gather;
struct lane;
struct publication;

/* With so many slots a connection is not read from any more. */
#define REPLIES_SLOTS_MAX 1024

enum slot_kind {
	SLOT_LOCAL,       /* the next `length` bytes made here */
	SLOT_LANE,        /* the lane's next reply */
	SLOT_UNSEEN,      /* the same, but nobody is to see it */
	SLOT_GATHER,      /* several lanes' next replies make one */
	SLOT_PUBLICATION, /* how many have got a message */
};

struct slot {
	enum slot_kind kind;
	union {
		size_t length;
		struct lane *lane;
		struct gather *gather;
		struct publication *publication;
	};
};

struct replies {
	struct slot *slots; /* a ring */
	size_t capacity;    /* a power of two */
	size_t first;
	size_t count;
	struct bytes local; /* what was made here */
	size_t local_taken;
};

void replies_free(struct replies *replies);

/*
 * Make sure that a command's slots fit: its own, and one that is not seen. 0 or
 * -ENOMEM.
 */
int replies_reserve(struct replies *replies);

/* Add what was just appended to `local`, these many bytes. */
void replies_add_local(struct replies *replies, size_t length);

void replies_add_lane(struct replies *replies, struct lane *lane);
void replies_add_unseen(struct replies *replies, struct lane *lane);
void replies_add_gather(struct replies *replies, struct gather *gather);
void replies_add_publication(struct replies *replies,
			     struct publication *publication);

/* Return the first slot, whose turn it is; NULL: there is none. */
struct slot *replies_first(const struct replies *replies);

/* Take bytes that were made here; valid until the next reply is made. */
const char *replies_take_local(struct replies *replies, size_t length);

/* Remove the first slot. */
void replies_remove_first(struct replies *replies);

/* How many bytes that were made here wait. */
size_t replies_local_waiting(const struct replies *replies);

#endif
