/*
 * Bugs on request: a tester that finds nothing must be shown to find
 * something. They are compiled in with GYRE_PLANTS only, which the tests do
 * for gyre-stress-planted; else every question is answered by a constant.
 * Those that are bugs of gyre's own are planted into its sources there.
 */
#ifndef STRESS_PLANT_H
#define STRESS_PLANT_H

#include <stdbool.h>

enum plant {
	PLANT_NONE,
	PLANT_RACE_PAYLOAD,    /* writes to a message after it was posted */
	PLANT_RACE_ROUTING,    /* changes a table that others read */
	PLANT_LOST_WAKEUP,     /* gyre: leaves out one ring in some */
	PLANT_REORDER,         /* gyre: runs two tasks in the wrong order */
	PLANT_DOUBLE_RUN,      /* gyre: runs a task twice */
	PLANT_DROP_SILENTLY,   /* gyre: forgets to tell that it dropped */
	PLANT_USE_AFTER_CLOSE, /* keeps a loop where a handle is right */
	PLANTS,
};

const char *plant_name(enum plant plant);

#ifdef GYRE_PLANTS
/* Before any other thread starts. */
void plant_choose(enum plant plant);
bool plant_is(enum plant plant);
#else
static inline void
plant_choose(enum plant plant)
{
	(void)plant;
}

static inline bool
plant_is(enum plant plant)
{
	(void)plant;
	return false;
}
#endif

#endif
