#include "table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *program;
	const char *label;
} programs[PROGRAMS] = {
	{ "gyre-bench", "gyre" },
	{ "gyre-bench-libuv", "libuv" },
	{ "gyre-bench-libev", "libev" },
	{ "gyre-bench-libevent", "libevent" },
	{ "gyre-bench-asio", "Asio" },
	{ "gyre-bench-glib", "GLib" },
	{ "gyre-bench-redis", "redis" },
	{ "gyre-bench-memcached", "memcached" },
	{ "gyre-bench-nginx", "nginx" },
	{ "gyre-bench-raw", "raw limit" },
};

const char *
table_program(unsigned program)
{
	return programs[program].program;
}

const char *
table_label(unsigned program)
{
	return programs[program].label;
}

bool
table_is_gyre(unsigned program)
{
	return program == 0;
}

bool
table_is_raw(unsigned program)
{
	return program == PROGRAMS - 1;
}

void
row_add(struct row *row, unsigned program, double value, double p99, double cpu,
	double rings)
{
	struct column *column = &row->columns[program];
	unsigned round = column->rounds++;

	column->values[round] = value;
	column->p99s[round] = p99;
	column->cpus[round] = cpu;
	column->rings[round] = rings;
}

static int
compare(const void *a, const void *b)
{
	const double *left = a;
	const double *right = b;

	return (*left > *right) - (*left < *right);
}

double
median(const double *values, unsigned count)
{
	double sorted[ROUNDS_MAX];
	unsigned known = 0;

	for (unsigned i = 0; i < count; i++)
		if (values[i] >= 0)
			sorted[known++] = values[i];
	if (known == 0)
		return -1;
	qsort(sorted, known, sizeof(sorted[0]), compare);
	return known % 2 != 0 ? sorted[known / 2]
			      : (sorted[known / 2 - 1] + sorted[known / 2]) / 2;
}

void
column_spread(const struct column *column, double *ret_least, double *ret_most)
{
	*ret_least = column->values[0];
	*ret_most = column->values[0];
	for (unsigned i = 1; i < column->rounds; i++) {
		if (column->values[i] < *ret_least)
			*ret_least = column->values[i];
		if (column->values[i] > *ret_most)
			*ret_most = column->values[i];
	}
}

unsigned
row_best_peer(const struct row *row)
{
	unsigned best = PROGRAMS;
	double least = 0;

	for (unsigned i = 0; i < PROGRAMS; i++) {
		const struct column *column = &row->columns[i];
		double value = median(column->values, column->rounds);

		if (table_is_gyre(i) || table_is_raw(i) ||
		    column->rounds == 0 || (best < PROGRAMS && value >= least))
			continue;
		best = i;
		least = value;
	}
	return best;
}

/* -- for people ------------------------------------------------------------ */

void
table_print_head(void)
{
	printf("%-12s %-9s %11s %21s %10s %9s %9s\n", "bench", "program",
	       "an op", "least - most", "p99 ns", "CPU ns", "gyre is");
}

static void
print_number(double number, int width)
{
	if (number < 0)
		printf(" %*s", width, "-");
	else
		printf(" %*.1f", width, number);
}

static void
print_column(const struct row *row, unsigned program)
{
	const struct column *column = &row->columns[program];
	double own = median(row->columns[0].values, row->columns[0].rounds);
	double value = median(column->values, column->rounds);
	double least, most;

	column_spread(column, &least, &most);
	printf("%-12s %-9s", row->name, table_label(program));
	print_number(value, 11);
	printf(" %10.1f %10.1f", least, most);
	print_number(median(column->p99s, column->rounds), 10);
	print_number(median(column->cpus, column->rounds), 9);
	/* So many times as good as this one: less is better. */
	if (table_is_gyre(program))
		printf(" %s", row->unit);
	else if (own > 0)
		printf(" %7.2f x%s", value / own,
		       row_best_peer(row) == program ? " the best peer" : "");
	printf("\n");
}

void
row_print(const struct row *row)
{
	for (unsigned i = 0; i < PROGRAMS; i++)
		if (row->columns[i].rounds > 0)
			print_column(row, i);
	if (row->noisy > 0)
		printf("%-12s noisy: others used the machine in %u of the "
		       "runs\n",
		       row->name, row->noisy);
	fflush(stdout);
}

/* -- for programs ---------------------------------------------------------- */

static void
write_number(FILE *file, const char *key, double number)
{
	if (number < 0)
		fprintf(file, ", \"%s\": null", key);
	else
		fprintf(file, ", \"%s\": %.6g", key, number);
}

static void
write_column(FILE *file, const struct row *row, unsigned program)
{
	const struct column *column = &row->columns[program];
	double least, most;

	column_spread(column, &least, &most);
	fprintf(file,
		"{\"group\": \"%s\", \"bench\": \"%s\", \"program\": \"%s\", "
		"\"unit\": \"%s\", \"rounds\": %u",
		row->group, row->name, table_label(program), row->unit,
		column->rounds);
	write_number(file, "median", median(column->values, column->rounds));
	write_number(file, "least", least);
	write_number(file, "most", most);
	write_number(file, "p99", median(column->p99s, column->rounds));
	write_number(file, "cpu_ns", median(column->cpus, column->rounds));
	write_number(file, "eventfd_writes",
		     median(column->rings, column->rounds));
	fprintf(file, ", \"noisy\": %u}", row->noisy);
}

bool
table_write_json(const struct row *rows, unsigned count, const char *path)
{
	FILE *file = fopen(path, "w");
	const char *comma = "[\n";

	if (file == NULL) {
		perror(path);
		return false;
	}
	for (unsigned i = 0; i < count; i++) {
		for (unsigned j = 0; j < PROGRAMS; j++) {
			if (rows[i].columns[j].rounds == 0)
				continue;
			fputs(comma, file);
			write_column(file, &rows[i], j);
			comma = ",\n";
		}
	}
	fputs("\n]\n", file);
	if (fclose(file) == 0)
		return true;
	perror(path);
	return false;
}
