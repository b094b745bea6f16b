/*
 * The inbox's litmus test: cells, each a fresh inbox, in which a push and a
 * consumer that goes to sleep meet within a few instructions and make no
 * system call, thousands of times a round. What is asleep with work waiting
 * and was not rung for is a lost wake-up.
 *
 * Usage: [milliseconds], 1000 by default. Ends with 1 when one was lost; the
 * flag beside the queue (tests/models/flag_inbox.c) must end so.
 */
#include "tests/pool/harness.h"
#include "tests/support/watchdog.h"

#include "bus/inbox.h"

#include <pthread.h>
#include <sched.h>
#include <stdalign.h>
#include <stdatomic.h>

#define CELLS 20000

enum side {
	PUSHER,
	CONSUMER,
	SIDES
};

struct cell {
	struct gyre__doorbell bell;
	atomic_uint rings;
	struct gyre_inbox *inbox;
	struct gyre_task task;
	unsigned payload;
	bool asleep;
	bool taken;
};

struct litmus {
	struct cell *cells;
	pthread_barrier_t barrier;
	atomic_bool over;
	struct {
		alignas(GYRE__CACHE_PAIR) atomic_uint at;
		uint64_t random;
	} sides[SIDES];
};

static void
count_ring(struct gyre__doorbell *bell)
{
	atomic_fetch_add(&((struct cell *)bell)->rings, 1);
}

static void
make_cells(struct cell *cells)
{
	for (unsigned i = 0; i < CELLS; i++) {
		struct cell *cell = &cells[i];

		*cell = (struct cell){ .bell = { .ring = count_ring } };
		cell->inbox = gyre__inbox_new(harness_sys(), &cell->bell);
		CHECK(cell->inbox != NULL);
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
meet(struct litmus *litmus, enum side side, unsigned at)
{
	atomic_uint *other = &litmus->sides[1 - side].at;
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
go_through_cells(struct litmus *litmus, enum side side, unsigned round)
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

	for (unsigned round = 0;; round++) {
		pthread_barrier_wait(&litmus->barrier);
		if (atomic_load(&litmus->over))
			return NULL;
		go_through_cells(litmus, PUSHER, round);
		pthread_barrier_wait(&litmus->barrier);
	}
}

/* For so long, but one round at least. */
static unsigned
run(struct litmus *litmus, int64_t duration_ns)
{
	int64_t end_ns = gyre__now_ns(&gyre__sys_default) + duration_ns;
	unsigned asleep = 0;
	unsigned lost = 0;
	unsigned round = 0;

	do {
		make_cells(litmus->cells);
		pthread_barrier_wait(&litmus->barrier);
		go_through_cells(litmus, CONSUMER, round);
		pthread_barrier_wait(&litmus->barrier);
		lost += count_lost(litmus->cells);
		asleep += count_asleep(litmus->cells);
		free_cells(litmus->cells);
		round++;
	} while (lost == 0 && gyre__now_ns(&gyre__sys_default) < end_ns);
	printf("%u cells, %u asleep, %u lost\n", round * CELLS, asleep, lost);
	return lost;
}

int
main(int argc, char **argv)
{
	int64_t duration_ms = argc > 1 ? strtol(argv[1], NULL, 10) : 1000;
	struct litmus *litmus = gyre__allocate(
		&gyre__sys_default, sizeof(*litmus), GYRE__CACHE_PAIR);
	uint64_t seed = harness_seed();
	pthread_t thread;
	unsigned lost;

	watchdog(60);
	CHECK(litmus != NULL);
	litmus->cells = calloc(CELLS, sizeof(struct cell));
	CHECK(litmus->cells != NULL);
	for (unsigned i = 0; i < SIDES; i++)
		litmus->sides[i].random = harness_random(&seed);
	pthread_barrier_init(&litmus->barrier, NULL, SIDES);
	CHECK(pthread_create(&thread, NULL, push_into_cells, litmus) == 0);
	lost = run(litmus, duration_ms * 1000000);
	atomic_store(&litmus->over, true);
	pthread_barrier_wait(&litmus->barrier);
	pthread_join(thread, NULL);
	pthread_barrier_destroy(&litmus->barrier);
	free(litmus->cells);
	gyre__sys_default.release(litmus);
	return lost > 0;
}
