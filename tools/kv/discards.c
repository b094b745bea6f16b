/*
 * A callback that adds itself again: the loop polls between two of them, so
 * that clients wait for one piece at most. If there is no memory to remember
 * a table by, or to add the callback, all of it is freed then and there.
 */
#include "discards.h"

#include <stdlib.h>

#include <gyre/loop.h>

#include "entry.h"

/* Entries in one piece; each may be two misses of every cache. */
#define PIECE 200

struct discard {
	struct discard *next;
	struct keytable table;
};

void
discards_init(struct discards *discards, struct gyre_loop *loop)
{
	*discards = (struct discards){ .loop = loop };
}

static void
free_entry(struct gyre_loop *loop, struct keytable_node *node)
{
	struct entry *entry = (struct entry *)node;

	if (entry->timeout != 0)
		gyre_loop_remove_timeout(loop, entry->timeout);
	entry_free(entry);
}

/* Free a table's entries, at most so many. Tells whether it is empty now. */
static bool
free_piece(struct gyre_loop *loop, struct keytable *table, size_t count)
{
	struct keytable_node *node;

	while (count-- > 0) {
		node = keytable_pop(table);
		if (node == NULL)
			break;
		free_entry(loop, node);
	}
	return table->count == 0;
}

static void
remove_first(struct discards *discards)
{
	struct discard *discard = discards->first;

	discards->first = discard->next;
	keytable_free(&discard->table);
	free(discard);
}

bool
discards_hurry(struct discards *discards)
{
	if (discards->first == NULL)
		return false;
	if (free_piece(discards->loop, &discards->first->table, PIECE))
		remove_first(discards);
	return true;
}

static void
on_callback(void *arg)
{
	struct discards *discards = arg;

	if (discards->stopped || !discards_hurry(discards))
		return;
	if (discards->first == NULL ||
	    gyre_loop_add_callback(discards->loop, on_callback, discards) == 0)
		return;
	while (discards_hurry(discards))
		continue;
}

void
discards_add(struct discards *discards, struct keytable *table)
{
	struct discard *discard = malloc(sizeof(*discard));

	if (discard == NULL) {
		free_piece(discards->loop, table, SIZE_MAX);
		keytable_free(table);
		return;
	}
	*discard = (struct discard){ .table = *table };
	keytable_init(table, table->key_offset, table->budget);
	if (discards->first != NULL) {
		discards->last->next = discard;
		discards->last = discard;
		return;
	}
	discards->first = discards->last = discard;
	on_callback(discards);
}

void
discards_stop(struct discards *discards)
{
	discards->stopped = true;
}

void
discards_free_entries(struct keytable *table)
{
	struct keytable_node *node;

	while ((node = keytable_pop(table)) != NULL)
		entry_free((struct entry *)node);
	keytable_free(table);
}

void
discards_free(struct discards *discards)
{
	while (discards->first != NULL) {
		discards_free_entries(&discards->first->table);
		remove_first(discards);
	}
}
