/* Starts that fail: the rest is undone, nothing is left, one line says why. */
#include "tests/runtime/fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

/* -- services ------------------------------------------------------------ */

/* What a shard's story is when a service of some shard failed. */
static const char *
story_of(const struct fixture *fixture, unsigned shard)
{
	static const char *const failed[] = { "", "a(A).", "ab(B)(A).." };

	if (shard == fixture->failing_shard)
		return failed[fixture->failing_service];
	return "abc(C)(B)(A)...";
}

static void
fail_service(unsigned service, unsigned shard, bool raises)
{
	struct fixture fixture;
	struct gyre_runtime_options options;
	char line[128];

	fixture_init(&fixture);
	fixture.failing_service = service;
	fixture.failing_shard = shard;
	fixture.failure = -EADDRINUSE;
	fixture.raises = raises;
	options = fixture_options(&fixture, 4);
	assert_int_equal(fixture_new(&fixture, &options, 3), 0);
	assert_int_equal(gyre_runtime_start(fixture.runtime), -EADDRINUSE);
	for (unsigned i = 0; i < 4; i++)
		assert_string_equal(fixture.stories[i], story_of(&fixture, i));
	snprintf(line, sizeof(line),
		 "shard %u: service %c did not start: EADDRINUSE: port 80 is "
		 "taken",
		 shard, 'a' + (int)service);
	assert_int_equal(fixture.lines, 1);
	assert_string_equal(fixture.line, line);
	fixture_end(&fixture);
}

static void
a_service_that_fails_undoes_the_rest(void **state)
{
	(void)state;
	for (unsigned shard = 0; shard < 4; shard++)
		for (unsigned service = 0; service < 3; service++) {
			fail_service(service, shard, false);
			fail_service(service, shard, true);
		}
}

/* -- every call and allocation, once ------------------------------------- */

enum way {
	START,
	RUN,
	START_TWICE,
	WAYS,
};

static void
stop_in_start(struct fixture *fixture, const struct gyre_shard *shard)
{
	(void)fixture;
	gyre_runtime_stop(shard->runtime);
}

static int
start_and_stop(struct gyre_runtime *runtime)
{
	int result = gyre_runtime_start(runtime);

	if (result < 0)
		return result;
	gyre_runtime_stop(runtime);
	assert_int_equal(gyre_runtime_wait(runtime), 0);
	return 0;
}

static int
go(struct fixture *fixture, enum way way)
{
	int result;

	if (way == RUN) {
		fixture->on_start = stop_in_start;
		return gyre_runtime_run(fixture->runtime);
	}
	result = start_and_stop(fixture->runtime);
	if (result == 0 && way == START_TWICE)
		result = start_and_stop(fixture->runtime);
	return result;
}

/* From new to free, with whatever fails; what failed first said. */
static int
live(struct fixture *fixture, enum way way)
{
	struct gyre_runtime_options options = fixture_options(fixture, 3);
	const unsigned cpus[] = { 0 };
	int result;

	options.pin = GYRE_PIN_LIST;
	options.cpus = cpus;
	options.cpus_count = 1;
	options.stop_signals = true;
	result = fixture_new(fixture, &options, 2);
	if (result == 0) {
		result = go(fixture, way);
		if (result < 0)
			assert_int_equal(fixture->errors, 1);
	}
	return result;
}

static int
expected_error(const char *call)
{
	static const struct {
		const char *call;
		int error;
	} errors[] = {
		{ "allocate", -ENOMEM },  { "thread_create", -EAGAIN },
		{ "eventfd", -EMFILE },   { "epoll_create1", -EMFILE },
		{ "epoll_ctl", -ENOSPC }, { "sigaction", -EINVAL },
		{ "sigmask", -EINVAL },   { "getaffinity", 0 },
		{ "setaffinity", 0 },
	};

	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (strcmp(call, errors[i].call) == 0)
			return errors[i].error;
	fail_msg("%s is not in the table", call);
	return 0;
}

static void
mask_is_as_before(const sigset_t *before)
{
	sigset_t now;

	pthread_sigmask(SIG_BLOCK, NULL, &now);
	for (int number = 1; number < NSIG; number++)
		assert_int_equal(sigismember(&now, number),
				 sigismember(before, number));
}

static void
fail_each(enum way way)
{
	sigset_t mask;
	unsigned n;

	pthread_sigmask(SIG_BLOCK, NULL, &mask);
	for (n = 1;; n++) {
		struct fixture fixture;
		bool failed;
		int result;

		fixture_init(&fixture);
		harness_fail(FAULT_ANY, n);
		result = live(&fixture, way);
		failed = harness_has_failed();
		if (failed)
			assert_int_equal(result,
					 expected_error(harness_failed_call()));
		else
			assert_int_equal(result, 0);
		fixture_end(&fixture);
		mask_is_as_before(&mask);
		if (!failed)
			break;
	}
	printf("%u calls failed once each\n", n - 1);
	assert_true(n > 30);
}

static void
every_failure_on_the_way_leaves_nothing(void **state)
{
	(void)state;
	for (enum way way = 0; way < WAYS; way++)
		fail_each(way);
}

/* The same with every call from the n-th on, as when the system is full. */
static void
a_full_system_leaves_nothing(void **state)
{
	const unsigned kinds[] = { FAULT_ALLOCATE, FAULT_THREAD, FAULT_CALL };

	(void)state;
	for (unsigned i = 0; i < 3 * WAYS; i++) {
		struct fixture fixture;

		fixture_init(&fixture);
		harness_fail_all(kinds[i / WAYS]);
		assert_true(live(&fixture, i % WAYS) < 0);
		fixture_end(&fixture);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_service_that_fails_undoes_the_rest),
		cmocka_unit_test(every_failure_on_the_way_leaves_nothing),
		cmocka_unit_test(a_full_system_leaves_nothing),
	};

	alarm(120);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
