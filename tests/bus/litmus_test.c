/*
 * The inbox's litmus test: cells, each a fresh inbox, in which a push and a
 * consumer that goes to sleep meet within a few instructions and make no
 * system call, thousands of times a round. What is asleep with work waiting
 * and was not rung for is a lost wake-up.
 *
 * Usage: [cells], a million by default; GYRE_LITMUS_CELLS is stronger. Ends
 * with 1 when one was lost, after that round; the flag beside the queue
 * (tests/models/flag_inbox.c) must end so.
 */
#include "tests/pool/harness.h"
#include "tests/support/watchdog.h"

#include "bus/inbox.h"

#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdalign.h>
#include <stdatomic.h>

#define CELLS     5000
#define CELLS_MAX 10000000000

enum side {
	PUSHER,
	CONSUMER,
	SIDES
};

/* The memory of the inbox is its cell's: fresh memory each round would cost
 * more than the round. */
struct cell {
	struct gyre__doorbell bell;
	atomic_uint rings;
	struct gyre_inbox *inbox;
	struct gyre_task task;
	unsigned payload;
	bool asleep;
	bool taken;
	struct gyre_inbox memory;
};

struct litmus {
	struct cell *cells;
	struct gyre_sys sys;
	pthread_barrier_t barrier;
	atomic_bool over;
	struct {
		alignas(GYRE__CACHE_PAIR) atomic_uint_fast64_t at;
		uint64_t random;
	} sides[SIDES];
};

static void
count_ring(struct gyre__doorbell *bell)
{
	atomic_fetch_add(&((struct cell *)bell)->rings, 1);
}

static _Thread_local struct cell *made;

static void *
memory_of_cell(size_t size, size_t align)
{
	CHECK(size == sizeof(made->memory) && align <= GYRE__CACHE_PAIR);
	return &made->memory;
}

static void
release_nothing(void *memory)
{
	(void)memory;
}

static void
make_cells(struct litmus *litmus)
{
	for (unsigned i = 0; i < CELLS; i++) {
		made = &litmus->cells[i];
		*made = (struct cell){ .bell = { .ring = count_ring } };
		made->inbox = gyre__inbox_new(&litmus->sys, &made->bell);
		CHECK(made->inbox == &made->memory);
	}
}

/* How many were lost. An arm that nobody's push ended may not be rung for. */
static unsigned
count_lost(const struct cell *cells)
{
	unsigned lost = 0;

	for (unsigned i = 0; i < CELLS; i++) {
		unsigned rings = atomic_load(&cells[i].rings);

		CHECK(cells[i].taken != cells[i].asleep);
		CHECK(rings <= 1);
		lost += cells[i].asleep && rings == 0;
	}
	return lost;
}

static unsigned
count_asleep(const struct cell *cells)
{
	unsigned asleep = 0;

	for (unsigned i = 0; i < CELLS; i++)
		asleep += cells[i].asleep;
	return asleep;
}

static void
free_cells(struct cell *cells)
{
	for (unsigned i = 0; i < CELLS; i++) {
		struct gyre__chain chain = { 0 };

		gyre__inbox_take(cells[i].inbox, &chain);
		CHECK((chain.head == &cells[i].task) == cells[i].asleep);
		gyre_inbox_unref(cells[i].inbox);
	}
}

static bool
take_one(struct cell *cell)
{
	struct gyre__chain chain = { 0 };

	gyre__inbox_take(cell->inbox, &chain);
	if (chain.head == NULL)
		return false;
	CHECK(cell->payload == 7);
	return true;
}

/* What a loop does when it has nothing to do. */
static void
consume_cell(struct cell *cell)
{
	cell->taken = take_one(cell);
	if (cell->taken)
		return;
	cell->asleep = gyre__inbox_arm(cell->inbox);
	if (!cell->asleep)
		cell->taken = take_one(cell);
}

static void
push_into_cell(struct cell *cell)
{
	cell->payload = 7;
	CHECK(gyre__inbox_push(cell->inbox, &cell->task, &cell->task) == 0);
}

/*
 * Come to a cell when the other does, give or take a few instructions, and
 * through nothing that would empty a store buffer.
 */
static void
meet(struct litmus *litmus, enum side side, uint64_t at)
{
	atomic_uint_fast64_t *other = &litmus->sides[1 - side].at;
	unsigned rounds = harness_random(&litmus->sides[side].random) % 64;
	unsigned looks = 0;

	atomic_store_explicit(&litmus->sides[side].at, at,
			      memory_order_release);
	while (atomic_load_explicit(other, memory_order_acquire) < at)
		if (++looks % 1000 == 0)
			sched_yield();
	while (rounds-- > 0)
		atomic_signal_fence(memory_order_seq_cst);
}

static void
go_through_cells(struct litmus *litmus, enum side side, uint64_t round)
{
	for (unsigned i = 0; i < CELLS; i++) {
		meet(litmus, side, round * CELLS + i + 1);
		if (side == PUSHER)
			push_into_cell(&litmus->cells[i]);
		else
			consume_cell(&litmus->cells[i]);
	}
}

static void *
push_into_cells(void *arg)
{
	struct litmus *litmus = arg;

	for (uint64_t round = 0;; round++) {
		pthread_barrier_wait(&litmus->barrier);
		if (atomic_load(&litmus->over))
			return NULL;
		go_through_cells(litmus, PUSHER, round);
		pthread_barrier_wait(&litmus->barrier);
	}
}

/* So many cells, a whole round at least; or until some were lost. */
static uint64_t
run(struct litmus *litmus, uint64_t cells)
{
	int64_t began_ns = gyre__now_ns(&gyre__sys_default);
	uint64_t asleep = 0;
	uint64_t lost = 0;
	uint64_t round = 0;

	do {
		watchdog(60);
		make_cells(litmus);
		pthread_barrier_wait(&litmus->barrier);
		go_through_cells(litmus, CONSUMER, round);
		pthread_barrier_wait(&litmus->barrier);
		lost += count_lost(litmus->cells);
		asleep += count_asleep(litmus->cells);
		free_cells(litmus->cells);
		round++;
	} while (lost == 0 && round * CELLS < cells);
	printf("%" PRIu64 " cells, %" PRIu64 " asleep, %" PRIu64
	       " lost, %.1f s\n",
	       round * CELLS, asleep, lost,
	       (double)(gyre__now_ns(&gyre__sys_default) - began_ns) / 1e9);
	return lost;
}

static uint64_t
cells_asked_for(const char *argument)
{
	const char *text = getenv("GYRE_LITMUS_CELLS");
	uint64_t cells = 1000000;

	if (text == NULL)
		text = argument;
	if (text != NULL)
		cells = strtoull(text, NULL, 10);
	CHECK(cells > 0 && cells <= CELLS_MAX);
	return cells;
}

int
main(int argc, char **argv)
{
	uint64_t cells = cells_asked_for(argc > 1 ? argv[1] : NULL);
	struct litmus *litmus = gyre__allocate(
		&gyre__sys_default, sizeof(*litmus), GYRE__CACHE_PAIR);
	uint64_t seed = harness_seed();
	pthread_t thread;
	uint64_t lost;

	CHECK(litmus != NULL);
	litmus->sys = gyre__sys_default;
	litmus->sys.allocate = memory_of_cell;
	litmus->sys.release = release_nothing;
	litmus->cells =
		gyre__allocate(&gyre__sys_default, CELLS * sizeof(struct cell),
			       GYRE__CACHE_PAIR);
	CHECK(litmus->cells != NULL);
	for (unsigned i = 0; i < SIDES; i++)
		litmus->sides[i].random = harness_random(&seed);
	pthread_barrier_init(&litmus->barrier, NULL, SIDES);
	CHECK(pthread_create(&thread, NULL, push_into_cells, litmus) == 0);
	lost = run(litmus, cells);
	atomic_store(&litmus->over, true);
	pthread_barrier_wait(&litmus->barrier);
	pthread_join(thread, NULL);
	pthread_barrier_destroy(&litmus->barrier);
	gyre__sys_default.release(litmus->cells);
	gyre__sys_default.release(litmus);
	return lost > 0;
}
