/* libev: messages to itself in an idle watcher, so that it looks for events
 * between two rounds of them as the others do. */
#include <ev.h>
#include <string.h>

#include "driver.h"
#include "mailbox.h"

#define DRIVER_TIMER_NS INT64_C(1000)

struct driver {
	struct ev_loop *loop;
	ev_async async;
	ev_idle idle;
	struct queue own;
	struct mailbox mailbox;
};

struct driver_timer {
	ev_timer timer; /* first */
	driver_fn fn;
	void *arg;
};

struct driver_watch {
	ev_io io; /* first */
	driver_fn fn;
	void *arg;
};

static void
run_mailbox(struct ev_loop *loop, ev_async *async, int events)
{
	(void)loop;
	(void)events;
	mailbox_run(&((struct driver *)async->data)->mailbox);
}

static void
run_own(struct ev_loop *loop, ev_idle *idle, int events)
{
	struct driver *driver = idle->data;

	(void)events;
	queue_run(&driver->own);
	if (queue_is_empty(&driver->own))
		ev_idle_stop(loop, idle);
}

static void
driver_open(struct driver *driver)
{
	memset(driver, 0, sizeof(*driver));
	mailbox_init(&driver->mailbox);
	driver->loop = ev_loop_new(EVFLAG_AUTO);
	if (driver->loop == NULL)
		bench_fail("libev has no loop");
	ev_async_init(&driver->async, run_mailbox);
	ev_idle_init(&driver->idle, run_own);
	driver->async.data = driver;
	driver->idle.data = driver;
	ev_async_start(driver->loop, &driver->async);
}

static void
driver_close(struct driver *driver)
{
	ev_async_stop(driver->loop, &driver->async);
	ev_idle_stop(driver->loop, &driver->idle);
	ev_loop_destroy(driver->loop);
	mailbox_free(&driver->mailbox);
	queue_free(&driver->own);
}

static void
driver_run(struct driver *driver)
{
	ev_run(driver->loop, 0);
}

static void
driver_stop(struct driver *driver)
{
	ev_break(driver->loop, EVBREAK_ALL);
}

static void
driver_add(struct driver *driver, driver_fn fn, void *arg)
{
	if (queue_add(&driver->own, fn, arg))
		ev_idle_start(driver->loop, &driver->idle);
}

static void
driver_post(struct driver *driver, driver_fn fn, void *arg)
{
	if (mailbox_put(&driver->mailbox, fn, arg))
		ev_async_send(driver->loop, &driver->async);
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
	ev_now_update(driver->loop);
	return 0; /* it counts from its own */
}

static void
driver_timer_expired(struct ev_loop *loop, ev_timer *handle, int events)
{
	struct driver_timer *timer = (struct driver_timer *)handle;

	(void)loop;
	(void)events;
	timer->fn(timer->arg);
}

static void
driver_timer_init(struct driver *driver, struct driver_timer *timer,
		  driver_fn fn, void *arg)
{
	(void)driver;
	ev_init(&timer->timer, driver_timer_expired);
	timer->fn = fn;
	timer->arg = arg;
}

static void
driver_timer_start(struct driver *driver, struct driver_timer *timer,
		   int64_t now_ns, int64_t delay_ns)
{
	(void)now_ns;
	ev_timer_set(&timer->timer, (double)delay_ns / 1e9, 0.);
	ev_timer_start(driver->loop, &timer->timer);
}

/* The fast way to move one, says its manual. */
static void
driver_timer_again(struct driver *driver, struct driver_timer *timer,
		   int64_t now_ns, int64_t delay_ns)
{
	(void)now_ns;
	timer->timer.repeat = (double)delay_ns / 1e9;
	ev_timer_again(driver->loop, &timer->timer);
}

static void
driver_timer_stop(struct driver *driver, struct driver_timer *timer)
{
	ev_timer_stop(driver->loop, &timer->timer);
}

static void
driver_timer_fini(struct driver *driver, struct driver_timer *timer)
{
	(void)driver;
	(void)timer;
}

static void
watch_event(struct ev_loop *loop, ev_io *io, int events)
{
	struct driver_watch *watch = (struct driver_watch *)io;

	(void)loop;
	(void)events;
	watch->fn(watch->arg);
}

static inline void
driver_watch_start(struct driver *driver, struct driver_watch *watch, int fd,
		   driver_fn fn, void *arg)
{
	watch->fn = fn;
	watch->arg = arg;
	ev_io_init(&watch->io, watch_event, fd, EV_READ);
	ev_io_start(driver->loop, &watch->io);
}

static inline void
driver_watch_stop(struct driver *driver, struct driver_watch *watch)
{
	ev_io_stop(driver->loop, &watch->io);
}

#include "shapes.h"

int
main(int argc, char **argv)
{
	return bench_main(argc, argv, benches);
}
