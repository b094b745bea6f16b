/* The one way into any executor, ours or one that was brought. */
#include <gyre/job.h>

#include "base/check.h"

#include <errno.h>

int
gyre_executor_submit(struct gyre_executor *executor, struct gyre_task *task)
{
	GYRE_REQUIRE(executor != NULL && executor->ops->submit != NULL);
	GYRE_REQUIRE(task->run != NULL && task->drop != NULL);
	return executor->ops->submit(executor, task);
}

int
gyre_executor_notify(struct gyre_executor *executor, struct gyre_inbox *home,
		     struct gyre_room *room)
{
	int result;

	GYRE_REQUIRE(home != NULL);
	GYRE_REQUIRE(room->task.run != NULL && room->task.drop != NULL);
	if (executor->ops->notify == NULL)
		return -ENOTSUP;
	room->_home = gyre_inbox_ref(home);
	result = executor->ops->notify(executor, room);
	if (result < 0)
		gyre_inbox_unref(home);
	return result;
}

int
gyre_executor_shut_down(struct gyre_executor *executor, enum gyre_shut_down how,
			int64_t deadline_ns)
{
	if (executor->ops->shut_down == NULL)
		return -ENOTSUP;
	return executor->ops->shut_down(executor, how, deadline_ns);
}
