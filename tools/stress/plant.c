#include "plant.h"

#include <stddef.h>

static const char *const names[PLANTS] = {
	[PLANT_RACE_PAYLOAD] = "race-payload",
	[PLANT_RACE_ROUTING] = "race-routing",
	[PLANT_LOST_WAKEUP] = "lost-wakeup",
	[PLANT_REORDER] = "reorder",
	[PLANT_DOUBLE_RUN] = "double-run",
	[PLANT_DROP_SILENTLY] = "drop-silently",
	[PLANT_USE_AFTER_CLOSE] = "use-after-close",
};

const char *
plant_name(enum plant plant)
{
	return names[plant] != NULL ? names[plant] : "none";
}

#ifdef GYRE_PLANTS
static enum plant chosen;

void
plant_choose(enum plant plant)
{
	chosen = plant;
}

bool
plant_is(enum plant plant)
{
	return chosen == plant;
}
#endif
