/*
 * One key with its value, as the store keeps it.
 */
#ifndef KV_ENTRY_H
#define KV_ENTRY_H

#include <stddef.h>
#include <stdint.h>

#include <gyre/loop.h>

#include "arg.h"
#include "keytable.h"

struct store;

/* It never expires. */
#define ENTRY_FOREVER INT64_MIN

struct entry {
	struct keytable_node node; /* knows the key's length and hash */
	struct store *store;
	int64_t expires_ms;   /* Unix time, or ENTRY_FOREVER */
	gyre_timeout timeout; /* that will remove it, or 0 */
	char *value;
	size_t value_length;
	size_t value_capacity;
	unsigned generation; /* the store's when it was made */
	char key[];
};

/* Make an entry without a value that is in no table. NULL: no memory. */
struct entry *entry_new(struct store *store, const struct arg *key);

void entry_free(struct entry *entry);

/* How much memory the entry takes. */
size_t entry_memory(const struct entry *entry);

/* Replace the value. 0 or -ENOMEM, then it is as it was. */
int entry_assign(struct entry *entry, const char *data, size_t length);

/* Append to the value. 0 or -ENOMEM, then it is as it was. */
int entry_append(struct entry *entry, const char *data, size_t length);

#endif
