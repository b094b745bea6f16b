/*
 * A last value and a subscription that meet: two publish under one subject
 * while another subscribes, in every order. Whoever is new gets the last value
 * from before or as a publish, never both and never neither, and after it
 * nothing older.
 *
 * Memory that is retired is kept to the end: who frees it decides nothing here.
 */
#include "tests/models/explorer.h"

#include "base/fork.h"
#include "bus/bus.h"
#include "bus/inbox.h"
#include "bus/outbox.h"
#include "bus/rcu.h"
#include "bus/topics.h"

#include <string.h>

enum {
	FIRST,
	SECOND,
	SUBSCRIBER,
	THREADS
};

/* What the threads allocate is part of the world from the beginning. */
#define BLOCKS      14
#define BLOCK_BYTES 256

struct world {
	struct gyre_sys sys;
	struct gyre__topics topics;
	struct gyre__station station;
	struct gyre_inbox inbox;
	struct gyre__interest *buckets[2];
	struct gyre_subscription *newcomer;
	struct gyre__envelope *given; /* to it, as retained */
	struct gyre__envelope *sent[THREADS];
	uint64_t sends;
	uint64_t blocks;
	_Alignas(16) char memory[BLOCKS][BLOCK_BYTES];
};

static struct world *world;
static char values[THREADS];

/* -- what topics stand on ------------------------------------------------- */

_Thread_local struct gyre__outbox *gyre__outbox_of_thread;

struct gyre__topics *
gyre__bus_topics(const struct gyre_bus *bus)
{
	(void)bus;
	return &world->topics;
}

bool
gyre__rcu_enter(void)
{
	return false;
}

void
gyre__rcu_leave(bool entered)
{
	(void)entered;
}

void
gyre__reaper_retire(struct gyre__reaper *reaper, struct gyre__retired *retired,
		    struct gyre_inbox *home,
		    void (*free)(struct gyre__retired *retired))
{
	(void)reaper;
	(void)retired;
	(void)home;
	(void)free;
}

int
gyre_inbox_post(struct gyre_inbox *inbox, struct gyre_task *task)
{
	(void)inbox;
	EXPLORER_CHECK(world->sends < THREADS);
	world->sent[world->sends++] =
		((struct gyre__parcel *)task)->envelope->kept;
	return 0;
}

void
gyre__subscription_keep(struct gyre_subscription *subscription,
			struct gyre__envelope *envelope, bool is_retained)
{
	EXPLORER_CHECK(is_retained && world->given == NULL);
	EXPLORER_CHECK(gyre__envelope_epoch(envelope) < subscription->born);
	world->given = envelope;
}

void
gyre__subscription_ready(struct gyre_subscription *subscription)
{
	(void)subscription;
}

void
gyre__subscription_unready(struct gyre_subscription *subscription)
{
	(void)subscription;
}

void
gyre__station_receive(struct gyre__station *station,
		      struct gyre__parcel *parcel)
{
	(void)station;
	(void)parcel;
}

void
gyre__station_sweep(struct gyre__station *station)
{
	(void)station;
}

void
gyre__station_unref(struct gyre__station *station)
{
	(void)station;
}

bool
gyre__station_is_owner(const struct gyre__station *station)
{
	(void)station;
	return true;
}

/* -- the scenario --------------------------------------------------------- */

static void *
allocate(size_t size, size_t align)
{
	(void)align;
	EXPLORER_CHECK(size <= BLOCK_BYTES && world->blocks < BLOCKS);
	return world->memory[world->blocks++];
}

static void
release(void *memory)
{
	(void)memory;
}

static void
on_delivery(const struct gyre_delivery *delivery, void *arg)
{
	(void)delivery;
	(void)arg;
}

static struct gyre_subscription *
subscribe(void)
{
	const struct gyre_subscribe_options options = { .pattern = "a",
							.fn = on_delivery };
	struct gyre_subscription *subscription = NULL;

	EXPLORER_CHECK(gyre__station_subscribe(&world->station, &options,
					       &subscription) == 0);
	return subscription;
}

static void
publish(unsigned thread)
{
	const struct gyre_message message = { .data = &values[thread] };

	EXPLORER_CHECK(gyre_bus_publish_retained(NULL, "a", message) == 0);
}

static void
set_up(void)
{
	world = explorer_allocate(sizeof(*world), GYRE__CACHE_PAIR);
	memset(world, 0, sizeof(*world));
	world->sys.allocate = allocate;
	world->sys.release = release;
	world->topics.sys = &world->sys;
	world->topics.forks = gyre__forks();
	world->topics.backlog_max = 100;
	world->topics.retained_max = 1;
	world->topics.refs = 1;
	world->topics.epoch = 1;
	world->topics.routes = gyre__routes_new(&world->sys, 1);
	pthread_mutex_init(&world->topics.mutex, NULL);
	world->station.topics = &world->topics;
	world->station.inbox = &world->inbox;
	world->station.buckets = world->buckets;
	world->station.refs = 1;
	publish(SUBSCRIBER); /* the value from before */
	(void)subscribe();
	world->given = NULL;
	world->sends = 0;
}

static void
run_thread(unsigned thread)
{
	if (thread == SUBSCRIBER)
		world->newcomer = subscribe();
	else
		publish(thread);
}

static bool
comes(const struct gyre__envelope *envelope)
{
	return gyre__envelope_epoch(envelope) >= world->newcomer->born;
}

static void
check_end(void)
{
	const struct gyre__envelope *newest = NULL, *older;

	for (unsigned i = 0; i < 256; i++)
		if (world->topics.retained[i] != NULL)
			newest = world->topics.retained[i]->envelope;
	EXPLORER_CHECK(world->sends == 2);
	EXPLORER_CHECK(newest == world->sent[0] || newest == world->sent[1]);
	older = world->sent[newest == world->sent[0]];
	EXPLORER_CHECK((world->given == newest) == !comes(newest));
	EXPLORER_CHECK(world->given != older || !comes(older));
	EXPLORER_CHECK(world->given != newest || !comes(older));
	EXPLORER_CHECK(world->given == newest || world->given == older ||
		       comes(older) || world->given == NULL);
}

static const struct explorer_scenario last_value = {
	.name = "last_value",
	.threads = THREADS,
	.thread_names = { "first", "second", "subscriber" },
	.set_up = set_up,
	.run = run_thread,
	.check_end = check_end,
};

int
main(int argc, char **argv)
{
	static const struct explorer_scenario *const scenarios[] = {
		&last_value,
		NULL,
	};

	return explorer_main(argc, argv, scenarios);
}
