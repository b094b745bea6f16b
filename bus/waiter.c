/*
 * The queue of those who wait for room in a port, on the port's loop.
 *
 * A slot is handed over and does not go back on the stack, so that a sender
 * that just comes along cannot take it: nobody starves. Rejected: a list that
 * senders push themselves onto, and a wake-up for all of them, which the
 * fastest wins each time.
 */
#include "bus/waiter.h"

#include "base/atomics.h"
#include "bus/inbox.h"
#include "bus/port.h"

#include <errno.h>

static void
enqueue(struct gyre__waiters *waiters, struct gyre__waiter *waiter)
{
	waiter->next = NULL;
	waiter->link = waiters->end;
	*waiter->link = waiter;
	waiters->end = &waiter->next;
}

bool
gyre__waiter_unqueue(struct gyre__waiter *waiter)
{
	if (waiter->link == NULL)
		return false;
	*waiter->link = waiter->next;
	if (waiter->next != NULL)
		waiter->next->link = waiter->link;
	else
		waiter->port->waiters.end = waiter->link;
	waiter->link = NULL;
	return true;
}

/* A slot that is out without a message is counted before anybody can put one
 * in it. */
static bool
offer(struct gyre_port *port, struct gyre__waiter *waiter,
      struct gyre__slot *slot)
{
	/* waiter.G1 relaxed: a count, and no more */
	gyre__add_32_relaxed(&port->granted, 1);
	if (waiter->offer(waiter, slot))
		return true;
	/* waiter.G2 relaxed: as waiter.G1 */
	gyre__add_32_relaxed(&port->granted, (uint32_t)-1);
	return false;
}

bool
gyre__waiters_offer(struct gyre_port *port, struct gyre__slot *slot)
{
	struct gyre__waiter *waiter;

	while ((waiter = port->waiters.first) != NULL) {
		gyre__waiter_unqueue(waiter);
		if (offer(port, waiter, slot))
			return true;
	}
	return false;
}

void
gyre__waiters_close(struct gyre_port *port)
{
	struct gyre__waiter *waiter;

	while ((waiter = port->waiters.first) != NULL) {
		gyre__waiter_unqueue(waiter);
		waiter->offer(waiter, NULL);
	}
}

static void
arrive(struct gyre_task *task)
{
	struct gyre__waiter *waiter = (struct gyre__waiter *)task;
	struct gyre_port *port = waiter->port;
	struct gyre__slot *slot;

	if (port->closed) {
		waiter->offer(waiter, NULL);
		return;
	}
	enqueue(&port->waiters, waiter);
	if (gyre__slots_take(&port->slots, &slot) == 0)
		gyre__port_put(port, slot);
}

/* The port's loop has closed, and hence the port. */
static void
refuse(struct gyre_task *task, enum gyre_drop_reason reason)
{
	struct gyre__waiter *waiter = (struct gyre__waiter *)task;

	(void)reason;
	waiter->offer(waiter, NULL);
}

int
gyre__waiter_send(struct gyre__waiter *waiter)
{
	waiter->task.run = arrive;
	waiter->task.drop = refuse;
	return gyre_inbox_post(waiter->port->inbox, &waiter->task);
}
