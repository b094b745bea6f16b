/*
 * Slots move while all loops and two foreign threads look.
 *
 * Map number n has every slot on shard n % LOOPS. So whoever looks can tell
 * whether all of what it sees is of one map, and no map comes twice or goes
 * back. Each map has a mark, which loops read that go by the map; the mover
 * wipes it when the future says that none does any more. It is plain, for
 * ThreadSanitizer to watch.
 */
#include "tests/runtime/fixture.h"

#include <gyre/shard_map.h>

#include "tests/support/watchdog.h"

#include <sched.h>
#include <string.h>

#define LOOPS     4
#define FOREIGN   2
#define MOVES     100
#define MAPS_MAX  65536 /* it ends long before */
#define LOOKS_MIN 100   /* of each loop */
#define RARELY    16    /* a look at the whole map */

static struct fixture fixture;
static atomic_bool is_over;
static atomic_uint looks[LOOPS];
static unsigned marks[MAPS_MAX]; /* of each map; 0: no loop goes by it */

static void
check_map(uint64_t *seen)
{
	struct gyre_shard_map map;

	gyre_runtime_get_shard_map(fixture.runtime, &map);
	CHECK(map.version >= *seen);
	*seen = map.version;
	for (unsigned i = 0; map.version > 1 && i < GYRE_SHARD_SLOTS; i++)
		CHECK(map.shards[i] == map.version % LOOPS);
}

static void *
look_from_outside(void *arg)
{
	uint64_t seen = 0;

	(void)arg;
	while (!atomic_load(&is_over)) {
		check_map(&seen);
		CHECK(gyre_runtime_shard_of(fixture.runtime, "a", 1) < LOOPS);
	}
	return NULL;
}

/* -- on each loop -------------------------------------------------------- */

static void
look(void *arg)
{
	const struct gyre_shard *shard = arg;
	unsigned answer = gyre_shard_of("some key", 8);
	uint64_t seen = gyre_runtime_shard_map_version(fixture.runtime);

	CHECK(marks[seen] == 1 + seen % LOOPS);
	CHECK(answer < LOOPS);
	if (atomic_fetch_add(&looks[shard->index], 1) % RARELY == 0)
		check_map(&seen);
	if (!atomic_load(&is_over))
		CHECK(gyre_loop_add_callback(shard->loop, look, arg) == 0);
}

static void
begin_to_look(struct fixture *unused, const struct gyre_shard *shard)
{
	(void)unused;
	CHECK(gyre_loop_add_callback(shard->loop, look, (void *)shard) == 0);
}

/* -- the mover ----------------------------------------------------------- */

struct report {
	struct gyre_task task;
	uint64_t version; /* that the loop must be at */
	atomic_bool is_done;
};

static void
check_report(struct gyre_task *task)
{
	struct report *report = (struct report *)task;

	/* It runs behind all that the loop did before the future was there. */
	CHECK(gyre_runtime_shard_map_version(fixture.runtime) ==
	      report->version);
	CHECK(gyre_shard_of("x", 1) == report->version % LOOPS);
	atomic_store(&report->is_done, true);
}

static void
drop_report(struct gyre_task *task, enum gyre_drop_reason reason)
{
	(void)task;
	(void)reason;
	CHECK(!"dropped");
}

static void
ask_all(uint64_t version)
{
	struct report reports[LOOPS];

	for (unsigned i = 0; i < LOOPS; i++) {
		reports[i] = (struct report){
			.task = { .run = check_report, .drop = drop_report },
			.version = version,
		};
		CHECK(gyre_bus_post(gyre_runtime_bus(fixture.runtime), i,
				    &reports[i].task) == 0);
	}
	for (unsigned i = 0; i < LOOPS; i++)
		while (!atomic_load(&reports[i].is_done))
			sched_yield();
}

static void
move_all(uint64_t version)
{
	const struct gyre_slot_move move = {
		.count = GYRE_SHARD_SLOTS,
		.shard = (unsigned)(version % LOOPS),
	};
	struct gyre_future *moved;

	CHECK(version < MAPS_MAX);
	marks[version] = 1 + version % LOOPS;
	/* Some without a future, whose maps are freed just so. */
	if (version % 8 == 0) {
		CHECK(gyre_runtime_move_slots(fixture.runtime, &move, 1,
					      NULL) == 0);
		return;
	}
	CHECK(gyre_runtime_move_slots(fixture.runtime, &move, 1, &moved) == 0);
	CHECK(gyre_future_wait(moved, GYRE_FOREVER, NULL) == 0);
	gyre_future_unref(moved);
	marks[version - 1] = 0;
	ask_all(version);
}

static bool
all_have_looked(void)
{
	for (unsigned i = 0; i < LOOPS; i++)
		if (atomic_load(&looks[i]) < LOOKS_MIN)
			return false;
	return true;
}

int
main(void)
{
	pthread_t threads[FOREIGN];
	uint64_t version = 1;
	unsigned moves = harness_scaled(MOVES);

	watchdog(120);
	marks[version] = 1 + version % LOOPS;
	fixture_init(&fixture);
	fixture.on_start = begin_to_look;
	fixture_start(&fixture, LOOPS, 1);
	for (unsigned i = 0; i < FOREIGN; i++)
		CHECK(pthread_create(&threads[i], NULL, look_from_outside,
				     NULL) == 0);
	while (version < moves || !all_have_looked())
		move_all(++version);
	atomic_store(&is_over, true);
	for (unsigned i = 0; i < FOREIGN; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
	fixture_stop_and_end(&fixture); /* each map freed, and once */
	printf("%llu maps\n", (unsigned long long)version);
	return 0;
}
