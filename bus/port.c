/*
 * Ports: sending and delivering. What is in flight is in the slots, so a
 * message needs no memory of its own, and that a port is full is nothing but
 * that there is no slot.
 */
#include "bus/port.h"

#include "base/atomics.h"
#include "base/check.h"
#include "base/exception.h"
#include "base/fork.h"
#include "bus/inbox.h"
#include "bus/outbox.h"

#include <errno.h>
#include <string.h>

/* Report what a function of the port's user raised. Where there is no outbox
 * the record is the caller's to look at. */
static void
report(const struct gyre_port *port, void (*fn)(void))
{
	if (gyre__raised() && gyre__outbox_of_thread != NULL)
		gyre__outbox_report(gyre__outbox_of_thread, "port", fn,
				    port->options.arg);
}

static void
release_message(struct gyre_port *port, struct gyre__slot *slot)
{
	void (*release)(void *) = slot->message.release;

	if (release == NULL)
		return;
	release(slot->message.data);
	report(port, (void (*)(void))release);
}

/* -- slots come back ------------------------------------------------------- */

/* The port may be gone afterwards. */
void
gyre__port_put_closed(struct gyre_port *port, struct gyre__slot *slot)
{
	if (gyre__slots_over(gyre__slots_put(&port->slots, slot)))
		gyre_port_unref(port);
}

static void
call_mark(struct gyre_port *port, gyre_port_room_fn fn, bool is_high)
{
	port->is_high = is_high;
	if (fn == NULL)
		return;
	fn(port, port->options.arg);
	report(port, (void (*)(void))fn);
}

/* Open, the port cannot go: the messages' reference is there. */
void
gyre__port_put(struct gyre_port *port, struct gyre__slot *slot)
{
	uint64_t word;

	if (port->closed) {
		gyre__port_put_closed(port, slot);
		return;
	}
	if (gyre__waiters_offer(port, slot))
		return;
	word = gyre__slots_put(&port->slots, slot);
	if (port->is_high && gyre__slots_used(word) <= port->options.low_water)
		call_mark(port, port->options.on_low, false);
}

/* -- messages arrive ------------------------------------------------------- */

static struct gyre__slot *
slot_of_task(struct gyre_task *task)
{
	return (struct gyre__slot *)((char *)task -
				     offsetof(struct gyre__slot, task));
}

/* The port is closed: by its owner, or with its loop. Any thread. */
static void
drop(struct gyre_task *task, enum gyre_drop_reason reason)
{
	struct gyre__slot *slot = slot_of_task(task);
	struct gyre_port *port = slot->port;
	const struct gyre_port_options *options = &port->options;

	/* port.D1 relaxed: a count, and no more */
	gyre__add_64_relaxed(&port->dropped, 1);
	if (options->on_drop != NULL) {
		options->on_drop(port, &slot->message, reason, options->arg);
		report(port, (void (*)(void))options->on_drop);
	}
	release_message(port, slot);
	gyre__port_put_closed(port, slot);
}

static void
deliver(struct gyre_task *task)
{
	struct gyre__slot *slot = slot_of_task(task);
	struct gyre_port *port = slot->port;
	const struct gyre_port_options *options = &port->options;

	if (GYRE__UNLIKELY(port->closed)) {
		drop(task, GYRE_DROP_STOPPED);
		return;
	}
	if (options->high_water != 0 && !port->is_high &&
	    gyre__slots_used(gyre__slots_look(&port->slots)) >=
		    options->high_water)
		call_mark(port, options->on_high, true);
	options->on_message(port, &slot->message, options->arg);
	report(port, (void (*)(void))options->on_message);
	release_message(port, slot);
	/* port.D2 relaxed: a count, which this thread alone writes */
	gyre__store_64_relaxed(&port->delivered, port->delivered + 1);
	gyre__port_put(port, slot);
}

/* -- sending --------------------------------------------------------------- */

int
gyre__port_told(struct gyre_port *port, int result)
{
	if (result < 0)
		/* port.R1 relaxed: a count, and no more */
		gyre__add_64_relaxed(&port->refused, 1);
	return result;
}

/* Refused, the slot is out of reach of those who wait, but the port's loop is
 * closed then, and nobody does. */
static int
post(struct gyre_port *port, struct gyre__slot *slot)
{
	int result = gyre_inbox_post(port->inbox, &slot->task);

	if (GYRE__UNLIKELY(result < 0))
		gyre__port_put_closed(port, slot);
	return result;
}

int
gyre__port_post(struct gyre_port *port, struct gyre__slot *slot,
		const struct gyre_message *message)
{
	slot->message = *message;
	return post(port, slot);
}

int
gyre__port_ungrant(struct gyre_port *port, struct gyre__slot *slot)
{
	/* port.G1 relaxed: a count, and no more */
	gyre__add_32_relaxed(&port->granted, (uint32_t)-1);
	if (!gyre__port_is_closed(port))
		return 0;
	gyre__port_put_closed(port, slot);
	return -ESHUTDOWN;
}

/* A slot for a message: the one that is granted to what this thread runs, or
 * any that is free. */
static int
take_slot(struct gyre_port *port, struct gyre__slot **ret_slot)
{
	struct gyre__outbox *outbox = gyre__outbox_of_thread;
	struct gyre__waiter *waiter;

	if (GYRE__UNLIKELY(gyre__is_fork(port->forks)))
		return -EPERM;
	if (outbox == NULL || (waiter = outbox->granted) == NULL ||
	    waiter->port != port || waiter->slot == NULL)
		return gyre__slots_take(&port->slots, ret_slot);
	*ret_slot = waiter->slot;
	waiter->slot = NULL;
	return gyre__port_ungrant(port, *ret_slot);
}

int
gyre_port_send(struct gyre_port *port, struct gyre_message message)
{
	struct gyre__slot *slot;
	int result = take_slot(port, &slot);

	if (result == 0)
		result = gyre__port_post(port, slot, &message);
	return gyre__port_told(port, result);
}

int
gyre_port_send_copy(struct gyre_port *port, const void *bytes, size_t size)
{
	struct gyre__slot *slot;
	int result;

	if (size > GYRE_PORT_COPY_MAX)
		return -EMSGSIZE;
	result = take_slot(port, &slot);
	if (result == 0) {
		if (size > 0)
			memcpy(slot->bytes, bytes, size);
		slot->message = (struct gyre_message){ .data = slot->bytes,
						       .size = size };
		result = post(port, slot);
	}
	return gyre__port_told(port, result);
}

/* -- life ------------------------------------------------------------------ */

static bool
are_sound(const struct gyre_port_options *options)
{
	if (options->capacity < 1 || options->capacity > GYRE_PORT_CAPACITY_MAX)
		return false;
	if (options->high_water == 0)
		return options->low_water == 0;
	return options->high_water <= options->capacity &&
	       options->low_water < options->high_water;
}

int
gyre__port_init(struct gyre_port *port, const struct gyre_sys *sys,
		struct gyre_inbox *inbox,
		const struct gyre_port_options *options)
{
	struct gyre__slot *array;

	GYRE_REQUIRE(options->on_message != NULL);
	if (!are_sound(options))
		return -EINVAL;
	array = gyre__allocate(sys, options->capacity * sizeof(*array),
			       GYRE__CACHE_PAIR);
	if (array == NULL)
		return -ENOMEM;
	port->sys = sys;
	port->inbox = gyre_inbox_ref(inbox);
	port->options = *options;
	port->forks = gyre__forks();
	port->waiters.end = &port->waiters.first;
	port->refs = 2;
	gyre__slots_init(&port->slots, array, options->capacity);
	for (uint32_t i = 0; i < options->capacity; i++) {
		array[i].task.run = deliver;
		array[i].task.drop = drop;
		array[i].port = port;
	}
	return 0;
}

/* The messages' reference may go on another thread, as soon as the word is
 * closed. */
void
gyre__port_close(struct gyre_port *port)
{
	uint64_t word;

	gyre_port_ref(port);
	port->closed = true;
	word = gyre__slots_close(&port->slots);
	gyre__waiters_close(port);
	if (gyre__slots_over(word))
		gyre_port_unref(port);
	gyre_port_unref(port);
}

bool
gyre__port_is_closed(const struct gyre_port *port)
{
	return gyre__slots_closed(gyre__slots_look(&port->slots));
}

struct gyre_port *
gyre_port_ref(struct gyre_port *port)
{
	/* port.N1 relaxed: whoever adds one has one */
	gyre__add_32_relaxed(&port->refs, 1);
	return port;
}

void
gyre_port_unref(struct gyre_port *port)
{
	uint32_t before;

	if (port == NULL)
		return;
	/* port.N2 acq_rel: every holder's uses before the release of the
	 * memory; pairs with port.N2 */
	before = gyre__add_32_acq_rel(&port->refs, (uint32_t)-1);
	GYRE_INSIST(before != 0);
	if (before > 1)
		return;
	gyre_inbox_unref(port->inbox);
	port->sys->release(port->slots.slots);
	port->sys->release(port);
}

/* -- introspection --------------------------------------------------------- */

void
gyre_port_get_stats(const struct gyre_port *port,
		    struct gyre_port_stats *ret_stats)
{
	/* port.S1 relaxed: counts, and no more; so are those below */
	uint64_t delivered = gyre__load_64_relaxed(&port->delivered);
	/* port.S2 relaxed: as port.S1 */
	uint64_t dropped = gyre__load_64_relaxed(&port->dropped);
	/* port.S3 relaxed: as port.S1 */
	uint32_t granted = gyre__load_32_relaxed(&port->granted);
	/* port.S4 relaxed: as port.S1 */
	uint64_t refused = gyre__load_64_relaxed(&port->refused);
	uint32_t used = gyre__slots_used(gyre__slots_look(&port->slots));
	/* Elsewhere than at home one may have come after the other. */
	uint32_t waiting = used > granted ? used - granted : 0;

	*ret_stats = (struct gyre_port_stats){
		.accepted = delivered + dropped + waiting,
		.delivered = delivered,
		.dropped = dropped,
		.refused = refused,
		.waiting = waiting,
		.capacity = port->options.capacity,
	};
}
