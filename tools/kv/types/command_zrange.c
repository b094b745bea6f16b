/*
 * The commands on ranges of a sorted set.
 */
#include "float.h"
#include "number.h"
#include "server.h"
#include "typed.h"
#include "types.h"
#include "zset_range.h"

static const struct zset *
zset_of(const struct entry *entry)
{
	return (const struct zset *)entry->object;
}

/* -- ZRANGE and its kin ---------------------------------------------------- */

/* What a command fixes by its name, and ZRANGE leaves to its options. */
struct query {
	struct zset_range range;
	bool fixed;
	bool scores; /* WITHSCORES */
	int64_t offset;
	int64_t limit; /* -1: none */
};

/* Direction and kind can be said once. */
static bool
take_kind(struct query *query, const struct arg *arg)
{
	struct zset_range *range = &query->range;

	if (query->fixed)
		return false;
	if (ARG_IS(arg, "rev") && !range->from_end)
		range->from_end = true;
	else if (ARG_IS(arg, "byscore") && range->kind == ZSET_RANGE_RANK)
		range->kind = ZSET_RANGE_SCORE;
	else if (ARG_IS(arg, "bylex") && range->kind == ZSET_RANGE_RANK)
		range->kind = ZSET_RANGE_NAME;
	else
		return false;
	return true;
}

static bool
parse_limit(struct call *call, const struct arg *args, struct query *query)
{
	if (number_parse(args[0].data, args[0].length, &query->offset) &&
	    number_parse(args[1].data, args[1].length, &query->limit))
		return true;
	reply_not_integer(call->reply);
	return false;
}

static bool
parse_options(struct call *call, struct query *query)
{
	for (size_t i = 4; i < call->argc; i++) {
		const struct arg *arg = &call->argv[i];

		if (ARG_IS(arg, "withscores"))
			query->scores = true;
		else if (ARG_IS(arg, "limit") && i + 2 < call->argc) {
			if (!parse_limit(call, arg + 1, query))
				return false;
			i += 2;
		} else if (!take_kind(query, arg)) {
			reply_syntax_error(call->reply);
			return false;
		}
	}
	return true;
}

static bool
parse_query(struct call *call, struct query *query)
{
	bool turned;

	if (!parse_options(call, query))
		return false;
	if (query->limit != -1 && query->range.kind == ZSET_RANGE_RANK) {
		reply_error(call->reply,
			    "syntax error, LIMIT is only supported in "
			    "combination with either BYSCORE or BYLEX");
		return false;
	}
	if (query->scores && query->range.kind == ZSET_RANGE_NAME) {
		reply_error(call->reply,
			    "syntax error, WITHSCORES not supported in "
			    "combination with BYLEX");
		return false;
	}
	/* Who counts down gives the upper end first, but for ranks. */
	turned = query->range.from_end && query->range.kind != ZSET_RANGE_RANK;
	return zset_range_parse(call, &call->argv[turned ? 3 : 2],
				&call->argv[turned ? 2 : 3], &query->range);
}

/* Cut what LIMIT leaves out of a range, counted in the order of the reply. */
static size_t
apply_limit(const struct query *query, size_t *first, size_t count)
{
	size_t left;

	if (query->offset < 0 || (uint64_t)query->offset >= count)
		return 0;
	left = count - (size_t)query->offset;
	if (query->limit >= 0 && (uint64_t)query->limit < left)
		left = (size_t)query->limit;
	*first += query->range.from_end ? count - (size_t)query->offset - left
					: (size_t)query->offset;
	return left;
}

static void
reply_members(struct call *call, const struct zset *zset,
	      const struct query *query, size_t first, size_t count)
{
	bool down = query->range.from_end;
	struct sequence_cursor cursor =
		sequence_seek(&zset->order, down ? first + count - 1 : first);

	while (count-- > 0) {
		const struct cell *cell = down ? sequence_previous(&cursor)
					       : sequence_next(&cursor);
		const struct scored *member = cell->pointer;

		if (query->scores)
			typed_pair(call->reply);
		reply_bulk(call->reply, member->name, member->node.length);
		if (query->scores)
			reply_double(call->reply, member->score);
	}
}

static void
reply_range(struct call *call, struct query query)
{
	struct entry *entry;
	size_t first;
	size_t count = 0;

	query.limit = -1;
	if (!parse_query(call, &query) ||
	    !typed_read(call, &call->argv[1], OBJECT_ZSET, &entry))
		return;
	if (entry != NULL)
		count = zset_range_find(zset_of(entry), &query.range, &first);
	if (count > 0 && query.range.kind != ZSET_RANGE_RANK)
		count = apply_limit(&query, &first, count);
	if (query.scores)
		typed_pairs_begin(call->reply, count);
	else
		reply_array(call->reply, count);
	if (count > 0)
		reply_members(call, zset_of(entry), &query, first, count);
}

void
command_zrange(struct call *call)
{
	reply_range(call, (struct query){ 0 });
}

static void
reply_fixed(struct call *call, enum zset_range_kind kind, bool from_end)
{
	reply_range(call,
		    (struct query){
			    .range = { .kind = kind, .from_end = from_end },
			    .fixed = true,
		    });
}

void
command_zrevrange(struct call *call)
{
	reply_fixed(call, ZSET_RANGE_RANK, true);
}

void
command_zrangebyscore(struct call *call)
{
	reply_fixed(call, ZSET_RANGE_SCORE, false);
}

void
command_zrevrangebyscore(struct call *call)
{
	reply_fixed(call, ZSET_RANGE_SCORE, true);
}

void
command_zrangebylex(struct call *call)
{
	reply_fixed(call, ZSET_RANGE_NAME, false);
}

void
command_zrevrangebylex(struct call *call)
{
	reply_fixed(call, ZSET_RANGE_NAME, true);
}

/* -- counting -------------------------------------------------------------- */

static void
count_range(struct call *call, enum zset_range_kind kind)
{
	struct zset_range range = { .kind = kind };
	struct entry *entry;
	size_t first;
	size_t count = 0;

	if (!zset_range_parse(call, &call->argv[2], &call->argv[3], &range) ||
	    !typed_read(call, &call->argv[1], OBJECT_ZSET, &entry))
		return;
	if (entry != NULL)
		count = zset_range_find(zset_of(entry), &range, &first);
	reply_integer(call->reply, (int64_t)count);
}

void
command_zcount(struct call *call)
{
	count_range(call, ZSET_RANGE_SCORE);
}

void
command_zlexcount(struct call *call)
{
	count_range(call, ZSET_RANGE_NAME);
}

/* -- removing -------------------------------------------------------------- */

static void
remove_range(struct call *call, enum zset_range_kind kind)
{
	struct zset_range range = { .kind = kind };
	struct entry *entry;
	struct zset *zset;
	size_t first;
	size_t count;

	if (!zset_range_parse(call, &call->argv[2], &call->argv[3], &range) ||
	    !typed_find(call, &call->argv[1], OBJECT_ZSET, &entry))
		return;
	if (entry == NULL) {
		reply_integer(call->reply, 0);
		return;
	}
	zset = (struct zset *)entry->object;
	count = zset_range_find(zset, &range, &first);
	reply_integer(call->reply, (int64_t)count);
	if (count == zset->order.count) {
		store_remove(&call->shard->store, entry);
		return;
	}
	while (count-- > 0)
		zset_remove(zset, zset_at(zset, first));
}

void
command_zremrangebyrank(struct call *call)
{
	remove_range(call, ZSET_RANGE_RANK);
}

void
command_zremrangebyscore(struct call *call)
{
	remove_range(call, ZSET_RANGE_SCORE);
}

void
command_zremrangebylex(struct call *call)
{
	remove_range(call, ZSET_RANGE_NAME);
}
