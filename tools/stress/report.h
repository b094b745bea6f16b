/* What is said: that it goes on, that a law broke, how it ended. */
#ifndef STRESS_REPORT_H
#define STRESS_REPORT_H

#include <stdint.h>

#include "actor.h"
#include "options.h"

enum law {
	LAW_CONSERVATION,
	LAW_ORDER,
	LAW_ONCE,
	LAW_STALL,
	LAW_ROUTING,
	LAW_PAYLOAD,
	LAW_TIME,
	LAW_WAKEUPS,
	LAW_LEAK,
	LAW_ERRORS,
};

/* What a run has done so far. */
struct totals {
	struct tally tally[PATHS];
	uint64_t lives;
	uint64_t restarts;
	uint64_t hushes;
	uint64_t hops; /* of the one task that is under way in a hush */
	int64_t elapsed_ns;
};

/*
 * A law broke: say which and how, with what repeats it and the last events of
 * this thread and of the other one, and exit with 1. The first to call it is
 * heard; the others wait for the end.
 */
_Noreturn void report_broken(enum law law, const struct actor *other,
			     const char *format, ...)
	__attribute__((format(printf, 3, 4)));

void report_begin(const struct options *options);
void report_progress(const struct totals *totals);
void report_end(const struct options *options, const struct totals *totals);

/* What was run, over all paths. */
uint64_t report_run(const struct tally tally[PATHS]);

#endif
