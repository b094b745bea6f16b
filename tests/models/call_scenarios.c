/*
 * What a call must survive: its asker, the shard where it runs or is dropped,
 * and somebody who cancels it as it does. The function or the drop has the
 * argument, once; the home hears once, of one outcome, and counts the call as
 * closed; the memory goes with the last who has a reference.
 *
 * The inboxes are the explorer's: those of bus/inbox.c have scenarios of their
 * own, and decide nothing here.
 */
#include "tests/models/explorer.h"

#include "bus/errand.h"
#include "bus/bus.h"
#include "bus/future.h"
#include "bus/inbox.h"
#include "bus/latch.h"
#include "bus/outbox.h"
#include "bus/reaper.h"
#include "bus/topics.h"

#include <errno.h>

enum {
	SHARD,
	CANCELLER,
	HOME,
	THREADS
};

#define POSTS_MAX 4

struct world {
	struct gyre_sys sys;
	struct gyre_bus bus;
	struct gyre_inbox home;
	struct gyre_inbox there;
	struct gyre__outbox
		outbox; /* the asker's; nothing is sent through it */
	struct gyre__outbox shard;
	struct gyre_future *reply;
	struct gyre_task *request;
	struct gyre_task *posted[POSTS_MAX]; /* to the home */
	uint64_t posts;
	uint64_t taken;
	uint64_t ran;
	uint64_t dropped;
	uint64_t reason;
	uint64_t closes; /* the shard drops it */
	uint64_t cancelled;
	uint64_t in_vain; /* it was, before the shard began */
	uint64_t fired;
	uint64_t released; /* of the call */
	int outcome;
};

static struct world *world;
static int value;

/* -- what a bus has besides ------------------------------------------------ */

struct gyre__reaper *
gyre__reaper_new(const struct gyre_sys *sys)
{
	(void)sys;
	return NULL;
}

void
gyre__reaper_free(struct gyre__reaper *reaper)
{
	(void)reaper;
}

struct gyre__topics *
gyre__topics_new(const struct gyre_sys *sys, struct gyre__reaper *reaper)
{
	(void)sys;
	(void)reaper;
	return NULL;
}

void
gyre__topics_close(struct gyre__topics *topics)
{
	(void)topics;
}

/* -- what a call stands on ----------------------------------------------- */

/* The explorer's threads are one to the system: nobody's outbox but while the
 * call is made, and while the shard has it. */
_Thread_local struct gyre__outbox *gyre__outbox_of_thread;

void
gyre__outbox_report(struct gyre__outbox *outbox, const char *what,
		    void (*fn)(void), void *arg)
{
	(void)outbox;
	(void)what;
	(void)fn;
	(void)arg;
	explorer_broken("broken: nothing is reported");
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

bool
gyre__inbox_is_closed(const struct gyre_inbox *inbox)
{
	(void)inbox;
	return false;
}

int
gyre__send_task(struct gyre_inbox *inbox, struct gyre_task *task)
{
	if (inbox == &world->there) {
		world->request = task;
		return 0;
	}
	explorer_step("posts it home");
	EXPLORER_CHECK(world->posts < POSTS_MAX);
	world->posted[world->posts++] = task;
	return 0;
}

int
gyre_inbox_post(struct gyre_inbox *inbox, struct gyre_task *task)
{
	return gyre__send_task(inbox, task);
}

struct gyre__latch *
gyre__latch_new(const struct gyre_sys *sys)
{
	(void)sys;
	explorer_broken("broken: nobody blocks");
}

void
gyre__latch_free(struct gyre__latch *latch)
{
	EXPLORER_CHECK(latch == NULL);
}

void
gyre__latch_open(struct gyre__latch *latch)
{
	(void)latch;
	explorer_broken("broken: nobody blocks");
}

int
gyre__latch_wait(struct gyre__latch *latch, int64_t deadline_ns)
{
	(void)latch;
	(void)deadline_ns;
	explorer_broken("broken: nobody blocks");
}

/* -- the world ----------------------------------------------------------- */

static void
release(void *memory)
{
	world->released += memory == world->reply;
	explorer_release(memory);
}

static void *
run_it(void *arg)
{
	EXPLORER_CHECK(arg == world);
	world->ran++;
	explorer_step("runs");
	return &value;
}

static void
drop_it(void *arg, enum gyre_drop_reason reason)
{
	EXPLORER_CHECK(arg == world);
	world->dropped++;
	world->reason = reason;
}

static void
on_reply(struct gyre_future *reply, void *arg)
{
	void *seen = NULL;

	(void)arg;
	world->fired++;
	world->outcome = gyre_future_result(reply, &seen);
	EXPLORER_CHECK((world->outcome == 0) == (seen == &value));
}

static void
set_up_bus(void)
{
	struct gyre_inbox *inboxes[1] = { &world->there };

	world->sys.allocate = explorer_allocate;
	world->sys.release = release;
	world->bus.sys = &world->sys;
	world->bus.shards = 1;
	world->bus.calls_max = 1;
	(void)gyre__bus_connect(&world->bus, inboxes);
	world->home.awaiters_end = &world->home.awaiters;
	world->outbox.sys = &world->sys;
	world->outbox.home = &world->home;
	world->shard.home = &world->there;
}

/* The canceller has a reference of its own, and so has the asker. */
static void
set_up(void)
{
	world = explorer_allocate(sizeof(*world), GYRE__CACHE_PAIR);
	set_up_bus();
	gyre__outbox_of_thread = &world->outbox;
	world->reply =
		gyre_bus_call_drop(&world->bus, 0, run_it, world, drop_it);
	gyre__outbox_of_thread = NULL;
	(void)gyre__future_add_callback(world->reply, on_reply, NULL, NULL);
	gyre_future_ref(world->reply);
	explorer_name(&world->reply->refs, "refs");
	explorer_name(&world->reply->claimed, "claimed");
	explorer_name_pointer(&world->reply->latch, "latch");
	explorer_name(NULL, "NULL");
	explorer_name((void *)(uintptr_t)1, "DONE");
}

static void
set_up_closing(void)
{
	set_up();
	world->closes = 1;
}

static void
be_the_shard(void)
{
	explorer_step("takes the request");
	world->in_vain = world->cancelled;
	gyre__outbox_of_thread = &world->shard;
	if (world->closes)
		world->request->drop(world->request, GYRE_DROP_STOPPED);
	else
		world->request->run(world->request);
}

static bool
is_posted(const void *arg)
{
	(void)arg;
	return world->posts > world->taken;
}

/* Until the errand is home, and whatever else was sent there. */
static void
be_home(void)
{
	const struct gyre__asker *asker = world->outbox.askers;

	while (asker->open[0] > 0 || world->fired == 0) {
		struct gyre_task *task;

		explorer_wait(is_posted, NULL, "waits for a task");
		task = world->posted[world->taken++];
		task->run(task);
	}
	gyre_future_unref(world->reply);
}

static void
run(unsigned thread)
{
	if (thread == SHARD) {
		be_the_shard();
	} else if (thread == HOME) {
		be_home();
	} else {
		world->cancelled = gyre_future_cancel(world->reply) == 0;
		gyre_future_unref(world->reply);
	}
}

static void
check_end(void)
{
	const struct gyre__call_counts *calls = &world->outbox.calls;
	int lost = world->closes ? -ESHUTDOWN : 0;

	EXPLORER_CHECK(world->ran + world->dropped == 1);
	EXPLORER_CHECK(world->fired == 1);
	EXPLORER_CHECK(world->outcome ==
		       (world->cancelled ? -ECANCELED : lost));
	EXPLORER_CHECK(world->taken == world->posts);
	EXPLORER_CHECK(world->released == 1);
	EXPLORER_CHECK(calls->made == 1);
	EXPLORER_CHECK(calls->run == world->ran);
	EXPLORER_CHECK(calls->canceled ==
		       (world->reason == GYRE_DROP_CANCELED));
	EXPLORER_CHECK(calls->stopped == (world->reason == GYRE_DROP_STOPPED));
	EXPLORER_CHECK(!world->in_vain || world->dropped == 1);
	EXPLORER_CHECK(world->dropped == 0 || world->closes ||
		       world->cancelled);
}

#define NAMES                                \
	{                                    \
		"shard", "canceller", "home" \
	}

static const struct explorer_scenario cancelled = {
	.name = "cancelled",
	.threads = THREADS,
	.thread_names = NAMES,
	.set_up = set_up,
	.run = run,
	.check_end = check_end,
};

static const struct explorer_scenario closing = {
	.name = "closing",
	.threads = THREADS,
	.thread_names = NAMES,
	.set_up = set_up_closing,
	.run = run,
	.check_end = check_end,
};

int
main(int argc, char **argv)
{
	static const struct explorer_scenario *const scenarios[] = {
		&cancelled,
		&closing,
		NULL,
	};

	return explorer_main(argc, argv, scenarios);
}
