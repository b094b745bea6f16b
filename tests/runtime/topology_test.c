/* The plan, by how the CPUs hang together. */
#include "tests/runtime/placement_fixture.h"

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

/* -- who else tells ------------------------------------------------------ */

/* Pairs of neighbours are one core each, and a node. */
static int
pair_up(void *arg, struct gyre_topology_cpu *cpus, unsigned count)
{
	int *result = arg;

	assert_int_equal(count, 8);
	for (unsigned i = 0; i < count; i++) {
		assert_int_equal(cpus[i].cpu, i);
		cpus[i].core = 100 - i / 2;
		cpus[i].node = i / 2;
	}
	return *result;
}

static void
a_topology_of_the_users_comes_before_the_files(void **state)
{
	const int expected[] = { 0, 2, 4, 6, 1, 3, 5, 7 };
	int result = 0;
	const struct gyre_topology topology = { pair_up, &result };
	struct desk *desk = *state;

	give_eight(desk);
	desk->options.topology = &topology;
	desk->options.pin = GYRE_PIN_SPREAD;
	assert_int_equal(plan(desk), 0);
	assert_int_equal(desk->plan.plan.cores, 4);
	assert_int_equal(desk->plan.plan.nodes, 4);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(cpu(desk, i), expected[i]);
	assert_int_equal(desk->lines, 0);
}

static void
one_that_fails_leaves_it_to_the_files(void **state)
{
	const int expected[] = { 0, 2, 1, 3, 4, 6, 5, 7 };
	int result = -EIO;
	const struct gyre_topology topology = { pair_up, &result };
	struct desk *desk = *state;

	give_eight(desk);
	desk->options.topology = &topology;
	check_cpus(desk, GYRE_PIN_SPREAD, 8, expected);
	assert_int_equal(desk->lines, 1);
	assert_int_equal(desk->level, GYRE_LOG_WARN);
	assert_non_null(strstr(desk->line, "EIO"));
}

static void
broken_files_make_cpus_of_their_own(void **state)
{
	static const char *const texts[] = { "",  "x",   "-1",  "3-",
					     ",", "0-x", "5,x", NULL };
	struct desk *desk = *state;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		forget_files();
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		PLAN_TEST(spread_takes_nodes_in_turn_and_siblings_last),
		PLAN_TEST(pack_fills_a_core_and_a_node_first),
		PLAN_TEST(core_takes_one_cpu_of_each),
		PLAN_TEST(a_list_tells_core_and_node_too),
		PLAN_TEST(a_topology_of_the_users_comes_before_the_files),
		PLAN_TEST(one_that_fails_leaves_it_to_the_files),
		PLAN_TEST(broken_files_make_cpus_of_their_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
