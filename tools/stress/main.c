/* gyre-stress: drive every path at once, and check that the laws hold; or have
 * many clients do so with a key-value server. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conductor.h"
#include "options.h"
#include "plant.h"
#include "report.h"
#include "soak.h"

#define EXIT_USAGE 2

int
main(int argc, char **argv)
{
	struct options options;
	struct totals totals = { 0 };
	int error;

	switch (options_parse(&options, argc, argv)) {
	case OPTIONS_DONE:
		return EXIT_SUCCESS;
	case OPTIONS_BAD:
		return EXIT_USAGE;
	case OPTIONS_RUN:
		break;
	}
	if (options.kv_port[0] != '\0')
		return soak_run(&options);
	plant_choose(options.plant);
	report_begin(&options);
	error = conductor_run(&options, &totals);
	if (error < 0) {
		fprintf(stderr, "gyre-stress: cannot start: %s\n",
			strerror(-error));
		return EXIT_FAILURE;
	}
	report_end(&options, &totals);
	return EXIT_SUCCESS;
}
