/*
 * What is logged of a blocked loop: how long, and the stack of its thread, a
 * line a frame. Each line names the loop, since several may be told of at
 * once. On the thread that watches it, or on its own.
 */
#include "loop/loop.h"

#include "base/log.h"

#include <errno.h>
#include <inttypes.h>

#define FRAME_TEXT_BYTES 400 /* a line has 512 */

static void
log_frames(const struct gyre_loop *loop,
	   const struct gyre__backtrace *backtrace)
{
	char text[FRAME_TEXT_BYTES];

	for (int i = 0; i < backtrace->count; i++) {
		gyre__frame_name(backtrace, i, text, sizeof(text));
		gyre__log(&loop->log, GYRE_LOG_WARN, "loop %p: #%d %s",
			  (const void *)loop, i, text);
	}
}

void
gyre__loop_log_backtrace(const struct gyre_loop *loop, int result,
			 const struct gyre__backtrace *backtrace)
{
	if (result == 0 && backtrace->count == 0)
		result = -ENOTSUP; /* this platform has none */
	if (result == 0)
		log_frames(loop, backtrace);
	else
		gyre__log(&loop->log, GYRE_LOG_WARN, "loop %p: no stack: %s",
			  (const void *)loop,
			  gyre__watched_why_no_stack(result));
}

void
gyre_loop_log_stack(struct gyre_loop *loop, int64_t blocked_ns, void *arg)
{
	bool is_action = gyre__watchdog_require_caller(loop, __func__);
	struct gyre__backtrace backtrace;
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
	gyre__loop_log_backtrace(loop, result, &backtrace);
}
