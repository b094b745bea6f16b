/*
 * A callback that adds itself again: the loop polls between two of them, so
 * that clients wait for one piece at most. If there is no memory to remember
 * a table by, or to add the callback, all of it is freed then and there.
 */
#include "discards.h"

#include <stdlib.h>

#include <gyre/loop.h>

#include "entry.h"
#include "expiries.h"
#include "object.h"

/* Keys and elements in one piece; each may be two misses of every cache. */
#define PIECE 200

/* An object of at most so many elements goes with its key. */
#define SMALL 16

struct discard {
	struct discard *next;
	struct keytable table;
	struct expiries expiries; /* of its entries */
};

void
discards_init(struct discards *discards, struct gyre_loop *loop)
{
	*discards = (struct discards){ .loop = loop };
}

/* Free a table's entries, at most *left, which become less. */
static void
free_entries(struct keytable *table, struct expiries *expiries, size_t *left)
{
	struct keytable_node *node;

	for (; *left > 0; --*left) {
		node = keytable_pop(table);
		if (node == NULL)
			break;
		expiries_drop_one(expiries);
		entry_free((struct entry *)node);
	}
}

static void
remove_first(struct discards *discards)
{
	struct discard *discard = discards->first;

	discards->first = discard->next;
	keytable_free(&discard->table);
	free(discard);
}

/* Free elements of the first object, and it, if that is all. */
static void
free_object(struct discards *discards, size_t *left)
{
	struct object *next = discards->first_object->next;

	if (object_free_piece(discards->first_object, left))
		discards->first_object = next;
}

/* Tells whether anything waits. */
static bool
waits(const struct discards *discards)
{
	return discards->first != NULL || discards->first_object != NULL;
}

void
discards_free_some(struct discards *discards, size_t count)
{
	while (count > 0 && waits(discards)) {
		if (discards->first_object != NULL) {
			free_object(discards, &count);
			continue;
		}
		free_entries(&discards->first->table,
			     &discards->first->expiries, &count);
		if (discards->first->table.count == 0)
			remove_first(discards);
	}
}

bool
discards_hurry(struct discards *discards)
{
	if (!waits(discards))
		return false;
	discards_free_some(discards, PIECE);
	return true;
}

static void on_callback(void *arg);

/* See to it that what waits is freed, if the loop goes on. */
static void
call_later(struct discards *discards)
{
	if (discards->called || discards->stopped || !waits(discards))
		return;
	discards->called = true;
	if (gyre_loop_add_callback(discards->loop, on_callback, discards) == 0)
		return;
	while (discards_hurry(discards))
		continue;
	discards->called = false;
}

static void
on_callback(void *arg)
{
	struct discards *discards = arg;

	discards->called = false;
	if (discards->stopped)
		return;
	discards_hurry(discards);
	call_later(discards);
}

void
discards_add_object(struct discards *discards, struct object *object)
{
	size_t left = SMALL;

	object->next = NULL;
	if (object_count(object) <= SMALL) {
		object_free_piece(object, &left);
		return;
	}
	if (discards->first_object != NULL)
		discards->last_object->next = object;
	else
		discards->first_object = object;
	discards->last_object = object;
	call_later(discards);
}

void
discards_add(struct discards *discards, struct keytable *table,
	     struct expiries *expiries)
{
	struct discard *discard = malloc(sizeof(*discard));

	if (discard == NULL) {
		discards_free_entries(table, expiries);
		return;
	}
	*discard = (struct discard){ .table = *table, .expiries = *expiries };
	keytable_init(table, table->key_offset, table->budget);
	expiries_init(expiries, table->budget);
	if (discards->first != NULL)
		discards->last->next = discard;
	else
		discards->first = discard;
	discards->last = discard;
	if (!discards->called)
		discards_hurry(discards);
	call_later(discards);
}

void
discards_stop(struct discards *discards)
{
	discards->stopped = true;
}

void
discards_free_entries(struct keytable *table, struct expiries *expiries)
{
	size_t all = SIZE_MAX;

	free_entries(table, expiries, &all);
	keytable_free(table);
}

void
discards_free(struct discards *discards)
{
	size_t all = SIZE_MAX;

	while (discards->first != NULL) {
		discards_free_entries(&discards->first->table,
				      &discards->first->expiries);
		remove_first(discards);
	}
	while (discards->first_object != NULL)
		free_object(discards, &all);
}
