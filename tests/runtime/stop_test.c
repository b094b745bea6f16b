/* Stopping, from each kind of caller and at each moment. */
#include "tests/runtime/fixture.h"

#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static void
stop_runtime(void *runtime)
{
	gyre_runtime_stop(runtime);
}

static void *
stop_from_thread(void *runtime)
{
	gyre_runtime_stop(runtime);
	return NULL;
}

static struct gyre_loop *
loop_of(const struct fixture *fixture, unsigned shard)
{
	return gyre_runtime_shard(fixture->runtime, shard)->loop;
}

static void
wait_and_end(struct fixture *fixture)
{
	assert_int_equal(gyre_runtime_wait(fixture->runtime), 0);
	fixture_end(fixture);
}

/* -- who stops ----------------------------------------------------------- */

static void
a_callback_stops_it(void **state)
{
	struct fixture fixture;

	(void)state;
	fixture_init(&fixture);
	fixture_start(&fixture, 3, 1);
	assert_int_equal(gyre_loop_add_callback(loop_of(&fixture, 1),
						stop_runtime, fixture.runtime),
			 0);
	wait_and_end(&fixture);
	for (unsigned i = 0; i < 3; i++)
		assert_string_equal(fixture.stories[i], "aA.");
}

static void
many_threads_stop_it_at_once(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 50; i++) {
		struct fixture fixture;
		pthread_t threads[4];

		fixture_init(&fixture);
		fixture_start(&fixture, 2, 1);
		for (unsigned j = 0; j < 4; j++)
			pthread_create(&threads[j], NULL, stop_from_thread,
				       fixture.runtime);
		assert_int_equal(gyre_runtime_wait(fixture.runtime), 0);
		for (unsigned j = 0; j < 4; j++)
			pthread_join(threads[j], NULL);
		gyre_runtime_stop(fixture.runtime);
		fixture_end(&fixture);
		assert_string_equal(fixture.stories[0], "aA.");
		assert_string_equal(fixture.stories[1], "aA.");
	}
}

static atomic_bool may_go_on;
static unsigned ran_before_the_stop;

static void
wait_to_go_on(void *arg)
{
	(void)arg;
	while (!atomic_load(&may_go_on))
		sched_yield();
}

static void
look_whether_stopped(void *story)
{
	ran_before_the_stop += strchr(story, 'A') == NULL;
}

static void
what_is_queued_runs_before_services_stop(void **state)
{
	struct fixture fixture;

	(void)state;
	fixture_init(&fixture);
	fixture_start(&fixture, 1, 1);
	atomic_store(&may_go_on, false);
	ran_before_the_stop = 0;
	assert_int_equal(gyre_loop_add_callback(loop_of(&fixture, 0),
						wait_to_go_on, NULL),
			 0);
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(gyre_loop_add_callback(loop_of(&fixture, 0),
							look_whether_stopped,
							fixture.stories[0]),
				 0);
	gyre_runtime_stop(fixture.runtime);
	atomic_store(&may_go_on, true);
	wait_and_end(&fixture);
	assert_int_equal(ran_before_the_stop, 1000);
	assert_string_equal(fixture.stories[0], "aA.");
}

/* The stopping thread may still be inside stop when wait has returned on
 * another; what it then touches must still be there. */
static void
free_may_follow_wait_at_once(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 200; i++) {
		struct fixture fixture;
		pthread_t thread;

		fixture_init(&fixture);
		fixture_start(&fixture, 3, 0);
		pthread_create(&thread, NULL, stop_from_thread,
			       fixture.runtime);
		assert_int_equal(gyre_runtime_wait(fixture.runtime), 0);
		gyre_runtime_free(fixture.runtime);
		fixture.runtime = NULL;
		pthread_join(thread, NULL);
		fixture_end(&fixture);
	}
}

static struct gyre_runtime *signalled;

static void
on_user_signal(int number)
{
	(void)number;
	gyre_runtime_stop(signalled);
}

static void
raise_here(void *arg)
{
	(void)arg;
	raise(SIGUSR1);
}

static void
a_signal_handler_stops_it(void **state)
{
	const struct sigaction action = { .sa_handler = on_user_signal };
	struct sigaction before;

	(void)state;
	sigaction(SIGUSR1, &action, &before);
	for (unsigned i = 0; i < 20; i++) {
		struct fixture fixture;

		fixture_init(&fixture);
		fixture_start(&fixture, 2, 1);
		signalled = fixture.runtime;
		/* on a loop's thread, in the midst of its work, or on ours */
		if (i % 2 == 0)
			assert_int_equal(
				gyre_loop_add_callback(loop_of(&fixture, 0),
						       raise_here, NULL),
				0);
		else
			raise(SIGUSR1);
		wait_and_end(&fixture);
		assert_string_equal(fixture.stories[1], "aA.");
	}
	sigaction(SIGUSR1, &before, NULL);
}

/* -- when ---------------------------------------------------------------- */

static void
a_stop_before_start_makes_start_refuse(void **state)
{
	struct fixture fixture;
	struct gyre_runtime_options options;

	(void)state;
	fixture_init(&fixture);
	options = fixture_options(&fixture, 2);
	assert_int_equal(fixture_new(&fixture, &options, 1), 0);
	gyre_runtime_stop(fixture.runtime);
	gyre_runtime_stop(fixture.runtime);
	assert_int_equal(gyre_runtime_start(fixture.runtime), -ESHUTDOWN);
	assert_int_equal(gyre_runtime_wait(fixture.runtime), -EINVAL);
	assert_null(loop_of(&fixture, 0));
	fixture_end(&fixture);
	assert_string_equal(fixture.stories[0], "");
}

static void
stop_now(struct fixture *fixture, const struct gyre_shard *shard)
{
	(void)fixture;
	gyre_runtime_stop(shard->runtime);
}

static void
a_service_may_stop_it_when_it_starts(void **state)
{
	struct fixture fixture;

	(void)state;
	fixture_init(&fixture);
	fixture.on_start = stop_now;
	fixture_start(&fixture, 3, 2);
	wait_and_end(&fixture);
	for (unsigned i = 0; i < 3; i++)
		assert_string_equal(fixture.stories[i], "abBA..");
}

static void *
stop_in_a_while(void *arg)
{
	struct fixture *fixture = arg;
	for (unsigned i = fixture->wait; i > 0; i--)
		sched_yield();
	gyre_runtime_stop(fixture->runtime);
	return NULL;
}

static void
a_stop_may_come_at_any_moment_of_start(void **state)
{
	unsigned refused = 0;

	(void)state;
	for (unsigned i = 0; i < 300; i++) {
		struct fixture fixture;
		struct gyre_runtime_options options;
		pthread_t thread;
		int result;

		fixture_init(&fixture);
		fixture.wait = i;
		options = fixture_options(&fixture, 3);
		assert_int_equal(fixture_new(&fixture, &options, 1), 0);
		pthread_create(&thread, NULL, stop_in_a_while, &fixture);
		result = gyre_runtime_start(fixture.runtime);
		if (result == 0)
			assert_int_equal(gyre_runtime_wait(fixture.runtime), 0);
		else
			assert_int_equal(result, -ESHUTDOWN);
		pthread_join(thread, NULL);
		fixture_end(&fixture);
		refused += result < 0;
		for (unsigned j = 0; j < 3; j++)
			assert_string_equal(fixture.stories[j],
					    result == 0 ? "aA." : "");
	}
	printf("%u of 300 starts refused\n", refused);
}

/* -- one shard alone ----------------------------------------------------- */

static void *
answer(void *arg)
{
	return arg;
}

static void
wait_until_closed(struct fixture *fixture, unsigned shard)
{
	struct gyre_bus *bus = gyre_runtime_bus(fixture->runtime);

	while (gyre_bus_call_wait(bus, shard, answer, NULL, GYRE_FOREVER,
				  NULL) != -ESHUTDOWN)
		sched_yield();
}

static void
a_shard_that_stops_by_itself_leaves_the_others(void **state)
{
	struct fixture fixture;
	void *value = NULL;

	(void)state;
	fixture_init(&fixture);
	fixture_start(&fixture, 3, 2);
	gyre_loop_stop(loop_of(&fixture, 0));
	wait_until_closed(&fixture, 0);
	for (unsigned i = 1; i < 3; i++) {
		assert_int_equal(
			gyre_bus_call_wait(gyre_runtime_bus(fixture.runtime), i,
					   answer, &fixture, GYRE_FOREVER,
					   &value),
			0);
		assert_ptr_equal(value, &fixture);
	}
	fixture_stop_and_end(&fixture);
	assert_string_equal(fixture.stories[0], "ab(B)(A)..");
	assert_string_equal(fixture.stories[1], "abBA..");
}

static void
wait_returns_when_all_have_stopped_by_themselves(void **state)
{
	struct fixture fixture;

	(void)state;
	fixture_init(&fixture);
	fixture_start(&fixture, 3, 1);
	for (unsigned i = 0; i < 3; i++)
		gyre_loop_stop(loop_of(&fixture, i));
	assert_int_equal(gyre_runtime_wait(fixture.runtime), 0);
	gyre_runtime_stop(fixture.runtime);
	fixture_end(&fixture);
}

/* -- stop signals -------------------------------------------------------- */

static atomic_uint handled;

static void
on_stop_signal(int number)
{
	(void)number;
	atomic_fetch_add(&handled, 1);
}

static struct sigaction actions_before[2];

static void
start_with_signals(struct fixture *fixture, unsigned loops)
{
	struct gyre_runtime_options options = fixture_options(fixture, loops);

	options.stop_signals = true;
	sigaction(SIGINT, NULL, &actions_before[0]);
	sigaction(SIGTERM, NULL, &actions_before[1]);
	assert_int_equal(fixture_new(fixture, &options, 1), 0);
	assert_int_equal(gyre_runtime_start(fixture->runtime), 0);
}

static void
end_by_signal(struct fixture *fixture, int number)
{
	struct sigaction now;

	assert_int_equal(kill(getpid(), number), 0);
	assert_int_equal(gyre_runtime_wait(fixture->runtime), 0);
	sigaction(SIGINT, NULL, &now);
	assert_ptr_equal(now.sa_handler, actions_before[0].sa_handler);
	sigaction(SIGTERM, NULL, &now);
	assert_ptr_equal(now.sa_handler, actions_before[1].sa_handler);
	fixture_end(fixture);
}

static void
stop_signals_stop_it_and_go_no_further(void **state)
{
	const struct sigaction action = { .sa_handler = on_stop_signal };
	const int numbers[] = { SIGINT, SIGTERM };

	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		struct fixture fixture;
		int number = numbers[i % 2];
		struct sigaction before;

		sigaction(number, &action, &before);
		fixture_init(&fixture);
		start_with_signals(&fixture, 1 + i % 4);
		end_by_signal(&fixture, number);
		sigaction(number, &before, NULL);
		assert_string_equal(fixture.stories[0], "aA.");
	}
	assert_int_equal(atomic_load(&handled), 0);
}

static void
stop_signals_are_heard_when_shard_0_has_ended(void **state)
{
	struct fixture fixture;

	(void)state;
	fixture_init(&fixture);
	start_with_signals(&fixture, 3);
	gyre_loop_stop(loop_of(&fixture, 0));
	wait_until_closed(&fixture, 0);
	gyre_loop_stop(loop_of(&fixture, 2));
	wait_until_closed(&fixture, 2);
	end_by_signal(&fixture, SIGINT);
}

static void
never(struct gyre_future *future, void *arg)
{
	(void)future;
	(void)arg;
	CHECK(!"reached");
}

/* The drain waits for it, until the deadline. */
static void
await_for_ever(struct fixture *fixture, const struct gyre_shard *shard)
{
	struct gyre_future *future = gyre_future_new(shard->loop);

	(void)fixture;
	CHECK(future != NULL);
	CHECK(gyre_loop_add_future(shard->loop, future, never, NULL) == 0);
	gyre_future_unref(future);
}

static void
the_second_stop_signal_brings_the_deadline(void **state)
{
	struct fixture fixture;

	(void)state;
	fixture_init(&fixture);
	fixture.on_start = await_for_ever;
	fixture.stop_timeout_ns = GYRE_FOREVER;
	start_with_signals(&fixture, 2);
	kill(getpid(), SIGTERM);
	end_by_signal(&fixture, SIGINT);
	assert_non_null(strstr(fixture.log,
			       "shard 1: the stop's deadline has come; left "
			       "are: 1 futures awaited"));
	assert_string_equal(fixture.stories[0], "aA.");
}

static void
be_stuck(void *arg)
{
	(void)arg;
	for (;;)
		pause();
}

/* What a child does that gets three: it is not heard of again. */
static void
live_until_the_third(void)
{
	struct fixture fixture;

	fixture_init(&fixture);
	fixture.stop_timeout_ns = GYRE_FOREVER;
	start_with_signals(&fixture, 2);
	CHECK(gyre_loop_add_callback(loop_of(&fixture, 0), be_stuck, NULL) ==
	      0);
	kill(getpid(), SIGTERM);
	kill(getpid(), SIGINT);
	kill(getpid(), SIGTERM);
}

static void
the_third_stop_signal_ends_the_process(void **state)
{
	int status = 0;
	pid_t child = fork();

	(void)state;
	if (child == 0) {
		live_until_the_third();
		_exit(1);
	}
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGTERM);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_callback_stops_it),
		cmocka_unit_test(many_threads_stop_it_at_once),
		cmocka_unit_test(what_is_queued_runs_before_services_stop),
		cmocka_unit_test(free_may_follow_wait_at_once),
		cmocka_unit_test(a_signal_handler_stops_it),
		cmocka_unit_test(a_stop_before_start_makes_start_refuse),
		cmocka_unit_test(a_service_may_stop_it_when_it_starts),
		cmocka_unit_test(a_stop_may_come_at_any_moment_of_start),
		cmocka_unit_test(
			a_shard_that_stops_by_itself_leaves_the_others),
		cmocka_unit_test(
			wait_returns_when_all_have_stopped_by_themselves),
		cmocka_unit_test(stop_signals_stop_it_and_go_no_further),
		cmocka_unit_test(stop_signals_are_heard_when_shard_0_has_ended),
		cmocka_unit_test(the_second_stop_signal_brings_the_deadline),
		cmocka_unit_test(the_third_stop_signal_ends_the_process),
	};

	alarm(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
