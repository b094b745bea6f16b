/*
 * Start and stop, a thousand times, with messages in flight: what was posted
 * was run, dropped or refused, each once.
 */
#include "tests/runtime/fixture.h"

#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
#include <cmocka.h>

#define CYCLES 1000

struct counts {
	atomic_ulong posted;
	atomic_ulong run;
	atomic_ulong dropped;
	atomic_ulong refused;
};

static struct counts counts;

static void send_one(struct gyre_runtime *runtime);

static void
add(atomic_ulong *count)
{
	atomic_fetch_add_explicit(count, 1, memory_order_relaxed);
}

static void
on_message(void *arg)
{
	add(&counts.run);
	send_one(arg);
}

static void
on_drop(void *arg, enum gyre_drop_reason reason)
{
	(void)arg;
	CHECK(reason == GYRE_DROP_STOPPED);
	add(&counts.dropped);
}

/* To a shard by turns: a message that runs sends the next one. */
static void
send_one(struct gyre_runtime *runtime)
{
	static atomic_uint turn;
	unsigned shard =
		atomic_fetch_add_explicit(&turn, 1, memory_order_relaxed) %
		gyre_runtime_shards(runtime);
	int result = gyre_loop_add_callback_drop(
		gyre_runtime_shard(runtime, shard)->loop, on_message, runtime,
		on_drop);

	add(&counts.posted);
	if (result == 0)
		return;
	CHECK(result == -ESHUTDOWN);
	add(&counts.refused);
}

static void
send_some(struct fixture *fixture, const struct gyre_shard *shard)
{
	(void)fixture;
	for (unsigned i = 0; i < 4; i++)
		send_one(shard->runtime);
}

static void
live_once(uint64_t *random)
{
	struct fixture fixture;
	uint64_t pause = harness_random(random) % 8;

	fixture_init(&fixture);
	fixture.on_start = send_some;
	/* They never end: only the deadline ends them, soon or at once. */
	fixture.stop_timeout_ns =
		1 + (int64_t)(harness_random(random) % (uint64_t)GYRE_MS(2));
	fixture_start(&fixture, 1 + harness_random(random) % 4, 1);
	for (; pause > 0; pause--)
		sched_yield();
	if (harness_random(random) % 4 == 0)
		gyre_loop_stop(gyre_runtime_shard(fixture.runtime, 0)->loop);
	fixture_stop_and_end(&fixture);
	assert_int_equal(counts.posted,
			 counts.run + counts.dropped + counts.refused);
}

static void
a_thousand_lives(void **state)
{
	uint64_t random = harness_seed();

	(void)state;
	for (unsigned i = 0; i < CYCLES; i++)
		live_once(&random);
	printf("%lu posted: %lu run, %lu dropped, %lu refused\n",
	       (unsigned long)counts.posted, (unsigned long)counts.run,
	       (unsigned long)counts.dropped, (unsigned long)counts.refused);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_thousand_lives),
	};

	alarm(240);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
