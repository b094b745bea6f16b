/*
 * A bulletin: a loop's counters, all as they were at one moment, for any thread
 * to read.
 *
 * Two pages and the number of the latest. The writer fills the other page and
 * then counts it; a reader takes the latest and looks whether it still is. So
 * neither ever waits for the other, be it preempted in the midst of it: a
 * reader begins anew only when a whole page was published meanwhile.
 */
#ifndef GYRE_LOOP_BULLETIN_H
#define GYRE_LOOP_BULLETIN_H

#include <gyre/loop.h>

#include "base/sys.h"

#include <stdalign.h>

#define GYRE__NEVER INT64_MIN /* no instant */

struct gyre__page {
	/* Its busy_ns is what the runs that have ended took. */
	struct gyre_loop_stats stats;
	int64_t started_ns; /* of the run that goes on; GYRE__NEVER: none */
	int64_t asleep_ns;  /* since when it sleeps; GYRE__NEVER: it does not */
};

#define GYRE__PAGE_WORDS (sizeof(struct gyre__page) / sizeof(uint64_t))

struct gyre__bulletin {
	/* -- one writer, any reader, atomic -- */
	alignas(GYRE__CACHE_PAIR) uint64_t latest; /* 0: nothing yet */
	uint64_t pages[2][GYRE__PAGE_WORDS];
	/* -- readers, atomic: what they have told, which must not shrink -- */
	alignas(GYRE__CACHE_PAIR) uint64_t told_busy_ns;
	uint64_t told_idle_ns;
};

/* The one writer. */
void gyre__bulletin_write(struct gyre__bulletin *bulletin,
			  const struct gyre__page *page);

/* Any thread; zeroes before the first page. */
void gyre__bulletin_read(const struct gyre__bulletin *bulletin,
			 struct gyre__page *ret_page);

/* What is to be told of a time that grows, so that no reader sees it shrink:
 * the most that was told. Any thread. */
int64_t gyre__bulletin_tell(uint64_t *told_ns, int64_t now_ns);

#endif
