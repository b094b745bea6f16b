/* Either kind of end becomes a bound: how many members are before it. */
#include "zset_range.h"

#include "float.h"
#include "number.h"
#include "typed.h"

static bool
parse_rank(struct call *call, const struct arg *text, struct zset_end *end)
{
	if (number_parse(text->data, text->length, &end->rank))
		return true;
	reply_not_integer(call->reply);
	return false;
}

static bool
parse_score(const struct arg *text, struct zset_end *end)
{
	end->open = text->length > 0 && text->data[0] == '(';
	return float_parse_bound(text->data + end->open,
				 text->length - end->open, &end->score);
}

static bool
parse_name(const struct arg *text, struct zset_end *end)
{
	char kind = text->length > 0 ? text->data[0] : '\0';

	end->text = text;
	if (text->length == 1 && kind == '-')
		end->place = ZSET_END_LOWEST;
	else if (text->length == 1 && kind == '+')
		end->place = ZSET_END_HIGHEST;
	else if (kind == '(' || kind == '[')
		end->open = kind == '(';
	else
		return false;
	return true;
}

bool
zset_range_parse(struct call *call, const struct arg *min,
		 const struct arg *max, struct zset_range *range)
{
	if (range->kind == ZSET_RANGE_RANK)
		return parse_rank(call, min, &range->min) &&
		       parse_rank(call, max, &range->max);
	if (range->kind == ZSET_RANGE_SCORE) {
		if (parse_score(min, &range->min) &&
		    parse_score(max, &range->max))
			return true;
		reply_error(call->reply, "min or max is not a float");
		return false;
	}
	if (parse_name(min, &range->min) && parse_name(max, &range->max))
		return true;
	reply_error(call->reply, "min or max not valid string range item");
	return false;
}

/* How many members are before an end, or up to it. */
static size_t
count_to(const struct zset *zset, const struct zset_range *range,
	 const struct zset_end *end, bool behind)
{
	struct zset_bound bound = { .score = end->score, .behind = behind };

	if (range->kind == ZSET_RANGE_NAME) {
		if (end->place != ZSET_END_TEXT)
			return end->place == ZSET_END_LOWEST
				       ? 0
				       : zset->order.count;
		bound.score = zset_at(zset, 0)->score;
		bound.name = end->text->data + 1;
		bound.length = end->text->length - 1;
	}
	return zset_count_before(zset, &bound);
}

size_t
zset_range_find(const struct zset *zset, const struct zset_range *range,
		size_t *ret_first)
{
	size_t total = zset->order.count;
	size_t end;

	if (range->kind == ZSET_RANGE_RANK) {
		size_t count = typed_range(range->min.rank, range->max.rank,
					   total, ret_first);

		if (range->from_end && count > 0)
			*ret_first = total - *ret_first - count;
		return count;
	}
	*ret_first = count_to(zset, range, &range->min, range->min.open);
	end = count_to(zset, range, &range->max, !range->max.open);
	return end > *ret_first ? end - *ret_first : 0;
}
