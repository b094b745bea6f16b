/*
 * A loop's stock of blocks, and their way back to it. A block that has run
 * elsewhere travels home with what is sent there anyway; one whose home closed
 * meanwhile is an orphan, and is freed with the reference it was left.
 */
#include "bus/stock.h"

#include "base/check.h"
#include "bus/inbox.h"
#include "bus/lane.h"

static void
free_block(struct gyre__outbox *outbox, struct gyre__block *block)
{
	GYRE_INSIST(outbox->blocks > 0);
	outbox->blocks--;
	outbox->sys->release(block);
}

/* While the home is closing, what is sent has none to come back to. */
struct gyre__block *
gyre__stock_take(struct gyre__outbox *outbox)
{
	struct gyre__block *block = outbox->spare;

	if (outbox->closing)
		return gyre__cell_new(outbox->sys);
	if (block == NULL && outbox->restock != NULL) {
		outbox->restock(outbox);
		block = outbox->spare;
	}
	if (block == NULL) {
		block = gyre__block_new(outbox->sys, outbox->home);
		if (block != NULL)
			outbox->blocks++;
		return block;
	}
	outbox->spare = (struct gyre__block *)block->task._next;
	outbox->spares--;
	/* Another core has read them. */
	GYRE__BLOCK_PREFETCH(block, GYRE__BLOCK_ENTRIES, gyre__prefetch_write);
	block->task.run = gyre__block_run;
	block->used = 0;
	block->messages = 0;
	return block;
}

void
gyre__stock_put(struct gyre__outbox *outbox, struct gyre__block *block)
{
	if (outbox->spares == GYRE__SPARE_BLOCKS_MAX) {
		free_block(outbox, block);
		return;
	}
	block->task._next = (struct gyre_task *)outbox->spare;
	outbox->spare = block;
	outbox->spares++;
}

void
gyre__block_come_home(struct gyre_task *task)
{
	gyre__stock_put(gyre__outbox_of_thread, (struct gyre__block *)task);
}

/* The home closed meanwhile: it left one reference for each block out. */
void
gyre__block_free_orphan(struct gyre__block *block)
{
	struct gyre_inbox *home = block->home;

	home->sys->release(block);
	gyre_inbox_unref(home);
}

void
gyre__stock_fini(struct gyre__outbox *outbox)
{
	while (outbox->spare != NULL) {
		struct gyre__block *block = outbox->spare;

		outbox->spare = (struct gyre__block *)block->task._next;
		outbox->spares--;
		free_block(outbox, block);
	}
}

void
gyre__block_release(struct gyre__block *block)
{
	struct gyre__outbox *outbox = gyre__outbox_of_thread;
	struct gyre_inbox *home;
	struct gyre__lane *lane;

	if (block->kind == GYRE__BLOCK_BERTHED) {
		gyre__block_give_back(block);
		return;
	}
	if (block->kind == GYRE__BLOCK_CELL) {
		gyre__cell_list_add(&outbox->cells, block, outbox->sys);
		if (outbox->cells.count >= GYRE__CELLS_BACK_MAX)
			gyre__cells_put(&outbox->home->cells, &outbox->cells);
		return;
	}
	home = block->home;
	if (home == outbox->home) {
		gyre__stock_put(outbox, block);
		return;
	}
	block->task.run = gyre__block_come_home;
	lane = gyre__lane_find(outbox, home);
	if (lane == NULL) {
		if (gyre__inbox_push(home, &block->task, &block->task) < 0)
			gyre__block_free_orphan(block);
		return;
	}
	gyre__lane_return(outbox, lane, block);
}
