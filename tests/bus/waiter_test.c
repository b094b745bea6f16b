/* Waiters: whoever gives up last lets go of the memory. */
#include "tests/bus/fixture.h"

#include "bus/waiter.h"

static int64_t
in_ms(int64_t ms)
{
	return gyre__now_ns(&gyre__sys_default) + GYRE_MS(ms);
}

static struct gyre__waiter *
new_waiter(void)
{
	struct gyre__waiter *waiter = gyre__waiter_new(harness_sys());

	assert_non_null(waiter);
	return waiter;
}

static void
one_woken_before_does_not_wait(void **state)
{
	struct gyre__waiter *waiter = new_waiter();

	(void)state;
	gyre__waiter_wake(waiter);
	assert_int_equal(gyre__waiter_wait(waiter, INT64_MAX), 0);
}

/* Being woken counts more than being late. */
static void
one_woken_before_is_never_late(void **state)
{
	struct gyre__waiter *waiter = new_waiter();

	(void)state;
	gyre__waiter_wake(waiter);
	assert_int_equal(gyre__waiter_wait(waiter, 0), 0);
}

static void
one_that_gave_up_may_be_woken(void **state)
{
	struct gyre__waiter *waiter = new_waiter();

	(void)state;
	assert_int_equal(gyre__waiter_wait(waiter, in_ms(2)), -ETIMEDOUT);
	gyre__waiter_wake(waiter);
}

static void
one_that_nobody_waits_for_is_let_go(void **state)
{
	struct gyre__waiter *waiter = new_waiter();

	(void)state;
	gyre__waiter_unref(waiter);
	gyre__waiter_unref(waiter);
}

static void *
wake(void *waiter)
{
	gyre__waiter_wake(waiter);
	return NULL;
}

/* At every moment from before the wait to after its deadline. */
static void
a_wake_meets_a_deadline(void **state)
{
	(void)state;
	for (unsigned i = 0; i < harness_scaled(500); i++) {
		struct gyre__waiter *waiter = new_waiter();
		pthread_t thread;
		int result;

		assert_int_equal(pthread_create(&thread, NULL, wake, waiter),
				 0);
		result = gyre__waiter_wait(
			waiter, gyre__now_ns(&gyre__sys_default) + i * 100);
		assert_true(result == 0 || result == -ETIMEDOUT);
		pthread_join(thread, NULL);
	}
}

static void
no_memory_no_waiter(void **state)
{
	(void)state;
	harness_fail(FAULT_ALLOCATE, 1);
	assert_null(gyre__waiter_new(harness_sys()));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BUS_TEST(one_woken_before_does_not_wait),
		BUS_TEST(one_woken_before_is_never_late),
		BUS_TEST(one_that_gave_up_may_be_woken),
		BUS_TEST(one_that_nobody_waits_for_is_let_go),
		BUS_TEST(a_wake_meets_a_deadline),
		BUS_TEST(no_memory_no_waiter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
