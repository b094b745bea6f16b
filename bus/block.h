/*
 * A block carries callbacks by value: one task, one push, up to 29 callbacks.
 *
 * What a loop sends to another, and to itself, is gathered in blocks that the
 * loop's outbox allocated; a block that has run goes home to it. A thread
 * without a loop fills blocks of its berth, which belong to the receiver's
 * inbox; so do cells, which have room for one callback, and which signal
 * handlers send. A callback with a drop function takes two entries: a mark with
 * the function, then the callback.
 */
#ifndef GYRE_BUS_BLOCK_H
#define GYRE_BUS_BLOCK_H

#include <gyre/task.h>

#include "base/atomics.h"
#include "base/prefetch.h"
#include "base/sys.h"

struct gyre__outbox;

struct gyre__entry {
	gyre_callback_fn fn; /* gyre__drop_mark: `drop` is for the next entry */
	union {
		void *arg;
		gyre_drop_fn drop;
	};
};

/* Where a block goes when it has run. */
enum gyre__block_kind {
	GYRE__BLOCK_COMES_HOME,
	GYRE__BLOCK_CELL,
	GYRE__BLOCK_BERTHED,
};

struct gyre__block {
	struct gyre_task task;
	union {
		struct gyre_inbox *home;
		struct gyre__block *ring; /* a berth's; its guest's */
		struct {
			uint32_t number; /* 0: allocated by itself */
			uint32_t next;   /* atomic: see cells.c */
		} cell;
	};
	uint16_t used;
	uint16_t capacity;
	uint32_t messages; /* callbacks: used less the marks */
	uint32_t word;     /* a berth's; atomic: see berth.h */
	uint32_t kind;
	struct gyre__entry entries[];
};

#define GYRE__BLOCK_BYTES 512
#define GYRE__BLOCK_ENTRIES                                 \
	((GYRE__BLOCK_BYTES - sizeof(struct gyre__block)) / \
	 sizeof(struct gyre__entry))
#define GYRE__CELL_ENTRIES 2
#ifndef GYRE__BERTH_ENTRIES /* the explorer's are fewer */
#define GYRE__BERTH_ENTRIES GYRE__BLOCK_ENTRIES
#endif

/* A berth's word: how many entries are used, and how many of them are
 * callbacks; or FREE or TAKEN. */
#define GYRE__BLOCK_FREE                 0u
#define GYRE__BLOCK_TAKEN                0x80000000u
#define GYRE__BLOCK_FULL                 0xffu /* to its guest: whatever it is */
#define GYRE__BLOCK_USED(word)           ((word)&0xffu)
#define GYRE__BLOCK_ONE                  0x101u /* a callback */
#define GYRE__BLOCK_MARK                 0x001u /* its drop function */
#define GYRE__BLOCK_WORD(used, messages) ((uint32_t)(used) | (messages) << 8)

/* The run functions by which a block's errands are told apart: one that is
 * still to be taken from its berth's guest does not run. */
void gyre__block_run(struct gyre_task *task);
void gyre__block_come_home(struct gyre_task *task);
void gyre__block_untaken(struct gyre_task *task);

/* Run its entries from the first to before the end; false: the outbox was
 * halted, and some are left. */
bool gyre__block_run_entries(struct gyre__outbox *outbox,
			     struct gyre__block *block, unsigned first,
			     unsigned end);

/* A task of the house's, which is nobody's message. */
void gyre__house_run(struct gyre_task *task);

void gyre__drop_mark(void *arg);

/* A new empty block that will come home, or of a berth, or a cell by itself;
 * or NULL. */
struct gyre__block *gyre__block_new(const struct gyre_sys *sys,
				    struct gyre_inbox *home);
struct gyre__block *gyre__block_new_berthed(const struct gyre_sys *sys);
struct gyre__block *gyre__cell_new(const struct gyre_sys *sys);

/* Make memory an empty cell of the given number. */
void gyre__cell_init(struct gyre__block *cell, uint32_t number);

/* Have the lines of its entries come, all at once, by one of the prefetches:
 * the first is there. */
#define GYRE__BLOCK_PREFETCH(block, entries_used, prefetch)               \
	for (size_t line_ = GYRE__CACHE_LINE;                             \
	     line_ < sizeof(struct gyre__block) +                         \
			     (entries_used) * sizeof(struct gyre__entry); \
	     line_ += GYRE__CACHE_LINE)                                   \
	prefetch((const char *)(block) + line_)

/* Take a berth's block from its guest: nothing more is added. Consumer. */
void gyre__block_take(struct gyre__block *block);

/* Let the guest have it again. Consumer. */
static inline void
gyre__block_give_back(struct gyre__block *block)
{
	/* block.B2 release: the consumer's uses; pairs with berth.W3 */
	gyre__store_32_release(&block->word, GYRE__BLOCK_FREE);
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
