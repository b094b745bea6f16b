/*
 * A block carries callbacks by value: one task, one push, up to 29 callbacks.
 *
 * What a loop sends to another, and to itself, is gathered in blocks that the
 * loop's outbox allocated; a block that has run goes home to it. A thread
 * without a loop sends cells: blocks with room for one callback, which belong
 * to the receiver's inbox. A callback with a drop function takes two entries: a
 * mark with the function, then the callback.
 */
#ifndef GYRE_BUS_BLOCK_H
#define GYRE_BUS_BLOCK_H

#include <gyre/task.h>

#include "base/sys.h"

struct gyre__outbox;

struct gyre__entry {
	gyre_callback_fn fn; /* gyre__drop_mark: `drop` is for the next entry */
	union {
		void *arg;
		gyre_drop_fn drop;
	};
};

struct gyre__block {
	struct gyre_task task;
	union {
		struct gyre_inbox *home; /* where a block goes when it ran */
		struct {
			uint32_t number; /* 0: allocated by itself */
			uint32_t next;   /* atomic: see cells.c */
		} cell;
	};
	uint16_t used;
	uint16_t capacity;
	uint32_t messages; /* callbacks: used less the marks */
	struct gyre__entry entries[];
};

#define GYRE__BLOCK_BYTES 512
#define GYRE__BLOCK_ENTRIES                                 \
	((GYRE__BLOCK_BYTES - sizeof(struct gyre__block)) / \
	 sizeof(struct gyre__entry))
#define GYRE__CELL_ENTRIES 2

/* The run functions by which a block's two errands are told apart. */
void gyre__block_run(struct gyre_task *task);
void gyre__block_come_home(struct gyre_task *task);

/* Run its entries from the first to before the end; false: the outbox was
 * halted, and some are left. */
bool gyre__block_run_entries(struct gyre__outbox *outbox,
			     struct gyre__block *block, unsigned first,
			     unsigned end);

/* A task of the house's, which is nobody's message. */
void gyre__house_run(struct gyre_task *task);

void gyre__drop_mark(void *arg);

/* A new empty block that will come home, or a cell by itself; or NULL. */
struct gyre__block *gyre__block_new(const struct gyre_sys *sys,
				    struct gyre_inbox *home);
struct gyre__block *gyre__cell_new(const struct gyre_sys *sys);

/* Make memory an empty cell of the given number. */
void gyre__cell_init(struct gyre__block *cell, uint32_t number);

static inline bool
gyre__block_is_cell(const struct gyre__block *block)
{
	return block->capacity == GYRE__CELL_ENTRIES;
}

/* Whether a callback fits, with its drop function if it has one. */
static inline bool
gyre__block_has_room(const struct gyre__block *block, gyre_drop_fn drop)
{
	return block->used + (drop != NULL ? 2 : 1) <= block->capacity;
}

static inline void
gyre__block_add(struct gyre__block *block, gyre_callback_fn fn, void *arg,
		gyre_drop_fn drop)
{
	if (drop != NULL) {
		struct gyre__entry *mark = &block->entries[block->used++];

		mark->fn = gyre__drop_mark;
		mark->drop = drop;
	}
	block->entries[block->used].fn = fn;
	block->entries[block->used++].arg = arg;
	block->messages++;
}

/* How many of the user's messages a task stands for. */
static inline size_t
gyre__task_messages(const struct gyre_task *task)
{
	if (task->run == gyre__block_run)
		return ((const struct gyre__block *)task)->messages;
	return task->run == gyre__block_come_home ||
			       task->run == gyre__house_run
		       ? 0
		       : 1;
}

#endif
