/*
 * SSCAN, HSCAN and ZSCAN: SCAN's walk over one key's elements.
 */
#include "float.h"
#include "glob.h"
#include "hash.h"
#include "number.h"
#include "server.h"
#include "set.h"
#include "typed.h"
#include "types.h"
#include "zset.h"

/* Look at so many times COUNT buckets, if they are empty, and no more. */
#define BUCKETS_AN_ELEMENT 10
#define COUNT_DEFAULT      10

struct walk {
	enum object_type type;
	const struct arg *pattern; /* NULL: all */
	int64_t count;
	/* Found so far: */
	int64_t seen;
	size_t texts;
	struct reply elements; /* all texts are bulk strings */
};

static bool
take_option(struct call *call, struct walk *walk, const struct arg *option)
{
	const struct arg *value = option + 1;

	if (ARG_IS(option, "match")) {
		walk->pattern = ARG_IS(value, "*") ? NULL : value;
		return true;
	}
	if (ARG_IS(option, "count")) {
		if (!number_parse(value->data, value->length, &walk->count)) {
			reply_not_integer(call->reply);
			return false;
		}
		if (walk->count >= 1)
			return true;
	}
	reply_syntax_error(call->reply);
	return false;
}

static bool
parse_options(struct call *call, struct walk *walk)
{
	for (size_t i = 3; i < call->argc; i += 2) {
		if (i + 1 == call->argc) {
			reply_syntax_error(call->reply);
			return false;
		}
		if (!take_option(call, walk, &call->argv[i]))
			return false;
	}
	return true;
}

static void
visit(struct keytable_node *node, void *arg)
{
	struct walk *walk = arg;
	struct reply *elements = &walk->elements;
	struct arg name;
	struct arg value = { 0 };

	if (walk->type == OBJECT_HASH) {
		name = field_name((const struct field *)node);
		value = field_value((const struct field *)node);
	} else if (walk->type == OBJECT_SET) {
		name = member_name((const struct member *)node);
	} else {
		name = scored_name((const struct scored *)node);
	}
	walk->seen++;
	if (walk->pattern != NULL &&
	    !glob_match(walk->pattern->data, walk->pattern->length, name.data,
			name.length))
		return;
	walk->texts += walk->type == OBJECT_SET ? 1 : 2;
	reply_bulk(elements, name.data, name.length);
	if (walk->type == OBJECT_HASH)
		reply_bulk(elements, value.data, value.length);
	else if (walk->type == OBJECT_ZSET)
		reply_double(elements, ((const struct scored *)node)->score);
}

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

/* Walk on from a bucket; return the next one's cursor, or 0. */
static uint64_t
walk_buckets(const struct keytable *table, uint64_t cursor, struct walk *walk)
{
	int64_t buckets = walk->count < INT64_MAX / BUCKETS_AN_ELEMENT
				  ? walk->count * BUCKETS_AN_ELEMENT
				  : INT64_MAX;

	do {
		cursor = keytable_scan(table, cursor, visit, walk);
	} while (cursor != 0 && --buckets > 0 && walk->seen < walk->count);
	return cursor;
}

static void
scan(struct call *call, enum object_type type)
{
	struct walk walk = {
		.type = type,
		.count = COUNT_DEFAULT,
	};
	char text[NUMBER_TEXT_MAX];
	struct entry *entry;
	uint64_t cursor;

	if (!command_scan_cursor(&call->argv[2], &cursor)) {
		reply_error(call->reply, "invalid cursor");
		return;
	}
	if (!typed_read(call, &call->argv[1], type, &entry))
		return;
	/* Redis looks at options only where there is a key. */
	if (entry != NULL && !parse_options(call, &walk))
		return;
	walk.elements = typed_aside(call);
	walk.elements.resp3 = false;
	cursor = entry != NULL ? walk_buckets(table_of(entry), cursor, &walk)
			       : 0;
	reply_array(call->reply, 2);
	reply_bulk(call->reply, text, number_format((int64_t)cursor, text));
	reply_array(call->reply, walk.texts);
	typed_append(call);
}

void
command_sscan(struct call *call)
{
	scan(call, OBJECT_SET);
}

void
command_hscan(struct call *call)
{
	scan(call, OBJECT_HASH);
}

void
command_zscan(struct call *call)
{
	scan(call, OBJECT_ZSET);
}
