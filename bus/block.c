/*
 * Blocks: made, run and dropped. Where they go afterwards is the outbox's.
 */
#include "bus/block.h"

#include "base/check.h"
#include "base/exception.h"
#include "base/fork.h"
#include "base/histogram.h"
#include "base/trace.h"
#include "bus/outbox.h"

#include <string.h>

_Static_assert(sizeof(struct gyre__block) + GYRE__BLOCK_ENTRIES * 16 <=
		       GYRE__BLOCK_BYTES,
	       "a block's entries fit in it");

void
gyre__drop_mark(void *arg)
{
	(void)arg;
}

/* The outbox was halted: the entries from this one on are still to run. */
static void
keep_rest(struct gyre__outbox *outbox, struct gyre__block *block,
	  unsigned first)
{
	unsigned marks = 0;

	block->used = (uint16_t)(block->used - first);
	memmove(block->entries, &block->entries[first],
		block->used * sizeof(block->entries[0]));
	for (unsigned i = 0; i < block->used; i++)
		if (block->entries[i].fn == gyre__drop_mark)
			marks++;
	block->messages = block->used - marks;
	outbox->halted_in = &block->task;
}

bool
gyre__block_run_entries(struct gyre__outbox *outbox, struct gyre__block *block,
			unsigned first, unsigned end)
{
	for (unsigned i = first; i < end; i++) {
		const struct gyre__entry *entry = &block->entries[i];

		if (entry->fn == gyre__drop_mark)
			continue;
		GYRE__TRACE_CALLBACK_RUN(outbox->home, entry->fn, entry->arg);
		entry->fn(entry->arg);
		if (gyre__raised())
			gyre__outbox_report(outbox, "callback",
					    (void (*)(void))entry->fn,
					    entry->arg);
		gyre__outbox_run_urgent(outbox);
		if (GYRE__UNLIKELY(outbox->halted) && i + 1 < block->used) {
			keep_rest(outbox, block, i + 1);
			return false;
		}
	}
	return true;
}

/* Take the time of one, which is another each time. */
static bool
run_timed(struct gyre__outbox *outbox, struct gyre__block *block)
{
	struct gyre_histogram *run_time = outbox->timing;
	unsigned first = (unsigned)(outbox->batches % block->used);
	unsigned end = first + 1;
	int64_t began_ns;
	bool all;

	outbox->timing = NULL;
	if (block->entries[first].fn == gyre__drop_mark)
		end++;
	if (!gyre__block_run_entries(outbox, block, 0, first))
		return false;
	began_ns = outbox->now_ns(outbox->now_arg);
	all = gyre__block_run_entries(outbox, block, first, end);
	gyre__histogram_record(run_time,
			       outbox->now_ns(outbox->now_arg) - began_ns);
	return all && gyre__block_run_entries(outbox, block, end, block->used);
}

void
gyre__block_run(struct gyre_task *task)
{
	struct gyre__block *block = (struct gyre__block *)task;
	struct gyre__outbox *outbox = gyre__outbox_of_thread;
	bool all =
		GYRE__LIKELY(outbox->timing == NULL)
			? gyre__block_run_entries(outbox, block, 0, block->used)
			: run_timed(outbox, block);

	if (all)
		gyre__block_release(block);
}

static void
block_drop(struct gyre_task *task, enum gyre_drop_reason reason)
{
	struct gyre__block *block = (struct gyre__block *)task;
	uint32_t forks = gyre__forks();

	for (unsigned i = 0; i < block->used && !gyre__is_fork(forks); i++) {
		const struct gyre__entry *mark = &block->entries[i];

		if (mark->fn != gyre__drop_mark)
			continue;
		GYRE__TRACE_CALLBACK_DROPPED(mark->drop,
					     block->entries[i + 1].arg, reason);
		mark->drop(block->entries[++i].arg, reason);
		if (gyre__raised())
			gyre__outbox_report(gyre__outbox_of_thread, "drop",
					    (void (*)(void))mark->drop,
					    block->entries[i].arg);
	}
	gyre__block_release(block);
}

/* Whoever takes from an inbox takes the block too. */
void
gyre__block_untaken(struct gyre_task *task)
{
	(void)task;
	GYRE_INSIST(false);
}

void
gyre__block_take(struct gyre__block *block)
{
	/* block.B1 acquire: the entries that were added; pairs with
	 * berth.W1 */
	uint32_t word = gyre__swap_32_acquire(&block->word, GYRE__BLOCK_TAKEN);

	block->used = GYRE__BLOCK_USED(word);
	block->messages = word >> 8;
	block->task.run = gyre__block_run;
}

static void
init(struct gyre__block *block, enum gyre__block_kind kind, size_t capacity)
{
	block->task.run = gyre__block_run;
	block->task.drop = block_drop;
	block->capacity = (uint16_t)capacity;
	block->kind = kind;
	block->used = 0;
	block->messages = 0;
}

struct gyre__block *
gyre__block_new(const struct gyre_sys *sys, struct gyre_inbox *home)
{
	struct gyre__block *block =
		sys->allocate(GYRE__BLOCK_BYTES, GYRE__CACHE_LINE);

	if (block == NULL)
		return NULL;
	init(block, GYRE__BLOCK_COMES_HOME, GYRE__BLOCK_ENTRIES);
	block->home = home;
	return block;
}

struct gyre__block *
gyre__block_new_berthed(const struct gyre_sys *sys)
{
	struct gyre__block *block = sys->allocate(
		sizeof(*block) +
			GYRE__BERTH_ENTRIES * sizeof(block->entries[0]),
		GYRE__CACHE_LINE);

	if (block == NULL)
		return NULL;
	init(block, GYRE__BLOCK_BERTHED, GYRE__BERTH_ENTRIES);
	block->word = GYRE__BLOCK_FREE;
	return block;
}

void
gyre__cell_init(struct gyre__block *cell, uint32_t number)
{
	init(cell, GYRE__BLOCK_CELL, GYRE__CELL_ENTRIES);
	cell->cell.number = number;
}

struct gyre__block *
gyre__cell_new(const struct gyre_sys *sys)
{
	struct gyre__block *cell = sys->allocate(
		sizeof(*cell) + GYRE__CELL_ENTRIES * sizeof(cell->entries[0]),
		0);

	if (cell != NULL)
		gyre__cell_init(cell, 0);
	return cell;
}
