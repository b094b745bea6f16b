/*
 * A loop that takes another poller, again and again, while other threads post
 * to it and wake it: no post is lost, and nobody wakes a poller that is gone.
 */
#include "tests/support/loop_fixture.h"
#include "tests/support/watchdog.h"

#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

#define CHANGES 150
#define THREADS 2

static atomic_bool over;
static atomic_uint posted;
static unsigned run_posts;

static void
count_post(void *arg)
{
	(void)arg;
	run_posts++;
}

/* One at a time, so that the loop sleeps in between. */
static void *
post_all_the_time(void *arg)
{
	(void)arg;
	while (!atomic_load(&over)) {
		add_callback(count_post, NULL);
		atomic_fetch_add(&posted, 1);
		for (unsigned i = 0; i < 20; i++)
			sched_yield();
	}
	return NULL;
}

static int duplicate = -1;
static unsigned made;

/* A descriptor that is closed under its handler while a duplicate is open. */
static void
make_ghost(void)
{
	int fds[2];

	make_pipe(fds);
	CHECK(write(fds[1], "x", 1) == 1);
	close(fds[1]);
	handle(fds[0], GYRE_READ, trace_handler, "ghost");
	duplicate = dup(fds[0]);
	close(fds[0]);
	gyre_loop_remove_handler(the_loop, fds[0]);
	made++;
}

static void
haunt(void *arg)
{
	struct gyre_loop_stats stats;

	gyre_loop_get_stats(the_loop, &stats);
	if (stats.poller_changes == made) {
		close(duplicate);
		if (made == CHANGES) {
			gyre_loop_stop(the_loop);
			return;
		}
		make_ghost();
	}
	call_later(GYRE_US(50), haunt, arg);
}

static void
posts_reach_a_loop_that_changes_its_poller(void **state)
{
	pthread_t threads[THREADS];

	(void)state;
	log_the_loop();
	watchdog(120);
	make_ghost();
	call_later(0, haunt, NULL);
	for (unsigned i = 0; i < THREADS; i++)
		CHECK(pthread_create(&threads[i], NULL, post_all_the_time,
				     NULL) == 0);
	run();
	atomic_store(&over, true);
	for (unsigned i = 0; i < THREADS; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
	assert_int_equal(gyre_loop_drain(the_loop, GYRE_FOREVER), 0);
	assert_int_equal(run_posts, atomic_load(&posted));
	watchdog(0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		REAL_TEST(posts_reach_a_loop_that_changes_its_poller),
	};

	return poller_is("epoll") ? cmocka_run_group_tests(tests, NULL, NULL)
				  : 77;
}
