/*
 * Ranges of a sorted set, as clients write them: by rank, by score, or by name
 * where all scores are equal.
 */
#ifndef KV_ZSET_RANGE_H
#define KV_ZSET_RANGE_H

#include "command.h"
#include "zset.h"

enum zset_range_kind {
	ZSET_RANGE_RANK,
	ZSET_RANGE_SCORE,
	ZSET_RANGE_NAME,
};

/* One end of a range. */
struct zset_end {
	int64_t rank; /* may count from the end */
	double score;
	enum {
		ZSET_END_TEXT,
		ZSET_END_LOWEST,
		ZSET_END_HIGHEST,
	} place; /* of a name's end */
	const struct arg *text;
	bool open; /* what is equal is not in the range */
};

struct zset_range {
	enum zset_range_kind kind;
	bool from_end; /* ranks count down */
	struct zset_end min;
	struct zset_end max;
};

/*
 * Read both ends of a range of the kind that it has. If one is none, reply so
 * and answer false.
 */
bool zset_range_parse(struct call *call, const struct arg *min,
		      const struct arg *max, struct zset_range *range);

/* Return how many members are in a range, and the first one's rank. */
size_t zset_range_find(const struct zset *zset, const struct zset_range *range,
		       size_t *ret_first);

#endif
