/*
 * What a key's value is if it is no string: one of four types, each of which
 * begins with a struct object.
 */
#ifndef KV_OBJECT_H
#define KV_OBJECT_H

#include <stdbool.h>
#include <stddef.h>

/* The types of values. */
enum object_type {
	OBJECT_STRING, /* an entry's own matter: there is no object */
	OBJECT_LIST,
	OBJECT_SET,
	OBJECT_ZSET,
	OBJECT_HASH,
};

struct object {
	struct object *next; /* of those that wait to be freed */
	enum object_type type;
};

/* The type's name as TYPE and SCAN say it. */
const char *object_type_name(enum object_type type);

/* How many elements there are; without any a key is no more. */
size_t object_count(const struct object *object);

/* How much memory the object takes with all it has. */
size_t object_memory(const struct object *object);

/*
 * Free elements, at most *left of them, which become less. Tells whether that
 * was all: then the object is gone.
 */
bool object_free_piece(struct object *object, size_t *left);

#endif
