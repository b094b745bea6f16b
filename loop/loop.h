/*
 * The loop from the inside, for loop/ and the rooms above it.
 */
#ifndef GYRE_LOOP_LOOP_H
#define GYRE_LOOP_LOOP_H

#include <gyre/loop.h>

#include "bus/doorbell.h"
#include "bus/outbox.h"
#include "loop/handlers.h"
#include "loop/poller.h"
#include "loop/timeouts.h"

/*
 * The bits of a loop's state word, any thread's to read.
 *
 *     start: RUNNING is set, unless STOP is: then STOP is cleared instead
 *     stop:  STOP is set; WAKING too, and who set it posts the wake task
 *     the wake task runs: WAKING is cleared
 *     start returns: RUNNING and STOP are cleared together
 *     close: CLOSED is set, for good, while RUNNING is not
 */
#define GYRE__LOOP_STOP    0x1u
#define GYRE__LOOP_RUNNING 0x2u
#define GYRE__LOOP_CLOSED  0x4u
#define GYRE__LOOP_WAKING  0x8u

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
};

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
	pid_t pid;
	/* -- any thread, atomic -- */
	uint32_t state;
	struct gyre_task wake; /* whoever sets WAKING posts it */
	/* -- owner; the poller's wake: any thread -- */
	void *poller;
	struct gyre__outbox outbox;
	struct gyre__handlers handlers;
	struct gyre__timeouts timeouts;
	struct gyre__batch_end *batch_ends;
	struct gyre__batch_end **batch_ends_end;
	struct gyre__dependent *dependents;
	struct gyre_executor *executor;
	struct gyre_pool *own_pool; /* made if there was no executor */
	uint64_t iterations;
	uint64_t polls;
	uint64_t sleeps;
	uint64_t handlers_run;
	uint64_t timeouts_run;
	uint64_t exceptions;
	struct gyre_poller_event events[GYRE__POLL_EVENTS_MAX];
};

/* Abort, naming function and loop, if another thread runs the loop. */
#define gyre__loop_require_owner(loop) \
	gyre__loop_require_owner_in((loop), __func__)
void gyre__loop_require_owner_in(const struct gyre_loop *loop,
				 const char *function);

/* The state word, with what was done before it was last changed. */
uint32_t gyre__loop_state(const struct gyre_loop *loop);

/*
 * Set and clear bits, if none of `unless` is set. Returns the word as it was.
 * Any thread, signal handlers included.
 */
uint32_t gyre__loop_change(struct gyre_loop *loop, uint32_t unless,
			   uint32_t set, uint32_t clear);

/* Make it this thread's current loop, or none; returns the one before. */
struct gyre_loop *gyre__loop_swap_current(struct gyre_loop *loop);
bool gyre__loop_is_current(const struct gyre_loop *loop);

/* What the outbox calls when a user function raised. Owner. */
void gyre__loop_on_raise(struct gyre__outbox *outbox, const char *what,
			 void (*fn)(void), void *arg);

/* Give a failure to the hook and clear the exception. Owner. */
void gyre__loop_report(struct gyre_loop *loop,
		       const struct gyre_failure *failure);

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

/* For the rooms above. */
const struct gyre_sys *gyre__loop_sys(const struct gyre_loop *loop);
const struct gyre_log *gyre__loop_log(const struct gyre_loop *loop);

#endif
