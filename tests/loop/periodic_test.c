/*
 * Periodics: arithmetic at the ends of time, memory, chance, freeing.
 */
#include "tests/support/loop_fixture.h"

#include "loop/periodic.h"

/* -- arithmetic ----------------------------------------------------------- */

static void
the_next_slot_at_the_ends_of_time(void **state)
{
	(void)state;
	assert_true(gyre__periodic_next(0, 0, GYRE_FOREVER) == GYRE_FOREVER);
	assert_true(gyre__periodic_next(1, 1, GYRE_FOREVER) == GYRE_FOREVER);
	assert_true(gyre__periodic_next(GYRE_FOREVER - 5, GYRE_FOREVER - 5,
					4) == GYRE_FOREVER - 1);
	assert_true(gyre__periodic_next(GYRE_FOREVER - 5, GYRE_FOREVER - 2,
					4) == GYRE_FOREVER - 1);
	assert_true(gyre__periodic_next(GYRE_FOREVER - 5, GYRE_FOREVER - 1,
					4) == GYRE_FOREVER);
	/* The clock went back. */
	assert_true(gyre__periodic_next(GYRE_FOREVER - 5, 0, 6) ==
		    GYRE_FOREVER);
	assert_int_equal(gyre__periodic_next(100, -100, 7), 107);
	assert_int_equal(gyre__periodic_next(INT64_MIN + 1, INT64_MIN, 1),
			 INT64_MIN + 2);
	/* Further apart than an instant can say. */
	assert_int_equal(gyre__periodic_next(INT64_MIN, INT64_MAX - 10, 4),
			 INT64_MAX - 7);
	assert_int_equal(gyre__periodic_next(-10, 1, 4), 2);
}

static void
a_varied_period_is_within_half_the_jitter(void **state)
{
	(void)state;
	assert_int_equal(gyre__periodic_vary(1000, .5, 0), 750);
	assert_int_equal(gyre__periodic_vary(1000, .5, .5), 1000);
	assert_int_equal(gyre__periodic_vary(1000, .5, 1), 1250);
	assert_int_equal(gyre__periodic_vary(1000, 1, 0), 500);
	assert_int_equal(gyre__periodic_vary(1, 1, 0), 1);
	assert_int_equal(gyre__periodic_vary(2, 1, 0), 1);
	assert_true(gyre__periodic_vary(GYRE_FOREVER, 1, 1) == GYRE_FOREVER);
	assert_true(gyre__periodic_vary(GYRE_FOREVER, 1, 0) > 0);
}

/* -- on a loop ------------------------------------------------------------ */

static struct gyre_periodic *periodic;
static gyre_callback_fn in_call;

static void
on_call(void *word)
{
	trace(word);
	if (in_call != NULL)
		in_call(word);
}

static char word[] = "call";

static struct gyre_periodic *
make(int64_t period_ns)
{
	const struct gyre_callback callback = { on_call, word, trace_drop };
	struct gyre_periodic *made = NULL;

	CHECK(gyre__periodic_new(&fake_sys, &callback, period_ns, &made) == 0);
	return made;
}

static void
start(void)
{
	assert_int_equal(gyre_periodic_start_on(periodic, the_loop), 0);
}

static int
set_up_periodic(void **state)
{
	stage_set_up(state);
	in_call = NULL;
	periodic = make(GYRE_SECONDS(1));
	return 0;
}

/* Run till the stage's clock has advanced by so much. */
static void
no_memory_changes_nothing(void **state)
{
	const struct gyre_callback callback = { .fn = on_call };
	struct gyre_periodic *none = NULL;

	(void)state;
	fake_fail_at(1);
	assert_int_equal(gyre__periodic_new(&fake_sys, &callback, 1, &none),
			 -ENOMEM);
	assert_null(none);
	fake_fail_at(1);
	assert_int_equal(gyre_periodic_start_on(periodic, the_loop), -ENOMEM);
	assert_false(gyre_periodic_is_running(periodic));
	start();
	gyre_periodic_free(periodic);
	assert_trace("call canceled");
}

static void
take_all_places(void *unused)
{
	int result;

	(void)unused;
	fake_fail_at(1);
	do
		result = gyre_loop_call_at(the_loop, GYRE_FOREVER, trace_arg,
					   NULL, NULL);
	while (result == 0);
	assert_int_equal(result, -ENOMEM);
}

static void
going_on_needs_no_memory(void **state)
{
	(void)state;
	in_call = take_all_places;
	start();
	run_for(GYRE_MS(3500));
	assert_trace("call call call");
	gyre_periodic_free(periodic);
	assert_trace("call canceled");
}

static void
a_closed_loop_refuses_it(void **state)
{
	(void)state;
	assert_int_equal(gyre_loop_close(the_loop, false), 0);
	assert_int_equal(gyre_periodic_start_on(periodic, the_loop),
			 -ESHUTDOWN);
	assert_false(gyre_periodic_is_running(periodic));
	gyre_periodic_free(periodic);
	assert_trace("call canceled");
}

/* -- chance --------------------------------------------------------------- */

static int random_error;
static uint64_t random_seed;

static ssize_t
give_random(void *buffer, size_t size, unsigned flags)
{
	CHECK(size == sizeof(random_seed));
	CHECK(flags == 0);
	if (random_error != 0) {
		errno = random_error;
		return -1;
	}
	memcpy(buffer, &random_seed, size);
	random_seed++;
	return (ssize_t)size;
}

static void
without_random_numbers_there_is_no_jitter(void **state)
{
	(void)state;
	fake_sys.getrandom = give_random;
	random_error = ENOSYS;
	assert_int_equal(gyre_periodic_set_jitter(periodic, .1), -ENOSYS);
	/* It has its period, as before. */
	start();
	run_for(GYRE_MS(2000));
	assert_trace("call call");
	gyre_periodic_free(periodic);
	assert_trace("call canceled");
}

static int64_t instants[64];
static unsigned instant_count;

static void
note_instant(void *unused)
{
	(void)unused;
	if (instant_count < 64)
		instants[instant_count++] = stage.now_ns;
	assert_trace("call");
}

/* The periods of many calls, with a seed of its own. */
static void
run_with_jitter(double jitter)
{
	gyre_periodic_free(periodic);
	assert_trace("call canceled");
	periodic = make(GYRE_SECONDS(1));
	assert_int_equal(gyre_periodic_set_jitter(periodic, jitter), 0);
	instant_count = 0;
	in_call = note_instant;
	start();
	run_for(GYRE_SECONDS(200));
	assert_int_equal(instant_count, 64);
}

static void
jitter_spreads_over_its_range_and_no_further(void **state)
{
	int64_t least = GYRE_FOREVER, most = 0, first;

	(void)state;
	fake_sys.getrandom = give_random;
	random_error = 0;
	random_seed = 42;
	run_with_jitter(.5);
	for (int i = 1; i < 64; i++) {
		int64_t period = instants[i] - instants[i - 1];

		least = period < least ? period : least;
		most = period > most ? period : most;
	}
	assert_in_range(least, GYRE_MS(750), GYRE_MS(800));
	assert_in_range(most, GYRE_MS(1200), GYRE_MS(1250));
	/* Another one has another seed. */
	first = instants[1] - instants[0];
	run_with_jitter(.5);
	assert_int_not_equal(instants[1] - instants[0], first);
	gyre_periodic_free(periodic);
	assert_trace("call canceled");
}

/* -- freeing -------------------------------------------------------------- */

static void
nothing_can_be_freed(void **state)
{
	(void)state;
	gyre_periodic_free(NULL);
	gyre_periodic_free(periodic);
	assert_trace("call canceled");
}

static void
free_it(void *unused)
{
	(void)unused;
	gyre_periodic_free(periodic);
	trace("freed");
}

static void
it_may_be_freed_in_its_own_callback(void **state)
{
	(void)state;
	in_call = free_it;
	start();
	run_for(GYRE_MS(2500));
	assert_trace("call freed call canceled");
}

static void
hold_it(void *unused)
{
	(void)unused;
	gyre_periodic_hold(periodic);
	gyre_periodic_hold(periodic);
}

static void
freed_while_held_it_goes_when_done(void **state)
{
	(void)state;
	in_call = hold_it;
	start();
	run_for(GYRE_MS(2500));
	assert_trace("call");
	gyre_periodic_free(periodic);
	assert_trace("");
	gyre_periodic_done(periodic);
	assert_trace("call canceled");
}

static void
hold_free_and_finish(void *unused)
{
	hold_it(unused);
	free_it(unused);
	gyre_periodic_done(periodic);
	trace("done");
}

static void
held_freed_and_done_in_its_callback_it_goes_afterwards(void **state)
{
	(void)state;
	in_call = hold_free_and_finish;
	start();
	run_for(GYRE_MS(2500));
	assert_trace("call freed done call canceled");
}

static void
raise_in_call(void *unused)
{
	(void)unused;
	gyre_raise(-EIO, NULL);
}

static void
free_in_hook(struct gyre_loop *loop, const struct gyre_failure *failure,
	     void *arg)
{
	(void)loop;
	(void)arg;
	trace(failure->what);
	trace(failure->arg);
	if (strcmp(failure->what, "periodic") == 0)
		gyre_periodic_free(periodic);
}

static void
use_hook(void)
{
	struct gyre_loop_options options = stage_options();

	close_and_free(the_loop);
	options.on_exception = free_in_hook;
	the_loop = new_loop(&options);
}

static void
it_may_be_freed_by_the_hook(void **state)
{
	(void)state;
	use_hook();
	in_call = raise_in_call;
	start();
	run_for(GYRE_MS(2500));
	assert_trace("call periodic call call canceled");
}

static void
raise_drop(void *arg, enum gyre_drop_reason reason)
{
	trace_drop(arg, reason);
	gyre_raise(-EIO, NULL);
}

static void
what_its_drop_raises_is_reported_or_its_freer_s(void **state)
{
	const struct gyre_callback callback = { on_call, word, raise_drop };

	(void)state;
	gyre_periodic_free(periodic);
	assert_trace("call canceled");
	use_hook();
	assert_int_equal(gyre__periodic_new(&fake_sys, &callback, 1, &periodic),
			 0);
	add_callback(free_it, NULL);
	run_once();
	assert_trace("call canceled drop call freed");
	/* There is no loop to report to. */
	assert_int_equal(gyre__periodic_new(&fake_sys, &callback, 1, &periodic),
			 0);
	gyre_periodic_free(periodic);
	assert_trace("call canceled");
	assert_int_equal(gyre_exception()->error, -EIO);
}

static void
the_public_way_to_make_one(void **state)
{
	const struct gyre_callback callback = { on_call, word, trace_drop };
	struct gyre_periodic *plain = NULL;
	struct gyre_periodic *dropping = NULL;

	(void)state;
	assert_int_equal(
		gyre_periodic_new(on_call, word, GYRE_SECONDS(2), &plain), 0);
	assert_int_equal(
		gyre_periodic_new_drop(callback, GYRE_SECONDS(3), &dropping),
		0);
	assert_int_equal(gyre_periodic_start_on(plain, the_loop), 0);
	assert_int_equal(gyre_periodic_start_on(dropping, the_loop), 0);
	run_for(GYRE_MS(4500));
	assert_trace("call call call");
	gyre_periodic_free(plain);
	assert_trace("");
	gyre_periodic_free(dropping);
	assert_trace("call canceled");
	gyre_periodic_free(periodic);
	assert_trace("call canceled");
}

/* -- misuse --------------------------------------------------------------- */

static void
hold_outside(void *unused)
{
	(void)unused;
	gyre_periodic_hold(periodic);
}

static void
done_unheld(void *unused)
{
	(void)unused;
	gyre_periodic_done(periodic);
}

static void
make_without_callback(void *unused)
{
	(void)unused;
	(void)!gyre_periodic_new(NULL, NULL, 1, &periodic);
}

static void
free_and_start(void *unused)
{
	(void)unused;
	gyre_periodic_free(periodic);
	(void)!gyre_periodic_start_on(periodic, the_loop);
}

static void
free_twice(void *unused)
{
	(void)unused;
	gyre_periodic_free(periodic);
	gyre_periodic_free(periodic);
}

/* In a child, which may not run its parent's loop. */
static void
do_in_call(void *fn)
{
	in_call = *(gyre_callback_fn *)fn;
	the_loop = stage_loop();
	(void)!gyre_periodic_start_on(periodic, the_loop);
	(void)!gyre_loop_start(the_loop);
}

static void
stop_it(void *unused)
{
	(void)unused;
	gyre_periodic_stop(periodic);
}

static void
stop_it_elsewhere(void *unused)
{
	elsewhere(stop_it, unused);
}

static void
misuse_is_named(void **state)
{
	gyre_callback_fn in_calls[] = { free_and_start, free_twice,
					stop_it_elsewhere };

	(void)state;
	assert_true(aborts_saying(hold_outside, NULL, "gyre_periodic_hold()"));
	assert_true(aborts_saying(done_unheld, NULL, "gyre_periodic_done()"));
	assert_true(aborts_saying(make_without_callback, NULL,
				  "gyre_periodic_new()"));
	assert_true(aborts_saying(do_in_call, &in_calls[0],
				  "gyre_periodic_start_on()"));
	assert_true(aborts_saying(do_in_call, &in_calls[1],
				  "gyre_periodic_free()"));
	assert_true(aborts_saying(do_in_call, &in_calls[2],
				  "gyre_periodic_stop()"));
	gyre_periodic_free(periodic);
	assert_trace("call canceled");
}

int
main(void)
{
#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, set_up_periodic, loop_tear_down)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_next_slot_at_the_ends_of_time),
		cmocka_unit_test(a_varied_period_is_within_half_the_jitter),
		TEST(no_memory_changes_nothing),
		TEST(going_on_needs_no_memory),
		TEST(a_closed_loop_refuses_it),
		TEST(without_random_numbers_there_is_no_jitter),
		TEST(jitter_spreads_over_its_range_and_no_further),
		TEST(nothing_can_be_freed),
		TEST(it_may_be_freed_in_its_own_callback),
		TEST(freed_while_held_it_goes_when_done),
		TEST(held_freed_and_done_in_its_callback_it_goes_afterwards),
		TEST(it_may_be_freed_by_the_hook),
		TEST(what_its_drop_raises_is_reported_or_its_freer_s),
		TEST(the_public_way_to_make_one),
		TEST(misuse_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
