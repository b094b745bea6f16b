/*
 * Cells by their index: what is at place i, one put there, one taken away,
 * each in time that grows with the logarithm of their number, and a walk from
 * cell to cell either way.
 *
 * It is a B+ tree that counts. A list is one; a sorted set keeps its order in
 * one, since the number of cells before another is its rank. Rejected: a deque
 * of blocks for lists, which must walk to a place in the middle, and a skip
 * list for sorted sets, which takes a miss of the cache for each comparison.
 *
 * What a cell holds is its user's business.
 */
#ifndef KV_SEQUENCE_H
#define KV_SEQUENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CELL_BYTES sizeof(void *)

/* A text, short enough to be here or elsewhere; or a thing and its order. */
struct cell {
	union {
		uint64_t length;
		uint64_t order;
	};
	union {
		void *pointer;
		char bytes[CELL_BYTES];
	};
};

struct budget;
struct sequence_leaf;

struct sequence {
	void *root;      /* NULL: nothing is there */
	unsigned height; /* 0: the root is a leaf */
	size_t count;
	size_t memory;         /* what the tree takes */
	struct budget *budget; /* that it is counted in */
};

/* A place to walk on from; good until the sequence changes. */
struct sequence_cursor {
	struct sequence_leaf *leaf; /* NULL: behind the end */
	unsigned at;
};

/* Tell whether a cell is before what one looks for. */
typedef bool (*sequence_before_fn)(const struct cell *cell, const void *arg);

void sequence_init(struct sequence *sequence, struct budget *budget);

/* Put a cell before the one at the index. 0 or -ENOMEM. */
int sequence_insert(struct sequence *sequence, size_t index, struct cell cell);

/* Take the cell at the index away. The last one takes the tree with it. */
struct cell sequence_remove(struct sequence *sequence, size_t index);

/* Return the cell at the index, which is there. */
struct cell *sequence_at(const struct sequence *sequence, size_t index);

/* How many cells are before; those come first. */
size_t sequence_search(const struct sequence *sequence,
		       sequence_before_fn before, const void *arg);

/* Go to an index; its cell need not be there. */
struct sequence_cursor sequence_seek(const struct sequence *sequence,
				     size_t index);

/* Return the cursor's cell and step behind it or before it; NULL: the end. */
struct cell *sequence_next(struct sequence_cursor *cursor);
struct cell *sequence_previous(struct sequence_cursor *cursor);

/* Abort unless the tree is sound. */
void sequence_validate(const struct sequence *sequence);

#endif
