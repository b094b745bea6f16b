#include "plot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* A program's bar in a row, as a ratio to gyre's. */
static void
plot_column(FILE *gnuplot, const struct row *row, unsigned program)
{
	const struct column *column = &row->columns[program];
	double own = median(row->columns[0].values, row->columns[0].rounds);
	double least, most;

	if (column->rounds == 0 || own <= 0) {
		fputs(" ? ? ?", gnuplot);
		return;
	}
	column_spread(column, &least, &most);
	fprintf(gnuplot, " %g %g %g",
		median(column->values, column->rounds) / own, least / own,
		most / own);
}

static bool
takes_part(const struct row *rows, unsigned count, unsigned program)
{
	for (unsigned i = 0; i < count; i++)
		if (rows[i].columns[program].rounds > 0)
			return true;
	return false;
}

/* Rows of one group: bars in clusters, one of which is a row. */
static void
plot_group(FILE *gnuplot, const struct row *rows, unsigned count,
	   const char *directory)
{
	const char *separator = "plot";

	fprintf(gnuplot,
		"set output '%s/%s.svg'\n"
		"set title '%s: so many times what gyre takes, median and "
		"spread'\n"
		"$rows << END\n",
		directory, rows->group, rows->group);
	for (unsigned i = 0; i < count; i++) {
		fprintf(gnuplot, "\"%s\"", rows[i].name);
		for (unsigned k = 0; k < PROGRAMS; k++)
			plot_column(gnuplot, &rows[i], k);
		fputc('\n', gnuplot);
	}
	fputs("END\n", gnuplot);
	for (unsigned k = 0; k < PROGRAMS; k++) {
		if (!takes_part(rows, count, k))
			continue;
		fprintf(gnuplot, "%s $rows using %u:%u:%u:xtic(1) title '%s'",
			separator, 3 * k + 2, 3 * k + 3, 3 * k + 4,
			table_label(k));
		separator = ",";
	}
	fputc('\n', gnuplot);
}

bool
plot_all(const struct row *rows, unsigned count, const char *directory)
{
	FILE *gnuplot;
	int status;

	(void)mkdir(directory, 0777);
	gnuplot = popen("gnuplot", "w");
	if (gnuplot == NULL) {
		perror("gnuplot");
		return false;
	}
	fputs("set terminal svg size 900,420 background 'white'\n"
	      "set style fill solid 0.6\n"
	      "set style data histograms\n"
	      "set style histogram errorbars gap 2\n"
	      "set datafile missing '?'\n"
	      "set logscale y 2\n"
	      "set key outside right top\n"
	      "set grid y\n",
	      gnuplot);
	for (unsigned i = 0, length; i < count; i += length) {
		for (length = 1;
		     i + length < count &&
		     strcmp(rows[i + length].group, rows[i].group) == 0;
		     length++)
			continue;
		plot_group(gnuplot, &rows[i], length, directory);
	}
	status = pclose(gnuplot);
	if (status == 0)
		return true;
	fprintf(stderr, "gyre-bench: no pictures: gnuplot ended with %d\n",
		WIFEXITED(status) ? WEXITSTATUS(status) : -1);
	return false;
}
