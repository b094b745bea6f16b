/*
 * Scheduled callbacks in exact order: by deadline, ties as they were added.
 *
 * A data structure without a clock or a loop. Slots hold the callbacks and
 * never move their number; a 4-ary heap orders them; what is due is first
 * gathered and then popped, so that a timeout can still cancel another of
 * the same batch. A handle is a slot and its generation: stale ones are
 * told apart. One thread.
 */
#ifndef GYRE_LOOP_TIMEOUTS_H
#define GYRE_LOOP_TIMEOUTS_H

#include <gyre/loop.h>

#include "base/sys.h"

struct gyre__timeout_key {
	int64_t when_ns;
	uint64_t sequence;
	uint32_t slot;
};

struct gyre__timeout_slot {
	gyre_callback_fn fn;
	void *arg;
	uint32_t generation;
	/* Where it is: in the heap, due, or free; see timeouts.c. */
	uint32_t place;
	uint32_t next; /* due, or free */
};

struct gyre__timeouts {
	const struct gyre_sys *sys;
	struct gyre__timeout_slot *slots;
	struct gyre__timeout_key *heap;
	uint32_t capacity; /* of slots and heap both */
	uint32_t used;     /* slots ever used */
	uint32_t count;    /* in the heap */
	uint32_t free;     /* first free slot, or none */
	uint32_t due;      /* first due slot, or none */
	uint32_t due_last;
	uint64_t sequence;
};

void gyre__timeouts_init(struct gyre__timeouts *timeouts,
			 const struct gyre_sys *sys);

/* Forget all of them without running any. */
void gyre__timeouts_fini(struct gyre__timeouts *timeouts);

/* 0 or -ENOMEM; ret_timeout may be NULL. */
int gyre__timeouts_add(struct gyre__timeouts *timeouts, int64_t when_ns,
		       gyre_callback_fn fn, void *arg,
		       gyre_timeout *ret_timeout);

/* Cancel one that is scheduled or due; any other handle is ignored. */
void gyre__timeouts_remove(struct gyre__timeouts *timeouts,
			   gyre_timeout timeout);

/* The first deadline, or GYRE_FOREVER. */
int64_t gyre__timeouts_next(const struct gyre__timeouts *timeouts);

/* Gather what is due at now_ns, behind what was gathered before. */
void gyre__timeouts_collect(struct gyre__timeouts *timeouts, int64_t now_ns);

/* Take the first gathered one that was not cancelled; false: none is left. */
bool gyre__timeouts_pop_due(struct gyre__timeouts *timeouts,
			    gyre_callback_fn *ret_fn, void **ret_arg);

/* Abort if a rule of the structure is broken; for tests. */
void gyre__timeouts_validate(const struct gyre__timeouts *timeouts);

#endif
