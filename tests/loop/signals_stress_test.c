/*
 * Signals in a storm: loops watch and stop watching while the process is sent
 * one signal after another, to whatever thread; and whoever watches for good
 * sees the last one.
 */
#include <gyre/signal.h>

#include "tests/support/loop_fixture.h"

#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#define LOOPS    3
#define SIGNALS  100000
#define WATCHING 2000 /* how often a watch comes and goes */

struct listener {
	struct gyre_loop *loop;
	pthread_t thread;
	bool is_restless;
	bool is_watching;
	unsigned changes;
	atomic_uint heard; /* how many had been sent when it was told */
};

static atomic_uint sent;
static struct listener listeners[LOOPS];

static void
hear(int signo, void *arg)
{
	struct listener *listener = arg;

	CHECK(signo == SIGUSR1);
	CHECK(gyre_loop_in_owner_thread(listener->loop));
	CHECK(listener->is_watching);
	atomic_store(&listener->heard, atomic_load(&sent));
}

static void
change(void *arg)
{
	struct listener *listener = arg;
	int result;

	listener->is_watching = !listener->is_watching;
	result = listener->is_watching
			 ? gyre_loop_add_signal(listener->loop, SIGUSR1, hear,
						listener)
			 : gyre_loop_remove_signal(listener->loop, SIGUSR1);
	CHECK(result == 0);
	if (listener->is_restless && ++listener->changes < WATCHING)
		CHECK(gyre_loop_add_callback(listener->loop, change,
					     listener) == 0);
}

static void *
listen_main(void *arg)
{
	struct listener *listener = arg;

	CHECK(gyre_loop_start(listener->loop) == 0);
	CHECK(gyre_loop_close(listener->loop, false) == 0);
	return NULL;
}

static void *
send_main(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < SIGNALS; i++) {
		atomic_fetch_add(&sent, 1);
		CHECK(kill(getpid(), SIGUSR1) == 0);
	}
	return NULL;
}

/* It watches for good: what was sent last is heard, however long it takes. */
static void
await_last(struct listener *listener)
{
	while (atomic_load(&listener->heard) != SIGNALS)
		sched_yield();
}

static void
no_signal_is_lost_in_a_storm(void **state)
{
	pthread_t sender;

	(void)state;
	/* so that there is always a handler, whoever watches */
	for (unsigned i = 0; i < LOOPS; i++) {
		struct listener *listener = &listeners[i];

		listener->loop = real_loop();
		listener->is_restless = i > 0;
		change(listener);
	}
	for (unsigned i = 0; i < LOOPS; i++)
		CHECK(pthread_create(&listeners[i].thread, NULL, listen_main,
				     &listeners[i]) == 0);
	CHECK(pthread_create(&sender, NULL, send_main, NULL) == 0);
	pthread_join(sender, NULL);
	await_last(&listeners[0]);
	for (unsigned i = 0; i < LOOPS; i++) {
		gyre_loop_stop(listeners[i].loop);
		pthread_join(listeners[i].thread, NULL);
		gyre_loop_free(listeners[i].loop);
	}
	assert_true(listeners[1].changes > 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		REAL_TEST(no_signal_is_lost_in_a_storm),
	};

	alarm(120);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
