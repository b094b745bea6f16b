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

/* -- files of the test's own --------------------------------------------- */

#define FIRST_FD 5000

static struct file {
	const char *path;
	const char *text;
	size_t read;
} files[64];
static unsigned files_count;
static unsigned files_open;

static void
add_file(const char *path, const char *text)
{
	assert_true(files_count < sizeof(files) / sizeof(files[0]));
	files[files_count++] = (struct file){ path, text, 0 };
}

/* A file without text is one that may not be read. */
static int
fake_open(const char *path, int flags, ...)
{
	(void)flags;
	for (unsigned i = 0; i < files_count; i++) {
		if (strcmp(files[i].path, path) != 0)
			continue;
		errno = EACCES;
		if (files[i].text == NULL)
			return -1;
		files[i].read = 0;
		files_open++;
		return FIRST_FD + (int)i;
	}
	errno = ENOENT;
	return -1;
}

/* A few bytes at a time, now and then interrupted. */
static ssize_t
fake_read(int fd, void *bytes, size_t size)
{
	static unsigned calls;
	struct file *file = &files[fd - FIRST_FD];
	size_t left = strlen(file->text) - file->read;
	size_t count = size < left ? size : left;

	if (++calls % 5 == 0) {
		errno = EINTR;
		return -1;
	}
	if (count > 7)
		count = 7;
	memcpy(bytes, file->text + file->read, count);
	file->read += count;
	return (ssize_t)count;
}

static int
fake_close(int fd)
{
	assert_true(fd >= FIRST_FD);
	files_open--;
	return 0;
}

static int
all_files_are_closed(void **state)
{
	(void)state;
	return files_open == 0 ? 0 : -1;
}

static int
setup(void **state)
{
	static struct desk desk;

	memset(&desk, 0, sizeof(desk));
	desk.sys = gyre__sys_default;
	desk.sys.getaffinity = odd_affinity;
	desk.sys.open = fake_open;
	desk.sys.read = fake_read;
	desk.sys.close = fake_close;
	files_count = 0;
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
	return desk->plan.shards[shard].cpu;
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
		files_count = 0;
		add_file("/proc/self/cgroup", "0::/\n");
		add_file("/proc/self/mountinfo", V2_MOUNTS);
		add_file("/sys/fs/cgroup/cpu.max", texts[i]);
		assert_int_equal(quota(desk), 0);
	}
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		files_count = 0;
		add_file("/proc/self/cgroup", texts[i]);
		add_file("/proc/self/mountinfo", texts[i]);
		add_file("/sys/fs/cgroup/cpu.max", "100000 100000\n");
		assert_int_equal(quota(desk), 0);
	}
}

static void
give_quota(const char *text)
{
	files_count = 0;
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

/* -- topology ------------------------------------------------------------ */

/* Eight CPUs in two nodes; 0 and 4 are one core, 1 and 5, and so on. */
static int
eight_affinity(pthread_t thread, size_t size, cpu_set_t *set)
{
	(void)thread;
	(void)size;
	CPU_ZERO(set);
	for (int i = 0; i < 8; i++)
		CPU_SET(i, set);
	return 0;
}

static void
give_eight(struct desk *desk)
{
	static char paths[16][80];
	static const char *const cores[] = { "0", "1", "0", "1" };

	desk->sys.getaffinity = eight_affinity;
	add_file("/sys/devices/system/node/online", "0-1\n");
	add_file("/sys/devices/system/node/node0/cpulist", "0-1,4-5\n");
	add_file("/sys/devices/system/node/node1/cpulist", "2,3,6-7\n");
	for (int i = 0; i < 8; i++) {
		snprintf(paths[2 * i], sizeof(paths[0]),
			 "/sys/devices/system/cpu/cpu%d/topology/core_id", i);
		snprintf(paths[2 * i + 1], sizeof(paths[0]),
			 "/sys/devices/system/cpu/cpu%d/topology/"
			 "physical_package_id",
			 i);
		add_file(paths[2 * i], cores[i % 4]);
		add_file(paths[2 * i + 1], i % 4 < 2 ? "0\n" : "1\n");
	}
}

static void
check_cpus(struct desk *desk, enum gyre_pin pin, unsigned loops,
	   const int *expected)
{
	desk->options.pin = pin;
	desk->options.loops = loops;
	assert_int_equal(plan(desk), 0);
	assert_int_equal(desk->plan.plan.cpus, 8);
	assert_int_equal(desk->plan.plan.cores, 4);
	assert_int_equal(desk->plan.plan.nodes, 2);
	for (unsigned i = 0; i < desk->plan.plan.loops; i++)
		assert_int_equal(cpu(desk, i), expected[i]);
}

static void
spread_takes_nodes_in_turn_and_siblings_last(void **state)
{
	const int expected[] = { 0, 2, 1, 3, 4, 6, 5, 7 };
	struct desk *desk = *state;

	give_eight(desk);
	check_cpus(desk, GYRE_PIN_SPREAD, 8, expected);
	check_cpus(desk, GYRE_PIN_AUTO, 3, expected);
	assert_int_equal(desk->plan.plan.shards[1].node, 1);
	assert_int_equal(desk->plan.plan.shards[1].core, 2);
	assert_int_equal(desk->plan.plan.others_count, 5);
}

static void
pack_fills_a_core_and_a_node_first(void **state)
{
	const int expected[] = { 0, 4, 1, 5, 2, 6, 3, 7 };
	struct desk *desk = *state;

	give_eight(desk);
	check_cpus(desk, GYRE_PIN_PACK, 8, expected);
	check_cpus(desk, GYRE_PIN_PACK, 3, expected);
}

static void
core_takes_one_cpu_of_each(void **state)
{
	const int expected[] = { 0, 2, 1, 3 };
	struct desk *desk = *state;

	give_eight(desk);
	check_cpus(desk, GYRE_PIN_CORE, 0, expected);
	assert_int_equal(desk->plan.plan.loops, 4);
	assert_int_equal(desk->plan.plan.others_count, 4);
	desk->options.loops = 5;
	assert_int_equal(plan(desk), 0);
	assert_string_equal(desk->plan.plan.reason, "5 loops, 4 allowed cores");
}

static void
a_list_tells_core_and_node_too(void **state)
{
	const unsigned cpus[] = { 7, 4 };
	const int expected[] = { 7, 4 };
	struct desk *desk = *state;

	give_eight(desk);
	desk->options.cpus = cpus;
	desk->options.cpus_count = 2;
	check_cpus(desk, GYRE_PIN_LIST, 0, expected);
	assert_int_equal(desk->plan.plan.shards[0].node, 1);
	assert_int_equal(desk->plan.plan.shards[0].core, 3);
	assert_int_equal(desk->plan.plan.shards[1].core, 0);
}

static void
broken_files_make_cpus_of_their_own(void **state)
{
	static const char *const texts[] = { "",  "x",   "-1",  "3-",
					     ",", "0-x", "5,x", NULL };
	struct desk *desk = *state;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		files_count = 0;
		add_file("/sys/devices/system/node/online", texts[i]);
		add_file("/sys/devices/system/node/node0/cpulist", texts[i]);
		add_file("/sys/devices/system/cpu/cpu3/topology/core_id",
			 texts[i]);
		desk->options.pin = GYRE_PIN_AUTO;
		assert_int_equal(plan(desk), 0);
		assert_int_equal(desk->plan.plan.cores, 3);
		assert_int_equal(desk->plan.plan.nodes, 1);
		assert_int_equal(cpu(desk, 2), 900);
	}
}

#define PLAN_TEST(name) \
	cmocka_unit_test_setup_teardown(name, setup, all_files_are_closed)

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
		PLAN_TEST(spread_takes_nodes_in_turn_and_siblings_last),
		PLAN_TEST(pack_fills_a_core_and_a_node_first),
		PLAN_TEST(core_takes_one_cpu_of_each),
		PLAN_TEST(a_list_tells_core_and_node_too),
		PLAN_TEST(broken_files_make_cpus_of_their_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
