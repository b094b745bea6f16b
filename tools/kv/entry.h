/*
 * One key with its value, as the store keeps it.
 */
#ifndef KV_ENTRY_H
#define KV_ENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arg.h"
#include "keytable.h"
#include "object.h"

struct store;

/* It never expires. */
#define ENTRY_FOREVER INT64_MIN

struct entry {
	struct keytable_node node; /* knows the key's length and hash */
	struct store *store;
	int64_t expires_ms; /* Unix time, or ENTRY_FOREVER */
	union {
		char *value; /* a string's */
		struct object *object;
	};
	size_t value_length; /* a string's; others have none */
	size_t value_capacity;
	unsigned char type; /* an enum object_type */
	bool listed;        /* among the store's expiries */
	char key[];
};

/* Make an entry without a value that is in no table. NULL: no memory. */
struct entry *entry_new(struct store *store, const struct arg *key);

/* Free an entry; a large object in pieces, later. */
void entry_free(struct entry *entry);

/* How much memory the entry takes. */
size_t entry_memory(const struct entry *entry);

/* Take over a value; that of an entry that was made just now. */
void entry_adopt(struct entry *entry, struct object *object);

/* Replace the value by an object. */
void entry_replace(struct entry *entry, struct object *object);

/* Replace the value by a string. 0 or -ENOMEM, then it is as it was. */
int entry_assign(struct entry *entry, const char *data, size_t length);

/* Append to a string. 0 or -ENOMEM, then it is as it was. */
int entry_append(struct entry *entry, const char *data, size_t length);

/*
 * Write into a string from an offset on; zeros fill what is between its end and
 * that. 0 or -ENOMEM, then it is as it was.
 */
int entry_write(struct entry *entry, size_t offset, const char *data,
		size_t length);

/* Give an entry that was made just now another one's value, which has none. */
void entry_move_value(struct entry *to, struct entry *from);

#endif
