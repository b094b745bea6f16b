/* gyre-bench: one bench of gyre's, or all of them beside its peers. */
#include <string.h>

#include "all.h"
#include "gyre_benches.h"
#include "gyre_driver.h"
#include "pool.h"
#if defined(__linux__)
#define DRIVER_SERVES
#include "gyre_servers.h"
#endif

#define DRIVER_POOL POOL_WHAT " lane=fast"
#if defined(__GLIBC__)
#define DRIVER_SUBSCRIBES
#endif
#include "shapes.h"

int
main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "all") == 0)
		return all_main(argc, argv);
	return bench_main(argc, argv, benches);
}
