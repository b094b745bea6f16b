/* The sequence's cells own the texts; all that makes and frees one is here. */
#include "list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "budget.h"

struct list *
list_new(struct budget *budget)
{
	struct list *list = malloc(sizeof(*list));

	if (list == NULL)
		return NULL;
	*list = (struct list){ .object = { .type = OBJECT_LIST } };
	sequence_init(&list->items, budget);
	budget_add(budget, budget_size(sizeof(*list)));
	return list;
}

/* What a text takes beside its cell. */
static size_t
text_size(size_t length)
{
	return length > CELL_BYTES ? budget_size(length) : 0;
}

static int
make_text(struct list *list, const struct arg *text, struct cell *ret_cell)
{
	struct cell cell = { .length = text->length };
	char *to = cell.bytes;

	if (text->length > CELL_BYTES) {
		cell.pointer = to = malloc(text->length);
		if (to == NULL)
			return -ENOMEM;
	}
	if (text->length > 0)
		memcpy(to, text->data, text->length);
	list->texts_memory += text_size(text->length);
	budget_add(list->items.budget, text_size(text->length));
	*ret_cell = cell;
	return 0;
}

static void
free_text(struct list *list, struct cell cell)
{
	list->texts_memory -= text_size(cell.length);
	budget_sub(list->items.budget, text_size(cell.length));
	if (cell.length > CELL_BYTES)
		free(cell.pointer);
}

int
list_insert(struct list *list, size_t index, const struct arg *text)
{
	struct cell cell;
	int error = make_text(list, text, &cell);

	if (error < 0)
		return error;
	error = sequence_insert(&list->items, index, cell);
	if (error < 0)
		free_text(list, cell);
	return error;
}

int
list_set(struct list *list, size_t index, const struct arg *text)
{
	struct cell *at = sequence_at(&list->items, index);
	struct cell cell;
	int error = make_text(list, text, &cell);

	if (error < 0)
		return error;
	free_text(list, *at);
	*at = cell;
	return 0;
}

void
list_remove(struct list *list, size_t index)
{
	free_text(list, sequence_remove(&list->items, index));
}

/* The text is in both for a moment: there is no way back to fail on. */
int
list_move(struct list *from, bool from_front, struct list *to, bool to_front)
{
	bool same = from == to;
	size_t index = from_front ? 0 : from->items.count - 1;
	struct cell cell = *sequence_at(&from->items, index);
	int error;

	if (same && from_front == to_front)
		return 0;
	error = sequence_insert(&to->items, to_front ? 0 : to->items.count,
				cell);
	if (error < 0)
		return error;
	sequence_remove(&from->items, same && to_front ? index + 1 : index);
	from->texts_memory -= text_size(cell.length);
	to->texts_memory += text_size(cell.length);
	return 0;
}

/* Copy cells behind those of another list. 0, or -ENOMEM and it has none. */
static int
copy_cells(struct list *to, const struct list *from, size_t first, size_t count)
{
	struct sequence_cursor cursor = sequence_seek(&from->items, first);

	for (size_t i = 0; i < count; i++) {
		if (sequence_insert(&to->items, i, *sequence_next(&cursor)) ==
		    0)
			continue;
		while (i-- > 0)
			sequence_remove(&to->items, i);
		return -ENOMEM;
	}
	return 0;
}

/* What was copied is the other list's now. */
static void
give_texts(struct list *to, struct list *from, size_t first, size_t count)
{
	struct sequence_cursor cursor = sequence_seek(&from->items, first);

	while (count-- > 0) {
		struct cell *cell = sequence_next(&cursor);

		to->texts_memory += text_size(cell->length);
		from->texts_memory -= text_size(cell->length);
		cell->length = 0;
	}
}

/* Exchange what lists have, not where they are known. */
static void
exchange(struct list *one, struct list *other)
{
	struct list copy = *one;

	one->items = other->items;
	one->texts_memory = other->texts_memory;
	other->items = copy.items;
	other->texts_memory = copy.texts_memory;
}

int
list_trim(struct list *list, size_t first, size_t count,
	  struct discards *discards)
{
	struct list *rest;

	if (list->items.count - count <= count) {
		while (list->items.count > first + count)
			list_remove(list, list->items.count - 1);
		while (list->items.count > count)
			list_remove(list, 0);
		return 0;
	}
	rest = list_new(list->items.budget);
	if (rest == NULL)
		return -ENOMEM;
	if (copy_cells(rest, list, first, count) < 0) {
		discards_add_object(discards, &rest->object);
		return -ENOMEM;
	}
	give_texts(rest, list, first, count);
	exchange(list, rest);
	discards_add_object(discards, &rest->object);
	return 0;
}

size_t
list_memory(const struct list *list)
{
	return budget_size(sizeof(*list)) + list->items.memory +
	       list->texts_memory;
}

bool
list_free_piece(struct list *list, size_t *left)
{
	while (list->items.count > 0) {
		if (*left == 0)
			return false;
		list_remove(list, list->items.count - 1);
		--*left;
	}
	budget_sub(list->items.budget, budget_size(sizeof(*list)));
	free(list);
	return true;
}
