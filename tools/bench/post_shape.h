/* Messages between threads: from some that have no loop to one that has, at a
 * rate, to and fro, and from each loop to each other. */
#ifndef BENCH_POST_SHAPE_H
#define BENCH_POST_SHAPE_H

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "driver.h"

#define XPOST_WHAT                                                         \
	"callbacks from threads without a loop, one at a time: threads=1 " \
	"count=4000000 window=8192"
#define XRATE_WHAT \
	"the same at a rate, how late they run: rate=100000 count=100000"
#define XPING_WHAT "two loops, a callback there and one back: count=200000"
#define XMESH_WHAT                                                           \
	"each loop to each other: loops=2 count=4000000 window=256 between " \
	"two"

#define XPOST_THREADS_MAX 64u
#define XMESH_LOOPS_MAX   64u
#define XPOST_PROGRESS    256u /* how often what ran is told */

static inline void
post_start(pthread_t *thread, void *(*fn)(void *), void *arg)
{
	if (pthread_create(thread, NULL, fn, arg) != 0)
		bench_fail("no thread");
}

/* A barrier, which not every system has. */
struct meeting {
	pthread_mutex_t lock;
	pthread_cond_t all_there;
	unsigned expected;
	unsigned there;
	unsigned number;
};

static inline void
meeting_init(struct meeting *meeting, unsigned expected)
{
	pthread_mutex_init(&meeting->lock, NULL);
	pthread_cond_init(&meeting->all_there, NULL);
	meeting->expected = expected;
	meeting->there = 0;
	meeting->number = 0;
}

static inline void
meeting_wait(struct meeting *meeting)
{
	unsigned number;

	pthread_mutex_lock(&meeting->lock);
	number = meeting->number;
	if (++meeting->there == meeting->expected) {
		meeting->there = 0;
		meeting->number++;
		pthread_cond_broadcast(&meeting->all_there);
	}
	while (number == meeting->number)
		pthread_cond_wait(&meeting->all_there, &meeting->lock);
	pthread_mutex_unlock(&meeting->lock);
}

/* -- xpost ----------------------------------------------------------------- */

struct xposter {
	pthread_t thread;
	uint64_t next; /* the loop's: what it expects of this one */
	/* What has run of it, told by the loop; on a line of its own. */
	uint64_t done __attribute__((aligned(128)));
};

struct xpost {
	struct driver driver;
	struct xposter *posters;
	uint64_t threads;
	uint64_t count; /* of each */
	uint64_t window;
	uint64_t ended;
};

static struct xpost xpost;

/* The argument is the number among the poster's, and who it is. */
static inline void
xpost_run(void *arg)
{
	uint64_t number = (uintptr_t)arg / XPOST_THREADS_MAX;
	struct xposter *poster =
		&xpost.posters[(uintptr_t)arg % XPOST_THREADS_MAX];

	if (number != poster->next)
		bench_fail("a callback is not in its sender's order");
	if (++poster->next % XPOST_PROGRESS == 0)
		__atomic_store_n(&poster->done, poster->next, __ATOMIC_RELEASE);
	if (poster->next == xpost.count && ++xpost.ended == xpost.threads)
		driver_stop(&xpost.driver);
}

static inline void *
xpost_main(void *arg)
{
	struct xposter *poster = (struct xposter *)arg;
	uintptr_t own = (uintptr_t)(poster - xpost.posters);

	for (uint64_t i = 0; i < xpost.count; i++) {
		while (i % XPOST_PROGRESS == 0 &&
		       i - __atomic_load_n(&poster->done, __ATOMIC_ACQUIRE) >=
			       xpost.window)
			sched_yield();
		driver_post(&xpost.driver, xpost_run,
			    (void *)(uintptr_t)(i * XPOST_THREADS_MAX + own));
	}
	return NULL;
}

static inline void
xpost_measure(struct params *params, struct result *result,
	      void *(*poster_main)(void *))
{
	xpost.threads = params_number(params, "threads", 1, XPOST_THREADS_MAX);
	xpost.count = params_number(params, "count", 4000000, 1000000000) /
		      xpost.threads;
	/* What is told is a little behind. */
	xpost.window =
		params_number(params, "window", 8192, 65536) / xpost.threads +
		XPOST_PROGRESS;
	if (posix_memalign((void **)&xpost.posters, 128,
			   xpost.threads * sizeof(struct xposter)) != 0)
		bench_fail("no memory");
	memset((void *)xpost.posters, 0,
	       xpost.threads * sizeof(struct xposter));
	driver_open(&xpost.driver);
	result_begin(result);
	for (uint64_t i = 0; i < xpost.threads; i++)
		post_start(&xpost.posters[i].thread, poster_main,
			   &xpost.posters[i]);
	driver_run(&xpost.driver);
	result_end(result, xpost.threads * xpost.count);
	for (uint64_t i = 0; i < xpost.threads; i++)
		pthread_join(xpost.posters[i].thread, NULL);
	driver_stats(&xpost.driver, &result->sleeps, &result->rings);
	driver_close(&xpost.driver);
	free(xpost.posters);
}

static inline void
bench_xpost(struct params *params, struct result *result)
{
	xpost_measure(params, result, xpost_main);
}

/* -- xrate ----------------------------------------------------------------- */

struct xrate {
	struct driver driver;
	struct result *result;
	uint64_t count;
	int64_t step_ns;
	uint64_t ran;
	int64_t last_ns;
};

static struct xrate xrate;

/* The argument is when it was posted. */
static inline void
xrate_run(void *arg)
{
	int64_t posted_ns = (int64_t)(uintptr_t)arg;

	if (posted_ns < xrate.last_ns)
		bench_fail("a callback is not in its sender's order");
	xrate.last_ns = posted_ns;
	result_sample(xrate.result, bench_now_ns() - posted_ns);
	if (++xrate.ran == xrate.count)
		driver_stop(&xrate.driver);
}

/* It spins until the next is due, on a CPU of its own if there are two. */
static inline void *
xrate_main(void *arg)
{
	int64_t next_ns = bench_now_ns();

	(void)arg;
	for (uint64_t i = 0; i < xrate.count; i++) {
		int64_t now_ns;

		next_ns += xrate.step_ns;
		do
			now_ns = bench_now_ns();
		while (now_ns < next_ns);
		driver_post(&xrate.driver, xrate_run,
			    (void *)(uintptr_t)now_ns);
	}
	return NULL;
}

static inline void
bench_xrate(struct params *params, struct result *result)
{
	pthread_t thread;

	xrate.result = result;
	xrate.step_ns = 1000000000 / (int64_t)params_number(params, "rate",
							    100000, 10000000);
	xrate.count = params_number(params, "count", 60000, BENCH_SAMPLES_MAX);
	driver_open(&xrate.driver);
	result_begin(result);
	post_start(&thread, xrate_main, NULL);
	driver_run(&xrate.driver);
	result_end(result, xrate.count);
	pthread_join(thread, NULL);
	result_measured(result, "ns p50", result_median(result));
	driver_stats(&xrate.driver, &result->sleeps, &result->rings);
	driver_close(&xrate.driver);
}

/* -- xping ----------------------------------------------------------------- */

struct xping {
	struct driver drivers[2];
	uint64_t left;
	struct meeting meeting;
};

static struct xping xping;

static inline void
xping_end(void *arg)
{
	driver_stop((struct driver *)arg);
}

static inline void xping_there(void *arg);

static inline void
xping_back(void *arg)
{
	(void)arg;
	if (xping.left-- > 0) {
		driver_post(&xping.drivers[1], xping_there, NULL);
		return;
	}
	driver_post(&xping.drivers[1], xping_end, &xping.drivers[1]);
	driver_stop(&xping.drivers[0]);
}

static inline void
xping_there(void *arg)
{
	(void)arg;
	driver_post(&xping.drivers[0], xping_back, NULL);
}

static inline void *
xping_main(void *arg)
{
	(void)arg;
	driver_open(&xping.drivers[1]);
	meeting_wait(&xping.meeting);
	driver_run(&xping.drivers[1]);
	meeting_wait(&xping.meeting);
	driver_close(&xping.drivers[1]);
	return NULL;
}

static inline void
bench_xping(struct params *params, struct result *result)
{
	uint64_t count = params_number(params, "count", 200000, 1000000000);
	pthread_t thread;

	xping.left = count;
	meeting_init(&xping.meeting, 2);
	driver_open(&xping.drivers[0]);
	post_start(&thread, xping_main, NULL);
	meeting_wait(&xping.meeting);
	driver_add(&xping.drivers[0], xping_back, NULL);
	result_begin(result);
	driver_run(&xping.drivers[0]);
	result_end(result, count);
	meeting_wait(&xping.meeting);
	pthread_join(thread, NULL);
	driver_stats(&xping.drivers[0], &result->sleeps, &result->rings);
	driver_close(&xping.drivers[0]);
}

/* -- xmesh ----------------------------------------------------------------- */

struct xmesh_loop {
	struct driver driver;
	pthread_t thread;
	uintptr_t own;
	uint64_t sent[XMESH_LOOPS_MAX];
	uint64_t received[XMESH_LOOPS_MAX];
	uint64_t left; /* to come, from all */
	double sleeps;
	double rings;
};

static struct {
	struct xmesh_loop *loops;
	uint64_t count; /* loops */
	uint64_t each;  /* messages from one to one */
	uint64_t window;
	struct meeting meeting;
} xmesh;

static inline void xmesh_run(void *arg);

/* The argument: the number between the two, from whom, to whom. */
static inline void
xmesh_send(struct xmesh_loop *from, uintptr_t to)
{
	uintptr_t number = (uintptr_t)from->sent[to]++;

	driver_post(&xmesh.loops[to].driver, xmesh_run,
		    (void *)((number * XMESH_LOOPS_MAX + from->own) *
				     XMESH_LOOPS_MAX +
			     to));
}

/* Each one received lets one go back, so that what is under way is bounded. */
static inline void
xmesh_run(void *arg)
{
	uintptr_t word = (uintptr_t)arg;
	struct xmesh_loop *own = &xmesh.loops[word % XMESH_LOOPS_MAX];
	uintptr_t from = word / XMESH_LOOPS_MAX % XMESH_LOOPS_MAX;

	if (word / XMESH_LOOPS_MAX / XMESH_LOOPS_MAX != own->received[from]++)
		bench_fail("a callback is not in its sender's order");
	if (own->sent[from] < xmesh.each)
		xmesh_send(own, from);
	if (--own->left == 0)
		driver_stop(&own->driver);
}

static inline void
xmesh_begin(void *arg)
{
	struct xmesh_loop *own = (struct xmesh_loop *)arg;

	/* Some may have come already, and have been answered. */
	for (uint64_t i = 0; i < xmesh.window; i++)
		for (uintptr_t to = 0; to < xmesh.count; to++)
			if (to != own->own && own->sent[to] < xmesh.each)
				xmesh_send(own, to);
}

static inline void *
xmesh_main(void *arg)
{
	struct xmesh_loop *own = (struct xmesh_loop *)arg;

	driver_open(&own->driver);
	driver_add(&own->driver, xmesh_begin, own);
	meeting_wait(&xmesh.meeting);
	driver_run(&own->driver);
	meeting_wait(&xmesh.meeting);
	own->sleeps = -1;
	own->rings = -1;
	driver_stats(&own->driver, &own->sleeps, &own->rings);
	driver_close(&own->driver);
	return NULL;
}

static inline void
bench_xmesh(struct params *params, struct result *result)
{
	uint64_t total = params_number(params, "count", 4000000, 1000000000);

	xmesh.count = params_number(params, "loops", 2, XMESH_LOOPS_MAX);
	if (xmesh.count < 2)
		bench_fail("loops is %llu, and two are needed at least",
			   (unsigned long long)xmesh.count);
	xmesh.window = params_number(params, "window", 256, 4096);
	xmesh.each = total / (xmesh.count * (xmesh.count - 1)) + 1;
	xmesh.loops = (struct xmesh_loop *)bench_allocate(
		xmesh.count, sizeof(struct xmesh_loop));
	meeting_init(&xmesh.meeting, (unsigned)xmesh.count + 1);
	for (uintptr_t i = 0; i < xmesh.count; i++) {
		struct xmesh_loop *own = &xmesh.loops[i];

		own->own = i;
		own->left = xmesh.each * (xmesh.count - 1);
		post_start(&own->thread, xmesh_main, own);
	}
	meeting_wait(&xmesh.meeting);
	result_begin(result);
	meeting_wait(&xmesh.meeting);
	result_end(result, xmesh.each * xmesh.count * (xmesh.count - 1));
	result->sleeps = 0;
	result->rings = 0;
	for (uint64_t i = 0; i < xmesh.count; i++) {
		pthread_join(xmesh.loops[i].thread, NULL);
		result->sleeps += xmesh.loops[i].sleeps;
		result->rings += xmesh.loops[i].rings;
	}
	free(xmesh.loops);
}

#endif
