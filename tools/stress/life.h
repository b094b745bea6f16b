/*
 * A life is one runtime from start to free, and all that lives with it: the
 * places that work can be sent to, the threads that send, and the channels
 * between them. Everything is made anew for each, so that what outlives its
 * life is found by AddressSanitizer.
 */
#ifndef STRESS_LIFE_H
#define STRESS_LIFE_H

#include <gyre/gyre.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "actor.h"
#include "asks.h"
#include "calls.h"
#include "handlers.h"
#include "jobs.h"
#include "options.h"
#include "ports.h"
#include "timeouts.h"
#include "topics.h"
#include "yard.h"

struct channel;

/* A loop that work can be sent to: a shard's, or the restarter's. */
struct place {
	struct life *life;
	struct actor *actor; /* of the same index */
	unsigned index;
	struct gyre_loop *loop;
	struct gyre_inbox *inbox; /* a reference */
	_Atomic bool is_closed;   /* nothing sent there will run any more */
	struct calls calls;
	struct timeouts timeouts;
	struct handlers handlers;
	struct jobs jobs;
	struct works works;
	struct ports ports;
	struct asks asks;
	struct topics topics;
};

/* A thread that sends and has no loop. */
struct producer {
	struct life *life;
	struct actor *actor;
	unsigned index;
	pthread_t thread;
	uint64_t rng;
	_Atomic unsigned parked_in; /* the last storm that it finished */
};

/* Actors are numbered: places, then producers, then the conductor. */
struct life {
	const struct options *options;
	uint64_t seed;
	unsigned number;
	struct gyre_runtime *runtime;
	struct gyre_bus *bus;
	unsigned shards;
	unsigned places_count;
	unsigned producers_count;
	unsigned actors_count;
	struct place *places;
	struct producer *producers;
	struct actor *actors;
	struct actor *conductor;
	struct channel *channels;     /* [lane][from][to] */
	void *rings;                  /* of all channels */
	struct publisher *publishers; /* [actor] */
	_Atomic uint64_t released;    /* publications */
	struct yard yard;
	unsigned route; /* for --plant race-routing */
	pthread_t restarter;
	bool has_restarter;
	_Atomic uint64_t restarts;
	_Atomic unsigned storm; /* counted from 1 */
	_Atomic unsigned storm_steps;
	_Atomic bool is_stopping; /* a loop is, or all are */
	_Atomic bool ends;
};

/* Make and start the runtime and all threads. */
int life_new(const struct options *options, unsigned number,
	     struct life **ret_life);

/* Stop and close everything, in whatever it is doing. */
void life_end(struct life *life);
void life_free(struct life *life);

/* Sum up what all actors have counted. */
void life_add(const struct life *life, struct tally sum[PATHS]);

static inline bool
life_is_stopping(const struct life *life)
{
	return atomic_load_explicit(&life->is_stopping, memory_order_relaxed);
}

static inline bool
life_is_ending(const struct life *life)
{
	return atomic_load_explicit(&life->ends, memory_order_relaxed);
}

#endif
