/*
 * What is logged of a blocked loop: how long, and the stack of its thread. On
 * the thread that watches it, or on its own.
 */
#include "loop/loop.h"

#include "base/log.h"

#include <inttypes.h>
#include <stdio.h>

#define WHO_BYTES 32

void
gyre_loop_log_stack(struct gyre_loop *loop, int64_t blocked_ns, void *arg)
{
	bool is_action = gyre__watchdog_require_caller(loop, __func__);
	struct gyre__backtrace backtrace;
	char who[WHO_BYTES];
	int result = 0;

	(void)arg;
	if (is_action)
		result = gyre__watched_take_stack(&loop->watchdog->watched,
						  &backtrace);
	else
		gyre__backtrace_take(__builtin_return_address(0), &backtrace);
	if (blocked_ns > 0)
		gyre__log(&loop->log, GYRE_LOG_WARN,
			  "loop %p: blocked for %" PRId64 " ms", (void *)loop,
			  blocked_ns / GYRE_MS(1));
	snprintf(who, sizeof(who), "loop %p", (void *)loop);
	gyre__watched_log_stack(&loop->log, who, result, &backtrace);
}
