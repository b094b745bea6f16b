/* The RCU seam: a thread comes, reports, sleeps offline, and goes. What it is
 * for shows in the tests of those who use it. */
#include "tests/bus/fixture.h"

#include "bus/rcu.h"

static void
take_part(void)
{
	gyre__rcu_register();
	for (unsigned i = 0; i < 3; i++) {
		gyre__rcu_quiescent();
		gyre__rcu_offline();
		gyre__rcu_online();
	}
	gyre__rcu_unregister();
}

static void
a_thread_takes_part_and_leaves(void **state)
{
	(void)state;
	take_part();
	take_part();
}

static void *
take_part_elsewhere(void *arg)
{
	take_part();
	return arg;
}

static void
threads_take_part_side_by_side(void **state)
{
	pthread_t threads[4];

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL,
						take_part_elsewhere, NULL),
				 0);
	take_part();
	for (unsigned i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BUS_TEST(a_thread_takes_part_and_leaves),
		BUS_TEST(threads_take_part_side_by_side),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
