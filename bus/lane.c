/*
 * Lanes: what an outbox has gathered for one destination each, and the pushes
 * that empty them.
 */
#include "bus/lane.h"

#include "base/atomics.h"
#include "base/check.h"
#include "bus/berth.h"
#include "bus/inbox.h"
#include "bus/stock.h"

static void
sheaf_add(struct gyre__sheaf *sheaf, struct gyre_task *task)
{
	task->_next = sheaf->newest;
	sheaf->newest = task;
	if (sheaf->oldest == NULL)
		sheaf->oldest = task;
}

/* -- finding --------------------------------------------------------------- */

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

struct gyre__lane *
gyre__lane_look_up(struct gyre__outbox *outbox, struct gyre_inbox *inbox)
{
	struct gyre__lane *lane;

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

/* -- pushing --------------------------------------------------------------- */

static void
free_orphans(struct gyre__sheaf *returns)
{
	struct gyre_task *task = returns->newest;

	while (task != NULL) {
		struct gyre_task *older = task->_next;

		gyre__block_free_orphan((struct gyre__block *)task);
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

static bool
is_empty(const struct gyre__lane *lane)
{
	return lane->sent.newest == NULL && lane->returns.newest == NULL;
}

/* Another bus's shards, and what is no shard, are counted in `sent` alone. */
static void
count_sent_to(struct gyre__outbox *outbox, const struct gyre__lane *lane)
{
	uint64_t *sent;

	if (outbox->sent_to == NULL || lane->inbox->bus != outbox->home->bus)
		return;
	sent = &outbox->sent_to[lane->inbox->shard];
	/* lane.S1 relaxed: a statistic of a single writer, late at worst */
	gyre__store_64_relaxed(sent, *sent + lane->sent.messages);
}

static void
count_sent(struct gyre__outbox *outbox, const struct gyre__lane *lane)
{
	outbox->flushes++;
	outbox->sent += lane->sent.messages;
	count_sent_to(outbox, lane);
}

/* Push the lane: the returns, being older, below what is sent. */
static int
push_lane(struct gyre__outbox *outbox, struct gyre__lane *lane)
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
	result = gyre__inbox_send(lane->inbox, newest, oldest);
	if (result == 0) {
		count_sent(outbox, lane);
		lane->sent = (struct gyre__sheaf){ 0 };
		lane->returns = (struct gyre__sheaf){ 0 };
		return 0;
	}
	/* take them apart again */
	if (lane->sent.oldest != NULL)
		lane->sent.oldest->_next = NULL;
	if (lane->returns.oldest != NULL)
		lane->returns.oldest->_next = NULL;
	return result;
}

/* If all of it is in one block of callbacks, have them leave in one of the
 * thread's berth, which need not come home. */
static bool
push_at_berth(struct gyre__outbox *outbox, struct gyre__lane *lane)
{
	struct gyre_task *task = lane->sent.newest;
	struct gyre__block *block = (struct gyre__block *)task;
	struct gyre__guest *guest = gyre__guest_of_thread;

	/* While it closes, it sends cells, which are not the stock's. */
	if (task == NULL || task != lane->sent.oldest ||
	    task->run != gyre__block_run ||
	    block->kind != GYRE__BLOCK_COMES_HOME)
		return false;
	if (guest == NULL)
		guest = gyre__guest_arrive();
	if (guest == NULL || !gyre__berth_push(guest, lane->inbox, block))
		return false;
	count_sent(outbox, lane);
	lane->sent = (struct gyre__sheaf){ 0 };
	gyre__stock_put(outbox, block);
	return true;
}

/* Push a dirty lane; what is refused goes to the chain, for the caller. */
static void
flush_lane(struct gyre__outbox *outbox, struct gyre__lane *lane,
	   struct gyre__chain *refused)
{
	lane->open = NULL;
	lane->dirty = false;
	if (outbox->restock != NULL && push_at_berth(outbox, lane))
		return;
	if (is_empty(lane) || push_lane(outbox, lane) == 0)
		return; /* a full lane has gone before */
	free_orphans(&lane->returns);
	gather_refused(&lane->sent, refused);
	free_lane(outbox, lane);
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
		gyre__outbox_drop(outbox, &refused);
	}
}

/* Send home what is held of others' blocks, and forget the lanes. */
void
gyre__lanes_close(struct gyre__outbox *outbox)
{
	for (size_t i = 0; i < GYRE__OUTBOX_BUCKETS; i++) {
		struct gyre__lane *lane;

		while ((lane = outbox->buckets[i]) != NULL) {
			GYRE_INSIST(lane->sent.newest == NULL);
			if (!is_empty(lane) && push_lane(outbox, lane) < 0)
				free_orphans(&lane->returns);
			free_lane(outbox, lane);
		}
	}
}

/* -- adding ---------------------------------------------------------------- */

void
gyre__lane_add(struct gyre__lane *lane, struct gyre_task *task)
{
	sheaf_add(&lane->sent, task);
	lane->open = NULL;
}

void
gyre__lane_add_chain(struct gyre__lane *lane,
		     const struct gyre_task_chain *chain)
{
	chain->_oldest->_next = lane->sent.newest;
	lane->sent.newest = chain->_newest;
	if (lane->sent.oldest == NULL)
		lane->sent.oldest = chain->_oldest;
	lane->open = NULL;
}

void
gyre__lane_settle(struct gyre__outbox *outbox, struct gyre__lane *lane)
{
	if (lane->sent.messages >= GYRE__LANE_MESSAGES_MAX) {
		lane->open = NULL;
		if (push_lane(outbox, lane) == 0)
			return;
	}
	mark_dirty(outbox, lane);
}

void
gyre__lane_return(struct gyre__outbox *outbox, struct gyre__lane *lane,
		  struct gyre__block *block)
{
	sheaf_add(&lane->returns, &block->task);
	if (++lane->returns.messages >= GYRE__LANE_RETURNS_MAX)
		mark_dirty(outbox, lane);
}
