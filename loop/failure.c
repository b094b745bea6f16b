/*
 * What happens when a user function raised: the hook is told, the loop goes
 * on.
 */
#include "loop/loop.h"

#include "base/backtrace.h"
#include "base/exception.h"
#include "base/log.h"

#include <stdio.h>
#include <string.h>

#define NAME_BYTES 160

static bool
is_same(const struct gyre_exception *a, const struct gyre_exception *b)
{
	return a->error == b->error && a->line == b->line &&
	       a->file == b->file && strcmp(a->message, b->message) == 0;
}

/* Who could be told what the hook itself raised? A line has to do. */
static void
log_hook_failure(const struct gyre_loop *loop)
{
	const struct gyre_exception *raised = gyre_exception();

	gyre__log(&loop->log, GYRE_LOG_ERROR,
		  "the exception hook raised %s: %s (%s:%d)",
		  gyre_error_name(raised->error), raised->message, raised->file,
		  raised->line);
}

void
gyre__loop_report(struct gyre_loop *loop, const struct gyre_failure *failure)
{
	const struct gyre_exception reported = *gyre_exception();

	loop->exceptions++;
	loop->on_exception(loop, failure, loop->on_exception_arg);
	if (gyre__raised() && !is_same(&reported, gyre_exception()))
		log_hook_failure(loop);
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

/* "handler on_input of descriptor 7", "end of batch". */
static void
name_what_failed(const struct gyre_failure *failure, char *text, size_t size)
{
	char name[NAME_BYTES] = "";

	if (failure->fn != NULL)
		gyre__function_name(failure->fn, name, sizeof(name));
	if (failure->fd >= 0)
		snprintf(text, size, "%s %s of descriptor %d", failure->what,
			 name, failure->fd);
	else
		snprintf(text, size, "%s%s%s", failure->what,
			 name[0] != '\0' ? " " : "", name);
}

void
gyre__loop_drop(struct gyre__outbox *outbox,
		const struct gyre_callback *callback,
		enum gyre_drop_reason reason)
{
	struct gyre_exception raised_before;

	if (callback->drop == NULL)
		return;
	raised_before = gyre__exception;
	gyre__clear_exception();
	callback->drop(callback->arg, reason);
	if (gyre__raised()) {
		if (outbox == NULL)
			return;
		gyre__outbox_report(outbox, "drop",
				    (void (*)(void))callback->drop,
				    callback->arg);
	}
	gyre__exception = raised_before;
}

void
gyre_loop_handle_callback_exception(struct gyre_loop *loop,
				    const struct gyre_failure *failure,
				    void *arg)
{
	const struct gyre_exception *raised = gyre_exception();
	char what[NAME_BYTES + 64];

	(void)arg;
	name_what_failed(failure, what, sizeof(what));
	gyre__log(&loop->log, GYRE_LOG_ERROR, "%s raised %s%s%s (%s:%d)", what,
		  gyre_error_name(raised->error),
		  raised->message[0] != '\0' ? ": " : "", raised->message,
		  raised->file != NULL ? raised->file : "unknown place",
		  raised->line);
}
