/*
 * A leaf's cells lie anywhere in it, so that either end has room for who
 * pushes there.
 */
#include "sequence_node.h"

#include <stdlib.h>
#include <string.h>

#include "budget.h"
#include "check.h"

/* -- nodes ----------------------------------------------------------------- */

size_t
leaf_size(size_t capacity)
{
	return sizeof(struct sequence_leaf) + capacity * sizeof(struct cell);
}

static void
count_memory(struct sequence *sequence, size_t size)
{
	sequence->memory += budget_size(size);
	budget_add(sequence->budget, budget_size(size));
}

static void
uncount_memory(struct sequence *sequence, size_t size)
{
	sequence->memory -= budget_size(size);
	budget_sub(sequence->budget, budget_size(size));
}

struct sequence_leaf *
leaf_new(struct sequence *sequence, size_t capacity)
{
	struct sequence_leaf *leaf = malloc(leaf_size(capacity));

	if (leaf == NULL)
		return NULL;
	*leaf = (struct sequence_leaf){ .capacity = (uint16_t)capacity };
	count_memory(sequence, leaf_size(capacity));
	return leaf;
}

struct inner *
inner_new(struct sequence *sequence)
{
	struct inner *inner = malloc(sizeof(*inner));

	if (inner == NULL)
		return NULL;
	inner->count = 0;
	count_memory(sequence, sizeof(*inner));
	return inner;
}

struct sequence_leaf *
leaf_grow(struct sequence *sequence, struct sequence_leaf *leaf,
	  size_t capacity)
{
	size_t old = leaf->capacity;

	leaf = realloc(leaf, leaf_size(capacity));
	if (leaf == NULL)
		return NULL;
	uncount_memory(sequence, leaf_size(old));
	count_memory(sequence, leaf_size(capacity));
	leaf->capacity = (uint16_t)capacity;
	return leaf;
}

void
leaf_free(struct sequence *sequence, struct sequence_leaf *leaf)
{
	if (leaf == NULL)
		return;
	uncount_memory(sequence, leaf_size(leaf->capacity));
	free(leaf);
}

void
inner_free(struct sequence *sequence, struct inner *inner)
{
	if (inner == NULL)
		return;
	uncount_memory(sequence, sizeof(*inner));
	free(inner);
}

/* -- leaves ---------------------------------------------------------------- */

static void
move_cells(struct cell *to, const struct cell *from, size_t count)
{
	memmove(to, from, count * sizeof(*to));
}

void
leaf_insert(struct sequence_leaf *leaf, size_t index, struct cell cell)
{
	bool before = index < leaf->count / 2u;
	bool behind_full = leaf->first + leaf->count == leaf->capacity;

	KV_INSIST(leaf->count < leaf->capacity);
	if (leaf->count == 0)
		leaf->first = leaf->capacity / 2;
	else if ((before && leaf->first > 0) || behind_full) {
		move_cells(leaf_at(leaf, 0) - 1, leaf_at(leaf, 0), index);
		leaf->first--;
	} else {
		move_cells(leaf_at(leaf, index) + 1, leaf_at(leaf, index),
			   leaf->count - index);
	}
	leaf->count++;
	*leaf_at(leaf, index) = cell;
}

struct cell
leaf_remove(struct sequence_leaf *leaf, size_t index)
{
	struct cell cell = *leaf_at(leaf, index);

	if (index < leaf->count / 2u) {
		move_cells(leaf_at(leaf, 0) + 1, leaf_at(leaf, 0), index);
		leaf->first++;
	} else {
		move_cells(leaf_at(leaf, index), leaf_at(leaf, index) + 1,
			   leaf->count - index - 1);
	}
	leaf->count--;
	return cell;
}

void
leaf_split(struct sequence_leaf *leaf, size_t index,
	   struct sequence_leaf *right)
{
	right->count = (uint16_t)(leaf->count - index);
	right->first = index == 1 ? right->capacity - right->count : 0;
	move_cells(leaf_at(right, 0), leaf_at(leaf, index), right->count);
	leaf->count = (uint16_t)index;
	/* Who pushes before the only cell finds the room there. */
	if (index == 1) {
		leaf->cells[leaf->capacity - 1] = *leaf_at(leaf, 0);
		leaf->first = leaf->capacity - 1;
	}
	right->previous = leaf;
	right->next = leaf->next;
	if (right->next != NULL)
		right->next->previous = right;
	leaf->next = right;
}

void
leaf_unlink(struct sequence_leaf *leaf)
{
	if (leaf->previous != NULL)
		leaf->previous->next = leaf->next;
	if (leaf->next != NULL)
		leaf->next->previous = leaf->previous;
}

void
leaf_join(struct sequence_leaf *leaf, struct sequence_leaf *right)
{
	if (leaf->first > 0)
		move_cells(leaf->cells, leaf_at(leaf, 0), leaf->count);
	leaf->first = 0;
	move_cells(leaf_at(leaf, leaf->count), leaf_at(right, 0), right->count);
	leaf->count += right->count;
	leaf_unlink(right);
}

/* -- inner nodes ----------------------------------------------------------- */

size_t
inner_sum(const struct inner *inner)
{
	size_t sum = 0;

	for (unsigned i = 0; i < inner->count; i++)
		sum += inner->counts[i];
	return sum;
}

void
inner_move(struct inner *to, unsigned at, const struct inner *from,
	   unsigned first, unsigned count)
{
	memmove(to->counts + at, from->counts + first,
		count * sizeof(to->counts[0]));
	memmove(to->children + at, from->children + first,
		count * sizeof(to->children[0]));
	memmove(to->firsts + at, from->firsts + first,
		count * sizeof(to->firsts[0]));
}

void
inner_insert(struct inner *inner, unsigned at, void *child, size_t count,
	     struct sequence_leaf *first)
{
	KV_INSIST(inner->count < CHILDREN);
	inner_move(inner, at + 1, inner, at, inner->count - at);
	inner->counts[at] = count;
	inner->children[at] = child;
	inner->firsts[at] = first;
	inner->count++;
}

void
inner_remove(struct inner *inner, unsigned at)
{
	inner->count--;
	inner_move(inner, at, inner, at + 1, inner->count - at);
}

unsigned
inner_find(const struct inner *inner, size_t *index, size_t total)
{
	unsigned at = 0;

	/* From the nearer end. */
	if (*index > total / 2) {
		at = inner->count - 1;
		total -= inner->counts[at];
		while (*index < total && at > 0)
			total -= inner->counts[--at];
		*index -= total;
		return at;
	}
	while (*index >= inner->counts[at] && at < inner->count - 1)
		*index -= inner->counts[at++];
	return at;
}
