/*
 * The commands on sorted sets but those on ranges of them.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "float.h"
#include "server.h"
#include "typed.h"
#include "types.h"
#include "zset.h"

static struct zset *
zset_of(const struct entry *entry)
{
	return (struct zset *)entry->object;
}

static struct scored *
find_member(const struct call *call, const struct entry *entry,
	    const struct arg *name)
{
	const struct arg hashed = typed_hash(call, name);

	return entry != NULL ? zset_find(zset_of(entry), &hashed) : NULL;
}

/* -- ZADD ------------------------------------------------------------------ */

struct add_options {
	bool if_absent;  /* NX */
	bool if_present; /* XX */
	bool if_greater; /* GT */
	bool if_less;    /* LT */
	bool changed;    /* CH: count members that change, too */
	bool increment;  /* INCR */
	size_t first;    /* score among the arguments */
};

/* What became of one member. */
struct addition {
	bool added;
	bool updated;
	bool refused; /* an option forbade it */
	double score;
};

static bool
take_add_option(struct add_options *options, const struct arg *arg)
{
	if (ARG_IS(arg, "nx"))
		options->if_absent = true;
	else if (ARG_IS(arg, "xx"))
		options->if_present = true;
	else if (ARG_IS(arg, "gt"))
		options->if_greater = true;
	else if (ARG_IS(arg, "lt"))
		options->if_less = true;
	else if (ARG_IS(arg, "ch"))
		options->changed = true;
	else if (ARG_IS(arg, "incr"))
		options->increment = true;
	else
		return false;
	return true;
}

/* Find what the options have against one another; NULL: nothing. */
static const char *
contradiction(const struct add_options *options, size_t rest)
{
	if (rest == 0 || rest % 2 != 0)
		return "syntax error";
	if (options->if_absent && options->if_present)
		return "XX and NX options at the same time are not compatible";
	if ((options->if_greater && options->if_less) ||
	    (options->if_absent && (options->if_greater || options->if_less)))
		return "GT, LT, and/or NX options at the same time are not "
		       "compatible";
	if (options->increment && rest > 2)
		return "INCR option supports a single increment-element pair";
	return NULL;
}

/* All scores are looked at before any is set. */
static bool
parse_add(struct call *call, struct add_options *options)
{
	const char *error;
	double score;

	options->first = 2;
	while (options->first < call->argc &&
	       take_add_option(options, &call->argv[options->first]))
		options->first++;
	error = contradiction(options, call->argc - options->first);
	for (size_t i = options->first; error == NULL && i < call->argc;
	     i += 2) {
		if (!float_parse(&call->argv[i], &score))
			error = "value is not a valid float";
	}
	if (error != NULL)
		reply_error(call->reply, error);
	return error == NULL;
}

/* Tell whether the options allow a member that is there the new score. */
static bool
is_allowed(const struct add_options *options, const struct scored *member,
	   double score)
{
	return !options->if_absent &&
	       !(options->if_greater && score <= member->score) &&
	       !(options->if_less && score >= member->score);
}

/* Add one member, or give it a score; false: the reply says why not. */
static bool
add_one(struct call *call, struct zset *zset, const struct add_options *options,
	const struct arg *name, struct addition *addition)
{
	const struct arg hashed = typed_hash(call, name);
	const struct scored *member = zset_find(zset, &hashed);
	double score = addition->score;

	if (member != NULL && options->increment && !options->if_absent)
		score += member->score;
	if (isnan(score)) {
		reply_error(call->reply,
			    "resulting score is not a number (NaN)");
		return false;
	}
	/* Not -0: Redis has it in large sets only. */
	if (score == 0)
		score = 0;
	addition->score = score;
	if (member == NULL ? options->if_present
			   : !is_allowed(options, member, score)) {
		addition->refused = true;
		return true;
	}
	addition->added = member == NULL;
	addition->updated = member != NULL && member->score != score;
	if (!addition->added && !addition->updated)
		return true;
	if (zset_set(zset, &hashed, score) == 0)
		return true;
	reply_no_memory(call->reply);
	return false;
}

static void
add_all(struct call *call, struct entry *entry,
	const struct add_options *options)
{
	struct addition addition = { 0 };
	int64_t added = 0;
	int64_t updated = 0;

	for (size_t i = options->first; i < call->argc; i += 2) {
		addition = (struct addition){ 0 };
		float_parse(&call->argv[i], &addition.score);
		if (!add_one(call, zset_of(entry), options, &call->argv[i + 1],
			     &addition)) {
			typed_close(call, entry);
			return;
		}
		added += addition.added;
		updated += addition.updated;
	}
	typed_close(call, entry);
	call->unchanged = added + updated == 0;
	if (!options->increment)
		reply_integer(call->reply,
			      options->changed ? added + updated : added);
	else if (addition.refused)
		reply_null(call->reply);
	else
		reply_double(call->reply, addition.score);
}

static void
add(struct call *call, const struct add_options *options)
{
	struct entry *entry;

	if (!typed_find(call, &call->argv[1], OBJECT_ZSET, &entry))
		return;
	if (entry == NULL && options->if_present) {
		call->unchanged = true;
		if (options->increment)
			reply_null(call->reply);
		else
			reply_integer(call->reply, 0);
		return;
	}
	entry = typed_open(call, &call->argv[1], OBJECT_ZSET);
	if (entry != NULL)
		add_all(call, entry, options);
}

void
command_zadd(struct call *call)
{
	struct add_options options = { 0 };

	if (parse_add(call, &options))
		add(call, &options);
}

void
command_zincrby(struct call *call)
{
	const struct add_options options = { .increment = true, .first = 2 };
	double score;

	if (float_parse(&call->argv[2], &score))
		add(call, &options);
	else
		reply_error(call->reply, "value is not a valid float");
}

/* -- reading --------------------------------------------------------------- */

void
command_zcard(struct call *call)
{
	struct entry *entry;

	if (typed_read(call, &call->argv[1], OBJECT_ZSET, &entry))
		reply_integer(call->reply,
			      entry != NULL
				      ? (int64_t)object_count(entry->object)
				      : 0);
}

static void
reply_score_of(struct call *call, const struct scored *member)
{
	if (member != NULL)
		reply_double(call->reply, member->score);
	else
		reply_null(call->reply);
}

void
command_zscore(struct call *call)
{
	struct entry *entry;

	if (typed_read(call, &call->argv[1], OBJECT_ZSET, &entry))
		reply_score_of(call, find_member(call, entry, &call->argv[2]));
}

void
command_zmscore(struct call *call)
{
	struct entry *entry;

	if (!typed_read(call, &call->argv[1], OBJECT_ZSET, &entry))
		return;
	reply_array(call->reply, call->argc - 2);
	for (size_t i = 2; i < call->argc; i++)
		reply_score_of(call, find_member(call, entry, &call->argv[i]));
}

static void
reply_rank(struct call *call, bool from_end)
{
	struct entry *entry;
	const struct scored *member;
	size_t rank;

	if (!typed_read(call, &call->argv[1], OBJECT_ZSET, &entry))
		return;
	member = find_member(call, entry, &call->argv[2]);
	if (member == NULL) {
		reply_null(call->reply);
		return;
	}
	rank = zset_rank(zset_of(entry), member);
	if (from_end)
		rank = object_count(entry->object) - 1 - rank;
	reply_integer(call->reply, (int64_t)rank);
}

void
command_zrank(struct call *call)
{
	reply_rank(call, false);
}

void
command_zrevrank(struct call *call)
{
	reply_rank(call, true);
}

/* -- removing -------------------------------------------------------------- */

void
command_zrem(struct call *call)
{
	struct entry *entry;
	int64_t removed = 0;

	if (!typed_find(call, &call->argv[1], OBJECT_ZSET, &entry))
		return;
	for (size_t i = 2; entry != NULL && i < call->argc; i++) {
		struct scored *member =
			find_member(call, entry, &call->argv[i]);

		if (member == NULL)
			continue;
		zset_remove(zset_of(entry), member);
		removed++;
	}
	if (entry != NULL)
		typed_close(call, entry);
	reply_integer(call->reply, removed);
}

static void
pop_members(struct call *call, struct zset *zset, bool last, size_t count)
{
	bool pairs = call->argc == 3;

	while (count-- > 0) {
		size_t rank = last ? zset->order.count - 1 : 0;
		struct scored *member = zset_at(zset, rank);

		if (pairs)
			typed_pair(call->reply);
		reply_bulk(call->reply, member->name, member->node.length);
		reply_double(call->reply, member->score);
		zset_remove(zset, member);
	}
}

static void
pop(struct call *call, bool last)
{
	struct entry *entry;
	size_t count = 1;

	if (call->argc > 3) {
		reply_syntax_error(call->reply);
		return;
	}
	if ((call->argc == 3 && !typed_count(call, &call->argv[2], &count)) ||
	    !typed_find(call, &call->argv[1], OBJECT_ZSET, &entry))
		return;
	if (entry == NULL)
		count = 0;
	else if (count > object_count(entry->object))
		count = object_count(entry->object);
	if (call->argc == 3)
		typed_pairs_begin(call->reply, count);
	else
		reply_array(call->reply, 2 * count);
	if (entry == NULL)
		return;
	pop_members(call, zset_of(entry), last, count);
	typed_close(call, entry);
}

void
command_zpopmin(struct call *call)
{
	pop(call, false);
}

void
command_zpopmax(struct call *call)
{
	pop(call, true);
}
