/*
 * Real threads run loops that send to one another and close.
 */
#include "tests/support/loop_fixture.h"

#include <sched.h>
#include <stdatomic.h>

#define THREADS 3

/* -- loops among themselves ----------------------------------------------- */

/* Each runs a loop, sends to the next one, and closes early or late. */
static struct gyre_loop *ring[THREADS];
static atomic_uint ring_accepted;
static atomic_uint ring_run;
static atomic_uint ring_dropped;
static atomic_uint ring_ready;

static void
ring_drop(void *arg, enum gyre_drop_reason reason)
{
	(void)arg;
	(void)reason;
	atomic_fetch_add(&ring_dropped, 1);
}

static void send_round(void *arg);

static void
ring_callback(void *arg)
{
	atomic_fetch_add(&ring_run, 1);
	send_round(arg);
}

/* To both others; the argument is the receiver's place in the ring. */
static void
send_round(void *arg)
{
	uintptr_t place = (uintptr_t)arg;

	for (uintptr_t i = 1; i < THREADS; i++) {
		uintptr_t to = (place + i) % THREADS;

		if (gyre_loop_add_callback_drop(ring[to], ring_callback,
						(void *)to, ring_drop) == 0)
			atomic_fetch_add(&ring_accepted, 1);
	}
}

static void
stop_this(void *loop)
{
	gyre_loop_stop(loop);
}

static void *
run_in_ring(void *arg)
{
	uintptr_t place = (uintptr_t)arg;
	struct gyre_loop *loop = ring[place];

	CHECK(gyre_loop_add_callback(loop, send_round, arg) == 0);
	CHECK(gyre_loop_call_later(loop, GYRE_US(100 + 100 * place), stop_this,
				   loop, NULL) == 0);
	atomic_fetch_add(&ring_ready, 1);
	while (atomic_load(&ring_ready) < THREADS)
		sched_yield();
	CHECK(gyre_loop_start(loop) == 0);
	CHECK(gyre_loop_close(loop, false) == 0);
	return NULL;
}

static void
run_ring(void)
{
	pthread_t threads[THREADS];

	atomic_store(&ring_ready, 0);
	for (int i = 0; i < THREADS; i++)
		ring[i] = real_loop();
	for (uintptr_t i = 0; i < THREADS; i++)
		CHECK(pthread_create(&threads[i], NULL, run_in_ring,
				     (void *)i) == 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < THREADS; i++)
		gyre_loop_free(ring[i]);
}

static void
loops_that_send_to_one_another_and_close_lose_nothing(void **state)
{
	(void)state;
	for (int round = 0; round < 200; round++)
		run_ring();
	assert_int_equal(ring_accepted, ring_run + ring_dropped);
	assert_true(ring_run > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		REAL_TEST(
			loops_that_send_to_one_another_and_close_lose_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
