/*
 * Which loop is current for this thread: the second of the thread-locals. It
 * is a pointer that only its own thread changes.
 */
#include "loop/loop.h"

#include <errno.h>

static _Thread_local struct gyre_loop *current_loop
	__attribute__((tls_model("initial-exec")));

struct gyre_loop *
gyre__loop_swap_current(struct gyre_loop *loop)
{
	struct gyre_loop *before = current_loop;

	current_loop = loop;
	return before;
}

bool
gyre__loop_is_current(const struct gyre_loop *loop)
{
	return current_loop == loop;
}

struct gyre_loop *
gyre_loop_current(bool instance)
{
	struct gyre_loop *loop = current_loop;

	if (loop != NULL && (gyre__loop_state(loop) & GYRE__LOOP_CLOSED))
		loop = NULL;
	if (loop == NULL && instance) {
		const struct gyre_loop_options options = {
			.make_current = GYRE_MAKE_CURRENT_NO,
		};

		if (gyre_loop_new(&options, &loop) == 0)
			current_loop = loop;
	}
	return loop;
}

int
gyre_loop_make_current(struct gyre_loop *loop)
{
	if (gyre__loop_state(loop) & GYRE__LOOP_CLOSED)
		return -ESHUTDOWN;
	current_loop = loop;
	return 0;
}

void
gyre_loop_clear_current(void)
{
	current_loop = NULL;
}
