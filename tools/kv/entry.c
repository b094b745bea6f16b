/*
 * The value lies apart from the entry, since it changes its size while the
 * entry is linked into the table. Assigning takes what fits exactly, appending
 * takes double if there is room: who appends once appends again.
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
	budget_add(&store->budget, entry_memory(entry));
	return entry;
}

size_t
entry_memory(const struct entry *entry)
{
	return budget_size(sizeof(*entry) + entry->node.length) +
	       budget_size(entry->value_capacity);
}

/* The value lies in so many bytes now. */
static void
set_capacity(struct entry *entry, size_t capacity)
{
	struct budget *budget = &entry->store->budget;

	budget_sub(budget, budget_size(entry->value_capacity));
	budget_add(budget, budget_size(capacity));
	entry->value_capacity = capacity;
}

void
entry_free(struct entry *entry)
{
	budget_sub(&entry->store->budget, entry_memory(entry));
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
		set_capacity(entry, length);
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
		struct budget *budget = &entry->store->budget;
		size_t capacity =
			budget_reserve(budget, total * 2) ? total * 2 : total;
		char *value = realloc(entry->value, capacity);

		if (value == NULL)
			return -ENOMEM;
		entry->value = value;
		set_capacity(entry, capacity);
	}
	if (length > 0)
		memcpy(entry->value + entry->value_length, data, length);
	entry->value_length = total;
	return 0;
}
