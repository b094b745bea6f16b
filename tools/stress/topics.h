/*
 * Topics: every loop has one subscription to everything, which must get each
 * publication once and in its publisher's order, and one in a group, of which
 * one member gets it; others come and go, of all policies.
 */
#ifndef STRESS_TOPICS_H
#define STRESS_TOPICS_H

#include <gyre/topic.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define TOPICS_RING    64u
#define TOPICS_GUESTS  8u
#define TOPICS_SENDERS 130u /* actors: loops, producers, the two others */

struct life;
struct place;

struct publication {
	struct life *life;
	uint64_t number;
	uint64_t check;
	unsigned from;
	_Atomic unsigned deliveries; /* to those who get everything */
	_Atomic unsigned shared;     /* to the group */
	_Atomic bool is_out;         /* published and not released */
};

/* What one actor publishes. */
struct publisher {
	uint64_t published;
	struct publication ring[TOPICS_RING];
};

struct listener {
	struct place *place;
	struct gyre_subscription *subscription; /* NULL: not subscribed */
	uint64_t next[TOPICS_SENDERS];          /* the least that may come */
	bool is_complete;                       /* and nothing else may */
	bool is_paused;
};

struct topics {
	struct listener all;
	struct listener member;
	struct listener guests[TOPICS_GUESTS];
};

/* On the loop's thread, before it runs. 0, or a negative errno. */
int topics_open(struct place *place);

/* From the calling actor, loop or producer. */
void topics_publish(struct life *life, uint64_t order);

/* Subscribe another, or end, pause or resume one that is there. */
void topics_disturb(struct place *place, uint64_t order);

void topics_check(const struct life *life);

#endif
