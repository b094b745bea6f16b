/*
 * The commands on hashes.
 */
#include <errno.h>
#include <math.h>

#include "float.h"
#include "hash.h"
#include "number.h"
#include "server.h"
#include "typed.h"
#include "types.h"

static struct hash *
hash_of(const struct entry *entry)
{
	return (struct hash *)entry->object;
}

static const struct field *
find_field(const struct call *call, const struct entry *entry,
	   const struct arg *name)
{
	const struct arg hashed = typed_hash(call, name);

	return entry != NULL ? hash_find(hash_of(entry), &hashed) : NULL;
}

/* Read the field that argv[2] names; false: the reply says why. */
static bool
read_field(struct call *call, const struct field **ret_field)
{
	struct entry *entry;

	if (!typed_read(call, &call->argv[1], OBJECT_HASH, &entry))
		return false;
	*ret_field = find_field(call, entry, &call->argv[2]);
	return true;
}

static void
reply_text_of(struct reply *reply, const struct arg text)
{
	reply_bulk(reply, text.data, text.length);
}

static void
reply_field(struct reply *reply, const struct field *field)
{
	if (field != NULL)
		reply_text_of(reply, field_value(field));
	else
		reply_null(reply);
}

/* -- setting --------------------------------------------------------------- */

/* Set a field; 1: it is new, 0, or -ENOMEM and the reply says so. */
static int
set_field(struct call *call, struct entry *entry, const struct arg *name,
	  const struct arg *value)
{
	const struct arg hashed = typed_hash(call, name);
	int added = hash_set(hash_of(entry), &hashed, value);

	if (added < 0) {
		reply_no_memory(call->reply);
		typed_close(call, entry);
	}
	return added;
}

/* Set all fields that are given. Returns how many are new, or -ENOMEM. */
static int64_t
set_fields(struct call *call, struct entry *entry)
{
	int64_t total = 0;

	for (size_t i = 2; i < call->argc; i += 2) {
		int added = set_field(call, entry, &call->argv[i],
				      &call->argv[i + 1]);

		if (added < 0)
			return added;
		total += added;
	}
	return total;
}

static struct entry *
open_pairs(struct call *call)
{
	if (call->argc % 2 == 0)
		return typed_open(call, &call->argv[1], OBJECT_HASH);
	reply_wrong_arity(call->reply, call->command->name);
	return NULL;
}

void
command_hset(struct call *call)
{
	struct entry *entry = open_pairs(call);
	int64_t added = entry != NULL ? set_fields(call, entry) : -1;

	if (added >= 0)
		reply_integer(call->reply, added);
}

void
command_hmset(struct call *call)
{
	struct entry *entry = open_pairs(call);

	if (entry != NULL && set_fields(call, entry) >= 0)
		reply_ok(call->reply);
}

void
command_hsetnx(struct call *call)
{
	struct entry *entry = typed_open(call, &call->argv[1], OBJECT_HASH);

	if (entry == NULL)
		return;
	if (find_field(call, entry, &call->argv[2]) != NULL)
		reply_integer(call->reply, 0);
	else if (set_field(call, entry, &call->argv[2], &call->argv[3]) >= 0)
		reply_integer(call->reply, 1);
}

/* -- counting -------------------------------------------------------------- */

static void
reply_after(struct call *call, struct entry *entry, const struct arg *value,
	    void (*write)(struct reply *reply, const struct arg *value))
{
	if (set_field(call, entry, &call->argv[2], value) >= 0)
		write(call->reply, value);
}

static void
reply_as_integer(struct reply *reply, const struct arg *value)
{
	bytes_append(reply->bytes, ":", 1);
	bytes_append(reply->bytes, value->data, value->length);
	bytes_append(reply->bytes, "\r\n", 2);
}

static void
reply_as_bulk(struct reply *reply, const struct arg *value)
{
	reply_bulk(reply, value->data, value->length);
}

/* The sum of a field that is an integer, and an increment. */
static bool
add_integer(struct call *call, const struct field *field, int64_t increment,
	    int64_t *ret_sum)
{
	const struct arg text =
		field != NULL ? field_value(field) : (struct arg){ 0 };
	int64_t value = 0;

	if (field != NULL && !number_parse(text.data, text.length, &value)) {
		reply_error(call->reply, "hash value is not an integer");
		return false;
	}
	if (__builtin_add_overflow(value, increment, ret_sum)) {
		reply_error(call->reply,
			    "increment or decrement would overflow");
		return false;
	}
	return true;
}

void
command_hincrby(struct call *call)
{
	const struct arg *text = &call->argv[3];
	char digits[NUMBER_TEXT_MAX];
	struct arg value = { .data = digits };
	struct entry *entry;
	int64_t number;

	if (!number_parse(text->data, text->length, &number)) {
		reply_not_integer(call->reply);
		return;
	}
	entry = typed_open(call, &call->argv[1], OBJECT_HASH);
	if (entry == NULL)
		return;
	if (!add_integer(call, find_field(call, entry, &call->argv[2]), number,
			 &number)) {
		typed_close(call, entry);
		return;
	}
	value.length = number_format(number, digits);
	reply_after(call, entry, &value, reply_as_integer);
}

static bool
add_float(struct call *call, const struct field *field, long double increment,
	  long double *ret_sum)
{
	const struct arg text =
		field != NULL ? field_value(field) : (struct arg){ 0 };
	long double value = 0;

	if (field != NULL && !float_parse_long(&text, &value)) {
		reply_error(call->reply, "hash value is not a float");
		return false;
	}
	*ret_sum = value + increment;
	if (isfinite(*ret_sum))
		return true;
	reply_error(call->reply, "increment would produce NaN or Infinity");
	return false;
}

void
command_hincrbyfloat(struct call *call)
{
	char digits[FLOAT_TEXT_MAX];
	struct arg value = { .data = digits };
	struct entry *entry;
	long double number;

	if (!float_parse_long(&call->argv[3], &number)) {
		reply_error(call->reply, "value is not a valid float");
		return;
	}
	if (!isfinite(number)) {
		reply_error(call->reply, "value is NaN or Infinity");
		return;
	}
	entry = typed_open(call, &call->argv[1], OBJECT_HASH);
	if (entry == NULL)
		return;
	if (!add_float(call, find_field(call, entry, &call->argv[2]), number,
		       &number)) {
		typed_close(call, entry);
		return;
	}
	value.length = float_format(number, digits);
	reply_after(call, entry, &value, reply_as_bulk);
}

/* -- reading --------------------------------------------------------------- */

void
command_hget(struct call *call)
{
	const struct field *field;

	if (read_field(call, &field))
		reply_field(call->reply, field);
}

void
command_hmget(struct call *call)
{
	struct entry *entry;

	if (!typed_read(call, &call->argv[1], OBJECT_HASH, &entry))
		return;
	reply_array(call->reply, call->argc - 2);
	for (size_t i = 2; i < call->argc; i++)
		reply_field(call->reply,
			    find_field(call, entry, &call->argv[i]));
}

void
command_hexists(struct call *call)
{
	const struct field *field;

	if (read_field(call, &field))
		reply_integer(call->reply, field != NULL);
}

void
command_hstrlen(struct call *call)
{
	const struct field *field;

	if (read_field(call, &field))
		reply_integer(call->reply,
			      field != NULL ? field->value_length : 0);
}

void
command_hlen(struct call *call)
{
	struct entry *entry;

	if (typed_read(call, &call->argv[1], OBJECT_HASH, &entry))
		reply_integer(call->reply,
			      entry != NULL
				      ? (int64_t)hash_of(entry)->fields.count
				      : 0);
}

static void
reply_name_of(struct keytable_node *node, void *reply)
{
	reply_text_of(reply, field_name((const struct field *)node));
}

static void
reply_value_of(struct keytable_node *node, void *reply)
{
	reply_text_of(reply, field_value((const struct field *)node));
}

static void
reply_both_of(struct keytable_node *node, void *reply)
{
	reply_name_of(node, reply);
	reply_value_of(node, reply);
}

static void
reply_all(struct call *call, keytable_fn visit)
{
	struct entry *entry;
	size_t count = 0;

	if (!typed_read(call, &call->argv[1], OBJECT_HASH, &entry))
		return;
	if (entry != NULL)
		count = hash_of(entry)->fields.count;
	if (visit == reply_both_of)
		reply_map_begin(call->reply, count);
	else
		reply_array(call->reply, count);
	if (count > 0)
		keytable_walk(&hash_of(entry)->fields, visit, call->reply);
}

void
command_hgetall(struct call *call)
{
	reply_all(call, reply_both_of);
}

void
command_hkeys(struct call *call)
{
	reply_all(call, reply_name_of);
}

void
command_hvals(struct call *call)
{
	reply_all(call, reply_value_of);
}

/* -- removing -------------------------------------------------------------- */

void
command_hdel(struct call *call)
{
	struct entry *entry;
	int64_t removed = 0;

	if (!typed_find(call, &call->argv[1], OBJECT_HASH, &entry))
		return;
	for (size_t i = 2; entry != NULL && i < call->argc; i++) {
		const struct arg name = typed_hash(call, &call->argv[i]);

		removed += hash_remove(hash_of(entry), &name);
	}
	if (entry != NULL)
		typed_close(call, entry);
	reply_integer(call->reply, removed);
}
