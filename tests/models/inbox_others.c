/*
 * What the inbox needs and its scenarios do not model: a task is a message, and
 * there are no berths and cells, which have scenarios of their own.
 */
#include "bus/berth.h"
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
gyre__block_untaken(struct gyre_task *task)
{
	(void)task;
}

void
gyre__block_take(struct gyre__block *block)
{
	(void)block;
}

void
gyre__berths_fini(struct gyre_inbox *inbox)
{
	(void)inbox;
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
