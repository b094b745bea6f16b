/*
 * A loop's life: made, closed, freed, and what is left when something fails on
 * the way, which is nothing.
 */
#include "tests/support/loop_fixture.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

/* -- every failure once --------------------------------------------------- */

static int
try_handler(struct gyre_loop *loop, int fd)
{
	int result =
		gyre_loop_add_handler(loop, fd, GYRE_READ, stop_handler, NULL);

	if (result == 0)
		result = gyre_loop_update_handler(loop, fd, GYRE_NONE);
	if (result == 0)
		result = gyre_loop_remove_handler(loop, fd);
	return result;
}

/* What a loop can meet in its life; the first error ends it. */
static int
live(struct gyre_loop *loop, int fd)
{
	int result = gyre_loop_add_callback(loop, stop_callback, NULL);

	if (result == 0)
		result = gyre_loop_call_later(loop, 0, trace_arg, NULL, NULL);
	if (result == 0)
		result = try_handler(loop, fd);
	if (result == 0)
		result = gyre_loop_start(loop);
	if (result == 0)
		result = gyre_loop_call_later(loop, GYRE_MS(1), stop_callback,
					      NULL, NULL);
	if (result == 0)
		result = gyre_loop_start(loop);
	return result;
}

static void
say_nothing(void *arg)
{
	(void)arg;
}

/* 0, or the error that some call answered. */
static int
one_life(int fd)
{
	const struct gyre_loop_options options = {
		.make_current = GYRE_MAKE_CURRENT_NO,
		._sys = &fake_sys,
	};
	int closed;
	int result = gyre_loop_new(&options, &the_loop);

	if (result < 0)
		return result;
	result = live(the_loop, fd);
	if (gyre_loop_add_callback(the_loop, say_nothing, NULL) == -ENOMEM)
		result = -ENOMEM;
	closed = gyre_loop_close(the_loop, false);
	gyre_loop_free(the_loop);
	the_loop = NULL;
	return closed < 0 ? closed : result;
}

static void
whatever_fails_is_answered_and_leaves_nothing(void **state)
{
	unsigned descriptors;
	unsigned made_up = 0;
	unsigned n;
	int fds[2];

	(void)state;
	make_pipe(fds);
	descriptors = open_descriptors();
	for (n = 1; n < 200; n++) {
		struct fake_counts counts;
		int result;

		fake_reset();
		fake_fail_at(n);
		result = one_life(fds[0]);
		counts = fake_counts();
		/* A lack of memory may be made up for, nothing else. */
		if (result == 0 && fake_failure() == -ENOMEM)
			made_up++;
		else
			assert_int_equal(result, fake_failure());
		assert_int_equal(counts.allocations, 0);
		assert_int_equal(open_descriptors(), descriptors);
		if (!fake_fired())
			break;
	}
	/* Each was failed, and then all went well. */
	assert_in_range(n, 12, 199);
	assert_in_range(made_up, 0, 4);
	close(fds[0]);
	close(fds[1]);
}

/* -- close ---------------------------------------------------------------- */

static void
counters_balance_to_the_end(void **state)
{
	struct gyre_loop_stats stats;

	(void)state;
	run_once();
	add_callback(say_nothing, NULL);
	gyre_loop_get_stats(the_loop, &stats);
	assert_int_equal(stats.posted, stats.run + stats.waiting);
	assert_int_equal(gyre_loop_close(the_loop, false), 0);
	gyre_loop_get_stats(the_loop, &stats);
	assert_int_equal(stats.waiting, 0);
	assert_int_equal(stats.posted, stats.run + stats.dropped);
	assert_true(stats.dropped >= 1);
}

static struct gyre_loop *other;

static void
close_other(void *word)
{
	assert_int_equal(gyre_loop_close(other, false), -EBUSY);
	trace(word);
}

static void
close_of_another_loop_inside_a_running_one_is_refused(void **state)
{
	(void)state;
	other = real_loop();
	add_callback(close_other, "refused");
	run_once();
	assert_trace("refused");
	close_and_free(other);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whatever_fails_is_answered_and_leaves_nothing),
		REAL_TEST(
			close_of_another_loop_inside_a_running_one_is_refused),
		REAL_TEST(counters_balance_to_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
