/*
 * A run of one iteration, and what keeps the loop awake between two: the inbox
 * is armed while another loop sleeps for this one, by the same word and with
 * the same ring as when it sleeps itself. The poller's descriptor nests in the
 * other's.
 */
#include <gyre/embedding.h>

#include "base/check.h"
#include "bus/inbox.h"
#include "loop/loop.h"

#include <errno.h>

int
gyre_loop_fd(struct gyre_loop *loop)
{
	int result;

	gyre__loop_require_owner(loop);
	result = gyre__loop_refusal(loop);
	if (result < 0)
		return result;
	if (loop->poller_ops->fd == NULL)
		return -ENOTSUP;
	return loop->poller_ops->fd(loop->handlers.poller);
}

/* Whoever sends from now on rings; false: somebody has sent something. */
static bool
stay_armed(struct gyre_inbox *inbox)
{
	return gyre__inbox_is_armed(inbox) || gyre__inbox_arm(inbox);
}

int64_t
gyre_loop_next_ns(struct gyre_loop *loop)
{
	int64_t now_ns;
	int64_t next_ns;

	gyre__loop_require_owner(loop);
	GYRE_REQUIRE(!(gyre__loop_state(loop) & GYRE__LOOP_RUNNING));
	if (gyre__loop_refusal(loop) < 0)
		return GYRE_FOREVER; /* nothing will ever run */
	now_ns = gyre_loop_time(loop);
	if (loop->outbox.ready.head != NULL || !stay_armed(loop->inbox))
		return now_ns;
	next_ns = gyre__timeouts_next(&loop->timeouts);
	return next_ns > now_ns ? next_ns : now_ns;
}

int
gyre_loop_run_once(struct gyre_loop *loop, int64_t timeout_ns)
{
	int result = gyre__loop_begin(loop);

	if (result < 0)
		return result;
	if (result == 0)
		return -ECANCELED;
	loop->is_single = true;
	loop->poll_max_ns = timeout_ns > 0 ? timeout_ns : 0;
	result = gyre__loop_run(loop);
	loop->is_single = false;
	loop->poll_max_ns = GYRE_FOREVER;
	if (result > 0)
		return 0;
	return result < 0 ? result : -ECANCELED;
}
