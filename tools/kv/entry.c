/*
 * The value lies apart from the entry, since it changes its size while the
 * entry is linked into the table. Assigning takes what fits exactly, appending
 * takes double: who appends once appends again.
 */
#include "entry.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "keyhash.h"
#include "store.h"

/* A value may lie in at most this many times its size, if that is much. */
#define SLACK_MAX   4
#define SLACK_BYTES 64

struct entry *
entry_new(struct store *store, const struct arg *key)
{
	struct entry *entry = malloc(sizeof(*entry) + key->length);

	if (entry == NULL)
		return NULL;
	*entry = (struct entry){
		.node = { .hash = keyhash_bucket(key->hash),
			  .length = (uint32_t)key->length },
		.store = store,
		.expires_ms = ENTRY_FOREVER,
		.generation = store->generation,
	};
	if (key->length > 0)
		memcpy(entry->key, key->data, key->length);
	return entry;
}

void
entry_free(struct entry *entry)
{
	free(entry->value);
	free(entry);
}

int
entry_assign(struct entry *entry, const char *data, size_t length)
{
	size_t capacity = entry->value_capacity;

	if (length > capacity ||
	    (capacity > SLACK_BYTES && length < capacity / SLACK_MAX)) {
		char *value = length > 0 ? malloc(length) : NULL;

		if (value == NULL && length > 0)
			return -ENOMEM;
		free(entry->value);
		entry->value = value;
		entry->value_capacity = length;
	}
	if (length > 0)
		memcpy(entry->value, data, length);
	entry->value_length = length;
	return 0;
}

int
entry_append(struct entry *entry, const char *data, size_t length)
{
	size_t total = entry->value_length + length;

	if (total > entry->value_capacity) {
		char *value = realloc(entry->value, total * 2);

		if (value == NULL)
			return -ENOMEM;
		entry->value = value;
		entry->value_capacity = total * 2;
	}
	if (length > 0)
		memcpy(entry->value + entry->value_length, data, length);
	entry->value_length = total;
	return 0;
}
