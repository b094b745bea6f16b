/*
 * The yard: a pool of the life's own, with lanes, whose threads come and go and
 * which is shut down in the midst of it. Loops give it their own structs to
 * run, to any lane, of any priority, some with a deadline; some they cancel,
 * and when it is full they ask to be told of room.
 */
#ifndef STRESS_YARD_H
#define STRESS_YARD_H

#include <gyre/pool.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "path.h"

#define YARD_LANES     3u
#define YARD_WORKS     48u /* of a place */
#define YARD_PARTS_MAX 16u /* pools, one after the other */

struct life;
struct place;
struct tally;

/* One pool, from its making to the end of the life. */
struct yard_part {
	struct gyre_pool *pool;
	struct gyre_executor *lanes[YARD_LANES];
	unsigned threads_max[YARD_LANES];
	_Atomic unsigned running[YARD_LANES];
};

struct yard {
	_Atomic(struct yard_part *)
		part; /* where loops submit; NULL: nowhere */
	struct yard_part parts[YARD_PARTS_MAX];
	unsigned parts_count;
	/* What was given back elsewhere than on the place's loop. */
	_Atomic uint64_t run;
	_Atomic uint64_t dropped[DROP_REASONS];
	uint64_t accepted; /* by all parts, once they are closed */
};

struct work {
	struct gyre_job job; /* first */
	struct place *place;
	struct yard_part *part;
	unsigned lane;
	bool has_home;
	uint64_t order;
	uint64_t sum; /* what its run left */
	_Atomic unsigned stage;
};

/* The works of a place, and its turn in the line for room. */
struct works {
	struct work works[YARD_WORKS];
	struct gyre_room room; /* first of what follows */
	struct place *place;
	_Atomic bool is_in_line;
};

void works_init(struct place *place);

/* Follow an order: submit one, perhaps cancel another. */
void works_submit(struct place *place, uint64_t order);

/* Everything was given back. */
void works_check(const struct place *place);

/* Make the first pool, or the next in place of one that was shut down: 0 or an
 * error. The conductor. */
int yard_open(struct life *life);

/* Shut the pool down in whatever it is doing. The conductor. */
void yard_shut_down(struct life *life, uint64_t random);

/* Free all pools and compare their counters. No loop runs any more. */
void yard_close(struct life *life);

void yard_add(const struct yard *yard, struct tally *sum);

#endif
