/*
 * Senders that are told on their own loop that there is room.
 *
 *     to the port    arrive, or refuse            waiter.c
 *     home           tell_room or tell_closed     drop: forget
 *     to the port    bring_back                   drop: give_up
 *
 * It is one allocation, which travels back only with a slot that nobody used.
 */
#include "bus/port.h"

#include "base/atomics.h"
#include "base/check.h"
#include "base/exception.h"
#include "base/fork.h"
#include "bus/inbox.h"
#include "bus/outbox.h"

#include <errno.h>

struct notice {
	struct gyre__waiter waiter; /* first */
	struct gyre_inbox *home;    /* a reference */
	gyre_port_room_fn fn;
	void *arg;
	gyre_drop_fn drop;
};

static void
release(struct notice *notice)
{
	struct gyre_port *port = notice->waiter.port;

	gyre_inbox_unref(notice->home);
	port->sys->release(notice);
	gyre_port_unref(port);
}

/* Where there is no outbox, what is raised is the caller's to look at. */
static void
report(const struct notice *notice, const char *what, void (*fn)(void))
{
	if (gyre__raised() && gyre__outbox_of_thread != NULL)
		gyre__outbox_report(gyre__outbox_of_thread, what, fn,
				    notice->arg);
}

static void
drop_arg(const struct notice *notice)
{
	if (notice->drop == NULL)
		return;
	notice->drop(notice->arg, GYRE_DROP_STOPPED);
	report(notice, "drop", (void (*)(void))notice->drop);
}

/* -- a slot that was not used ---------------------------------------------- */

static struct gyre__slot *
take_back(struct notice *notice)
{
	/* port_notify.G1 relaxed: a count, and no more */
	gyre__add_32_relaxed(&notice->waiter.port->granted, (uint32_t)-1);
	return notice->waiter.slot;
}

static void
bring_back(struct gyre_task *task)
{
	struct notice *notice = (struct notice *)task;

	gyre__port_put(notice->waiter.port, take_back(notice));
	release(notice);
}

static void
give_up(struct gyre_task *task, enum gyre_drop_reason reason)
{
	struct notice *notice = (struct notice *)task;

	(void)reason;
	gyre__port_put_closed(notice->waiter.port, take_back(notice));
	release(notice);
}

/* It was told, or never will be. */
static void
end(struct notice *notice)
{
	struct gyre_task *task = &notice->waiter.task;

	if (notice->waiter.slot == NULL) {
		release(notice);
		return;
	}
	task->run = bring_back;
	task->drop = give_up;
	if (gyre__send_task(notice->waiter.port->inbox, task) < 0)
		give_up(task, GYRE_DROP_STOPPED);
}

/* -- at home --------------------------------------------------------------- */

static void
tell_closed(struct gyre_task *task)
{
	struct notice *notice = (struct notice *)task;

	drop_arg(notice);
	end(notice);
}

/* A slot of a port that has closed meanwhile is no room. */
static void
tell_room(struct gyre_task *task)
{
	struct notice *notice = (struct notice *)task;
	struct gyre__outbox *outbox = gyre__outbox_of_thread;
	struct gyre_port *port = notice->waiter.port;

	if (gyre__port_is_closed(port)) {
		tell_closed(task);
		return;
	}
	GYRE_INSIST(outbox->granted == NULL);
	outbox->granted = &notice->waiter;
	notice->fn(port, notice->arg);
	outbox->granted = NULL;
	report(notice, "port", (void (*)(void))notice->fn);
	end(notice);
}

/* The home is closed. */
static void
forget(struct gyre_task *task, enum gyre_drop_reason reason)
{
	(void)reason;
	tell_closed(task);
}

static bool
send_home(struct gyre__waiter *waiter, struct gyre__slot *slot)
{
	struct notice *notice = (struct notice *)waiter;

	waiter->slot = slot;
	waiter->task.run = slot != NULL ? tell_room : tell_closed;
	waiter->task.drop = forget;
	if (gyre__send_task(notice->home, &waiter->task) == 0)
		return true;
	drop_arg(notice);
	release(notice);
	return false;
}

/* -- asking ---------------------------------------------------------------- */

int
gyre_port_notify(struct gyre_port *port, gyre_port_room_fn fn, void *arg,
		 gyre_drop_fn drop)
{
	struct gyre__outbox *outbox = gyre__outbox_of_thread;
	struct notice *notice;
	int result;

	GYRE_REQUIRE(fn != NULL);
	if (gyre__is_fork(port->forks))
		return -EPERM;
	if (outbox == NULL)
		return -ENOENT;
	if (gyre__port_is_closed(port))
		return -ESHUTDOWN;
	notice = gyre__allocate(port->sys, sizeof(*notice), 0);
	if (notice == NULL)
		return -ENOMEM;
	notice->waiter.port = gyre_port_ref(port);
	notice->waiter.offer = send_home;
	notice->home = gyre_inbox_ref(outbox->home);
	notice->fn = fn;
	notice->arg = arg;
	notice->drop = drop;
	result = gyre__waiter_send(&notice->waiter);
	if (result < 0)
		release(notice);
	return result;
}
