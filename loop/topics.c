/*
 * Topics on a loop: its station on a bus, which is closed with it, and which
 * delivers what had to wait at the end of a batch.
 */
#include <gyre/topic.h>

#include "loop/loop.h"

#include "bus/topics.h"

#include <errno.h>

/* A loop's part of its station. */
struct place {
	struct gyre__dependent dependent;
	struct gyre__batch_end end;
	struct gyre_loop *loop;
	struct gyre__station *station;
};

static void
defer(void *owner)
{
	struct place *place = owner;

	gyre__loop_at_batch_end(place->loop, &place->end);
}

static void
run_end(struct gyre__batch_end *end)
{
	const struct place *place =
		(const struct place *)((char *)end -
				       offsetof(struct place, end));

	gyre__station_deliver(place->station);
}

/* The station has closed. */
static void
free_place(void *owner)
{
	struct place *place = owner;

	gyre__loop_remove_dependent(&place->dependent);
	gyre__loop_cancel_batch_end(place->loop, &place->end);
	place->loop->sys->release(place);
}

static void
close_place(struct gyre__dependent *dependent)
{
	struct place *place = (struct place *)dependent;

	gyre__station_close(place->station);
	free_place(place);
}

static struct gyre__station *
open_station(struct gyre__topics *topics, struct gyre_loop *loop)
{
	static const struct gyre__station_ops ops = {
		.defer = defer,
		.closed = free_place,
	};
	struct place *place = gyre__allocate(loop->sys, sizeof(*place), 0);

	if (place == NULL)
		return NULL;
	place->station = gyre__station_new(topics, loop->inbox, &ops, place);
	if (place->station == NULL) {
		loop->sys->release(place);
		return NULL;
	}
	place->loop = loop;
	place->end.run = run_end;
	place->dependent.close = close_place;
	gyre__loop_add_dependent(loop, &place->dependent);
	return place->station;
}

/* The loop that this thread runs, or else the current one if nobody does. */
static struct gyre_loop *
own_loop(void)
{
	struct gyre__outbox *outbox = gyre__outbox_of_thread;
	struct gyre_loop *loop;

	if (outbox != NULL)
		return (struct gyre_loop *)((char *)outbox -
					    offsetof(struct gyre_loop, outbox));
	loop = gyre_loop_current(false);
	if (loop == NULL || (gyre__loop_state(loop) & GYRE__LOOP_RUNNING))
		return NULL;
	return loop;
}

int
gyre_bus_subscribe(struct gyre_bus *bus,
		   const struct gyre_subscribe_options *options,
		   struct gyre_subscription **ret_subscription)
{
	struct gyre__topics *topics = gyre__bus_topics(bus);
	struct gyre_loop *loop = own_loop();
	struct gyre__station *station;
	int result;

	if (loop == NULL)
		return -ENOENT;
	result = gyre__loop_refusal(loop);
	if (result < 0)
		return result;
	station = gyre__station_find(topics, loop->inbox);
	if (station == NULL)
		station = open_station(topics, loop);
	if (station == NULL)
		return -ENOMEM;
	result = gyre__station_subscribe(station, options, ret_subscription);
	gyre__station_tidy(station);
	return result;
}
