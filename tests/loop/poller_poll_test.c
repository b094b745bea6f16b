/*
 * The poll poller: its account of what is watched, and how long it waits.
 */
#include "tests/support/loop_fixture.h"

#include "loop/poller.h"

#include <unistd.h>

static const struct gyre_poller_ops *const ops = &gyre__poller_poll;

static void *
open_poller(void)
{
	void *poller;

	fake_reset();
	assert_int_equal(ops->open(&fake_sys, &poller), 0);
	return poller;
}

static void
close_poller(void *poller)
{
	ops->close(poller);
	assert_int_equal(fake_counts().allocations, 0);
}

/* -- how long ---------------------------------------------------------------
 */

static bool endless;
static struct timespec asked;

static int
note_poll(struct pollfd *fds, nfds_t count, const struct timespec *timeout)
{
	(void)fds;
	(void)count;
	endless = timeout == NULL;
	if (timeout != NULL)
		asked = *timeout;
	return 0;
}

static void
a_wait_is_as_long_as_asked_to_the_nanosecond(void **state)
{
	struct gyre_poller_event events[1];
	void *poller = open_poller();

	(void)state;
	fake_sys.poll = note_poll;
	assert_int_equal(ops->wait(poller, events, 1, GYRE_SECONDS(3) + 7), 0);
	assert_false(endless);
	assert_int_equal(asked.tv_sec, 3);
	assert_int_equal(asked.tv_nsec, 7);
	assert_int_equal(ops->wait(poller, events, 1, 0), 0);
	assert_int_equal(asked.tv_sec, 0);
	assert_int_equal(asked.tv_nsec, 0);
	assert_int_equal(ops->wait(poller, events, 1, GYRE_FOREVER), 0);
	assert_true(endless);
	close_poller(poller);
}

/* -- the account --------------------------------------------------------------
 */

static void
what_is_not_watched_is_not_found(void **state)
{
	void *poller = open_poller();
	int fds[2];

	(void)state;
	make_pipe(fds);
	assert_int_equal(ops->modify(poller, fds[0], GYRE_READ, 1), -ENOENT);
	assert_int_equal(ops->remove(poller, fds[0]), -ENOENT);
	assert_int_equal(ops->remove(poller, 100000), -ENOENT);
	assert_int_equal(ops->remove(poller, -1), -ENOENT);
	assert_int_equal(ops->add(poller, fds[0], GYRE_READ, 1), 0);
	assert_int_equal(ops->add(poller, fds[0], GYRE_READ, 1), -EEXIST);
	assert_int_equal(ops->remove(poller, fds[0]), 0);
	assert_int_equal(ops->remove(poller, fds[0]), -ENOENT);
	close(fds[0]);
	close(fds[1]);
	close_poller(poller);
}

static void
a_closed_one_is_taken_out_by_the_next_wait(void **state)
{
	struct gyre_poller_event events[4];
	void *poller = open_poller();
	int closed[2];
	int last[2];

	(void)state;
	make_pipe(closed);
	make_pipe(last);
	assert_int_equal(ops->add(poller, closed[0], GYRE_READ, 1), 0);
	assert_int_equal(ops->add(poller, closed[1], GYRE_WRITE, 2), 0);
	assert_int_equal(ops->add(poller, last[1], GYRE_WRITE, 3), 0);
	close(closed[0]);
	close(closed[1]);
	assert_int_equal(ops->wait(poller, events, 4, GYRE_FOREVER), 1);
	assert_int_equal(events[0].cookie, 3);
	assert_int_equal(ops->remove(poller, closed[0]), -ENOENT);
	assert_int_equal(ops->modify(poller, closed[1], 0, 2), -ENOENT);
	assert_int_equal(ops->modify(poller, last[1], GYRE_NONE, 3), 0);
	assert_int_equal(ops->wait(poller, events, 4, 0), 0);
	/* Its number may be added again. */
	assert_int_equal(dup2(last[1], closed[0]), closed[0]);
	assert_int_equal(ops->add(poller, closed[0], GYRE_WRITE, 4), 0);
	assert_int_equal(ops->wait(poller, events, 4, GYRE_FOREVER), 1);
	assert_int_equal(events[0].cookie, 4);
	close(closed[0]);
	close(last[0]);
	close(last[1]);
	close_poller(poller);
}

#define PIPES 40

/* Every pipe is writable at its other end: who is watched is reported. */
static void
any_order_of_changes_is_kept_account_of(void **state)
{
	struct gyre_poller_event events[PIPES];
	uint64_t cookies[PIPES] = { 0 }; /* 0: not watched */
	uint64_t seed = first_seed(9);
	void *poller = open_poller();
	int fds[PIPES][2];

	(void)state;
	for (int i = 0; i < PIPES; i++)
		make_pipe(fds[i]);
	for (uint64_t step = 1; step <= 2000; step++) {
		unsigned i = next_random(&seed) % PIPES;
		unsigned watched = 0;
		int count;

		if (cookies[i] == 0)
			assert_int_equal(ops->add(poller, fds[i][1], GYRE_WRITE,
						  cookies[i] = step),
					 0);
		else if (next_random(&seed) % 2)
			assert_int_equal(ops->modify(poller, fds[i][1],
						     GYRE_WRITE,
						     cookies[i] = step),
					 0);
		else
			assert_int_equal(ops->remove(poller, fds[i][1]),
					 (int)(cookies[i] = 0));
		count = ops->wait(poller, events, PIPES, 0);
		for (int k = 0; k < PIPES; k++)
			watched += cookies[k] != 0;
		assert_int_equal(count, watched);
		for (int e = 0; e < count; e++) {
			int k = 0;

			while (cookies[k] != events[e].cookie)
				assert_true(++k < PIPES);
			assert_int_equal(events[e].events, GYRE_WRITE);
		}
	}
	for (int i = 0; i < PIPES; i++) {
		close(fds[i][0]);
		close(fds[i][1]);
	}
	close_poller(poller);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_wait_is_as_long_as_asked_to_the_nanosecond),
		cmocka_unit_test(what_is_not_watched_is_not_found),
		cmocka_unit_test(a_closed_one_is_taken_out_by_the_next_wait),
		cmocka_unit_test(any_order_of_changes_is_kept_account_of),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
