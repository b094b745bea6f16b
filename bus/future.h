/*
 * Futures from the inside: made for a home inbox, or for none.
 *
 * Two words decide. `claimed` goes from 0 to 1 once: whoever moved it writes
 * the outcome. `latch` is where threads block, if any has come, with DONE
 * in its lowest bit: whoever sees that sees the outcome. The rest belongs to
 * the home loop, which the completion reaches as a task.
 *
 *     pending --claim--> outcome written --DONE--> completion posted
 *                                               --home runs it--> fired
 */
#ifndef GYRE_BUS_FUTURE_H
#define GYRE_BUS_FUTURE_H

#include <gyre/future.h>

#include "base/sys.h"

struct gyre__future_callback {
	struct gyre__future_callback *next;
	gyre_future_fn fn;
	void *arg;
};

struct gyre_future {
	/* -- immutable after new -- */
	const struct gyre_sys *sys;
	struct gyre_inbox
		*home; /* a reference; NULL: no callbacks, only wait */
	/* -- any thread, atomic -- */
	uint32_t refs;
	uint32_t claimed;
	void *latch; /* NULL or a latch, DONE or not; to the end */
	/* -- the claimer, until DONE; then immutable -- */
	int error;
	void *value;
	char *message;
	/* -- whoever posts it, then home -- */
	struct gyre_task completion;
	/* -- home -- */
	bool fired; /* the completion has come: callbacks are not kept */
	struct gyre__future_callback *callbacks;
	struct gyre__future_callback **callbacks_end;
};

/* A pending future; home may be NULL. Any thread; NULL: no memory. */
struct gyre_future *gyre__future_new(const struct gyre_sys *sys,
				     struct gyre_inbox *home);

/* For those who embed a future as the first member: make one in `future`,
 * which the last unref releases with `sys`. */
void gyre__future_init(struct gyre_future *future, const struct gyre_sys *sys,
		       struct gyre_inbox *home);

/* Reject with the error this thread raised and clear it, or resolve. */
void gyre__future_complete(struct gyre_future *future, void *value);

/*
 * Have what gyre_future_wait() needs, for those who must know that they can
 * wait before they begin what they wait for: 0 or -ENOMEM. Any thread.
 */
int gyre__future_prepare_wait(struct gyre_future *future);

/* Keep a callback until the completion comes home, or schedule it. Home. */
int gyre__future_add_callback(struct gyre_future *future, gyre_future_fn fn,
			      void *arg);

#endif
