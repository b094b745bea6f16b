/*
 * Waking a loop that sleeps: always, and with one write. The writes are counted
 * on the stage, where the loop is known to sleep; the rest is real.
 */
#include "tests/support/loop_fixture.h"

#include <fcntl.h>
#include <semaphore.h>
#include <unistd.h>

/* -- how many writes ------------------------------------------------------ */

static void
post_ten(void *arg)
{
	(void)arg;
	for (int i = 0; i < 10; i++)
		add_callback(trace_arg, ".");
}

static unsigned sleeps_left;

static void
post_from_elsewhere(void)
{
	CHECK(stage.slept_ns == GYRE_FOREVER);
	elsewhere(post_ten, NULL);
	if (--sleeps_left == 0)
		gyre_loop_stop(the_loop);
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

static void
many_posts_to_a_sleeping_loop_ring_once(void **state)
{
	(void)state;
	stage.on_wait = post_from_elsewhere;
	sleeps_left = 3;
	run();
	assert_trace(". . . . . . . . . . . . . . . . . . . . "
		     ". . . . . . . . . .");
	assert_int_equal(stage.sleeps, 3);
	assert_int_equal(fake_counts().writes, 3);
	assert_balanced(3, 3);
}

static void
post_ten_elsewhere(void *arg)
{
	elsewhere(post_ten, arg);
}

static void
posts_to_a_loop_that_is_awake_do_not_ring(void **state)
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

/* -- real sleeps ---------------------------------------------------------- */

static sem_t pinged;

static void
pong(void *arg)
{
	(void)arg;
	sem_post(&pinged);
}

static int pings;

/* One at a time: a wake-up that is lost is not repaired by the next. */
static void *
ping(void *arg)
{
	(void)arg;
	for (int i = 0; i < pings; i++) {
		add_callback(pong, NULL);
		sem_wait(&pinged);
	}
	gyre_loop_stop(the_loop);
	return NULL;
}

static void
run_pinged(int count)
{
	pthread_t thread;
	unsigned writes;

	pings = count;
	sem_init(&pinged, 0, 0);
	assert_int_equal(pthread_create(&thread, NULL, ping, NULL), 0);
	run();
	pthread_join(thread, NULL);
	sem_destroy(&pinged);
	writes = fake_counts().writes;
	assert_in_range(writes, 0, (unsigned)pings + 1);
	assert_in_range(writes, 0, fake_counts().polls);
}

static void
each_post_wakes_the_loop_at_most_once(void **state)
{
	(void)state;
	run_pinged(1000);
}

static int
no_eventfd(unsigned value, int flags)
{
	(void)value;
	(void)flags;
	errno = ENOSYS;
	return -1;
}

/* One that is full after 4096 rings. */
static int
small_pipe(int fds[2])
{
	int result = pipe(fds);

	if (result == 0)
		fcntl(fds[1], F_SETPIPE_SZ, 4096);
	return result;
}

static void
a_pipe_wakes_it_where_there_is_no_eventfd(void **state)
{
	(void)state;
	close_and_free(the_loop);
	fake_sys.eventfd = no_eventfd;
	fake_sys.pipe = small_pipe;
	the_loop = real_loop();
	run_pinged(5000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STAGE_TEST(many_posts_to_a_sleeping_loop_ring_once),
		STAGE_TEST(posts_to_a_loop_that_is_awake_do_not_ring),
		REAL_TEST(each_post_wakes_the_loop_at_most_once),
		REAL_TEST(a_pipe_wakes_it_where_there_is_no_eventfd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
