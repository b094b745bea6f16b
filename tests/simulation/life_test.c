/* How a simulated runtime begins and ends: as a real one, on this thread. */
#include <gyre/simulation.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#define LOOPS 3

static unsigned starts;
static unsigned stops;
static unsigned frees;
static unsigned failing; /* the start that fails; 0: none */
static char last_line[256];

static void
keep_line(enum gyre_log_level level, const char *line, void *arg)
{
	(void)level;
	(void)arg;
	strncpy(last_line, line, sizeof(last_line) - 1);
}

static int
start(const struct gyre_shard *shard, void *arg, void **ret_state)
{
	(void)arg;
	(void)ret_state;
	assert_ptr_equal(gyre_loop_current(false), shard->loop);
	return ++starts == failing ? -ENODEV : 0;
}

static void
stop(const struct gyre_shard *shard, void *state)
{
	(void)state;
	assert_ptr_equal(gyre_loop_current(false), shard->loop);
	stops++;
}

static void
free_state(void *state)
{
	(void)state;
	frees++;
}

static const struct gyre_service_ops service = {
	.name = "counted",
	.start = start,
	.stop = stop,
	.free = free_state,
};

static struct gyre_runtime *
new_runtime(uint64_t seed)
{
	const struct gyre_runtime_options options = {
		.loops = LOOPS,
		.simulate = seed,
		.log = { .fn = keep_line },
	};
	struct gyre_runtime *runtime;

	starts = stops = frees = failing = 0;
	assert_int_equal(gyre_runtime_new(&options, &runtime), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(
			gyre_runtime_add_service(runtime, &service, NULL), 0);
	return runtime;
}

static void
a_run_in_which_nothing_happens_is_ended(void **state)
{
	struct gyre_runtime *runtime = new_runtime(7);

	(void)state;
	assert_int_equal(gyre_runtime_start(runtime), 0);
	assert_int_equal(gyre_runtime_wait(runtime), -EDEADLK);
	assert_non_null(strstr(last_line, "seed 7"));
	assert_int_equal(starts, 2 * LOOPS);
	assert_int_equal(stops, 2 * LOOPS);
	assert_int_equal(frees, 2 * LOOPS);
	assert_null(gyre_loop_current(false));
	gyre_runtime_free(runtime);
}

static void
a_stop_between_start_and_wait_ends_it(void **state)
{
	struct gyre_runtime *runtime = new_runtime(7);

	(void)state;
	assert_int_equal(gyre_runtime_start(runtime), 0);
	gyre_runtime_stop(runtime);
	assert_int_equal(gyre_runtime_wait(runtime), 0);
	assert_int_equal(stops, 2 * LOOPS);
	gyre_runtime_free(runtime);
}

static void
it_may_be_run_and_runs_again(void **state)
{
	struct gyre_runtime *runtime = new_runtime(7);

	(void)state;
	for (unsigned life = 1; life <= 3; life++) {
		assert_int_equal(gyre_runtime_run(runtime), -EDEADLK);
		assert_int_equal(starts, 2 * LOOPS * life);
		assert_int_equal(frees, 2 * LOOPS * life);
		assert_null(gyre_loop_current(false));
	}
	gyre_runtime_free(runtime);
}

static void
a_stop_before_start_refuses_it(void **state)
{
	struct gyre_runtime *runtime = new_runtime(7);

	(void)state;
	gyre_runtime_stop(runtime);
	assert_int_equal(gyre_runtime_start(runtime), -ESHUTDOWN);
	assert_int_equal(starts, 0);
	gyre_runtime_free(runtime);
}

static void
a_service_that_fails_undoes_those_that_started(void **state)
{
	(void)state;
	for (unsigned n = 1; n <= 2 * LOOPS; n++) {
		struct gyre_runtime *runtime = new_runtime(n);

		failing = n;
		assert_int_equal(gyre_runtime_start(runtime), -ENODEV);
		assert_non_null(strstr(last_line, "counted did not start"));
		assert_int_equal(stops, n - 1);
		assert_int_equal(frees, n - 1);
		gyre_runtime_free(runtime);
	}
}

static void
a_machine_must_have_no_say(void **state)
{
	struct gyre_runtime_options options = {
		.simulate = 1,
		.log = { .fn = keep_line },
	};
	struct gyre_runtime *runtime;

	(void)state;
	assert_int_equal(gyre_runtime_new(&options, &runtime), -EINVAL);
	options.loops = LOOPS;
	options.stop_signals = true;
	assert_int_equal(gyre_runtime_new(&options, &runtime), -EINVAL);
}

static void
never_called(int fd, unsigned events, void *arg)
{
	(void)fd;
	(void)events;
	(void)arg;
}

static void
there_are_no_descriptors_and_no_pool(void **state)
{
	struct gyre_runtime *runtime = new_runtime(7);

	(void)state;
	assert_null(gyre_runtime_pool(runtime));
	assert_int_equal(gyre_runtime_start(runtime), 0);
	assert_int_equal(
		gyre_loop_add_handler(gyre_runtime_shard(runtime, 0)->loop, 0,
				      GYRE_READ, never_called, NULL),
		-ENOTSUP);
	gyre_runtime_stop(runtime);
	assert_int_equal(gyre_runtime_wait(runtime), 0);
	gyre_runtime_free(runtime);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_run_in_which_nothing_happens_is_ended),
		cmocka_unit_test(a_stop_between_start_and_wait_ends_it),
		cmocka_unit_test(it_may_be_run_and_runs_again),
		cmocka_unit_test(a_stop_before_start_refuses_it),
		cmocka_unit_test(
			a_service_that_fails_undoes_those_that_started),
		cmocka_unit_test(a_machine_must_have_no_say),
		cmocka_unit_test(there_are_no_descriptors_and_no_pool),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
