/* The plan, on CPUs of the test's own making. */
#include "runtime/placement.h"

#include "tests/pool/harness.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

struct desk {
	struct gyre_sys sys;
	struct gyre_runtime_options options;
	struct gyre__placement plan;
	unsigned lines;
	enum gyre_log_level level;
	char line[256];
};

static void
keep_line(enum gyre_log_level level, const char *line, void *arg)
{
	struct desk *desk = arg;

	desk->lines++;
	desk->level = level;
	snprintf(desk->line, sizeof(desk->line), "%s", line);
}

/* This machine has the CPUs 3, 5 and 900. */
static int
odd_affinity(pthread_t thread, size_t size, cpu_set_t *set)
{
	(void)thread;
	assert_int_equal(size, sizeof(*set));
	CPU_ZERO(set);
	CPU_SET(3, set);
	CPU_SET(5, set);
	CPU_SET(900, set);
	return 0;
}

static int
no_affinity(pthread_t thread, size_t size, cpu_set_t *set)
{
	(void)thread;
	(void)size;
	(void)set;
	return EINVAL;
}

static int
setup(void **state)
{
	static struct desk desk;

	memset(&desk, 0, sizeof(desk));
	desk.sys = gyre__sys_default;
	desk.sys.getaffinity = odd_affinity;
	desk.options.log.fn = keep_line;
	desk.options.log.arg = &desk;
	desk.options._sys = &desk.sys;
	*state = &desk;
	return 0;
}

static int
plan(struct desk *desk)
{
	return gyre__placement_plan(&desk->plan, &desk->options);
}

static int
cpu(const struct desk *desk, unsigned shard)
{
	return gyre__placement_cpu(&desk->plan, shard);
}

static void
refused(struct desk *desk, const char *line)
{
	assert_int_equal(plan(desk), -EINVAL);
	assert_int_equal(desk->lines, 1);
	assert_int_equal(desk->level, GYRE_LOG_ERROR);
	assert_string_equal(desk->line, line);
}

static void
auto_takes_a_loop_per_allowed_cpu(void **state)
{
	struct desk *desk = *state;

	assert_int_equal(plan(desk), 0);
	assert_int_equal(desk->plan.loops, 3);
	assert_int_equal(cpu(desk, 0), 3);
	assert_int_equal(cpu(desk, 1), 5);
	assert_int_equal(cpu(desk, 2), 900);
	assert_int_equal(desk->lines, 0);
}

static void
auto_pins_fewer_loops_to_the_first_cpus(void **state)
{
	struct desk *desk = *state;

	desk->options.loops = 2;
	assert_int_equal(plan(desk), 0);
	assert_int_equal(desk->plan.loops, 2);
	assert_int_equal(cpu(desk, 1), 5);
}

static void
the_others_are_the_allowed_cpus_without_a_shard(void **state)
{
	struct desk *desk = *state;
	unsigned cpus[GYRE__CPUS_MAX];

	desk->options.loops = 1;
	assert_int_equal(plan(desk), 0);
	assert_int_equal(gyre__placement_others(&desk->plan, cpus), 2);
	assert_int_equal(cpus[0], 5);
	assert_int_equal(cpus[1], 900);
	desk->options.loops = 3;
	assert_int_equal(plan(desk), 0);
	assert_int_equal(gyre__placement_others(&desk->plan, cpus), 0);
	desk->options.loops = 1;
	desk->options.pin = GYRE_PIN_NONE;
	assert_int_equal(plan(desk), 0);
	assert_int_equal(gyre__placement_others(&desk->plan, cpus), 0);
}

static void
auto_pins_none_if_there_are_too_few_cpus(void **state)
{
	struct desk *desk = *state;

	desk->options.loops = 4;
	assert_int_equal(plan(desk), 0);
	assert_int_equal(desk->plan.loops, 4);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(cpu(desk, i), -1);
	assert_int_equal(desk->lines, 1);
	assert_int_equal(desk->level, GYRE_LOG_INFO);
	assert_string_equal(desk->line,
			    "runtime: not pinned: 4 loops, 3 allowed CPUs");
}

static void
none_pins_none_and_says_nothing(void **state)
{
	struct desk *desk = *state;

	desk->options.pin = GYRE_PIN_NONE;
	assert_int_equal(plan(desk), 0);
	assert_int_equal(desk->plan.loops, 3);
	assert_int_equal(cpu(desk, 0), -1);
	assert_int_equal(desk->lines, 0);
}

static void
a_list_is_gone_round(void **state)
{
	struct desk *desk = *state;
	const unsigned cpus[] = { 900, 3 };

	desk->options.pin = GYRE_PIN_LIST;
	desk->options.cpus = cpus;
	desk->options.cpus_count = 2;
	desk->options.loops = 5;
	assert_int_equal(plan(desk), 0);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(cpu(desk, i), cpus[i % 2]);
	desk->options.loops = 0;
	assert_int_equal(plan(desk), 0);
	assert_int_equal(desk->plan.loops, 2);
	assert_int_equal(desk->lines, 0);
}

static void
a_list_must_have_allowed_cpus(void **state)
{
	const unsigned bad[] = { 0, 4, CPU_SETSIZE, 4000000000u };

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct desk *desk;
		unsigned cpus[] = { 3, bad[i] };
		char line[128];

		setup(state);
		desk = *state;
		desk->options.pin = GYRE_PIN_LIST;
		desk->options.cpus = cpus;
		desk->options.cpus_count = 2;
		snprintf(line, sizeof(line),
			 "runtime: CPU %u is not one that this process may "
			 "run on",
			 bad[i]);
		refused(desk, line);
	}
}

static void
an_empty_list_is_refused(void **state)
{
	struct desk *desk = *state;
	const unsigned cpus[] = { 3 };

	desk->options.pin = GYRE_PIN_LIST;
	desk->options.cpus_count = 1;
	refused(desk, "runtime: the list of CPUs is empty");
	desk->lines = 0;
	desk->options.cpus = cpus;
	desk->options.cpus_count = 0;
	refused(desk, "runtime: the list of CPUs is empty");
}

static void
too_many_loops_are_refused(void **state)
{
	struct desk *desk = *state;

	desk->options.loops = GYRE_SHARDS_MAX;
	desk->options.pin = GYRE_PIN_NONE;
	assert_int_equal(plan(desk), 0);
	desk->options.loops = GYRE_SHARDS_MAX + 1;
	refused(desk, "runtime: 1025 loops are more than 1024");
}

static void
an_unknown_way_to_pin_is_refused(void **state)
{
	struct desk *desk = *state;

	desk->options.pin = (enum gyre_pin)7;
	refused(desk, "runtime: 7 is no way to pin");
}

static void
unknown_cpus_pin_none_with_a_warning(void **state)
{
	struct desk *desk = *state;
	const unsigned cpus[] = { 0 };

	desk->sys.getaffinity = no_affinity;
	assert_int_equal(plan(desk), 0);
	assert_true(desk->plan.loops >= 1);
	assert_int_equal(cpu(desk, 0), -1);
	assert_int_equal(desk->lines, 1);
	assert_int_equal(desk->level, GYRE_LOG_WARN);
	desk->options.pin = GYRE_PIN_LIST;
	desk->options.cpus = cpus;
	desk->options.cpus_count = 1;
	assert_int_equal(plan(desk), 0);
	assert_int_equal(cpu(desk, 0), -1);
	assert_int_equal(desk->lines, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(auto_takes_a_loop_per_allowed_cpu,
				       setup),
		cmocka_unit_test_setup(auto_pins_fewer_loops_to_the_first_cpus,
				       setup),
		cmocka_unit_test_setup(
			the_others_are_the_allowed_cpus_without_a_shard, setup),
		cmocka_unit_test_setup(auto_pins_none_if_there_are_too_few_cpus,
				       setup),
		cmocka_unit_test_setup(none_pins_none_and_says_nothing, setup),
		cmocka_unit_test_setup(a_list_is_gone_round, setup),
		cmocka_unit_test_setup(a_list_must_have_allowed_cpus, setup),
		cmocka_unit_test_setup(an_empty_list_is_refused, setup),
		cmocka_unit_test_setup(too_many_loops_are_refused, setup),
		cmocka_unit_test_setup(an_unknown_way_to_pin_is_refused, setup),
		cmocka_unit_test_setup(unknown_cpus_pin_none_with_a_warning,
				       setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
