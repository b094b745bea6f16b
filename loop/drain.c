/*
 * Draining: a run that ends when nothing waits any more. What waits is looked
 * at where stop is, once an iteration.
 */
#include "loop/loop.h"

#include "base/check.h"
#include "bus/inbox.h"

#include <errno.h>

struct gyre__drain {
	struct gyre_loop *loop;
	bool expired;
};

bool
gyre__loop_is_drained(struct gyre_loop *loop)
{
	gyre__outbox_receive(&loop->outbox);
	return loop->outbox.ready.head == NULL && loop->inbox->awaiters == NULL;
}

static void
expire(void *arg)
{
	struct gyre__drain *drain = arg;

	drain->expired = true;
	gyre_loop_stop(drain->loop);
}

int
gyre_loop_drain(struct gyre_loop *loop, int64_t deadline_ns)
{
	struct gyre__drain drain = { .loop = loop };
	gyre_timeout timeout = 0;
	int result = gyre__loop_begin(loop);

	if (result < 0)
		return result;
	if (result == 0)
		return -ECANCELED;
	result = gyre__timeouts_add(&loop->timeouts, deadline_ns, expire,
				    &drain, &timeout);
	if (result < 0) {
		gyre__loop_cancel_begin(loop);
		return result;
	}
	loop->drain = &drain;
	result = gyre__loop_run(loop);
	loop->drain = NULL;
	gyre_loop_remove_timeout(loop, timeout);
	if (result < 0 || gyre__loop_is_drained(loop))
		return result;
	return drain.expired ? -ETIMEDOUT : -ECANCELED;
}
