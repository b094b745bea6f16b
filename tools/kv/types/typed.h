/*
 * Keys as commands on one type of value want them.
 */
#ifndef KV_TYPED_H
#define KV_TYPED_H

#include "command.h"
#include "entry.h"
#include "object.h"

void reply_wrong_type(struct reply *reply);

/*
 * Find a key; *ret_entry is NULL if it is not there. If it has a value of
 * another type, reply so and answer false.
 */
bool typed_find(struct call *call, const struct arg *key, enum object_type type,
		struct entry **ret_entry);

/* As typed_find(), counted as a hit or a miss. */
bool typed_read(struct call *call, const struct arg *key, enum object_type type,
		struct entry **ret_entry);

/*
 * Find a key, or make it with an object that is empty yet. NULL: it has a value
 * of another type, or there is no memory, and the reply says so.
 */
struct entry *typed_open(struct call *call, const struct arg *key,
			 enum object_type type);

/* Elements were added or removed: without any the key is no more. */
void typed_close(struct call *call, struct entry *entry);

/* An argument with the hash that tables of an object's elements go by. */
struct arg typed_hash(const struct call *call, const struct arg *arg);

/* Read an integer that is so large at least; else reply and answer false. */
bool typed_integer_above(struct call *call, const struct arg *text,
			 int64_t least, int64_t *ret);

/* Read a count, which is not negative; else reply and answer false. */
bool typed_count(struct call *call, const struct arg *text, size_t *ret_count);

/*
 * So many pairs: in RESP3 an array each, which typed_pair() begins, in RESP2
 * one behind the other.
 */
void typed_pairs_begin(struct reply *reply, size_t count);
void typed_pair(struct reply *reply);

/*
 * Begin what is counted while it is written: typed_append() puts it behind its
 * header.
 */
struct reply typed_aside(struct call *call);
void typed_append(struct call *call);

/*
 * Turn a range that may count from the end, both ends included, into the first
 * index and how many there are.
 */
size_t typed_range(int64_t start, int64_t stop, size_t count,
		   size_t *ret_first);

#endif
