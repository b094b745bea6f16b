/*
 * A set of members: a table of them, as the store has one of its keys, so that
 * no addition takes long however many there are.
 */
#ifndef KV_SET_H
#define KV_SET_H

#include "arg.h"
#include "keytable.h"
#include "object.h"

struct member {
	struct keytable_node node; /* knows the name's length and hash */
	char name[];
};

struct set {
	struct object object;
	struct keytable members;
	size_t members_memory; /* without the table */
};

/* Make one. NULL: no memory. */
struct set *set_new(struct budget *budget);

/* All names are hashed by the caller. */
struct member *set_find(const struct set *set, const struct arg *name);

/* Add a member. 1, 0: it is there already, -ENOMEM. */
int set_add(struct set *set, const struct arg *name);

/* Remove a member. Tells whether it was there. */
bool set_remove(struct set *set, const struct arg *name);

size_t set_memory(const struct set *set);

/* As object_free_piece(). */
bool set_free_piece(struct set *set, size_t *left);

static inline struct arg
member_name(const struct member *member)
{
	return (struct arg){ .data = member->name,
			     .length = member->node.length,
			     .hash = member->node.hash };
}

#endif
