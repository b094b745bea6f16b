#include "plot.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>

static void
plot(FILE *gnuplot, const struct row *row, const char *directory)
{
	fprintf(gnuplot,
		"set output '%s/%s.svg'\n"
		"set title '%s: %s an operation, median and spread'\n"
		"$rows << END\n",
		directory, row->name, row->name, row->unit);
	for (unsigned i = 0; i < PROGRAMS; i++) {
		const struct column *column = &row->columns[i];
		double least, most;

		if (column->rounds == 0)
			continue;
		column_spread(column, &least, &most);
		fprintf(gnuplot, "\"%s\" %g %g %g\n", table_label(i),
			median(column->values, column->rounds), least, most);
	}
	fprintf(gnuplot,
		"END\n"
		"plot $rows using 0:2:3:4:xtic(1) with boxerrorbars notitle\n");
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
	fputs("set terminal svg size 640,400\n"
	      "set style fill solid 0.4\n"
	      "set boxwidth 0.6\n"
	      "set yrange [0:*]\n"
	      "set grid y\n",
	      gnuplot);
	for (unsigned i = 0; i < count; i++)
		plot(gnuplot, &rows[i], directory);
	status = pclose(gnuplot);
	if (status == 0)
		return true;
	fprintf(stderr, "gyre-bench: no pictures: gnuplot ended with %d\n",
		WIFEXITED(status) ? WEXITSTATUS(status) : -1);
	return false;
}
