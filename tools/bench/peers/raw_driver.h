/*
 * What the machine can do, as a driver: plain epoll for descriptors, and a
 * ring by value from each thread to each loop, with one producer and one
 * consumer that never sleeps while there are rings. It has no timers.
 */
#ifndef BENCH_RAW_DRIVER_H
#define BENCH_RAW_DRIVER_H

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "driver.h"
#include "mailbox.h"

#define DRIVER_WITHOUT_TIMERS
#define DRIVER_SPINS
#define DRIVER_CAN_SPIN
#define RAW_LANE_SIZE   16384u /* more than any bench has under way */
#define RAW_LANES_MAX   64u
#define RAW_SPINS       64u
#define RAW_EVENTS      256
#define RAW_DRIVERS_MAX 64u

struct raw_lane {
	uint64_t head __attribute__((aligned(128))); /* the producer's */
	uint64_t tail __attribute__((aligned(128))); /* the consumer's */
	struct message messages[RAW_LANE_SIZE] __attribute__((aligned(128)));
};

struct driver {
	unsigned number;
	int epoll;
	bool stops;
	struct queue own;
	unsigned lanes_count; /* published */
	struct raw_lane *lanes[RAW_LANES_MAX];
	pthread_mutex_t lock; /* to add one */
	unsigned watches;
};

struct driver_watch {
	int fd;
	driver_fn fn;
	void *arg;
};

static unsigned raw_drivers;
/* This thread's lane to each loop. */
static _Thread_local struct raw_lane *raw_lanes[RAW_DRIVERS_MAX];

static inline void
driver_spin(uint64_t spin_ns)
{
	(void)spin_ns; /* until something comes */
}

static inline void
driver_open(struct driver *driver)
{
	memset(driver, 0, sizeof(*driver));
	driver->number = __atomic_fetch_add(&raw_drivers, 1, __ATOMIC_RELAXED);
	if (driver->number >= RAW_DRIVERS_MAX)
		bench_fail("too many loops");
	pthread_mutex_init(&driver->lock, NULL);
	driver->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (driver->epoll < 0)
		bench_fail("no epoll");
}

static inline void
driver_close(struct driver *driver)
{
	for (unsigned i = 0; i < driver->lanes_count; i++)
		free(driver->lanes[i]);
	close(driver->epoll);
	queue_free(&driver->own);
	pthread_mutex_destroy(&driver->lock);
}

static inline struct raw_lane *
raw_lane_new(struct driver *driver)
{
	struct raw_lane *lane =
		(struct raw_lane *)aligned_alloc(128, sizeof(*lane));

	if (lane == NULL)
		bench_fail("no memory");
	/* The messages' memory is taken when it is used. */
	lane->head = 0;
	lane->tail = 0;
	pthread_mutex_lock(&driver->lock);
	if (driver->lanes_count == RAW_LANES_MAX)
		bench_fail("too many threads");
	driver->lanes[driver->lanes_count] = lane;
	__atomic_store_n(&driver->lanes_count, driver->lanes_count + 1,
			 __ATOMIC_RELEASE);
	pthread_mutex_unlock(&driver->lock);
	raw_lanes[driver->number] = lane;
	return lane;
}

static inline void
driver_post(struct driver *driver, driver_fn fn, void *arg)
{
	struct raw_lane *lane = raw_lanes[driver->number];
	struct message *message;

	if (lane == NULL)
		lane = raw_lane_new(driver);
	message = &lane->messages[lane->head % RAW_LANE_SIZE];
	message->fn = fn;
	message->arg = arg;
	__atomic_store_n(&lane->head, lane->head + 1, __ATOMIC_RELEASE);
}

static inline void
driver_add(struct driver *driver, driver_fn fn, void *arg)
{
	(void)queue_add(&driver->own, fn, arg);
}

static inline void
driver_stop(struct driver *driver)
{
	driver->stops = true;
}

static inline bool
raw_run_lane(struct raw_lane *lane)
{
	uint64_t head = __atomic_load_n(&lane->head, __ATOMIC_ACQUIRE);
	uint64_t tail = lane->tail;

	if (head == tail)
		return false;
	while (tail < head) {
		struct message *message =
			&lane->messages[tail++ % RAW_LANE_SIZE];

		message->fn(message->arg);
	}
	__atomic_store_n(&lane->tail, tail, __ATOMIC_RELEASE);
	return true;
}

static inline bool
raw_run_lanes(struct driver *driver)
{
	unsigned count =
		__atomic_load_n(&driver->lanes_count, __ATOMIC_ACQUIRE);
	bool any = false;

	for (unsigned i = 0; i < count; i++)
		if (raw_run_lane(driver->lanes[i]))
			any = true;
	return any;
}

static inline void
raw_wait(struct driver *driver)
{
	struct epoll_event events[RAW_EVENTS];
	int count = epoll_wait(driver->epoll, events, RAW_EVENTS,
			       queue_is_empty(&driver->own) ? -1 : 0);

	for (int i = 0; i < count; i++) {
		struct driver_watch *watch =
			(struct driver_watch *)events[i].data.ptr;

		watch->fn(watch->arg);
	}
}

static inline void
driver_run(struct driver *driver)
{
	unsigned spins = 0;

	driver->stops = false;
	while (!driver->stops) {
		bool any = raw_run_lanes(driver);

		if (!queue_is_empty(&driver->own)) {
			queue_run(&driver->own);
			any = true;
		}
		if (driver->stops)
			break;
		if (driver->watches > 0)
			raw_wait(driver);
		else if (!any && ++spins % RAW_SPINS == 0)
			sched_yield();
	}
}

static inline void
driver_stats(struct driver *driver, double *ret_sleeps, double *ret_rings)
{
	(void)driver;
	(void)ret_sleeps;
	(void)ret_rings;
}

static inline void
driver_watch_start(struct driver *driver, struct driver_watch *watch, int fd,
		   driver_fn fn, void *arg)
{
	struct epoll_event event = { .events = EPOLLIN,
				     .data = { .ptr = watch } };

	watch->fd = fd;
	watch->fn = fn;
	watch->arg = arg;
	if (epoll_ctl(driver->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
		bench_fail("epoll did not take a descriptor");
	driver->watches++;
}

static inline void
driver_watch_stop(struct driver *driver, struct driver_watch *watch)
{
	(void)epoll_ctl(driver->epoll, EPOLL_CTL_DEL, watch->fd, NULL);
	driver->watches--;
}

#endif
