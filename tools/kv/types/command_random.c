/*
 * SRANDMEMBER, HRANDFIELD and ZRANDMEMBER: one command on three types.
 */
#include <errno.h>

#include "float.h"
#include "hash.h"
#include "sample.h"
#include "server.h"
#include "set.h"
#include "typed.h"
#include "types.h"
#include "zset.h"

/* How one of the three types answers. */
struct kind {
	enum object_type type;
	const char
		*with; /* the option that asks for more than names; or NULL */
	keytable_fn reply_name;
	keytable_fn reply_both;
};

static const struct keytable *
table_of(const struct entry *entry)
{
	switch (entry->type) {
	case OBJECT_SET:
		return &((const struct set *)entry->object)->members;
	case OBJECT_ZSET:
		return &((const struct zset *)entry->object)->members;
	default:
		return &((const struct hash *)entry->object)->fields;
	}
}

static void
reply_repeated(struct call *call, const struct keytable *table, size_t count,
	       keytable_fn visit)
{
	while (count-- > 0)
		visit(keytable_choose(table, &call->shard->store.random),
		      call->reply);
}

static void
reply_some(struct call *call, const struct keytable *table, int64_t wanted,
	   const struct kind *kind, bool both)
{
	keytable_fn visit = both ? kind->reply_both : kind->reply_name;
	size_t count = (size_t)(wanted < 0 ? -wanted : wanted);
	size_t before = call->reply->bytes->length;

	if (wanted > 0 && count > table->count)
		count = table->count;
	if (both)
		typed_pairs_begin(call->reply, count);
	else
		reply_array(call->reply, count);
	if (wanted < 0)
		reply_repeated(call, table, count, visit);
	else if (count == table->count)
		keytable_walk(table, visit, call->reply);
	else if (sample_nodes(table, count, &call->shard->store.random, visit,
			      call->reply) < 0) {
		call->reply->bytes->length = before;
		reply_no_memory(call->reply);
	}
}

/* Read what is behind the key; *ret_count is untouched if that is nothing. */
static bool
parse(struct call *call, const struct kind *kind, int64_t *ret_count,
      bool *ret_both)
{
	size_t most = kind->with != NULL ? 4 : 3;

	if (call->argc == 2)
		return true;
	if (kind->type == OBJECT_SET && call->argc > most) {
		reply_syntax_error(call->reply);
		return false;
	}
	if (!typed_integer_above(call, &call->argv[2], -INT64_MAX, ret_count))
		return false;
	*ret_both = call->argc == 4;
	if (call->argc > most ||
	    (*ret_both &&
	     !arg_is(&call->argv[3], kind->with, strlen(kind->with)))) {
		reply_syntax_error(call->reply);
		return false;
	}
	if (*ret_count >= -RANDOM_REPEATED_MAX)
		return true;
	reply_error(call->reply, "value is out of range");
	return false;
}

static void
reply_random(struct call *call, const struct kind *kind)
{
	struct entry *entry;
	int64_t count = 1;
	bool both = false;

	if (!parse(call, kind, &count, &both) ||
	    !typed_read(call, &call->argv[1], kind->type, &entry))
		return;
	if (entry == NULL && call->argc == 2)
		reply_null(call->reply);
	else if (entry == NULL || count == 0)
		reply_array(call->reply, 0);
	else if (call->argc == 2)
		reply_repeated(call, table_of(entry), 1, kind->reply_name);
	else
		reply_some(call, table_of(entry), count, kind, both);
}

/* -- the three ------------------------------------------------------------- */

static void
reply_member(struct keytable_node *node, void *reply)
{
	const struct arg name = member_name((const struct member *)node);

	reply_bulk(reply, name.data, name.length);
}

static void
reply_field(struct keytable_node *node, void *reply)
{
	const struct arg name = field_name((const struct field *)node);

	reply_bulk(reply, name.data, name.length);
}

static void
reply_field_and_value(struct keytable_node *node, void *reply)
{
	const struct arg value = field_value((const struct field *)node);

	typed_pair(reply);
	reply_field(node, reply);
	reply_bulk(reply, value.data, value.length);
}

static void
reply_scored(struct keytable_node *node, void *reply)
{
	const struct arg name = scored_name((const struct scored *)node);

	reply_bulk(reply, name.data, name.length);
}

static void
reply_scored_and_score(struct keytable_node *node, void *reply)
{
	typed_pair(reply);
	reply_scored(node, reply);
	reply_double(reply, ((const struct scored *)node)->score);
}

void
command_srandmember(struct call *call)
{
	static const struct kind kind = {
		.type = OBJECT_SET,
		.reply_name = reply_member,
	};

	reply_random(call, &kind);
}

void
command_hrandfield(struct call *call)
{
	static const struct kind kind = {
		.type = OBJECT_HASH,
		.with = "withvalues",
		.reply_name = reply_field,
		.reply_both = reply_field_and_value,
	};

	reply_random(call, &kind);
}

void
command_zrandmember(struct call *call)
{
	static const struct kind kind = {
		.type = OBJECT_ZSET,
		.with = "withscores",
		.reply_name = reply_scored,
		.reply_both = reply_scored_and_score,
	};

	reply_random(call, &kind);
}
