/* Runtimes whose caller is shard 0, and runtimes that live more than once. */
#include "tests/runtime/fixture.h"

#include "base/thread.h"

#include <gyre/timeout.h>

#include <errno.h>
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
stop_it(void *runtime)
{
	gyre_runtime_stop(runtime);
}

/* The last shard stops it, when all have started. */
static void
stop_from_the_last(struct fixture *fixture, const struct gyre_shard *shard)
{
	(void)fixture;
	if (shard->index + 1 == gyre_runtime_shards(shard->runtime))
		CHECK(gyre_loop_add_callback(shard->loop, stop_it,
					     shard->runtime) == 0);
}

typedef void (*on_start_fn)(struct fixture *fixture,
			    const struct gyre_shard *shard);

static void
make(struct fixture *fixture, unsigned loops, unsigned services,
     on_start_fn on_start)
{
	struct gyre_runtime_options options;

	fixture_init(fixture);
	fixture->on_start = on_start;
	options = fixture_options(fixture, loops);
	assert_int_equal(fixture_new(fixture, &options, services), 0);
}

static void
forget_stories(struct fixture *fixture)
{
	memset(fixture->stories, 0, sizeof(fixture->stories));
}

/* -- run ----------------------------------------------------------------- */

static void
who_runs_it_is_shard_0_and_is_itself_afterwards(void **state)
{
	struct fixture fixture;
	struct gyre_runtime_options options;
	cpu_set_t before, after;
	char name_before[16], name_after[16];
	unsigned cpus[CPU_SETSIZE];
	unsigned count = 0;

	(void)state;
	fixture_init(&fixture);
	fixture.on_start = stop_from_the_last;
	pthread_getaffinity_np(pthread_self(), sizeof(before), &before);
	pthread_getname_np(pthread_self(), name_before, sizeof(name_before));
	for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &before))
			cpus[count++] = cpu;
	options = fixture_options(&fixture, 3);
	options.pin = GYRE_PIN_LIST;
	options.cpus = cpus;
	options.cpus_count = count;
	assert_int_equal(fixture_new(&fixture, &options, 3), 0);
	assert_int_equal(gyre_runtime_run(fixture.runtime), 0);
	assert_int_equal(gyre_runtime_phase(fixture.runtime), GYRE_PHASE_ENDED);
	assert_int_equal(gyre_runtime_wait(fixture.runtime), -EINVAL);
	for (unsigned i = 0; i < 3; i++) {
		assert_string_equal(fixture.stories[i], "abcCBA...");
		assert_int_equal(CPU_COUNT(&fixture.cpus[i]), 1);
		assert_true(CPU_ISSET(cpus[i % count], &fixture.cpus[i]));
		assert_int_equal(!pthread_equal(fixture.records[0][i].thread,
						pthread_self()),
				 i > 0);
	}
	assert_string_equal(fixture.thread_names[0], name_before);
	assert_string_equal(fixture.thread_names[1], "gyre-shard-1");
	pthread_getname_np(pthread_self(), name_after, sizeof(name_after));
	assert_string_equal(name_after, name_before);
	pthread_getaffinity_np(pthread_self(), sizeof(after), &after);
	assert_true(CPU_EQUAL(&before, &after));
	assert_null(gyre_loop_current(false));
	fixture_end(&fixture);
	assert_int_equal(fixture.lines, 0);
}

/* What this thread posts counts as from outside again. */
static void
afterwards_the_thread_is_a_stranger_again(void **state)
{
	struct fixture fixture;

	(void)state;
	assert_false(gyre__thread_is_ours);
	make(&fixture, 1, 1, stop_from_the_last);
	assert_int_equal(gyre_runtime_run(fixture.runtime), 0);
	assert_false(gyre__thread_is_ours);
	fixture_end(&fixture);
}

static void
a_current_loop_is_in_its_way(void **state)
{
	struct fixture fixture;
	struct gyre_loop *loop;

	(void)state;
	make(&fixture, 2, 1, NULL);
	loop = gyre_loop_current(true);
	assert_non_null(loop);
	assert_int_equal(gyre_runtime_run(fixture.runtime), -EBUSY);
	assert_int_equal(gyre_runtime_phase(fixture.runtime), GYRE_PHASE_NEW);
	assert_int_equal(gyre_loop_close(loop, false), 0);
	gyre_loop_free(loop);
	fixture_end(&fixture);
}

static void
fail_service(unsigned service, unsigned shard)
{
	struct fixture fixture;

	make(&fixture, 3, 3, NULL);
	fixture.failing_service = service;
	fixture.failing_shard = shard;
	fixture.failure = -EADDRINUSE;
	assert_int_equal(gyre_runtime_run(fixture.runtime), -EADDRINUSE);
	assert_int_equal(fixture.lines, 1);
	assert_null(gyre_loop_current(false));
	fixture_end(&fixture);
}

static void
a_service_that_fails_on_any_shard_ends_the_run(void **state)
{
	(void)state;
	for (unsigned shard = 0; shard < 3; shard++)
		for (unsigned service = 0; service < 3; service++)
			fail_service(service, shard);
}

static unsigned raises = 1;

static void
raise_it(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < raises; i++)
		raise(SIGTERM);
}

static void
signal_the_first(struct fixture *fixture, const struct gyre_shard *shard)
{
	(void)fixture;
	if (shard->index == 0)
		CHECK(gyre_loop_add_callback(shard->loop, raise_it, NULL) == 0);
}

/* A runtime that hears the signals which its first shard raises. */
static void
make_signalled(struct fixture *fixture)
{
	struct gyre_runtime_options options;

	fixture_init(fixture);
	fixture->on_start = signal_the_first;
	options = fixture_options(fixture, 2);
	options.stop_signals = true;
	assert_int_equal(fixture_new(fixture, &options, 1), 0);
}

static void
a_signal_to_who_runs_it_stops_it(void **state)
{
	struct fixture fixture;

	(void)state;
	make_signalled(&fixture);
	assert_int_equal(gyre_runtime_run(fixture.runtime), 0);
	fixture_end(&fixture);
	for (unsigned i = 0; i < 2; i++)
		assert_string_equal(fixture.stories[i], "aA.");
}

/* Though it is this thread that does not answer. */
static void
hold_until_it_is_said(void *arg)
{
	struct fixture *fixture = arg;
	bool is_said = false;

	gyre_runtime_stop(fixture->runtime);
	while (!is_said) {
		usleep(1000);
		pthread_mutex_lock(&fixture->mutex);
		is_said = strstr(fixture->log, "shard 0: does not answer at "
					       "the stop's deadline") != NULL;
		pthread_mutex_unlock(&fixture->mutex);
	}
}

static void
hold_the_first(struct fixture *fixture, const struct gyre_shard *shard)
{
	if (shard->index == 0)
		CHECK(gyre_loop_add_callback(shard->loop, hold_until_it_is_said,
					     fixture) == 0);
}

static void
who_runs_it_is_supervised(void **state)
{
	struct fixture fixture;
	struct gyre_runtime_options options;

	(void)state;
	fixture_init(&fixture);
	fixture.on_start = hold_the_first;
	fixture.stop_timeout_ns = GYRE_MS(10);
	options = fixture_options(&fixture, 2);
	assert_int_equal(fixture_new(&fixture, &options, 1), 0);
	assert_int_equal(gyre_runtime_run(fixture.runtime), 0);
	fixture_end(&fixture);
}

static pid_t child;

static void
fork_it(void *runtime)
{
	child = fork();
	CHECK(child >= 0);
	if (child > 0)
		gyre_runtime_stop(runtime);
}

static void
fork_the_first(struct fixture *fixture, const struct gyre_shard *shard)
{
	(void)fixture;
	if (shard->index == 0)
		CHECK(gyre_loop_add_callback(shard->loop, fork_it,
					     shard->runtime) == 0);
}

static void
a_fork_of_shard_0_returns_from_run(void **state)
{
	struct fixture fixture;
	int result, status;
	pid_t parent = getpid();

	(void)state;
	make(&fixture, 2, 1, fork_the_first);
	result = gyre_runtime_run(fixture.runtime);
	if (getpid() != parent)
		_exit(result == -EPERM && gyre_loop_current(false) == NULL ? 0
									   : 1);
	assert_int_equal(result, 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	fixture_end(&fixture);
}

/* -- again --------------------------------------------------------------- */

static void
live_once(struct fixture *fixture, unsigned life)
{
	forget_stories(fixture);
	if (life % 2 == 0) {
		assert_int_equal(gyre_runtime_start(fixture->runtime), 0);
		assert_int_equal(gyre_runtime_wait(fixture->runtime), 0);
	} else {
		assert_int_equal(gyre_runtime_run(fixture->runtime), 0);
	}
	for (unsigned i = 0; i < 3; i++)
		assert_string_equal(fixture->stories[i], "abcCBA...");
}

static void
one_that_has_ended_starts_again(void **state)
{
	struct fixture fixture;

	(void)state;
	make(&fixture, 3, 3, stop_from_the_last);
	for (unsigned life = 0; life < 6; life++)
		live_once(&fixture, life);
	fixture_end(&fixture);
	assert_int_equal(fixture.lines, 0);
}

static void
one_whose_start_has_failed_starts_again(void **state)
{
	struct fixture fixture;

	(void)state;
	make(&fixture, 3, 2, stop_from_the_last);
	fixture.failing_service = 1;
	fixture.failing_shard = 1;
	fixture.failure = -EADDRINUSE;
	assert_int_equal(gyre_runtime_start(fixture.runtime), -EADDRINUSE);
	assert_int_equal(gyre_runtime_run(fixture.runtime), -EADDRINUSE);
	fixture.failure = 0;
	forget_stories(&fixture);
	assert_int_equal(gyre_runtime_start(fixture.runtime), 0);
	assert_int_equal(gyre_runtime_start(fixture.runtime), -EALREADY);
	assert_int_equal(gyre_runtime_wait(fixture.runtime), 0);
	for (unsigned i = 0; i < 3; i++)
		assert_string_equal(fixture.stories[i], "abBA..");
	fixture_end(&fixture);
}

/* The stop was for the start that it kept from starting. */
static void
a_stop_of_one_life_is_not_one_of_the_next(void **state)
{
	struct fixture fixture;

	(void)state;
	make(&fixture, 2, 1, stop_from_the_last);
	gyre_runtime_stop(fixture.runtime);
	assert_int_equal(gyre_runtime_run(fixture.runtime), -ESHUTDOWN);
	assert_int_equal(gyre_runtime_run(fixture.runtime), 0);
	gyre_runtime_stop(fixture.runtime);
	assert_int_equal(gyre_runtime_run(fixture.runtime), 0);
	assert_string_equal(fixture.stories[1], "aA.aA.");
	fixture_end(&fixture);
}

static int
count_start(const struct gyre_shard *shard, void *arg, void **ret_state)
{
	unsigned *starts = arg;

	(void)shard;
	(void)ret_state;
	++*starts;
	return 0;
}

/* Two signals bring the deadline of the one life, and count for it alone. */
static void
signals_of_one_life_are_forgotten_in_the_next(void **state)
{
	struct fixture fixture;

	(void)state;
	make_signalled(&fixture);
	raises = 2;
	assert_int_equal(gyre_runtime_run(fixture.runtime), 0);
	raises = 1;
	fixture.log[0] = '\0';
	assert_int_equal(gyre_runtime_run(fixture.runtime), 0);
	assert_null(strstr(fixture.log, "deadline"));
	fixture_end(&fixture);
}

static void
a_service_may_be_added_between_two_lives(void **state)
{
	static unsigned starts;
	static const struct gyre_service_ops late = {
		.name = "late",
		.start = count_start,
	};
	struct fixture fixture;

	(void)state;
	make(&fixture, 1, 1, stop_from_the_last);
	assert_int_equal(gyre_runtime_run(fixture.runtime), 0);
	assert_int_equal(
		gyre_runtime_add_service(fixture.runtime, &late, &starts), 0);
	assert_int_equal(starts, 0);
	assert_int_equal(gyre_runtime_run(fixture.runtime), 0);
	assert_int_equal(starts, 1);
	fixture_end(&fixture);
}

/* -- two in one process -------------------------------------------------- */

static struct gyre_runtime *here, *there;

static void
come_back(void *arg)
{
	CHECK(gyre_shard_current()->runtime == here);
	gyre_runtime_stop(here);
	gyre_runtime_stop(arg);
}

static void
go_there(void *arg)
{
	CHECK(gyre_shard_current()->runtime == there);
	CHECK(gyre_loop_add_callback(gyre_runtime_shard(here, 0)->loop,
				     come_back, arg) == 0);
}

static void
visit(struct fixture *fixture, const struct gyre_shard *shard)
{
	(void)fixture;
	if (shard->runtime == here && shard->index == 1)
		CHECK(gyre_loop_add_callback(gyre_runtime_shard(there, 1)->loop,
					     go_there, there) == 0);
}

static void
two_live_side_by_side_and_send_each_other(void **state)
{
	const struct gyre_runtime_options options = { .loops = 2 };
	struct fixture fixture;

	(void)state;
	make(&fixture, 2, 1, visit);
	here = fixture.runtime;
	assert_int_equal(gyre_runtime_new(&options, &there), 0);
	assert_int_equal(gyre_runtime_start(there), 0);
	assert_int_equal(gyre_runtime_run(here), 0);
	assert_int_equal(gyre_runtime_wait(there), 0);
	gyre_runtime_free(there);
	fixture_end(&fixture);
}

/* -- what a service keeps ------------------------------------------------ */

static int kept[SHARDS_MAX];
static atomic_uint looks;

static int keep(const struct gyre_shard *shard, void *arg, void **ret_state);

static const struct gyre_service_ops keeping = {
	.name = "keeping",
	.start = keep,
};

static const struct gyre_service_ops not_added = {
	.name = "not added",
	.start = keep,
};

static void
look_at_state(void *arg)
{
	const struct gyre_shard *shard = gyre_shard_current();

	CHECK(shard == arg);
	CHECK(gyre_shard_state(&keeping) == &kept[shard->index]);
	CHECK(gyre_shard_state(&not_added) == NULL);
	if (atomic_fetch_add(&looks, 1) == 0)
		gyre_runtime_stop(shard->runtime);
}

static int
keep(const struct gyre_shard *shard, void *arg, void **ret_state)
{
	(void)arg;
	*ret_state = &kept[shard->index];
	CHECK(gyre_shard_current() == shard);
	CHECK(gyre_shard_state(&keeping) == NULL);
	for (unsigned i = 0; i < gyre_runtime_shards(shard->runtime); i++) {
		const struct gyre_shard *other =
			gyre_runtime_shard(shard->runtime, i);

		CHECK(gyre_loop_add_callback(other->loop, look_at_state,
					     (void *)other) == 0);
	}
	return 0;
}

static void
a_shard_reaches_its_own_state_alone(void **state)
{
	struct fixture fixture;

	(void)state;
	make(&fixture, 3, 0, NULL);
	assert_int_equal(
		gyre_runtime_add_service(fixture.runtime, &keeping, NULL), 0);
	assert_int_equal(gyre_runtime_run(fixture.runtime), 0);
	assert_int_equal(atomic_load(&looks), 9);
	assert_null(gyre_shard_current());
	assert_null(gyre_shard_state(&keeping));
	fixture_end(&fixture);
}

static void
a_plain_loop_is_no_shard(void **state)
{
	struct gyre_loop *loop = gyre_loop_current(true);

	(void)state;
	assert_non_null(loop);
	assert_null(gyre_shard_current());
	assert_null(gyre_shard_state(&keeping));
	assert_int_equal(gyre_loop_close(loop, false), 0);
	gyre_loop_free(loop);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			who_runs_it_is_shard_0_and_is_itself_afterwards),
		cmocka_unit_test(afterwards_the_thread_is_a_stranger_again),
		cmocka_unit_test(a_current_loop_is_in_its_way),
		cmocka_unit_test(
			a_service_that_fails_on_any_shard_ends_the_run),
		cmocka_unit_test(a_signal_to_who_runs_it_stops_it),
		cmocka_unit_test(who_runs_it_is_supervised),
		cmocka_unit_test(a_fork_of_shard_0_returns_from_run),
		cmocka_unit_test(one_that_has_ended_starts_again),
		cmocka_unit_test(one_whose_start_has_failed_starts_again),
		cmocka_unit_test(a_stop_of_one_life_is_not_one_of_the_next),
		cmocka_unit_test(signals_of_one_life_are_forgotten_in_the_next),
		cmocka_unit_test(a_service_may_be_added_between_two_lives),
		cmocka_unit_test(two_live_side_by_side_and_send_each_other),
		cmocka_unit_test(a_shard_reaches_its_own_state_alone),
		cmocka_unit_test(a_plain_loop_is_no_shard),
	};

	alarm(120);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
