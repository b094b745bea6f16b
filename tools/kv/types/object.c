/* A switch a question: there are four types, and there will be no others. */
#include "object.h"

#include "check.h"
#include "hash.h"
#include "list.h"
#include "set.h"
#include "zset.h"

const char *
object_type_name(enum object_type type)
{
	switch (type) {
	case OBJECT_STRING:
		return "string";
	case OBJECT_LIST:
		return "list";
	case OBJECT_SET:
		return "set";
	case OBJECT_ZSET:
		return "zset";
	case OBJECT_HASH:
		return "hash";
	}
	return NULL;
}

size_t
object_count(const struct object *object)
{
	switch (object->type) {
	case OBJECT_LIST:
		return ((const struct list *)object)->items.count;
	case OBJECT_SET:
		return ((const struct set *)object)->members.count;
	case OBJECT_ZSET:
		return ((const struct zset *)object)->members.count;
	case OBJECT_HASH:
		return ((const struct hash *)object)->fields.count;
	case OBJECT_STRING:
		break;
	}
	return 0;
}

size_t
object_memory(const struct object *object)
{
	switch (object->type) {
	case OBJECT_LIST:
		return list_memory((const struct list *)object);
	case OBJECT_SET:
		return set_memory((const struct set *)object);
	case OBJECT_ZSET:
		return zset_memory((const struct zset *)object);
	case OBJECT_HASH:
		return hash_memory((const struct hash *)object);
	case OBJECT_STRING:
		break;
	}
	return 0;
}

bool
object_free_piece(struct object *object, size_t *left)
{
	switch (object->type) {
	case OBJECT_LIST:
		return list_free_piece((struct list *)object, left);
	case OBJECT_SET:
		return set_free_piece((struct set *)object, left);
	case OBJECT_ZSET:
		return zset_free_piece((struct zset *)object, left);
	case OBJECT_HASH:
		return hash_free_piece((struct hash *)object, left);
	case OBJECT_STRING:
		break;
	}
	KV_INSIST(object->type != OBJECT_STRING);
	return true;
}
