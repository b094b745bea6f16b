/* libevent, without the locks that it can have: what comes from other threads
 * comes by a mailbox, and a descriptor wakes the loop. */
#include <event2/event.h>
#include <event2/event_struct.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "driver.h"
#include "mailbox.h"

#define DRIVER_TIMER_NS INT64_C(1000)

struct driver {
	struct event_base *base;
	struct event wake;
	struct event idle; /* a timeout of 0 while something is queued */
	struct queue own;
	struct mailbox mailbox;
	int fd;
};

struct driver_timer {
	struct event event; /* first */
	driver_fn fn;
	void *arg;
};

struct driver_watch {
	struct event event; /* first */
	driver_fn fn;
	void *arg;
};

static void
must(bool is_so)
{
	if (!is_so)
		bench_fail("libevent failed");
}

static void
run_mailbox(int fd, short events, void *arg)
{
	struct driver *driver = arg;
	uint64_t count;

	(void)events;
	must(read(fd, &count, sizeof(count)) == sizeof(count));
	mailbox_run(&driver->mailbox);
}

static void
run_own(int fd, short events, void *arg)
{
	(void)fd;
	(void)events;
	queue_run(&((struct driver *)arg)->own);
}

static void
driver_open(struct driver *driver)
{
	memset(driver, 0, sizeof(*driver));
	mailbox_init(&driver->mailbox);
	driver->base = event_base_new();
	driver->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	must(driver->base != NULL && driver->fd >= 0);
	event_assign(&driver->wake, driver->base, driver->fd,
		     EV_READ | EV_PERSIST, run_mailbox, driver);
	event_assign(&driver->idle, driver->base, -1, 0, run_own, driver);
	must(event_add(&driver->wake, NULL) == 0);
}

static void
driver_close(struct driver *driver)
{
	event_del(&driver->wake);
	event_del(&driver->idle);
	event_base_free(driver->base);
	close(driver->fd);
	mailbox_free(&driver->mailbox);
	queue_free(&driver->own);
}

static void
driver_run(struct driver *driver)
{
	must(event_base_dispatch(driver->base) == 0);
}

static void
driver_stop(struct driver *driver)
{
	event_base_loopbreak(driver->base);
}

static void
driver_add(struct driver *driver, driver_fn fn, void *arg)
{
	static const struct timeval at_once = { 0, 0 };

	if (queue_add(&driver->own, fn, arg))
		must(event_add(&driver->idle, &at_once) == 0);
}

static void
driver_post(struct driver *driver, driver_fn fn, void *arg)
{
	static const uint64_t one = 1;

	if (mailbox_put(&driver->mailbox, fn, arg))
		must(write(driver->fd, &one, sizeof(one)) == sizeof(one));
}

static void
driver_stats(struct driver *driver, double *ret_sleeps, double *ret_rings)
{
	(void)driver;
	(void)ret_sleeps;
	(void)ret_rings;
}

static int64_t
driver_now(struct driver *driver)
{
	event_base_update_cache_time(driver->base);
	return 0; /* it counts from its own */
}

static void
driver_timer_expired(int fd, short events, void *arg)
{
	struct driver_timer *timer = arg;

	(void)fd;
	(void)events;
	timer->fn(timer->arg);
}

static void
driver_timer_init(struct driver *driver, struct driver_timer *timer,
		  driver_fn fn, void *arg)
{
	event_assign(&timer->event, driver->base, -1, 0, driver_timer_expired,
		     timer);
	timer->fn = fn;
	timer->arg = arg;
}

static void
driver_timer_start(struct driver *driver, struct driver_timer *timer,
		   int64_t now_ns, int64_t delay_ns)
{
	int64_t delay_us = (delay_ns + 999) / 1000;
	struct timeval delay = { delay_us / 1000000, delay_us % 1000000 };

	(void)driver;
	(void)now_ns;
	must(event_add(&timer->event, &delay) == 0);
}

static void
driver_timer_again(struct driver *driver, struct driver_timer *timer,
		   int64_t now_ns, int64_t delay_ns)
{
	driver_timer_start(driver, timer, now_ns, delay_ns);
}

static void
driver_timer_stop(struct driver *driver, struct driver_timer *timer)
{
	(void)driver;
	event_del(&timer->event);
}

static void
driver_timer_fini(struct driver *driver, struct driver_timer *timer)
{
	(void)driver;
	(void)timer;
}

static void
watch_event(int fd, short events, void *arg)
{
	struct driver_watch *watch = arg;

	(void)fd;
	(void)events;
	watch->fn(watch->arg);
}

static inline void
driver_watch_start(struct driver *driver, struct driver_watch *watch, int fd,
		   driver_fn fn, void *arg)
{
	watch->fn = fn;
	watch->arg = arg;
	event_assign(&watch->event, driver->base, fd, EV_READ | EV_PERSIST,
		     watch_event, watch);
	must(event_add(&watch->event, NULL) == 0);
}

static inline void
driver_watch_stop(struct driver *driver, struct driver_watch *watch)
{
	(void)driver;
	event_del(&watch->event);
}

#include "shapes.h"

int
main(int argc, char **argv)
{
	return bench_main(argc, argv, benches);
}
