#include "plants.h"

#include "bus/chain.h"
#include "plant.h"

#define ONE_IN 100

/* By turns, on each thread: nothing is shared that could order threads. */
static bool
is_due(enum plant plant)
{
	static _Thread_local unsigned turn;

	return plant_is(plant) && ++turn % ONE_IN == 0;
}

bool
gyre__plant_skips_ring(void)
{
	return is_due(PLANT_LOST_WAKEUP);
}

bool
gyre__plant_runs_twice(void)
{
	return is_due(PLANT_DOUBLE_RUN);
}

bool
gyre__plant_forgets_drop(void)
{
	return is_due(PLANT_DROP_SILENTLY);
}

struct gyre_task *
gyre__plant_pop(struct gyre__chain *chain)
{
	struct gyre_task *first = gyre__chain_pop(chain);
	struct gyre_task *second = NULL;

	if (first != NULL && chain->head != NULL && is_due(PLANT_REORDER))
		second = gyre__chain_pop(chain);
	if (second == NULL)
		return first;
	first->_next = chain->head;
	chain->head = first;
	if (chain->tail == NULL)
		chain->tail = first;
	return second;
}
