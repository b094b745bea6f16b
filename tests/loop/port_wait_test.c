/*
 * Threads without a loop that wait for room in a port.
 */
#include "tests/loop/port_fixture.h"
#include "tests/support/watchdog.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

static int64_t
soon(void)
{
	return gyre__now_ns(&gyre__sys_default) + GYRE_MS(2);
}

static int
wait_until(int64_t deadline_ns)
{
	return gyre_port_send_wait(the_port, message("m"), deadline_ns);
}

/* A port of one, whose slot waits for a sender that does not run. */
static void
grant_to_sender(struct gyre_port *port, void *arg)
{
	(void)arg;
	CHECK(gyre_port_send_copy(port, "late", 5) == 0);
}

static void
ask_for_room(void *arg)
{
	(void)arg;
	CHECK(gyre_port_notify(the_port, grant_to_sender, NULL, NULL) == 0);
}

static void
open_held_port(void)
{
	open_port_of(1);
	step_with(sender, ask_for_room, NULL);
	step(the_loop);
}

static void
with_room_nothing_is_waited_for(void **state)
{
	unsigned before;

	(void)state;
	open_port_of(1);
	assert_int_equal(wait_until(0), 0);
	before = fake_counts().allocations;
	assert_int_equal(wait_until(0), -ETIMEDOUT);
	assert_int_equal(fake_counts().allocations, before);
	assert_stats(1, 0, 0, 1, 1);
	step(the_loop);
	assert_trace("m ~");
}

static void
who_gives_up_leaves_nothing_behind(void **state)
{
	const unsigned before = fake_counts().allocations;
	unsigned open;

	(void)state;
	open_port_of(1);
	step(the_loop); /* where this thread has a berth then */
	open = fake_counts().allocations;
	assert_true(open > before);
	assert_int_equal(wait_until(0), 0);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(wait_until(soon()), -ETIMEDOUT);
	step(the_loop); /* one by one they would find room */
	assert_trace("m ~");
	assert_int_equal(fake_counts().allocations, open);
	assert_int_equal(wait_until(0), 0);
	step(the_loop);
	assert_trace("m ~");
	assert_stats(2, 2, 0, 0, 3);
}

static void
who_gives_up_in_the_queue_leaves_it(void **state)
{
	unsigned waiting;

	(void)state;
	open_held_port();
	waiting = fake_counts().allocations;
	assert_int_equal(wait_until(soon()), -ETIMEDOUT);
	assert_true(fake_counts().allocations > waiting);
	step(the_loop);
	assert_int_equal(fake_counts().allocations, waiting);
	step(sender);
	step(the_loop);
	assert_trace("late");
	assert_int_equal(wait_until(0), 0);
	step(the_loop);
	assert_trace("m ~");
}

static atomic_bool done;
static int outcome;

static void *
wait_for_ever(void *arg)
{
	(void)arg;
	outcome = wait_until(GYRE_FOREVER);
	atomic_store(&done, true);
	return NULL;
}

/* Step the loop while a thread waits for ever; close the port when it has
 * been stepped so often. */
static int
while_waiting(unsigned steps_until_close)
{
	pthread_t thread;

	watchdog(10);
	atomic_store(&done, false);
	assert_int_equal(pthread_create(&thread, NULL, wait_for_ever, NULL), 0);
	for (unsigned i = 0; !atomic_load(&done); i++) {
		if (i == steps_until_close)
			gyre_port_close(the_port);
		step(the_loop);
		sched_yield();
	}
	assert_int_equal(pthread_join(thread, NULL), 0);
	watchdog(0);
	return outcome;
}

static void
who_waits_is_woken_by_room(void **state)
{
	(void)state;
	open_port_of(1);
	assert_int_equal(wait_until(0), 0);
	assert_int_equal(while_waiting(UINT32_MAX), 0);
	step(the_loop);
	assert_trace("m ~ m ~");
	assert_stats(2, 2, 0, 0, 0);
}

static void
who_waits_is_woken_by_close(void **state)
{
	(void)state;
	open_held_port();
	assert_int_equal(while_waiting(100), -ESHUTDOWN);
	step(sender);
	step(the_loop);
	assert_stats(0, 0, 0, 0, 1);
}

static void
on_its_way_it_hears_that_the_loop_closed(void **state)
{
	pthread_t thread;

	(void)state;
	watchdog(10);
	open_held_port();
	assert_int_equal(pthread_create(&thread, NULL, wait_for_ever, NULL), 0);
	sched_yield();
	assert_int_equal(gyre_loop_close(the_loop, false), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(outcome, -ESHUTDOWN);
	assert_int_equal(wait_until(GYRE_FOREVER), -ESHUTDOWN);
	watchdog(0);
}

static void
wait_on_a_loop(void *arg)
{
	(void)arg;
	CHECK(wait_until(GYRE_FOREVER) == -EDEADLK);
}

static void
a_loop_is_refused(void **state)
{
	(void)state;
	open_port_of(1);
	step_with(sender, wait_on_a_loop, NULL);
}

static void
without_memory_nobody_waits(void **state)
{
	(void)state;
	open_held_port();
	for (unsigned n = 1; n <= 2; n++) {
		fake_fail_at(n);
		assert_int_equal(wait_until(GYRE_FOREVER), -ENOMEM);
	}
	fake_fail_at(0);
	assert_stats(0, 0, 0, 0, 2);
	step(sender);
	step(the_loop);
	assert_trace("late");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		PORT_TEST(with_room_nothing_is_waited_for),
		PORT_TEST(who_gives_up_leaves_nothing_behind),
		PORT_TEST(who_gives_up_in_the_queue_leaves_it),
		PORT_TEST(who_waits_is_woken_by_room),
		PORT_TEST(who_waits_is_woken_by_close),
		PORT_TEST(on_its_way_it_hears_that_the_loop_closed),
		PORT_TEST(a_loop_is_refused),
		PORT_TEST(without_memory_nobody_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
