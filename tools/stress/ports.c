#include "ports.h"

#include <errno.h>

#include "channel.h"
#include "conductor.h"
#include "life.h"
#include "report.h"

#define CAPACITY    12
#define HIGH_WATER  9
#define LOW_WATER   3
#define WAIT_MAX_NS 400000
#define BURST_MASK  7u

/* -- receiving ------------------------------------------------------------- */

/* A copy is of the pointer alone, and nobody releases it. */
static bool
is_copy(const struct gyre_message *parcel)
{
	return parcel->size == sizeof(struct message *);
}

static struct message *
message_in(const struct gyre_message *parcel)
{
	return is_copy(parcel) ? *(struct message **)parcel->data
			       : parcel->data;
}

static void
release(void *data)
{
	struct message *message = data;

	if (message->is_released || message->fate == FATE_SENT)
		report_broken(
			LAW_ONCE,
			&message->channel->life->actors[message->channel->from],
			"message %llu was released %s",
			(unsigned long long)message->number,
			message->is_released ? "twice" : "too early");
	message->is_released = true;
	if (message->fate == FATE_RUN)
		message_done(message);
}

static void
on_message(struct gyre_port *port, struct gyre_message *parcel, void *arg)
{
	struct message *message = message_in(parcel);
	bool copy = is_copy(parcel);

	(void)port;
	(void)arg;
	message_run(message);
	if (copy)
		message_done(message);
}

static void
on_drop(struct gyre_port *port, struct gyre_message *parcel,
	enum gyre_drop_reason reason, void *arg)
{
	struct message *message = message_in(parcel);

	(void)port;
	(void)arg;
	message->is_released = is_copy(parcel);
	message_drop(message, reason);
}

static void
pass_mark(struct place *place, bool is_high)
{
	if (self != place->actor || place->ports.is_high == is_high)
		report_broken(LAW_ONCE, place->actor,
			      "the port of %s said twice that it is %s",
			      place->actor->name, is_high ? "high" : "low");
	place->ports.is_high = is_high;
}

static void
on_high(struct gyre_port *port, void *arg)
{
	(void)port;
	pass_mark(arg, true);
}

static void
on_low(struct gyre_port *port, void *arg)
{
	(void)port;
	pass_mark(arg, false);
}

int
ports_open(struct place *place)
{
	const struct gyre_port_options options = {
		.capacity = CAPACITY,
		.on_message = on_message,
		.on_drop = on_drop,
		.arg = place,
		.high_water = HIGH_WATER,
		.low_water = LOW_WATER,
		.on_high = on_high,
		.on_low = on_low,
	};

	if (!options_mixes(place->life->options, PATH_PORTS))
		return 0;
	for (unsigned to = 0; to < place->life->places_count; to++) {
		place->ports.waiters[to].place = place;
		place->ports.waiters[to].to = to;
	}
	return gyre_port_new(place->loop, &options, &place->ports.port);
}

void
ports_close(struct place *place)
{
	gyre_port_unref(place->ports.port);
}

/* -- sending --------------------------------------------------------------- */

static struct gyre_message
parcel_of(struct message *message)
{
	return (struct gyre_message){ message, sizeof(*message), release };
}

int
ports_post(struct place *to, struct message *message)
{
	message->is_released = false;
	if ((message->check & 1) != 0)
		return gyre_port_send_copy(to->ports.port, &message,
					   sizeof(message));
	return gyre_port_send(to->ports.port, parcel_of(message));
}

static struct channel *
channel_to(const struct place *from, unsigned to)
{
	return channel_of(from->life, from->index, to, LANE_ORDINARY);
}

static bool
is_waiting(const struct waiter *waiter)
{
	return atomic_load_explicit(&waiter->is_waiting, memory_order_relaxed);
}

static void
set_waiting(struct waiter *waiter, bool waits)
{
	atomic_store_explicit(&waiter->is_waiting, waits, memory_order_relaxed);
}

/* There is room, for one: unless the port is closed, it is taken. */
static void
on_room(struct gyre_port *port, void *arg)
{
	struct waiter *waiter = arg;
	struct channel *channel = channel_to(waiter->place, waiter->to);
	struct message *message = channel_prepare(channel, PATH_PORTS);
	int error;

	if (self != waiter->place->actor || !is_waiting(waiter))
		report_broken(LAW_ONCE, waiter->place->actor,
			      "%s was told of room for nothing", self->name);
	set_waiting(waiter, false);
	if (message == NULL)
		return;
	error = ports_post(&waiter->place->life->places[waiter->to], message);
	(void)port;
	if (error == 0) {
		channel_sent(channel, message);
		return;
	}
	channel_refused(channel, message);
	if (error != -ESHUTDOWN)
		report_broken(LAW_ERRORS, &self->life->actors[waiter->to],
			      "%s was told of room and found none: %s",
			      self->name, gyre_error_name(error));
}

/* On the waiting loop, or where it was found to be closed. */
static void
on_no_room(void *arg, enum gyre_drop_reason reason)
{
	struct waiter *waiter = arg;

	(void)reason;
	set_waiting(waiter, false);
}

void
ports_send(struct place *from, uint64_t order)
{
	struct life *life = from->life;
	unsigned to = (unsigned)(order >> 8) % life->places_count;
	struct waiter *waiter = &from->ports.waiters[to];

	for (unsigned i = 0; i <= (order & BURST_MASK); i++) {
		if (channel_send(channel_to(from, to), PATH_PORTS) < 0)
			break;
		if (i < (order & BURST_MASK))
			continue;
		return;
	}
	if (is_waiting(waiter))
		return;
	set_waiting(waiter, true);
	if (gyre_port_notify(life->places[to].ports.port, on_room, waiter,
			     on_no_room) < 0)
		set_waiting(waiter, false);
}

void
ports_send_wait(struct place *to, uint64_t order)
{
	struct channel *channel =
		channel_of(to->life, self->id, to->index, LANE_ORDINARY);
	int64_t deadline_ns =
		conductor_now_ns() + (int64_t)(order % WAIT_MAX_NS);
	struct message *message = channel_prepare(channel, PATH_PORTS);
	int error;

	if (message == NULL)
		return;
	message->is_released = false;
	error = gyre_port_send_wait(to->ports.port, parcel_of(message),
				    deadline_ns);
	if (error == 0) {
		channel_sent(channel, message);
		return;
	}
	channel_refused(channel, message);
	if (error != -ETIMEDOUT && error != -ESHUTDOWN)
		report_broken(LAW_ERRORS, to->actor,
			      "a port did not let wait: %s",
			      gyre_error_name(error));
}

void
ports_check(const struct place *place)
{
	struct gyre_port_stats stats;

	if (place->ports.port == NULL)
		return;
	gyre_port_get_stats(place->ports.port, &stats);
	if (stats.accepted != stats.delivered + stats.dropped ||
	    stats.waiting != 0)
		report_broken(LAW_CONSERVATION, place->actor,
			      "the port of %s counts %llu accepted, %llu "
			      "delivered, %llu dropped, %u waiting",
			      place->actor->name,
			      (unsigned long long)stats.accepted,
			      (unsigned long long)stats.delivered,
			      (unsigned long long)stats.dropped, stats.waiting);
	for (unsigned i = 0; i < place->life->places_count; i++) {
		if (is_waiting(&place->ports.waiters[i]))
			report_broken(LAW_CONSERVATION, place->actor,
				      "%s asked for room, and heard of neither "
				      "room nor a drop",
				      place->actor->name);
	}
}
