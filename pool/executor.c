/* The one way into any executor, ours or one that was brought. */
#include <gyre/pool.h>

#include "base/check.h"

int
gyre_executor_submit(struct gyre_executor *executor, struct gyre_task *task)
{
	GYRE_REQUIRE(executor != NULL && executor->ops->submit != NULL);
	GYRE_REQUIRE(task->run != NULL && task->drop != NULL);
	return executor->ops->submit(executor, task);
}
