/* A user of hwloc's topology. */
#include <gyre/gyre.h>
#include <gyre_hwloc.h>

int
main(void)
{
	const struct gyre_runtime_options options = {
		.loops = 1,
		.topology = gyre_hwloc_topology(),
	};
	struct gyre_runtime *runtime;

	if (gyre_runtime_new(&options, &runtime) < 0 ||
	    gyre_runtime_plan(runtime)->cores == 0)
		return 1;
	gyre_runtime_free(runtime);
	return 0;
}
