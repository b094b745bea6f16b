/*
 * What the inbox needs and its scenarios do not model: a task is a message, and
 * there are no cells, which have scenarios of their own.
 */
#include "bus/block.h"
#include "bus/cells.h"

void
gyre__block_run(struct gyre_task *task)
{
	(void)task;
}

void
gyre__block_come_home(struct gyre_task *task)
{
	(void)task;
}

void
gyre__cells_init(struct gyre__cells *cells, const struct gyre_sys *sys)
{
	(void)cells;
	(void)sys;
}

void
gyre__cells_fini(struct gyre__cells *cells)
{
	(void)cells;
}
