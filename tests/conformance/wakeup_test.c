/*
 * Waking a loop that sleeps: always, and with one write. The writes are counted
 * on the stage, where the loop is known to sleep; the rest is real.
 */
#include "tests/support/loop_fixture.h"

#include <fcntl.h>
#include <semaphore.h>
#include <unistd.h>

static void
post_ten(void *arg)
{
	(void)arg;
	for (int i = 0; i < 10; i++)
		add_callback(trace_arg, ".");
}

static void
assert_balanced(unsigned arms, unsigned rings)
{
	struct gyre_loop_stats stats;

	gyre_loop_get_stats(the_loop, &stats);
	assert_int_equal(stats.arms, arms);
	assert_int_equal(stats.rings, rings);
	assert_int_equal(stats.self_disarms, arms - rings);
}

/* -- real sleeps ----------------------------------------------------------- */

static sem_t pinged;

static void
pong(void *arg)
{
	(void)arg;
	sem_post(&pinged);
}

#define PINGS 1000

/* One at a time: a wake-up that is lost is not repaired by the next. */
static void *
ping(void *arg)
{
	(void)arg;
	for (int i = 0; i < PINGS; i++) {
		add_callback(pong, NULL);
		sem_wait(&pinged);
	}
	gyre_loop_stop(the_loop);
	return NULL;
}

/* L45 holds: an add on another thread ends the sleep of a loop that has
 * nothing else to wake it. */
static void
L45_each_post_wakes_the_loop_at_most_once(void **state)
{
	pthread_t thread;
	unsigned writes;

	(void)state;
	sem_init(&pinged, 0, 0);
	assert_int_equal(pthread_create(&thread, NULL, ping, NULL), 0);
	run();
	pthread_join(thread, NULL);
	sem_destroy(&pinged);
	writes = fake_counts().writes;
	assert_in_range(writes, 0, PINGS + 1);
	assert_in_range(writes, 0, fake_counts().polls);
}

/* -- how many writes ------------------------------------------------------- */

static void
post_ten_elsewhere(void *arg)
{
	elsewhere(post_ten, arg);
}

/* L46 holds: an add on the loop's own thread makes no system call; nor does
 * one from elsewhere while the loop is awake. */
static void
L46_posts_to_a_loop_that_is_awake_do_not_ring(void **state)
{
	(void)state;
	elsewhere(post_ten, NULL);
	add_callback(post_ten_elsewhere, NULL);
	add_callback(post_ten, NULL);
	call_later(GYRE_SECONDS(1), stop_callback, "timeout");
	run();
	assert_trace(". . . . . . . . . . . . . . . . . . . . "
		     ". . . . . . . . . . timeout");
	assert_int_equal(fake_counts().writes, 0);
	assert_balanced(1, 0);
}

static void
next_sum(void *sum)
{
	++*(unsigned *)sum;
}

static void
add_a_hundred_thousand(void *sum)
{
	for (unsigned i = 0; i < 100000; i++)
		CHECK(gyre_loop_add_callback(the_loop, next_sum, sum) == 0);
}

/* L47 holds: any number may be added before the first start, and all run. No
 * add rings meanwhile, since nobody sleeps: there is no pipe to fill. */
static void
L47_many_wait_for_the_first_start(void **state)
{
	unsigned sum = 0;

	(void)state;
	add_a_hundred_thousand(&sum);
	elsewhere(add_a_hundred_thousand, &sum);
	run_once();
	assert_int_equal(sum, 200000);
	assert_int_equal(fake_counts().writes, 0);
}

static unsigned sleeps_left;

static void
post_while_asleep(void)
{
	CHECK(stage.slept_ns == GYRE_FOREVER);
	elsewhere(post_ten, NULL);
	if (--sleeps_left == 0)
		gyre_loop_stop(the_loop);
}

/* L48 holds: any number of adds to a loop that sleeps costs one write and one
 * wake-up. A ring that fails is not repeated; a pipe, where there is no
 * eventfd, is emptied. */
static void
L48_many_posts_to_a_sleeping_loop_ring_once(void **state)
{
	(void)state;
	stage.on_wait = post_while_asleep;
	sleeps_left = 3;
	run();
	assert_trace(". . . . . . . . . . . . . . . . . . . . "
		     ". . . . . . . . . .");
	assert_int_equal(stage.sleeps, 3);
	assert_int_equal(fake_counts().writes, 3);
	assert_balanced(3, 3);
}

static unsigned failed_writes;

static ssize_t
write_that_fails(int fd, const void *bytes, size_t size)
{
	(void)fd;
	(void)bytes;
	(void)size;
	/* Each ring is interrupted once. */
	errno = ++failed_writes % 2 == 1 ? EINTR : EBADF;
	return -1;
}

static void
L48_a_ring_that_fails_is_not_repeated(void **state)
{
	(void)state;
	fake_sys.write = write_that_fails;
	failed_writes = 0;
	stage.on_wait = post_while_asleep;
	sleeps_left = 2;
	run();
	assert_trace(". . . . . . . . . . . . . . . . . . . .");
	assert_int_equal(failed_writes, 4);
}

static int
no_eventfd(unsigned value, int flags)
{
	(void)value;
	(void)flags;
	errno = ENOSYS;
	return -1;
}

static int pipe_of_loop;

/* One that is full after 4096 rings. */
static int
small_pipe(int fds[2])
{
	int result = pipe(fds);

	if (result == 0)
		fcntl(fds[1], F_SETPIPE_SZ, 4096);
	pipe_of_loop = fds[0];
	return result;
}

static unsigned rings_left;

/* The loop has committed to sleep: what a signal handler adds must ring. */
static void
be_rung(bool may_sleep)
{
	gyre_callback_fn fn = rings_left == 1 ? stop_callback : trace_arg;

	if (may_sleep && rings_left > 0) {
		rings_left--;
		CHECK(gyre_loop_add_callback_from_signal(the_loop, fn, NULL) ==
		      0);
	}
}

#if defined(GYRE__KQUEUE)
static int (*kevent_of_fixture)(int, const struct kevent *, int,
				struct kevent *, int, const struct timespec *);

/* A kqueue that has user events has no need of a pipe. */
static int
no_user_event(int queue, const struct kevent *changes, int change_count,
	      struct kevent *events, int event_count,
	      const struct timespec *timeout)
{
	if (change_count > 0 && changes[0].filter == EVFILT_USER) {
		errno = EINVAL;
		return -1;
	}
	return kevent_of_fixture(queue, changes, change_count, events,
				 event_count, timeout);
}
#endif

static void
have_nothing_but_a_pipe(void)
{
	fake_sys.eventfd = no_eventfd;
	fake_sys.pipe = small_pipe;
#if defined(GYRE__KQUEUE)
	kevent_of_fixture = fake_sys.kevent;
	fake_sys.kevent = no_user_event;
#endif
}

static void
L48_a_pipe_is_emptied_where_there_is_no_eventfd(void **state)
{
	char byte;

	(void)state;
	close_and_free(the_loop);
	have_nothing_but_a_pipe();
	the_loop = real_loop();
	fake_on_wait = be_rung;
	rings_left = 5000;
	run();
	assert_int_equal(fake_counts().writes, 5000);
	assert_int_equal(read(pipe_of_loop, &byte, 1), -1);
}

/* -- just before the sleep ------------------------------------------------- */

static bool post_in_clock;

static void
post_a_stop(void *arg)
{
	add_callback(stop_callback, arg);
}

static int64_t
post_and_tell_time(void *arg)
{
	if (post_in_clock)
		elsewhere(post_a_stop, NULL);
	post_in_clock = false;
	return stage_now(arg);
}

static void
let_the_clock_post(void *arg)
{
	(void)arg;
	post_in_clock = true;
}

/* L49 holds: an add that comes after the iteration has taken its callbacks and
 * before it polls keeps it from sleeping, and one that comes as it sleeps
 * wakes it. */
static void
L49_an_add_just_before_the_poll_is_not_slept_through(void **state)
{
	struct gyre_loop_options options = stage_options();

	(void)state;
	close_and_free(the_loop);
	options.clock.now_ns = post_and_tell_time;
	the_loop = new_loop(&options);
	call_at(GYRE_FOREVER - 1, trace_arg, "never");
	/* Then the clock is read once more, to know how long to sleep. */
	add_callback(let_the_clock_post, NULL);
	run();
	assert_int_equal(stage.polls, 1);
	assert_int_equal(stage.sleeps, 0);
	assert_int_equal(fake_counts().writes, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		REAL_TEST(L45_each_post_wakes_the_loop_at_most_once),
		STAGE_TEST(L46_posts_to_a_loop_that_is_awake_do_not_ring),
		STAGE_TEST(L47_many_wait_for_the_first_start),
		STAGE_TEST(L48_many_posts_to_a_sleeping_loop_ring_once),
		STAGE_TEST(L48_a_ring_that_fails_is_not_repeated),
		REAL_TEST(L48_a_pipe_is_emptied_where_there_is_no_eventfd),
		STAGE_TEST(
			L49_an_add_just_before_the_poll_is_not_slept_through),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
