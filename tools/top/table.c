/*
 * Rates are those between two samples, by the clock of the process.
 */
#include "table.h"

#include <inttypes.h>
#include <string.h>

#define BAR_WIDTH  10
#define MATRIX_MAX 16 /* loops: more are not readable */

static double
rate(uint64_t before, uint64_t now, double seconds)
{
	return now > before && seconds > 0 ? (double)(now - before) / seconds
					   : 0;
}

/* Eight bytes. */
static void
write_time(FILE *file, uint64_t ns)
{
	static const char *const units[] = { "ns", "us", "ms", "s" };
	double value = (double)ns;
	unsigned unit = 0;

	while (value >= 999.5 && unit < 3) {
		value /= 1000;
		unit++;
	}
	fprintf(file, " %5.*f%-2s", value < 10 && unit > 0 ? 1 : 0, value,
		units[unit]);
}

static double
share(uint64_t before_ns, uint64_t now_ns, double seconds)
{
	double part = rate(before_ns, now_ns, seconds) / 1e9;

	return part > 1 ? 1 : part;
}

/* Busy, and behind it spinning; the number is the busy part. */
static void
write_bar(FILE *file, double busy, double spinning)
{
	unsigned full = (unsigned)(busy * BAR_WIDTH + 0.5);
	unsigned both = (unsigned)((busy + spinning) * BAR_WIDTH + 0.5);

	fputc('[', file);
	for (unsigned i = 0; i < BAR_WIDTH; i++)
		fputc(i < full ? '|' : i < both ? '.' : ' ', file);
	fprintf(file, "] %3.0f%%", busy * 100);
}

static void
write_loops(FILE *file, const struct sample *before, const struct sample *now,
	    double seconds)
{
	fprintf(file, "%4s %4s  %-17s %8s %6s %9s %8s %8s %8s %9s %12s\n",
		"loop", "cpu", "busy", "iter/s", "queue", "lag p50", "p99",
		"max", "rings/s", "timeouts", "connections");
	for (unsigned i = 0; i < now->loops_count; i++) {
		const struct loop_sample *loop = &now->loops[i];
		const struct loop_sample *old = &before->loops[i];

		fprintf(file, "%4u ", i);
		if (loop->cpu >= 0)
			fprintf(file, "%4d  ", loop->cpu);
		else
			fprintf(file, "   -  ");
		write_bar(file, share(old->busy_ns, loop->busy_ns, seconds),
			  share(old->spinning_ns, loop->spinning_ns, seconds));
		fprintf(file, " %8.0f %6" PRIu64 " ",
			rate(old->iterations, loop->iterations, seconds),
			loop->waiting);
		write_time(file, loop->lag.p50_ns);
		write_time(file, loop->lag.p99_ns);
		write_time(file, loop->lag.max_ns);
		fprintf(file, " %8.0f %9" PRIu64 " %12" PRIu64 "\n",
			rate(old->rings, loop->rings, seconds),
			loop->timeouts_waiting, loop->connections);
	}
}

static void
write_matrix(FILE *file, const struct sample *before, const struct sample *now,
	     double seconds)
{
	unsigned count = now->loops_count;

	if (count < 2 || count > MATRIX_MAX)
		return;
	fprintf(file, "\nsent/s  to");
	for (unsigned to = 0; to < count; to++)
		fprintf(file, " %8u", to);
	for (unsigned from = 0; from < count; from++) {
		fprintf(file, "\nfrom %5u", from);
		for (unsigned to = 0; to < count; to++)
			fprintf(file, " %8.0f",
				rate(before->sent[from * count + to],
				     now->sent[from * count + to], seconds));
	}
	fputc('\n', file);
}

static void
write_lanes(FILE *file, const struct sample *before, const struct sample *now,
	    double seconds)
{
	fprintf(file, "\nlane          threads  running  waiting    jobs/s"
		      "  delay p50      p99      max\n");
	for (unsigned i = 0; i < now->lanes_count; i++) {
		const struct lane_sample *lane = &now->lanes[i];
		bool same = i < before->lanes_count;

		fprintf(file, "%-12s %8u %8" PRIu64 " %8" PRIu64 " %9.0f  ",
			lane->name, lane->threads, lane->running, lane->waiting,
			same ? rate(before->lanes[i].run, lane->run, seconds)
			     : 0);
		write_time(file, lane->delay.p50_ns);
		write_time(file, lane->delay.p99_ns);
		write_time(file, lane->delay.max_ns);
		fputc('\n', file);
	}
}

static void
write_stalls(FILE *file, const struct sample *now)
{
	if (now->stalls_count == 0)
		return;
	fprintf(file, "\nthe latest stalls, of");
	for (unsigned i = 0; i < now->loops_count; i++)
		fprintf(file, " %" PRIu64, now->loops[i].stalls);
	fprintf(file, " by loop\n%4s %8s %8s  %-11s  %s\n", "loop", "began",
		"for", "", "in");
	for (unsigned i = 0; i < now->stalls_count; i++) {
		const struct stall_sample *stall = &now->stalls[i];
		int64_t ago_ns = now->now_ns - stall->began_ns;

		fprintf(file, "%4u", stall->loop);
		write_time(file, ago_ns > 0 ? (uint64_t)ago_ns : 0);
		write_time(file, stall->duration_ns);
		fprintf(file, "%c  %-11s  %s%s%s\n", stall->is_over ? ' ' : '+',
			stall->kind, stall->callback,
			stall->wait[0] != '\0' ? ", in " : "", stall->wait);
	}
}

void
table_write(FILE *file, const struct sample *before, const struct sample *now)
{
	double seconds = (double)(now->now_ns - before->now_ns) / 1e9;

	fprintf(file, "gyre %s, process %" PRId64 ", %s, over %.1f s\n\n",
		now->version, now->pid, now->phase, seconds);
	write_loops(file, before, now, seconds);
	write_matrix(file, before, now, seconds);
	write_lanes(file, before, now, seconds);
	write_stalls(file, now);
}
