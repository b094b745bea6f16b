/*
 * The loop from the inside, for loop/ and the rooms above it.
 */
#ifndef GYRE_LOOP_LOOP_H
#define GYRE_LOOP_LOOP_H

#include <gyre/loop.h>

#include <errno.h>

#include "base/atomics.h"
#include "base/check.h"
#include "base/fork.h"
#include "base/spares.h"
#include "base/thread.h"
#include "bus/doorbell.h"
#include "bus/outbox.h"
#include "loop/bulletin.h"
#include "loop/handlers.h"
#include "loop/poller.h"
#include "loop/slack.h"
#include "loop/spin.h"
#include "loop/timeouts.h"
#include "loop/watchdog.h"

/*
 * The bits of a loop's state word, any thread's to read.
 *
 *     start: RUNNING is set, unless STOP is: then STOP is cleared instead
 *     stop:  STOP is set, and the inbox is poked
 *     start returns: RUNNING and STOP are cleared together
 *     close: CLOSED is set, for good, while RUNNING is not
 */
#define GYRE__LOOP_STOP    0x1u
#define GYRE__LOOP_RUNNING 0x2u
#define GYRE__LOOP_CLOSED  0x4u

/*
 * End-of-batch work, embedded in what has some (a stream with bytes to send).
 * It runs once, at the end of the current batch of callbacks, timeouts or
 * handlers, always before the outbox is flushed and the loop sleeps.
 */
struct gyre__batch_end {
	struct gyre__batch_end *next;
	struct gyre__batch_end **link; /* what points here */
	void (*run)(struct gyre__batch_end *end);
	bool queued;
};

/*
 * What lives on a loop and is closed with it, if its user has not closed it
 * before (a listener, a stream); embedded in it.
 */
struct gyre__dependent {
	struct gyre__dependent *next;
	struct gyre__dependent **link; /* what points here */
	/* Close it and take it off the loop; may add callbacks, which are
	 * dropped next. */
	void (*close)(struct gyre__dependent *dependent);
	/* Take no more from outside. NULL: it takes nothing. */
	void (*quiet)(struct gyre__dependent *dependent);
	bool is_quiet; /* it was told */
};

struct gyre_shard;

struct gyre_loop {
	/* -- immutable after new -- */
	const struct gyre_sys *sys;
	struct gyre_clock clock;
	struct gyre_log log;
	gyre_exception_fn on_exception;
	void *on_exception_arg;
	const struct gyre_poller_ops *poller_ops;
	struct gyre_inbox *inbox;
	struct gyre__doorbell bell; /* the inbox's: wakes the poller */
	uint32_t forks;
	const struct gyre_shard *shard; /* the runtime's, who sets it before
					   anything runs; or NULL */
	/* -- any thread, atomic -- */
	uint32_t state;
	/* -- owner; the poller's wake: any thread -- */
	int abort_error;           /* once the outbox is halted */
	struct gyre__drain *drain; /* while gyre_loop_drain() runs it */
	bool is_single;            /* gyre_loop_run_once() runs it */
	bool is_quiet;             /* it takes no more from outside */
	int64_t poll_max_ns;       /* how long a poll may last */
	struct gyre__outbox outbox;
	struct gyre__handlers handlers;
	struct gyre__timeouts timeouts;
	struct gyre__batch_end *batch_ends;
	struct gyre__batch_end **batch_ends_end;
	struct gyre__dependent *dependents;
	struct gyre_executor *executor;
	struct gyre_pool *own_pool;      /* made if there was no executor */
	struct gyre__watchdog *watchdog; /* NULL: no threshold is set */
	struct gyre__cpus helpers;       /* where its watcher runs */
	/* The runtime's view of it, and whom to wake for that; or NULL. Set
	 * before anything runs. */
	struct gyre__watched *watched;
	struct gyre__doorbell *watcher;
	/* -- the owner and its watchers, atomic -- */
	struct gyre__heartbeat heartbeat;
	/* -- the owner writes, any reads, atomic -- */
	uint64_t connections; /* streams on it */
	/* -- owner -- */
	uint64_t iterations;
	unsigned takes; /* iterations in a row that took from the inbox */
	uint64_t polls;
	uint64_t sleeps;
	uint64_t spurious;
	uint64_t handlers_run;
	uint64_t timeouts_added;
	uint64_t timeouts_run;
	uint64_t timeouts_dropped;
	uint64_t exceptions;
	uint64_t poller_changes;
	bool is_in_run;     /* a run goes on, since: */
	int64_t started_ns; /* of this run */
	int64_t ran_ns;     /* in the runs before */
	int64_t idle_ns;    /* of both, in polls that could block */
	struct gyre__spin spin;
	struct gyre__slack slack;
	struct gyre__spares spares; /* for streams */
	int64_t woke_ns;            /* from the last of them, or in this run */
	gyre_iteration_fn on_iteration;
	void *on_iteration_arg;
	struct gyre_iteration iteration; /* the totals when it began */
	struct gyre_poller_event events[GYRE__POLL_EVENTS_MAX];
	/* -- the owner writes, any thread reads, atomic -- */
	struct gyre__bulletin bulletin;
	struct gyre_loop_times times;
};

/* The state word, with what was done before it was last changed. */
static inline uint32_t
gyre__loop_state(const struct gyre_loop *loop)
{
	/* loop.S1 acquire: what was done before the change; pairs with
	 * state.S3 */
	return gyre__load_32_acquire(&loop->state);
}

/* This thread does not run the loop: abort, naming function and loop, if
 * another one does. */
void gyre__loop_require_unowned(const struct gyre_loop *loop,
				const char *function);

/* Abort if another thread runs the loop. */
#define gyre__loop_require_owner(loop) \
	gyre__loop_require_owner_in((loop), __func__)

static inline void
gyre__loop_require_owner_in(const struct gyre_loop *loop, const char *function)
{
	if (GYRE__UNLIKELY(gyre__outbox_of_thread != &loop->outbox))
		gyre__loop_require_unowned(loop, function);
}

/* Whether the loop takes anything: 0, -EPERM in a fork, or -ESHUTDOWN. */
static inline int
gyre__loop_refusal(const struct gyre_loop *loop)
{
	if (gyre__is_fork(loop->forks))
		return -EPERM;
	return GYRE__UNLIKELY(gyre__loop_state(loop) & GYRE__LOOP_CLOSED)
		       ? -ESHUTDOWN
		       : 0;
}

/*
 * Set and clear bits, if none of `unless` is set. Returns the word as it was.
 * Any thread, signal handlers included.
 */
uint32_t gyre__loop_change(struct gyre_loop *loop, uint32_t unless,
			   uint32_t set, uint32_t clear);

/* A thread's current loop, with a reference to its inbox. */
struct gyre__current {
	struct gyre_loop *loop;
	struct gyre_inbox *inbox;
};

/* Make the loop this thread's current one, and bring the one before back,
 * whose reference is kept meanwhile. */
struct gyre__current gyre__current_enter(struct gyre_loop *loop);
void gyre__current_leave(struct gyre__current before);
bool gyre__loop_is_current(const struct gyre_loop *loop);

/* The steps of a start. 1: run it, or take the begin back; 0: a stop was
 * pending and is used up; or why it may not run. */
int gyre__loop_begin(struct gyre_loop *loop);
void gyre__loop_cancel_begin(struct gyre_loop *loop);

/* Run what has begun until it ends: 0, or why it ended otherwise. */
int gyre__loop_run(struct gyre_loop *loop);

/* One iteration: 1 to go on, 0 to stop, or why not to go on. */
int gyre__loop_iterate(struct gyre_loop *loop);

/* Look for work before it sleeps, as long as it may. True: there is some, or
 * a timeout is due; and what a poll would have returned. Owner. */
bool gyre__loop_spin(struct gyre_loop *loop, int64_t timeout_ns,
		     int *ret_count);

/* Whether there is nothing left that a drain waits for. */
bool gyre__loop_is_drained(struct gyre_loop *loop);

/* Put the counters where any thread can read them; asleep_ns: since when the
 * loop sleeps, or GYRE__NEVER. Owner. */
void gyre__loop_publish(struct gyre_loop *loop, int64_t asleep_ns);

/* Whether what runs in this iteration is timed. Owner. */
static inline bool
gyre__loop_is_timed(const struct gyre_loop *loop)
{
	return __builtin_expect(loop->iterations % GYRE_TIMED_EVERY == 0, 0);
}

/* Count how long what began then has run, unless it was never. Owner. */
void gyre__loop_time_run(struct gyre_loop *loop, int64_t began_ns);

/* The loop falls asleep and wakes up: so may who watches it. Owner. */
static inline void
gyre__loop_sleep(struct gyre_loop *loop)
{
	if (loop->watcher != NULL)
		gyre__heartbeat_sleep(&loop->heartbeat);
}

static inline void
gyre__loop_wake(struct gyre_loop *loop)
{
	if (loop->watcher != NULL && gyre__heartbeat_wake(&loop->heartbeat))
		loop->watcher->ring(loop->watcher);
}

/* Give the hook the iteration that ends, and begin the next. */
void gyre__loop_tell_iteration(struct gyre_loop *loop);

/* What the outbox calls when a user function raised. Owner. */
void gyre__loop_on_raise(struct gyre__outbox *outbox, const char *what,
			 void (*fn)(void), void *arg);

/* Give a failure to the hook and clear the exception. Owner. */
void gyre__loop_report(struct gyre_loop *loop,
		       const struct gyre_failure *failure);

/*
 * Drop a callback, if it wants that. What it raises is reported to the
 * outbox's loop, and what the caller had raised before stays; with no outbox
 * the record is the caller's to look at.
 */
void gyre__loop_drop(struct gyre__outbox *outbox,
		     const struct gyre_callback *callback,
		     enum gyre_drop_reason reason);

/* Run end-of-batch work and flush, until there is none of either. Owner. */
void gyre__loop_end_batch(struct gyre_loop *loop);

/* Queue end-of-batch work; queued already, it stays where it is. Owner. */
void gyre__loop_at_batch_end(struct gyre_loop *loop,
			     struct gyre__batch_end *end);

/* Take end-of-batch work back, if it is queued. Owner. */
void gyre__loop_cancel_batch_end(struct gyre_loop *loop,
				 struct gyre__batch_end *end);

/* Put something on the loop, and take it off. Owner. */
void gyre__loop_add_dependent(struct gyre_loop *loop,
			      struct gyre__dependent *dependent);
void gyre__loop_remove_dependent(struct gyre__dependent *dependent);

/* What lives on the loop takes no more from outside, and periodics are not
 * called any more, for good. Owner. */
void gyre__loop_quiet(struct gyre_loop *loop);

/* An instant from now, or the end or the beginning of time. */
int64_t gyre__loop_instant_after(const struct gyre_loop *loop,
				 int64_t delay_ns);

/* As gyre_loop_call_at_drop(), for an owner who is about to run the loop. */
int gyre__loop_schedule(struct gyre_loop *loop, int64_t when_ns,
			const struct gyre_callback *callback,
			gyre_timeout *ret_timeout);

/* Drop every timeout, due or scheduled, at close. Owner. */
void gyre__loop_drop_timeouts(struct gyre_loop *loop);
/* Take the handlers off, and with close_fds close what they are for. Owner. */
void gyre__loop_close_handlers(struct gyre_loop *loop, bool close_fds);

/* The poller reports what it can't be told to forget: take another. Owner. */
void gyre__loop_change_poller(struct gyre_loop *loop);

/* Where the threads run that the loop makes: not on its own CPU, if it is
 * pinned and there are others. Owner, before it makes one. */
void gyre__loop_set_helpers(struct gyre_loop *loop,
			    const struct gyre__cpus *helpers);

/* A stream has come (1) or gone (-1). Owner. */
void gyre__loop_count_connection(struct gyre_loop *loop, int change);

/* How many streams there are. Any thread. */
uint64_t gyre__loop_connections(const struct gyre_loop *loop);

/* For the rooms above. */
const struct gyre_sys *gyre__loop_sys(const struct gyre_loop *loop);
const struct gyre_log *gyre__loop_log(const struct gyre_loop *loop);

#endif
