/*
 * Scheduled callbacks in exact order: by deadline, ties as they were added.
 *
 * A data structure without a clock or a loop. Slots hold the callbacks and
 * never move their number. What is due soon is in a 4-ary heap, in exact order;
 * what is due later is on a wheel, in lists that are in no order and cost
 * nothing to enter or leave, and comes to the heap list by list, as soon as the
 * heap is empty. What is due is first gathered and then popped, so that a
 * timeout can still cancel another of the same batch. A handle is a slot and
 * its generation: stale ones are told apart. One thread.
 *
 * Time is cut into ticks. The heap has all that is due up to the end of one
 * tick, the wheel what is due after it:
 *
 *     ------ tick ------|-- level 0 --|----- level 1 -----|--- ... ---|
 *         the heap         64 lists        64 lists
 *                          of a tick       of 64 ticks
 *
 * A list holds the ticks that have all digits in common with the heap's tick
 * above the list's level, 6 bits each, and its own digit there, which is more.
 * So the first list of the lowest level that has one comes before all others.
 *
 * Moving a timeout later is a store in its slot: the heap keeps the old key and
 * the wheel the old list, which is too early and never too late, and is put
 * right when its turn comes.
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
	GYRE__TIMEOUT_FREE,   /* no handle names it */
	GYRE__TIMEOUT_HEAPED, /* in the heap, at places[slot] */
	GYRE__TIMEOUT_LISTED, /* in the wheel's list places[slot] */
	GYRE__TIMEOUT_DUE,    /* gathered, and neither run nor removed yet */
};

/* A line of its own: most that is done with one touches no other, or the two
 * beside it in a list. */
struct gyre__timeout_slot {
	struct gyre_callback callback;
	int64_t when_ns;   /* when it is due; its place may be earlier */
	uint64_t sequence; /* among those that are due at the same instant */
	/* Listed, due, or free (where it is linked forward only). */
	struct {
		uint32_t next;
		uint32_t previous;
	} link;
	uint32_t generation;
	enum gyre__timeout_state state;
} __attribute__((aligned(GYRE__CACHE_LINE)));

#define GYRE__TIMEOUT_NONE UINT32_MAX /* no slot */

#define GYRE__TICK_BITS   22 /* 4.2 ms */
#define GYRE__WHEEL_BITS  6
#define GYRE__WHEEL_LISTS (1u << GYRE__WHEEL_BITS) /* of a level */
/* So many that every instant has a place. */
#define GYRE__WHEEL_LEVELS 7u
/* What is due at GYRE_FOREVER, and never comes to the heap. */
#define GYRE__WHEEL_NEVER (GYRE__WHEEL_LEVELS * GYRE__WHEEL_LISTS)

struct gyre__timeouts {
	const struct gyre_sys *sys;
	struct gyre__timeout_slot *slots;
	struct gyre__timeout_key *heap;
	/* Where in the heap or on the wheel a slot is. Not in the slot: sifting
	 * writes it all the time, and so dense it stays in the cache. */
	uint32_t *places;
	uint32_t capacity; /* of the three arrays */
	uint32_t used;     /* slots ever used */
	uint32_t heaped;
	uint32_t listed;
	uint32_t free; /* first free slot, or none */
	uint32_t due;  /* first due slot, or none */
	uint32_t due_last;
	uint64_t sequence;
	uint64_t tick;     /* the last one that the heap has */
	uint64_t now_tick; /* when was gathered last */
	/* How many were put into the heap since the tick was chosen, and not
	 * when it was. */
	uint32_t put_before;
	uint64_t filled[GYRE__WHEEL_LEVELS]; /* which lists are not empty */
	uint32_t lists[GYRE__WHEEL_NEVER + 1];
};

/* -- the heap, in timeouts_heap.c ------------------------------------------ */

void gyre__heap_add(struct gyre__timeouts *timeouts, uint32_t number);
void gyre__heap_remove(struct gyre__timeouts *timeouts, uint32_t number);

/* Whether it has one beside the first that is due by then. */
bool gyre__heap_has_second(const struct gyre__timeouts *timeouts,
			   int64_t when_ns);

void gyre__heap_validate(const struct gyre__timeouts *timeouts);

/* -- the wheel, in timeouts_wheel.c ---------------------------------------- */

void gyre__wheel_init(struct gyre__timeouts *timeouts);

/* Put a slot where its deadline belongs: on the wheel, or into the heap. */
void gyre__wheel_place(struct gyre__timeouts *timeouts, uint32_t number);
void gyre__wheel_remove(struct gyre__timeouts *timeouts, uint32_t number);

/* Whether a deadline is due before the list that the slot is in. */
bool gyre__wheel_is_before(const struct gyre__timeouts *timeouts,
			   uint32_t number, int64_t when_ns);

/* Whether the first list is all due by then. */
bool gyre__wheel_has_by(const struct gyre__timeouts *timeouts, int64_t when_ns);

/* Spread the first list over lower ones and the heap, which is empty; false:
 * there is none. It may be that nothing arrives in the heap. */
bool gyre__wheel_turn(struct gyre__timeouts *timeouts);

/* One was put into the heap: begin anew at the present if the heap has grown
 * large with what is due before its tick. */
void gyre__wheel_rewind(struct gyre__timeouts *timeouts);

/* Any one that is listed, or none. */
uint32_t gyre__wheel_any(const struct gyre__timeouts *timeouts);

void gyre__wheel_validate(const struct gyre__timeouts *timeouts);

uint64_t gyre__tick_of(int64_t when_ns);

/* -- what the loop calls --------------------------------------------------- */

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

/* Whether others than the first, which next() returned, are due by then; one
 * that was moved later may count. */
bool gyre__timeouts_several(const struct gyre__timeouts *timeouts,
			    int64_t when_ns);

/* Whether any is scheduled, be it at GYRE_FOREVER. */
static inline bool
gyre__timeouts_any(const struct gyre__timeouts *timeouts)
{
	return timeouts->heaped + timeouts->listed > 0;
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
