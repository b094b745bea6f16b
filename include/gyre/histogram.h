/*
 * A histogram of times: how often each length came, in log-linear buckets.
 *
 * Below 16 ns each nanosecond has a bucket of its own; above, each power of two
 * is cut into 16 steps, so that a bucket is at most a sixteenth as wide as the
 * values in it. Anything of 73 minutes or more is in the last bucket, and in
 * max_ns. 5 KiB each. gyre's statistics are copies of such histograms, and a
 * program may keep its own.
 *
 *     struct gyre_histogram latency = { 0 };
 *     gyre_histogram_record(&latency, end_ns - begin_ns);
 *     printf("p99 %lld ns\n", (long long)gyre_histogram_quantile(&latency,
 *                                                                0.99));
 */
#ifndef GYRE_HISTOGRAM_H
#define GYRE_HISTOGRAM_H

#include <gyre/base.h>

#ifdef __cplusplus
extern "C" {
#endif

#define GYRE_HISTOGRAM_STEP_BITS  4u
#define GYRE_HISTOGRAM_STEPS      16u
#define GYRE_HISTOGRAM_RANGE_BITS 42u
#define GYRE_HISTOGRAM_BUCKETS                                        \
	((GYRE_HISTOGRAM_RANGE_BITS - GYRE_HISTOGRAM_STEP_BITS + 1) * \
	 GYRE_HISTOGRAM_STEPS)

struct gyre_histogram {
	uint64_t count; /* of all buckets */
	uint64_t sum_ns;
	uint64_t max_ns; /* exact */
	uint64_t buckets[GYRE_HISTOGRAM_BUCKETS];
};

/*
 * Count a value in a histogram of one's own; below 0 counts as 0.
 *
 * Thread: any; one at a time
 */
GYRE_API void gyre_histogram_record(struct gyre_histogram *histogram,
				    int64_t value_ns);

/*
 * Add all that one histogram has counted to another.
 *
 * Thread: any; one at a time
 */
GYRE_API void gyre_histogram_merge(struct gyre_histogram *into,
				   const struct gyre_histogram *from);

/*
 * Return a value that the given share of what was counted does not exceed: the
 * largest of its bucket, and never more than max_ns. 0 where nothing was
 * counted.
 *
 * Thread: any
 */
GYRE_API uint64_t
gyre_histogram_quantile(const struct gyre_histogram *histogram, double share);

/*
 * Return the largest value that belongs to a bucket; of the last one:
 * UINT64_MAX.
 *
 * Thread: any
 */
GYRE_API uint64_t gyre_histogram_limit_ns(unsigned bucket);

#ifdef __cplusplus
}
#endif

#endif
