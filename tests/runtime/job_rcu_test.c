/*
 * Jobs and RCU: a job reads what loops read, inside the calls that do so, and
 * holds up no grace period meanwhile or besides.
 */
#include <gyre/topic.h>

#include "bus/rcu.h"
#include "tests/runtime/fixture.h"

#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define PUBLISHED 100u

static sem_t begun, let;
static atomic_uint delivered;
static struct gyre_bus *bus;

static void
on_message(const struct gyre_delivery *delivery, void *arg)
{
	(void)arg;
	CHECK(strcmp(delivery->subject, "from.a.job") == 0);
	atomic_fetch_add(&delivered, 1);
}

/* Publishes, and then stays for as long as the test wants. */
static void *
publish_and_stay(void *arg)
{
	for (unsigned i = 0; i < PUBLISHED; i++)
		CHECK(gyre_bus_publish(bus, "from.a.job",
				       (struct gyre_message){ 0 }) == 0);
	sem_post(&begun);
	while (sem_wait(&let) != 0)
		;
	return arg;
}

static void
subscribe_and_submit(struct fixture *fixture, const struct gyre_shard *shard)
{
	const struct gyre_subscribe_options options = {
		.pattern = "from.>",
		.fn = on_message,
	};
	struct gyre_subscription *subscription;

	(void)fixture;
	bus = gyre_runtime_bus(shard->runtime);
	CHECK(gyre_bus_subscribe(bus, &options, &subscription) == 0);
	gyre_future_unref(gyre_loop_run_in_executor(shard->loop, NULL,
						    publish_and_stay, NULL));
}

static void
a_job_publishes_and_holds_up_no_grace_period(void **state)
{
	struct fixture fixture;

	(void)state;
	sem_init(&begun, 0, 0);
	sem_init(&let, 0, 0);
	fixture_init(&fixture);
	fixture.on_start = subscribe_and_submit;
	fixture_start(&fixture, 1, 1);
	while (sem_wait(&begun) != 0)
		;
	/* The worker that published is in the midst of its job: were it online
	 * still, this would wait for its end, which waits for this. */
	gyre__rcu_synchronize();
	while (atomic_load(&delivered) < PUBLISHED)
		sched_yield();
	sem_post(&let);
	fixture_stop_and_end(&fixture);
	sem_destroy(&let);
	sem_destroy(&begun);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_job_publishes_and_holds_up_no_grace_period),
	};

	alarm(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
