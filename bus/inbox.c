/*
 * The inbox's protocol, all of it. A Treiber stack with the layout of
 * ck_stack, pushed by compare-and-swap and taken whole by one exchange, which
 * makes it immune to ABA; the consumer's sleep state is in the same word, so
 * there is one modification order and no fence pair: a push comes before the
 * arm, which then fails, or after it, and then rings.
 *
 * Rejected: ck_stack_push_upmc, which can neither stop at CLOSED nor tell
 * what it replaced; a flag beside a queue, which loses wake-ups unless both
 * sides fence; bounded rings, whose producers wait for a preempted peer.
 */
#include "bus/inbox.h"

#include "base/atomics.h"
#include "base/check.h"
#include "base/fork.h"
#include "base/trace.h"
#include "bus/berth.h"
#include "bus/block.h"

#include <ck_stack.h>
#include <errno.h>

#define ARMED  ((struct gyre_task *)(uintptr_t)1)
#define CLOSED ((struct gyre_task *)(uintptr_t)3)

_Static_assert(offsetof(struct gyre_task, _next) ==
		       offsetof(struct ck_stack_entry, next),
	       "a task is a ck_stack_entry");

/* -- tasks of the house -------------------------------------------------- */

void
gyre__house_run(struct gyre_task *task)
{
	struct gyre__house_task *house = (struct gyre__house_task *)task;

	house->run(house);
}

static void
drop_house(struct gyre_task *task, enum gyre_drop_reason reason)
{
	struct gyre__house_task *house = (struct gyre__house_task *)task;

	(void)reason;
	house->drop(house);
}

void
gyre__house_task_init(struct gyre__house_task *task,
		      void (*run)(struct gyre__house_task *task),
		      void (*drop)(struct gyre__house_task *task))
{
	task->task.run = gyre__house_run;
	task->task.drop = drop_house;
	task->run = run;
	task->drop = drop;
}

static struct gyre_inbox *
inbox_of_poke(struct gyre__house_task *poke)
{
	return (struct gyre_inbox *)((char *)poke -
				     offsetof(struct gyre_inbox, poke));
}

static void
run_poke(struct gyre__house_task *poke)
{
	/* inbox.K1 acq_rel: what was done before the pokes that this one
	 * stands for, urgent tasks among it; pairs with inbox.K2 */
	gyre__swap_32_acq_rel(&inbox_of_poke(poke)->poked, 0);
}

static void
drop_poke(struct gyre__house_task *poke)
{
	(void)poke;
}

/* -- the protocol -------------------------------------------------------- */

struct gyre_inbox *
gyre__inbox_new(const struct gyre_sys *sys, struct gyre__doorbell *bell)
{
	struct gyre_inbox *inbox =
		gyre__allocate(sys, sizeof(*inbox), GYRE__CACHE_PAIR);

	if (inbox == NULL)
		return NULL;
	inbox->sys = sys;
	inbox->bell = bell;
	inbox->forks = gyre__forks();
	inbox->refs = 1;
	gyre__house_task_init(&inbox->poke, run_poke, drop_poke);
	inbox->awaiters_end = &inbox->awaiters;
	gyre__cells_init(&inbox->cells, sys);
	return inbox;
}

/* A fork's bell is its parent's, whom nothing has come for. */
static void
ring(struct gyre_inbox *inbox)
{
	if (!gyre__is_fork(inbox->forks))
		inbox->bell->ring(inbox->bell);
	/* inbox.R1 release: the bell's last use, and the last touch of the
	 * inbox; pairs with inbox.Q1 */
	gyre__add_64_release(&inbox->rings, 1);
}

int
gyre__inbox_push(struct gyre_inbox *inbox, struct gyre_task *newest,
		 struct gyre_task *oldest)
{
	struct gyre_task *seen;

	gyre__prefetch_write(&inbox->head);
	/* inbox.P1 relaxed: a guess, which the exchange below verifies */
	seen = gyre__load_ptr_relaxed(&inbox->head);

	do {
		if (seen == CLOSED)
			return -ESHUTDOWN;
		oldest->_next = seen == ARMED ? NULL : seen;
		/* inbox.P2 acq_rel: the tasks' fields before the head that
		 * leads to them, and the bell as it was when the consumer
		 * armed; pairs with inbox.T2, inbox.C1, inbox.A1 */
	} while (!gyre__cas_ptr_acq_rel(&inbox->head, &seen, newest));
	if (seen == ARMED)
		ring(inbox);
	return 0;
}

void
gyre__inbox_stamp(struct gyre_inbox *inbox)
{
	uint64_t invited = GYRE__INBOX_INVITED;

	/* inbox.D2 relaxed: comes with the push that follows it; one that
	 * finds it taken has been answered for */
	(void)gyre__cas_64_relaxed(&inbox->oldest_ns, &invited,
				   (uint64_t)gyre__now_ns(inbox->sys));
}

int64_t
gyre__inbox_oldest(struct gyre_inbox *inbox, bool invite)
{
	/* inbox.D3 relaxed: the push that was taken has brought it */
	uint64_t seen = gyre__load_64_relaxed(&inbox->oldest_ns);

	if (seen > GYRE__INBOX_INVITED || invite)
		/* inbox.D4 relaxed: a pusher changes nothing but INVITED; a
		 * stamp that comes just then is lost, and asked for anew */
		gyre__store_64_relaxed(&inbox->oldest_ns,
				       invite ? GYRE__INBOX_INVITED : 0);
	return seen > GYRE__INBOX_INVITED ? (int64_t)seen : 0;
}

void
gyre__inbox_poke(struct gyre_inbox *inbox)
{
	/* inbox.K2 acq_rel: what this thread did before; whoever finds it set
	 * relies on a poke that has not run; pairs with inbox.K1 */
	if (gyre__swap_32_acq_rel(&inbox->poked, 1) == 0)
		(void)gyre__inbox_push(inbox, &inbox->poke.task,
				       &inbox->poke.task);
}

int
gyre_inbox_post_urgent(struct gyre_inbox *inbox, struct gyre_task *task)
{
	struct gyre_task *seen;

	GYRE_REQUIRE(task->run != NULL && task->drop != NULL);
	if (gyre__is_fork(inbox->forks))
		return -EPERM;
	GYRE__TRACE_TASK_POSTED(inbox, task, 1);
	/* inbox.U1 relaxed: a guess, which the exchange below verifies */
	seen = gyre__load_ptr_relaxed(&inbox->urgent);
	do {
		if (seen == CLOSED)
			return -ESHUTDOWN;
		task->_next = seen;
		/* inbox.U2 release: the task's fields before the stack that
		 * leads to it; pairs with inbox.U4, inbox.U5 */
	} while (!gyre__cas_ptr_release(&inbox->urgent, &seen, task));
	gyre__inbox_poke(inbox);
	return 0;
}

/* What a guest may still add to is taken from it. */
static inline void
take_block(struct gyre_task *task)
{
	struct gyre__block *block = (struct gyre__block *)task;

	if (task->run == gyre__block_untaken)
		gyre__block_take(block);
	if (task->run == gyre__block_run)
		GYRE__BLOCK_PREFETCH(block, block->used, gyre__prefetch);
}

/* Turn last-in order round, prefetching, and append it. */
static void
append_reversed(struct gyre__chain *chain, struct gyre_task *newest)
{
	struct gyre__chain taken = { .tail = newest };
	struct gyre_task *task = newest;

	while (task != NULL) {
		struct gyre_task *older = task->_next;

		if (older != NULL)
			gyre__prefetch_write(older);
		take_block(task);
		task->_next = taken.head;
		taken.head = task;
		taken.messages += gyre__task_messages(task);
		task = older;
	}
	gyre__chain_concat(chain, &taken);
}

void
gyre__inbox_take(struct gyre_inbox *inbox, struct gyre__chain *chain)
{
	struct gyre_task *seen;

	/* It is written if anything waits; and if not, by who pushes next. */
	gyre__prefetch_write(&inbox->head);
	/* inbox.T1 relaxed: nothing is read through it */
	if (gyre__load_ptr_relaxed(&inbox->head) == NULL)
		return;
	/* inbox.T2 acquire: the tasks' fields after the head; pairs with
	 * inbox.P2 */
	seen = gyre__swap_ptr_acquire(&inbox->head, NULL);
	if (seen == ARMED)
		inbox->self_disarms++;
	else
		append_reversed(chain, seen);
}

void
gyre__inbox_take_urgent(struct gyre_inbox *inbox, struct gyre__chain *chain)
{
	/* inbox.U4 acquire: the tasks' fields after the stack; pairs with
	 * inbox.U2 */
	append_reversed(chain, gyre__swap_ptr_acquire(&inbox->urgent, NULL));
}

bool
gyre__inbox_arm(struct gyre_inbox *inbox)
{
	struct gyre_task *expected = NULL;

	/* inbox.A1 release: the bell, for who will ring it; pairs with
	 * inbox.P2. That a push comes before or after it in the head's one
	 * order is all it needs otherwise */
	if (!gyre__cas_ptr_release(&inbox->head, &expected, ARMED))
		return false;
	inbox->arms++;
	return true;
}

bool
gyre__inbox_is_armed(const struct gyre_inbox *inbox)
{
	/* inbox.A2 relaxed: nothing is read through it; whoever replaces ARMED
	 * later rings */
	return gyre__load_ptr_relaxed(&inbox->head) == ARMED;
}

bool
gyre__inbox_is_empty(const struct gyre_inbox *inbox)
{
	/* inbox.E1 relaxed: nothing is read through it; a take follows */
	const struct gyre_task *seen = gyre__load_ptr_relaxed(&inbox->head);

	return seen == NULL || seen == ARMED || seen == CLOSED;
}

bool
gyre__inbox_is_quiet(const struct gyre_inbox *inbox)
{
	/* inbox.Q1 acquire: the bell's last use; pairs with inbox.R1 */
	return gyre__load_64_acquire(&inbox->rings) ==
	       inbox->arms - inbox->self_disarms;
}

void
gyre__inbox_close(struct gyre_inbox *inbox, struct gyre__chain *chain)
{
	struct gyre_task *seen;

	/* inbox.F1 relaxed: a hint that spares senders a refused push */
	gyre__store_32_relaxed(&inbox->closed, 1);
	/* inbox.C1 acq_rel: the tasks' fields after the head, what the closer
	 * did before it; pairs with inbox.P2 */
	seen = gyre__swap_ptr_acq_rel(&inbox->head, CLOSED);
	GYRE_INSIST(seen != CLOSED);
	if (seen == ARMED)
		inbox->self_disarms++;
	else
		append_reversed(chain, seen);
	/* inbox.U5 acq_rel: as C1, for the urgent ones; pairs with inbox.U2 */
	append_reversed(chain, gyre__swap_ptr_acq_rel(&inbox->urgent, CLOSED));
	while (!gyre__inbox_is_quiet(inbox)) {
		gyre__pause();
		inbox->sys->sched_yield();
	}
}

void
gyre__inbox_admit_insiders(struct gyre_inbox *inbox)
{
	/* inbox.O2 relaxed: nothing is read through it */
	gyre__store_32_relaxed(&inbox->for_insiders, 1);
}

void
gyre__inbox_ref_many(struct gyre_inbox *inbox, uint32_t count)
{
	/* inbox.N1 relaxed: whoever adds one has one */
	gyre__add_32_relaxed(&inbox->refs, count);
}

bool
gyre__inbox_is_closed(const struct gyre_inbox *inbox)
{
	return gyre__inbox_refuses(inbox);
}

struct gyre_inbox *
gyre_inbox_ref(struct gyre_inbox *inbox)
{
	gyre__inbox_ref_many(inbox, 1);
	return inbox;
}

void
gyre_inbox_unref(struct gyre_inbox *inbox)
{
	if (inbox != NULL)
		gyre__inbox_unref_many(inbox, 1);
}

void
gyre__inbox_unref_many(struct gyre_inbox *inbox, uint32_t count)
{
	/* inbox.N2 acq_rel: every holder's uses before the release of the
	 * memory; pairs with inbox.N2 */
	uint32_t before = gyre__add_32_acq_rel(&inbox->refs, -count);

	GYRE_INSIST(before >= count);
	if (before > count)
		return;
	gyre__berths_fini(inbox);
	gyre__cells_fini(&inbox->cells);
	inbox->sys->release(inbox);
}
