/* Descriptors: the classic chain, in which a byte goes from each pipe to the
 * next, and loops that have nothing to do. */
#ifndef BENCH_FD_SHAPE_H
#define BENCH_FD_SHAPE_H

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "driver.h"

#define FDREADY_WHAT                                                      \
	"so many pipes are watched, and bytes go from each to the next: " \
	"pipes=1000 active=100 count=500000"
#define IDLE_WHAT                                                         \
	"loops with nothing to do, CPU time of one in a second: loops=4 " \
	"ms=10000"

#define FDREADY_PIPES_MAX 100000u
#define FDREADY_OTHERS    64u /* descriptors */
#define IDLE_LOOPS_MAX    64u

/* -- fdready --------------------------------------------------------------- */

struct fdready_pipe {
	struct driver_watch watch;
	int fds[2];
};

static struct {
	struct driver driver;
	struct fdready_pipe *pipes;
	uint64_t count;
	uint64_t left; /* to be written */
	uint64_t under_way;
	uint64_t read;
} fdready;

static inline void
fdready_write(struct fdready_pipe *to)
{
	if (write(to->fds[1], "x", 1) != 1)
		bench_fail("a pipe took no byte");
	fdready.left--;
	fdready.under_way++;
}

static inline void
fdready_read(void *arg)
{
	struct fdready_pipe *from = (struct fdready_pipe *)arg;
	uint64_t next = (uint64_t)(from - fdready.pipes) + 1;
	char byte;

	if (read(from->fds[0], &byte, 1) != 1)
		bench_fail("a pipe that was ready had no byte");
	fdready.under_way--;
	fdready.read++;
	if (fdready.left > 0)
		fdready_write(&fdready.pipes[next == fdready.count ? 0 : next]);
	else if (fdready.under_way == 0)
		driver_stop(&fdready.driver);
}

static inline void
fdready_open(void)
{
	bench_want_descriptors(2 * fdready.count + FDREADY_OTHERS);
	fdready.pipes = (struct fdready_pipe *)bench_allocate(
		fdready.count, sizeof(struct fdready_pipe));
	driver_open(&fdready.driver);
	for (uint64_t i = 0; i < fdready.count; i++) {
		struct fdready_pipe *pipes = &fdready.pipes[i];

		if (pipe(pipes->fds) < 0)
			bench_fail("no pipe");
		(void)fcntl(pipes->fds[0], F_SETFL, O_NONBLOCK);
		driver_watch_start(&fdready.driver, &pipes->watch,
				   pipes->fds[0], fdready_read, pipes);
	}
}

static inline void
fdready_close(void)
{
	for (uint64_t i = 0; i < fdready.count; i++) {
		driver_watch_stop(&fdready.driver, &fdready.pipes[i].watch);
		close(fdready.pipes[i].fds[0]);
		close(fdready.pipes[i].fds[1]);
	}
	driver_close(&fdready.driver);
	free(fdready.pipes);
}

static inline void
bench_fdready(struct params *params, struct result *result)
{
	uint64_t count = params_number(params, "count", 500000, 1000000000);
	uint64_t active;

	fdready.count = params_number(params, "pipes", 1000, FDREADY_PIPES_MAX);
	active = params_number(params, "active", 100, 10000);
	if (active > fdready.count)
		active = fdready.count;
	if (active > count)
		active = count;
	fdready.left = count;
	fdready_open();
	for (uint64_t i = 0; i < active; i++)
		fdready_write(&fdready.pipes[i * (fdready.count / active)]);
	result_begin(result);
	driver_run(&fdready.driver);
	result_end(result, count);
	if (fdready.read != count)
		bench_fail("%llu of %llu bytes were read",
			   (unsigned long long)fdready.read,
			   (unsigned long long)count);
	driver_stats(&fdready.driver, &result->sleeps, &result->rings);
	fdready_close();
}

/* -- idle ------------------------------------------------------------------ */

struct idle_loop {
	struct driver driver;
	struct meeting *meeting;
	pthread_t thread;
};

static inline void
idle_stop(void *arg)
{
	driver_stop(&((struct idle_loop *)arg)->driver);
}

static inline void *
idle_main(void *arg)
{
	struct idle_loop *own = (struct idle_loop *)arg;

	driver_open(&own->driver);
	meeting_wait(own->meeting);
	driver_run(&own->driver);
	driver_close(&own->driver);
	return NULL;
}

static inline void
idle_sleep(int64_t ns)
{
	struct timespec left = { ns / 1000000000, ns % 1000000000 };

	while (nanosleep(&left, &left) < 0)
		continue;
}

/* How often threads of this process gave their CPU away. */
static inline double
idle_waits(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)usage.ru_nvcsw;
}

static inline void
bench_idle(struct params *params, struct result *result)
{
	uint64_t count = params_number(params, "loops", 4, IDLE_LOOPS_MAX);
	int64_t ns =
		(int64_t)params_number(params, "ms", 10000, 3600000) * 1000000;
	struct idle_loop *loops = (struct idle_loop *)bench_allocate(
		count, sizeof(struct idle_loop));
	struct meeting meeting;
	double waits;

	meeting_init(&meeting, (unsigned)count + 1);
	for (uint64_t i = 0; i < count; i++) {
		loops[i].meeting = &meeting;
		post_start(&loops[i].thread, idle_main, &loops[i]);
	}
	meeting_wait(&meeting);
	idle_sleep(50000000); /* till all are asleep */
	waits = idle_waits();
	result_begin(result);
	idle_sleep(ns);
	result_end(result, count);
	/* This thread's own is none of theirs. */
	result->sleeps = idle_waits() - waits - 1;
	result_measured(result, "CPU ns/s",
			result->cpu_ns / (double)count / ((double)ns / 1e9));
	for (uint64_t i = 0; i < count; i++)
		driver_post(&loops[i].driver, idle_stop, &loops[i]);
	for (uint64_t i = 0; i < count; i++)
		pthread_join(loops[i].thread, NULL);
	free(loops);
}

#endif
