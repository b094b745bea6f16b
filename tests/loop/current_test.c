/*
 * Which loop is current for a thread: made so, run, closed, freed.
 */
#include "tests/support/loop_fixture.h"

static struct gyre_loop *
loop_with(enum gyre_make_current make_current)
{
	struct gyre_loop_options options = stage_options();

	options.make_current = make_current;
	return new_loop(&options);
}

static int
clear(void **state)
{
	gyre_loop_clear_current();
	return loop_tear_down(state);
}

/* -- made ----------------------------------------------------------------- */

static void
by_default_a_loop_is_current_if_there_is_none(void **state)
{
	struct gyre_loop *first = loop_with(GYRE_MAKE_CURRENT_AUTO);
	struct gyre_loop *second = loop_with(GYRE_MAKE_CURRENT_AUTO);

	(void)state;
	assert_ptr_equal(gyre_loop_current(false), first);
	close_and_free(second);
	assert_ptr_equal(gyre_loop_current(false), first);
	close_and_free(first);
	assert_null(gyre_loop_current(false));
}

static void
to_insist_on_it_fails_over_another_and_makes_nothing(void **state)
{
	struct gyre_loop_options options = stage_options();
	struct gyre_loop *first = loop_with(GYRE_MAKE_CURRENT_YES);
	struct gyre_loop *untouched = NULL;
	struct fake_counts before = fake_counts();
	unsigned descriptors = open_descriptors();

	(void)state;
	assert_ptr_equal(gyre_loop_current(false), first);
	options.make_current = GYRE_MAKE_CURRENT_YES;
	assert_int_equal(gyre_loop_new(&options, &untouched), -EEXIST);
	assert_null(untouched);
	assert_int_equal(fake_counts().allocations, before.allocations);
	assert_int_equal(open_descriptors(), descriptors);
	assert_ptr_equal(gyre_loop_current(false), first);
	close_and_free(first);
}

static void
not_wanting_it_leaves_the_current_alone(void **state)
{
	(void)state;
	close_and_free(loop_with(GYRE_MAKE_CURRENT_NO));
	assert_null(gyre_loop_current(false));
}

static void
asking_makes_none_unless_an_instance_is_wanted(void **state)
{
	unsigned descriptors = open_descriptors();
	struct gyre_loop *loop;

	(void)state;
	assert_null(gyre_loop_current(false));
	assert_int_equal(open_descriptors(), descriptors);
	loop = gyre_loop_current(true);
	assert_non_null(loop);
	assert_ptr_equal(gyre_loop_current(true), loop);
	assert_ptr_equal(gyre_loop_current(false), loop);
	close_and_free(loop);
	assert_null(gyre_loop_current(false));
}

static void
make_current_replaces_and_clear_takes_away(void **state)
{
	struct gyre_loop *loop = loop_with(GYRE_MAKE_CURRENT_YES);

	(void)state;
	assert_int_equal(gyre_loop_make_current(the_loop), 0);
	assert_ptr_equal(gyre_loop_current(false), the_loop);
	gyre_loop_clear_current();
	assert_null(gyre_loop_current(false));
	gyre_loop_clear_current();
	close_and_free(loop);
}

static void
see_none(void *arg)
{
	(void)arg;
	gyre_loop_clear_current();
	CHECK(gyre_loop_current(false) == NULL);
	CHECK(gyre_loop_make_current(the_loop) == 0);
}

static void
every_thread_has_its_own(void **state)
{
	(void)state;
	elsewhere(see_none, NULL);
	assert_null(gyre_loop_current(false));
	assert_int_equal(gyre_loop_make_current(the_loop), 0);
	elsewhere(see_none, NULL);
	assert_ptr_equal(gyre_loop_current(false), the_loop);
}

/* -- run ------------------------------------------------------------------ */

static void
expect_current(void *arg)
{
	assert_ptr_equal(gyre_loop_current(false), the_loop);
	stop_callback(arg);
}

static void
a_loop_is_current_while_it_runs_and_what_was_comes_back(void **state)
{
	struct gyre_loop *before = NULL;

	(void)state;
	for (int round = 0; round < 3; round++) {
		add_callback(expect_current, "ran");
		run();
		assert_trace("ran");
		assert_ptr_equal(gyre_loop_current(false), before);
		if (round == 1)
			before = loop_with(GYRE_MAKE_CURRENT_YES);
	}
	stage.fail_next = -EIO;
	assert_int_equal(gyre_loop_start(the_loop), -EIO);
	assert_ptr_equal(gyre_loop_current(false), before);
	gyre_loop_stop(the_loop);
	run();
	assert_ptr_equal(gyre_loop_current(false), before);
	close_and_free(before);
}

static void
make_other_current(void *other)
{
	assert_int_equal(gyre_loop_make_current(other), 0);
	assert_ptr_equal(gyre_loop_current(false), other);
	gyre_loop_stop(the_loop);
}

static void
making_another_current_inside_ends_with_the_run(void **state)
{
	struct gyre_loop *other = loop_with(GYRE_MAKE_CURRENT_NO);

	(void)state;
	assert_int_equal(
		gyre_loop_add_callback(the_loop, make_other_current, other), 0);
	run();
	assert_null(gyre_loop_current(false));
	close_and_free(other);
}

/* -- closed and freed ----------------------------------------------------- */

static void
close_elsewhere(void *loop)
{
	CHECK(gyre_loop_close(loop, false) == 0);
}

static void
a_closed_loop_is_never_current(void **state)
{
	struct gyre_loop *closed = loop_with(GYRE_MAKE_CURRENT_YES);
	struct gyre_loop *next;

	(void)state;
	elsewhere(close_elsewhere, closed);
	assert_null(gyre_loop_current(false));
	assert_int_equal(gyre_loop_make_current(closed), -ESHUTDOWN);
	assert_null(gyre_loop_current(false));
	next = loop_with(GYRE_MAKE_CURRENT_YES);
	assert_ptr_equal(gyre_loop_current(false), next);
	close_and_free(next);
	gyre_loop_free(closed);
}

static void
a_loop_closed_elsewhere_and_freed_here_is_forgotten(void **state)
{
	struct gyre_loop *closed = loop_with(GYRE_MAKE_CURRENT_YES);

	(void)state;
	elsewhere(close_elsewhere, closed);
	gyre_loop_free(closed);
	assert_null(gyre_loop_current(false));
}

static void
closing_one_that_is_not_current_changes_nothing(void **state)
{
	(void)state;
	assert_int_equal(gyre_loop_make_current(the_loop), 0);
	close_and_free(loop_with(GYRE_MAKE_CURRENT_NO));
	assert_ptr_equal(gyre_loop_current(false), the_loop);
}

#define CURRENT_TEST(name) \
	cmocka_unit_test_setup_teardown(name, stage_set_up, clear)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CURRENT_TEST(by_default_a_loop_is_current_if_there_is_none),
		CURRENT_TEST(
			to_insist_on_it_fails_over_another_and_makes_nothing),
		CURRENT_TEST(not_wanting_it_leaves_the_current_alone),
		CURRENT_TEST(asking_makes_none_unless_an_instance_is_wanted),
		CURRENT_TEST(make_current_replaces_and_clear_takes_away),
		CURRENT_TEST(every_thread_has_its_own),
		CURRENT_TEST(
			a_loop_is_current_while_it_runs_and_what_was_comes_back),
		CURRENT_TEST(making_another_current_inside_ends_with_the_run),
		CURRENT_TEST(a_closed_loop_is_never_current),
		CURRENT_TEST(
			a_loop_closed_elsewhere_and_freed_here_is_forgotten),
		CURRENT_TEST(closing_one_that_is_not_current_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
