/*
 * Senders without a loop, whose thread blocks until there is room.
 *
 *     WAITING --offer--> GRANTED or CLOSED     the port's owner
 *        |
 *        +--deadline---> LEFT                  the thread
 *
 * One who left is taken off the port's queue by a task that follows it there,
 * so that threads which give up, again and again, leave nothing behind.
 */
#include "bus/port.h"

#include "base/atomics.h"
#include "base/check.h"
#include "base/fork.h"
#include "bus/inbox.h"
#include "bus/latch.h"
#include "bus/outbox.h"

#include <errno.h>

enum {
	WAITING,
	GRANTED,
	CLOSED,
	LEFT,
};

struct sitter {
	struct gyre__waiter waiter; /* first */
	struct gyre_task leave;
	struct gyre__latch *latch;
	uint32_t state;
	uint32_t refs; /* the thread's, and that of the way to the port */
};

static void
unref(struct sitter *sitter)
{
	struct gyre_port *port = sitter->waiter.port;

	/* port_wait.N1 acq_rel: both sides' uses before the release of the
	 * memory; pairs with port_wait.N1 */
	if (gyre__add_32_acq_rel(&sitter->refs, (uint32_t)-1) > 1)
		return;
	gyre__latch_free(sitter->latch);
	port->sys->release(sitter);
	gyre_port_unref(port);
}

static bool
offer(struct gyre__waiter *waiter, struct gyre__slot *slot)
{
	struct sitter *sitter = (struct sitter *)waiter;
	uint32_t seen = WAITING;
	bool taken;

	waiter->slot = slot;
	/* port_wait.S1 release: the slot before the state that tells of it;
	 * pairs with port_wait.S3 */
	taken = gyre__cas_32_release(&sitter->state, &seen,
				     slot != NULL ? GRANTED : CLOSED);
	if (taken)
		gyre__latch_open(sitter->latch);
	unref(sitter);
	return taken;
}

/* -- leaving --------------------------------------------------------------- */

static struct sitter *
sitter_of_leave(struct gyre_task *task)
{
	return (struct sitter *)((char *)task - offsetof(struct sitter, leave));
}

static void
leave(struct gyre_task *task)
{
	struct sitter *sitter = sitter_of_leave(task);

	if (gyre__waiter_unqueue(&sitter->waiter))
		unref(sitter);
	unref(sitter);
}

/* The port is closed, and nobody is on its queue. */
static void
drop_leave(struct gyre_task *task, enum gyre_drop_reason reason)
{
	(void)reason;
	unref(sitter_of_leave(task));
}

/* -- waiting --------------------------------------------------------------- */

static struct sitter *
new_sitter(struct gyre_port *port)
{
	struct sitter *sitter = gyre__allocate(port->sys, sizeof(*sitter), 0);

	if (sitter == NULL)
		return NULL;
	sitter->latch = gyre__latch_new(port->sys);
	if (sitter->latch == NULL) {
		port->sys->release(sitter);
		return NULL;
	}
	sitter->waiter.port = gyre_port_ref(port);
	sitter->waiter.offer = offer;
	sitter->leave.run = leave;
	sitter->leave.drop = drop_leave;
	sitter->refs = 2;
	return sitter;
}

/* What came of it, now that the latch is open or the deadline has passed. */
static int
settle(struct sitter *sitter, struct gyre__slot **ret_slot)
{
	struct gyre_port *port = sitter->waiter.port;
	uint32_t seen = WAITING;
	int result = -ESHUTDOWN;

	/* port_wait.S2 relaxed: nothing is published by leaving */
	if (gyre__cas_32_relaxed(&sitter->state, &seen, LEFT)) {
		if (gyre__send_task(port->inbox, &sitter->leave) < 0)
			unref(sitter);
		return -ETIMEDOUT;
	}
	/* port_wait.S3 acquire: the slot after the state; pairs with
	 * port_wait.S1 */
	seen = gyre__load_32_acquire(&sitter->state);
	if (seen == GRANTED) {
		*ret_slot = sitter->waiter.slot;
		result = gyre__port_ungrant(port, *ret_slot);
	}
	unref(sitter);
	return result;
}

static int
wait_for_slot(struct gyre_port *port, int64_t deadline_ns,
	      struct gyre__slot **ret_slot)
{
	struct sitter *sitter;
	int result;

	if (gyre__now_ns(port->sys) >= deadline_ns)
		return -ETIMEDOUT;
	sitter = new_sitter(port);
	if (sitter == NULL)
		return -ENOMEM;
	result = gyre__waiter_send(&sitter->waiter);
	if (result < 0) {
		unref(sitter);
		unref(sitter);
		return result;
	}
	(void)gyre__latch_wait(sitter->latch, deadline_ns);
	return settle(sitter, ret_slot);
}

int
gyre_port_send_wait(struct gyre_port *port, struct gyre_message message,
		    int64_t deadline_ns)
{
	struct gyre__slot *slot = NULL;
	int result;

	if (gyre__outbox_of_thread != NULL)
		return -EDEADLK;
	if (gyre__is_fork(port->forks))
		return -EPERM;
	result = gyre__slots_take(&port->slots, &slot);
	if (result == -EAGAIN)
		result = wait_for_slot(port, deadline_ns, &slot);
	if (result == 0)
		result = gyre__port_post(port, slot, &message);
	return gyre__port_told(port, result);
}
