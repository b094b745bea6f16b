/*
 * Histograms: what is done with them when nobody is in a hurry. Rejected: a
 * count beside the buckets, which would be one more store for each value and
 * could disagree with them while it is read.
 */
#include "base/histogram.h"

#include "base/check.h"

void
gyre__histogram_read(const struct gyre_histogram *histogram,
		     struct gyre_histogram *ret)
{
	ret->count = 0;
	for (unsigned i = 0; i < GYRE_HISTOGRAM_BUCKETS; i++) {
		/* histogram.R1 relaxed: a statistic */
		ret->buckets[i] = gyre__load_64_relaxed(&histogram->buckets[i]);
		ret->count += ret->buckets[i];
	}
	/* histogram.R2 relaxed: as R1 */
	ret->sum_ns = gyre__load_64_relaxed(&histogram->sum_ns);
	/* histogram.R3 relaxed: as R1 */
	ret->max_ns = gyre__load_64_relaxed(&histogram->max_ns);
}

void
gyre_histogram_record(struct gyre_histogram *histogram, int64_t value_ns)
{
	GYRE_REQUIRE(histogram != NULL);
	gyre__histogram_record(histogram, value_ns);
	histogram->count++;
}

void
gyre_histogram_merge(struct gyre_histogram *into,
		     const struct gyre_histogram *from)
{
	for (unsigned i = 0; i < GYRE_HISTOGRAM_BUCKETS; i++)
		into->buckets[i] += from->buckets[i];
	into->count += from->count;
	into->sum_ns += from->sum_ns;
	if (from->max_ns > into->max_ns)
		into->max_ns = from->max_ns;
}

uint64_t
gyre_histogram_limit_ns(unsigned bucket)
{
	unsigned shift;

	GYRE_REQUIRE(bucket < GYRE_HISTOGRAM_BUCKETS);
	if (bucket == GYRE_HISTOGRAM_BUCKETS - 1)
		return UINT64_MAX;
	if (bucket < GYRE_HISTOGRAM_STEPS)
		return bucket;
	shift = bucket / GYRE_HISTOGRAM_STEPS - 1;
	return ((uint64_t)(bucket % GYRE_HISTOGRAM_STEPS +
			   GYRE_HISTOGRAM_STEPS + 1)
		<< shift) -
	       1;
}

/* Which of them, from 1, has the share before it and itself. */
static uint64_t
rank_of(uint64_t count, double share)
{
	double rank = share * (double)count;
	uint64_t whole;

	if (!(rank > 1))
		return 1;
	if (rank >= (double)count)
		return count;
	whole = (uint64_t)rank;
	return (double)whole < rank ? whole + 1 : whole;
}

uint64_t
gyre_histogram_quantile(const struct gyre_histogram *histogram, double share)
{
	uint64_t left;

	if (histogram->count == 0)
		return 0;
	left = rank_of(histogram->count, share);
	for (unsigned i = 0; i < GYRE_HISTOGRAM_BUCKETS; i++) {
		uint64_t limit_ns = gyre_histogram_limit_ns(i);

		if (histogram->buckets[i] >= left)
			return limit_ns < histogram->max_ns ? limit_ns
							    : histogram->max_ns;
		left -= histogram->buckets[i];
	}
	return histogram->max_ns;
}
