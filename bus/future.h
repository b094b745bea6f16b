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
 *
 * Who waits at home is a task, an awaiter: run when the completion has come,
 * dropped when the home closes. It is linked twice: in the future's queue, by
 * the task, and in the home inbox's list, where the home finds it that closes
 * before the future is complete.
 */
#ifndef GYRE_BUS_FUTURE_H
#define GYRE_BUS_FUTURE_H

#include <gyre/future.h>

#include "base/sys.h"

/* The owner of the memory sets the task's run and drop. */
struct gyre__awaiter {
	struct gyre_task task;
	struct gyre__awaiter *next;  /* in the home's list */
	struct gyre__awaiter **link; /* what points here */
	struct gyre_future *future;  /* a reference, which run or drop gives
				      * back */
};

/* What there is to say of an error beside its code. */
struct gyre__rejection {
	const char *file; /* where it was raised, or NULL */
	int line;
	char message[]; /* "" or one line */
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
	/* -- the claimer, until DONE; then immutable but for is_read -- */
	int error;
	uint32_t is_read; /* atomic: somebody has looked at the error, or has
			     taken a value that was the future's own */
	union {
		void *value;                       /* if error is 0 */
		struct gyre__rejection *rejection; /* else; or NULL */
	};
	/* -- whoever posts it, then home; at the end the last unref -- */
	struct gyre_task completion;
	/* -- immutable after init -- */
	bool is_owned; /* it is a gyre__owned_future's */
	/* -- home -- */
	bool fired; /* the completion has come: awaiters are not kept */
	/* -- immutable after new -- */
	bool owns_value; /* it is a gyre__owning_future */
	/* -- home -- */
	struct gyre_task *newest_awaiter; /* linked to the oldest, and so on */
};

_Static_assert(sizeof(struct gyre_future) <= 88, "a future is compact");

/* One whose value is freed with it, unless somebody has taken it: by reading
 * it, or with a future that was completed as this one. */
struct gyre__owning_future {
	struct gyre_future future;       /* first: its last unref frees both */
	void (*free_value)(void *value); /* on any thread */
};

/* A pending future; home may be NULL. Any thread; NULL: no memory. */
struct gyre_future *gyre__future_new(const struct gyre_sys *sys,
				     struct gyre_inbox *home);

/* The same, owning its value. */
struct gyre_future *gyre__future_new_owning(const struct gyre_sys *sys,
					    struct gyre_inbox *home,
					    void (*free_value)(void *value));

/* For those who embed a future as the first member: make one in `future`,
 * which the last unref releases with `sys`. */
void gyre__future_init(struct gyre_future *future, const struct gyre_sys *sys,
		       struct gyre_inbox *home);

/* A future whose maker hears that somebody else has rejected it. */
struct gyre__owned_future {
	struct gyre_future future; /* first; is_owned */
	/* Any thread, which has a reference. */
	void (*on_reject)(struct gyre_future *future);
};

/* Reject with the error this thread raised and clear it, or resolve. */
void gyre__future_complete(struct gyre_future *future, void *value);

/*
 * The same, and reject, when the caller sees to it that the home hears of it,
 * by gyre__future_fire() there; it holds a reference. False: the future was
 * complete before.
 */
bool gyre__future_answer(struct gyre_future *future, void *value);
bool gyre__future_deny(struct gyre_future *future, int error,
		       const char *message);

/* What there is to say of an error that was raised, to be released or given to
 * a future; NULL: nothing, or no memory. Any thread. */
struct gyre__rejection *gyre__rejection_new(
	const struct gyre_sys *sys, const struct gyre_exception *raised);

/* Reject with that, or NULL, and own it; false: it is still the caller's. */
bool gyre__future_reject_with(struct gyre_future *future, int error,
			      struct gyre__rejection *rejection);

/* Complete the target as the source is, which is complete, unless it is done;
 * an error that is taken has been read. Any thread. */
void gyre__future_copy(struct gyre_future *source, struct gyre_future *target);

/*
 * Have what gyre_future_wait() needs, for those who must know that they can
 * wait before they begin what they wait for: 0 or -ENOMEM. Any thread.
 */
int gyre__future_prepare_wait(struct gyre_future *future);

/* Abort, naming the function, if another thread runs the future's home: the
 * home's list and `fired` are its owner's. */
void gyre__future_require_owner(const struct gyre_future *future,
				const char *function);

/* The completion has come: run all who wait. The home's thread. */
void gyre__future_fire(struct gyre_future *future);

/*
 * Have an awaiter run, never at once, when the future is complete, or else
 * dropped. Needs no memory. The future's owner.
 * -EINVAL: it has no home; -ESHUTDOWN: that is closed; nothing was taken.
 */
int gyre__future_await(struct gyre_future *future,
		       struct gyre__awaiter *awaiter);

/* The same for a callback and what becomes of arg, or NULL; -ENOMEM too. */
int gyre__future_add_callback(struct gyre_future *future, gyre_future_fn fn,
			      void *arg, gyre_drop_fn drop);

/*
 * A future at home that all the others complete, or with `any` the first of
 * them that resolves, as gyre_future_all() and gyre_future_any() say. The
 * home's owner, while it is open; NULL: no memory.
 */
struct gyre_future *gyre__future_join(const struct gyre_sys *sys,
				      struct gyre_inbox *home,
				      struct gyre_future *const *futures,
				      size_t count, bool any) GYRE_MUST_CHECK;

/* Drop all awaiters whose future's home is this inbox, which has just been
 * closed. Its consumer, with its outbox entered. */
void gyre__futures_close(struct gyre_inbox *inbox);

#endif
