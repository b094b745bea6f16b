/*
 * Sending: from a thread with an outbox through its lanes, from any other one
 * callbacks at its berth, or in cells, and tasks directly.
 */
#include "bus/outbox.h"

#include "base/check.h"
#include "base/fork.h"
#include "base/trace.h"
#include "bus/berth.h"
#include "bus/inbox.h"
#include "bus/lane.h"
#include "bus/stock.h"

#include <errno.h>

/*
 * Most callbacks have no drop function, and go where the one before them went
 * and there is room. That much is done first; the rest is done by another
 * function, so that this one needs no stack: to save registers would cost as
 * much again.
 */

__attribute__((noinline)) static int
add_ready_slowly(struct gyre__outbox *outbox, gyre_callback_fn fn, void *arg,
		 gyre_drop_fn drop)
{
	struct gyre__block *block;

	if (outbox->closing)
		return -ESHUTDOWN;
	gyre__outbox_count_ready(outbox);
	block = outbox->ready_open;
	if (block == NULL || !gyre__block_has_room(block, drop)) {
		block = gyre__stock_take(outbox);
		if (block == NULL)
			return -ENOMEM;
		gyre__chain_append(&outbox->ready, &block->task, 0);
		outbox->ready_open = block;
		outbox->ready_end = &block->entries[block->capacity];
	}
	gyre__block_add(block, fn, arg, drop);
	outbox->ready_at = &block->entries[block->used];
	outbox->ready.messages++;
	outbox->posted++;
	return 0;
}

static inline int
add_ready(struct gyre__outbox *outbox, gyre_callback_fn fn, void *arg,
	  gyre_drop_fn drop)
{
	if (drop != NULL || !gyre__outbox_add_ready(outbox, fn, arg))
		return add_ready_slowly(outbox, fn, arg, drop);
	return 0;
}

__attribute__((noinline)) static int
add_slowly(struct gyre__outbox *outbox, struct gyre_inbox *inbox,
	   gyre_callback_fn fn, void *arg, gyre_drop_fn drop)
{
	struct gyre__lane *lane = gyre__lane_find(outbox, inbox);
	struct gyre__block *block;

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
	gyre__lane_sent(outbox, lane, 1);
	return 0;
}

int
gyre__outbox_add(struct gyre__outbox *outbox, struct gyre_inbox *inbox,
		 gyre_callback_fn fn, void *arg, gyre_drop_fn drop)
{
	struct gyre__lane *lane = outbox->last;

	if (inbox == outbox->home)
		return add_ready(outbox, fn, arg, drop);
	if (gyre__inbox_refuses(inbox))
		return -ESHUTDOWN;
	/* Nor is it the lane's first message, or the one that fills it. */
	if (drop != NULL || lane == NULL || lane->inbox != inbox ||
	    lane->open == NULL || !gyre__block_has_room(lane->open, NULL) ||
	    !lane->dirty || lane->sent.messages + 1 >= GYRE__LANE_MESSAGES_MAX)
		return add_slowly(outbox, inbox, fn, arg, drop);
	gyre__block_add(lane->open, fn, arg, NULL);
	lane->sent.messages++;
	return 0;
}

static int
post_ready(struct gyre__outbox *outbox, struct gyre_task *task)
{
	if (outbox->closing)
		return -ESHUTDOWN;
	gyre__outbox_close_ready(outbox);
	gyre__chain_append(&outbox->ready, task, 1);
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
	if (gyre__inbox_refuses(inbox))
		return -ESHUTDOWN;
	lane = gyre__lane_find(outbox, inbox);
	if (lane == NULL) /* no lane: nothing waits that it could overtake */
		return gyre__inbox_send(inbox, task, task);
	gyre__lane_add(lane, task);
	gyre__lane_sent(outbox, lane, 1);
	return 0;
}

static void
put_back(struct gyre_inbox *inbox, struct gyre__block *cell)
{
	struct gyre__cell_list list = { 0 };

	gyre__cell_list_add(&list, cell, inbox->sys);
	gyre__cells_put(&inbox->cells, &list);
}

/* Inlined whatever the compiler makes of a probe's many lines of assembly. */
__attribute__((always_inline)) static inline int
push_cell(struct gyre_inbox *inbox, struct gyre__block *cell,
	  gyre_callback_fn fn, void *arg, gyre_drop_fn drop)
{
	int result;

	gyre__block_add(cell, fn, arg, drop);
	result = gyre__inbox_send(inbox, &cell->task, &cell->task);
	if (result < 0)
		put_back(inbox, cell);
	return result;
}

int
gyre__send_cell(struct gyre_inbox *inbox, gyre_callback_fn fn, void *arg,
		gyre_drop_fn drop)
{
	struct gyre__block *cell = gyre__cells_take(&inbox->cells);

	if (cell == NULL)
		return -ENOMEM;
	return push_cell(inbox, cell, fn, arg, drop);
}

__attribute__((noinline)) static int
arrive_and_send(struct gyre_inbox *inbox, gyre_callback_fn fn, void *arg,
		gyre_drop_fn drop)
{
	struct gyre__guest *guest = gyre__guest_arrive();

	if (guest == NULL)
		return gyre__send_cell(inbox, fn, arg, drop);
	return gyre__berth_add(guest, inbox, fn, arg, drop);
}

/* From a thread without an outbox. */
static inline int
send_as_guest(struct gyre_inbox *inbox, gyre_callback_fn fn, void *arg,
	      gyre_drop_fn drop)
{
	struct gyre__guest *guest = gyre__guest_of_thread;

	if (gyre__inbox_refuses_thread(inbox))
		return -ESHUTDOWN;
	if (GYRE__UNLIKELY(guest == NULL))
		return arrive_and_send(inbox, fn, arg, drop);
	return gyre__berth_add(guest, inbox, fn, arg, drop);
}

int
gyre__send_callback(struct gyre_inbox *inbox, gyre_callback_fn fn, void *arg,
		    gyre_drop_fn drop)
{
	struct gyre__outbox *outbox = gyre__outbox_of_thread;

	if (gyre__is_fork(inbox->forks))
		return -EPERM;
	GYRE__TRACE_CALLBACK_POSTED(inbox, fn, arg);
	if (outbox != NULL)
		return gyre__outbox_add(outbox, inbox, fn, arg, drop);
	return send_as_guest(inbox, fn, arg, drop);
}

int
gyre__send_callback_from_signal(struct gyre_inbox *inbox, gyre_callback_fn fn,
				void *arg, gyre_drop_fn drop)
{
	struct gyre__block *cell;

	if (gyre__is_fork(inbox->forks))
		return -EPERM;
	if (gyre__inbox_refuses_thread(inbox))
		return -ESHUTDOWN;
	GYRE__TRACE_CALLBACK_POSTED(inbox, fn, arg);
	cell = gyre__cells_take_free(&inbox->cells);
	if (cell == NULL)
		return gyre__inbox_is_closed(inbox) ? -ESHUTDOWN : -EAGAIN;
	return push_cell(inbox, cell, fn, arg, drop);
}

__attribute__((always_inline)) static inline int
send_task(struct gyre_inbox *inbox, struct gyre_task *task, bool is_from_inside)
{
	struct gyre__outbox *outbox = gyre__outbox_of_thread;

	GYRE_REQUIRE(task->run != NULL && task->drop != NULL);
	if (gyre__is_fork(inbox->forks))
		return -EPERM;
	GYRE__TRACE_TASK_POSTED(inbox, task, 1);
	if (outbox != NULL)
		return gyre__outbox_post(outbox, inbox, task);
	if (!is_from_inside && gyre__inbox_refuses_thread(inbox))
		return -ESHUTDOWN;
	return gyre__inbox_send(inbox, task, task);
}

int
gyre_inbox_post(struct gyre_inbox *inbox, struct gyre_task *task)
{
	return send_task(inbox, task, false);
}

int
gyre__send_task(struct gyre_inbox *inbox, struct gyre_task *task)
{
	return send_task(inbox, task, true);
}

/* -- chains ---------------------------------------------------------------- */

/* What was added is there and can be run and dropped: a walk for debug builds.
 */
static void
require_whole(const struct gyre_task_chain *chain)
{
#ifdef GYRE_DEBUG
	const struct gyre_task *task = chain->_newest;

	for (size_t i = 0; i < chain->count; i++) {
		GYRE_REQUIRE(task->run != NULL && task->drop != NULL);
		GYRE_REQUIRE((task == chain->_oldest) ==
			     (i + 1 == chain->count));
		task = task->_next;
	}
	GYRE_REQUIRE(task == NULL);
#else
	(void)chain;
#endif
}

/* The chain is linked from the newest, what is ready from the oldest. */
static int
post_chain_ready(struct gyre__outbox *outbox,
		 const struct gyre_task_chain *chain)
{
	struct gyre__chain added = { .tail = chain->_newest,
				     .messages = chain->count };
	struct gyre_task *task = chain->_newest;

	if (outbox->closing)
		return -ESHUTDOWN;
	while (task != NULL) {
		struct gyre_task *older = task->_next;

		task->_next = added.head;
		added.head = task;
		task = older;
	}
	gyre__outbox_close_ready(outbox);
	outbox->posted += added.messages;
	gyre__chain_concat(&outbox->ready, &added);
	return 0;
}

/* A push that is refused has linked the oldest to what it saw. */
static int
push_chain(struct gyre_inbox *inbox, const struct gyre_task_chain *chain)
{
	int result = gyre__inbox_send(inbox, chain->_newest, chain->_oldest);

	if (result < 0)
		chain->_oldest->_next = NULL;
	return result;
}

static int
post_chain(struct gyre_inbox *inbox, const struct gyre_task_chain *chain)
{
	struct gyre__outbox *outbox = gyre__outbox_of_thread;
	struct gyre__lane *lane;

	if (outbox == NULL)
		return gyre__inbox_refuses_thread(inbox)
			       ? -ESHUTDOWN
			       : push_chain(inbox, chain);
	if (inbox == outbox->home)
		return post_chain_ready(outbox, chain);
	if (gyre__inbox_refuses(inbox))
		return -ESHUTDOWN;
	lane = gyre__lane_find(outbox, inbox);
	if (lane == NULL) /* as for one task */
		return push_chain(inbox, chain);
	gyre__lane_add_chain(lane, chain);
	gyre__lane_sent(outbox, lane, chain->count);
	return 0;
}

int
gyre_inbox_post_chain(struct gyre_inbox *inbox, struct gyre_task_chain *chain)
{
	int result;

	if (gyre__is_fork(inbox->forks))
		return -EPERM;
	if (chain->count == 0)
		return 0;
	GYRE__TRACE_TASK_POSTED(inbox, chain->_newest, chain->count);
	require_whole(chain);
	result = post_chain(inbox, chain);
	if (result == 0)
		*chain = (struct gyre_task_chain){ 0 };
	return result;
}
