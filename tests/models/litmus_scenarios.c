/*
 * The explorer explored: the litmus tests whose outcomes on x86 are known. It
 * must find what store buffers allow, and nothing that they do not.
 */
#include "tests/models/explorer.h"

#include "base/atomics.h"

struct world {
	uint32_t x;
	uint32_t y;
	uint32_t seen[2];
	uint32_t own[2];
};

static struct world *world;

static void
set_up(void)
{
	world = explorer_allocate(sizeof(*world), 0);
	explorer_name(&world->x, "x");
	explorer_name(&world->y, "y");
}

/* -- store buffering: both may miss the other's store -------------------- */

static void
buffering_run(unsigned thread)
{
	uint32_t *mine = thread == 0 ? &world->x : &world->y;
	uint32_t *others = thread == 0 ? &world->y : &world->x;

	gyre__store_32_release(mine, 1);
	world->seen[thread] = gyre__load_32_acquire(others);
}

static void
one_saw_the_other(void)
{
	EXPLORER_CHECK(world->seen[0] + world->seen[1] > 0);
}

static const struct explorer_scenario buffering = {
	.name = "buffering",
	.threads = 2,
	.thread_names = { "left", "right" },
	.set_up = set_up,
	.run = buffering_run,
	.check_end = one_saw_the_other,
};

/* -- the same behind exchanges: one must see the other ------------------- */

static void
fenced_run(unsigned thread)
{
	uint32_t *mine = thread == 0 ? &world->x : &world->y;
	uint32_t *others = thread == 0 ? &world->y : &world->x;

	gyre__swap_32_acq_rel(mine, 1);
	world->seen[thread] = gyre__load_32_acquire(others);
}

static const struct explorer_scenario fenced = {
	.name = "fenced",
	.threads = 2,
	.thread_names = { "left", "right" },
	.set_up = set_up,
	.run = fenced_run,
	.check_end = one_saw_the_other,
};

/* -- message passing: stores are seen in their order --------------------- */

static void
passing_run(unsigned thread)
{
	if (thread == 0) {
		gyre__store_32_relaxed(&world->x, 1);
		gyre__store_32_relaxed(&world->y, 1);
		return;
	}
	while (gyre__load_32_acquire(&world->y) == 0)
		gyre__pause();
	EXPLORER_CHECK(gyre__load_32_relaxed(&world->x) == 1);
}

static void
nothing_to_check(void)
{
}

static const struct explorer_scenario passing = {
	.name = "passing",
	.threads = 2,
	.thread_names = { "sender", "receiver" },
	.set_up = set_up,
	.run = passing_run,
	.check_end = nothing_to_check,
};

/* -- own stores are seen at once, before all others see them ------------- */

static void
forwarding_run(unsigned thread)
{
	uint32_t *mine = thread == 0 ? &world->x : &world->y;

	gyre__store_32_relaxed(mine, 1);
	world->own[thread] = gyre__load_32_relaxed(mine);
	world->seen[thread] =
		gyre__load_32_relaxed(thread == 0 ? &world->y : &world->x);
	EXPLORER_CHECK(world->own[thread] == 1);
}

static const struct explorer_scenario forwarding = {
	.name = "forwarding",
	.threads = 2,
	.thread_names = { "left", "right" },
	.set_up = set_up,
	.run = forwarding_run,
	.check_end = nothing_to_check,
};

/* -- a wait that nobody ends is a broken law ----------------------------- */

static void
hanging_run(unsigned thread)
{
	if (thread == 0)
		return;
	while (gyre__load_32_acquire(&world->y) == 0)
		gyre__pause();
}

static const struct explorer_scenario hanging = {
	.name = "hanging",
	.threads = 2,
	.thread_names = { "nobody", "waiter" },
	.set_up = set_up,
	.run = hanging_run,
	.check_end = nothing_to_check,
};

int
main(int argc, char **argv)
{
	static const struct explorer_scenario *const scenarios[] = {
		&buffering, &fenced, &passing, &forwarding, &hanging, NULL,
	};

	return explorer_main(argc, argv, scenarios);
}
