/* Reads lengths in nanoseconds, a line each, and prints what the histogram
 * says of them: count, largest, and a quantile for each share given. */
#include <gyre/histogram.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

int
main(int argc, char **argv)
{
	struct gyre_histogram histogram = { 0 };
	int64_t value_ns;

	while (scanf("%" SCNd64, &value_ns) == 1)
		gyre_histogram_record(&histogram, value_ns);
	printf("%" PRIu64 " %" PRIu64, histogram.count, histogram.max_ns);
	for (int i = 1; i < argc; i++)
		printf(" %" PRIu64,
		       gyre_histogram_quantile(&histogram, atof(argv[i])));
	puts("");
	return 0;
}
