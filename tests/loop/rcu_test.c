/*
 * A running loop and RCU: it holds up no grace period, neither asleep nor
 * awake, and takes no part once it has returned.
 */
#include "tests/support/loop_fixture.h"

#include "bus/rcu.h"

#include <stdatomic.h>
#include <unistd.h>

/* On a thread that is no reader: it waits for those that are. */
static void *
wait_for_readers(void *arg)
{
	(void)arg;
	for (int i = 0; i < 20; i++)
		gyre__rcu_synchronize();
	gyre_loop_stop(the_loop);
	return NULL;
}

static void
run_while_another_waits(void)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, wait_for_readers, NULL),
			 0);
	run();
	pthread_join(thread, NULL);
}

/* If it did, this would never end. */
static void
a_sleeping_loop_holds_up_no_grace_period(void **state)
{
	(void)state;
	run_while_another_waits();
}

static void
add_again(void *arg)
{
	add_callback(add_again, arg);
}

static void
a_loop_that_never_sleeps_holds_up_none_either(void **state)
{
	(void)state;
	add_callback(add_again, NULL);
	run_while_another_waits();
}

static void
a_loop_that_returned_is_no_reader(void **state)
{
	(void)state;
	run_once();
	gyre__rcu_synchronize();
}

/* -- a reader ------------------------------------------------------------- */

static atomic_bool over;

static void *
wait_for_one(void *arg)
{
	gyre__rcu_synchronize();
	atomic_store(&over, true);
	return arg;
}

static pthread_t waiting;

/* While this runs no grace period ends, however long it takes. */
static void
expect_reader(void *arg)
{
	atomic_store(&over, false);
	CHECK(pthread_create(&waiting, NULL, wait_for_one, NULL) == 0);
	usleep(5000);
	assert_false(atomic_load(&over));
	stop_callback(arg);
}

static void
read_in_handler(int fd, unsigned events, void *arg)
{
	(void)events;
	gyre_loop_remove_handler(the_loop, fd);
	expect_reader(arg);
}

static void
run_and_join(void)
{
	run();
	pthread_join(waiting, NULL);
}

static void
callbacks_timeouts_and_handlers_are_readers(void **state)
{
	int fds[2];

	(void)state;
	make_pipe(fds);
	add_callback(expect_reader, NULL);
	run_and_join();
	call_later(GYRE_MS(1), expect_reader, NULL);
	run_and_join();
	handle(fds[1], GYRE_WRITE, read_in_handler, NULL);
	run_and_join();
	close(fds[0]);
	close(fds[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		REAL_TEST(a_sleeping_loop_holds_up_no_grace_period),
		REAL_TEST(a_loop_that_never_sleeps_holds_up_none_either),
		REAL_TEST(a_loop_that_returned_is_no_reader),
		REAL_TEST(callbacks_timeouts_and_handlers_are_readers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
