/*
 * When a periodic calls, on the stage, exact to the nanosecond.
 */
#include "tests/conformance/periodic_fixture.h"

#include "loop/periodic.h"

#include <math.h>

/* L111 deviates: the period is in nanoseconds; one that is not positive is
 * refused. Why: every duration here is in nanoseconds, and a period of
 * nothing has no next call. */
static void
L111_a_period_is_positive(void **state)
{
	struct gyre_periodic *none = NULL;
	static const int64_t bad[] = { 0, -1, INT64_MIN };

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(
			gyre_periodic_new(on_call, NULL, bad[i], &none),
			-EINVAL);
		assert_int_equal(gyre_periodic_set_period(periodic, bad[i]),
				 -EINVAL);
	}
	assert_null(none);
	start_periodic();
	run_for_calls(1);
	assert_calls_at(1010);
}

/* L112 holds: the first call comes one whole period after the start. */
static void
L112_the_first_call_comes_a_period_later(void **state)
{
	(void)state;
	stage.now_ns += 7;
	start_periodic();
	run_for_calls(1);
	assert_int_equal(called_at_ns[0], GYRE_SECONDS(1010) + 7);
}

/* L113 holds: when a call is over, the next one is set to the first slot of
 * the grid after that instant, start to start. */
static void
L113_calls_are_on_a_grid(void **state)
{
	(void)state;
	start_periodic();
	run_for_calls(5);
	assert_calls_at(1010, 1020, 1030, 1040, 1050);
	assert_int_equal(stage.polls, 5);
}

/* L114 holds: slots that a call overran are skipped and never made up, also
 * the one at whose very instant it ended. */
static void
L114_overrun_slots_are_skipped(void **state)
{
	static const int64_t taken[] = {
		9, 9, 10, 11, 20, 20, 35, 35, 0, 0, 0
	};

	(void)state;
	durations = taken;
	start_periodic();
	run_for_calls(11);
	assert_calls_at(1010, 1020, 1030, 1050, 1070, 1100, 1130, 1170, 1210,
			1220, 1230);
}

/* L115 holds: when the clock steps back, the schedule goes on by one period
 * a call, and no slot is run twice. */
static void
L115_small_steps_back_are_absorbed(void **state)
{
	static const int64_t taken[] = { -2, -1, -3, -2, 0 };

	(void)state;
	durations = taken;
	start_periodic();
	run_for_calls(5);
	assert_calls_at(1010, 1020, 1030, 1040, 1050);
}

static void
L115_a_big_step_back_runs_no_slot_twice(void **state)
{
	static const int64_t taken[] = { -100, 0, 0 };

	(void)state;
	durations = taken;
	start_periodic();
	run_for_calls(3);
	assert_calls_at(1010, 1020, 1030);
}

/* L116 holds: when the clock steps forward, one call comes late and the next
 * is on the old grid, however many slots were lost. */
static void
L116_a_step_forward_costs_its_slots(void **state)
{
	static const int64_t taken[] = { 1000000, 0, 0 };

	(void)state;
	durations = taken;
	start_periodic();
	run_for_calls(3);
	assert_calls_at(1010, 1001020, 1001030);
}

static double
draw_next(void *arg)
{
	const double **next = arg;

	return *(*next)++;
}

/* L117 holds: with jitter each call is scheduled with a period of its own,
 * and the differences add up; jitter is from 0 to 1, else it is refused. */
static void
L117_jitter_varies_each_period(void **state)
{
	static const double chances[] = { .5, 1, 0, .75, .5 };
	const double *next = chances;

	(void)state;
	gyre__periodic_set_chance(periodic,
				  (struct gyre__chance){ draw_next, &next });
	assert_int_equal(gyre_periodic_set_jitter(periodic, .5), 0);
	start_periodic();
	run_for_calls(4);
	assert_calls_at(1010, 1022.5, 1030, 1041.25);
}

static void
L117_jitter_is_from_0_to_1(void **state)
{
	static const double bad[] = { -.01,       1.01, 2, 3, (double)INFINITY,
				      (double)NAN };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(gyre_periodic_set_jitter(periodic, bad[i]),
				 -EINVAL);
	assert_int_equal(gyre_periodic_set_jitter(periodic, 1), 0);
	assert_int_equal(gyre_periodic_set_jitter(periodic, 0), 0);
	start_periodic();
	run_for_calls(2);
	assert_calls_at(1010, 1020);
}

#define STEPS 1000000

/* L118 deviates: a million periods of a tenth of a second neither drift nor
 * give an instant twice. Why: whole numbers are exact, so that there is
 * nothing to round. */
static void
L118_a_million_steps_do_not_drift(void **state)
{
	const int64_t period = GYRE_MS(100);
	const int64_t begin = GYRE_SECONDS(1500000000) + 1;
	int64_t slot = begin;

	(void)state;
	for (int64_t step = 1; step <= STEPS; step++) {
		slot = gyre__periodic_next(slot, slot, period);
		assert_true(slot == begin + step * period);
	}
}

/* The call ends wherever: on the slot, on a later one, or in between. */
static void
L118_the_next_slot_is_on_the_grid_and_later(void **state)
{
	uint64_t seed = first_seed(1);
	int64_t slot = 0;

	(void)state;
	for (int64_t step = 0; step < STEPS; step++) {
		int64_t period = 1 + (int64_t)(next_random(&seed) % 1000);
		int64_t late = (int64_t)(next_random(&seed) % 3000);
		int64_t now, next;

		if (next_random(&seed) % 4 == 0)
			late -= late % period;
		now = slot + late;
		next = gyre__periodic_next(slot, now, period);
		assert_true(next > now && next - now <= period);
		assert_true((next - slot) % period == 0);
		slot = next;
	}
}

static void
halve_the_period(void)
{
	assert_int_equal(gyre_periodic_set_period(periodic, GYRE_SECONDS(5)),
			 0);
}

/* L126 holds: a new period takes effect when the next call is scheduled. */
static void
L126_a_new_period_takes_effect_at_the_next_scheduling(void **state)
{
	(void)state;
	in_call = halve_the_period;
	start_periodic();
	run_for_calls(4);
	assert_calls_at(1010, 1015, 1020, 1025);
}

static void
L126_the_call_already_scheduled_stays(void **state)
{
	(void)state;
	start_periodic();
	halve_the_period();
	run_for_calls(2);
	assert_calls_at(1010, 1015);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		PERIODIC_TEST(L111_a_period_is_positive),
		PERIODIC_TEST(L112_the_first_call_comes_a_period_later),
		PERIODIC_TEST(L113_calls_are_on_a_grid),
		PERIODIC_TEST(L114_overrun_slots_are_skipped),
		PERIODIC_TEST(L115_small_steps_back_are_absorbed),
		PERIODIC_TEST(L115_a_big_step_back_runs_no_slot_twice),
		PERIODIC_TEST(L116_a_step_forward_costs_its_slots),
		PERIODIC_TEST(L117_jitter_varies_each_period),
		PERIODIC_TEST(L117_jitter_is_from_0_to_1),
		PERIODIC_TEST(L118_a_million_steps_do_not_drift),
		PERIODIC_TEST(L118_the_next_slot_is_on_the_grid_and_later),
		PERIODIC_TEST(
			L126_a_new_period_takes_effect_at_the_next_scheduling),
		PERIODIC_TEST(L126_the_call_already_scheduled_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
