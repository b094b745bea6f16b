/* The RCU seam: a thread comes, reports, sleeps offline, and goes; and who
 * waits for a grace period waits for it while it reads. */
#include "tests/bus/fixture.h"

#include "bus/rcu.h"

#include <stdatomic.h>

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

/* Who frees, after a grace period, what a reader may have reached. Without the
 * seam's edges ThreadSanitizer would call that a race. */
struct writer {
	pthread_t thread;
	int *old;
	atomic_bool is_waiting;
	atomic_bool is_over;
};

static void *
retire(void *arg)
{
	struct writer *writer = arg;

	atomic_store(&writer->is_waiting, true);
	gyre__rcu_synchronize();
	*writer->old = -1;
	free(writer->old);
	atomic_store(&writer->is_over, true);
	return NULL;
}

static void
start_writer(struct writer *writer)
{
	*writer = (struct writer){ .old = malloc(sizeof(int)) };
	assert_non_null(writer->old);
	*writer->old = 7;
	assert_int_equal(pthread_create(&writer->thread, NULL, retire, writer),
			 0);
	while (!atomic_load(&writer->is_waiting))
		sched_yield();
}

static void
a_grace_period_waits_for_a_reader(void **state)
{
	struct writer writer;

	(void)state;
	gyre__rcu_register();
	start_writer(&writer);
	for (unsigned i = 0; i < 1000; i++) {
		assert_int_equal(*writer.old, 7);
		sched_yield();
	}
	assert_false(atomic_load(&writer.is_over));
	while (!atomic_load(&writer.is_over))
		gyre__rcu_quiescent();
	pthread_join(writer.thread, NULL);
	gyre__rcu_unregister();
}

static void
a_grace_period_does_not_wait_for_who_is_offline(void **state)
{
	struct writer writer;

	(void)state;
	gyre__rcu_register();
	gyre__rcu_offline();
	start_writer(&writer);
	pthread_join(writer.thread, NULL);
	gyre__rcu_online();
	gyre__rcu_unregister();
	start_writer(&writer);
	pthread_join(writer.thread, NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BUS_TEST(a_thread_takes_part_and_leaves),
		BUS_TEST(threads_take_part_side_by_side),
		BUS_TEST(a_grace_period_waits_for_a_reader),
		BUS_TEST(a_grace_period_does_not_wait_for_who_is_offline),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
