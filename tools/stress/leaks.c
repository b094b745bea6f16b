#include "leaks.h"

#include <dirent.h>
#include <stddef.h>
#include <time.h>

#include "life.h"
#include "report.h"

#define TRIES 2000 /* of a millisecond: a joined thread leaves /proc later */

/* 0 where there is no such folder. */
static unsigned
count_entries(const char *path)
{
	DIR *folder = opendir(path);
	unsigned count = 0;

	if (folder == NULL)
		return 0;
	while (readdir(folder) != NULL)
		count++;
	closedir(folder);
	return count;
}

void
leaks_begin(struct leaks *leaks)
{
	leaks->descriptors = count_entries("/proc/self/fd");
	leaks->threads = count_entries("/proc/self/task");
}

static unsigned
count_threads(unsigned expected)
{
	struct timespec pause = { 0, 1000000 };
	unsigned count = count_entries("/proc/self/task");

	for (unsigned i = 0; count > expected && i < TRIES; i++) {
		nanosleep(&pause, NULL);
		count = count_entries("/proc/self/task");
	}
	return count;
}

void
leaks_check(const struct leaks *leaks, struct life *life)
{
	unsigned threads = count_threads(leaks->threads);
	/* The pipes are closed with the life. */
	unsigned descriptors = count_entries("/proc/self/fd");

	for (unsigned i = 0; i < life->places_count; i++)
		descriptors -= 2 * life->places[i].handlers.count;
	if (descriptors > leaks->descriptors)
		report_broken(LAW_LEAK, life->conductor,
			      "%u descriptors are open, %u were before",
			      descriptors, leaks->descriptors);
	if (threads > leaks->threads)
		report_broken(LAW_LEAK, life->conductor,
			      "%u threads are left, %u were before", threads,
			      leaks->threads);
}
