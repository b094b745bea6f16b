/*
 * The bus's life, and the table by which shards are found. What is asked of
 * them is call.c's and gather.c's.
 */
#include "bus/bus.h"

#include "base/atomics.h"
#include "base/check.h"
#include "bus/inbox.h"
#include "bus/rcu.h"
#include "bus/topics.h"

#include <errno.h>

struct gyre_bus *
gyre__bus_new(const struct gyre_sys *sys, unsigned shards)
{
	struct gyre_bus *bus = gyre__allocate(sys, sizeof(*bus), 0);

	if (bus == NULL)
		return NULL;
	bus->sys = sys;
	bus->shards = shards;
	bus->calls_max = GYRE__CALLS_MAX;
	bus->reaper = gyre__reaper_new(sys);
	if (bus->reaper != NULL)
		bus->topics = gyre__topics_new(sys, bus->reaper);
	if (bus->topics == NULL) {
		gyre__bus_free(bus);
		return NULL;
	}
	return bus;
}

struct gyre__reaper *
gyre__bus_reaper(const struct gyre_bus *bus)
{
	return bus->reaper;
}

struct gyre__topics *
gyre__bus_topics(const struct gyre_bus *bus)
{
	return bus->topics;
}

void
gyre__bus_limit_calls(struct gyre_bus *bus, unsigned calls_max)
{
	GYRE_REQUIRE(bus->table == NULL);
	bus->calls_max = calls_max > 0 ? calls_max : GYRE__CALLS_MAX;
}

int
gyre__bus_connect(struct gyre_bus *bus, struct gyre_inbox *const *inboxes)
{
	struct gyre__shard_table *table = bus->sys->allocate(
		sizeof(*table) + bus->shards * sizeof(struct gyre_inbox *), 0);

	GYRE_REQUIRE(bus->table == NULL);
	if (table == NULL)
		return -ENOMEM;
	table->count = bus->shards;
	for (unsigned i = 0; i < bus->shards; i++) {
		table->inboxes[i] = gyre_inbox_ref(inboxes[i]);
		inboxes[i]->bus = bus;
		inboxes[i]->shard = i;
	}
	/* bus.T1 release: the table's fields before the pointer to it; pairs
	 * with bus.T2 */
	gyre__store_ptr_release(&bus->table, table);
	return 0;
}

void
gyre__bus_free(struct gyre_bus *bus)
{
	if (bus == NULL)
		return;
	gyre__topics_close(bus->topics);
	gyre__reaper_free(bus->reaper);
	if (bus->table != NULL) {
		for (unsigned i = 0; i < bus->table->count; i++)
			gyre_inbox_unref(bus->table->inboxes[i]);
		bus->sys->release(bus->table);
	}
	bus->sys->release(bus);
}

unsigned
gyre_bus_shards(const struct gyre_bus *bus)
{
	return bus->shards;
}

struct gyre_inbox *
gyre_bus_inbox(const struct gyre_bus *bus, unsigned shard)
{
	/* bus.T2 acquire: the table's fields after the pointer to it; pairs
	 * with bus.T1 */
	const struct gyre__shard_table *table =
		gyre__load_ptr_acquire(&bus->table);

	if (table == NULL || shard >= table->count)
		return NULL;
	return table->inboxes[shard];
}

int
gyre_bus_post(struct gyre_bus *bus, unsigned shard, struct gyre_task *task)
{
	struct gyre_inbox *inbox = gyre_bus_inbox(bus, shard);

	if (inbox == NULL)
		return -ENOENT;
	return gyre_inbox_post(inbox, task);
}
