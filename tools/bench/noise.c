#include "noise.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* All that is not idle: user, nice and system, interrupts, and what the host
 * took away. */
static double
machine_s(void)
{
	unsigned long long ticks[8] = { 0 };
	FILE *file = fopen("/proc/stat", "r");
	double busy = 0;

	if (file == NULL)
		return 0;
	if (fscanf(file, "cpu %llu %llu %llu %llu %llu %llu %llu %llu",
		   &ticks[0], &ticks[1], &ticks[2], &ticks[3], &ticks[4],
		   &ticks[5], &ticks[6], &ticks[7]) == 8)
		for (unsigned i = 0; i < 8; i++)
			busy += i == 3 || i == 4 ? 0 : (double)ticks[i];
	fclose(file);
	return busy / (double)sysconf(_SC_CLK_TCK);
}

static double
seconds_of(const struct rusage *usage)
{
	return (double)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) +
	       (double)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) /
		       1e6;
}

static double
own_s(void)
{
	struct rusage self, children;

	getrusage(RUSAGE_SELF, &self);
	getrusage(RUSAGE_CHILDREN, &children);
	return seconds_of(&self) + seconds_of(&children);
}

static double
wall_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void
noise_begin(struct noise *noise)
{
	noise->machine_s = machine_s();
	noise->own_s = own_s();
	noise->wall_s = wall_s();
}

double
noise_end(const struct noise *noise)
{
	double busy = machine_s() - noise->machine_s;
	double own = own_s() - noise->own_s;
	double wall = wall_s() - noise->wall_s;

	if (machine_s() == 0 || wall <= 0)
		return 0;
	/* The machine counts in ticks: a short run can't be told from them. */
	return wall < 0.2 || busy < own ? 0 : (busy - own) / wall;
}
