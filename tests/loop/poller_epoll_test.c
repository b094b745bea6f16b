/*
 * The epoll poller: how long it waits, and what wakes it.
 */
#include "tests/support/loop_fixture.h"

#include "loop/poller.h"
#include "tests/support/watchdog.h"

#include <sys/ioctl.h>
#include <unistd.h>

/* -- how long a wait is asked to be --------------------------------------- */

static int asked_ms;
static struct timespec asked;
static unsigned precise_calls;

static int
note_wait(int epoll, struct epoll_event *events, int max, int ms)
{
	(void)epoll;
	(void)events;
	(void)max;
	asked_ms = ms;
	return 0;
}

static int
note_pwait2(int epoll, struct epoll_event *events, int max,
	    const struct timespec *timeout, const sigset_t *mask)
{
	(void)epoll;
	(void)events;
	(void)max;
	(void)mask;
	asked = *timeout;
	precise_calls++;
	return 0;
}

static int
no_pwait2(int epoll, struct epoll_event *events, int max,
	  const struct timespec *timeout, const sigset_t *mask)
{
	note_pwait2(epoll, events, max, timeout, mask);
	errno = ENOSYS;
	return -1;
}

static const struct gyre_poller_ops *const epoll = &gyre__poller_epoll;

static void *
open_poller(void)
{
	void *poller;

	fake_reset();
	fake_sys.epoll_wait = note_wait;
	fake_sys.epoll_pwait2 = note_pwait2;
	asked_ms = 77;
	precise_calls = 0;
	assert_int_equal(epoll->open(&fake_sys, &poller), 0);
	return poller;
}

static void
wait_for(void *poller, int64_t timeout_ns)
{
	struct gyre_poller_event events[1];

	assert_int_equal(epoll->wait(poller, events, 1, timeout_ns), 0);
}

static void
a_wait_is_as_long_as_asked_to_the_nanosecond(void **state)
{
	void *poller = open_poller();

	(void)state;
	wait_for(poller, 300000);
	assert_int_equal(asked.tv_sec, 0);
	assert_int_equal(asked.tv_nsec, 300000);
	wait_for(poller, GYRE_SECONDS(3) + 1);
	assert_int_equal(asked.tv_sec, 3);
	assert_int_equal(asked.tv_nsec, 1);
	wait_for(poller, GYRE_FOREVER - 1);
	assert_int_equal(asked.tv_sec, (GYRE_FOREVER - 1) / 1000000000);
	assert_int_equal(asked_ms, 77);
	epoll->close(poller);
}

static void
no_wait_and_endless_wait_need_no_clock(void **state)
{
	void *poller = open_poller();

	(void)state;
	wait_for(poller, 0);
	assert_int_equal(asked_ms, 0);
	wait_for(poller, GYRE_FOREVER);
	assert_int_equal(asked_ms, -1);
	assert_int_equal(precise_calls, 0);
	epoll->close(poller);
}

static void
without_pwait2_milliseconds_are_rounded_up(void **state)
{
	static const struct {
		int64_t timeout_ns;
		int ms;
	} cases[] = {
		{ 1, 1 },
		{ 300000, 1 },
		{ 999999, 1 },
		{ 1000000, 1 },
		{ 1000001, 2 },
		{ 2000000, 2 },
		{ GYRE_MS(3600), 3600 },
		{ GYRE_FOREVER - 1, INT32_MAX },
	};
	void *poller = open_poller();

	(void)state;
	fake_sys.epoll_pwait2 = no_pwait2;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		wait_for(poller, cases[i].timeout_ns);
		assert_int_equal(asked_ms, cases[i].ms);
	}
	assert_int_equal(precise_calls, 1);
	epoll->close(poller);
}

/* -- what wakes it --------------------------------------------------------- */

static int
no_eventfd(unsigned value, int flags)
{
	(void)value;
	(void)flags;
	errno = ENOSYS;
	return -1;
}

static int read_end;

static int
noted_pipe(int fds[2])
{
	int result = pipe(fds);

	read_end = fds[0];
	return result;
}

static int
bytes_in_pipe(void)
{
	int bytes = -1;

	ioctl(read_end, FIONREAD, &bytes);
	return bytes;
}

/* As endless waits: one that is not woken does not come back. */
static void
each_wake_ends_a_wait(void **state)
{
	(void)state;
	watchdog(30);
	for (int with_pipe = 0; with_pipe < 2; with_pipe++) {
		void *poller;

		fake_reset();
		if (with_pipe) {
			fake_sys.eventfd = no_eventfd;
			fake_sys.pipe = noted_pipe;
		}
		assert_int_equal(epoll->open(&fake_sys, &poller), 0);
		for (int i = 0; i < 3; i++) {
			epoll->wake(poller);
			epoll->wake(poller);
			wait_for(poller, GYRE_FOREVER);
			/* A pipe that filled up would make no edge. */
			if (with_pipe)
				assert_int_equal(bytes_in_pipe(), 0);
		}
		epoll->close(poller);
	}
	watchdog(0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_wait_is_as_long_as_asked_to_the_nanosecond),
		cmocka_unit_test(no_wait_and_endless_wait_need_no_clock),
		cmocka_unit_test(without_pwait2_milliseconds_are_rounded_up),
		cmocka_unit_test(each_wake_ends_a_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
