/*
 * Recording into a histogram that other threads read while it is written.
 *
 * One thread at a time writes, with plain additions stored whole; any thread
 * reads, and may miss the latest. Nothing is stopped for a reader.
 */
#ifndef GYRE_BASE_HISTOGRAM_H
#define GYRE_BASE_HISTOGRAM_H

#include <gyre/histogram.h>

#include "base/atomics.h"

/* The bucket of a value; below 0 counts as 0. */
static inline unsigned
gyre__histogram_bucket(int64_t value_ns)
{
	uint64_t value = value_ns > 0 ? (uint64_t)value_ns : 0;
	unsigned shift;

	if (value >> GYRE_HISTOGRAM_RANGE_BITS != 0)
		return GYRE_HISTOGRAM_BUCKETS - 1;
	/* How far it is shifted until the steps of its power of two count. */
	shift = 63u - GYRE_HISTOGRAM_STEP_BITS -
		(unsigned)__builtin_clzll(value | GYRE_HISTOGRAM_STEPS);
	return shift * GYRE_HISTOGRAM_STEPS + (unsigned)(value >> shift);
}

static inline void
gyre__histogram_add(uint64_t *number, uint64_t more)
{
	/* histogram.W1 relaxed: a statistic of a single writer; a reader may
	 * see it late, never torn */
	gyre__store_64_relaxed(number, *number + more);
}

/* Count a value. The writer. */
static inline void
gyre__histogram_record(struct gyre_histogram *histogram, int64_t value_ns)
{
	uint64_t value = value_ns > 0 ? (uint64_t)value_ns : 0;

	gyre__histogram_add(
		&histogram->buckets[gyre__histogram_bucket(value_ns)], 1);
	gyre__histogram_add(&histogram->sum_ns, value);
	if (value > histogram->max_ns)
		/* histogram.W2 relaxed: as W1 */
		gyre__store_64_relaxed(&histogram->max_ns, value);
}

/* Read what has been counted; `count` is the sum of the buckets as read. Any
 * thread. */
void gyre__histogram_read(const struct gyre_histogram *histogram,
			  struct gyre_histogram *ret);

#endif
