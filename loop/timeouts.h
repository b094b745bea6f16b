/*
 * Scheduled callbacks in exact order: by deadline, ties as they were added.
 *
 * A data structure without a clock or a loop. Slots hold the callbacks and
 * never move their number; a 4-ary heap orders them; what is due is first
 * gathered and then popped, so that a timeout can still cancel another of
 * the same batch. A handle is a slot and its generation: stale ones are
 * told apart. One thread.
 *
 * Moving a timeout later is a store in its slot: the heap keeps the old key,
 * which is too early and never too late, and is put right when it comes to
 * the top.
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

enum gyre__timeout_state {
	GYRE__TIMEOUT_FREE,      /* no handle names it */
	GYRE__TIMEOUT_SCHEDULED, /* in the heap, at places[slot] */
	GYRE__TIMEOUT_DUE,       /* gathered, and neither run nor removed yet */
};

struct gyre__timeout_slot {
	struct gyre_callback callback;
	int64_t when_ns; /* when it is due; the key may be earlier */
	union {
		uint64_t sequence; /* in the heap, with when_ns its place */
		/* Due, or free (where it is linked forward only). */
		struct {
			uint32_t next;
			uint32_t previous;
		} link;
	};
	uint32_t generation;
	enum gyre__timeout_state state;
};

struct gyre__timeouts {
	const struct gyre_sys *sys;
	struct gyre__timeout_slot *slots;
	struct gyre__timeout_key *heap;
	/* Where in the heap a slot's key is. Not in the slot: sifting writes
	 * it all the time, and so dense it stays in the cache. */
	uint32_t *places;
	uint32_t capacity; /* of the three arrays */
	uint32_t used;     /* slots ever used */
	uint32_t count;    /* in the heap */
	uint32_t free;     /* first free slot, or none */
	uint32_t due;      /* first due slot, or none */
	uint32_t due_last;
	uint64_t sequence;
};

void gyre__timeouts_init(struct gyre__timeouts *timeouts,
			 const struct gyre_sys *sys);

/* Forget all of them without running or dropping any. */
void gyre__timeouts_fini(struct gyre__timeouts *timeouts);

/* 0 or -ENOMEM; ret_timeout may be NULL. */
int gyre__timeouts_add(struct gyre__timeouts *timeouts, int64_t when_ns,
		       const struct gyre_callback *callback,
		       gyre_timeout *ret_timeout);

/* As if it were removed and added again, but its handle stays. One that is
 * due is not any longer. -ENOENT: it is neither scheduled nor due. */
int gyre__timeouts_update(struct gyre__timeouts *timeouts, gyre_timeout timeout,
			  int64_t when_ns);

/* Cancel one that is scheduled or due, and hand over what is then to be
 * dropped; false: the handle names none, nothing happened. */
bool gyre__timeouts_remove(struct gyre__timeouts *timeouts,
			   gyre_timeout timeout,
			   struct gyre_callback *ret_callback);

/* The first deadline, or GYRE_FOREVER. Puts the keys right that are in its
 * way: each move is paid for at most once. */
int64_t gyre__timeouts_next(struct gyre__timeouts *timeouts);

/* Whether any is scheduled, be it at GYRE_FOREVER. */
static inline bool
gyre__timeouts_any(const struct gyre__timeouts *timeouts)
{
	return timeouts->count > 0;
}

/* Gather what is due at now_ns, behind what was gathered before. */
void gyre__timeouts_collect(struct gyre__timeouts *timeouts, int64_t now_ns);

/* The deadline of the next one that pop_due takes; false: none is left. */
bool gyre__timeouts_due(const struct gyre__timeouts *timeouts,
			int64_t *ret_when_ns);

/* Take the first gathered one; false: none is left. */
bool gyre__timeouts_pop_due(struct gyre__timeouts *timeouts,
			    struct gyre_callback *ret_callback);

/* Take any one, due or scheduled, to drop it; false: none is left. */
bool gyre__timeouts_pop_any(struct gyre__timeouts *timeouts,
			    struct gyre_callback *ret_callback);

/* Abort if a rule of the structure is broken; for tests. */
void gyre__timeouts_validate(const struct gyre__timeouts *timeouts);

#endif
