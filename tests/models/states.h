/*
 * The set of the states that have been seen, by their 128-bit keys: that two
 * of a million states share one happens once in 10^26 runs.
 */
#ifndef TESTS_MODELS_STATES_H
#define TESTS_MODELS_STATES_H

#include "tests/models/machine.h"

struct states {
	struct machine_key *slots; /* zero: empty */
	size_t capacity;           /* a power of two */
	size_t count;
};

void states_init(struct states *states);

/* Add a state; false: it was there. */
bool states_add(struct states *states, struct machine_key key);

void states_fini(struct states *states);

#endif
