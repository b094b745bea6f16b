/* Latches: open for good, for all who wait, whoever is first. */
#include "tests/bus/fixture.h"

#include "bus/latch.h"

static struct gyre__latch *latch;

static int
set_up(void **state)
{
	bus_set_up(state);
	latch = gyre__latch_new(harness_sys());
	assert_non_null(latch);
	return 0;
}

static int
tear_down(void **state)
{
	gyre__latch_free(latch);
	return bus_tear_down(state);
}

static int64_t
in_ms(int64_t ms)
{
	return gyre__now_ns(&gyre__sys_default) + GYRE_MS(ms);
}

static void
an_open_one_lets_everybody_through(void **state)
{
	(void)state;
	gyre__latch_open(latch);
	assert_int_equal(gyre__latch_wait(latch, INT64_MAX), 0);
	/* That it is open counts more than being late. */
	assert_int_equal(gyre__latch_wait(latch, 0), 0);
	assert_int_equal(gyre__latch_wait(latch, INT64_MIN), 0);
}

static void
a_shut_one_holds_until_the_deadline(void **state)
{
	int64_t deadline_ns = in_ms(2);

	(void)state;
	assert_int_equal(gyre__latch_wait(latch, deadline_ns), -ETIMEDOUT);
	assert_true(gyre__now_ns(&gyre__sys_default) >= deadline_ns);
	assert_int_equal(gyre__latch_wait(latch, 0), -ETIMEDOUT);
	assert_int_equal(gyre__latch_wait(latch, INT64_MIN), -ETIMEDOUT);
	/* Who gave up may come again. */
	gyre__latch_open(latch);
	assert_int_equal(gyre__latch_wait(latch, 0), 0);
}

static void *
wait_for_ever(void *arg)
{
	(void)arg;
	CHECK(gyre__latch_wait(latch, INT64_MAX) == 0);
	return NULL;
}

/* The last sleep makes it likely that all of them block. */
static void
all_who_wait_are_let_through(void **state)
{
	pthread_t threads[3];

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, wait_for_ever, NULL),
			0);
	assert_int_equal(gyre__latch_wait(latch, in_ms(5)), -ETIMEDOUT);
	gyre__latch_open(latch);
	for (unsigned i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
}

static void *
open_latch(void *other)
{
	gyre__latch_open(other);
	return NULL;
}

/* At every moment from before the wait to after its deadline. */
static void
an_opening_meets_a_deadline(void **state)
{
	(void)state;
	for (unsigned i = 0; i < harness_scaled(500); i++) {
		struct gyre__latch *other = gyre__latch_new(harness_sys());
		pthread_t thread;
		int result;

		assert_non_null(other);
		assert_int_equal(
			pthread_create(&thread, NULL, open_latch, other), 0);
		result = gyre__latch_wait(
			other, gyre__now_ns(&gyre__sys_default) + i * 100);
		assert_true(result == 0 || result == -ETIMEDOUT);
		pthread_join(thread, NULL);
		gyre__latch_free(other);
	}
}

static void
no_memory_no_latch(void **state)
{
	(void)state;
	harness_fail(FAULT_ALLOCATE, 1);
	assert_null(gyre__latch_new(harness_sys()));
	gyre__latch_free(NULL);
}

#define LATCH_TEST(name) \
	cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		LATCH_TEST(an_open_one_lets_everybody_through),
		LATCH_TEST(a_shut_one_holds_until_the_deadline),
		LATCH_TEST(all_who_wait_are_let_through),
		LATCH_TEST(an_opening_meets_a_deadline),
		LATCH_TEST(no_memory_no_latch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
