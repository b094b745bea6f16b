/* A picture a group of benches, by gnuplot. */
#ifndef BENCH_PLOT_H
#define BENCH_PLOT_H

#include "table.h"

/* The rows of a group follow one another. False: there is no gnuplot, or it
 * failed; it was said. */
bool plot_all(const struct row *rows, unsigned count, const char *directory);

#endif
