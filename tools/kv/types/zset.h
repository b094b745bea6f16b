/*
 * A sorted set: a table of members by name, and a sequence of the same members
 * by score, and by name where scores are equal. A member's index in it is its
 * rank.
 */
#ifndef KV_ZSET_H
#define KV_ZSET_H

#include "arg.h"
#include "keytable.h"
#include "object.h"
#include "sequence.h"

struct scored {
	struct keytable_node node; /* knows the name's length and hash */
	double score;
	char name[];
};

struct zset {
	struct object object;
	struct keytable members;
	struct sequence order;
	size_t members_memory; /* without table and sequence */
};

/* A place between members: what is before it. */
struct zset_bound {
	double score;
	const char *name; /* NULL: before all of this score */
	size_t length;
	bool behind; /* not before what is equal, but behind it */
};

/* Make one. NULL: no memory. */
struct zset *zset_new(struct budget *budget);

/* All names are hashed by the caller. */
struct scored *zset_find(const struct zset *zset, const struct arg *name);

/* Give a member, new or not, a score that is a number. 0 or -ENOMEM. */
int zset_set(struct zset *zset, const struct arg *name, double score);

/* Remove a member that is there. */
void zset_remove(struct zset *zset, struct scored *member);

/* How many members there are before it. */
size_t zset_rank(const struct zset *zset, const struct scored *member);

/* How many members are before a bound; by name alone if all scores equal. */
size_t zset_count_before(const struct zset *zset,
			 const struct zset_bound *bound);

/* The member of a rank. */
struct scored *zset_at(const struct zset *zset, size_t rank);

size_t zset_memory(const struct zset *zset);

/* As object_free_piece(). */
bool zset_free_piece(struct zset *zset, size_t *left);

/* Abort unless table and sequence agree. */
void zset_validate(const struct zset *zset);

static inline struct arg
scored_name(const struct scored *member)
{
	return (struct arg){ .data = member->name,
			     .length = member->node.length,
			     .hash = member->node.hash };
}

#endif
