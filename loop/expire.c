/*
 * Deadlines of futures: a timeout that rejects the future, and an awaiter that
 * removes the timeout once the future is complete. One allocation is both; the
 * awaiter, which always comes, be it as a drop, frees it.
 */
#include "loop/loop.h"

#include "base/check.h"
#include "bus/future.h"

#include <errno.h>

struct deadline {
	struct gyre__awaiter awaiter; /* first */
	struct gyre_loop *loop;
	gyre_timeout timeout; /* stale once it has run: then harmless */
};

static void
expire(void *arg)
{
	struct deadline *deadline = arg;

	gyre_future_reject(deadline->awaiter.future, -ETIMEDOUT,
			   "the deadline has passed");
}

static void
free_deadline(struct deadline *deadline)
{
	struct gyre_future *future = deadline->awaiter.future;

	deadline->loop->sys->release(deadline);
	gyre_future_unref(future);
}

static void
run_awaiter(struct gyre_task *task)
{
	struct deadline *deadline = (struct deadline *)task;

	gyre_loop_remove_timeout(deadline->loop, deadline->timeout);
	free_deadline(deadline);
}

/* The loop closes, and has dropped its timeouts. */
static void
drop_awaiter(struct gyre_task *task, enum gyre_drop_reason reason)
{
	(void)reason;
	free_deadline((struct deadline *)task);
}

static struct deadline *
new_deadline(struct gyre_loop *loop)
{
	struct deadline *deadline = loop->sys->allocate(sizeof(*deadline), 0);

	if (deadline == NULL)
		return NULL;
	deadline->awaiter.task.run = run_awaiter;
	deadline->awaiter.task.drop = drop_awaiter;
	deadline->loop = loop;
	return deadline;
}

int
gyre_loop_expire_future(struct gyre_loop *loop, struct gyre_future *future,
			int64_t when_ns)
{
	struct gyre_callback callback = { .fn = expire };
	struct deadline *deadline;
	int result = gyre__loop_refusal(loop);

	GYRE_REQUIRE(future != NULL);
	gyre__loop_require_owner(loop);
	if (future->home != loop->inbox)
		return -EINVAL;
	if (result < 0)
		return result;
	deadline = new_deadline(loop);
	if (deadline == NULL)
		return -ENOMEM;
	callback.arg = deadline;
	result = gyre__loop_schedule(loop, when_ns, &callback,
				     &deadline->timeout);
	if (result < 0) {
		loop->sys->release(deadline);
		return result;
	}
	result = gyre__future_await(future, &deadline->awaiter);
	GYRE_INSIST(result == 0); /* it is at home, and that is open */
	return 0;
}
