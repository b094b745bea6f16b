/*
 * The outbox: lanes, flushes and the way home of blocks. Owned by one loop and
 * touched on its thread alone; only gyre__block_release and gyre__send_callback
 * may find themselves on a thread that has none.
 *
 * Rejected: a matrix of single-producer rings, whose sleeper must look at
 * every ring behind a fence, and which keeps no order between two paths; a
 * shared pool of nodes, which every sender would contend for.
 */
#include "bus/outbox.h"

#include "base/check.h"
#include "base/exception.h"
#include "bus/inbox.h"

#include <errno.h>

_Thread_local struct gyre__outbox *gyre__outbox_of_thread;

void
gyre__outbox_init(struct gyre__outbox *outbox, const struct gyre_sys *sys,
		  struct gyre_inbox *home, gyre__raise_fn on_raise)
{
	*outbox = (struct gyre__outbox){
		.sys = sys,
		.home = home,
		.on_raise = on_raise,
	};
}

void
gyre__outbox_enter(struct gyre__outbox *outbox)
{
	GYRE_INSIST(gyre__outbox_of_thread == NULL);
	gyre__outbox_of_thread = outbox;
}

void
gyre__outbox_leave(struct gyre__outbox *outbox)
{
	GYRE_INSIST(gyre__outbox_of_thread == outbox);
	GYRE_INSIST(gyre__outbox_is_flushed(outbox));
	gyre__outbox_of_thread = NULL;
}

void
gyre__outbox_report(struct gyre__outbox *outbox, const char *what,
		    void (*fn)(void), void *arg)
{
	outbox->on_raise(outbox, what, fn, arg);
	gyre__clear_exception();
}

/* -- sheaves ------------------------------------------------------------- */

static void
sheaf_add(struct gyre__sheaf *sheaf, struct gyre_task *task)
{
	task->_next = sheaf->newest;
	sheaf->newest = task;
	if (sheaf->oldest == NULL)
		sheaf->oldest = task;
}

/* -- blocks -------------------------------------------------------------- */

static void
free_block(struct gyre__outbox *outbox, struct gyre__block *block)
{
	GYRE_INSIST(outbox->blocks > 0);
	outbox->blocks--;
	outbox->sys->release(block);
}

/* While the home is closing, what is sent has none to come back to. */
static struct gyre__block *
take_spare(struct gyre__outbox *outbox)
{
	struct gyre__block *block = outbox->spare;

	if (gyre__inbox_is_closed(outbox->home))
		return gyre__cell_new(outbox->sys);
	if (block == NULL) {
		block = gyre__block_new(outbox->sys, outbox->home);
		if (block != NULL)
			outbox->blocks++;
		return block;
	}
	outbox->spare = (struct gyre__block *)block->task._next;
	outbox->spares--;
	block->task.run = gyre__block_run;
	block->used = 0;
	block->messages = 0;
	return block;
}

static void
put_spare(struct gyre__outbox *outbox, struct gyre__block *block)
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
	put_spare(gyre__outbox_of_thread, (struct gyre__block *)task);
}

/* The home closed meanwhile: it left one reference for each block out. */
static void
free_orphan(struct gyre__block *block)
{
	struct gyre_inbox *home = block->home;

	home->sys->release(block);
	gyre_inbox_unref(home);
}

/* -- lanes --------------------------------------------------------------- */

static struct gyre__lane **
bucket_of(struct gyre__outbox *outbox, const struct gyre_inbox *inbox)
{
	size_t hash = (uintptr_t)inbox / GYRE__CACHE_PAIR;

	hash ^= hash >> 6;
	return &outbox->buckets[hash % GYRE__OUTBOX_BUCKETS];
}

static struct gyre__lane *
new_lane(struct gyre__outbox *outbox, struct gyre_inbox *inbox)
{
	struct gyre__lane **bucket = bucket_of(outbox, inbox);
	struct gyre__lane *lane = gyre__allocate(outbox->sys, sizeof(*lane), 0);

	if (lane == NULL)
		return NULL;
	lane->inbox = gyre_inbox_ref(inbox);
	lane->next = *bucket;
	*bucket = lane;
	return lane;
}

static struct gyre__lane *
find_lane(struct gyre__outbox *outbox, struct gyre_inbox *inbox)
{
	struct gyre__lane *lane = outbox->last;

	if (GYRE__LIKELY(lane != NULL && lane->inbox == inbox))
		return lane;
	for (lane = *bucket_of(outbox, inbox); lane != NULL; lane = lane->next)
		if (lane->inbox == inbox)
			break;
	if (lane == NULL)
		lane = new_lane(outbox, inbox);
	if (lane != NULL)
		outbox->last = lane;
	return lane;
}

static void
free_lane(struct gyre__outbox *outbox, struct gyre__lane *lane)
{
	struct gyre__lane **at = bucket_of(outbox, lane->inbox);

	while (*at != lane)
		at = &(*at)->next;
	*at = lane->next;
	if (outbox->last == lane)
		outbox->last = NULL;
	gyre_inbox_unref(lane->inbox);
	outbox->sys->release(lane);
}

static void
mark_dirty(struct gyre__outbox *outbox, struct gyre__lane *lane)
{
	if (lane->dirty)
		return;
	lane->dirty = true;
	lane->next_dirty = NULL;
	if (outbox->dirty_tail != NULL)
		outbox->dirty_tail->next_dirty = lane;
	else
		outbox->dirty = lane;
	outbox->dirty_tail = lane;
}

/* -- flush --------------------------------------------------------------- */

static void
free_orphans(struct gyre__sheaf *returns)
{
	struct gyre_task *task = returns->newest;

	while (task != NULL) {
		struct gyre_task *older = task->_next;

		free_orphan((struct gyre__block *)task);
		task = older;
	}
	*returns = (struct gyre__sheaf){ 0 };
}

/* Put what a closed inbox refused into first-in order. */
static void
gather_refused(struct gyre__sheaf *sheaf, struct gyre__chain *refused)
{
	struct gyre__chain chain = { .tail = sheaf->newest,
				     .messages = sheaf->messages };
	struct gyre_task *task = sheaf->newest;

	while (task != NULL) {
		struct gyre_task *older = task->_next;

		task->_next = chain.head;
		chain.head = task;
		task = older;
	}
	*sheaf = (struct gyre__sheaf){ 0 };
	gyre__chain_concat(refused, &chain);
}

/* Push the lane: the returns, being older, below what is sent. */
static int
push_lane(struct gyre__lane *lane)
{
	struct gyre_task *newest = lane->sent.newest;
	struct gyre_task *oldest = lane->returns.oldest;
	int result;

	if (newest == NULL)
		newest = lane->returns.newest;
	else
		lane->sent.oldest->_next = lane->returns.newest;
	if (oldest == NULL)
		oldest = lane->sent.oldest;
	result = gyre__inbox_push(lane->inbox, newest, oldest);
	if (result < 0) {
		/* take them apart again */
		if (lane->sent.oldest != NULL)
			lane->sent.oldest->_next = NULL;
		if (lane->returns.oldest != NULL)
			lane->returns.oldest->_next = NULL;
	}
	return result;
}

/* Push a dirty lane; what is refused goes to the chain, for the caller. */
static void
flush_lane(struct gyre__outbox *outbox, struct gyre__lane *lane,
	   struct gyre__chain *refused)
{
	lane->open = NULL;
	lane->dirty = false;
	if (push_lane(lane) == 0) {
		outbox->flushes++;
		outbox->sent += lane->sent.messages;
		lane->sent = (struct gyre__sheaf){ 0 };
		lane->returns = (struct gyre__sheaf){ 0 };
		return;
	}
	free_orphans(&lane->returns);
	gather_refused(&lane->sent, refused);
	free_lane(outbox, lane);
}

static void
drop_chain(struct gyre__chain *chain, enum gyre_drop_reason reason)
{
	struct gyre_task *task;

	while ((task = gyre__chain_pop(chain)) != NULL)
		task->drop(task, reason);
	chain->messages = 0;
}

/*
 * Drop functions run after the lanes have been pushed, since they may send
 * again: to a closed inbox that is refused, so this ends.
 */
void
gyre__outbox_flush(struct gyre__outbox *outbox)
{
	while (outbox->dirty != NULL) {
		struct gyre__chain refused = { 0 };
		struct gyre__lane *lane;

		while ((lane = outbox->dirty) != NULL) {
			outbox->dirty = lane->next_dirty;
			if (outbox->dirty == NULL)
				outbox->dirty_tail = NULL;
			flush_lane(outbox, lane, &refused);
		}
		outbox->undelivered += refused.messages;
		drop_chain(&refused, GYRE_DROP_STOPPED);
	}
}

/* -- sending ------------------------------------------------------------- */

/* A full lane goes at once; what is refused then waits for the next flush
 * to be dropped, since no drop function may run inside a send. */
static void
bound_lane(struct gyre__outbox *outbox, struct gyre__lane *lane)
{
	if (lane->sent.messages < GYRE__LANE_MESSAGES_MAX) {
		mark_dirty(outbox, lane);
		return;
	}
	lane->open = NULL;
	if (gyre__inbox_is_closed(lane->inbox) || push_lane(lane) < 0) {
		mark_dirty(outbox, lane);
		return;
	}
	outbox->flushes++;
	outbox->sent += lane->sent.messages;
	lane->sent = (struct gyre__sheaf){ 0 };
	lane->returns = (struct gyre__sheaf){ 0 };
}

static int
add_ready(struct gyre__outbox *outbox, gyre_callback_fn fn, void *arg,
	  gyre_drop_fn drop)
{
	struct gyre__block *block = outbox->ready_open;

	if (block == NULL || !gyre__block_has_room(block, drop)) {
		block = take_spare(outbox);
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

	if (gyre__inbox_is_closed(inbox))
		return -ESHUTDOWN;
	if (inbox == outbox->home)
		return add_ready(outbox, fn, arg, drop);
	lane = find_lane(outbox, inbox);
	if (lane == NULL)
		return -ENOMEM;
	block = lane->open;
	if (block == NULL || !gyre__block_has_room(block, drop)) {
		block = take_spare(outbox);
		if (block == NULL)
			return -ENOMEM;
		sheaf_add(&lane->sent, &block->task);
		lane->open = block;
	}
	gyre__block_add(block, fn, arg, drop);
	lane->sent.messages++;
	bound_lane(outbox, lane);
	return 0;
}

int
gyre__outbox_post(struct gyre__outbox *outbox, struct gyre_inbox *inbox,
		  struct gyre_task *task)
{
	struct gyre__lane *lane;

	if (gyre__inbox_is_closed(inbox))
		return -ESHUTDOWN;
	if (inbox == outbox->home) {
		gyre__chain_append(&outbox->ready, task, 1);
		outbox->ready_open = NULL;
		outbox->posted++;
		return 0;
	}
	lane = find_lane(outbox, inbox);
	if (lane == NULL) /* no lane: nothing waits that it could overtake */
		return gyre__inbox_push(inbox, task, task);
	sheaf_add(&lane->sent, task);
	lane->open = NULL;
	lane->sent.messages++;
	bound_lane(outbox, lane);
	return 0;
}

void
gyre__block_release(struct gyre__block *block)
{
	struct gyre__outbox *outbox = gyre__outbox_of_thread;
	struct gyre_inbox *home;
	struct gyre__lane *lane;

	if (gyre__block_is_cell(block)) {
		gyre__cell_list_add(&outbox->cells, block, outbox->sys);
		if (outbox->cells.count >= GYRE__CELLS_BACK_MAX)
			gyre__cells_put(&outbox->home->cells, &outbox->cells);
		return;
	}
	home = block->home;
	if (home == outbox->home) {
		put_spare(outbox, block);
		return;
	}
	block->task.run = gyre__block_come_home;
	lane = find_lane(outbox, home);
	if (lane == NULL) {
		if (gyre__inbox_push(home, &block->task, &block->task) < 0)
			free_orphan(block);
		return;
	}
	sheaf_add(&lane->returns, &block->task);
	if (++lane->returns.messages >= GYRE__LANE_RETURNS_MAX)
		mark_dirty(outbox, lane);
}

static void
put_back(struct gyre_inbox *inbox, struct gyre__block *cell)
{
	struct gyre__cell_list list = { 0 };

	gyre__cell_list_add(&list, cell, inbox->sys);
	gyre__cells_put(&inbox->cells, &list);
}

int
gyre__send_callback(struct gyre_inbox *inbox, gyre_callback_fn fn, void *arg,
		    gyre_drop_fn drop)
{
	struct gyre__outbox *outbox = gyre__outbox_of_thread;
	struct gyre__block *cell;
	int result;

	if (outbox != NULL)
		return gyre__outbox_add(outbox, inbox, fn, arg, drop);
	cell = gyre__cells_take(&inbox->cells);
	if (cell == NULL)
		return -ENOMEM;
	gyre__block_add(cell, fn, arg, drop);
	result = gyre__inbox_push(inbox, &cell->task, &cell->task);
	if (result < 0)
		put_back(inbox, cell);
	return result;
}

int
gyre_inbox_post(struct gyre_inbox *inbox, struct gyre_task *task)
{
	struct gyre__outbox *outbox = gyre__outbox_of_thread;

	GYRE_REQUIRE(task->run != NULL && task->drop != NULL);
	if (outbox != NULL)
		return gyre__outbox_post(outbox, inbox, task);
	return gyre__inbox_push(inbox, task, task);
}

/* -- running ------------------------------------------------------------- */

void
gyre__outbox_receive(struct gyre__outbox *outbox)
{
	struct gyre__chain taken = { 0 };

	gyre__inbox_take(outbox->home, &taken);
	if (taken.head == NULL)
		return;
	outbox->posted += taken.messages;
	outbox->ready_open = NULL;
	gyre__chain_concat(&outbox->ready, &taken);
}

void
gyre__outbox_take_ready(struct gyre__outbox *outbox,
			struct gyre__chain *ret_batch)
{
	gyre__outbox_receive(outbox);
	*ret_batch = outbox->ready;
	outbox->ready = (struct gyre__chain){ 0 };
	outbox->ready_open = NULL;
}

void
gyre__outbox_run(struct gyre__outbox *outbox, struct gyre__chain *chain)
{
	struct gyre_task *task;

	while ((task = gyre__chain_pop(chain)) != NULL) {
		void (*run)(struct gyre_task *) = task->run;
		size_t messages = gyre__task_messages(task);

		if (chain->head != NULL)
			__builtin_prefetch(chain->head);
		run(task);
		outbox->run += messages;
		chain->messages -= messages;
		if (gyre__raised())
			gyre__outbox_report(outbox, "task", (void (*)(void))run,
					    task);
	}
}

/* -- closing ------------------------------------------------------------- */

static void
free_spares(struct gyre__outbox *outbox)
{
	while (outbox->spare != NULL) {
		struct gyre__block *block = outbox->spare;

		outbox->spare = (struct gyre__block *)block->task._next;
		outbox->spares--;
		free_block(outbox, block);
	}
}

/* Send home what is held of others' blocks, and forget the lanes. */
static void
close_lanes(struct gyre__outbox *outbox)
{
	for (size_t i = 0; i < GYRE__OUTBOX_BUCKETS; i++) {
		struct gyre__lane *lane;

		while ((lane = outbox->buckets[i]) != NULL) {
			GYRE_INSIST(lane->sent.newest == NULL);
			if (lane->returns.newest != NULL && push_lane(lane) < 0)
				free_orphans(&lane->returns);
			free_lane(outbox, lane);
		}
	}
}

/*
 * Blocks that are out when the inbox closes each get a reference to it, so
 * that whoever has one can find out that it is an orphan. The references are
 * taken before any can be given back: until the inbox is CLOSED, returns are
 * pushed into it.
 */
void
gyre__outbox_close(struct gyre__outbox *outbox)
{
	struct gyre__chain rest = { 0 };
	struct gyre_task *task;
	uint32_t out;

	GYRE_INSIST(gyre__outbox_of_thread == outbox);
	gyre__outbox_flush(outbox);
	out = outbox->blocks - outbox->spares;
	gyre__inbox_ref_many(outbox->home, out);
	gyre__inbox_close(outbox->home, &rest);
	outbox->posted += rest.messages;
	gyre__chain_concat(&outbox->ready, &rest);
	outbox->ready_open = NULL;
	outbox->dropped += outbox->ready.messages;
	outbox->ready.messages = 0;
	while ((task = gyre__chain_pop(&outbox->ready)) != NULL) {
		if (task->run == gyre__block_come_home)
			gyre__block_come_home(task);
		else
			task->drop(task, GYRE_DROP_STOPPED);
	}
	gyre__outbox_flush(outbox);
	close_lanes(outbox);
	for (out -= outbox->blocks - outbox->spares; out > 0; out--)
		gyre_inbox_unref(outbox->home);
	gyre__cells_put(&outbox->home->cells, &outbox->cells);
	free_spares(outbox);
}
