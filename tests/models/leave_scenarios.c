/*
 * A subscriber that leaves while a publish is under way, and another that
 * comes meanwhile: who leaves is called no more, whoever else is old enough is
 * called once, the message is released once, and nothing that was retired is
 * touched when its grace period is over.
 *
 * Each thread but the publisher is a loop with a station of its own; who stays
 * has one that runs when all is over. The inboxes and the reaper are the
 * explorer's: what arrives, or has no reader any more, waits until its loop
 * turns to it.
 */
#include "tests/models/explorer.h"

#include "base/atomics.h"
#include "bus/bus.h"
#include "bus/inbox.h"
#include "bus/outbox.h"
#include "bus/rcu.h"
#include "bus/topics.h"

#include <pthread.h>
#include <string.h>

enum {
	PUBLISHER,
	LEAVER,
	COMER,
	THREADS,
	STAYER = PUBLISHER, /* in what each loop has; the publisher is none */
};

#define PUBLISHES   2
#define RETIRED_MAX 6
#define WAITING_MAX PUBLISHES
#define BLOCKS      (PUBLISHES + 4) /* what the threads allocate */
#define BLOCK_BYTES 384
#define PAIR        2 /* who leave together */

struct parting {
	struct gyre__retired *retired;
	struct gyre_inbox *home;
	uint64_t is_read; /* the publisher may have it still */
	uint64_t is_freed;
};

struct subscriber {
	struct gyre_subscription *subscription;
	uint64_t calls;
	uint64_t has_left;
};

struct world {
	struct gyre_sys sys;
	struct gyre__topics *topics;
	struct gyre__station *stations[THREADS];
	struct gyre_inbox inboxes[THREADS];
	struct gyre_task *waiting[THREADS][WAITING_MAX];
	uint64_t arrived[THREADS];
	uint64_t taken[THREADS];
	struct subscriber stayer;
	struct subscriber comer;
	struct subscriber pair[PAIR];
	uint64_t epochs[PUBLISHES]; /* as each reached who stays */
	uint64_t released[PUBLISHES];
	uint64_t publishes; /* that are over */
	struct parting partings[RETIRED_MAX];
	uint64_t retired;
	uint32_t reads;  /* the publisher does */
	uint32_t locked; /* the topics' mutex */
	uint32_t moves;  /* what orders as a push does */
	uint64_t is_set_up;
	uint64_t allocated;
	uint64_t freed;
	uint64_t blocks_taken;
	void *blocks[BLOCKS];
};

static struct world *world;
static struct gyre__outbox outbox; /* not halted, and nothing is sent */

/* -- what topics stand on ------------------------------------------------- */

_Thread_local struct gyre__outbox *gyre__outbox_of_thread;

struct gyre__topics *
gyre__bus_topics(const struct gyre_bus *bus)
{
	(void)bus;
	return world->topics;
}

/* The explorer's threads are one to the system, whose mutex would not do: these
 * are called instead. */
int
pthread_mutex_lock(pthread_mutex_t *mutex)
{
	uint32_t expected = 0;

	(void)mutex;
	while (!gyre__cas_32_acq_rel(&world->locked, &expected, 1)) {
		expected = 0;
		gyre__pause();
	}
	return 0;
}

int
pthread_mutex_unlock(pthread_mutex_t *mutex)
{
	(void)mutex;
	(void)gyre__add_32_acq_rel(&world->locked, (uint32_t)-1);
	return 0;
}

/* Only the publisher reads: loops hold up no grace period here, so what they
 * retire is freed the sooner. */
bool
gyre__rcu_enter(void)
{
	(void)gyre__add_32_acq_rel(&world->reads, 1);
	return true;
}

void
gyre__rcu_leave(bool entered)
{
	EXPLORER_CHECK(entered);
	(void)gyre__add_32_acq_rel(&world->reads, (uint32_t)-1);
	for (unsigned i = 0; i < world->retired; i++)
		world->partings[i].is_read = 0;
}

void
gyre__reaper_retire(struct gyre__reaper *reaper, struct gyre__retired *retired,
		    struct gyre_inbox *home,
		    void (*free)(struct gyre__retired *retired))
{
	(void)reaper;
	(void)gyre__add_32_acq_rel(&world->moves, 1);
	EXPLORER_CHECK(world->retired < RETIRED_MAX);
	for (unsigned i = 0; i < world->retired; i++)
		EXPLORER_CHECK(world->partings[i].retired != retired);
	retired->free = free;
	world->partings[world->retired++] = (struct parting){
		.retired = retired, .home = home, .is_read = world->reads
	};
}

struct gyre_inbox *
gyre_inbox_ref(struct gyre_inbox *inbox)
{
	return inbox;
}

void
gyre_inbox_unref(struct gyre_inbox *inbox)
{
	(void)inbox;
}

int
gyre_inbox_post(struct gyre_inbox *inbox, struct gyre_task *task)
{
	unsigned to = (unsigned)(inbox - world->inboxes);
	uint64_t number = world->arrived[to];

	(void)gyre__add_32_acq_rel(&world->moves, 1);
	EXPLORER_CHECK(number == world->arrived[to] && number < WAITING_MAX);
	world->waiting[to][world->arrived[to]++] = task;
	if (to == STAYER)
		world->epochs[number] = gyre__envelope_epoch(
			((struct gyre__parcel *)task)->envelope);
	return 0;
}

int
gyre__outbox_post(struct gyre__outbox *to, struct gyre_inbox *inbox,
		  struct gyre_task *task)
{
	(void)to;
	(void)inbox;
	(void)task;
	explorer_broken("broken: nothing has to wait");
}

void
gyre__outbox_report(struct gyre__outbox *to, const char *what, void (*fn)(void),
		    void *arg)
{
	(void)to;
	(void)what;
	(void)fn;
	(void)arg;
	explorer_broken("broken: nothing is reported");
}

int
gyre__retained_put(struct gyre__topics *topics, const char *subject,
		   const struct gyre__subject *parsed,
		   struct gyre__envelope *envelope)
{
	(void)topics;
	(void)subject;
	(void)parsed;
	(void)envelope;
	explorer_broken("broken: nothing is retained");
}

void
gyre__retained_end(struct gyre__topics *topics, const char *subject,
		   const struct gyre__subject *parsed)
{
	(void)topics;
	(void)subject;
	(void)parsed;
}

uint64_t
gyre__retained_decide(struct gyre__topics *topics,
		      struct gyre__envelope *envelope)
{
	(void)topics;
	(void)envelope;
	explorer_broken("broken: nothing is retained");
}

void
gyre__retained_give(struct gyre__topics *topics,
		    struct gyre_subscription *subscription)
{
	(void)topics;
	(void)subscription;
}

void
gyre__retained_free(struct gyre__topics *topics)
{
	(void)topics;
}

/* -- memory --------------------------------------------------------------- */

static void *
allocate(size_t size, size_t align)
{
	world->allocated++;
	if (!world->is_set_up)
		return explorer_allocate(size, align);
	EXPLORER_CHECK(size <= BLOCK_BYTES && world->blocks_taken < BLOCKS);
	return world->blocks[world->blocks_taken++];
}

static void
release(void *memory)
{
	if (memory == NULL)
		return;
	world->freed++;
	explorer_release(memory);
}

static ssize_t
no_chance(void *buffer, size_t size, unsigned flags)
{
	(void)buffer;
	(void)size;
	(void)flags;
	return -1;
}

/* -- the scenario --------------------------------------------------------- */

static void
leave(void)
{
	for (unsigned i = 0; i < PAIR; i++) {
		gyre_bus_unsubscribe(world->pair[i].subscription);
		world->pair[i].has_left = 1;
	}
}

/* Whichever of a pair is called has both leave. */
static void
on_delivery(const struct gyre_delivery *delivery, void *arg)
{
	struct subscriber *subscriber = arg;
	const uint64_t *released = delivery->message->data;

	EXPLORER_CHECK(*released == 0);
	EXPLORER_CHECK(!subscriber->has_left);
	subscriber->calls++;
	if (subscriber == &world->pair[0] || subscriber == &world->pair[1])
		leave();
}

static void
on_release(void *data)
{
	(*(uint64_t *)data)++;
}

static void
subscribe(unsigned loop, const char *pattern, struct subscriber *subscriber)
{
	const struct gyre_subscribe_options options = { .pattern = pattern,
							.fn = on_delivery,
							.arg = subscriber };

	EXPLORER_CHECK(gyre__station_subscribe(world->stations[loop], &options,
					       &subscriber->subscription) == 0);
}

static void
publish(unsigned number)
{
	const struct gyre_message message = { .data = &world->released[number],
					      .release = on_release };

	EXPLORER_CHECK(gyre_bus_publish(NULL, "a", message) == 0);
}

/* Run what has arrived, and free what has no reader any more. */
static void
turn(unsigned loop)
{
	while (world->taken[loop] < world->arrived[loop]) {
		struct gyre_task *task =
			world->waiting[loop][world->taken[loop]++];

		task->run(task);
	}
	for (unsigned i = 0; i < world->retired; i++) {
		struct parting *parting = &world->partings[i];

		if (parting->is_freed || parting->is_read ||
		    parting->home != &world->inboxes[loop])
			continue;
		parting->is_freed = 1;
		parting->retired->free(parting->retired);
	}
}

static bool
is_all_published(const void *arg)
{
	(void)arg;
	return world->publishes == PUBLISHES;
}

static void
on_closed(void *owner)
{
	*(struct gyre__station **)owner = NULL;
}

static const struct gyre__station_ops station_ops = { .closed = on_closed };

static void
set_up(void)
{
	world = explorer_allocate(sizeof(*world), GYRE__CACHE_PAIR);
	memset(world, 0, sizeof(*world));
	world->sys.allocate = allocate;
	world->sys.release = release;
	world->sys.getrandom = no_chance;
	gyre__outbox_of_thread = &outbox;
	world->topics = gyre__topics_new(&world->sys, NULL);
	for (unsigned i = 0; i < THREADS; i++)
		world->stations[i] =
			gyre__station_new(world->topics, &world->inboxes[i],
					  &station_ops, &world->stations[i]);
	subscribe(STAYER, ">", &world->stayer);
	for (unsigned i = 0; i < PAIR; i++)
		subscribe(LEAVER, "a", &world->pair[i]);
	for (unsigned i = 0; i < BLOCKS; i++)
		world->blocks[i] = explorer_allocate(BLOCK_BYTES, 16);
	world->is_set_up = 1;
}

static void
run_leaver(void)
{
	uint64_t before;

	explorer_step("turns");
	before = world->publishes;
	turn(LEAVER);
	EXPLORER_CHECK(before == 0 || world->pair[0].calls == 1);
	if (!world->pair[0].has_left)
		leave();
	explorer_step("turns again");
	turn(LEAVER);
}

static void
run_thread(unsigned thread)
{
	if (thread == PUBLISHER) {
		for (unsigned i = 0; i < PUBLISHES; i++) {
			publish(i);
			world->publishes++;
		}
		return;
	}
	if (thread == LEAVER)
		run_leaver();
	else
		subscribe(COMER, "a", &world->comer);
	explorer_wait(is_all_published, NULL, "waits for the publishes");
	turn(thread);
}

/* All leave, and all is freed. */
static void
clean_up(void)
{
	gyre_bus_unsubscribe(world->stayer.subscription);
	gyre_bus_unsubscribe(world->comer.subscription);
	for (unsigned i = 0; i < THREADS; i++) {
		turn(i);
		EXPLORER_CHECK(world->stations[i] == NULL);
	}
	for (unsigned i = 0; i < world->retired; i++)
		EXPLORER_CHECK(world->partings[i].is_freed);
	gyre__topics_close(world->topics);
	EXPLORER_CHECK(world->allocated == world->freed);
}

static void
check_end(void)
{
	uint64_t due = 0;

	for (unsigned i = 0; i < PUBLISHES; i++)
		EXPLORER_CHECK(world->released[i] == 0); /* one waits for it */
	turn(STAYER);
	for (unsigned i = 0; i < PUBLISHES; i++) {
		EXPLORER_CHECK(world->released[i] == 1);
		due += world->epochs[i] >= world->comer.subscription->born;
	}
	EXPLORER_CHECK(world->stayer.calls == PUBLISHES);
	EXPLORER_CHECK(world->comer.calls == due);
	EXPLORER_CHECK(world->pair[0].calls <= 1 && world->pair[1].calls == 0);
	EXPLORER_CHECK(world->topics->refused + world->topics->closed +
			       world->topics->strayed ==
		       0);
	clean_up();
}

static const struct explorer_scenario leaves = {
	.name = "leaves",
	.threads = THREADS,
	.thread_names = { "publisher", "leaver", "comer" },
	.set_up = set_up,
	.run = run_thread,
	.check_end = check_end,
};

int
main(int argc, char **argv)
{
	static const struct explorer_scenario *const scenarios[] = {
		&leaves,
		NULL,
	};

	return explorer_main(argc, argv, scenarios);
}
