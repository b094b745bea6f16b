/*
 * What happens when a user function raised: the hook is told, the loop goes
 * on.
 */
#include "loop/loop.h"

#include "base/exception.h"
#include "base/log.h"

void
gyre__loop_report(struct gyre_loop *loop, const struct gyre_failure *failure)
{
	loop->exceptions++;
	loop->on_exception(loop, failure, loop->on_exception_arg);
	gyre__clear_exception();
}

void
gyre__loop_on_raise(struct gyre__outbox *outbox, const char *what,
		    void (*fn)(void), void *arg)
{
	struct gyre_loop *loop =
		(struct gyre_loop *)((char *)outbox -
				     offsetof(struct gyre_loop, outbox));
	const struct gyre_failure failure = {
		.what = what,
		.fd = -1,
		.fn = fn,
		.arg = arg,
	};

	gyre__loop_report(loop, &failure);
}

void
gyre_loop_handle_callback_exception(struct gyre_loop *loop,
				    const struct gyre_failure *failure,
				    void *arg)
{
	const struct gyre_exception *raised = gyre_exception();

	(void)arg;
	gyre__log(&loop->log, GYRE_LOG_ERROR, "%s %p raised %s: %s (%s:%d)",
		  failure->what, (void *)(uintptr_t)failure->fn,
		  gyre_error_name(raised->error), raised->message,
		  raised->file != NULL ? raised->file : "unknown place",
		  raised->line);
}
