/*
 * The outbox: what one thread sends, gathered per destination.
 *
 * Each destination has a lane: tasks as themselves and callbacks by value in
 * blocks, in one order, pushed with one compare-and-swap. A lane is flushed
 * when GYRE__LANE_MESSAGES_MAX wait in it, and all are flushed at the end of
 * each batch and before the loop sleeps. What the thread sends to itself
 * never leaves: it goes to the ready chain, with no atomic operation.
 *
 * A running loop's outbox is its thread's current one. Blocks that came from
 * elsewhere go home with what is sent there anyway, or once
 * GYRE__LANE_RETURNS_MAX wait; cells go back to the inbox they came through,
 * GYRE__CELLS_BACK_MAX at a time.
 *
 * All functions are for the outbox's own thread unless they say otherwise.
 */
#ifndef GYRE_BUS_OUTBOX_H
#define GYRE_BUS_OUTBOX_H

#include <gyre/task.h>

#include <stdbool.h>

#include "base/sys.h"
#include "bus/block.h"
#include "bus/cells.h"
#include "bus/chain.h"
#include "bus/inbox.h"

#define GYRE__LANE_MESSAGES_MAX 64
#define GYRE__LANE_RETURNS_MAX  32
#define GYRE__SPARE_BLOCKS_MAX  256
#define GYRE__OUTBOX_BUCKETS    64
#define GYRE__CELLS_BACK_MAX    32
/* One batch in so many has its queue delay taken. */
#define GYRE__DELAYS_EVERY 8
/* References to the home that are taken together. */
#define GYRE__HOME_REFS 64

struct gyre__waiter;
struct gyre_histogram;

/* Tasks linked from the newest to the oldest, as a push wants them. */
struct gyre__sheaf {
	struct gyre_task *newest;
	struct gyre_task *oldest;
	size_t messages;
};

struct gyre__asker;
struct gyre__trail;

struct gyre__lane {
	struct gyre_inbox *inbox; /* a reference */
	struct gyre__lane *next;  /* in its bucket */
	struct gyre__lane *next_dirty;
	bool dirty;
	struct gyre__block *open; /* the newest task, if callbacks fit in */
	struct gyre__sheaf sent;
	struct gyre__sheaf returns; /* `messages` counts blocks here */
};

/* A user function that raised; what run it looks at gyre_exception(). */
typedef void (*gyre__raise_fn)(struct gyre__outbox *outbox, const char *what,
			       void (*fn)(void), void *arg);

/* What the thread's calls have come to; errand.c's. */
struct gyre__call_counts {
	uint64_t made; /* = run + canceled + expired + stopped + open */
	uint64_t run;  /* its result discarded or not */
	uint64_t canceled;
	uint64_t expired;
	uint64_t stopped;
	uint64_t refused; /* not made */
};

struct gyre__outbox {
	const struct gyre_sys *sys;
	struct gyre_inbox *home; /* borrowed: the owner's own inbox */
	gyre__raise_fn on_raise;
	/* The owner's clock, for how long functions run; NULL: nobody asks. */
	int64_t (*now_ns)(void *arg);
	void *now_arg;
	/* References to the home that were taken in advance, together: each
	 * by itself would take the line that all who send there read. */
	uint32_t home_refs;
	/* A thread's that runs no loop: have the blocks come home that are
	 * there. NULL: a loop's, whom they come to in its turn. */
	void (*restock)(struct gyre__outbox *outbox);
	bool closing; /* the home refuses from now on; its own thread asks here,
		       * not the inbox, and so touches nothing shared */
	/* what the owner has to run */
	struct gyre__chain ready;
	/* Its last block, while callbacks fit in; the next one goes to
	 * ready_at, if that is not ready_end. Those between the block's used
	 * ones and that are not yet counted, neither there nor here. */
	struct gyre__block *ready_open;
	struct gyre__entry *ready_at;
	struct gyre__entry *ready_end;
	/* The owner ends before the batch does: what did not run is ready
	 * again. halted_in is the task that ran, if something is left of it. */
	bool halted;
	struct gyre_task *halted_in;
	const struct gyre__chain *batch; /* that runs; or NULL */
	/* Runs, and has a slot of a port that its sends may use. */
	struct gyre__waiter *granted;
	/* what leaves */
	struct gyre__lane *buckets[GYRE__OUTBOX_BUCKETS];
	struct gyre__lane *last; /* used last: most sends go there again */
	struct gyre__lane *dirty;
	struct gyre__lane *dirty_tail;
	/* blocks at home */
	struct gyre__block *spare;
	uint32_t spares;
	uint32_t blocks; /* allocated and not freed */
	/* the home inbox's cells that have run */
	struct gyre__cell_list cells;
	/* what it has asked of shards; errand.c's */
	struct gyre__asker *askers;
	struct gyre__call_counts calls;
	const struct gyre__trail *trail; /* of the call that runs; or NULL */
	/* How long the next callback runs is to be counted here; or NULL. */
	struct gyre_histogram *timing;
	bool asks_delays;  /* by the clock of the system, which pushers read */
	bool has_invited;  /* a push to answer: its line is the pushers' */
	int64_t oldest_ns; /* when a push began that is ready; 0: unknown */
	/* Where what is sent to each shard of the home's bus is counted; any
	 * thread reads it. NULL: it is not counted. */
	uint64_t *sent_to;
	/* counters, which only grow */
	uint64_t batches;
	uint64_t received;
	uint64_t posted; /* see gyre__outbox_posted() */
	uint64_t run;
	uint64_t dropped;
	uint64_t sent;
	uint64_t undelivered;
	uint64_t flushes;
};

/* This thread's outbox, or NULL: one of the thread-locals. */
extern _Thread_local struct gyre__outbox *gyre__outbox_of_thread
	__attribute__((tls_model("initial-exec"), visibility("hidden")));

void gyre__outbox_init(struct gyre__outbox *outbox, const struct gyre_sys *sys,
		       struct gyre_inbox *home, gyre__raise_fn on_raise);

/* Make it the thread's outbox, and undo that; flush before leaving. */
void gyre__outbox_enter(struct gyre__outbox *outbox);
void gyre__outbox_leave(struct gyre__outbox *outbox);

/* Add a callback to the ready chain, where there is room in its last block. */
static inline bool
gyre__outbox_add_ready(struct gyre__outbox *outbox, gyre_callback_fn fn,
		       void *arg)
{
	struct gyre__entry *entry = outbox->ready_at;

	if (__builtin_expect(entry >= outbox->ready_end, 0))
		return false;
	entry->fn = fn;
	entry->arg = arg;
	outbox->ready_at = entry + 1;
	return true;
}

/* How many were added like that, and are not counted. */
static inline size_t
gyre__outbox_uncounted(const struct gyre__outbox *outbox)
{
	const struct gyre__block *open = outbox->ready_open;

	return open == NULL ? 0
			    : (size_t)(outbox->ready_at -
				       &open->entries[open->used]);
}

/* Count them. */
void gyre__outbox_count_ready(struct gyre__outbox *outbox);

/* Count them, and add no more to that block. */
void gyre__outbox_close_ready(struct gyre__outbox *outbox);

/* How many there were to run so far. */
static inline uint64_t
gyre__outbox_posted(const struct gyre__outbox *outbox)
{
	return outbox->posted + gyre__outbox_uncounted(outbox);
}

/*
 * Add a callback to a destination's lane, or to the ready chain.
 * -ESHUTDOWN, -ENOMEM: nothing was taken.
 */
int gyre__outbox_add(struct gyre__outbox *outbox, struct gyre_inbox *inbox,
		     gyre_callback_fn fn, void *arg, gyre_drop_fn drop);

/* The same for a task; needs no memory. */
int gyre__outbox_post(struct gyre__outbox *outbox, struct gyre_inbox *inbox,
		      struct gyre_task *task);

/* Push every lane that has something; drop what a closed inbox refused. */
void gyre__outbox_flush(struct gyre__outbox *outbox);

/* Take a reference to its home, to be given back anywhere. */
static inline void
gyre__outbox_ref_home(struct gyre__outbox *outbox)
{
	if (__builtin_expect(outbox->home_refs == 0, 0)) {
		gyre__inbox_ref_many(outbox->home, GYRE__HOME_REFS);
		outbox->home_refs = GYRE__HOME_REFS;
	}
	outbox->home_refs--;
}

static inline bool
gyre__outbox_is_flushed(const struct gyre__outbox *outbox)
{
	return outbox->dirty == NULL;
}

/* Move what arrived in the home inbox to the ready chain. */
void gyre__outbox_receive(struct gyre__outbox *outbox);

/* Receive, and take all that is ready; what is added later is another batch. */
void gyre__outbox_take_ready(struct gyre__outbox *outbox,
			     struct gyre__chain *ret_batch);

/* Run a chain that was ready, and empty it. Halted on the way, what is left
 * becomes ready again, before what came meanwhile. */
void gyre__outbox_run(struct gyre__outbox *outbox, struct gyre__chain *chain);

/* The same, and count how long one callback or task of its first ran. */
void gyre__outbox_run_timed(struct gyre__outbox *outbox,
			    struct gyre__chain *chain,
			    struct gyre_histogram *run_time);

/* Run a task that was popped; what it stands for leaves the chain's count when
 * it has run. */
void gyre__outbox_run_task(struct gyre__outbox *outbox,
			   struct gyre__chain *chain, struct gyre_task *task);

/* Find out how long one batch in GYRE__DELAYS_EVERY has waited, from now on. */
void gyre__outbox_ask_delays(struct gyre__outbox *outbox);

/*
 * Return to whoever runs the outbox after the function that now runs, which
 * counts as one that raised; what it raised itself is still reported. The
 * owner clears `halted` before it runs again.
 */
void gyre__outbox_halt(struct gyre__outbox *outbox);

/* Whether what this thread raised is no more than that. */
bool gyre__raised_is_halt(void);

/* Run the urgent tasks that are there, between two others. */
void gyre__outbox_run_urgent_now(struct gyre__outbox *outbox);

static inline void
gyre__outbox_run_urgent(struct gyre__outbox *outbox)
{
	if (__builtin_expect(gyre__inbox_has_urgent(outbox->home), 0))
		gyre__outbox_run_urgent_now(outbox);
}

/* The function that runs next of what waits, or NULL: nothing is known to. */
void (*gyre__outbox_first_waiting(struct gyre__outbox *outbox))(void);

/* Drop a chain's tasks since they were stopped, and empty it. */
void gyre__outbox_drop(struct gyre__outbox *outbox, struct gyre__chain *chain);

/*
 * Close the home inbox: drop what waits there, in the ready chain and for its
 * futures, flush, send other outboxes' blocks home, free the own ones. The
 * thread must have entered it.
 */
void gyre__outbox_close(struct gyre__outbox *outbox);

/* Give a block back that has run or was dropped. Any thread. */
void gyre__block_release(struct gyre__block *block);

/* Report what the function that just returned raised, if it did. */
void gyre__outbox_report(struct gyre__outbox *outbox, const char *what,
			 void (*fn)(void), void *arg);

/*
 * Send to an inbox from whatever thread this is: through its outbox if it has
 * one, else directly. Any thread.
 */
int gyre__send_callback(struct gyre_inbox *inbox, gyre_callback_fn fn,
			void *arg, gyre_drop_fn drop);

/* The same past the thread's berths, if it has no outbox. Any thread. */
int gyre__send_cell(struct gyre_inbox *inbox, gyre_callback_fn fn, void *arg,
		    gyre_drop_fn drop);

/* The same for a task, which need not come from inside though the inbox takes
 * nothing else: what was accepted before has it sent. */
int gyre__send_task(struct gyre_inbox *inbox, struct gyre_task *task);

/*
 * Send a callback past the thread's outbox, which a signal handler may have
 * interrupted half-way through a change. -EAGAIN: no cell is free. Any thread
 * and signal handlers.
 */
int gyre__send_callback_from_signal(struct gyre_inbox *inbox,
				    gyre_callback_fn fn, void *arg,
				    gyre_drop_fn drop);

#endif
