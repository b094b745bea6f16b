/* libuv as a driver; see driver.h. */
#ifndef BENCH_LIBUV_DRIVER_H
#define BENCH_LIBUV_DRIVER_H

#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "driver.h"
#include "mailbox.h"

#define DRIVER_TIMER_NS INT64_C(1000000)

struct driver {
	uv_loop_t loop;
	uv_async_t async;
	uv_idle_t idle; /* lets the loop not sleep while something is queued */
	struct queue own;
	struct mailbox mailbox;
};

struct driver_timer {
	uv_timer_t timer; /* first */
	driver_fn fn;
	void *arg;
};

struct driver_watch {
	uv_poll_t poll; /* first */
	driver_fn fn;
	void *arg;
};

static inline void
driver_must(int result)
{
	if (result < 0)
		bench_fail("libuv failed: %s", uv_strerror(result));
}

static inline void
driver_run_mailbox(uv_async_t *async)
{
	mailbox_run(&((struct driver *)async->data)->mailbox);
}

static inline void
driver_run_own(uv_idle_t *idle)
{
	struct driver *driver = (struct driver *)idle->data;

	queue_run(&driver->own);
	if (queue_is_empty(&driver->own))
		driver_must(uv_idle_stop(idle));
}

static inline void
driver_open(struct driver *driver)
{
	memset(&driver->own, 0, sizeof(driver->own));
	mailbox_init(&driver->mailbox);
	driver_must(uv_loop_init(&driver->loop));
	driver_must(uv_async_init(&driver->loop, &driver->async,
				  driver_run_mailbox));
	driver_must(uv_idle_init(&driver->loop, &driver->idle));
	driver->async.data = driver;
	driver->idle.data = driver;
}

static inline void
driver_close_handle(uv_handle_t *handle, void *arg)
{
	(void)arg;
	if (!uv_is_closing(handle))
		uv_close(handle, NULL); /* no echo is open any more */
}

static inline void
driver_close(struct driver *driver)
{
	uv_walk(&driver->loop, driver_close_handle, NULL);
	driver_must(uv_run(&driver->loop, UV_RUN_DEFAULT));
	driver_must(uv_loop_close(&driver->loop));
	mailbox_free(&driver->mailbox);
	queue_free(&driver->own);
}

static inline void
driver_run(struct driver *driver)
{
	(void)uv_run(&driver->loop, UV_RUN_DEFAULT);
}

static inline void
driver_stop(struct driver *driver)
{
	uv_stop(&driver->loop);
}

static inline void
driver_add(struct driver *driver, driver_fn fn, void *arg)
{
	if (queue_add(&driver->own, fn, arg))
		driver_must(uv_idle_start(&driver->idle, driver_run_own));
}

static inline void
driver_post(struct driver *driver, driver_fn fn, void *arg)
{
	if (mailbox_put(&driver->mailbox, fn, arg))
		driver_must(uv_async_send(&driver->async));
}

static inline void
driver_stats(struct driver *driver, double *ret_sleeps, double *ret_rings)
{
	(void)driver;
	(void)ret_sleeps;
	(void)ret_rings;
}

static inline int64_t
driver_now(struct driver *driver)
{
	(void)driver;
	return 0; /* it counts from its own */
}

static inline void
driver_timer_init(struct driver *driver, struct driver_timer *timer,
		  driver_fn fn, void *arg)
{
	driver_must(uv_timer_init(&driver->loop, &timer->timer));
	timer->fn = fn;
	timer->arg = arg;
}

static inline void
driver_timer_expired(uv_timer_t *handle)
{
	struct driver_timer *timer = (struct driver_timer *)handle;

	timer->fn(timer->arg);
}

static inline void
driver_timer_start(struct driver *driver, struct driver_timer *timer,
		   int64_t now_ns, int64_t delay_ns)
{
	(void)driver;
	(void)now_ns;
	driver_must(uv_timer_start(&timer->timer, driver_timer_expired,
				   (uint64_t)((delay_ns + 999999) / 1000000),
				   0));
}

static inline void
driver_timer_again(struct driver *driver, struct driver_timer *timer,
		   int64_t now_ns, int64_t delay_ns)
{
	driver_timer_start(driver, timer, now_ns, delay_ns);
}

static inline void
driver_timer_stop(struct driver *driver, struct driver_timer *timer)
{
	(void)driver;
	driver_must(uv_timer_stop(&timer->timer));
}

static inline void
driver_timer_fini(struct driver *driver, struct driver_timer *timer)
{
	(void)driver;
	uv_close((uv_handle_t *)&timer->timer, NULL);
}

static inline void
driver_watch_event(uv_poll_t *poll, int status, int events)
{
	struct driver_watch *watch = (struct driver_watch *)poll;

	(void)events;
	driver_must(status);
	watch->fn(watch->arg);
}

static inline void
driver_watch_start(struct driver *driver, struct driver_watch *watch, int fd,
		   driver_fn fn, void *arg)
{
	watch->fn = fn;
	watch->arg = arg;
	driver_must(uv_poll_init(&driver->loop, &watch->poll, fd));
	driver_must(
		uv_poll_start(&watch->poll, UV_READABLE, driver_watch_event));
}

static inline void
driver_watch_stop(struct driver *driver, struct driver_watch *watch)
{
	(void)driver;
	driver_must(uv_poll_stop(&watch->poll));
	uv_close((uv_handle_t *)&watch->poll, NULL);
}

#define DRIVER_ECHO

/* All that is read is written before more is: one buffer does for all. */
static inline void
driver_echo_buffer(uv_handle_t *handle, size_t size, uv_buf_t *ret_buffer)
{
	static _Thread_local char buffer[65536];

	(void)handle;
	(void)size;
	*ret_buffer = uv_buf_init(buffer, sizeof(buffer));
}

static inline void
driver_echo_closed(uv_handle_t *handle)
{
	--*(uint64_t *)handle->data;
	free(handle);
}

static inline void
driver_echo_read(uv_stream_t *stream, ssize_t length, const uv_buf_t *buffer)
{
	uv_buf_t echo;

	if (length < 0) {
		uv_close((uv_handle_t *)stream, driver_echo_closed);
		return;
	}
	echo = uv_buf_init(buffer->base, (unsigned)length);
	if (length > 0 && uv_try_write(stream, &echo, 1) != length)
		bench_fail("a socket did not take an echo");
}

static inline void
driver_echo_open(struct driver *driver, int fd, uint64_t *open)
{
	uv_tcp_t *tcp = (uv_tcp_t *)bench_allocate(1, sizeof(*tcp));

	++*open;
	driver_must(uv_tcp_init(&driver->loop, tcp));
	tcp->data = open;
	driver_must(uv_tcp_open(tcp, fd));
	driver_must(uv_read_start((uv_stream_t *)tcp, driver_echo_buffer,
				  driver_echo_read));
}

#endif
