/*
 * A loop is stopped from elsewhere: another thread, a signal handler. L24; the
 * stop that meets a start is in many_threads_test.c.
 */
#include "tests/support/loop_fixture.h"

#include <signal.h>

/* -- from a thread -------------------------------------------------------- */

static void
stop_from_elsewhere(void *arg)
{
	(void)arg;
	gyre_loop_stop(the_loop);
}

static void
stop_twice_while_asleep(void)
{
	elsewhere(stop_from_elsewhere, NULL);
	elsewhere(stop_from_elsewhere, NULL);
}

/* L24 holds: stop() may be called on any thread and in a signal handler, at any
 * moment. It wakes a loop that sleeps, keeps one from sleeping that is about
 * to, and is not lost while start begins. */
static void
L24_stops_of_a_sleeping_loop_ring_once(void **state)
{
	(void)state;
	stage.on_wait = stop_twice_while_asleep;
	for (unsigned i = 1; i <= 3; i++) {
		run();
		assert_int_equal(stage.sleeps, i);
		assert_int_equal(fake_counts().writes, i);
	}
}

static void
stop_elsewhere(void *arg)
{
	elsewhere(stop_from_elsewhere, arg);
}

static void
L24_a_stop_from_elsewhere_keeps_an_awake_loop_from_sleeping(void **state)
{
	(void)state;
	stage.ready[3] = GYRE_READ;
	handle(3, GYRE_READ, trace_handler, "handler");
	add_callback(stop_elsewhere, NULL);
	run();
	assert_int_equal(stage.polls, 0);
	assert_int_equal(fake_counts().writes, 0);
}

static unsigned clock_reads;
static unsigned stop_at_read;

/* The first read is while start begins, the second at the first iteration's
 * timeouts, the third between the look at stop and the poll. */
static int64_t
stop_and_tell_time(void *arg)
{
	if (++clock_reads == stop_at_read)
		elsewhere(stop_from_elsewhere, arg);
	return stage_now(arg);
}

static void
run_and_stop_at(unsigned read)
{
	struct gyre_loop_options options = stage_options();

	close_and_free(the_loop);
	options.clock.now_ns = stop_and_tell_time;
	the_loop = new_loop(&options);
	call_at(GYRE_FOREVER - 1, stop_callback, NULL);
	clock_reads = 0;
	stop_at_read = read;
	run();
	assert_true(clock_reads >= read);
	assert_int_equal(stage.sleeps, 0);
}

static void
L24_a_stop_while_start_begins_is_kept(void **state)
{
	(void)state;
	run_and_stop_at(1);
	run_and_stop_at(2);
	assert_int_equal(stage.polls, 0);
}

static void
L24_a_stop_just_before_the_poll_is_not_slept_through(void **state)
{
	(void)state;
	run_and_stop_at(3);
	assert_int_equal(stage.polls, 1);
}

/* -- from a signal handler ------------------------------------------------- */

static void
stop_in_signal_handler(int signal)
{
	int before = errno;

	(void)signal;
	gyre_loop_stop(the_loop);
	CHECK(errno == before);
}

static pthread_t loop_thread;

/* The signal comes to this thread: nothing interrupts the poll. */
static void *
take_signal(void *arg)
{
	(void)arg;
	pthread_kill(pthread_self(), SIGUSR1);
	return NULL;
}

static void *
send_signal(void *arg)
{
	(void)arg;
	pthread_kill(loop_thread, SIGUSR1);
	return NULL;
}

static void *(*sender)(void *);
static pthread_t sender_thread;

static void
start_sender(void *arg)
{
	(void)arg;
	CHECK(pthread_create(&sender_thread, NULL, sender, NULL) == 0);
}

static void
stop_by_signal(void *(*function)(void *))
{
	struct sigaction action = { .sa_handler = stop_in_signal_handler };

	sigaction(SIGUSR1, &action, NULL);
	loop_thread = pthread_self();
	sender = function;
	for (int i = 0; i < 100; i++) {
		add_callback(start_sender, NULL);
		run();
		pthread_join(sender_thread, NULL);
	}
	signal(SIGUSR1, SIG_DFL);
}

static void
L24_a_signal_handler_on_another_thread_stops_it(void **state)
{
	(void)state;
	stop_by_signal(take_signal);
}

static void
L24_a_signal_handler_on_its_own_thread_stops_it(void **state)
{
	(void)state;
	stop_by_signal(send_signal);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STAGE_TEST(L24_stops_of_a_sleeping_loop_ring_once),
		STAGE_TEST(
			L24_a_stop_from_elsewhere_keeps_an_awake_loop_from_sleeping),
		STAGE_TEST(L24_a_stop_while_start_begins_is_kept),
		STAGE_TEST(
			L24_a_stop_just_before_the_poll_is_not_slept_through),
		REAL_TEST(L24_a_signal_handler_on_another_thread_stops_it),
		REAL_TEST(L24_a_signal_handler_on_its_own_thread_stops_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
