/*
 * Shards and foreign threads that call each other all the time: cancelled at
 * any moment, with deadlines in the near future or the past, over a small
 * bound, while shards close. Each argument ends exactly once, run or dropped,
 * and what the caller sees fits; each loop's counts add up.
 */
#include "tests/runtime/fixture.h"

#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#define LOOPS   3
#define FOREIGN 2
#define ROUNDS  12
#define STEPS   400 /* a loop's callbacks in a round */
#define BURST   8

static struct gyre_runtime *runtime;
static struct gyre_bus *bus;

/* Relaxed, so that they order nothing. */
static atomic_ulong begun;
static atomic_ulong ended;
static atomic_ulong released;
static atomic_ulong wholes;
static atomic_uint loops_left; /* those that still have steps to do */

static void
count(atomic_ulong *counter)
{
	atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

static uint64_t
next(uint64_t *random)
{
	*random ^= *random << 13;
	*random ^= *random >> 7;
	*random ^= *random << 17;
	return *random;
}

/* -- an argument: whoever ends it frees it --------------------------------- */

struct argument {
	unsigned shard;
	uint64_t payload; /* plain, for ThreadSanitizer */
};

static struct argument *
new_argument(unsigned shard)
{
	struct argument *argument = malloc(sizeof(*argument));

	CHECK(argument != NULL);
	*argument = (struct argument){ .shard = shard, .payload = 7 };
	count(&begun);
	return argument;
}

static void
end_argument(struct argument *argument)
{
	CHECK(argument->payload == 7);
	argument->payload = 0;
	free(argument);
	count(&ended);
}

static void *
run_argument(void *arg)
{
	struct argument *argument = arg;

	CHECK(gyre_loop_in_owner_thread(
		gyre_runtime_shard(runtime, argument->shard)->loop));
	end_argument(argument);
	return &runtime;
}

static void
drop_argument(void *arg, enum gyre_drop_reason reason)
{
	CHECK(reason >= GYRE_DROP_STOPPED && reason <= GYRE_DROP_REFUSED);
	end_argument(arg);
}

static bool
fits(int result, const void *value)
{
	if (result == 0)
		return value == &runtime;
	return result == -ECANCELED || result == -ETIMEDOUT ||
	       result == -ESHUTDOWN || result == -EAGAIN;
}

/* -- loops ---------------------------------------------------------------- */

struct caller {
	const struct gyre_shard *shard;
	uint64_t random;
	unsigned steps;
	struct gyre_future *open[BURST]; /* to be cancelled later, or NULL */
};

static struct caller callers[LOOPS];

static void
on_reply(struct gyre_future *reply, void *arg)
{
	void *value = NULL;
	int result = gyre_future_result(reply, &value);

	(void)arg;
	CHECK(fits(result, value));
}

static void
on_drop_reply(void *arg, enum gyre_drop_reason reason)
{
	(void)arg;
	CHECK(reason == GYRE_DROP_STOPPED);
}

static void
call_one(struct caller *caller)
{
	struct gyre_loop *loop = caller->shard->loop;
	unsigned shard = next(&caller->random) % LOOPS;
	unsigned slot = next(&caller->random) % BURST;
	struct gyre_future *reply = gyre_bus_call_drop(
		bus, shard, run_argument, new_argument(shard), drop_argument);

	CHECK(reply != NULL);
	CHECK(gyre_loop_add_future_drop(loop, reply, on_reply, NULL,
					on_drop_reply) == 0);
	if (next(&caller->random) % 4 == 0)
		CHECK(gyre_loop_expire_future(
			      loop, reply,
			      gyre_loop_time(loop) +
				      (int64_t)(next(&caller->random) %
						GYRE_US(50))) == 0);
	if (caller->open[slot] != NULL) {
		if (next(&caller->random) % 2 == 0)
			gyre_future_cancel(caller->open[slot]);
		gyre_future_unref(caller->open[slot]);
	}
	caller->open[slot] = reply;
}

static void *
one(void *arg)
{
	CHECK(arg == &wholes);
	return arg;
}

static void
add(void *acc, void *value, unsigned shard)
{
	CHECK(value == &wholes && shard < LOOPS);
	++*(uint64_t *)acc;
}

static void
release(void *arg)
{
	count(&released);
	CHECK(arg == &wholes);
}

struct whole {
	uint64_t sum;
};

static void
on_whole(struct gyre_future *future, void *arg)
{
	struct whole *whole = arg;
	int result = gyre_future_result(future, NULL);

	CHECK(result == 0 ? whole->sum == LOOPS : whole->sum <= LOOPS);
	CHECK(result == 0 || fits(result, NULL));
	free(whole);
}

static void
drop_whole(void *arg, enum gyre_drop_reason reason)
{
	(void)reason;
	free(arg);
}

static void
ask_all(struct caller *caller)
{
	struct gyre_loop *loop = caller->shard->loop;
	struct whole *whole = calloc(1, sizeof(*whole));
	const struct gyre_map_reduce asked = {
		.map = one,
		.arg = &wholes,
		.release = release,
		.reduce = add,
		.acc = &whole->sum,
	};
	struct gyre_future *future = gyre_bus_map_reduce(bus, &asked, NULL);

	CHECK(future != NULL);
	count(&wholes);
	CHECK(gyre_loop_add_future_drop(loop, future, on_whole, whole,
					drop_whole) == 0);
	if (next(&caller->random) % 3 == 0)
		CHECK(gyre_loop_expire_future(loop, future,
					      gyre_loop_time(loop) +
						      GYRE_US(10)) == 0);
	else if (next(&caller->random) % 3 == 0)
		gyre_future_cancel(future);
	gyre_future_unref(future);
}

static void
take_step(void *arg)
{
	struct caller *caller = arg;

	if (caller->steps == 0)
		return;
	for (unsigned i = next(&caller->random) % BURST; i > 0; i--)
		call_one(caller);
	if (next(&caller->random) % 8 == 0)
		ask_all(caller);
	if (--caller->steps > 0) {
		CHECK(gyre_loop_add_callback(caller->shard->loop, take_step,
					     caller) == 0);
		return;
	}
	atomic_fetch_sub(&loops_left, 1);
	/* One shard closes while the others go on. */
	if (caller->shard->index == caller->random % LOOPS)
		gyre_loop_stop(caller->shard->loop);
}

static void
begin(struct fixture *fixture, const struct gyre_shard *shard)
{
	struct caller *caller = &callers[shard->index];

	(void)fixture;
	caller->shard = shard;
	caller->steps = STEPS;
	CHECK(gyre_loop_add_callback(shard->loop, take_step, caller) == 0);
}

static void
check_counts(const struct caller *caller)
{
	struct gyre_loop_stats stats;

	gyre_loop_get_stats(caller->shard->loop, &stats);
	CHECK(stats.calls == stats.calls_run + stats.calls_canceled +
				     stats.calls_expired + stats.calls_stopped +
				     stats.calls_open);
}

/* -- foreign threads ------------------------------------------------------ */

static void *
call_and_wait(void *arg)
{
	uint64_t random = (uintptr_t)arg;

	while (atomic_load(&loops_left) > 0) {
		unsigned shard = next(&random) % LOOPS;
		const struct gyre_call call = {
			.fn = run_argument,
			.arg = new_argument(shard),
			.drop = drop_argument,
		};
		int64_t deadline_ns = GYRE_FOREVER;
		void *value = NULL;
		int result;

		if (next(&random) % 2 == 0)
			deadline_ns = gyre_loop_time(
					      gyre_runtime_shard(runtime, shard)
						      ->loop) +
				      (int64_t)(next(&random) % GYRE_US(80));
		result = gyre_bus_call_wait_drop(bus, shard, call, deadline_ns,
						 &value);
		CHECK(fits(result, value));
	}
	return NULL;
}

/* -- a round -------------------------------------------------------------- */

static void
live_once(uint64_t *random)
{
	struct gyre_runtime_options options;
	struct fixture fixture;
	pthread_t threads[FOREIGN];

	fixture_init(&fixture);
	fixture.on_start = begin;
	options = fixture_options(&fixture, LOOPS);
	options.calls_max = 1 + (unsigned)(next(random) % 64);
	CHECK(fixture_new(&fixture, &options, 1) == 0);
	runtime = fixture.runtime;
	bus = gyre_runtime_bus(runtime);
	for (unsigned i = 0; i < LOOPS; i++)
		callers[i] = (struct caller){ .random = next(random) };
	atomic_store(&loops_left, LOOPS);
	CHECK(gyre_runtime_start(runtime) == 0);
	for (uintptr_t i = 0; i < FOREIGN; i++)
		pthread_create(&threads[i], NULL, call_and_wait,
			       (void *)(uintptr_t)next(random));
	for (unsigned i = 0; i < FOREIGN; i++)
		pthread_join(threads[i], NULL);
	gyre_runtime_stop(runtime);
	CHECK(gyre_runtime_wait(runtime) == 0);
	for (unsigned i = 0; i < LOOPS; i++) {
		check_counts(&callers[i]);
		for (unsigned j = 0; j < BURST; j++)
			gyre_future_unref(callers[i].open[j]);
	}
	fixture_end(&fixture);
	assert_int_equal(atomic_load(&begun), atomic_load(&ended));
	assert_int_equal(atomic_load(&wholes), atomic_load(&released));
}

static void
every_argument_ends_once(void **state)
{
	const char *text = getenv("GYRE_TEST_SEED");
	uint64_t random = text != NULL ? strtoull(text, NULL, 0) : 20261122;

	(void)state;
	printf("GYRE_TEST_SEED=%llu\n", (unsigned long long)random);
	random |= 1;
	for (unsigned i = 0; i < ROUNDS; i++)
		live_once(&random);
	printf("%lu calls, %lu to all\n", atomic_load(&begun),
	       atomic_load(&wholes));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_argument_ends_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
