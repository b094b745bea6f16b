/*
 * The reaper: what is retired is freed after a grace period, at home; and no
 * grace period waits for who does not read.
 */
#include "tests/bus/fixture.h"

#include "bus/inbox.h"
#include "bus/rcu.h"
#include "bus/reaper.h"

#include <stdatomic.h>

struct thing {
	struct gyre__retired retired;
	pthread_t freed_by;
	atomic_bool is_freed;
};

static void
free_thing(struct gyre__retired *retired)
{
	struct thing *thing = (struct thing *)retired;

	CHECK(!atomic_load(&thing->is_freed));
	thing->freed_by = pthread_self();
	atomic_store(&thing->is_freed, true);
}

static bool
is_freed(struct thing *thing)
{
	return atomic_load(&thing->is_freed);
}

static struct gyre__reaper *reaper;

static int
set_up(void **state)
{
	bus_set_up(state);
	reaper = gyre__reaper_new(harness_sys());
	assert_non_null(reaper);
	assert_int_equal(gyre__reaper_start(reaper), 0);
	return 0;
}

static int
tear_down(void **state)
{
	gyre__reaper_stop(reaper);
	gyre__reaper_free(reaper);
	return bus_tear_down(state);
}

#define REAPER_TEST(name) \
	cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* Retire one and wait until it is freed: one grace period more. */
static void
retire_and_wait(void)
{
	uint64_t before = gyre__reaper_periods(reaper);
	struct thing thing = { 0 };

	gyre__reaper_retire(reaper, &thing.retired, NULL, free_thing);
	while (!is_freed(&thing) || gyre__reaper_periods(reaper) == before)
		sched_yield();
	assert_int_equal(gyre__reaper_periods(reaper), before + 1);
}

/* -- where ---------------------------------------------------------------- */

static void
what_is_retired_is_freed_at_home(void **state)
{
	struct stand_in home;
	struct thing thing = { 0 };

	(void)state;
	stand_in_open(&home);
	gyre__reaper_retire(reaper, &thing.retired, home.inbox, free_thing);
	while (gyre__reaper_periods(reaper) == 0)
		sched_yield();
	assert_false(is_freed(&thing));
	step(&home);
	assert_true(is_freed(&thing));
	assert_true(pthread_equal(thing.freed_by, pthread_self()));
	stand_in_close(&home);
	stand_in_free(&home);
}

static void
a_closing_home_frees_what_came(void **state)
{
	struct stand_in home;
	struct thing thing = { 0 };

	(void)state;
	stand_in_open(&home);
	gyre__reaper_retire(reaper, &thing.retired, home.inbox, free_thing);
	while (gyre__reaper_periods(reaper) == 0)
		sched_yield();
	stand_in_close(&home);
	assert_true(is_freed(&thing));
	stand_in_free(&home);
}

static void
a_closed_home_has_it_freed_elsewhere(void **state)
{
	struct stand_in home;
	struct thing thing = { 0 };

	(void)state;
	stand_in_open(&home);
	stand_in_close(&home);
	gyre__reaper_retire(reaper, &thing.retired, home.inbox, free_thing);
	stand_in_free(&home);
	while (!is_freed(&thing))
		sched_yield();
	assert_false(pthread_equal(thing.freed_by, pthread_self()));
}

/* -- when ----------------------------------------------------------------- */

static void
a_grace_period_waits_for_a_reader(void **state)
{
	struct thing thing = { 0 };
	bool entered = gyre__rcu_enter();

	(void)state;
	assert_true(entered);
	assert_false(gyre__rcu_enter());
	gyre__reaper_retire(reaper, &thing.retired, NULL, free_thing);
	for (unsigned i = 0; i < 1000; i++) {
		assert_false(is_freed(&thing));
		sched_yield();
	}
	gyre__rcu_leave(false);
	assert_false(is_freed(&thing));
	gyre__rcu_leave(entered);
	while (!is_freed(&thing))
		sched_yield();
}

static void
one_grace_period_serves_many(void **state)
{
	enum {
		COUNT = 100
	};
	static struct thing things[COUNT + 1];
	bool entered = gyre__rcu_enter();
	uint64_t periods;

	(void)state;
	memset(things, 0, sizeof(things));
	for (unsigned i = 0; i <= COUNT; i++)
		gyre__reaper_retire(reaper, &things[i].retired, NULL,
				    free_thing);
	gyre__rcu_leave(entered);
	for (unsigned i = 0; i <= COUNT; i++)
		while (!is_freed(&things[i]))
			sched_yield();
	/* The first may have gone alone. */
	gyre__reaper_stop(reaper);
	periods = gyre__reaper_periods(reaper);
	assert_in_range(periods, 1, 2);
}

/* -- for whom none waits -------------------------------------------------- */

enum rest {
	BLOCKED, /* a loop that sleeps */
	IDLE,    /* a pool's thread without a job */
	VISITOR, /* a thread that has read, and does something else */
	GONE
};

struct sleeper {
	enum rest rest;
	atomic_bool is_there;
	atomic_bool may_go;
};

static void
wait_to_go(struct sleeper *sleeper)
{
	atomic_store(&sleeper->is_there, true);
	while (!atomic_load(&sleeper->may_go))
		sched_yield();
}

static void *
rest(void *arg)
{
	struct sleeper *sleeper = arg;

	if (sleeper->rest == VISITOR || sleeper->rest == GONE) {
		gyre__rcu_leave(gyre__rcu_enter());
		if (sleeper->rest == VISITOR)
			wait_to_go(sleeper);
		return NULL;
	}
	gyre__rcu_register();
	gyre__rcu_offline();
	if (sleeper->rest == IDLE) /* between two jobs that read */
		gyre__rcu_leave(gyre__rcu_enter());
	wait_to_go(sleeper);
	gyre__rcu_online();
	gyre__rcu_unregister();
	return NULL;
}

static void
no_grace_period_waits_for_who_rests(void **state)
{
	(void)state;
	for (unsigned i = BLOCKED; i <= GONE; i++) {
		struct sleeper sleeper = { .rest = i };
		pthread_t thread;

		assert_int_equal(pthread_create(&thread, NULL, rest, &sleeper),
				 0);
		if (i == GONE)
			pthread_join(thread, NULL);
		else
			while (!atomic_load(&sleeper.is_there))
				sched_yield();
		retire_and_wait();
		retire_and_wait();
		atomic_store(&sleeper.may_go, true);
		if (i != GONE)
			pthread_join(thread, NULL);
	}
}

/* A visitor may run a loop, and be one again. */
static void *
visit_and_run(void *arg)
{
	for (unsigned i = 0; i < 3; i++) {
		gyre__rcu_leave(gyre__rcu_enter());
		gyre__rcu_register();
		CHECK(!gyre__rcu_enter());
		gyre__rcu_quiescent();
		gyre__rcu_offline();
		gyre__rcu_online();
		gyre__rcu_unregister();
		gyre__rcu_leave(gyre__rcu_enter());
		retire_and_wait();
	}
	return arg;
}

static void
a_visitor_may_run_a_loop(void **state)
{
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, visit_and_run, NULL), 0);
	pthread_join(thread, NULL);
	retire_and_wait();
}

/* -- life ----------------------------------------------------------------- */

static void
a_stop_finishes_what_there_is(void **state)
{
	struct thing thing = { 0 }, late = { 0 };

	(void)state;
	gyre__reaper_retire(reaper, &thing.retired, NULL, free_thing);
	gyre__reaper_stop(reaper);
	assert_true(is_freed(&thing));
	gyre__reaper_stop(reaper);
	gyre__reaper_retire(reaper, &late.retired, NULL, free_thing);
	assert_false(is_freed(&late));
	gyre__reaper_free(reaper);
	assert_true(is_freed(&late));
	reaper = gyre__reaper_new(harness_sys());
	assert_non_null(reaper);
}

static void
failure_to_make_one_is_reported(void **state)
{
	struct gyre__reaper *other;

	(void)state;
	for (unsigned nth = 1; nth <= 2; nth++) {
		harness_fail(FAULT_ALLOCATE, nth);
		assert_null(gyre__reaper_new(harness_sys()));
	}
	harness_fail(0, 0);
	other = gyre__reaper_new(harness_sys());
	assert_non_null(other);
	harness_fail(FAULT_THREAD, 1);
	assert_int_equal(gyre__reaper_start(other), -EAGAIN);
	gyre__reaper_stop(other);
	gyre__reaper_free(other);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		REAPER_TEST(what_is_retired_is_freed_at_home),
		REAPER_TEST(a_closing_home_frees_what_came),
		REAPER_TEST(a_closed_home_has_it_freed_elsewhere),
		REAPER_TEST(a_grace_period_waits_for_a_reader),
		REAPER_TEST(one_grace_period_serves_many),
		REAPER_TEST(no_grace_period_waits_for_who_rests),
		REAPER_TEST(a_visitor_may_run_a_loop),
		REAPER_TEST(a_stop_finishes_what_there_is),
		REAPER_TEST(failure_to_make_one_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
