/*
 * An actor is a thread that takes part, with what it has counted and what it
 * did last. Only the actor writes; others read at any time. All of it is
 * relaxed: the tester must not order the threads that it watches, or it would
 * hide from ThreadSanitizer that gyre does not.
 */
#ifndef STRESS_ACTOR_H
#define STRESS_ACTOR_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>

#include "path.h"

#define ACTOR_NAME_MAX   24
#define ACTOR_EVENTS_MAX 64u

struct life;

/* accepted = started - refused = run + dropped, when nothing is under way */
struct tally {
	_Atomic uint64_t started;
	_Atomic uint64_t refused;
	_Atomic uint64_t run;
	_Atomic uint64_t dropped[DROP_REASONS];
};

enum event {
	EVENT_NONE,
	EVENT_SEND,
	EVENT_REFUSED,
	EVENT_RUN,
	EVENT_DROP,
	EVENT_ANSWER,
	EVENT_CANCEL,
	EVENT_PAUSE,
	EVENT_START,
	EVENT_STOP,
	EVENT_CLOSE,
	EVENT_RELAY,
};

struct actor {
	alignas(64) struct life *life;
	unsigned id;
	char name[ACTOR_NAME_MAX];
	struct tally tally[PATHS];
	_Atomic uint64_t events_count;
	_Atomic uint64_t events[ACTOR_EVENTS_MAX][2];
};

/* The calling thread; NULL on gyre's own threads, such as the pool's. */
extern _Thread_local struct actor *self;

/* Count one more. */
static inline void
actor_count(_Atomic uint64_t *counter)
{
	uint64_t seen = atomic_load_explicit(counter, memory_order_relaxed);

	atomic_store_explicit(counter, seen + 1, memory_order_relaxed);
}

/* Remember what this thread does: with whom, and the number of it. */
static inline void
actor_note(enum event event, enum path path, unsigned peer, uint64_t number)
{
	uint64_t at =
		atomic_load_explicit(&self->events_count, memory_order_relaxed);
	_Atomic uint64_t *slot = self->events[at % ACTOR_EVENTS_MAX];

	atomic_store_explicit(
		&slot[0], (uint64_t)event << 48 | (uint64_t)path << 32 | peer,
		memory_order_relaxed);
	atomic_store_explicit(&slot[1], number, memory_order_relaxed);
	atomic_store_explicit(&self->events_count, at + 1,
			      memory_order_relaxed);
}

/* Add a counter to a sum that is the caller's. */
void actor_add_to(_Atomic uint64_t *sum, const _Atomic uint64_t *counter);

/* Add what the actor has counted to a sum. */
void actor_add(const struct actor *actor, struct tally sum[PATHS]);

/* Print what it did last. */
void actor_print_events(const struct actor *actor, FILE *file);

#endif
