/*
 * The nodes of a sequence's tree, for sequence.c alone: leaves hold cells,
 * inner nodes the number of cells below each child and its first leaf, whose
 * first cell a search compares with, so that no key is kept twice.
 */
#ifndef KV_SEQUENCE_NODE_H
#define KV_SEQUENCE_NODE_H

#include "sequence.h"

#define LEAF_CELLS     32
#define LEAF_CELLS_MIN 4 /* the only leaf's, when it begins */
#define CHILDREN       32

struct sequence_leaf {
	struct sequence_leaf *previous;
	struct sequence_leaf *next;
	uint16_t capacity;
	uint16_t first; /* cells begin here, with room before and behind */
	uint16_t count;
	struct cell cells[];
};

struct inner {
	unsigned count;
	size_t counts[CHILDREN]; /* of cells below */
	void *children[CHILDREN];
	struct sequence_leaf *firsts[CHILDREN]; /* below each child */
};

static inline struct cell *
leaf_at(struct sequence_leaf *leaf, size_t index)
{
	return &leaf->cells[leaf->first + index];
}

/* -- memory, counted as the sequence's ------------------------------------- */

size_t leaf_size(size_t capacity);

/* Make an empty node. NULL: no memory. */
struct sequence_leaf *leaf_new(struct sequence *sequence, size_t capacity);
struct inner *inner_new(struct sequence *sequence);

/* Make a leaf larger, which may move it. NULL: no memory. */
struct sequence_leaf *leaf_grow(struct sequence *sequence,
				struct sequence_leaf *leaf, size_t capacity);

void leaf_free(struct sequence *sequence, struct sequence_leaf *leaf);
void inner_free(struct sequence *sequence, struct inner *inner);

/* -- leaves ---------------------------------------------------------------- */

/* Put a cell into a leaf that is not full: the shorter side makes room. */
void leaf_insert(struct sequence_leaf *leaf, size_t index, struct cell cell);

struct cell leaf_remove(struct sequence_leaf *leaf, size_t index);

/* Move the cells from an index on into an empty leaf, which comes next. */
void leaf_split(struct sequence_leaf *leaf, size_t index,
		struct sequence_leaf *right);

void leaf_unlink(struct sequence_leaf *leaf);

/* Append what the right neighbour has, and unlink that. */
void leaf_join(struct sequence_leaf *leaf, struct sequence_leaf *right);

/* -- inner nodes ----------------------------------------------------------- */

/* How many cells are below. */
size_t inner_sum(const struct inner *inner);

/* Copy children; the nodes may be the same. */
void inner_move(struct inner *to, unsigned at, const struct inner *from,
		unsigned first, unsigned count);

/* Add a child with so many cells below to a node that is not full. */
void inner_insert(struct inner *inner, unsigned at, void *child, size_t count,
		  struct sequence_leaf *first);

void inner_remove(struct inner *inner, unsigned at);

/* Find the child that has the index of so many; *index becomes its own. */
unsigned inner_find(const struct inner *inner, size_t *index, size_t total);

#endif
