/*
 * The kqueue poller: what wakes it, and how long it waits.
 */
#include "tests/support/loop_fixture.h"

#include "loop/poller.h"
#include "tests/support/watchdog.h"

#include <unistd.h>

static const struct gyre_poller_ops *const ops = &gyre__poller_kqueue;

static bool without_user_events;
static unsigned interruptions; /* of the next triggers */
static int last_count;         /* what kevent answered */
static bool endless;
static struct timespec asked;

static int
modest_kevent(int queue, const struct kevent *changes, int change_count,
	      struct kevent *events, int event_count,
	      const struct timespec *timeout)
{
	bool is_user = change_count > 0 && changes[0].filter == EVFILT_USER;

	if (is_user && without_user_events) {
		errno = EINVAL;
		return -1;
	}
	if (is_user && interruptions > 0 && changes[0].fflags != 0) {
		interruptions--;
		errno = EINTR;
		return -1;
	}
	if (event_count > 0) {
		endless = timeout == NULL;
		if (timeout != NULL)
			asked = *timeout;
	}
	last_count = gyre__sys_default.kevent(queue, changes, change_count,
					      events, event_count, timeout);
	return last_count;
}

static int
no_eventfd(unsigned value, int flags)
{
	(void)value;
	(void)flags;
	errno = ENOSYS;
	return -1;
}

static unsigned descriptors;

static void *
open_poller(void)
{
	void *poller;

	watchdog(30);
	descriptors = open_descriptors();
	fake_reset();
	fake_sys.kevent = modest_kevent;
	fake_sys.eventfd = no_eventfd;
	interruptions = 0;
	assert_int_equal(ops->open(&fake_sys, &poller), 0);
	return poller;
}

static void
close_poller(void *poller)
{
	ops->close(poller);
	assert_int_equal(fake_counts().allocations, 0);
	assert_int_equal(open_descriptors(), descriptors);
	watchdog(0);
}

static int
wait_at(void *poller, int64_t timeout_ns)
{
	struct gyre_poller_event events[4];

	return ops->wait(poller, events, 4, timeout_ns);
}

/* As endless waits: they would not come back. */
static void
check_wakes(void *poller)
{
	for (int i = 0; i < 3; i++) {
		errno = ENOTTY;
		ops->wake(poller);
		ops->wake(poller);
		assert_int_equal(errno, ENOTTY);
		assert_int_equal(wait_at(poller, GYRE_FOREVER), 0);
		assert_true(endless);
		assert_int_equal(last_count, 1);
		assert_int_equal(wait_at(poller, 0), 0);
		assert_int_equal(last_count, 0);
	}
}

static void
a_user_event_wakes_it(void **state)
{
	void *poller = open_poller();

	(void)state;
	check_wakes(poller);
	close_poller(poller);
}

static void
an_interrupted_trigger_is_tried_again(void **state)
{
	void *poller = open_poller();

	(void)state;
	interruptions = 3;
	check_wakes(poller);
	assert_int_equal(interruptions, 0);
	close_poller(poller);
}

static void
a_pipe_wakes_it_where_there_are_no_user_events(void **state)
{
	void *poller;

	(void)state;
	without_user_events = true;
	poller = open_poller();
	check_wakes(poller);
	close_poller(poller);
	without_user_events = false;
}

static void
a_wait_has_a_length_that_kernels_take(void **state)
{
	void *poller = open_poller();

	(void)state;
	ops->wake(poller);
	assert_int_equal(wait_at(poller, GYRE_SECONDS(3) + 7), 0);
	assert_int_equal(asked.tv_sec, 3);
	assert_int_equal(asked.tv_nsec, 7);
	ops->wake(poller);
	assert_int_equal(wait_at(poller, GYRE_FOREVER - 1), 0);
	assert_false(endless);
	assert_int_equal(asked.tv_sec, 86400);
	assert_int_equal(asked.tv_nsec, 0);
	close_poller(poller);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_user_event_wakes_it),
		cmocka_unit_test(an_interrupted_trigger_is_tried_again),
		cmocka_unit_test(
			a_pipe_wakes_it_where_there_are_no_user_events),
		cmocka_unit_test(a_wait_has_a_length_that_kernels_take),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
