/* The plan, on CPUs of the test's own making. */
#include "tests/runtime/placement_fixture.h"

static int
no_affinity(pthread_t thread, size_t size, cpu_set_t *set)
{
	(void)thread;
	(void)size;
	(void)set;
	return EINVAL;
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
	assert_int_equal(desk->plan.plan.loops, 3);
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
	assert_int_equal(desk->plan.plan.loops, 2);
	assert_int_equal(cpu(desk, 1), 5);
}

static void
the_others_are_the_allowed_cpus_without_a_shard(void **state)
{
	struct desk *desk = *state;
	const struct gyre_plan *made = &desk->plan.plan;

	desk->options.loops = 1;
	assert_int_equal(plan(desk), 0);
	assert_int_equal(made->others_count, 2);
	assert_int_equal(made->others[0], 5);
	assert_int_equal(made->others[1], 900);
	assert_int_equal(gyre__cpus_count(&desk->plan.helpers), 2);
	assert_false(gyre__cpus_has(&desk->plan.helpers, 3));
	/* where none is left, they run wherever they may */
	desk->options.loops = 3;
	assert_int_equal(plan(desk), 0);
	assert_int_equal(made->others_count, 0);
	assert_int_equal(gyre__cpus_count(&desk->plan.helpers), 3);
	desk->options.loops = 1;
	desk->options.pin = GYRE_PIN_NONE;
	assert_int_equal(plan(desk), 0);
	assert_int_equal(made->others_count, 0);
	assert_int_equal(gyre__cpus_count(&desk->plan.helpers), 3);
}

static void
auto_pins_none_if_there_are_too_few_cpus(void **state)
{
	struct desk *desk = *state;

	desk->options.loops = 4;
	assert_int_equal(plan(desk), 0);
	assert_int_equal(desk->plan.plan.loops, 4);
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
	assert_int_equal(desk->plan.plan.loops, 3);
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
	assert_int_equal(desk->plan.plan.loops, 2);
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

		desk_setup(state);
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
	assert_true(desk->plan.plan.loops >= 1);
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

/* -- quotas -------------------------------------------------------------- */

#define V2_GROUPS "0::/system.slice/app/inner\n"
#define V2_MOUNTS                                                     \
	"24 1 0:5 / /proc rw - proc proc rw\n"                        \
	"31 23 0:28 / /sys/fs/cgroup rw,relatime shared:4 - cgroup2 " \
	"cgroup2 rw,nsdelegate\n"

static unsigned
quota(struct desk *desk)
{
	desk->options.pin = GYRE_PIN_NONE;
	assert_int_equal(plan(desk), 0);
	return desk->plan.plan.quota_milli;
}

static void
the_tightest_quota_on_the_way_up_counts(void **state)
{
	struct desk *desk = *state;

	add_file("/proc/self/cgroup", V2_GROUPS);
	add_file("/proc/self/mountinfo", V2_MOUNTS);
	assert_int_equal(quota(desk), 0);
	add_file("/sys/fs/cgroup/system.slice/app/inner/cpu.max",
		 "max 100000\n");
	assert_int_equal(quota(desk), 0);
	add_file("/sys/fs/cgroup/system.slice/cpu.max", "250000 100000\n");
	assert_int_equal(quota(desk), 2500);
	add_file("/sys/fs/cgroup/system.slice/app/cpu.max", "70000 50000\n");
	assert_int_equal(quota(desk), 1400);
	add_file("/sys/fs/cgroup/cpu.max", "500 100000\n");
	assert_int_equal(quota(desk), 5);
}

static void
a_quota_of_the_first_version_counts_too(void **state)
{
	struct desk *desk = *state;

	add_file("/proc/self/cgroup", "9:cpuset:/other\n"
				      "2:cpuacct,cpu:/docker/abc/task\n"
				      "0::/\n");
	/* a container sees its group as the root of the mount */
	add_file("/proc/self/mountinfo",
		 "33 31 0:30 /docker/abc /sys/fs/cgroup/cpu ro - cgroup "
		 "cgroup rw,cpuacct,cpu\n");
	assert_int_equal(quota(desk), 0);
	add_file("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
	add_file("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
	assert_int_equal(quota(desk), 0);
	add_file("/sys/fs/cgroup/cpu/task/cpu.cfs_quota_us", "150000\n");
	add_file("/sys/fs/cgroup/cpu/task/cpu.cfs_period_us", "100000\n");
	assert_int_equal(quota(desk), 1500);
}

static void
a_group_that_is_not_seen_counts_as_the_mounts(void **state)
{
	struct desk *desk = *state;

	add_file("/proc/self/cgroup", "0::/pods-other/x\n");
	add_file("/proc/self/mountinfo",
		 "31 23 0:28 /pods /sys/fs/cgroup rw - cgroup2 c rw\n");
	add_file("/sys/fs/cgroup/cpu.max", "200000 100000\n");
	assert_int_equal(quota(desk), 2000);
}

static void
what_makes_no_sense_limits_nothing(void **state)
{
	static const char *const texts[] = {
		"",
		"\n",
		"max\n",
		"1",
		"-5 100000",
		"100000 0",
		"9223372036854775807 1",
		"x y",
		"100000 -3",
		NULL,
	};
	struct desk *desk = *state;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		forget_files();
		add_file("/proc/self/cgroup", "0::/\n");
		add_file("/proc/self/mountinfo", V2_MOUNTS);
		add_file("/sys/fs/cgroup/cpu.max", texts[i]);
		assert_int_equal(quota(desk), 0);
	}
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		forget_files();
		add_file("/proc/self/cgroup", texts[i]);
		add_file("/proc/self/mountinfo", texts[i]);
		add_file("/sys/fs/cgroup/cpu.max", "100000 100000\n");
		assert_int_equal(quota(desk), 0);
	}
}

static void
give_quota(const char *text)
{
	forget_files();
	add_file("/proc/self/cgroup", "0::/\n");
	add_file("/proc/self/mountinfo", V2_MOUNTS);
	add_file("/sys/fs/cgroup/cpu.max", text);
}

static void
loops_are_no_more_than_the_quota(void **state)
{
	struct desk *desk = *state;

	give_quota("250000 100000\n");
	assert_int_equal(plan(desk), 0);
	assert_int_equal(desk->plan.plan.loops, 2);
	assert_true(desk->plan.plan.is_pinned);
	assert_int_equal(desk->plan.plan.others_count, 1);
	/* one at least, which then has less than a CPU */
	give_quota("50000 100000\n");
	assert_int_equal(plan(desk), 0);
	assert_int_equal(desk->plan.plan.loops, 1);
	assert_false(desk->plan.plan.is_pinned);
	assert_string_equal(desk->line, "runtime: not pinned: 1 loops, a quota "
					"of 0.500 CPUs");
}

static void
more_loops_than_the_quota_are_not_pinned(void **state)
{
	struct desk *desk = *state;

	give_quota("250000 100000\n");
	desk->options.loops = 3;
	assert_int_equal(plan(desk), 0);
	assert_int_equal(desk->plan.plan.loops, 3);
	assert_int_equal(cpu(desk, 0), -1);
	assert_int_equal(desk->lines, 1);
	assert_int_equal(desk->level, GYRE_LOG_INFO);
	assert_string_equal(desk->plan.plan.reason,
			    "3 loops, a quota of 2.500 CPUs");
}

static void
a_list_is_pinned_whatever_the_quota(void **state)
{
	struct desk *desk = *state;
	const unsigned cpus[] = { 3, 5 };

	give_quota("100000 100000\n");
	desk->options.pin = GYRE_PIN_LIST;
	desk->options.cpus = cpus;
	desk->options.cpus_count = 2;
	assert_int_equal(plan(desk), 0);
	assert_int_equal(desk->plan.plan.loops, 2);
	assert_int_equal(cpu(desk, 1), 5);
	assert_int_equal(desk->lines, 1);
	assert_int_equal(desk->level, GYRE_LOG_WARN);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		PLAN_TEST(auto_takes_a_loop_per_allowed_cpu),
		PLAN_TEST(auto_pins_fewer_loops_to_the_first_cpus),
		PLAN_TEST(the_others_are_the_allowed_cpus_without_a_shard),
		PLAN_TEST(auto_pins_none_if_there_are_too_few_cpus),
		PLAN_TEST(none_pins_none_and_says_nothing),
		PLAN_TEST(a_list_is_gone_round),
		PLAN_TEST(a_list_must_have_allowed_cpus),
		PLAN_TEST(an_empty_list_is_refused),
		PLAN_TEST(too_many_loops_are_refused),
		PLAN_TEST(an_unknown_way_to_pin_is_refused),
		PLAN_TEST(unknown_cpus_pin_none_with_a_warning),
		PLAN_TEST(the_tightest_quota_on_the_way_up_counts),
		PLAN_TEST(a_quota_of_the_first_version_counts_too),
		PLAN_TEST(a_group_that_is_not_seen_counts_as_the_mounts),
		PLAN_TEST(what_makes_no_sense_limits_nothing),
		PLAN_TEST(loops_are_no_more_than_the_quota),
		PLAN_TEST(more_loops_than_the_quota_are_not_pinned),
		PLAN_TEST(a_list_is_pinned_whatever_the_quota),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
