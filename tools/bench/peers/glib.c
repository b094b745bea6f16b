/* GLib: sources of our own on a context; what comes from other threads comes by
 * a mailbox, and g_main_context_wakeup() wakes the loop. */
#include <glib.h>
#include <string.h>

#include "driver.h"
#include "mailbox.h"

#define DRIVER_TIMER_NS INT64_C(1000)

struct driver {
	GMainContext *context;
	GMainLoop *loop;
	GSource *source;
	struct queue own;
	struct mailbox mailbox;
	gint has_mail;
};

/* A source of GLib's, with what it is for behind it. */
struct call {
	GSource source;
	driver_fn fn;
	void *arg;
};

struct mail {
	GSource source;
	struct driver *driver;
};

struct driver_timer {
	GSource *source; /* NULL: it is not started */
	driver_fn fn;
	void *arg;
};

struct driver_watch {
	GSource *source;
};

static gboolean
mail_check(GSource *source)
{
	struct driver *driver = ((struct mail *)source)->driver;

	return !queue_is_empty(&driver->own) ||
	       g_atomic_int_get(&driver->has_mail) != 0;
}

static gboolean
mail_prepare(GSource *source, gint *ret_timeout)
{
	*ret_timeout = -1;
	return mail_check(source);
}

static gboolean
mail_dispatch(GSource *source, GSourceFunc fn, gpointer arg)
{
	struct driver *driver = ((struct mail *)source)->driver;

	(void)fn;
	(void)arg;
	if (g_atomic_int_get(&driver->has_mail) != 0) {
		g_atomic_int_set(&driver->has_mail, 0);
		mailbox_run(&driver->mailbox);
	}
	queue_run(&driver->own);
	return G_SOURCE_CONTINUE;
}

static gboolean
call_dispatch(GSource *source, GSourceFunc fn, gpointer arg)
{
	struct call *call = (struct call *)source;

	(void)fn;
	(void)arg;
	/* A timer expires once; a descriptor has no ready time. */
	g_source_set_ready_time(source, -1);
	call->fn(call->arg);
	return G_SOURCE_CONTINUE;
}

static GSourceFuncs mail_functions = { mail_prepare, mail_check, mail_dispatch,
				       NULL,         NULL,       NULL };
static GSourceFuncs call_functions = { NULL, NULL, call_dispatch,
				       NULL, NULL, NULL };

static void
driver_open(struct driver *driver)
{
	memset(driver, 0, sizeof(*driver));
	mailbox_init(&driver->mailbox);
	driver->context = g_main_context_new();
	driver->loop = g_main_loop_new(driver->context, FALSE);
	driver->source = g_source_new(&mail_functions, sizeof(struct mail));
	((struct mail *)driver->source)->driver = driver;
	g_source_attach(driver->source, driver->context);
}

static void
driver_close(struct driver *driver)
{
	g_source_destroy(driver->source);
	g_source_unref(driver->source);
	g_main_loop_unref(driver->loop);
	g_main_context_unref(driver->context);
	mailbox_free(&driver->mailbox);
	queue_free(&driver->own);
}

static void
driver_run(struct driver *driver)
{
	g_main_loop_run(driver->loop);
}

static void
driver_stop(struct driver *driver)
{
	g_main_loop_quit(driver->loop);
}

static void
driver_add(struct driver *driver, driver_fn fn, void *arg)
{
	(void)queue_add(&driver->own, fn, arg);
}

static void
driver_post(struct driver *driver, driver_fn fn, void *arg)
{
	if (mailbox_put(&driver->mailbox, fn, arg)) {
		g_atomic_int_set(&driver->has_mail, 1);
		g_main_context_wakeup(driver->context);
	}
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
	(void)driver;
	return g_get_monotonic_time() * 1000;
}

static GSource *
call_new(driver_fn fn, void *arg)
{
	GSource *source = g_source_new(&call_functions, sizeof(struct call));

	((struct call *)source)->fn = fn;
	((struct call *)source)->arg = arg;
	return source;
}

static void
call_free(GSource *source)
{
	g_source_destroy(source);
	g_source_unref(source);
}

static void
driver_timer_init(struct driver *driver, struct driver_timer *timer,
		  driver_fn fn, void *arg)
{
	(void)driver;
	timer->source = NULL;
	timer->fn = fn;
	timer->arg = arg;
}

static void
driver_timer_again(struct driver *driver, struct driver_timer *timer,
		   int64_t now_ns, int64_t delay_ns)
{
	(void)driver;
	g_source_set_ready_time(timer->source,
				(now_ns + delay_ns + 999) / 1000);
}

static void
driver_timer_start(struct driver *driver, struct driver_timer *timer,
		   int64_t now_ns, int64_t delay_ns)
{
	timer->source = call_new(timer->fn, timer->arg);
	driver_timer_again(driver, timer, now_ns, delay_ns);
	g_source_attach(timer->source, driver->context);
}

/* A source that was destroyed cannot be used again. */
static void
driver_timer_stop(struct driver *driver, struct driver_timer *timer)
{
	(void)driver;
	call_free(timer->source);
	timer->source = NULL;
}

static void
driver_timer_fini(struct driver *driver, struct driver_timer *timer)
{
	if (timer->source != NULL)
		driver_timer_stop(driver, timer);
}

static inline void
driver_watch_start(struct driver *driver, struct driver_watch *watch, int fd,
		   driver_fn fn, void *arg)
{
	watch->source = call_new(fn, arg);
	g_source_add_unix_fd(watch->source, fd, G_IO_IN);
	g_source_attach(watch->source, driver->context);
}

static inline void
driver_watch_stop(struct driver *driver, struct driver_watch *watch)
{
	(void)driver;
	call_free(watch->source);
}

/* Timers of one round are called in the order in which they were made. */
#define DRIVER_WITHOUT_ORDER
#include "shapes.h"

int
main(int argc, char **argv)
{
	return bench_main(argc, argv, benches);
}
