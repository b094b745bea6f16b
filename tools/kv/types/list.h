/*
 * A list of texts: a sequence, so that every place is reached alike. A text of
 * eight bytes at most lies in its cell.
 */
#ifndef KV_LIST_H
#define KV_LIST_H

#include "arg.h"
#include "discards.h"
#include "object.h"
#include "sequence.h"

struct list {
	struct object object;
	struct sequence items;
	size_t texts_memory; /* of texts that have no room in their cells */
};

/* Make one. NULL: no memory. */
struct list *list_new(struct budget *budget);

/* Put a text before the one at the index. 0 or -ENOMEM. */
int list_insert(struct list *list, size_t index, const struct arg *text);

/* Give a place another text. 0 or -ENOMEM. */
int list_set(struct list *list, size_t index, const struct arg *text);

/* Remove what is at the index. */
void list_remove(struct list *list, size_t index);

/*
 * Move a text from one list's front or back to another's, or the same one's.
 * 0 or -ENOMEM.
 */
int list_move(struct list *from, bool from_front, struct list *to,
	      bool to_front);

/*
 * Keep the `count` texts from `first` on, at least one. What takes no longer
 * than what is kept is removed at once, more is left to the discards. 0 or
 * -ENOMEM.
 */
int list_trim(struct list *list, size_t first, size_t count,
	      struct discards *discards);

size_t list_memory(const struct list *list);

/* As object_free_piece(). */
bool list_free_piece(struct list *list, size_t *left);

/* The text in a cell; good until the list changes. */
static inline struct arg
list_text(const struct cell *cell)
{
	return (struct arg){
		.data = cell->length <= CELL_BYTES ? cell->bytes
						   : cell->pointer,
		.length = cell->length,
	};
}

#endif
