/*
 * The arithmetic of periodics, without a loop, and what tests replace.
 */
#ifndef GYRE_LOOP_PERIODIC_H
#define GYRE_LOOP_PERIODIC_H

#include <gyre/periodic.h>

#include "base/sys.h"

/*
 * The slot after last_ns for a call that was over at now_ns: the first one of
 * the grid after now_ns; if the clock went back, the one after last_ns. Beyond
 * the largest instant: GYRE_FOREVER.
 */
int64_t gyre__periodic_next(int64_t last_ns, int64_t now_ns, int64_t period_ns);

/* A period varied by up to half of jitter; chance is from 0 to 1. At least
 * 1 ns if the period is. */
int64_t gyre__periodic_vary(int64_t period_ns, double jitter, double chance);

/* 0 or why not; NULL is the default table. */
int gyre__periodic_new(const struct gyre_sys *sys,
		       const struct gyre_callback *callback, int64_t period_ns,
		       struct gyre_periodic **ret_periodic);

/* Where jitter's numbers from 0 to 1 come from. */
struct gyre__chance {
	double (*draw)(void *arg);
	void *arg;
};

void gyre__periodic_set_chance(struct gyre_periodic *periodic,
			       struct gyre__chance chance);

#endif
