/*
 * Calls between shards. A call is one allocation on the asker's thread: the
 * request that travels there, and the future that comes back as the reply, so
 * that a reply can't fail for want of memory.
 */
#include "bus/bus.h"

#include "base/atomics.h"
#include "base/check.h"
#include "bus/future.h"
#include "bus/inbox.h"
#include "bus/outbox.h"
#include "bus/rcu.h"
#include "bus/topics.h"

#include <errno.h>

/* What readers reach: never changed once it is published. */
struct shard_table {
	unsigned count;
	struct gyre_inbox *inboxes[];
};

struct gyre_bus {
	const struct gyre_sys *sys;
	unsigned shards;
	struct gyre__reaper *reaper;
	struct gyre__topics *topics;
	struct shard_table *table; /* RCU; NULL until connected */
};

struct call {
	struct gyre_future future; /* first: its last unref frees the call */
	struct gyre_task request;  /* holds a reference while it is away */
	gyre_call_fn fn;
	void *arg;
};

struct gyre_bus *
gyre__bus_new(const struct gyre_sys *sys, unsigned shards)
{
	struct gyre_bus *bus = gyre__allocate(sys, sizeof(*bus), 0);

	if (bus == NULL)
		return NULL;
	bus->sys = sys;
	bus->shards = shards;
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

int
gyre__bus_connect(struct gyre_bus *bus, struct gyre_inbox *const *inboxes)
{
	struct shard_table *table = bus->sys->allocate(
		sizeof(*table) + bus->shards * sizeof(struct gyre_inbox *), 0);

	GYRE_REQUIRE(bus->table == NULL);
	if (table == NULL)
		return -ENOMEM;
	table->count = bus->shards;
	for (unsigned i = 0; i < bus->shards; i++)
		table->inboxes[i] = gyre_inbox_ref(inboxes[i]);
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
	const struct shard_table *table = gyre__load_ptr_acquire(&bus->table);

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

/* -- calls --------------------------------------------------------------- */

static struct call *
call_of_request(struct gyre_task *task)
{
	return (struct call *)((char *)task - offsetof(struct call, request));
}

static void
run_request(struct gyre_task *task)
{
	struct call *call = call_of_request(task);
	void *value = NULL;

	/* One that was cancelled on its way has no one to answer. */
	if (!gyre_future_done(&call->future))
		value = call->fn(call->arg);
	gyre__future_complete(&call->future, value);
	gyre_future_unref(&call->future);
}

static void
drop_request(struct gyre_task *task, enum gyre_drop_reason reason)
{
	struct call *call = call_of_request(task);

	(void)reason;
	gyre_future_reject(&call->future, -ESHUTDOWN, "the shard is closed");
	gyre_future_unref(&call->future);
}

static struct call *
new_call(const struct gyre_bus *bus, struct gyre_inbox *home, gyre_call_fn fn,
	 void *arg)
{
	struct call *call = bus->sys->allocate(sizeof(*call), 0);

	if (call == NULL)
		return NULL;
	gyre__future_init(&call->future, bus->sys, home);
	call->request.run = run_request;
	call->request.drop = drop_request;
	call->fn = fn;
	call->arg = arg;
	return call;
}

/* Send the request; a refusal is returned and leaves the future pending. */
static int
send_call(struct gyre_bus *bus, unsigned shard, struct call *call)
{
	int result;

	gyre_future_ref(&call->future);
	result = gyre_bus_post(bus, shard, &call->request);
	if (result < 0)
		gyre_future_unref(&call->future);
	return result;
}

struct gyre_future *
gyre_bus_call(struct gyre_bus *bus, unsigned shard, gyre_call_fn fn, void *arg)
{
	struct gyre__outbox *outbox = gyre__outbox_of_thread;
	struct call *call;
	int result;

	if (outbox == NULL)
		return NULL;
	call = new_call(bus, outbox->home, fn, arg);
	if (call == NULL)
		return NULL;
	result = send_call(bus, shard, call);
	if (result < 0)
		gyre_future_reject(&call->future, result,
				   result == -ENOENT ? "there is no such shard"
						     : "the shard is closed");
	return &call->future;
}

/* Without memory to wait nothing is sent: what is refused does not run. */
int
gyre_bus_call_wait(struct gyre_bus *bus, unsigned shard, gyre_call_fn fn,
		   void *arg, int64_t deadline_ns, void **ret_value)
{
	struct call *call;
	int result;

	if (gyre__outbox_of_thread != NULL)
		return -EDEADLK;
	call = new_call(bus, NULL, fn, arg);
	if (call == NULL)
		return -ENOMEM;
	result = gyre__future_prepare_wait(&call->future);
	if (result == 0)
		result = send_call(bus, shard, call);
	if (result == 0)
		result =
			gyre_future_wait(&call->future, deadline_ns, ret_value);
	gyre_future_unref(&call->future);
	return result;
}
