/*
 * Where gyre-stress-planted's copies of gyre's sources ask whether to be
 * wrong. Each goes wrong now and then, as a bug does, not always.
 */
#ifndef TESTS_STRESS_PLANTS_H
#define TESTS_STRESS_PLANTS_H

#include <stdbool.h>

struct gyre__chain;
struct gyre_task;

bool gyre__plant_skips_ring(void);
bool gyre__plant_runs_twice(void);
bool gyre__plant_forgets_drop(void);

/* Pop the first task, or now and then the one behind it. */
struct gyre_task *gyre__plant_pop(struct gyre__chain *chain);

#endif
