/*
 * Read from the files that Linux has for it, without a library, unless somebody
 * else tells: everything that placement asks is in three of them. A system
 * without them has CPUs of which nothing more is known.
 */
#include "runtime/topology.h"

#include "base/log.h"
#include "runtime/small_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NODES_MAX  1024u
#define LIST_BYTES 4096u
#define NUMBER_MAX 1000000u

/* -- reading ------------------------------------------------------------- */

/* The next range of "0-3,8,10-11"; false: the list is over, or broken. */
static bool
next_range(const char **list, unsigned *ret_first, unsigned *ret_last)
{
	char *end;

	if (**list < '0' || **list > '9')
		return false;
	*ret_first = (unsigned)strtoul(*list, &end, 10);
	*ret_last = *ret_first;
	if (*end == '-' && end[1] >= '0' && end[1] <= '9')
		*ret_last = (unsigned)strtoul(end + 1, &end, 10);
	if (*end == ',')
		end++;
	*list = end;
	return true;
}

static void
set_node(struct gyre__topology *topology, unsigned first, unsigned last,
	 unsigned node)
{
	for (unsigned i = 0; i < topology->count; i++)
		if (topology->cpus[i].cpu >= first &&
		    topology->cpus[i].cpu <= last)
			topology->cpus[i].node = node;
}

static void
read_node(const struct gyre_sys *sys, struct gyre__topology *topology,
	  unsigned node)
{
	char path[64], text[LIST_BYTES];
	const char *list = text;
	unsigned first, last;

	snprintf(path, sizeof(path), "/sys/devices/system/node/node%u/cpulist",
		 node);
	if (gyre__small_file_read(sys, path, text, sizeof(text)) < 0)
		return;
	while (next_range(&list, &first, &last))
		set_node(topology, first, last, node);
}

static void
read_nodes(const struct gyre_sys *sys, struct gyre__topology *topology)
{
	char text[LIST_BYTES];
	const char *list = text;
	unsigned first, last;

	if (gyre__small_file_read(sys, "/sys/devices/system/node/online", text,
				  sizeof(text)) < 0)
		return;
	while (next_range(&list, &first, &last))
		for (unsigned node = first; node <= last && node < NODES_MAX;
		     node++)
			read_node(sys, topology, node);
}

static bool
read_number(const struct gyre_sys *sys, unsigned cpu, const char *name,
	    unsigned *ret_number)
{
	char path[96];

	snprintf(path, sizeof(path),
		 "/sys/devices/system/cpu/cpu%u/topology/%s", cpu, name);
	return gyre__small_file_number(sys, path, NUMBER_MAX, ret_number);
}

/* A number that two CPUs have in common only if they share a core. */
static uint64_t
read_core(const struct gyre_sys *sys, unsigned cpu)
{
	unsigned package, core;

	if (!read_number(sys, cpu, "physical_package_id", &package) ||
	    !read_number(sys, cpu, "core_id", &core))
		return UINT64_MAX - cpu;
	return (uint64_t)package << 32 | core;
}

/* -- counting ------------------------------------------------------------ */

static unsigned
count_before(const struct gyre__topology *topology, unsigned index,
	     bool (*is_like)(const struct gyre__topology_cpu *one,
			     const struct gyre__topology_cpu *other))
{
	unsigned count = 0;

	for (unsigned i = 0; i < index; i++)
		if (is_like(&topology->cpus[i], &topology->cpus[index]))
			count++;
	return count;
}

static bool
shares_core(const struct gyre__topology_cpu *one,
	    const struct gyre__topology_cpu *other)
{
	return one->core == other->core;
}

static bool
is_first_in_node(const struct gyre__topology_cpu *one,
		 const struct gyre__topology_cpu *other)
{
	return one->node == other->node && one->sibling == 0;
}

static bool
shares_node(const struct gyre__topology_cpu *one,
	    const struct gyre__topology_cpu *other)
{
	return one->node == other->node;
}

static void
number_cores(struct gyre__topology *topology, const uint64_t *cores)
{
	for (unsigned i = 0; i < topology->count; i++) {
		unsigned same = 0;

		while (cores[same] != cores[i])
			same++;
		topology->cpus[i].core = same == i ? topology->cores++
						   : topology->cpus[same].core;
	}
}

static void
number_places(struct gyre__topology *topology)
{
	for (unsigned i = 0; i < topology->count; i++) {
		struct gyre__topology_cpu *cpu = &topology->cpus[i];

		cpu->sibling = count_before(topology, i, shares_core);
		if (count_before(topology, i, shares_node) == 0)
			topology->nodes++;
	}
	for (unsigned i = 0; i < topology->count; i++) {
		struct gyre__topology_cpu *cpu = &topology->cpus[i];
		unsigned first = i;

		/* A sibling's place is its core's. */
		while (cpu->sibling > 0 &&
		       (topology->cpus[first].core != cpu->core ||
			topology->cpus[first].sibling > 0))
			first--;
		cpu->place = count_before(topology, first, is_first_in_node);
	}
}

static void
read_files(const struct gyre_sys *sys, struct gyre__topology *topology,
	   uint64_t *cores)
{
	for (unsigned i = 0; i < topology->count; i++)
		cores[i] = read_core(sys, topology->cpus[i].cpu);
	read_nodes(sys, topology);
}

/* False: it does not tell, which is said. */
static bool
ask(const struct gyre_topology *source, const struct gyre_log *log,
    struct gyre__topology *topology, uint64_t *cores)
{
	struct gyre_topology_cpu cpus[GYRE__CPUS_MAX];
	int result;

	memset(cpus, 0, sizeof(cpus));
	for (unsigned i = 0; i < topology->count; i++)
		cpus[i].cpu = topology->cpus[i].cpu;
	result = source->describe(source->arg, cpus, topology->count);
	if (result < 0) {
		gyre__log(log, GYRE_LOG_WARN,
			  "runtime: no topology, but that of the system's "
			  "files: %s",
			  gyre_error_name(result));
		return false;
	}
	for (unsigned i = 0; i < topology->count; i++) {
		cores[i] = cpus[i].core;
		topology->cpus[i].node = cpus[i].node;
	}
	return true;
}

void
gyre__topology_read(const struct gyre_runtime_options *options,
		    const struct gyre__cpus *allowed,
		    struct gyre__topology *ret)
{
	uint64_t cores[GYRE__CPUS_MAX];

	memset(ret, 0, sizeof(*ret));
	for (unsigned cpu = 0; cpu < GYRE__CPUS_MAX; cpu++)
		if (gyre__cpus_has(allowed, cpu))
			ret->cpus[ret->count++].cpu = cpu;
	if (options->topology == NULL ||
	    !ask(options->topology, &options->log, ret, cores))
		read_files(gyre__sys(options->_sys), ret, cores);
	number_cores(ret, cores);
	number_places(ret);
}

/* -- ordering ------------------------------------------------------------ */

static int
by(unsigned one, unsigned other)
{
	return (one > other) - (one < other);
}

static int
compare_apart(const void *a, const void *b)
{
	const struct gyre__topology_cpu *one = a;
	const struct gyre__topology_cpu *other = b;
	int order = by(one->sibling, other->sibling);

	if (order == 0)
		order = by(one->place, other->place);
	if (order == 0)
		order = by(one->node, other->node);
	return order != 0 ? order : by(one->cpu, other->cpu);
}

static int
compare_together(const void *a, const void *b)
{
	const struct gyre__topology_cpu *one = a;
	const struct gyre__topology_cpu *other = b;
	int order = by(one->node, other->node);

	if (order == 0)
		order = by(one->core, other->core);
	return order != 0 ? order : by(one->cpu, other->cpu);
}

void
gyre__topology_sort(struct gyre__topology *topology,
		    enum gyre__topology_order order)
{
	qsort(topology->cpus, topology->count, sizeof(topology->cpus[0]),
	      order == GYRE__TOPOLOGY_APART ? compare_apart : compare_together);
}
