/* gyre as a driver; see driver.h. */
#ifndef BENCH_GYRE_DRIVER_H
#define BENCH_GYRE_DRIVER_H

#include <gyre/gyre.h>

#include <sched.h>

#include "driver.h"

#define DRIVER_TIMER_NS 1
#define DRIVER_CAN_SPIN

/* Set before a bench begins: its loops spin, and are pinned for that. */
static int64_t driver_spin_ns;

static inline void
driver_spin(uint64_t spin_ns)
{
	driver_spin_ns = (int64_t)spin_ns;
}

struct driver {
	struct gyre_loop *loop;
};

struct driver_timer {
	gyre_timeout timeout;
	driver_fn fn;
	void *arg;
};

struct driver_watch {
	int fd;
	driver_fn fn;
	void *arg;
};

static inline void
driver_must(int result)
{
	if (result < 0)
		bench_fail("gyre failed with %d", result);
}

static inline void
driver_open(struct driver *driver)
{
	const struct gyre_loop_options options = { .spin_ns = driver_spin_ns };

	driver_must(gyre_loop_new(&options, &driver->loop));
}

static inline void
driver_close(struct driver *driver)
{
	driver_must(gyre_loop_close(driver->loop, false));
	gyre_loop_free(driver->loop);
}

#if defined(__linux__)

/* Each loop on a CPU of its own, in turn, while it runs; what its thread had
 * started before stays free. */
static inline void
driver_pin(cpu_set_t *ret_before)
{
	static unsigned next;
	unsigned left = __atomic_fetch_add(&next, 1, __ATOMIC_RELAXED);
	cpu_set_t one;
	int cpu = -1;

	if (sched_getaffinity(0, sizeof(*ret_before), ret_before) < 0)
		bench_fail("it is not known which CPUs may be used");
	left %= (unsigned)CPU_COUNT(ret_before);
	do
		cpu++;
	while (!CPU_ISSET(cpu, ret_before) || left-- > 0);
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	if (sched_setaffinity(0, sizeof(one), &one) < 0)
		bench_fail("a loop cannot be pinned to CPU %d", cpu);
}

static inline void
driver_run(struct driver *driver)
{
	cpu_set_t before;

	if (driver_spin_ns != 0)
		driver_pin(&before);
	driver_must(gyre_loop_start(driver->loop));
	if (driver_spin_ns != 0)
		sched_setaffinity(0, sizeof(before), &before);
}

#else

static inline void
driver_run(struct driver *driver)
{
	driver_must(gyre_loop_start(driver->loop));
}

#endif

static inline void
driver_stop(struct driver *driver)
{
	gyre_loop_stop(driver->loop);
}

static inline void
driver_add(struct driver *driver, driver_fn fn, void *arg)
{
	driver_must(gyre_loop_add_callback(driver->loop, fn, arg));
}

static inline void
driver_post(struct driver *driver, driver_fn fn, void *arg)
{
	driver_must(gyre_loop_add_callback(driver->loop, fn, arg));
}

#define DRIVER_GATHERS

struct driver_outbox {
	struct gyre_outbox *outbox;
	struct gyre_inbox *inbox;
};

static inline void
driver_outbox_open(struct driver_outbox *outbox, struct driver *to)
{
	driver_must(gyre_outbox_new(NULL, &outbox->outbox));
	outbox->inbox = gyre_loop_inbox(to->loop);
}

static inline void
driver_outbox_add(struct driver_outbox *outbox, driver_fn fn, void *arg)
{
	driver_must(gyre_outbox_add_callback(outbox->outbox, outbox->inbox, fn,
					     arg));
}

static inline void
driver_outbox_flush(struct driver_outbox *outbox)
{
	gyre_outbox_flush(outbox->outbox);
}

static inline void
driver_outbox_close(struct driver_outbox *outbox)
{
	gyre_outbox_free(outbox->outbox);
}

static inline void
driver_stats(struct driver *driver, double *ret_sleeps, double *ret_rings)
{
	struct gyre_loop_stats stats;

	gyre_loop_get_stats(driver->loop, &stats);
	*ret_sleeps = (double)stats.sleeps;
	*ret_rings = (double)stats.rings;
}

static inline int64_t
driver_now(struct driver *driver)
{
	return gyre_loop_time(driver->loop);
}

static inline void
driver_timer_init(struct driver *driver, struct driver_timer *timer,
		  driver_fn fn, void *arg)
{
	(void)driver;
	timer->fn = fn;
	timer->arg = arg;
}

static inline void
driver_timer_start(struct driver *driver, struct driver_timer *timer,
		   int64_t now_ns, int64_t delay_ns)
{
	driver_must(gyre_loop_call_at(driver->loop, now_ns + delay_ns,
				      timer->fn, timer->arg, &timer->timeout));
}

static inline void
driver_timer_again(struct driver *driver, struct driver_timer *timer,
		   int64_t now_ns, int64_t delay_ns)
{
	driver_must(gyre_loop_update_timeout(driver->loop, timer->timeout,
					     now_ns + delay_ns));
}

static inline void
driver_timer_stop(struct driver *driver, struct driver_timer *timer)
{
	gyre_loop_remove_timeout(driver->loop, timer->timeout);
}

static inline void
driver_timer_fini(struct driver *driver, struct driver_timer *timer)
{
	(void)driver;
	(void)timer;
}

static inline void
driver_watch_event(int fd, unsigned events, void *arg)
{
	struct driver_watch *watch = (struct driver_watch *)arg;

	(void)fd;
	(void)events;
	watch->fn(watch->arg);
}

static inline void
driver_watch_start(struct driver *driver, struct driver_watch *watch, int fd,
		   driver_fn fn, void *arg)
{
	watch->fd = fd;
	watch->fn = fn;
	watch->arg = arg;
	driver_must(gyre_loop_add_handler(driver->loop, fd, GYRE_READ,
					  driver_watch_event, watch));
}

static inline void
driver_watch_stop(struct driver *driver, struct driver_watch *watch)
{
	driver_must(gyre_loop_remove_handler(driver->loop, watch->fd));
}

#define DRIVER_ECHO

static inline size_t
driver_echo_read(struct gyre_stream *stream, const void *data, size_t length,
		 void *arg)
{
	(void)arg;
	driver_must(gyre_stream_write(stream, data, length));
	return length;
}

static inline void
driver_echo_closed(struct gyre_stream *stream, int error, void *open)
{
	(void)stream;
	driver_must(error);
	--*(uint64_t *)open;
}

static inline void
driver_echo_open(struct driver *driver, int fd, uint64_t *open)
{
	static const struct gyre_stream_ops ops = {
		.on_read = driver_echo_read,
		.on_close = driver_echo_closed,
	};
	struct gyre_stream *stream;

	++*open;
	driver_must(
		gyre_stream_open(driver->loop, fd, NULL, &ops, open, &stream));
}

#endif
