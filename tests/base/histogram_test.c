/* Histograms: every value in its bucket, quantiles against sorted values. */
#include "base/histogram.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define VALUES 20000

static struct gyre_histogram histogram;

static int
begin(void **state)
{
	(void)state;
	memset(&histogram, 0, sizeof(histogram));
	return 0;
}

static uint64_t
next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return *state >> 11;
}

static void
each_bucket_ends_where_the_next_begins(void **state)
{
	(void)state;
	for (unsigned i = 0; i + 1 < GYRE_HISTOGRAM_BUCKETS; i++) {
		int64_t limit = (int64_t)gyre_histogram_limit_ns(i);

		assert_int_equal(gyre__histogram_bucket(limit), i);
		assert_int_equal(gyre__histogram_bucket(limit + 1), i + 1);
	}
	assert_true(gyre_histogram_limit_ns(GYRE_HISTOGRAM_BUCKETS - 1) ==
		    UINT64_MAX);
	assert_int_equal(gyre__histogram_bucket(INT64_MAX),
			 GYRE_HISTOGRAM_BUCKETS - 1);
}

static void
a_bucket_is_at_most_a_sixteenth_of_its_values_wide(void **state)
{
	uint64_t before = 0;

	(void)state;
	for (unsigned i = 1; i + 1 < GYRE_HISTOGRAM_BUCKETS; i++) {
		uint64_t first = before + 1;
		uint64_t last = gyre_histogram_limit_ns(i);

		assert_true((last - first + 1) * 16 <= first || last == first);
		before = last;
	}
}

static void
nothing_counted_has_no_quantile(void **state)
{
	(void)state;
	assert_int_equal(gyre_histogram_quantile(&histogram, 0.5), 0);
}

static void
what_is_below_zero_counts_as_zero(void **state)
{
	(void)state;
	gyre_histogram_record(&histogram, -5);
	assert_int_equal(histogram.buckets[0], 1);
	assert_int_equal(histogram.count, 1);
	assert_int_equal(histogram.sum_ns, 0);
	assert_int_equal(histogram.max_ns, 0);
}

static void
what_is_beyond_the_range_is_in_the_maximum(void **state)
{
	(void)state;
	gyre_histogram_record(&histogram, INT64_MAX);
	assert_int_equal(histogram.max_ns, INT64_MAX);
	assert_int_equal(gyre_histogram_quantile(&histogram, 1), INT64_MAX);
}

static int
compare(const void *a, const void *b)
{
	const uint64_t *left = a;
	const uint64_t *right = b;

	return (*left > *right) - (*left < *right);
}

/* At the quantile's rank, or less than a sixteenth above it. */
static void
check_quantile(const uint64_t *sorted, size_t rank, double share)
{
	uint64_t found = gyre_histogram_quantile(&histogram, share);

	assert_true(found >= sorted[rank - 1]);
	assert_true(found - sorted[rank - 1] <= sorted[rank - 1] / 16);
}

static void
quantiles_are_those_of_the_sorted_values(void **state)
{
	static uint64_t values[VALUES];
	uint64_t random = 7, sum = 0;

	(void)state;
	for (size_t i = 0; i < VALUES; i++) {
		/* of every order of magnitude alike */
		values[i] = next_random(&random) >>
			    (12 + next_random(&random) % 40);
		sum += values[i];
		gyre_histogram_record(&histogram, (int64_t)values[i]);
	}
	qsort(values, VALUES, sizeof(values[0]), compare);
	assert_int_equal(histogram.count, VALUES);
	assert_int_equal(histogram.sum_ns, sum);
	assert_int_equal(histogram.max_ns, values[VALUES - 1]);
	for (size_t rank = 1; rank <= VALUES; rank += 37)
		check_quantile(values, rank, (double)rank / VALUES);
	check_quantile(values, 1, 0);
	check_quantile(values, VALUES, 1);
	check_quantile(values, VALUES, 2);
}

static void
merging_adds_all_of_it(void **state)
{
	struct gyre_histogram other = { 0 };

	(void)state;
	gyre_histogram_record(&histogram, 100);
	gyre_histogram_record(&other, 100);
	gyre_histogram_record(&other, 5000);
	gyre_histogram_merge(&histogram, &other);
	assert_int_equal(histogram.count, 3);
	assert_int_equal(histogram.sum_ns, 5200);
	assert_int_equal(histogram.max_ns, 5000);
	assert_int_equal(histogram.buckets[gyre__histogram_bucket(100)], 2);
	other = (struct gyre_histogram){ 0 };
	gyre_histogram_merge(&histogram, &other);
	assert_int_equal(histogram.max_ns, 5000);
}

static void
reading_counts_what_the_buckets_hold(void **state)
{
	struct gyre_histogram read;

	(void)state;
	gyre__histogram_record(&histogram, 3);
	gyre__histogram_record(&histogram, 70000);
	gyre__histogram_read(&histogram, &read);
	assert_int_equal(read.count, 2);
	assert_int_equal(read.sum_ns, 70003);
	assert_int_equal(read.max_ns, 70000);
	assert_int_equal(read.buckets[3], 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(each_bucket_ends_where_the_next_begins,
				       begin),
		cmocka_unit_test_setup(
			a_bucket_is_at_most_a_sixteenth_of_its_values_wide,
			begin),
		cmocka_unit_test_setup(nothing_counted_has_no_quantile, begin),
		cmocka_unit_test_setup(what_is_below_zero_counts_as_zero,
				       begin),
		cmocka_unit_test_setup(
			what_is_beyond_the_range_is_in_the_maximum, begin),
		cmocka_unit_test_setup(quantiles_are_those_of_the_sorted_values,
				       begin),
		cmocka_unit_test_setup(merging_adds_all_of_it, begin),
		cmocka_unit_test_setup(reading_counts_what_the_buckets_hold,
				       begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
