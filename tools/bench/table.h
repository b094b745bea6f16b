/* The results of all rounds: medians, spread and ratios. */
#ifndef BENCH_TABLE_H
#define BENCH_TABLE_H

#include <stdbool.h>

#define PROGRAMS   10u
#define ROUNDS_MAX 99u

/* What a program has said in each round. */
struct column {
	unsigned rounds;
	double values[ROUNDS_MAX];
	double p99s[ROUNDS_MAX];
	double cpus[ROUNDS_MAX];
	double rings[ROUNDS_MAX];
};

struct row {
	const char *group;
	const char *name;
	char unit[16]; /* of the values */
	struct column columns[PROGRAMS];
	unsigned noisy; /* runs during which others used the machine */
};

const char *table_program(unsigned program);
const char *table_label(unsigned program);
bool table_is_gyre(unsigned program);
bool table_is_raw(unsigned program);

void row_add(struct row *row, unsigned program, double value, double p99,
	     double cpu, double rings);

/* The peer whose median is the least; PROGRAMS: none took part. */
unsigned row_best_peer(const struct row *row);

/* The median of the values that are known; below 0: there is none. */
double median(const double *values, unsigned count);

/* The least and the most of a column that has rounds. */
void column_spread(const struct column *column, double *ret_least,
		   double *ret_most);

void table_print_head(void);
void row_print(const struct row *row);

/* False: it could not be written, and that was said. */
bool table_write_json(const struct row *rows, unsigned count, const char *path);

#endif
