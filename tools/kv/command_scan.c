/*
 * SCAN walks one shard after the other. Its cursor holds the shard and the
 * cursor in that shard's buckets (scan.h): bucket cursor × shards + shard. So
 * 0 is the begin, and the end again, whatever the number of shards.
 */
#include <errno.h>
#include <stdlib.h>

#include "command.h"
#include "glob.h"
#include "number.h"
#include "scan.h"
#include "server.h"

/* Look at so many times COUNT buckets, if they are empty, and no more. */
#define BUCKETS_A_KEY 10
#define COUNT_DEFAULT 10

#define CURSOR_TEXT_MAX 31

struct walk {
	const struct arg *pattern; /* NULL: all keys */
	int64_t count;
	const struct arg *type; /* NULL: all types */
	/* Found so far: */
	int64_t seen;
	size_t matching;
	struct reply *keys;
};

bool
command_scan_cursor(const struct arg *text, uint64_t *ret_cursor)
{
	char copy[CURSOR_TEXT_MAX + 1];
	char *end;

	if (text->length > CURSOR_TEXT_MAX)
		return false;
	memcpy(copy, text->data, text->length);
	copy[text->length] = '\0';
	if (copy[0] == ' ' || (copy[0] >= '\t' && copy[0] <= '\r'))
		return false;
	errno = 0;
	*ret_cursor = strtoull(copy, &end, 10);
	return *end == '\0' && errno == 0;
}

/* Take an option and its value; reply and answer false if it is none. */
static bool
take_option(struct call *call, struct walk *walk, const struct arg *option)
{
	const struct arg *value = option + 1;

	if (ARG_IS(option, "count")) {
		if (!number_parse(value->data, value->length, &walk->count)) {
			reply_not_integer(call->reply);
			return false;
		}
		if (walk->count >= 1)
			return true;
	} else if (ARG_IS(option, "match")) {
		/* All keys, the empty one too, which no other pattern has. */
		walk->pattern = ARG_IS(value, "*") ? NULL : value;
		return true;
	} else if (ARG_IS(option, "type")) {
		walk->type = value;
		return true;
	}
	reply_syntax_error(call->reply);
	return false;
}

static bool
parse_options(struct call *call, struct walk *walk)
{
	for (size_t i = 2; i < call->argc; i += 2) {
		if (i + 1 == call->argc) {
			reply_syntax_error(call->reply);
			return false;
		}
		if (!take_option(call, walk, &call->argv[i]))
			return false;
	}
	return true;
}

static bool
has_type(const struct entry *entry, const struct arg *type)
{
	const char *name = object_type_name(entry->type);

	return arg_is(type, name, strlen(name));
}

static void
visit(const struct entry *entry, void *arg)
{
	struct walk *walk = arg;
	size_t length = entry->node.length;

	walk->seen++;
	if ((walk->type != NULL && !has_type(entry, walk->type)) ||
	    (walk->pattern != NULL &&
	     !glob_match(walk->pattern->data, walk->pattern->length, entry->key,
			 length)))
		return;
	walk->matching++;
	reply_bulk(walk->keys, entry->key, length);
}

/* Walk on from a bucket of this shard; return the next one's cursor, or 0. */
static uint64_t
walk_buckets(struct store *store, uint64_t cursor, struct walk *walk)
{
	int64_t buckets = walk->count < INT64_MAX / BUCKETS_A_KEY
				  ? walk->count * BUCKETS_A_KEY
				  : INT64_MAX;

	do {
		cursor = scan_bucket(store, cursor, visit, walk);
	} while (cursor != 0 && --buckets > 0 && walk->seen < walk->count);
	return cursor;
}

void
command_scan(struct call *call)
{
	struct shard *shard = call->shard;
	struct reply keys = { .bytes = &shard->scratch };
	struct walk walk = { .count = COUNT_DEFAULT, .keys = &keys };
	unsigned shards = shard->server->shards_count;
	char text[NUMBER_TEXT_MAX];
	uint64_t cursor;

	if (!command_scan_cursor(&call->argv[1], &cursor)) {
		reply_error(call->reply, "invalid cursor");
		return;
	}
	if (!parse_options(call, &walk))
		return;
	bytes_reset(&shard->scratch, SCRATCH_KEEP_MAX);
	cursor = walk_buckets(&shard->store, cursor / shards, &walk);
	if (cursor != 0)
		cursor = cursor * shards + shard->index;
	else if (shard->index + 1 < shards)
		cursor = shard->index + 1;
	reply_array(call->reply, 2);
	reply_bulk(call->reply, text, number_format((int64_t)cursor, text));
	reply_array(call->reply, walk.matching);
	bytes_append(call->reply->bytes, shard->scratch.data,
		     shard->scratch.length);
	call->reply->bytes->failed |= shard->scratch.failed;
}
