/*
 * A loop is made, wholly or not at all. L01.
 */
#include "tests/support/loop_fixture.h"

#include <fcntl.h>

/* The descriptors that making a real loop opens, at most max. */
static int
make_and_find_descriptors(int *ret_fds, int max)
{
	bool before[64];
	int count = 0;

	for (int fd = 0; fd < 64; fd++)
		before[fd] = is_open(fd);
	the_loop = real_loop();
	for (int fd = 0; fd < 64 && count < max; fd++)
		if (!before[fd] && is_open(fd))
			ret_fds[count++] = fd;
	return count;
}

/* L01 holds: a new loop has a poller and a wake channel, both closed on exec;
 * nobody is ever blocked by a wake channel that is full. The wake channel is
 * none of the user's handlers. A loop that cannot be made leaves nothing. */
static void
L01_what_new_opens_is_closed_on_exec_and_no_handler(void **state)
{
	int non_blocking = 0;
	int fds[5];
	int count;

	(void)state;
	close_and_free(the_loop);
	count = make_and_find_descriptors(fds, 5);
	assert_int_equal(count, loop_descriptors());
	for (int i = 0; i < count; i++) {
		assert_true(fcntl(fds[i], F_GETFD) & FD_CLOEXEC);
		non_blocking += (fcntl(fds[i], F_GETFL) & O_NONBLOCK) != 0;
		assert_int_equal(gyre_loop_remove_handler(the_loop, fds[i]),
				 -ENOENT);
	}
	assert_int_equal(non_blocking, 1);
}

static void
L01_a_loop_that_cannot_be_made_leaves_nothing(void **state)
{
	const struct gyre_loop_options options = {
		.make_current = GYRE_MAKE_CURRENT_YES,
		._sys = &fake_sys,
	};
	unsigned allocations = fake_counts().allocations;
	unsigned descriptors = open_descriptors();
	struct gyre_loop *loop = NULL;
	unsigned n = 0;

	(void)state;
	do {
		int result;

		fake_fail_at(++n);
		result = gyre_loop_new(&options, &loop);
		if (result == 0) {
			/* Nothing failed, or nothing that was needed. */
			close_and_free(loop);
			loop = NULL;
			continue;
		}
		assert_int_equal(result, fake_failure());
		assert_null(loop);
		assert_int_equal(fake_counts().allocations, allocations);
		assert_int_equal(open_descriptors(), descriptors);
		assert_null(gyre_loop_current(false));
	} while (fake_fired());
	fake_fail_at(0);
	/* The loop, the poller, the wake channel, its place in the poller. */
	assert_in_range(n, 5, 50);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		REAL_TEST(L01_what_new_opens_is_closed_on_exec_and_no_handler),
		REAL_TEST(L01_a_loop_that_cannot_be_made_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
