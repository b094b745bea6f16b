/* hwloc's tree of the machine, asked of each CPU for what is above it. */
#include "gyre_hwloc.h"

#include <errno.h>
#include <hwloc.h>

/* A CPU that hwloc does not know is a core of its own, behind those it does. */
static unsigned
core_of(hwloc_topology_t topology, hwloc_obj_t pu, unsigned index)
{
	hwloc_obj_t core = NULL;

	if (pu != NULL)
		core = hwloc_get_ancestor_obj_by_type(topology, HWLOC_OBJ_CORE,
						      pu);
	if (core != NULL)
		return core->logical_index;
	return (unsigned)hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_CORE) +
	       index;
}

/* Memory that is no NUMA node's of its own is the nearest one's. */
static unsigned
node_of(hwloc_obj_t pu)
{
	int node = pu != NULL ? hwloc_bitmap_first(pu->nodeset) : -1;

	return node < 0 ? 0 : (unsigned)node;
}

static int
describe(void *arg, struct gyre_topology_cpu *cpus, unsigned count)
{
	hwloc_topology_t topology;
	int result = 0;

	(void)arg;
	if (hwloc_topology_init(&topology) < 0)
		return -ENOMEM;
	/* Which CPUs are allowed is known; a container may see them all. */
	if (hwloc_topology_set_flags(
		    topology, HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED) < 0 ||
	    hwloc_topology_load(topology) < 0)
		result = -EIO;
	for (unsigned i = 0; i < count && result == 0; i++) {
		hwloc_obj_t pu =
			hwloc_get_pu_obj_by_os_index(topology, cpus[i].cpu);

		cpus[i].core = core_of(topology, pu, i);
		cpus[i].node = node_of(pu);
	}
	hwloc_topology_destroy(topology);
	return result;
}

const struct gyre_topology *
gyre_hwloc_topology(void)
{
	static const struct gyre_topology topology = { .describe = describe };

	return &topology;
}
