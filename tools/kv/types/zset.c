/*
 * A cell of the sequence has the score as an integer that sorts as it does,
 * so that a search looks at a member only where scores are equal.
 */
#include "zset.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "budget.h"
#include "check.h"
#include "keyhash.h"

struct zset *
zset_new(struct budget *budget)
{
	struct zset *zset = malloc(sizeof(*zset));

	if (zset == NULL)
		return NULL;
	*zset = (struct zset){ .object = { .type = OBJECT_ZSET } };
	keytable_init(&zset->members, offsetof(struct scored, name), budget);
	sequence_init(&zset->order, budget);
	budget_add(budget, budget_size(sizeof(*zset)));
	return zset;
}

struct scored *
zset_find(const struct zset *zset, const struct arg *name)
{
	return (struct scored *)keytable_find(&zset->members,
					      keyhash_bucket(name->hash),
					      name->data, name->length);
}

/* -- order ----------------------------------------------------------------- */

/* Negative ones have their bits turned; -0 is 0. */
static uint64_t
order_of(double score)
{
	const uint64_t sign = UINT64_C(1) << 63;
	uint64_t bits;

	if (score == 0)
		score = 0;
	memcpy(&bits, &score, sizeof(bits));
	return (bits & sign) != 0 ? ~bits : bits | sign;
}

static int
compare_names(const char *one, size_t one_length, const char *other,
	      size_t other_length)
{
	size_t length = one_length < other_length ? one_length : other_length;
	int order = length > 0 ? memcmp(one, other, length) : 0;

	if (order != 0)
		return order;
	return (one_length > other_length) - (one_length < other_length);
}

/* A bound, and its score as cells have it. */
struct target {
	uint64_t order;
	const struct zset_bound *bound;
};

static bool
is_before(const struct cell *cell, const void *arg)
{
	const struct target *target = arg;
	const struct zset_bound *bound = target->bound;
	const struct scored *member = cell->pointer;
	int order;

	if (cell->order != target->order)
		return cell->order < target->order;
	if (bound->name == NULL)
		return bound->behind;
	order = compare_names(member->name, member->node.length, bound->name,
			      bound->length);
	return order < 0 || (order == 0 && bound->behind);
}

size_t
zset_count_before(const struct zset *zset, const struct zset_bound *bound)
{
	const struct target target = { .order = order_of(bound->score),
				       .bound = bound };

	return sequence_search(&zset->order, is_before, &target);
}

/* Where a member with a score is, or would be. */
static size_t
place_of(const struct zset *zset, const struct scored *member, double score)
{
	const struct zset_bound bound = { .score = score,
					  .name = member->name,
					  .length = member->node.length };

	return zset_count_before(zset, &bound);
}

size_t
zset_rank(const struct zset *zset, const struct scored *member)
{
	return place_of(zset, member, member->score);
}

struct scored *
zset_at(const struct zset *zset, size_t rank)
{
	return sequence_at(&zset->order, rank)->pointer;
}

/* -- members --------------------------------------------------------------- */

static size_t
member_size(const struct scored *member)
{
	return budget_size(sizeof(*member) + member->node.length);
}

static void
free_member(struct zset *zset, struct scored *member)
{
	zset->members_memory -= member_size(member);
	budget_sub(zset->members.budget, member_size(member));
	free(member);
}

static struct scored *
make_member(struct zset *zset, const struct arg *name, double score)
{
	struct scored *member = malloc(sizeof(*member) + name->length);

	if (member == NULL)
		return NULL;
	member->node.hash = keyhash_bucket(name->hash);
	member->node.length = (uint32_t)name->length;
	member->score = score;
	if (name->length > 0)
		memcpy(member->name, name->data, name->length);
	zset->members_memory += member_size(member);
	budget_add(zset->members.budget, member_size(member));
	return member;
}

static int
add_member(struct zset *zset, const struct arg *name, double score)
{
	struct scored *member = make_member(zset, name, score);
	struct cell cell = { .order = order_of(score), .pointer = member };

	if (member == NULL)
		return -ENOMEM;
	if (sequence_insert(&zset->order, zset_rank(zset, member), cell) < 0) {
		free_member(zset, member);
		return -ENOMEM;
	}
	if (keytable_add(&zset->members, &member->node) < 0) {
		sequence_remove(&zset->order, zset_rank(zset, member));
		free_member(zset, member);
		return -ENOMEM;
	}
	return 0;
}

/* It is in both places for a moment: there is no way back to fail on. */
static int
move_member(struct zset *zset, struct scored *member, double score)
{
	size_t from = zset_rank(zset, member);
	size_t to = place_of(zset, member, score);
	struct cell cell = { .order = order_of(score), .pointer = member };

	if (to == from || to == from + 1) {
		sequence_at(&zset->order, from)->order = cell.order;
	} else {
		if (sequence_insert(&zset->order, to, cell) < 0)
			return -ENOMEM;
		sequence_remove(&zset->order, to < from ? from + 1 : from);
	}
	member->score = score;
	return 0;
}

int
zset_set(struct zset *zset, const struct arg *name, double score)
{
	struct scored *member = zset_find(zset, name);

	KV_INSIST(!isnan(score));
	if (member == NULL)
		return add_member(zset, name, score);
	return move_member(zset, member, score);
}

void
zset_remove(struct zset *zset, struct scored *member)
{
	struct cell cell =
		sequence_remove(&zset->order, zset_rank(zset, member));

	KV_INSIST(cell.pointer == member);
	keytable_remove(&zset->members, &member->node);
	free_member(zset, member);
}

size_t
zset_memory(const struct zset *zset)
{
	return budget_size(sizeof(*zset)) + zset->members_memory +
	       keytable_memory(&zset->members) + zset->order.memory;
}

/* The sequence gets as short as the table, whichever members it loses. */
bool
zset_free_piece(struct zset *zset, size_t *left)
{
	struct keytable_node *node;

	for (; zset->members.count > 0; --*left) {
		if (*left == 0)
			return false;
		sequence_remove(&zset->order, zset->order.count - 1);
		node = keytable_pop(&zset->members);
		free_member(zset, (struct scored *)node);
	}
	keytable_free(&zset->members);
	budget_sub(zset->members.budget, budget_size(sizeof(*zset)));
	free(zset);
	return true;
}

void
zset_validate(const struct zset *zset)
{
	struct sequence_cursor cursor = sequence_seek(&zset->order, 0);
	const struct cell *cell;
	const struct scored *previous = NULL;
	size_t rank = 0;

	sequence_validate(&zset->order);
	keytable_validate(&zset->members);
	KV_INSIST(zset->order.count == zset->members.count);
	while ((cell = sequence_next(&cursor)) != NULL) {
		const struct scored *member = cell->pointer;
		const struct arg name = scored_name(member);

		KV_INSIST(cell->order == order_of(member->score));
		KV_INSIST(zset_find(zset, &name) == member);
		KV_INSIST(zset_rank(zset, member) == rank++);
		KV_INSIST(previous == NULL || previous->score <= member->score);
		previous = member;
	}
}
