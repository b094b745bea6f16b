/*
 * A hash of fields with a value each: a table, as a set is.
 */
#ifndef KV_HASH_H
#define KV_HASH_H

#include "arg.h"
#include "keytable.h"
#include "object.h"

/* One allocation; the value lies behind the name. */
struct field {
	struct keytable_node node; /* knows the name's length and hash */
	uint32_t value_length;
	uint32_t value_capacity;
	char name[];
};

struct hash {
	struct object object;
	struct keytable fields;
	size_t fields_memory; /* without the table */
};

/* Make one. NULL: no memory. */
struct hash *hash_new(struct budget *budget);

/* All names are hashed by the caller. */
struct field *hash_find(const struct hash *hash, const struct arg *name);

/* Give a field a value. 1: it is new, 0: it was there, -ENOMEM. */
int hash_set(struct hash *hash, const struct arg *name,
	     const struct arg *value);

/* Remove a field. Tells whether it was there. */
bool hash_remove(struct hash *hash, const struct arg *name);

size_t hash_memory(const struct hash *hash);

/* As object_free_piece(). */
bool hash_free_piece(struct hash *hash, size_t *left);

static inline struct arg
field_name(const struct field *field)
{
	return (struct arg){ .data = field->name,
			     .length = field->node.length,
			     .hash = field->node.hash };
}

static inline struct arg
field_value(const struct field *field)
{
	return (struct arg){ .data = field->name + field->node.length,
			     .length = field->value_length };
}

#endif
