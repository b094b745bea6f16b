/*
 * Calls that do not simply take their turn: cancelled or expired, where the
 * function runs or its argument is dropped, once; asked of each shard, where
 * all answer; and barriers, behind which everything has run.
 */
#ifndef STRESS_ASKS_H
#define STRESS_ASKS_H

#include <gyre/bus.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "options.h"

#define ASKS_MAX 16u

struct place;

enum ask_kind {
	ASK_ONE,
	ASK_EACH,
	ASK_BARRIER,
	ASK_KINDS,
};

struct ask {
	struct place *place;
	enum ask_kind kind;
	uint64_t order;
	_Atomic unsigned fate; /* of ASK_ONE's argument */
	_Atomic unsigned runs; /* of ASK_EACH */
	bool is_awaited;
	struct gyre_answer answers[OPTIONS_LOOPS_MAX];
	uint64_t sent[OPTIONS_LOOPS_MAX]; /* before ASK_BARRIER */
};

struct asks {
	struct ask asks[ASKS_MAX];
};

void asks_init(struct place *place);
void asks_make(struct place *place, uint64_t order);
void asks_check(const struct place *place);

#endif
