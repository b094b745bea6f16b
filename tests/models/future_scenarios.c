/*
 * What a future must survive: two that complete it, those that wait and may
 * give up, and its home, in every order. One outcome, which all see whole;
 * nobody waits for ever; the memory goes with the last who has a reference.
 *
 * The latches are the explorer's: those of bus/latch.c block in pthreads, and
 * decide nothing here.
 */
#include "tests/models/explorer.h"

#include "base/exception.h"
#include "bus/future.h"
#include "bus/inbox.h"
#include "bus/latch.h"
#include "bus/outbox.h"

#include <errno.h>

enum {
	RESOLVER,
	CANCELLER,
	HOME,
	WAITER, /* one, or in its place several */
	THREADS
};

#define WAITERS_MAX 2

/* One that nobody has made yet has no sys. */
struct latch {
	struct gyre__latch latch;
	uint64_t freed;
};

struct world {
	struct gyre_sys sys;
	struct gyre_inbox inbox; /* the home's list; nothing is pushed */
	struct gyre_future *future;
	struct latch *latches; /* one for each waiter */
	uint64_t waiters;
	struct gyre_task *posted; /* to the home */
	uint64_t won[THREADS];
	uint64_t fired;
	uint64_t released;
	uint64_t read;
	uint64_t reported;
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
	EXPLORER_CHECK(gyre_exception()->error == -EIO);
	world->reported++;
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
	(void)inbox;
	explorer_step("posts it home");
	EXPLORER_CHECK(world->posted == NULL);
	world->posted = task;
	return 0;
}

struct gyre__latch *
gyre__latch_new(const struct gyre_sys *sys)
{
	for (unsigned i = 0; i < world->waiters; i++) {
		struct gyre__latch *latch = &world->latches[i].latch;

		if (latch->sys != NULL)
			continue;
		latch->sys = sys;
		return latch;
	}
	explorer_broken("broken: no more than a latch a waiter");
}

static void
check_latch(const struct gyre__latch *latch)
{
	EXPLORER_CHECK(latch != NULL && latch->sys != NULL);
	EXPLORER_CHECK(!((const struct latch *)latch)->freed);
}

void
gyre__latch_free(struct gyre__latch *latch)
{
	if (latch == NULL)
		return;
	check_latch(latch);
	((struct latch *)latch)->freed = 1;
}

void
gyre__latch_open(struct gyre__latch *latch)
{
	explorer_step("opens the latch");
	check_latch(latch);
	EXPLORER_CHECK(!latch->is_open);
	latch->is_open = true;
}

static bool
is_open(const void *latch)
{
	return ((const struct gyre__latch *)latch)->is_open;
}

int
gyre__latch_wait(struct gyre__latch *latch, int64_t deadline_ns)
{
	check_latch(latch);
	if (deadline_ns == GYRE_FOREVER)
		explorer_wait(is_open, latch, "waits at the latch");
	else
		explorer_step("gives up waiting");
	check_latch(latch);
	return latch->is_open ? 0 : -ETIMEDOUT;
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
set_up_world(unsigned threads, unsigned waiters, gyre_future_fn fn)
{
	world = explorer_allocate(sizeof(*world), GYRE__CACHE_PAIR);
	world->sys.allocate = explorer_allocate;
	world->sys.release = release;
	world->waiters = waiters;
	world->latches =
		explorer_allocate(waiters * sizeof(world->latches[0]), 0);
	world->inbox.awaiters_end = &world->inbox.awaiters;
	world->future = gyre__future_new(&world->sys, &world->inbox);
	explorer_name(&world->future->refs, "refs");
	explorer_name(&world->future->claimed, "claimed");
	explorer_name_pointer(&world->future->latch, "latch");
	explorer_name(NULL, "NULL");
	explorer_name((void *)(uintptr_t)1, "DONE");
	explorer_name(&world->latches[0], "the latch");
	explorer_name((char *)&world->latches[0] + 1, "the latch, DONE");
	(void)gyre__future_add_callback(world->future, fn, NULL, NULL);
	for (unsigned i = 1; i < threads; i++)
		gyre_future_ref(world->future);
}

static int
wait_until(int64_t deadline_ns)
{
	void *seen = NULL;
	int result = gyre_future_wait(world->future, deadline_ns, &seen);

	EXPLORER_CHECK(result == 0 || result == -ECANCELED ||
		       (deadline_ns == 0 && result == -ETIMEDOUT));
	EXPLORER_CHECK((result == 0) == (seen == &value));
	return result;
}

/* As often as it likes, without a second latch. */
static void
wait_for_it(void)
{
	switch (explorer_choose(3, "gives up?")) {
	case 0:
		wait_until(GYRE_FOREVER);
		break;
	case 1:
		wait_until(0);
		break;
	case 2:
		if (wait_until(0) == -ETIMEDOUT)
			wait_until(GYRE_FOREVER);
		break;
	}
}

static bool
is_posted(const void *arg)
{
	(void)arg;
	return world->posted != NULL;
}

static void
run_posted(void)
{
	struct gyre_task *task = world->posted;

	world->posted = NULL;
	task->run(task);
}

static void
run_home(void)
{
	explorer_wait(is_posted, NULL, "waits for the completion");
	run_posted();
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
	else if (thread == HOME)
		run_home();
	else
		wait_for_it();
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
	for (unsigned i = 0; i < world->waiters; i++)
		EXPLORER_CHECK((world->latches[i].latch.sys != NULL) ==
			       world->latches[i].freed);
}

static void
set_up_complete(void)
{
	set_up_world(THREADS, 1, fired);
}

static const struct explorer_scenario complete = {
	.name = "complete",
	.threads = THREADS,
	.thread_names = { "resolver", "canceller", "home", "waiter" },
	.set_up = set_up_complete,
	.run = run,
	.check_end = check_end,
};

/* -- several wait -------------------------------------------------------- */

/* Here nobody cancels: the second waiter is there instead. */
static void
run_waiters(unsigned thread)
{
	run(thread == CANCELLER ? WAITER : thread);
}

static void
set_up_waiters(void)
{
	set_up_world(THREADS, WAITERS_MAX, fired);
}

static const struct explorer_scenario waiters = {
	.name = "waiters",
	.threads = THREADS,
	.thread_names = { "resolver", "waiter", "home", "waiter" },
	.set_up = set_up_waiters,
	.run = run_waiters,
	.check_end = check_end,
};

/* -- an error that nobody may have read ---------------------------------- */

/* The home is a thread like any other here: the last unref sends it there. */
static void
run_unread(unsigned thread)
{
	if (thread == RESOLVER) {
		EXPLORER_CHECK(gyre_future_reject(world->future, -EIO, NULL) ==
			       0);
	} else if (thread == HOME) {
		run_home();
	} else if (explorer_choose(2, "reads?") == 1) {
		world->read = gyre_future_result(world->future, NULL) == -EIO;
	}
	gyre_future_unref(world->future);
}

/* The home's callback is a reader in the other scenarios: not in this one. */
static void
fired_unread(struct gyre_future *future, void *arg)
{
	(void)future;
	(void)arg;
	world->fired++;
}

static void
set_up_unread(void)
{
	set_up_world(HOME + 1, 0, fired_unread);
}

static void
check_unread(void)
{
	if (world->posted != NULL)
		run_posted();
	EXPLORER_CHECK(world->fired == 1);
	EXPLORER_CHECK(world->reported == !world->read);
	EXPLORER_CHECK(world->released == 1);
}

static const struct explorer_scenario unread = {
	.name = "unread",
	.threads = HOME + 1,
	.thread_names = { "rejecter", "reader", "home" },
	.set_up = set_up_unread,
	.run = run_unread,
	.check_end = check_unread,
};

int
main(int argc, char **argv)
{
	static const struct explorer_scenario *const scenarios[] = {
		&complete,
		&waiters,
		&unread,
		NULL,
	};

	return explorer_main(argc, argv, scenarios);
}
