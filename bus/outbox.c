/*
 * The outbox's life: entered by its thread, run from, closed. Lanes, sending
 * and the stock of blocks have files of their own.
 *
 * Rejected: a matrix of single-producer rings, whose sleeper must look at
 * every ring behind a fence, and which keeps no order between two paths; a
 * shared pool of nodes, which every sender would contend for.
 */
#include "bus/outbox.h"

#include "base/atomics.h"
#include "base/check.h"
#include "base/exception.h"
#include "base/fork.h"
#include "base/histogram.h"
#include "base/trace.h"
#include "bus/errand.h"
#include "bus/future.h"
#include "bus/inbox.h"
#include "bus/lane.h"
#include "bus/stock.h"

#include <errno.h>
#include <pthread.h>

/* The place of what nobody raised: the halt is looked for where a raise is. */
static const char halted[] = "(halted)";

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
gyre__outbox_ask_delays(struct gyre__outbox *outbox)
{
	outbox->asks_delays = true;
	outbox->has_invited = true;
	(void)gyre__inbox_oldest(outbox->home, true);
}

/* What waits is the parent's: its child ends with what it is at. */
static void
halt_in_child(void)
{
	struct gyre__outbox *outbox = gyre__outbox_of_thread;

	if (outbox == NULL)
		return;
	outbox->halted = true;
	/* Nor is anything added without a look at whose the loop is. */
	outbox->ready_end = outbox->ready_at;
}

static void
watch_forks(void)
{
	pthread_atfork(NULL, NULL, halt_in_child);
}

void
gyre__outbox_enter(struct gyre__outbox *outbox)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, watch_forks);
	GYRE_INSIST(gyre__outbox_of_thread == NULL);
	gyre__outbox_of_thread = outbox;
	/* outbox.E1 relaxed: compared, and no more */
	gyre__store_ptr_relaxed(&outbox->home->outbox, outbox);
}

void
gyre__outbox_leave(struct gyre__outbox *outbox)
{
	GYRE_INSIST(gyre__outbox_of_thread == outbox);
	GYRE_INSIST(gyre__outbox_is_flushed(outbox));
	/* outbox.E2 relaxed: as outbox.E1 */
	gyre__store_ptr_relaxed(&outbox->home->outbox, NULL);
	gyre__outbox_of_thread = NULL;
}

bool
gyre__raised_is_halt(void)
{
	return gyre__exception.file == halted;
}

void
gyre__outbox_report(struct gyre__outbox *outbox, const char *what,
		    void (*fn)(void), void *arg)
{
	if (!gyre__raised_is_halt())
		outbox->on_raise(outbox, what, fn, arg);
	gyre__clear_exception();
}

void
gyre__outbox_halt(struct gyre__outbox *outbox)
{
	outbox->halted = true;
	if (gyre__raised())
		return;
	gyre__exception.error = -ECANCELED;
	gyre__exception.file = halted;
}

/* -- what is ready ------------------------------------------------------- */

void
gyre__outbox_count_ready(struct gyre__outbox *outbox)
{
	size_t added = gyre__outbox_uncounted(outbox);

	if (added == 0)
		return;
	outbox->ready_open->used += (uint16_t)added;
	outbox->ready_open->messages += (uint32_t)added;
	outbox->ready.messages += added;
	outbox->posted += added;
}

void
gyre__outbox_close_ready(struct gyre__outbox *outbox)
{
	gyre__outbox_count_ready(outbox);
	outbox->ready_open = NULL;
	outbox->ready_at = NULL;
	outbox->ready_end = NULL;
}

/* -- running ------------------------------------------------------------- */

static void
count_batch(struct gyre__outbox *outbox, size_t messages)
{
	bool invite;
	int64_t oldest_ns;

	outbox->batches++;
	outbox->received += messages;
	outbox->posted += messages;
	invite = outbox->asks_delays &&
		 outbox->batches % GYRE__DELAYS_EVERY == 0;
	if (GYRE__LIKELY(!invite && !outbox->has_invited))
		return;
	oldest_ns = gyre__inbox_oldest(outbox->home, invite);
	if (oldest_ns != 0)
		outbox->oldest_ns = oldest_ns;
	outbox->has_invited = invite || (outbox->has_invited && oldest_ns == 0);
}

void
gyre__outbox_receive(struct gyre__outbox *outbox)
{
	struct gyre__chain taken = { 0 };

	gyre__inbox_take(outbox->home, &taken);
	if (taken.head == NULL)
		return;
	if (taken.messages > 0)
		count_batch(outbox, taken.messages);
	gyre__outbox_close_ready(outbox);
	gyre__chain_concat(&outbox->ready, &taken);
}

void
gyre__outbox_take_ready(struct gyre__outbox *outbox,
			struct gyre__chain *ret_batch)
{
	gyre__outbox_receive(outbox);
	gyre__outbox_close_ready(outbox);
	*ret_batch = outbox->ready;
	outbox->ready = (struct gyre__chain){ 0 };
}

/* Halted: what is left of the task that ran, then of the chain, is ready. */
static void
put_back(struct gyre__outbox *outbox, struct gyre__chain *chain)
{
	struct gyre_task *task = outbox->halted_in;

	if (task != NULL) {
		size_t left = gyre__task_messages(task);

		task->_next = chain->head;
		chain->head = task;
		if (chain->tail == NULL)
			chain->tail = task;
		chain->messages += left;
		outbox->run -= left;
		outbox->halted_in = NULL;
	}
	gyre__outbox_close_ready(outbox);
	gyre__chain_concat(chain, &outbox->ready);
	gyre__chain_concat(&outbox->ready, chain);
}

void
gyre__outbox_run_task(struct gyre__outbox *outbox, struct gyre__chain *chain,
		      struct gyre_task *task)
{
	void (*run)(struct gyre_task *) = task->run;
	size_t messages = gyre__task_messages(task);

	GYRE__TRACE_TASK_RUN(outbox->home, task, run);
	run(task);
	outbox->run += messages;
	chain->messages -= messages;
	if (gyre__raised())
		gyre__outbox_report(outbox, "task", (void (*)(void))run, task);
}

void
gyre__outbox_run_urgent_now(struct gyre__outbox *outbox)
{
	struct gyre__chain urgent = { 0 };
	struct gyre_task *task;

	if (outbox->halted)
		return;
	gyre__inbox_take_urgent(outbox->home, &urgent);
	outbox->received += urgent.messages;
	outbox->posted += urgent.messages;
	while (!outbox->halted && (task = gyre__chain_pop(&urgent)) != NULL)
		gyre__outbox_run_task(outbox, &urgent, task);
	if (GYRE__UNLIKELY(outbox->halted))
		put_back(outbox, &urgent);
}

void
gyre__outbox_run(struct gyre__outbox *outbox, struct gyre__chain *chain)
{
	struct gyre_task *task;

	outbox->batch = chain;
	for (;;) {
		gyre__outbox_run_urgent(outbox);
		if (GYRE__UNLIKELY(outbox->halted)) {
			put_back(outbox, chain);
			break;
		}
		task = gyre__chain_pop(chain);
		if (task == NULL)
			break;
		if (chain->head != NULL)
			gyre__prefetch(chain->head);
		gyre__outbox_run_task(outbox, chain, task);
	}
	outbox->batch = NULL;
}

static void (*function_of(const struct gyre_task *task))(void)
{
	const struct gyre__block *block = (const struct gyre__block *)task;
	const struct gyre__entry *entry = block->entries;

	if (task->run != gyre__block_run)
		return (void (*)(void))task->run;
	return (void (*)(void))(entry->fn == gyre__drop_mark ? entry[1].fn
							     : entry->fn);
}

static const struct gyre_task *
first_message(const struct gyre__chain *chain)
{
	const struct gyre_task *task = chain->head;

	while (task != NULL && gyre__task_messages(task) == 0)
		task = task->_next;
	return task;
}

void (*gyre__outbox_first_waiting(struct gyre__outbox *outbox))(void)
{
	const struct gyre_task *task = NULL;

	gyre__outbox_count_ready(outbox);
	if (outbox->batch != NULL)
		task = first_message(outbox->batch);
	if (task == NULL)
		task = first_message(&outbox->ready);
	return task != NULL ? function_of(task) : NULL;
}

/* A block of callbacks takes its time itself, of one of them. */
static void
run_task_timed(struct gyre__outbox *outbox, struct gyre__chain *chain,
	       struct gyre_task *task, struct gyre_histogram *run_time)
{
	int64_t began_ns;

	if (task->run == gyre__block_run) {
		outbox->timing = run_time;
		gyre__outbox_run_task(outbox, chain, task);
	} else if (gyre__task_messages(task) > 0) {
		began_ns = outbox->now_ns(outbox->now_arg);
		gyre__outbox_run_task(outbox, chain, task);
		gyre__histogram_record(
			run_time, outbox->now_ns(outbox->now_arg) - began_ns);
	} else {
		gyre__outbox_run_task(outbox, chain, task);
	}
}

void
gyre__outbox_run_timed(struct gyre__outbox *outbox, struct gyre__chain *chain,
		       struct gyre_histogram *run_time)
{
	struct gyre_task *task;

	outbox->batch = chain;
	gyre__outbox_run_urgent(outbox);
	if (!outbox->halted && (task = gyre__chain_pop(chain)) != NULL)
		run_task_timed(outbox, chain, task, run_time);
	gyre__outbox_run(outbox, chain);
}

void
gyre__outbox_drop(struct gyre__outbox *outbox, struct gyre__chain *chain)
{
	struct gyre_task *task;

	chain->messages = 0;
	while (!gyre__is_fork(outbox->home->forks) &&
	       (task = gyre__chain_pop(chain)) != NULL) {
		void (*drop)(struct gyre_task *, enum gyre_drop_reason) =
			task->drop;

		if (task->run == gyre__block_come_home) {
			gyre__block_come_home(task);
			continue;
		}
		GYRE__TRACE_TASK_DROPPED(outbox->home, task, drop);
		drop(task, GYRE_DROP_STOPPED);
		if (gyre__raised())
			gyre__outbox_report(outbox, "drop",
					    (void (*)(void))drop, task);
	}
}

/* -- closing ------------------------------------------------------------- */

/* What counts the open calls, none of which comes home any more. */
static void
free_askers(struct gyre__outbox *outbox)
{
	struct gyre__asker *asker;

	while ((asker = outbox->askers) != NULL) {
		outbox->askers = asker->next;
		gyre_inbox_unref(asker->first);
		outbox->sys->release(asker);
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
	uint32_t out;

	GYRE_INSIST(gyre__outbox_of_thread == outbox);
	gyre__outbox_flush(outbox);
	out = outbox->blocks - outbox->spares;
	gyre__inbox_ref_many(outbox->home, out);
	gyre__outbox_close_ready(outbox);
	outbox->closing = true;
	gyre__inbox_close(outbox->home, &rest);
	outbox->received += rest.messages;
	outbox->posted += rest.messages;
	gyre__chain_concat(&outbox->ready, &rest);
	outbox->dropped += outbox->ready.messages;
	gyre__outbox_drop(outbox, &outbox->ready);
	gyre__futures_close(outbox->home);
	gyre__outbox_flush(outbox);
	gyre__lanes_close(outbox);
	for (out -= outbox->blocks - outbox->spares; out > 0; out--)
		gyre_inbox_unref(outbox->home);
	gyre__cells_put(&outbox->home->cells, &outbox->cells);
	gyre__stock_fini(outbox);
	free_askers(outbox);
	gyre__inbox_unref_many(outbox->home, outbox->home_refs);
	outbox->home_refs = 0;
}
