/*
 * That timeouts which are close together share a wake-up, on the stage.
 */
#include "tests/support/loop_fixture.h"

#include <gyre/embedding.h>

#define US(us) ((int64_t)(us)*1000)

static void
remake(int64_t slack_ns)
{
	struct gyre_loop_options options = stage_options();

	close_and_free(the_loop);
	options.slack_ns = slack_ns;
	the_loop = new_loop(&options);
}

static int
set_up(void **state)
{
	int result = stage_set_up(state);

	remake(0);
	return result;
}

static int64_t base_ns;
static int64_t ran_ns[16]; /* when each ran, from the base on */
static unsigned ran;

static void
note_time(void *arg)
{
	(void)arg;
	assert_true(ran < 16);
	ran_ns[ran++] = stage.now_ns - base_ns;
}

/* Timeouts at these microseconds from now; then run until a second is over. */
static void
run_at(const int64_t *instants, size_t count)
{
	ran = 0;
	base_ns = stage.now_ns;
	for (size_t i = 0; i < count; i++)
		call_at(base_ns + instants[i], note_time, NULL);
	call_at(base_ns + GYRE_SECONDS(1), stop_callback, NULL);
	run();
	assert_int_equal(ran, count);
}

static void
assert_ran_at(const int64_t *instants, size_t count)
{
	for (size_t i = 0; i < count; i++)
		assert_int_equal(ran_ns[i], instants[i]);
}

#define RUN_AT(...)                              \
	run_at((const int64_t[]){ __VA_ARGS__ }, \
	       sizeof((const int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t))
#define ASSERT_RAN_AT(...)                                       \
	assert_ran_at((const int64_t[]){ __VA_ARGS__ },          \
		      sizeof((const int64_t[]){ __VA_ARGS__ }) / \
			      sizeof(int64_t))

static void
those_that_follow_the_first_share_a_wake_up(void **state)
{
	unsigned sleeps = stage.sleeps;

	(void)state;
	RUN_AT(US(5000), US(5100), US(5200), US(5999), US(6000));
	ASSERT_RAN_AT(US(5000), US(6000), US(6000), US(6000), US(6000));
	assert_int_equal(stage.sleeps - sleeps, 3);
}

static void
however_many_there_are_they_wake_it_once_in_a_slack(void **state)
{
	unsigned sleeps = stage.sleeps;

	(void)state;
	RUN_AT(US(100), US(200), US(300), US(1000), US(1200), US(1300),
	       US(2200), US(2300), US(3000));
	ASSERT_RAN_AT(US(100), US(1100), US(1100), US(1100), US(2100), US(2100),
		      US(3100), US(3100), US(3100));
	assert_int_equal(stage.sleeps - sleeps, 5);
}

static void
one_alone_is_not_late(void **state)
{
	(void)state;
	RUN_AT(US(5000), US(5100));
	ASSERT_RAN_AT(US(5000), US(5100));
	/* The one after it comes when the time that it began is over. */
	RUN_AT(US(5000), US(5100), US(6101));
	ASSERT_RAN_AT(US(5000), US(5100), US(6101));
}

/* Some are on the wheel when the loop falls asleep. */
static void
those_further_away_share_it_too(void **state)
{
	unsigned sleeps = stage.sleeps;

	(void)state;
	remake(GYRE_MS(100));
	ran = 0;
	base_ns = stage.now_ns;
	for (int i = 1; i <= 60; i++)
		call_at(base_ns + GYRE_MS(5) * i,
			i % 5 == 0 ? note_time : trace_arg, NULL);
	call_at(base_ns + GYRE_SECONDS(1), stop_callback, NULL);
	run();
	assert_int_equal(ran, 12);
	for (unsigned i = 0; i < ran; i++)
		assert_in_range(ran_ns[i], GYRE_MS(25) * (i + 1),
				GYRE_MS(25) * (i + 1) + GYRE_MS(100));
	assert_in_range(stage.sleeps - sleeps, 4, 6);
}

static unsigned rounds;

static void
note_and_go_on(void *arg)
{
	note_time(arg);
	if (--rounds > 0)
		call_later(US(100), note_and_go_on, NULL);
	else
		gyre_loop_stop(the_loop);
}

static void
nor_is_one_that_schedules_the_next(void **state)
{
	(void)state;
	ran = 0;
	rounds = 8;
	base_ns = stage.now_ns;
	call_later(US(100), note_and_go_on, NULL);
	run();
	for (unsigned i = 0; i < ran; i++)
		assert_int_equal(ran_ns[i], US(100) * (i + 1));
}

static void
with_none_each_runs_at_its_instant(void **state)
{
	(void)state;
	remake(1);
	RUN_AT(US(5000), US(5000) + 1, US(5001), US(5002));
	ASSERT_RAN_AT(US(5000), US(5000) + 1, US(5001), US(5002));
}

/* An event comes half-way through the sleep that the timeouts share. */
static void
wake_early(void)
{
	if (stage.slept_ns != 0 && stage.now_ns == base_ns + US(5000))
		stage.ready[3] = GYRE_READ;
}

static void
clear_event(int fd, unsigned events, void *arg)
{
	(void)events;
	(void)arg;
	stage.ready[fd] = 0;
	stage.now_ns += US(500);
}

static void
a_loop_that_is_awake_runs_what_is_due(void **state)
{
	(void)state;
	assert_int_equal(gyre_loop_add_handler(the_loop, 3, GYRE_READ,
					       clear_event, NULL),
			 0);
	stage.on_wait = wake_early;
	RUN_AT(US(5000), US(5100), US(5600), US(5700));
	ASSERT_RAN_AT(US(5000), US(5500), US(6000), US(6000));
	gyre_loop_remove_handler(the_loop, 3);
}

static void
an_iteration_waits_no_longer_than_it_may(void **state)
{
	(void)state;
	ran = 0;
	base_ns = stage.now_ns;
	for (unsigned i = 0; i < 3; i++)
		call_at(base_ns + US(5000) + US(100) * i, note_time, NULL);
	assert_int_equal(gyre_loop_run_once(the_loop, GYRE_FOREVER), 0);
	assert_int_equal(gyre_loop_run_once(the_loop, US(300)), 0);
	assert_int_equal(stage.slept_ns, US(300));
	assert_int_equal(gyre_loop_run_once(the_loop, 0), 0);
	assert_int_equal(ran, 3);
	assert_int_equal(ran_ns[2], US(5300));
}

/* Its end is no timeout. */
static void
nor_does_that_begin_a_slack(void **state)
{
	(void)state;
	assert_int_equal(gyre_loop_run_once(the_loop, GYRE_MS(10)), 0);
	RUN_AT(US(200), US(300), US(400));
	ASSERT_RAN_AT(US(200), US(1200), US(1200));
}

static void
one_that_was_moved_away_is_waited_for_at_most(void **state)
{
	gyre_timeout moved;

	(void)state;
	ran = 0;
	base_ns = stage.now_ns;
	call_at(base_ns + US(5000), note_time, NULL);
	call_at(base_ns + US(5100), note_time, NULL);
	moved = call_at(base_ns + US(5200), note_time, NULL);
	assert_int_equal(gyre_loop_update_timeout(the_loop, moved,
						  base_ns + GYRE_SECONDS(1)),
			 0);
	call_at(base_ns + GYRE_SECONDS(2), stop_callback, NULL);
	run();
	assert_int_equal(ran, 3);
	assert_in_range(ran_ns[1], US(5100), US(6000));
	assert_int_equal(ran_ns[2], GYRE_SECONDS(1));
}

static void
how_much_is_bounded(void **state)
{
	static const int64_t wrong[] = { -1, INT64_MIN, GYRE_SLACK_MAX_NS + 1 };
	struct gyre_loop_options options = stage_options();

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		options.slack_ns = wrong[i];
		assert_refused(&options, "slack_ns");
	}
	remake(GYRE_SLACK_MAX_NS);
}

/* The clock may begin and end anywhere. */
static void
the_end_of_time_is_no_reason_to_wait(void **state)
{
	(void)state;
	stage.now_ns = INT64_MAX - US(900);
	ran = 0;
	base_ns = stage.now_ns;
	call_at(base_ns + US(100), note_time, NULL);
	call_at(base_ns + US(200), note_time, NULL);
	call_at(base_ns + US(300), stop_callback, NULL);
	run();
	assert_int_equal(ran, 2);
	stage.now_ns = INT64_MIN + 1;
	remake(0);
	RUN_AT(US(5000), US(5100), US(5200));
	ASSERT_RAN_AT(US(5000), US(6000), US(6000));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, loop_tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(those_that_follow_the_first_share_a_wake_up),
		TEST(however_many_there_are_they_wake_it_once_in_a_slack),
		TEST(one_alone_is_not_late),
		TEST(those_further_away_share_it_too),
		TEST(nor_is_one_that_schedules_the_next),
		TEST(with_none_each_runs_at_its_instant),
		TEST(a_loop_that_is_awake_runs_what_is_due),
		TEST(an_iteration_waits_no_longer_than_it_may),
		TEST(nor_does_that_begin_a_slack),
		TEST(one_that_was_moved_away_is_waited_for_at_most),
		TEST(how_much_is_bounded),
		TEST(the_end_of_time_is_no_reason_to_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
