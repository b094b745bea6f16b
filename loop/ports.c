/*
 * Ports on a loop: made by its owner and closed with it, if not before.
 */
#include "loop/loop.h"

#include "base/check.h"
#include "base/fork.h"
#include "bus/port.h"

#include <errno.h>

/* The port's memory is this, and goes when the port does. */
struct loop_port {
	struct gyre_port port; /* first */
	/* -- owner -- */
	struct gyre_loop *loop; /* while the port is open */
	struct gyre__dependent dependent;
};

static void
close_port(struct loop_port *here)
{
	gyre__loop_remove_dependent(&here->dependent);
	gyre__port_close(&here->port);
}

static void
close_with_loop(struct gyre__dependent *dependent)
{
	close_port((struct loop_port *)((char *)dependent -
					offsetof(struct loop_port, dependent)));
}

int
gyre_port_new(struct gyre_loop *loop, const struct gyre_port_options *options,
	      struct gyre_port **ret_port)
{
	struct loop_port *here;
	int result;

	gyre__loop_require_owner(loop);
	result = gyre__loop_refusal(loop);
	if (result < 0)
		return result;
	here = gyre__allocate(loop->sys, sizeof(*here), GYRE__CACHE_PAIR);
	if (here == NULL)
		return -ENOMEM;
	result = gyre__port_init(&here->port, loop->sys, loop->inbox, options);
	if (result < 0) {
		loop->sys->release(here);
		return result;
	}
	here->loop = loop;
	here->dependent.close = close_with_loop;
	gyre__loop_add_dependent(loop, &here->dependent);
	*ret_port = &here->port;
	return 0;
}

void
gyre_port_close(struct gyre_port *port)
{
	struct loop_port *here = (struct loop_port *)port;

	/* Closed, the loop may be gone. */
	if (gyre__is_fork(port->forks) || gyre__port_is_closed(port))
		return;
	gyre__loop_require_owner(here->loop);
	close_port(here);
}
