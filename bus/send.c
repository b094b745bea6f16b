/*
 * Sending: from a thread with an outbox through its lanes, from any other one
 * directly, callbacks in cells.
 */
#include "bus/outbox.h"

#include "base/check.h"
#include "base/fork.h"
#include "bus/inbox.h"
#include "bus/lane.h"
#include "bus/stock.h"

#include <errno.h>

static int
add_ready(struct gyre__outbox *outbox, gyre_callback_fn fn, void *arg,
	  gyre_drop_fn drop)
{
	struct gyre__block *block = outbox->ready_open;

	if (outbox->closing)
		return -ESHUTDOWN;
	if (block == NULL || !gyre__block_has_room(block, drop)) {
		block = gyre__stock_take(outbox);
		if (block == NULL)
			return -ENOMEM;
		gyre__chain_append(&outbox->ready, &block->task, 0);
		outbox->ready_open = block;
	}
	gyre__block_add(block, fn, arg, drop);
	outbox->ready.messages++;
	outbox->posted++;
	return 0;
}

int
gyre__outbox_add(struct gyre__outbox *outbox, struct gyre_inbox *inbox,
		 gyre_callback_fn fn, void *arg, gyre_drop_fn drop)
{
	struct gyre__lane *lane;
	struct gyre__block *block;

	if (inbox == outbox->home)
		return add_ready(outbox, fn, arg, drop);
	if (gyre__inbox_is_closed(inbox))
		return -ESHUTDOWN;
	lane = gyre__lane_find(outbox, inbox);
	if (lane == NULL)
		return -ENOMEM;
	block = lane->open;
	if (block == NULL || !gyre__block_has_room(block, drop)) {
		block = gyre__stock_take(outbox);
		if (block == NULL)
			return -ENOMEM;
		gyre__lane_add(lane, &block->task);
		lane->open = block;
	}
	gyre__block_add(block, fn, arg, drop);
	gyre__lane_sent(outbox, lane);
	return 0;
}

static int
post_ready(struct gyre__outbox *outbox, struct gyre_task *task)
{
	if (outbox->closing)
		return -ESHUTDOWN;
	gyre__chain_append(&outbox->ready, task, 1);
	outbox->ready_open = NULL;
	outbox->posted++;
	return 0;
}

int
gyre__outbox_post(struct gyre__outbox *outbox, struct gyre_inbox *inbox,
		  struct gyre_task *task)
{
	struct gyre__lane *lane;

	if (inbox == outbox->home)
		return post_ready(outbox, task);
	if (gyre__inbox_is_closed(inbox))
		return -ESHUTDOWN;
	lane = gyre__lane_find(outbox, inbox);
	if (lane == NULL) /* no lane: nothing waits that it could overtake */
		return gyre__inbox_push(inbox, task, task);
	gyre__lane_add(lane, task);
	gyre__lane_sent(outbox, lane);
	return 0;
}

static void
put_back(struct gyre_inbox *inbox, struct gyre__block *cell)
{
	struct gyre__cell_list list = { 0 };

	gyre__cell_list_add(&list, cell, inbox->sys);
	gyre__cells_put(&inbox->cells, &list);
}

static int
push_cell(struct gyre_inbox *inbox, struct gyre__block *cell,
	  gyre_callback_fn fn, void *arg, gyre_drop_fn drop)
{
	int result;

	gyre__block_add(cell, fn, arg, drop);
	result = gyre__inbox_push(inbox, &cell->task, &cell->task);
	if (result < 0)
		put_back(inbox, cell);
	return result;
}

int
gyre__send_callback(struct gyre_inbox *inbox, gyre_callback_fn fn, void *arg,
		    gyre_drop_fn drop)
{
	struct gyre__outbox *outbox = gyre__outbox_of_thread;
	struct gyre__block *cell;

	if (gyre__is_fork(inbox->forks))
		return -EPERM;
	if (outbox != NULL)
		return gyre__outbox_add(outbox, inbox, fn, arg, drop);
	cell = gyre__cells_take(&inbox->cells);
	if (cell == NULL)
		return -ENOMEM;
	return push_cell(inbox, cell, fn, arg, drop);
}

int
gyre__send_callback_from_signal(struct gyre_inbox *inbox, gyre_callback_fn fn,
				void *arg, gyre_drop_fn drop)
{
	struct gyre__block *cell;

	if (gyre__is_fork(inbox->forks))
		return -EPERM;
	cell = gyre__cells_take_free(&inbox->cells);
	if (cell == NULL)
		return gyre__inbox_is_closed(inbox) ? -ESHUTDOWN : -EAGAIN;
	return push_cell(inbox, cell, fn, arg, drop);
}

int
gyre_inbox_post(struct gyre_inbox *inbox, struct gyre_task *task)
{
	struct gyre__outbox *outbox = gyre__outbox_of_thread;

	GYRE_REQUIRE(task->run != NULL && task->drop != NULL);
	if (gyre__is_fork(inbox->forks))
		return -EPERM;
	if (outbox != NULL)
		return gyre__outbox_post(outbox, inbox, task);
	return gyre__inbox_push(inbox, task, task);
}
