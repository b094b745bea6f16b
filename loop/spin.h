/*
 * Whether a loop spins before it sleeps: looks for work for a while, since to
 * fall asleep and be woken takes longer than what it waits for.
 *
 * It learns from what came while it spun. Each spin that found something buys
 * another, each that found nothing costs one; without any left the loop sleeps
 * at once, and tries again only now and then: the more seldom, the more often
 * that was in vain. A loop that had to leave its CPU to others while it spun is
 * to give it to them: it tries as seldom as can be.
 */
#ifndef GYRE_LOOP_SPIN_H
#define GYRE_LOOP_SPIN_H

#include <gyre/base.h>

#include "base/sys.h"

#include <stdbool.h>
#include <stdint.h>

#define GYRE__SPINS_KEPT_MAX   4u    /* that may be in vain, in a row */
#define GYRE__SPIN_TRIAL_EVERY 1024u /* sleeps, at the most seldom */
/* Between two looks at the clock, which are a microsecond apart. */
#define GYRE__SPIN_LATE_NS 50000

struct gyre__spin {
	/* -- immutable after init -- */
	int64_t max_ns; /* how long it spins; 0: it never does */
	/* -- owner -- */
	bool is_allowed; /* in this run */
	unsigned left;   /* spins that may be in vain */
	unsigned every;  /* sleeps between two trials */
	unsigned sleeps; /* since the last one */
	uint64_t preemptions;
	uint64_t spins;
	uint64_t found; /* of which something ended before their time */
	int64_t spun_ns;
};

void gyre__spin_init(struct gyre__spin *spin, int64_t max_ns);

/* A run begins, in which it spins if this thread has but one CPU, and there are
 * others from which something can come. Until then, and when it has ended, it
 * does not. */
void gyre__spin_begin(struct gyre__spin *spin, const struct gyre_sys *sys);

void gyre__spin_end(struct gyre__spin *spin);

/* Whether it spins now, instead of sleeping at once. */
static inline bool
gyre__spin_is_due(const struct gyre__spin *spin)
{
	return spin->is_allowed && spin->left > 0;
}

enum gyre__spin_end {
	GYRE__SPIN_FOUND,
	GYRE__SPIN_IN_VAIN,
	GYRE__SPIN_PREEMPTED,
};

/* It has spun for so long. */
void gyre__spin_learn(struct gyre__spin *spin, enum gyre__spin_end end,
		      int64_t spun_ns);

/* It has slept. */
void gyre__spin_slept(struct gyre__spin *spin);

#endif
