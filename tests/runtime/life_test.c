/* A runtime's life: what starts in which order, where, and what is left. */
#include "tests/runtime/fixture.h"

#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static void
services_start_in_order_and_stop_in_reverse(void **state)
{
	struct fixture fixture;

	(void)state;
	fixture_init(&fixture);
	fixture_start(&fixture, 3, 3);
	fixture_stop_and_end(&fixture);
	for (unsigned i = 0; i < 3; i++)
		assert_string_equal(fixture.stories[i], "abcCBA...");
	assert_int_equal(fixture.lines, 0);
}

static void
every_shard_has_a_named_thread_of_its_own(void **state)
{
	struct fixture fixture;

	(void)state;
	fixture_init(&fixture);
	fixture_start(&fixture, 3, 1);
	fixture_stop_and_end(&fixture);
	for (unsigned i = 0; i < 3; i++) {
		char name[16];

		snprintf(name, sizeof(name), "gyre-shard-%u", i);
		assert_string_equal(fixture.thread_names[i], name);
		for (unsigned j = 0; j < i; j++)
			assert_false(
				pthread_equal(fixture.records[0][i].thread,
					      fixture.records[0][j].thread));
	}
}

static void
the_table_of_shards_is_complete(void **state)
{
	struct fixture fixture;

	(void)state;
	fixture_init(&fixture);
	fixture_start(&fixture, 3, 0);
	assert_int_equal(gyre_runtime_shards(fixture.runtime), 3);
	assert_int_equal(gyre_bus_shards(gyre_runtime_bus(fixture.runtime)), 3);
	assert_null(gyre_runtime_shard(fixture.runtime, 3));
	for (unsigned i = 0; i < 3; i++) {
		const struct gyre_shard *shard =
			gyre_runtime_shard(fixture.runtime, i);

		assert_ptr_equal(shard->runtime, fixture.runtime);
		assert_int_equal(shard->index, i);
		assert_int_equal(shard->cpu, -1);
		assert_ptr_equal(
			gyre_bus_inbox(gyre_runtime_bus(fixture.runtime), i),
			gyre_loop_inbox(shard->loop));
	}
	fixture_stop_and_end(&fixture);
}

/* -- all loops before any service ---------------------------------------- */

static atomic_uint greetings;

static void
greet(void *arg)
{
	(void)arg;
	atomic_fetch_add(&greetings, 1);
}

static void
greet_all(struct fixture *fixture, const struct gyre_shard *shard)
{
	(void)fixture;
	for (unsigned i = 0; i < gyre_runtime_shards(shard->runtime); i++)
		CHECK(gyre_loop_add_callback(
			      gyre_runtime_shard(shard->runtime, i)->loop,
			      greet, NULL) == 0);
}

static void
every_loop_is_there_before_any_service_starts(void **state)
{
	struct fixture fixture;

	(void)state;
	fixture_init(&fixture);
	fixture.on_start = greet_all;
	atomic_store(&greetings, 0);
	fixture_start(&fixture, 4, 2);
	while (atomic_load(&greetings) < 4 * 4 * 2)
		sched_yield();
	fixture_stop_and_end(&fixture);
}

/* -- CPUs ---------------------------------------------------------------- */

static void
each_shard_runs_where_it_was_planned(void **state)
{
	struct fixture fixture;
	struct gyre_runtime_options options;
	cpu_set_t allowed;
	unsigned cpus[CPU_SETSIZE];
	unsigned count = 0;

	(void)state;
	fixture_init(&fixture);
	pthread_getaffinity_np(pthread_self(), sizeof(allowed), &allowed);
	for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &allowed))
			cpus[count++] = cpu;
	options = fixture_options(&fixture, SHARDS_MAX);
	options.pin = GYRE_PIN_LIST;
	options.cpus = cpus;
	options.cpus_count = count;
	assert_int_equal(fixture_new(&fixture, &options, 1), 0);
	assert_int_equal(gyre_runtime_start(fixture.runtime), 0);
	for (unsigned i = 0; i < SHARDS_MAX; i++) {
		const struct gyre_shard *shard =
			gyre_runtime_shard(fixture.runtime, i);

		assert_int_equal(shard->cpu, cpus[i % count]);
		assert_int_equal(CPU_COUNT(&fixture.cpus[i]), 1);
		assert_true(CPU_ISSET(shard->cpu, &fixture.cpus[i]));
	}
	fixture_stop_and_end(&fixture);
}

static void
auto_pins_each_to_a_cpu_of_its_own_if_it_can(void **state)
{
	struct fixture fixture;
	struct gyre_runtime_options options;

	(void)state;
	fixture_init(&fixture);
	options = fixture_options(&fixture, 0);
	options.pin = GYRE_PIN_AUTO;
	assert_int_equal(fixture_new(&fixture, &options, 1), 0);
	assert_int_equal(gyre_runtime_start(fixture.runtime), 0);
	for (unsigned i = 0; i < gyre_runtime_shards(fixture.runtime); i++) {
		int cpu = gyre_runtime_shard(fixture.runtime, i)->cpu;

		assert_true(cpu >= 0);
		for (unsigned j = 0; j < i; j++)
			assert_int_not_equal(
				cpu,
				gyre_runtime_shard(fixture.runtime, j)->cpu);
		if (i < SHARDS_MAX)
			assert_true(CPU_ISSET(cpu, &fixture.cpus[i]));
	}
	fixture_stop_and_end(&fixture);
}

static void
without_a_pin_a_shard_runs_where_its_starter_may(void **state)
{
	struct fixture fixture;
	cpu_set_t allowed;

	(void)state;
	fixture_init(&fixture);
	pthread_getaffinity_np(pthread_self(), sizeof(allowed), &allowed);
	fixture_start(&fixture, 2, 1);
	assert_true(CPU_EQUAL(&allowed, &fixture.cpus[1]));
	fixture_stop_and_end(&fixture);
}

static int
refuse_affinity(pthread_t thread, size_t size, const cpu_set_t *set)
{
	(void)thread;
	(void)size;
	(void)set;
	return EINVAL;
}

static void
a_pin_that_is_refused_is_a_warning(void **state)
{
	struct fixture fixture;
	struct gyre_runtime_options options;
	struct gyre_sys sys = *harness_sys();
	const unsigned cpus[] = { 0 };

	(void)state;
	fixture_init(&fixture);
	options = fixture_options(&fixture, 1);
	options.pin = GYRE_PIN_LIST;
	options.cpus = cpus;
	options.cpus_count = 1;
	sys.setaffinity = refuse_affinity;
	options._sys = &sys;
	assert_int_equal(fixture_new(&fixture, &options, 1), 0);
	assert_int_equal(gyre_runtime_shard(fixture.runtime, 0)->cpu, 0);
	assert_int_equal(gyre_runtime_start(fixture.runtime), 0);
	assert_int_equal(gyre_runtime_shard(fixture.runtime, 0)->cpu, -1);
	fixture_stop_and_end(&fixture);
	assert_int_equal(fixture.lines, 1);
	assert_string_equal(fixture.line,
			    "shard 0: not pinned to CPU 0: EINVAL");
}

/* -- the shared pool ----------------------------------------------------- */

static cpu_set_t job_cpus;
static char job_thread[16];
static atomic_uint answers;

static void *
look_around(void *arg)
{
	pthread_getaffinity_np(pthread_self(), sizeof(job_cpus), &job_cpus);
	pthread_getname_np(pthread_self(), job_thread, sizeof(job_thread));
	return arg;
}

static void
on_answer(struct gyre_future *future, void *arg)
{
	void *value = NULL;

	CHECK(gyre_future_result(future, &value) == 0);
	CHECK(value == arg);
	atomic_fetch_add(&answers, 1);
}

static void
ask_pool(struct fixture *fixture, const struct gyre_shard *shard)
{
	struct gyre_future *future = gyre_loop_run_in_executor(
		shard->loop, NULL, look_around, fixture);

	CHECK(future != NULL);
	CHECK(gyre_loop_add_future(shard->loop, future, on_answer, fixture) ==
	      0);
	gyre_future_unref(future);
}

static void
jobs_run_on_one_pool_and_its_makers_cpus(void **state)
{
	struct fixture fixture;
	struct gyre_runtime_options options;
	cpu_set_t allowed;

	(void)state;
	fixture_init(&fixture);
	pthread_getaffinity_np(pthread_self(), sizeof(allowed), &allowed);
	options = fixture_options(&fixture, 0);
	options.pin = GYRE_PIN_AUTO;
	options.pool_threads_max = 1;
	fixture.on_start = ask_pool;
	atomic_store(&answers, 0);
	assert_int_equal(fixture_new(&fixture, &options, 1), 0);
	assert_int_equal(gyre_runtime_start(fixture.runtime), 0);
	while (atomic_load(&answers) < gyre_runtime_shards(fixture.runtime))
		sched_yield();
	fixture_stop_and_end(&fixture);
	assert_true(CPU_EQUAL(&job_cpus, &allowed));
	assert_string_equal(job_thread, "gyre-pool-0");
}

static void
jobs_leave_the_cpu_of_a_pinned_loop_to_it(void **state)
{
	struct fixture fixture;
	struct gyre_runtime_options options;
	cpu_set_t expected;

	(void)state;
	fixture_init(&fixture);
	pthread_getaffinity_np(pthread_self(), sizeof(expected), &expected);
	options = fixture_options(&fixture, 1);
	options.pin = GYRE_PIN_AUTO;
	fixture.on_start = ask_pool;
	atomic_store(&answers, 0);
	assert_int_equal(fixture_new(&fixture, &options, 1), 0);
	assert_int_equal(gyre_runtime_start(fixture.runtime), 0);
	while (atomic_load(&answers) < 1)
		sched_yield();
	assert_non_null(gyre_runtime_pool(fixture.runtime));
	if (CPU_COUNT(&expected) > 1)
		CPU_CLR(gyre_runtime_shard(fixture.runtime, 0)->cpu, &expected);
	fixture_stop_and_end(&fixture);
	assert_true(CPU_EQUAL(&job_cpus, &expected));
}

static atomic_bool job_began;
static atomic_bool job_ended;

static void *
take_long(void *arg)
{
	atomic_store(&job_began, true);
	usleep(50000);
	atomic_store(&job_ended, true);
	return arg;
}

static void
ask_for_long(struct fixture *fixture, const struct gyre_shard *shard)
{
	(void)fixture;
	gyre_future_unref(
		gyre_loop_run_in_executor(shard->loop, NULL, take_long, NULL));
}

static void
wait_waits_for_jobs_that_run(void **state)
{
	struct fixture fixture;

	(void)state;
	fixture_init(&fixture);
	fixture.on_start = ask_for_long;
	fixture_start(&fixture, 1, 1);
	while (!atomic_load(&job_began))
		sched_yield();
	gyre_runtime_stop(fixture.runtime);
	assert_int_equal(gyre_runtime_wait(fixture.runtime), 0);
	assert_true(atomic_load(&job_ended));
	fixture_end(&fixture);
}

/* -- misuse -------------------------------------------------------------- */

static void
what_comes_at_the_wrong_time_is_refused(void **state)
{
	static const struct gyre_service_ops late = {
		.name = "late",
		.start = (int (*)(const struct gyre_shard *, void *, void **))(
			uintptr_t)1,
	};
	struct fixture fixture;
	struct gyre_runtime_options options;

	(void)state;
	fixture_init(&fixture);
	options = fixture_options(&fixture, 1);
	assert_int_equal(fixture_new(&fixture, &options, 0), 0);
	assert_int_equal(gyre_runtime_wait(fixture.runtime), -EINVAL);
	assert_int_equal(gyre_runtime_start(fixture.runtime), 0);
	assert_int_equal(gyre_runtime_start(fixture.runtime), -EALREADY);
	assert_int_equal(gyre_runtime_add_service(fixture.runtime, &late, NULL),
			 -EBUSY);
	gyre_runtime_stop(fixture.runtime);
	assert_int_equal(gyre_runtime_wait(fixture.runtime), 0);
	assert_int_equal(gyre_runtime_wait(fixture.runtime), -EINVAL);
	gyre_runtime_stop(fixture.runtime);
	fixture_end(&fixture);
}

static void *
wait_elsewhere(void *runtime)
{
	gyre_runtime_wait(runtime);
	return NULL;
}

static void
wait_on_another_thread_aborts(void **state)
{
	int status;
	pid_t child = fork();

	(void)state;
	assert_true(child >= 0);
	if (child == 0) {
		struct gyre_runtime *runtime;
		pthread_t thread;

		if (gyre_runtime_new(NULL, &runtime) < 0 ||
		    gyre_runtime_start(runtime) < 0)
			_exit(1);
		pthread_create(&thread, NULL, wait_elsewhere, runtime);
		pthread_join(thread, NULL);
		_exit(2);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
}

static void
a_runtime_may_be_freed_without_a_start(void **state)
{
	struct fixture fixture;
	struct gyre_runtime_options options;

	(void)state;
	gyre_runtime_free(NULL);
	fixture_init(&fixture);
	options = fixture_options(&fixture, 2);
	assert_int_equal(fixture_new(&fixture, &options, 3), 0);
	fixture_end(&fixture);
}

static void
a_fork_may_do_nothing_with_it(void **state)
{
	struct fixture fixture;
	int status;
	pid_t child;

	(void)state;
	fixture_init(&fixture);
	fixture_start(&fixture, 2, 1);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		bool right = gyre_runtime_start(fixture.runtime) == -EPERM &&
			     gyre_runtime_wait(fixture.runtime) == -EPERM;

		gyre_runtime_stop(fixture.runtime);
		gyre_runtime_free(fixture.runtime);
		_exit(right ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	fixture_stop_and_end(&fixture);
}

static void
defaults_suffice(void **state)
{
	struct gyre_runtime *runtime = NULL;

	(void)state;
	assert_int_equal(gyre_runtime_new(NULL, &runtime), 0);
	assert_int_equal(gyre_runtime_start(runtime), 0);
	gyre_runtime_stop(runtime);
	assert_int_equal(gyre_runtime_wait(runtime), 0);
	gyre_runtime_free(runtime);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wait_on_another_thread_aborts),
		cmocka_unit_test(services_start_in_order_and_stop_in_reverse),
		cmocka_unit_test(every_shard_has_a_named_thread_of_its_own),
		cmocka_unit_test(the_table_of_shards_is_complete),
		cmocka_unit_test(every_loop_is_there_before_any_service_starts),
		cmocka_unit_test(each_shard_runs_where_it_was_planned),
		cmocka_unit_test(auto_pins_each_to_a_cpu_of_its_own_if_it_can),
		cmocka_unit_test(
			without_a_pin_a_shard_runs_where_its_starter_may),
		cmocka_unit_test(a_pin_that_is_refused_is_a_warning),
		cmocka_unit_test(jobs_run_on_one_pool_and_its_makers_cpus),
		cmocka_unit_test(jobs_leave_the_cpu_of_a_pinned_loop_to_it),
		cmocka_unit_test(wait_waits_for_jobs_that_run),
		cmocka_unit_test(what_comes_at_the_wrong_time_is_refused),
		cmocka_unit_test(a_runtime_may_be_freed_without_a_start),
		cmocka_unit_test(a_fork_may_do_nothing_with_it),
		cmocka_unit_test(defaults_suffice),
	};

	alarm(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
