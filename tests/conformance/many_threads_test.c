/*
 * Many threads: one starts a loop while another stops it, several start the
 * same, each makes and closes loops of its own. L16, L24, L174.
 */
#include "tests/support/loop_fixture.h"

#include <sched.h>
#include <stdatomic.h>

#define THREADS 3

/* -- start and stop
 * ----------------------------------------------------------------- */

#define STARTS 100000

static atomic_uint starting;

static void
dawdle(uint64_t *seed, uint64_t steps_max)
{
	for (uint64_t i = next_random(seed) % steps_max; i > 0; i--)
		atomic_load(&starting);
}

/* One stop for each start, at whatever moment of it. */
static void *
stop_each(void *arg)
{
	uint64_t seed = first_seed(7);

	(void)arg;
	for (unsigned i = 1; i <= STARTS; i++) {
		while (atomic_load(&starting) < i)
			sched_yield();
		dawdle(&seed, 64);
		gyre_loop_stop(the_loop);
	}
	return NULL;
}

static void
L24_a_stop_at_any_moment_of_a_start_ends_it(void **state)
{
	uint64_t seed = first_seed(8);
	pthread_t thread;

	(void)state;
	atomic_store(&starting, 0);
	CHECK(pthread_create(&thread, NULL, stop_each, NULL) == 0);
	for (unsigned i = 1; i <= STARTS; i++) {
		atomic_store(&starting, i);
		/* The other thread needs a while to see that. */
		dawdle(&seed, 1024);
		run();
	}
	pthread_join(thread, NULL);
}

static atomic_uint busy;

static void *
start_too(void *arg)
{
	(void)arg;
	for (int i = 0; i < 20000; i++)
		if (gyre_loop_start(the_loop) == -EBUSY)
			atomic_fetch_add(&busy, 1);
	return NULL;
}

static unsigned iterations;

static void
iterate_and_stop(void *arg)
{
	iterations++; /* by one thread at a time, or a race */
	add_callback(iterate_and_stop, arg);
	gyre_loop_stop(the_loop);
}

static void
L16_threads_that_start_one_loop_take_turns(void **state)
{
	pthread_t threads[THREADS];

	(void)state;
	iterations = 0;
	atomic_store(&busy, 0);
	add_callback(iterate_and_stop, NULL);
	for (int i = 0; i < THREADS; i++)
		CHECK(pthread_create(&threads[i], NULL, start_too, NULL) == 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(iterations + busy, THREADS * 20000);
}

/* -- making and closing --------------------------------------------------- */

#define LIVES 300

static void
post_back(void *loop)
{
	CHECK(gyre_loop_current(false) == loop);
	gyre_loop_stop(loop);
}

/* One life, to the end and with work left over. */
static void
live_once(unsigned life)
{
	struct gyre_loop *loop = real_loop();

	CHECK(gyre_loop_make_current(loop) == 0);
	CHECK(gyre_loop_add_callback(loop, post_back, loop) == 0);
	CHECK(gyre_loop_call_later(loop, 0, post_back, loop, NULL) == 0);
	if (life % 2 == 0)
		CHECK(gyre_loop_start(loop) == 0);
	CHECK(gyre_loop_close(loop, life % 3 == 0) == 0);
	CHECK(gyre_loop_current(false) == NULL);
	gyre_loop_free(loop);
}

static void *
live_often(void *arg)
{
	for (unsigned life = 0; life < LIVES; life++)
		live_once(life);
	return arg;
}

/* L174 holds: loops are made, run, closed and freed on many threads at once,
 * and nothing of them is left: there is no list of all loops. */
static void
L174_loops_come_and_go_on_many_threads(void **state)
{
	pthread_t threads[THREADS];

	(void)state;
	for (int i = 0; i < THREADS; i++)
		CHECK(pthread_create(&threads[i], NULL, live_often, NULL) == 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	/* The fixture counts memory and descriptors. */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		REAL_TEST(L24_a_stop_at_any_moment_of_a_start_ends_it),
		REAL_TEST(L16_threads_that_start_one_loop_take_turns),
		REAL_TEST(L174_loops_come_and_go_on_many_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
