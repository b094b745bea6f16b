/*
 * The hwloc adapter: a machine that is described to hwloc is planned for, and
 * of this one it tells what the system's files do.
 */
#include <gyre_hwloc.h>

#include "runtime/placement.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define CPUS 8

static unsigned lines;

static void
count_line(enum gyre_log_level level, const char *line, void *arg)
{
	(void)level;
	(void)line;
	(void)arg;
	lines++;
}

/* A machine of two nodes, with two cores each, of two CPUs. */
static void
describe_a_machine(void)
{
	lines = 0;
	setenv("HWLOC_SYNTHETIC", "numa:2 core:2 pu:2", 1);
}

static void
ask_hwloc(struct gyre_topology_cpu *cpus, unsigned count)
{
	const struct gyre_topology *topology = gyre_hwloc_topology();

	assert_int_equal(topology->describe(topology->arg, cpus, count), 0);
}

static void
a_described_machine_is_told_of(void **state)
{
	struct gyre_topology_cpu cpus[CPUS];

	(void)state;
	describe_a_machine();
	for (unsigned i = 0; i < CPUS; i++)
		cpus[i] = (struct gyre_topology_cpu){ .cpu = i };
	ask_hwloc(cpus, CPUS);
	for (unsigned i = 0; i < CPUS; i++) {
		assert_int_equal(cpus[i].cpu, i);
		assert_int_equal(cpus[i].core, i / 2);
		assert_int_equal(cpus[i].node, i / 4);
	}
}

static void
cpus_that_hwloc_does_not_know_are_cores_of_their_own(void **state)
{
	struct gyre_topology_cpu cpus[] = { { .cpu = 7 },
					    { .cpu = 8 },
					    { .cpu = 900 } };

	(void)state;
	describe_a_machine();
	ask_hwloc(cpus, 3);
	assert_int_equal(cpus[0].core, 3);
	assert_true(cpus[1].core > 3);
	assert_true(cpus[2].core > 3);
	assert_true(cpus[1].core != cpus[2].core);
}

/* -- plans --------------------------------------------------------------- */

static int
eight_cpus(pthread_t thread, size_t size, cpu_set_t *set)
{
	(void)thread;
	(void)size;
	CPU_ZERO(set);
	for (int i = 0; i < CPUS; i++)
		CPU_SET(i, set);
	return 0;
}

static void
a_runtime_is_planned_by_it(void **state)
{
	static const int expected[] = { 0, 4, 2, 6 };
	struct gyre_sys sys = *gyre__sys(NULL);
	const struct gyre_runtime_options options = {
		.loops = 4,
		.pin = GYRE_PIN_SPREAD,
		.topology = gyre_hwloc_topology(),
		.log.fn = count_line,
		._sys = &sys,
	};
	struct gyre_runtime *runtime;
	const struct gyre_plan *plan;

	(void)state;
	describe_a_machine();
	sys.getaffinity = eight_cpus;
	assert_int_equal(gyre_runtime_new(&options, &runtime), 0);
	plan = gyre_runtime_plan(runtime);
	assert_int_equal(plan->cores, 4);
	assert_int_equal(plan->nodes, 2);
	/* A quota of this machine's may be a reason not to pin. */
	for (unsigned i = 0; i < 4 && plan->is_pinned; i++)
		assert_int_equal(plan->shards[i].cpu, expected[i]);
	gyre_runtime_free(runtime);
}

/* By whatever numbers: the same CPUs share a core, and the same a node. */
static void
of_this_machine_it_tells_what_the_files_do(void **state)
{
	struct gyre_runtime_options options = { .log.fn = count_line };
	struct gyre__topology files, hwloc;
	struct gyre__cpus allowed;

	(void)state;
	unsetenv("HWLOC_SYNTHETIC");
	lines = 0;
	gyre__cpus_allowed(gyre__sys(NULL), &allowed);
	gyre__topology_read(&options, &allowed, &files);
	options.topology = gyre_hwloc_topology();
	gyre__topology_read(&options, &allowed, &hwloc);
	assert_int_equal(lines, 0);
	assert_int_equal(hwloc.count, files.count);
	assert_int_equal(hwloc.cores, files.cores);
	assert_int_equal(hwloc.nodes, files.nodes);
	for (unsigned i = 0; i < files.count; i++) {
		assert_int_equal(hwloc.cpus[i].cpu, files.cpus[i].cpu);
		assert_int_equal(hwloc.cpus[i].core, files.cpus[i].core);
		assert_int_equal(hwloc.cpus[i].sibling, files.cpus[i].sibling);
		assert_int_equal(hwloc.cpus[i].place, files.cpus[i].place);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_described_machine_is_told_of),
		cmocka_unit_test(
			cpus_that_hwloc_does_not_know_are_cores_of_their_own),
		cmocka_unit_test(a_runtime_is_planned_by_it),
		cmocka_unit_test(of_this_machine_it_tells_what_the_files_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
