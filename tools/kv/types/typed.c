/* What is made is put in at once, and taken out if nothing came to be in it. */
#include "typed.h"

#include <inttypes.h>

#include "hash.h"
#include "list.h"
#include "number.h"
#include "server.h"
#include "set.h"
#include "zset.h"

void
reply_wrong_type(struct reply *reply)
{
	reply_error_code(reply, "WRONGTYPE Operation against a key holding the "
				"wrong kind of value");
}

static bool
suits(struct call *call, const struct entry *entry, enum object_type type)
{
	if (entry == NULL || entry->type == type)
		return true;
	reply_wrong_type(call->reply);
	return false;
}

bool
typed_find(struct call *call, const struct arg *key, enum object_type type,
	   struct entry **ret_entry)
{
	*ret_entry = store_find(&call->shard->store, key);
	return suits(call, *ret_entry, type);
}

bool
typed_read(struct call *call, const struct arg *key, enum object_type type,
	   struct entry **ret_entry)
{
	*ret_entry = store_read(&call->shard->store, key);
	return suits(call, *ret_entry, type);
}

static struct object *
make_object(struct budget *budget, enum object_type type)
{
	switch (type) {
	case OBJECT_LIST:
		return (struct object *)list_new(budget);
	case OBJECT_SET:
		return (struct object *)set_new(budget);
	case OBJECT_ZSET:
		return (struct object *)zset_new(budget);
	case OBJECT_HASH:
		return (struct object *)hash_new(budget);
	case OBJECT_STRING:
		break;
	}
	return NULL;
}

struct entry *
typed_open(struct call *call, const struct arg *key, enum object_type type)
{
	struct store *store = &call->shard->store;
	struct object *object;
	struct entry *entry;

	if (!typed_find(call, key, type, &entry))
		return NULL;
	if (entry != NULL)
		return entry;
	object = make_object(&store->budget, type);
	if (object != NULL)
		entry = store_put(store, key, object);
	if (entry == NULL)
		reply_no_memory(call->reply);
	return entry;
}

void
typed_close(struct call *call, struct entry *entry)
{
	if (object_count(entry->object) == 0)
		store_remove(&call->shard->store, entry);
}

struct arg
typed_hash(const struct call *call, const struct arg *arg)
{
	struct arg hashed = *arg;

	hashed.hash =
		keyhash(&call->shard->server->keyhash, arg->data, arg->length);
	return hashed;
}

bool
typed_integer_above(struct call *call, const struct arg *text, int64_t least,
		    int64_t *ret)
{
	if (!number_parse(text->data, text->length, ret)) {
		reply_not_integer(call->reply);
		return false;
	}
	if (*ret >= least)
		return true;
	reply_errorf(call->reply,
		     "value is out of range, value must between %" PRId64
		     " and %" PRId64,
		     least, INT64_MAX);
	return false;
}

bool
typed_count(struct call *call, const struct arg *text, size_t *ret_count)
{
	int64_t count;

	if (!number_parse(text->data, text->length, &count) || count < 0) {
		reply_error(call->reply,
			    "value is out of range, must be positive");
		return false;
	}
	*ret_count = (size_t)count;
	return true;
}

void
typed_pairs_begin(struct reply *reply, size_t count)
{
	reply_array(reply, reply->resp3 ? count : 2 * count);
}

void
typed_pair(struct reply *reply)
{
	if (reply->resp3)
		reply_array(reply, 2);
}

struct reply
typed_aside(struct call *call)
{
	struct bytes *scratch = &call->shard->scratch;

	bytes_reset(scratch, SCRATCH_KEEP_MAX);
	return (struct reply){ .bytes = scratch, .resp3 = call->reply->resp3 };
}

void
typed_append(struct call *call)
{
	const struct bytes *scratch = &call->shard->scratch;

	bytes_append(call->reply->bytes, scratch->data, scratch->length);
	call->reply->bytes->failed |= scratch->failed;
}

size_t
typed_range(int64_t start, int64_t stop, size_t count, size_t *ret_first)
{
	int64_t size = (int64_t)count;

	if (start < 0)
		start = start < -size ? 0 : start + size;
	if (stop < 0)
		stop += size;
	if (stop >= size)
		stop = size - 1;
	*ret_first = (size_t)start;
	return start > stop || start >= size ? 0 : (size_t)(stop - start + 1);
}
