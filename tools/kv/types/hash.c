/*
 * A value that fits where the last one lay is written there; another one makes
 * a new field, which takes the old one's place in the table.
 */
#include "hash.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "budget.h"
#include "keyhash.h"

/* A value may lie in at most this many times its size, if that is much. */
#define SLACK_MAX   4
#define SLACK_BYTES 64

struct hash *
hash_new(struct budget *budget)
{
	struct hash *hash = malloc(sizeof(*hash));

	if (hash == NULL)
		return NULL;
	*hash = (struct hash){ .object = { .type = OBJECT_HASH } };
	keytable_init(&hash->fields, offsetof(struct field, name), budget);
	budget_add(budget, budget_size(sizeof(*hash)));
	return hash;
}

struct field *
hash_find(const struct hash *hash, const struct arg *name)
{
	return (struct field *)keytable_find(&hash->fields,
					     keyhash_bucket(name->hash),
					     name->data, name->length);
}

static size_t
field_size(const struct field *field)
{
	return budget_size(sizeof(*field) + field->node.length +
			   field->value_capacity);
}

static void
free_field(struct hash *hash, struct field *field)
{
	hash->fields_memory -= field_size(field);
	budget_sub(hash->fields.budget, field_size(field));
	free(field);
}

static struct field *
make_field(struct hash *hash, const struct arg *name, const struct arg *value)
{
	struct field *field =
		malloc(sizeof(*field) + name->length + value->length);

	if (field == NULL)
		return NULL;
	field->node.hash = keyhash_bucket(name->hash);
	field->node.length = (uint32_t)name->length;
	field->value_length = field->value_capacity = (uint32_t)value->length;
	if (name->length > 0)
		memcpy(field->name, name->data, name->length);
	if (value->length > 0)
		memcpy(field->name + name->length, value->data, value->length);
	hash->fields_memory += field_size(field);
	budget_add(hash->fields.budget, field_size(field));
	return field;
}

/* Write a value where the last one lies. Tells whether it suits. */
static bool
overwrite(struct field *field, const struct arg *value)
{
	size_t capacity = field->value_capacity;

	if (value->length > capacity ||
	    (capacity > SLACK_BYTES && value->length < capacity / SLACK_MAX))
		return false;
	/* HINCRBY's may be made of what lies there. */
	if (value->length > 0)
		memmove(field->name + field->node.length, value->data,
			value->length);
	field->value_length = (uint32_t)value->length;
	return true;
}

int
hash_set(struct hash *hash, const struct arg *name, const struct arg *value)
{
	struct field *old = hash_find(hash, name);
	struct field *field;

	if (old != NULL && overwrite(old, value))
		return 0;
	field = make_field(hash, name, value);
	if (field == NULL)
		return -ENOMEM;
	if (old != NULL) {
		keytable_remove(&hash->fields, &old->node);
		free_field(hash, old);
	}
	/* It can't fail where there has been a field before. */
	if (keytable_add(&hash->fields, &field->node) < 0) {
		free_field(hash, field);
		return -ENOMEM;
	}
	return old == NULL;
}

bool
hash_remove(struct hash *hash, const struct arg *name)
{
	struct field *field = hash_find(hash, name);

	if (field == NULL)
		return false;
	keytable_remove(&hash->fields, &field->node);
	free_field(hash, field);
	return true;
}

size_t
hash_memory(const struct hash *hash)
{
	return budget_size(sizeof(*hash)) + hash->fields_memory +
	       keytable_memory(&hash->fields);
}

bool
hash_free_piece(struct hash *hash, size_t *left)
{
	struct keytable_node *node;

	for (; hash->fields.count > 0; --*left) {
		if (*left == 0)
			return false;
		node = keytable_pop(&hash->fields);
		free_field(hash, (struct field *)node);
	}
	keytable_free(&hash->fields);
	budget_sub(hash->fields.budget, budget_size(sizeof(*hash)));
	free(hash);
	return true;
}
