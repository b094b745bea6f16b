/* Pausing: nothing runs meanwhile, and all goes on afterwards. */
#include "tests/runtime/fixture.h"

#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define SHARDS 3

/* Plain numbers, each of one thread at a time: ThreadSanitizer sees whether the
 * pause is one. */
static struct {
	struct gyre_loop *loop;
	unsigned long run;
	unsigned long jobs;
} shards[SHARDS];

static atomic_bool is_over;

static void
run_on(void *arg)
{
	unsigned shard = (unsigned)(uintptr_t)arg;

	shards[shard].run++;
	if (!atomic_load(&is_over))
		CHECK(gyre_loop_add_callback(shards[shard].loop, run_on, arg) ==
		      0);
}

static void *
work(void *arg)
{
	shards[(uintptr_t)arg].jobs++;
	return arg;
}

/* One job of a shard at a time. */
static void
work_again(struct gyre_future *future, void *arg)
{
	struct gyre_loop *loop = shards[(uintptr_t)arg].loop;

	if (future != NULL)
		CHECK(gyre_future_result(future, NULL) == 0);
	if (atomic_load(&is_over))
		return;
	future = gyre_loop_run_in_executor(loop, NULL, work, arg);
	CHECK(future != NULL);
	CHECK(gyre_loop_add_future(loop, future, work_again, arg) == 0);
	gyre_future_unref(future);
}

static void
keep_busy(struct fixture *fixture, const struct gyre_shard *shard)
{
	void *index = (void *)(uintptr_t)shard->index;

	(void)fixture;
	shards[shard->index].loop = shard->loop;
	shards[shard->index].run = 0;
	shards[shard->index].jobs = 0;
	run_on(index);
	work_again(NULL, index);
}

static void
begin(struct fixture *fixture)
{
	atomic_store(&is_over, false);
	fixture_init(fixture);
	fixture->on_start = keep_busy;
	fixture_start(fixture, SHARDS, 1);
}

static void
end(struct fixture *fixture)
{
	atomic_store(&is_over, true);
	fixture_stop_and_end(fixture);
}

static unsigned long
sum(void)
{
	unsigned long all = 0;

	for (unsigned i = 0; i < SHARDS; i++)
		all += shards[i].run + shards[i].jobs;
	return all;
}

static void
look_twice(void *arg)
{
	unsigned long *last = arg;
	unsigned long now = sum();

	usleep(2000);
	assert_int_equal(sum(), now);
	assert_true(now >= *last);
	*last = now;
}

static void
nothing_runs_in_a_pause(void **state)
{
	struct fixture fixture;
	unsigned long last = 0;

	(void)state;
	begin(&fixture);
	for (unsigned i = 0; i < harness_scaled(100); i++)
		assert_int_equal(gyre_runtime_pause(fixture.runtime, look_twice,
						    &last, GYRE_FOREVER),
				 0);
	end(&fixture);
	assert_true(sum() > last);
	assert_int_equal(fixture.lines, 0);
}

static unsigned alone;

static void
be_alone(void *arg)
{
	(void)arg;
	alone++;
}

static void *
pause_often(void *arg)
{
	struct fixture *fixture = arg;
	int result;

	do {
		result = gyre_runtime_pause(fixture->runtime, be_alone, NULL,
					    GYRE_FOREVER);
	} while (result == 0);
	CHECK(result == -EINVAL);
	return NULL;
}

/* They go on until the runtime has stopped, which they do not keep from it. */
static void
pausers_take_turns_and_a_stop_comes_between(void **state)
{
	(void)state;
	for (unsigned i = 0; i < harness_scaled(50); i++) {
		struct fixture fixture;
		pthread_t threads[3];

		begin(&fixture);
		for (unsigned j = 0; j < 3; j++)
			pthread_create(&threads[j], NULL, pause_often,
				       &fixture);
		usleep(1000 * (i % 4));
		atomic_store(&is_over, true);
		gyre_runtime_stop(fixture.runtime);
		assert_int_equal(gyre_runtime_wait(fixture.runtime), 0);
		for (unsigned j = 0; j < 3; j++)
			pthread_join(threads[j], NULL);
		fixture_end(&fixture);
		assert_string_equal(fixture.stories[1], "aA.");
	}
	assert_true(alone > 0);
}

/* -- the deadline -------------------------------------------------------- */

static atomic_bool is_stuck;
static atomic_bool may_go_on;

static void
be_stuck(void *arg)
{
	(void)arg;
	atomic_store(&is_stuck, true);
	while (!atomic_load(&may_go_on))
		sched_yield();
}

static void *
work_long(void *arg)
{
	be_stuck(NULL);
	return arg;
}

static void
never(void *arg)
{
	(void)arg;
	fail_msg("something has not halted");
}

static int64_t
after(int64_t ns)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * GYRE_SECONDS(1) + now.tv_nsec + ns;
}

static void
await_stuck(void)
{
	while (!atomic_load(&is_stuck))
		sched_yield();
}

static void
pause_in_vain_and_then_not(struct fixture *fixture, const char *line)
{
	unsigned before = alone;
	int64_t timeout_ns = GYRE_MS(10);

	await_stuck();
	/* The others need their time, too. */
	do {
		timeout_ns *= 2;
		fixture->lines = 0;
		assert_int_equal(gyre_runtime_pause(fixture->runtime, never,
						    NULL, after(timeout_ns)),
				 -ETIMEDOUT);
		assert_non_null(strstr(fixture->log, line));
	} while (fixture->lines > 1 && timeout_ns < GYRE_SECONDS(10));
	assert_int_equal(fixture->lines, 1);
	atomic_store(&may_go_on, true);
	assert_int_equal(gyre_runtime_pause(fixture->runtime, be_alone, NULL,
					    GYRE_FOREVER),
			 0);
	assert_int_equal(alone, before + 1);
}

static void
a_shard_that_does_not_halt_is_named(void **state)
{
	struct fixture fixture;

	(void)state;
	atomic_store(&is_stuck, false);
	atomic_store(&may_go_on, false);
	begin(&fixture);
	assert_int_equal(gyre_loop_add_callback(shards[1].loop, be_stuck, NULL),
			 0);
	pause_in_vain_and_then_not(&fixture,
				   "pause: shard 1 has not come to a halt");
	end(&fixture);
}

static void
start_long_job(void *loop)
{
	gyre_future_unref(
		gyre_loop_run_in_executor(loop, NULL, work_long, NULL));
}

static void
a_job_that_does_not_halt_is_named(void **state)
{
	struct fixture fixture;

	(void)state;
	atomic_store(&is_stuck, false);
	atomic_store(&may_go_on, false);
	fixture_init(&fixture);
	fixture_start(&fixture, 2, 1);
	assert_int_equal(gyre_loop_add_callback(
				 gyre_runtime_shard(fixture.runtime, 0)->loop,
				 start_long_job,
				 gyre_runtime_shard(fixture.runtime, 0)->loop),
			 0);
	pause_in_vain_and_then_not(&fixture, "has not returned on gyre-pool-");
	fixture_stop_and_end(&fixture);
}

/* -- who may not --------------------------------------------------------- */

static int answers[2];

static void
pause_on_the_loop(void *runtime)
{
	answers[0] = gyre_runtime_pause(runtime, never, NULL, GYRE_FOREVER);
}

static void *
pause_in_a_job(void *runtime)
{
	answers[1] = gyre_runtime_pause(runtime, never, NULL, GYRE_FOREVER);
	return NULL;
}

static void
ask_from_inside(struct fixture *fixture, const struct gyre_shard *shard)
{
	(void)fixture;
	CHECK(gyre_loop_add_callback(shard->loop, pause_on_the_loop,
				     shard->runtime) == 0);
	gyre_future_unref(gyre_loop_run_in_executor(
		shard->loop, NULL, pause_in_a_job, shard->runtime));
}

static void
who_would_wait_for_itself_is_refused(void **state)
{
	struct fixture fixture;

	(void)state;
	fixture_init(&fixture);
	fixture.on_start = ask_from_inside;
	fixture_start(&fixture, 1, 1);
	fixture_stop_and_end(&fixture);
	assert_int_equal(answers[0], -EDEADLK);
	assert_int_equal(answers[1], -EDEADLK);
}

static void
what_does_not_run_is_not_paused(void **state)
{
	struct fixture fixture;
	struct gyre_runtime_options options;
	struct gyre_runtime *simulated;

	(void)state;
	fixture_init(&fixture);
	options = fixture_options(&fixture, 1);
	assert_int_equal(fixture_new(&fixture, &options, 1), 0);
	assert_int_equal(
		gyre_runtime_pause(fixture.runtime, never, NULL, GYRE_FOREVER),
		-EINVAL);
	assert_int_equal(gyre_runtime_start(fixture.runtime), 0);
	gyre_runtime_stop(fixture.runtime);
	assert_int_equal(gyre_runtime_wait(fixture.runtime), 0);
	assert_int_equal(
		gyre_runtime_pause(fixture.runtime, never, NULL, GYRE_FOREVER),
		-EINVAL);
	harness_pretend_fork(true);
	assert_int_equal(
		gyre_runtime_pause(fixture.runtime, never, NULL, GYRE_FOREVER),
		-EPERM);
	harness_pretend_fork(false);
	fixture_end(&fixture);
	options = (struct gyre_runtime_options){ .loops = 1, .simulate = 1 };
	assert_int_equal(gyre_runtime_new(&options, &simulated), 0);
	assert_int_equal(
		gyre_runtime_pause(simulated, never, NULL, GYRE_FOREVER),
		-ENOTSUP);
	gyre_runtime_free(simulated);
}

/* -- and the watchdog ---------------------------------------------------- */

static void
take_a_while(void *arg)
{
	(void)arg;
	usleep(700 * 1000);
}

static void
a_loop_that_is_paused_has_not_stalled(void **state)
{
	struct gyre_runtime_options options;
	struct fixture fixture;

	(void)state;
	fixture_init(&fixture);
	options = fixture_options(&fixture, 2);
	options.watchdog_ns = GYRE_MS(300);
	assert_int_equal(fixture_new(&fixture, &options, 1), 0);
	assert_int_equal(gyre_runtime_start(fixture.runtime), 0);
	assert_int_equal(gyre_runtime_pause(fixture.runtime, take_a_while, NULL,
					    GYRE_FOREVER),
			 0);
	fixture_stop_and_end(&fixture);
	assert_int_equal(fixture.lines, 0);
}

/* -- what a loop had gathered -------------------------------------------- */

static struct gyre_loop *elsewhere;
static atomic_bool has_gathered;
static atomic_bool has_arrived;

static void
arrive(void *arg)
{
	(void)arg;
	atomic_store(&has_arrived, true);
}

static void
gather(void *arg)
{
	CHECK(gyre_loop_add_callback(elsewhere, arrive, arg) == 0);
	atomic_store(&has_gathered, true);
}

/* So that the pause comes within the batch. */
static void
rest_a_little(void *arg)
{
	(void)arg;
	usleep(1000);
}

static void
gather_and_rest(void *loop)
{
	CHECK(gyre_loop_add_callback(loop, gather, loop) == 0);
	for (unsigned i = 0; i < 100; i++)
		CHECK(gyre_loop_add_callback(loop, rest_a_little, loop) == 0);
}

static void
await_arrival(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < 10000 && !atomic_load(&has_arrived); i++)
		usleep(1000);
	assert_true(atomic_load(&has_arrived));
}

static int
open_elsewhere(const struct gyre_shard *shard, void *arg, void **ret_state)
{
	(void)arg;
	(void)ret_state;
	elsewhere = shard->loop;
	return 0;
}

/* Another runtime's loop is no part of the pause, and waits for nothing. */
static void
what_was_sent_before_is_on_its_way(void **state)
{
	static const struct gyre_service_ops service = {
		.name = "elsewhere",
		.start = open_elsewhere,
	};
	const struct gyre_runtime_options options = { .loops = 1 };
	struct gyre_runtime *other;
	struct fixture fixture;

	(void)state;
	fixture_init(&fixture);
	assert_int_equal(gyre_runtime_new(&options, &other), 0);
	assert_int_equal(gyre_runtime_add_service(other, &service, NULL), 0);
	assert_int_equal(gyre_runtime_start(other), 0);
	fixture_start(&fixture, 2, 1);
	assert_int_equal(gyre_loop_add_callback(
				 gyre_runtime_shard(fixture.runtime, 0)->loop,
				 gather_and_rest,
				 gyre_runtime_shard(fixture.runtime, 0)->loop),
			 0);
	while (!atomic_load(&has_gathered))
		sched_yield();
	assert_int_equal(gyre_runtime_pause(fixture.runtime, await_arrival,
					    NULL, GYRE_FOREVER),
			 0);
	gyre_runtime_stop(other);
	assert_int_equal(gyre_runtime_wait(other), 0);
	gyre_runtime_free(other);
	fixture_stop_and_end(&fixture);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_runs_in_a_pause),
		cmocka_unit_test(pausers_take_turns_and_a_stop_comes_between),
		cmocka_unit_test(a_shard_that_does_not_halt_is_named),
		cmocka_unit_test(a_job_that_does_not_halt_is_named),
		cmocka_unit_test(who_would_wait_for_itself_is_refused),
		cmocka_unit_test(what_does_not_run_is_not_paused),
		cmocka_unit_test(a_loop_that_is_paused_has_not_stalled),
		cmocka_unit_test(what_was_sent_before_is_on_its_way),
	};

	alarm(120);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
