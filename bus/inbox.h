/*
 * The inbox: the queue through which tasks reach one consumer, with its sleep
 * and wake protocol in the queue's head word.
 *
 *     NULL     the consumer is awake, nothing waits
 *     task     something waits; whoever replaced ARMED has rung
 *     ARMED    the consumer has committed to sleep, nothing waits
 *     CLOSED   final: no push succeeds
 *
 *                push                 push (rings)
 *        NULL ----------> task <------------------ ARMED
 *          ^    take       |                         ^
 *          +---------------+      arm                |
 *          +-----------------------------------------+
 *                   take (a self-disarm)
 *
 * Any thread pushes; push and take of "the consumer" are one thread at a
 * time: a loop's owner, or a pool's worker under the pool's mutex. The order
 * is first in, first out per pusher. Unbounded. Urgent tasks have a stack of
 * their own, which the owner looks at between two tasks; a poke, which is a
 * task without a message, sees to it that it wakes for them. An inbox is
 * counted; while it is open its consumer holds a reference, so a push never
 * needs one of its own.
 */
#ifndef GYRE_BUS_INBOX_H
#define GYRE_BUS_INBOX_H

#include <gyre/task.h>

#include "base/atomics.h"
#include "base/check.h"
#include "base/sys.h"
#include "base/thread.h"
#include "bus/cells.h"
#include "bus/chain.h"
#include "bus/doorbell.h"

#include <stdalign.h>

struct gyre__awaiter;
struct gyre__berth;
struct gyre_bus;
struct gyre__outbox;

/* A task of the house's own: it runs in its turn, and is nobody's message. */
struct gyre__house_task {
	struct gyre_task task; /* first */
	void (*run)(struct gyre__house_task *task);
	/* It will not run. */
	void (*drop)(struct gyre__house_task *task);
};

void gyre__house_task_init(struct gyre__house_task *task,
			   void (*run)(struct gyre__house_task *task),
			   void (*drop)(struct gyre__house_task *task));

/* The consumer has asked that the next push say when it was. */
#define GYRE__INBOX_INVITED 1u

struct gyre_inbox {
	/* -- immutable after new -- */
	const struct gyre_sys *sys;
	struct gyre__doorbell *bell;
	uint32_t forks; /* a fork of its process may not send to it */
	/* -- immutable once its bus is connected -- */
	uint32_t shard;             /* on the bus */
	const struct gyre_bus *bus; /* NULL: none; compared, and no more */
	/* -- any thread, atomic: written seldom -- */
	uint32_t refs;
	/* Written once by close, read by senders: a stale 0 costs them a
	 * push that is refused. */
	uint32_t closed;
	/* Written once by the consumer, read by threads without an outbox: one
	 * that comes just then may find either. */
	uint32_t for_insiders;
	/* Of threads without an outbox: added to and never taken from while
	 * anybody has the inbox. */
	struct gyre__berth *berths;
	uint32_t berth_blocks; /* made for all of them */
	/* -- any thread, atomic: what overtakes -- */
	struct gyre_task *urgent; /* newest first; NULL, or CLOSED for good */
	uint32_t poked;           /* the poke is under way */
	struct gyre__house_task poke; /* whoever set poked pushes it */
	/* Written when a thread enters or leaves the consumer's outbox, read
	 * by those who may not be that thread: only a misuse is seen late. */
	struct gyre__outbox *outbox;
	/* -- consumer -- */
	alignas(GYRE__CACHE_LINE) uint64_t arms;
	uint64_t self_disarms;
	struct gyre__awaiter *awaiters; /* future.c's; oldest first */
	struct gyre__awaiter **awaiters_end;
	/* -- any thread, atomic -- */
	alignas(GYRE__CACHE_PAIR) struct gyre_task *head;
	uint64_t rings; /* done, each a ringer's last touch of the inbox */
	/* 0, or INVITED, or when the push began that answered; a consumer
	 * that reads it late has one sample less. */
	uint64_t oldest_ns;
	/* -- who has no berth to send from, atomic -- */
	alignas(GYRE__CACHE_PAIR) struct gyre__cells cells;
};

/* A new open inbox with one reference, or NULL. The bell outlives close. */
struct gyre_inbox *gyre__inbox_new(const struct gyre_sys *sys,
				   struct gyre__doorbell *bell);

/*
 * Push tasks that are linked from the newest to the oldest. Any thread and
 * signal handlers; -ESHUTDOWN: closed, the tasks stay the caller's.
 */
int gyre__inbox_push(struct gyre_inbox *inbox, struct gyre_task *newest,
		     struct gyre_task *oldest);

/* Say when this was, since the consumer asks. Any thread. */
void gyre__inbox_stamp(struct gyre_inbox *inbox);

/* Push what a user sent: as gyre__inbox_push(), and the consumer can find out
 * how long it waited. */
static inline int
gyre__inbox_send(struct gyre_inbox *inbox, struct gyre_task *newest,
		 struct gyre_task *oldest)
{
	/* inbox.D1 relaxed: a hint, which the exchange of the stamp verifies;
	 * on the head's own line */
	if (GYRE__UNLIKELY(gyre__load_64_relaxed(&inbox->oldest_ns) ==
			   GYRE__INBOX_INVITED))
		gyre__inbox_stamp(inbox);
	return gyre__inbox_push(inbox, newest, oldest);
}

/*
 * When the push began that the last invitation was answered with, or 0; then
 * invite again, or not. To be asked once what it pushed was taken. Consumer.
 */
int64_t gyre__inbox_oldest(struct gyre_inbox *inbox, bool invite);

/* Have the consumer wake, if it sleeps, and take once more. Any thread and
 * signal handlers; a closed inbox is left alone. */
void gyre__inbox_poke(struct gyre_inbox *inbox);

/* Whether urgent tasks wait, as far as the consumer can see. Consumer. */
static inline bool
gyre__inbox_has_urgent(const struct gyre_inbox *inbox)
{
	/* inbox.U3 relaxed: nothing is read through it; the poke sees to it
	 * that a later look finds what this one misses */
	return gyre__load_ptr_relaxed(&inbox->urgent) != NULL;
}

/* Append the urgent tasks to the chain, in first-in order. Consumer. */
void gyre__inbox_take_urgent(struct gyre_inbox *inbox,
			     struct gyre__chain *chain);

/* Append all that waits to the chain, in first-in order. Consumer. */
void gyre__inbox_take(struct gyre_inbox *inbox, struct gyre__chain *chain);

/* Commit to sleep; false: something came, take it. Consumer. */
bool gyre__inbox_arm(struct gyre_inbox *inbox);

/* Whether nothing waits that was pushed. The consumer. */
bool gyre__inbox_is_empty(const struct gyre_inbox *inbox);

/* Whether it is armed, and nobody has sent anything since. Consumer. */
bool gyre__inbox_is_armed(const struct gyre_inbox *inbox);

/*
 * Whether every ring that was begun is over. Until the next arm nobody touches
 * the bell then, and it may change. Consumer, awake.
 */
bool gyre__inbox_is_quiet(const struct gyre_inbox *inbox);

/*
 * Refuse all pushes from now on, append what waited to the chain, and wait
 * for the rings under way: nobody touches the bell after it. Consumer.
 */
void gyre__inbox_close(struct gyre_inbox *inbox, struct gyre__chain *chain);

/* Take no more from threads that are not gyre's, but what was accepted before
 * has sent home. Consumer. */
void gyre__inbox_admit_insiders(struct gyre_inbox *inbox);

/* Whether this thread, which runs no loop, may not send there. */
static inline bool
gyre__inbox_refuses_thread(const struct gyre_inbox *inbox)
{
	/* inbox.O1 relaxed: nothing is read through it */
	return GYRE__UNLIKELY(gyre__load_32_relaxed(&inbox->for_insiders) !=
			      0) &&
	       !gyre__thread_is_ours;
}

/* Take `count` more references; any thread that has one. */
void gyre__inbox_ref_many(struct gyre_inbox *inbox, uint32_t count);

/* Give so many back. */
void gyre__inbox_unref_many(struct gyre_inbox *inbox, uint32_t count);

/* Whether close has begun, as far as this thread can see. Any thread. */
bool gyre__inbox_is_closed(const struct gyre_inbox *inbox);

/* The same, for who sends: a hint, since the push decides. */
static inline bool
gyre__inbox_refuses(const struct gyre_inbox *inbox)
{
	/* inbox.F2 relaxed: nothing is read through it */
	return gyre__load_32_relaxed(&inbox->closed) != 0;
}

#endif
