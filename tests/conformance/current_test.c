/*
 * Which loop is current for a thread, and which thread is its owner. L02-L10,
 * L12, L29.
 */
#include "tests/support/loop_fixture.h"

#include <semaphore.h>

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

/* L02 holds: unless it is told otherwise, a new loop becomes current for its
 * thread if the thread has none. */
static void
L02_by_default_a_loop_is_current_if_there_is_none(void **state)
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

/* L03 holds: a loop that insists on being current is not made where there is
 * one: -EEXIST, and that one stays. */
static void
L03_to_insist_on_it_fails_over_another_and_makes_nothing(void **state)
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

/* L04 holds: a loop that is not to be current leaves it as it is, be there
 * one or none. */
static void
L04_not_wanting_it_leaves_the_current_alone(void **state)
{
	(void)state;
	close_and_free(loop_with(GYRE_MAKE_CURRENT_NO));
	assert_null(gyre_loop_current(false));
	assert_int_equal(gyre_loop_make_current(the_loop), 0);
	close_and_free(loop_with(GYRE_MAKE_CURRENT_NO));
	assert_ptr_equal(gyre_loop_current(false), the_loop);
}

/* -- run ------------------------------------------------------------------ */

static void
expect_current(void *arg)
{
	assert_ptr_equal(gyre_loop_current(false), the_loop);
	stop_callback(arg);
}

/* L05 holds: a loop is current while it runs; when start returns, by whatever
 * way, what was current before is so again, or nothing. */
static void
L05_a_loop_is_current_while_it_runs_and_what_was_comes_back(void **state)
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
L05_making_another_current_inside_ends_with_the_run(void **state)
{
	struct gyre_loop *other = loop_with(GYRE_MAKE_CURRENT_NO);

	(void)state;
	assert_int_equal(
		gyre_loop_add_callback(the_loop, make_other_current, other), 0);
	run();
	assert_null(gyre_loop_current(false));
	close_and_free(other);
}

/* -- asked for, changed --------------------------------------------------- */

/* L06 holds: asked for the current loop, a thread that has none gets NULL, and
 * nothing is made; only with `instance` one is, for this thread alone. */
static void
L06_asking_makes_none_unless_an_instance_is_wanted(void **state)
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
see_none(void *arg)
{
	(void)arg;
	CHECK(gyre_loop_current(false) == NULL);
	CHECK(gyre_loop_make_current(the_loop) == 0);
}

static void
L06_every_thread_has_its_own(void **state)
{
	(void)state;
	elsewhere(see_none, NULL);
	assert_null(gyre_loop_current(false));
	assert_int_equal(gyre_loop_make_current(the_loop), 0);
	elsewhere(see_none, NULL);
	assert_ptr_equal(gyre_loop_current(false), the_loop);
}

static void
clear_first_of_all(void *arg)
{
	(void)arg;
	gyre_loop_clear_current();
	CHECK(gyre_loop_current(false) == NULL);
}

/* L07 holds: clear_current leaves the thread without a current loop; it is
 * harmless where there is none, and as a thread's very first call. */
static void
L07_clear_takes_away_and_is_harmless(void **state)
{
	(void)state;
	elsewhere(clear_first_of_all, NULL);
	assert_int_equal(gyre_loop_make_current(the_loop), 0);
	elsewhere(clear_first_of_all, NULL);
	assert_ptr_equal(gyre_loop_current(false), the_loop);
	gyre_loop_clear_current();
	assert_null(gyre_loop_current(false));
	gyre_loop_clear_current();
	assert_null(gyre_loop_current(false));
}

/* L08 holds: make_current replaces the loop that was current, which is as
 * good as before. */
static void
L08_make_current_replaces(void **state)
{
	struct gyre_loop *before = loop_with(GYRE_MAKE_CURRENT_YES);

	(void)state;
	assert_int_equal(gyre_loop_make_current(the_loop), 0);
	assert_ptr_equal(gyre_loop_current(false), the_loop);
	assert_int_equal(gyre_loop_make_current(before), 0);
	assert_ptr_equal(gyre_loop_current(false), before);
	close_and_free(before);
	assert_null(gyre_loop_current(false));
}

/* -- closed and freed ----------------------------------------------------- */

static void
close_elsewhere(void *loop)
{
	CHECK(gyre_loop_close(loop, false) == 0);
}

/* L09 holds: a loop that is closed is current nowhere, whichever thread
 * closed it, and cannot be made so. */
static void
L09_a_closed_loop_is_never_current(void **state)
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
L09_a_loop_closed_elsewhere_and_freed_here_is_forgotten(void **state)
{
	struct gyre_loop *closed = loop_with(GYRE_MAKE_CURRENT_YES);

	(void)state;
	elsewhere(close_elsewhere, closed);
	gyre_loop_free(closed);
	assert_null(gyre_loop_current(false));
}

#define THREADS 3

static sem_t made;
static sem_t freed;

static void *
ask_before_and_after(void *loop)
{
	struct gyre_loop *own;

	CHECK(gyre_loop_make_current(loop) == 0);
	CHECK(gyre_loop_current(false) == loop);
	sem_post(&made);
	sem_wait(&freed);
	CHECK(gyre_loop_current(false) == NULL);
	own = real_loop();
	CHECK(gyre_loop_make_current(own) == 0);
	CHECK(gyre_loop_current(false) == own);
	close_and_free(own);
	CHECK(gyre_loop_current(false) == NULL);
	return NULL;
}

/* The next loop may well be where the freed one was. */
static void
L09_nor_on_other_threads_even_when_it_is_freed(void **state)
{
	struct gyre_loop *doomed = loop_with(GYRE_MAKE_CURRENT_NO);
	struct gyre_loop *next;
	pthread_t threads[THREADS];

	(void)state;
	sem_init(&made, 0, 0);
	sem_init(&freed, 0, 0);
	for (int i = 0; i < THREADS; i++)
		CHECK(pthread_create(&threads[i], NULL, ask_before_and_after,
				     doomed) == 0);
	for (int i = 0; i < THREADS; i++)
		sem_wait(&made);
	close_and_free(doomed);
	next = loop_with(GYRE_MAKE_CURRENT_NO);
	for (int i = 0; i < THREADS; i++)
		sem_post(&freed);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	close_and_free(next);
	sem_destroy(&made);
	sem_destroy(&freed);
}

static void
close_and_free_it(void *loop)
{
	close_and_free(loop);
}

static void
free_elsewhere(void *loop)
{
	elsewhere(close_and_free_it, loop);
	gyre_loop_stop(the_loop);
}

static void
L09_nor_when_a_run_ends_that_began_before(void **state)
{
	struct gyre_loop *before = loop_with(GYRE_MAKE_CURRENT_YES);

	(void)state;
	assert_int_equal(
		gyre_loop_add_callback(the_loop, free_elsewhere, before), 0);
	run();
	assert_null(gyre_loop_current(false));
}

/* L10 holds: instance, install and clear_instance are older names of current
 * (which then makes a loop), make_current and clear_current. */
static void
L10_the_older_names_do_the_same(void **state)
{
	struct gyre_loop *loop = gyre_loop_instance();

	(void)state;
	assert_non_null(loop);
	assert_ptr_equal(gyre_loop_instance(), loop);
	assert_ptr_equal(gyre_loop_current(false), loop);
	assert_int_equal(gyre_loop_install(the_loop), 0);
	assert_ptr_equal(gyre_loop_current(false), the_loop);
	gyre_loop_clear_instance();
	assert_null(gyre_loop_current(false));
	assert_int_equal(gyre_loop_close(loop, false), 0);
	assert_int_equal(gyre_loop_install(loop), -ESHUTDOWN);
	gyre_loop_free(loop);
}

/* -- threads -------------------------------------------------------------- */

static void
expect_owner(void *word)
{
	CHECK(gyre_loop_in_owner_thread(the_loop));
	CHECK(gyre_loop_current(false) == the_loop);
	/* Only the owner may. */
	CHECK(gyre_loop_remove_handler(the_loop, 3) == -ENOENT);
	stop_callback(word);
}

static void
run_as_owner(void *unused)
{
	(void)unused;
	CHECK(!gyre_loop_in_owner_thread(the_loop));
	add_callback(expect_owner, "ran");
	CHECK(gyre_loop_start(the_loop) == 0);
	CHECK(!gyre_loop_in_owner_thread(the_loop));
}

static void
stop_elsewhere(void *arg)
{
	(void)arg;
	CHECK(!gyre_loop_in_owner_thread(the_loop));
	add_callback(stop_callback, "woken");
}

/* The system gives a thread's number to the next one. */
static void
post_from_a_new_thread(void)
{
	elsewhere(stop_elsewhere, NULL);
}

/* L12 holds: whoever starts a loop owns it, until start returns. A loop may be
 * made on one thread and run on others, one after another; one that has
 * run it and is gone is not taken for its owner. */
static void
L12_threads_may_run_a_loop_one_after_another(void **state)
{
	(void)state;
	elsewhere(run_as_owner, NULL);
	elsewhere(run_as_owner, NULL);
	run_as_owner(NULL);
	assert_trace("ran ran ran");
	stage.on_wait = post_from_a_new_thread;
	run();
	assert_trace("woken");
	/* The post was a stranger's, and rang for the loop that slept. */
	assert_int_equal(fake_counts().writes, 1);
}

static struct gyre_loop *inner;

static void
start_inner(void *word)
{
	gyre_loop_stop(inner);
	assert_int_equal(gyre_loop_start(inner), -EBUSY);
	assert_ptr_equal(gyre_loop_current(false), the_loop);
	trace(word);
}

/* L29 deviates: a second loop is not run inside a callback of the first; start
 * answers -EBUSY and leaves it as it was. Why: the first would stand still
 * meanwhile with all it has accepted; a loop is for its thread's whole work. */
static void
L29_a_second_loop_on_the_thread_is_refused_and_keeps_its_stop(void **state)
{
	(void)state;
	inner = stage_loop();
	assert_int_equal(gyre_loop_add_callback(inner, stop_callback, NULL), 0);
	add_callback(start_inner, "refused");
	run_once();
	assert_trace("refused");
	/* The refusal did not use up the stop that was pending. */
	assert_int_equal(gyre_loop_start(inner), 0);
	close_and_free(inner);
}

#define CURRENT_TEST(name) \
	cmocka_unit_test_setup_teardown(name, stage_set_up, clear)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CURRENT_TEST(L02_by_default_a_loop_is_current_if_there_is_none),
		CURRENT_TEST(
			L03_to_insist_on_it_fails_over_another_and_makes_nothing),
		CURRENT_TEST(L04_not_wanting_it_leaves_the_current_alone),
		CURRENT_TEST(
			L05_a_loop_is_current_while_it_runs_and_what_was_comes_back),
		CURRENT_TEST(
			L05_making_another_current_inside_ends_with_the_run),
		CURRENT_TEST(
			L06_asking_makes_none_unless_an_instance_is_wanted),
		CURRENT_TEST(L06_every_thread_has_its_own),
		CURRENT_TEST(L07_clear_takes_away_and_is_harmless),
		CURRENT_TEST(L08_make_current_replaces),
		CURRENT_TEST(L09_a_closed_loop_is_never_current),
		CURRENT_TEST(
			L09_a_loop_closed_elsewhere_and_freed_here_is_forgotten),
		CURRENT_TEST(L09_nor_on_other_threads_even_when_it_is_freed),
		CURRENT_TEST(L09_nor_when_a_run_ends_that_began_before),
		CURRENT_TEST(L10_the_older_names_do_the_same),
		CURRENT_TEST(L12_threads_may_run_a_loop_one_after_another),
		CURRENT_TEST(
			L29_a_second_loop_on_the_thread_is_refused_and_keeps_its_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
