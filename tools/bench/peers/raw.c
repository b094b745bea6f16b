/*
 * The raw limit of a pool: a ring there and a ring back for each thread, single
 * producer and single consumer, whose ends never sleep. No library can be
 * faster that lets a job cross to a thread and back, and a real one must also
 * be fair, wake sleepers, and let a job be cancelled.
 */
#include "bench.h"

#include <sched.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "pool.h"
#include "raw_driver.h"

#define RING_SIZE POOL_WINDOW_MAX /* all that can be under way */
#define SPINS     64

struct ring {
	alignas(128) _Atomic uint32_t head; /* the producer's */
	uint32_t tail_seen;
	alignas(128) _Atomic uint32_t tail; /* the consumer's */
	uint32_t head_seen;
	alignas(128) struct pool_slot *slots[RING_SIZE];
};

struct worker {
	struct ring there;
	struct ring back;
	pthread_t thread;
	_Atomic bool *ends;
};

static void
put(struct ring *ring, struct pool_slot *slot)
{
	uint32_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);

	ring->slots[head % RING_SIZE] = slot;
	atomic_store_explicit(&ring->head, head + 1, memory_order_release);
}

static struct pool_slot *
get(struct ring *ring)
{
	uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
	struct pool_slot *slot;

	if (tail == ring->head_seen)
		ring->head_seen =
			atomic_load_explicit(&ring->head, memory_order_acquire);
	if (tail == ring->head_seen)
		return NULL;
	slot = ring->slots[tail % RING_SIZE];
	atomic_store_explicit(&ring->tail, tail + 1, memory_order_release);
	return slot;
}

/* Spin a while, then let others run: there may be fewer CPUs than threads. */
static void
wait_a_little(unsigned *spins)
{
	if (++*spins % SPINS == 0)
		sched_yield();
}

static void *
worker_main(void *arg)
{
	struct worker *worker = arg;
	unsigned spins = 0;

	while (!atomic_load_explicit(worker->ends, memory_order_relaxed)) {
		struct pool_slot *slot = get(&worker->there);

		if (slot == NULL) {
			wait_a_little(&spins);
			continue;
		}
		pool_run(slot);
		put(&worker->back, slot);
	}
	return NULL;
}

static void
complete_all(struct pool_bench *bench, struct worker *workers)
{
	unsigned spins = 0;

	for (unsigned i = 0; bench->completed < bench->jobs; i++) {
		struct worker *worker = &workers[i % bench->threads];
		struct pool_slot *slot = get(&worker->back);

		if (slot == NULL) {
			wait_a_little(&spins);
			continue;
		}
		do {
			if (!pool_complete(bench, slot) &&
			    pool_submit(bench, slot))
				put(&worker->there, slot);
		} while ((slot = get(&worker->back)) != NULL);
	}
}

static void
bench_pool(struct params *params, struct result *result)
{
	static struct pool_bench bench;
	static _Atomic bool ends;
	struct worker *workers;
	struct pool_slot *slots;

	pool_begin(&bench, params, result);
	(void)params_text(params, "lane", NULL);
	workers = aligned_alloc(128, bench.threads * sizeof(*workers));
	slots = calloc(bench.window, sizeof(*slots));
	if (workers == NULL || slots == NULL)
		bench_fail("no memory");
	for (unsigned i = 0; i < bench.threads; i++) {
		memset(&workers[i], 0, sizeof(workers[i]));
		workers[i].ends = &ends;
		if (pthread_create(&workers[i].thread, NULL, worker_main,
				   &workers[i]) != 0)
			bench_fail("no thread");
	}
	result_begin(result);
	for (unsigned i = 0; i < bench.window; i++)
		if (pool_submit(&bench, &slots[i]))
			put(&workers[i % bench.threads].there, &slots[i]);
	complete_all(&bench, workers);
	pool_end(&bench);
	atomic_store(&ends, true);
	for (unsigned i = 0; i < bench.threads; i++)
		pthread_join(workers[i].thread, NULL);
	free(slots);
	free(workers);
}

#define DRIVER_POOL POOL_WHAT
#include "shapes.h"

int
main(int argc, char **argv)
{
	return bench_main(argc, argv, benches);
}
