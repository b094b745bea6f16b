/*
 * The value lies apart from the entry, since it changes its size while the
 * entry is linked into the table. Assigning takes what fits exactly, appending
 * takes double if there is room: who appends once appends again.
 */
#include "entry.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
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
	};
	if (key->length > 0)
		memcpy(entry->key, key->data, key->length);
	budget_add(&store->budget, entry_memory(entry));
	return entry;
}

size_t
entry_memory(const struct entry *entry)
{
	size_t size = budget_size(sizeof(*entry) + entry->node.length) +
		      budget_size(entry->value_capacity);

	if (entry->type != OBJECT_STRING)
		size += object_memory(entry->object);
	return size;
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

static void
free_value(struct entry *entry)
{
	if (entry->type == OBJECT_STRING)
		free(entry->value);
	else
		discards_add_object(&entry->store->discards, entry->object);
	set_capacity(entry, 0);
	entry->value = NULL;
	entry->value_length = 0;
	entry->type = OBJECT_STRING;
}

void
entry_free(struct entry *entry)
{
	free_value(entry);
	budget_sub(&entry->store->budget, entry_memory(entry));
	free(entry);
}

void
entry_adopt(struct entry *entry, struct object *object)
{
	KV_INSIST(entry->type == OBJECT_STRING && entry->value == NULL);
	entry->object = object;
	entry->type = (unsigned char)object->type;
}

void
entry_replace(struct entry *entry, struct object *object)
{
	free_value(entry);
	entry_adopt(entry, object);
}

int
entry_assign(struct entry *entry, const char *data, size_t length)
{
	size_t capacity = entry->value_capacity;

	if (length > capacity || entry->type != OBJECT_STRING ||
	    (capacity > SLACK_BYTES && length < capacity / SLACK_MAX)) {
		char *value = length > 0 ? malloc(length) : NULL;

		if (value == NULL && length > 0)
			return -ENOMEM;
		free_value(entry);
		entry->value = value;
		set_capacity(entry, length);
	}
	if (length > 0)
		memcpy(entry->value, data, length);
	entry->value_length = length;
	return 0;
}

/* Make room for a string so long; double, if there is room. 0 or -ENOMEM. */
static int
make_room(struct entry *entry, size_t total)
{
	struct budget *budget = &entry->store->budget;
	size_t capacity = total;
	char *value;

	if (total <= entry->value_capacity)
		return 0;
	if (entry->value_capacity > 0 && budget_reserve(budget, total * 2))
		capacity = total * 2;
	value = realloc(entry->value, capacity);
	if (value == NULL)
		return -ENOMEM;
	entry->value = value;
	set_capacity(entry, capacity);
	return 0;
}

int
entry_append(struct entry *entry, const char *data, size_t length)
{
	return entry_write(entry, entry->value_length, data, length);
}

int
entry_write(struct entry *entry, size_t offset, const char *data, size_t length)
{
	size_t old = entry->value_length;

	KV_INSIST(entry->type == OBJECT_STRING);
	if (make_room(entry, offset + length) < 0)
		return -ENOMEM;
	if (offset > old)
		memset(entry->value + old, 0, offset - old);
	if (length > 0)
		memcpy(entry->value + offset, data, length);
	if (offset + length > old)
		entry->value_length = offset + length;
	return 0;
}

void
entry_move_value(struct entry *to, struct entry *from)
{
	KV_INSIST(to->type == OBJECT_STRING && to->value == NULL);
	to->value = from->value; /* or its object */
	to->value_length = from->value_length;
	to->value_capacity = from->value_capacity;
	to->type = from->type;
	from->value = NULL;
	from->value_length = 0;
	from->value_capacity = 0;
	from->type = OBJECT_STRING;
}
