/*
 * The parts are replies of our own making, so that reading them back asks for
 * no more than finding where each ends.
 */
#include "gather.h"

#include <stdlib.h>

#include <gyre/runtime.h>

#include "check.h"
#include "info.h"
#include "lane.h"
#include "number.h"
#include "reply.h"
#include "table.h"

_Static_assert(GYRE_SHARDS_MAX <= UINT16_MAX, "a part's index fits");

struct gather *
gather_new(enum gather_kind kind, size_t parts_max, size_t keys_max)
{
	struct gather *gather;
	size_t parts_size = parts_max * sizeof(gather->parts[0]);
	size_t keys_size = keys_max * sizeof(gather->key_parts[0]);

	gather = malloc(sizeof(*gather) + parts_size + keys_size);
	if (gather == NULL)
		return NULL;
	*gather = (struct gather){ .kind = kind };
	gather->key_parts = (uint16_t *)(gather->parts + parts_max);
	return gather;
}

void
gather_free(struct gather *gather)
{
	free(gather);
}

size_t
gather_add_part(struct gather *gather, struct lane *lane)
{
	gather->parts[gather->parts_count] =
		(struct gather_part){ .lane = lane };
	return gather->parts_count++;
}

bool
gather_is_ready(const struct gather *gather)
{
	for (size_t i = 0; i < gather->parts_count; i++) {
		const struct lane *lane = gather->parts[i].lane;

		if (lane != NULL && !lane_has_reply(lane))
			return false;
	}
	return true;
}

static void
take_parts(struct gather *gather, const char *own)
{
	for (size_t i = 0; i < gather->parts_count; i++) {
		struct gather_part *part = &gather->parts[i];
		struct arg reply = { .data = own,
				     .length = gather->own_length };

		if (part->lane != NULL)
			reply = lane_take(part->lane);
		part->at = reply.data;
		part->end = reply.data + reply.length;
	}
}

/* Read a line `<type><number>\r\n` off a part. */
static int64_t
take_number(struct gather_part *part)
{
	const char *end =
		memchr(part->at, '\r', (size_t)(part->end - part->at));
	int64_t number = 0;
	bool valid = end != NULL && end > part->at &&
		     number_parse(part->at + 1, (size_t)(end - part->at - 1),
				  &number);

	KV_INSIST(valid);
	part->at = end + 2;
	return number;
}

/* Read one bulk string off a part, with all that makes it one. */
static struct arg
take_bulk(struct gather_part *part)
{
	struct arg bulk = { .data = part->at };
	int64_t length = take_number(part);

	if (length >= 0)
		part->at += length + 2;
	KV_INSIST(part->at <= part->end);
	bulk.length = (size_t)(part->at - bulk.data);
	return bulk;
}

/* An error of one part is the whole command's. */
static const struct gather_part *
find_error(const struct gather *gather)
{
	for (size_t i = 0; i < gather->parts_count; i++) {
		const struct gather_part *part = &gather->parts[i];

		if (part->at < part->end && *part->at == '-')
			return part;
	}
	return NULL;
}

static void
append_part(struct reply *reply, const struct gather_part *part)
{
	bytes_append(reply->bytes, part->at, (size_t)(part->end - part->at));
}

static void
finish_sum(struct gather *gather, struct reply *reply)
{
	int64_t sum = 0;

	for (size_t i = 0; i < gather->parts_count; i++)
		sum += take_number(&gather->parts[i]);
	if (gather->limit > 0 && sum > (int64_t)gather->limit)
		sum = (int64_t)gather->limit;
	reply_integer(reply, sum);
}

static void
finish_bulks(struct gather *gather, struct reply *reply)
{
	for (size_t i = 0; i < gather->parts_count; i++)
		take_number(&gather->parts[i]);
	reply_array(reply, gather->keys_count);
	for (size_t i = 0; i < gather->keys_count; i++) {
		struct arg bulk =
			take_bulk(&gather->parts[gather->key_parts[i]]);

		if (bulk.data[1] == '-')
			reply_null(reply);
		else
			bytes_append(reply->bytes, bulk.data, bulk.length);
	}
}

static void
finish_info(struct gather *gather, const struct server *server,
	    struct reply *reply)
{
	struct info info = { 0 };
	struct bytes shards = { 0 };

	/* There is a part a shard, in their order. */
	for (size_t i = 0; i < gather->parts_count; i++) {
		info_add(&info, gather->parts[i].at);
		if (info_wants_shards(gather->sections))
			info_add_shard(&shards, (unsigned)i,
				       gather->parts[i].at);
	}
	info_write(&info, gather->sections, server, &shards, reply);
	bytes_free(&shards);
}

/* -- arrays that several shards know parts of ------------------------------ */

/* A bulk string that one of the parts holds. */
struct member {
	UT_hash_handle hh;
	struct arg text; /* as it is in the part */
};

/* Find out how many bulk strings there are at most; step to the first ones. */
static size_t
open_arrays(struct gather *gather)
{
	size_t count = 0;

	for (size_t i = 0; i < gather->parts_count; i++)
		count += (size_t)take_number(&gather->parts[i]);
	return count;
}

/* Collect those that are there, each once. Returns their number. */
static size_t
collect_members(struct gather *gather, struct member *members,
		struct reply *reply)
{
	struct member *table = NULL;
	size_t count = 0;

	for (size_t i = 0; i < gather->parts_count; i++) {
		struct gather_part *part = &gather->parts[i];

		while (part->at < part->end) {
			struct member *member = &members[count];
			struct member *found;

			member->text = take_bulk(part);
			HASH_FIND(hh, table, member->text.data,
				  member->text.length, found);
			if (found != NULL)
				continue;
			HASH_ADD_KEYPTR(hh, table, member->text.data,
					(unsigned)member->text.length, member);
			reply->bytes->failed |= member->hh.tbl == NULL;
			count++;
		}
	}
	HASH_CLEAR(hh, table);
	return count;
}

static void
finish_union(struct gather *gather, struct reply *reply)
{
	size_t count = open_arrays(gather);
	struct member *members = calloc(count + 1, sizeof(*members));

	if (members == NULL) {
		reply->bytes->failed = true;
		return;
	}
	count = collect_members(gather, members, reply);
	if (gather->kind == GATHER_UNION_COUNT)
		reply_integer(reply, (int64_t)count);
	else
		reply_array(reply, count);
	for (size_t i = 0; gather->kind == GATHER_UNION && i < count; i++)
		bytes_append(reply->bytes, members[i].text.data,
			     members[i].text.length);
	free(members);
}

/* All parts name the same in the same order. */
static void
finish_counts(struct gather *gather, struct reply *reply)
{
	size_t count = open_arrays(gather) / gather->parts_count / 2;

	reply_array(reply, 2 * count);
	for (size_t pair = 0; pair < count; pair++) {
		int64_t sum = 0;

		for (size_t i = 0; i < gather->parts_count; i++) {
			struct arg name = take_bulk(&gather->parts[i]);

			if (i == 0)
				bytes_append(reply->bytes, name.data,
					     name.length);
			sum += take_number(&gather->parts[i]);
		}
		reply_integer(reply, sum);
	}
}

/* -- lines about clients --------------------------------------------------- */

/* A client's line, which begins with id= and ends with a newline. */
struct line {
	uint64_t id;
	const char *text;
	size_t length;
};

static int
compare_lines(const void *one, const void *other)
{
	uint64_t a = ((const struct line *)one)->id;
	uint64_t b = ((const struct line *)other)->id;

	return a < b ? -1 : a > b;
}

/* Find the lines, or only count them if there is no place for them. */
static size_t
find_lines(struct arg text, struct line *lines)
{
	const char *end = text.data + text.length;
	size_t count = 0;

	for (const char *at = text.data; at < end; count++) {
		const char *next = memchr(at, '\n', (size_t)(end - at));

		KV_INSIST(next != NULL);
		next++;
		if (lines != NULL)
			lines[count] = (struct line){
				.id = strtoull(at + strlen("id="), NULL, 10),
				.text = at,
				.length = (size_t)(next - at),
			};
		at = next;
	}
	return count;
}

/* What is in a part's bulk string. */
static struct arg
look_into(const struct gather_part *part)
{
	struct gather_part copy = *part;
	int64_t length = take_number(&copy);

	return (struct arg){ .data = copy.at, .length = (size_t)length };
}

static void
finish_lines(struct gather *gather, struct reply *reply)
{
	struct bytes text = { 0 };
	struct line *lines;
	size_t count = 0;

	for (size_t i = 0; i < gather->parts_count; i++)
		count += find_lines(look_into(&gather->parts[i]), NULL);
	lines = calloc(count + 1, sizeof(*lines));
	if (lines == NULL) {
		reply->bytes->failed = true;
		return;
	}
	count = 0;
	for (size_t i = 0; i < gather->parts_count; i++)
		count +=
			find_lines(look_into(&gather->parts[i]), lines + count);
	qsort(lines, count, sizeof(*lines), compare_lines);
	for (size_t i = 0; i < count; i++)
		bytes_append(&text, lines[i].text, lines[i].length);
	reply_verbatim(reply, text.data, text.length);
	reply->bytes->failed |= text.failed;
	bytes_free(&text);
	free(lines);
}

/* -- slow commands --------------------------------------------------------- */

static int
compare_newest_first(const void *one, const void *other)
{
	return compare_lines(other, one);
}

/* Find the texts that tell of slow commands; what found no memory is empty. */
static size_t
find_slow(struct gather *gather, struct line *lines)
{
	size_t count = 0;

	for (size_t i = 0; i < gather->parts_count; i++) {
		struct gather_part *part = &gather->parts[i];

		while (part->at < part->end) {
			struct arg text = look_into(part);

			take_bulk(part);
			if (text.length == 0)
				continue;
			lines[count++] = (struct line){
				.id = strtoull(text.data + strlen("*6\r\n:"),
					       NULL, 10),
				.text = text.data,
				.length = text.length,
			};
		}
	}
	return count;
}

static void
finish_slow(struct gather *gather, struct reply *reply)
{
	size_t count = open_arrays(gather);
	struct line *lines = calloc(count + 1, sizeof(*lines));

	if (lines == NULL) {
		reply->bytes->failed = true;
		return;
	}
	count = find_slow(gather, lines);
	qsort(lines, count, sizeof(*lines), compare_newest_first);
	if (count > gather->limit)
		count = gather->limit;
	reply_array(reply, count);
	for (size_t i = 0; i < count; i++)
		bytes_append(reply->bytes, lines[i].text, lines[i].length);
	free(lines);
}

/* CLIENT KILL's old form. */
static void
finish_any(struct gather *gather, struct reply *reply)
{
	bool any = false;

	for (size_t i = 0; i < gather->parts_count; i++)
		any |= take_number(&gather->parts[i]) != 0;
	if (any)
		reply_ok(reply);
	else
		reply_error(reply, "No such client");
}

static void
finish(struct gather *gather, const struct server *server, struct reply *reply)
{
	switch (gather->kind) {
	case GATHER_NEVER:
	case GATHER_STATUS:
		append_part(reply, &gather->parts[0]);
		break;
	case GATHER_SUM:
		finish_sum(gather, reply);
		break;
	case GATHER_BULKS:
		finish_bulks(gather, reply);
		break;
	case GATHER_INFO:
		finish_info(gather, server, reply);
		break;
	case GATHER_COUNTS:
		finish_counts(gather, reply);
		break;
	case GATHER_UNION:
	case GATHER_UNION_COUNT:
		finish_union(gather, reply);
		break;
	case GATHER_LINES:
		finish_lines(gather, reply);
		break;
	case GATHER_SLOW:
		finish_slow(gather, reply);
		break;
	case GATHER_ANY:
		finish_any(gather, reply);
		break;
	}
}

void
gather_finish(struct gather *gather, const char *own,
	      const struct server *server, struct reply *reply)
{
	const struct gather_part *error;

	take_parts(gather, own);
	error = gather->kind == GATHER_INFO ? NULL : find_error(gather);
	if (error != NULL)
		append_part(reply, error);
	else
		finish(gather, server, reply);
}
