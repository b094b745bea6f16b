/*
 * A runtime's watcher that sleeps with the loops: in every order of their steps
 * a loop that wakes and is then stuck for good has the watcher awake. The
 * loop's side is its header's own; the watcher's is what runtime/watcher.c
 * does, without threads.
 *
 * WATCH_BY_FLAG: a flag for all instead of each loop's word. ASK_UNCHECKED: the
 * watcher sleeps though a loop was awake. Either must be found.
 */
#include "tests/models/explorer.h"

#include "loop/watched.h"

#define LOOPS   2u
#define TURNS   2u
#define WATCHER LOOPS

struct world {
	struct gyre__heartbeat hearts[LOOPS];
	uint32_t rung;
	uint32_t flag;
	uint32_t ended; /* loops that do nothing any more */
	bool is_stuck[LOOPS];
};

static struct world *world;

static void
set_up(void)
{
	world = explorer_allocate(sizeof(*world), 0);
	explorer_name(&world->hearts[0].sleep, "sleep of 0");
	explorer_name(&world->hearts[1].sleep, "sleep of 1");
	explorer_name(&world->rung, "rung");
	explorer_name(&world->flag, "flag");
	explorer_name(&world->ended, "ended");
}

/* -- a loop ---------------------------------------------------------------- */

static bool
wake(struct gyre__heartbeat *heart)
{
#if defined(WATCH_BY_FLAG)
	gyre__store_32_release(&heart->sleep, GYRE__AWAKE);
	return gyre__load_32_acquire(&world->flag) != 0;
#else
	return gyre__heartbeat_wake(heart);
#endif
}

static void
loop_run(unsigned loop)
{
	struct gyre__heartbeat *heart = &world->hearts[loop];

	for (unsigned i = 0; i < TURNS && !world->is_stuck[loop]; i++) {
		if (wake(heart))
			(void)gyre__swap_32_acq_rel(&world->rung, 1);
		world->is_stuck[loop] = explorer_choose(2, "stuck") == 1;
		if (!world->is_stuck[loop])
			gyre__heartbeat_sleep(heart);
	}
	(void)gyre__add_32_acq_rel(&world->ended, 1);
}

/* -- the watcher ----------------------------------------------------------- */

static void
take_back(unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		gyre__heartbeat_unwatch(&world->hearts[i]);
}

static bool
ask(void)
{
#if defined(WATCH_BY_FLAG)
	gyre__store_32_release(&world->flag, 1);
	for (unsigned i = 0; i < LOOPS; i++)
		if (!gyre__heartbeat_is_asleep(&world->hearts[i]))
			return false;
#else
	for (unsigned i = 0; i < LOOPS; i++)
		if (!gyre__heartbeat_watch(&world->hearts[i])) {
			take_back(i);
#if defined(ASK_UNCHECKED)
			return true;
#else
			return false;
#endif
		}
#endif
	return true;
}

/* It may sleep for good if nobody is stuck. */
static bool
may_go_on(const void *unused)
{
	(void)unused;
	return world->rung != 0 || (world->ended == LOOPS &&
				    !world->is_stuck[0] && !world->is_stuck[1]);
}

static void
watcher_run(void)
{
	while (gyre__load_32_acquire(&world->ended) < LOOPS) {
		(void)gyre__swap_32_acq_rel(&world->rung, 0);
		if (!ask())
			continue; /* it looks again in a while */
		explorer_wait(may_go_on, NULL, "sleep");
		take_back(LOOPS);
	}
}

static void
run(unsigned thread)
{
	if (thread == WATCHER)
		watcher_run();
	else
		loop_run(thread);
}

static void
nothing_to_check(void)
{
}

static const struct explorer_scenario watch = {
	.name = "watch",
	.threads = LOOPS + 1,
	.thread_names = { "loop 0", "loop 1", "watcher" },
	.set_up = set_up,
	.run = run,
	.check_end = nothing_to_check,
};

int
main(int argc, char **argv)
{
	static const struct explorer_scenario *const scenarios[] = { &watch,
								     NULL };

	return explorer_main(argc, argv, scenarios);
}
