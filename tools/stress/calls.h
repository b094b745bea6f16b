/*
 * Calls between shards: each is answered once, on the loop that asked, with
 * what the other made of it, or refused because that one closed.
 */
#ifndef STRESS_CALLS_H
#define STRESS_CALLS_H

#include <stdbool.h>
#include <stdint.h>

#define CALLS_MAX 64u

struct place;

struct call {
	struct place *place;
	uint64_t expected;
	uint64_t answers; /* of all it was used for */
	unsigned to;
	bool is_open;
};

/* The calls that one loop makes. */
struct calls {
	struct call calls[CALLS_MAX];
	uint64_t answered;
	uint64_t refused;
};

void calls_init(struct place *place);
void calls_make(struct place *place, uint64_t order);

/* At the end: none is open. */
void calls_check(const struct place *place);

#endif
