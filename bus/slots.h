/*
 * A port's slots: an array whose free ones are a stack in one word.
 *
 *     closed:1 | tag:23 | used:20 | top:20
 *
 * `top` is the number of the first free slot, 0 if there is none; the others
 * are linked by number. `used` says how many are out, `tag` counts the takes,
 * so that a take cannot mistake a slot that came back for one that never left.
 * A closed word gives no slot out and takes those back that are out; whoever
 * makes it closed and unused learns so. Any thread, signal handlers too.
 */
#ifndef GYRE_BUS_SLOTS_H
#define GYRE_BUS_SLOTS_H

#include <gyre/port.h>

#include "base/sys.h"

#include <stdalign.h>

#define GYRE__SLOTS_CLOSED   ((uint64_t)1 << 63)
#define GYRE__SLOTS_ONE_TAG  ((uint64_t)1 << 40)
#define GYRE__SLOTS_ONE_USED ((uint64_t)1 << 20)
#define GYRE__SLOTS_TOP      (GYRE__SLOTS_ONE_USED - 1)

/* A message on its way. Whoever took the slot has it alone. */
struct gyre__slot {
	struct gyre_task task;
	struct gyre_port *port; /* immutable */
	uint32_t number;        /* immutable; they begin at 1 */
	uint32_t next;          /* atomic: the number below, while free */
	struct gyre_message message;
	alignas(GYRE__CACHE_LINE) char bytes[GYRE_PORT_COPY_MAX];
};

struct gyre__slots {
	/* -- immutable after init -- */
	struct gyre__slot *slots;
	uint32_t capacity;
	/* -- any thread, atomic -- */
	alignas(GYRE__CACHE_PAIR) uint64_t word;
};

/* Number the slots and link them; all are free. */
void gyre__slots_init(struct gyre__slots *slots, struct gyre__slot *array,
		      uint32_t capacity);

/* Take a free one: 0, -EAGAIN there is none, or -ESHUTDOWN. */
int gyre__slots_take(struct gyre__slots *slots, struct gyre__slot **ret_slot);

/* Give one back. Returns the word that this made. */
uint64_t gyre__slots_put(struct gyre__slots *slots, struct gyre__slot *slot);

/* Give no more out; once. Returns the word that this made. */
uint64_t gyre__slots_close(struct gyre__slots *slots);

/* The word, for a guess. */
uint64_t gyre__slots_look(const struct gyre__slots *slots);

static inline uint32_t
gyre__slots_used(uint64_t word)
{
	return (uint32_t)(word / GYRE__SLOTS_ONE_USED & GYRE__SLOTS_TOP);
}

static inline bool
gyre__slots_closed(uint64_t word)
{
	return (word & GYRE__SLOTS_CLOSED) != 0;
}

/* Closed and unused: nothing will ever come back. */
static inline bool
gyre__slots_over(uint64_t word)
{
	return gyre__slots_closed(word) && gyre__slots_used(word) == 0;
}

#endif
