/* The deadline of a stop: what it tells, and that it ends what waits. */
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

static struct gyre_loop *
loop_of(const struct fixture *fixture, unsigned shard)
{
	return gyre_runtime_shard(fixture->runtime, shard)->loop;
}

static atomic_uint dropped;

static void
count_drop(void *arg, enum gyre_drop_reason reason)
{
	(void)arg;
	CHECK(reason == GYRE_DROP_STOPPED);
	atomic_fetch_add(&dropped, 1);
}

/* -- what is left -------------------------------------------------------- */

static void
never_complete(struct gyre_future *future, void *arg)
{
	(void)future;
	(void)arg;
	CHECK(!"reached");
}

static void
leave_something(struct fixture *fixture, const struct gyre_shard *shard)
{
	struct gyre_future *future = gyre_future_new(shard->loop);

	(void)fixture;
	CHECK(future != NULL);
	CHECK(gyre_loop_add_future_drop(shard->loop, future, never_complete,
					NULL, count_drop) == 0);
	gyre_future_unref(future);
}

static void
the_deadline_tells_what_is_left_and_drops_it(void **state)
{
	struct fixture fixture;

	(void)state;
	atomic_store(&dropped, 0);
	fixture_init(&fixture);
	fixture.stop_timeout_ns = GYRE_MS(20);
	fixture.on_start = leave_something;
	fixture_start(&fixture, 2, 2);
	gyre_runtime_stop(fixture.runtime);
	assert_int_equal(gyre_runtime_wait(fixture.runtime), 0);
	assert_non_null(strstr(fixture.log,
			       "shard 0: the stop's deadline has come; left "
			       "are: 2 futures awaited"));
	assert_non_null(strstr(fixture.log, "shard 1: the stop's deadline"));
	assert_null(strstr(fixture.log, "does not answer"));
	fixture_end(&fixture);
	assert_int_equal(atomic_load(&dropped), 4);
	assert_string_equal(fixture.stories[0], "abBA..");
	assert_string_equal(fixture.stories[1], "abBA..");
}

static void
run_on(void *loop)
{
	CHECK(gyre_loop_add_callback(loop, run_on, loop) == 0);
}

static void
run_for_ever(struct fixture *fixture, const struct gyre_shard *shard)
{
	(void)fixture;
	for (unsigned i = 0; i < 7; i++)
		CHECK(gyre_loop_add_callback(shard->loop, run_on,
					     shard->loop) == 0);
}

static void
the_deadline_tells_what_runs_next(void **state)
{
	struct fixture fixture;
	const char *line;

	(void)state;
	fixture_init(&fixture);
	fixture.stop_timeout_ns = GYRE_MS(20);
	fixture.on_start = run_for_ever;
	fixture_start(&fixture, 1, 1);
	gyre_runtime_stop(fixture.runtime);
	assert_int_equal(gyre_runtime_wait(fixture.runtime), 0);
	line = strstr(fixture.log, "shard 0: the stop's deadline");
	assert_non_null(line);
	assert_non_null(strstr(line, " messages, none older than "));
	assert_non_null(strstr(line, " ms, the first is "));
	fixture_end(&fixture);
}

static void
await_for_ever(const struct gyre_shard *shard, void *state)
{
	struct gyre_future *future = gyre_future_new(shard->loop);

	(void)state;
	CHECK(future != NULL);
	CHECK(gyre_shard_await(shard, future) == 0);
}

static void
stop_at_the_deadline_of(const struct gyre_service_ops *ops)
{
	struct fixture fixture;

	fixture_init(&fixture);
	fixture.stop_timeout_ns = GYRE_MS(20);
	fixture_start_with(&fixture, 2, ops);
	gyre_runtime_stop(fixture.runtime);
	assert_int_equal(gyre_runtime_wait(fixture.runtime), 0);
	assert_non_null(strstr(fixture.log, "waits for service endless for "));
	fixture_end(&fixture);
}

static void
the_deadline_ends_a_drain_and_a_stop_that_wait(void **state)
{
	struct gyre_service_ops ops = { .name = "endless",
					.start = fixture_start_nothing,
					.drain = await_for_ever };

	(void)state;
	stop_at_the_deadline_of(&ops);
	ops.drain = NULL;
	ops.stop = await_for_ever;
	stop_at_the_deadline_of(&ops);
}

/* Until the log says that the shard does not answer, and names this. */
static void
be_stuck(void *arg)
{
	struct fixture *fixture = arg;
	bool is_named = false;

	while (!is_named) {
		sched_yield();
		pthread_mutex_lock(&fixture->mutex);
		is_named = strstr(fixture->log, "shard 1: does not answer") !=
				   NULL &&
			   (strstr(fixture->log, ": #0 ") != NULL ||
			    strstr(fixture->log, "no stack") != NULL);
		pthread_mutex_unlock(&fixture->mutex);
	}
}

static void
a_shard_that_does_not_answer_is_named(void **state)
{
	struct fixture fixture;

	(void)state;
	fixture_init(&fixture);
	fixture.stop_timeout_ns = GYRE_MS(5);
	fixture_start(&fixture, 3, 1);
	assert_int_equal(gyre_loop_add_callback(loop_of(&fixture, 1), be_stuck,
						&fixture),
			 0);
	gyre_runtime_stop(fixture.runtime);
	assert_int_equal(gyre_runtime_wait(fixture.runtime), 0);
	assert_null(strstr(fixture.log, "shard 0: does not"));
	assert_null(strstr(fixture.log, "shard 2: does not"));
	fixture_end(&fixture);
	assert_string_equal(fixture.stories[1], "aA.");
}

static atomic_uint begun;

/* A job likewise: until it is named. */
static void *
work_on(void *arg)
{
	struct fixture *fixture = arg;
	bool is_named = false;

	atomic_fetch_add(&begun, 1);
	while (!is_named) {
		sched_yield();
		pthread_mutex_lock(&fixture->mutex);
		is_named = strstr(fixture->log, "has not returned") != NULL;
		pthread_mutex_unlock(&fixture->mutex);
	}
	return NULL;
}

static void
work_for_ever(struct fixture *fixture, const struct gyre_shard *shard)
{
	gyre_future_unref(
		gyre_loop_run_in_executor(shard->loop, NULL, work_on, fixture));
	while (atomic_load(&begun) == 0)
		sched_yield();
}

static void
a_job_that_does_not_return_is_named(void **state)
{
	struct fixture fixture;

	(void)state;
	fixture_init(&fixture);
	fixture.stop_timeout_ns = GYRE_MS(20);
	fixture.on_start = work_for_ever;
	atomic_store(&begun, 0);
	fixture_start(&fixture, 1, 1);
	fixture_stop_and_end(&fixture);
	assert_non_null(strstr(fixture.log, "left are: 1 jobs"));
}

static void
a_negative_timeout_is_refused(void **state)
{
	const struct gyre_runtime_options options = { .stop_timeout_ns = -1 };
	struct gyre_runtime *runtime;

	(void)state;
	assert_int_equal(gyre_runtime_new(&options, &runtime), -EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_deadline_tells_what_is_left_and_drops_it),
		cmocka_unit_test(the_deadline_tells_what_runs_next),
		cmocka_unit_test(
			the_deadline_ends_a_drain_and_a_stop_that_wait),
		cmocka_unit_test(a_shard_that_does_not_answer_is_named),
		cmocka_unit_test(a_job_that_does_not_return_is_named),
		cmocka_unit_test(a_negative_timeout_is_refused),
	};

	alarm(120);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
