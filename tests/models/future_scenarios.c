/*
 * What a future must survive: two that complete it, one that waits and may
 * give up, and its home, in every order. One outcome, which all see whole;
 * nobody waits for ever; the memory goes with the last who has a reference.
 *
 * The waiters are the explorer's: those of bus/waiter.c block in pthreads,
 * and decide nothing here.
 */
#include "tests/models/explorer.h"

#include "base/exception.h"
#include "bus/future.h"
#include "bus/inbox.h"
#include "bus/outbox.h"
#include "bus/waiter.h"

#include <errno.h>

enum {
	RESOLVER,
	CANCELLER,
	WAITER,
	HOME,
	THREADS
};

struct world {
	struct gyre_sys sys;
	struct gyre_future *future;
	struct gyre__waiter *waiter;
	struct gyre_task *posted; /* to the home */
	uint64_t won[THREADS];
	uint64_t fired;
	uint64_t released;
	uint64_t waiter_released;
	int outcome; /* the home's */
};

static struct world *world;
static int value;

/* -- what the future stands on ------------------------------------------- */

_Thread_local struct gyre__outbox *gyre__outbox_of_thread;

void
gyre__outbox_report(struct gyre__outbox *outbox, const char *what,
		    void (*fn)(void), void *arg)
{
	(void)outbox;
	(void)what;
	(void)fn;
	(void)arg;
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
	(void)inbox;
	explorer_step("posts the completion");
	EXPLORER_CHECK(world->posted == NULL);
	world->posted = task;
	return 0;
}

struct gyre__waiter *
gyre__waiter_new(const struct gyre_sys *sys)
{
	(void)sys;
	world->waiter->refs = 2;
	return world->waiter;
}

void
gyre__waiter_unref(struct gyre__waiter *waiter)
{
	EXPLORER_CHECK(waiter->refs > 0);
	if (--waiter->refs == 0)
		world->waiter_released++;
}

void
gyre__waiter_wake(struct gyre__waiter *waiter)
{
	explorer_step("wakes the waiter");
	EXPLORER_CHECK(waiter->refs > 0 && !waiter->done);
	waiter->done = true;
	gyre__waiter_unref(waiter);
}

static bool
is_woken(const void *waiter)
{
	return ((const struct gyre__waiter *)waiter)->done;
}

int
gyre__waiter_wait(struct gyre__waiter *waiter, int64_t deadline_ns)
{
	bool done;

	if (deadline_ns == GYRE_FOREVER)
		explorer_wait(is_woken, waiter, "waits until woken");
	else
		explorer_step("gives up waiting");
	done = waiter->done;
	gyre__waiter_unref(waiter);
	return done ? 0 : -ETIMEDOUT;
}

/* -- the world ----------------------------------------------------------- */

static void
release(void *memory)
{
	world->released += memory == world->future;
	explorer_release(memory);
}

static void
fired(struct gyre_future *future, void *arg)
{
	(void)arg;
	world->fired++;
	world->outcome = gyre_future_result(future, NULL);
}

static void
set_up(void)
{
	world = explorer_allocate(sizeof(*world), 0);
	world->sys.allocate = explorer_allocate;
	world->sys.release = release;
	world->waiter = explorer_allocate(sizeof(*world->waiter), 0);
	world->future =
		gyre__future_new(&world->sys, (struct gyre_inbox *)world);
	explorer_name(&world->future->refs, "refs");
	explorer_name(&world->future->claimed, "claimed");
	explorer_name_pointer(&world->future->waiters, "waiters");
	explorer_name(NULL, "NULL");
	explorer_name((void *)(uintptr_t)1, "DONE");
	explorer_name(world->waiter, "the waiter");
	(void)gyre__future_add_callback(world->future, fired, NULL);
	for (unsigned i = 1; i < THREADS; i++)
		gyre_future_ref(world->future);
}

static void
wait_for_it(void)
{
	int64_t deadline_ns = GYRE_FOREVER;
	void *seen = NULL;
	int result;

	if (explorer_choose(2, "gives up?") == 1)
		deadline_ns = 0;
	result = gyre_future_wait(world->future, deadline_ns, &seen);
	EXPLORER_CHECK(result == 0 || result == -ECANCELED ||
		       (deadline_ns == 0 && result == -ETIMEDOUT));
	EXPLORER_CHECK((result == 0) == (seen == &value));
}

static bool
is_posted(const void *arg)
{
	(void)arg;
	return world->posted != NULL;
}

static void
run_home(void)
{
	explorer_wait(is_posted, NULL, "waits for the completion");
	world->posted->run(world->posted);
	EXPLORER_CHECK(world->fired == 1);
}

static void
run(unsigned thread)
{
	int result = -EALREADY;

	if (thread == RESOLVER)
		result = gyre_future_resolve(world->future, &value);
	else if (thread == CANCELLER)
		result = gyre_future_cancel(world->future);
	else if (thread == WAITER)
		wait_for_it();
	else
		run_home();
	world->won[thread] = result == 0;
	gyre_future_unref(world->future);
}

static void
check_end(void)
{
	EXPLORER_CHECK(world->won[RESOLVER] + world->won[CANCELLER] == 1);
	EXPLORER_CHECK(world->outcome ==
		       (world->won[RESOLVER] ? 0 : -ECANCELED));
	EXPLORER_CHECK(world->fired == 1);
	EXPLORER_CHECK(world->released == 1);
	EXPLORER_CHECK(world->waiter->refs == 0);
}

static const struct explorer_scenario complete = {
	.name = "complete",
	.threads = THREADS,
	.thread_names = { "resolver", "canceller", "waiter", "home" },
	.set_up = set_up,
	.run = run,
	.check_end = check_end,
};

int
main(int argc, char **argv)
{
	static const struct explorer_scenario *const scenarios[] = {
		&complete,
		NULL,
	};

	return explorer_main(argc, argv, scenarios);
}
