/* Boost.Asio, with its own queue of messages. */
#include <boost/asio.hpp>

#include "driver.h"

#define DRIVER_TIMER_NS 1

struct driver {
	boost::asio::io_context *context;
	boost::asio::executor_work_guard<boost::asio::io_context::executor_type>
		*work;
};

struct driver_timer {
	boost::asio::steady_timer *timer;
	driver_fn fn;
	void *arg;
};

struct driver_watch {
	boost::asio::posix::stream_descriptor *descriptor;
	driver_fn fn;
	void *arg;
};

static void
driver_open(struct driver *driver)
{
	driver->context = new boost::asio::io_context();
	driver->work = new boost::asio::executor_work_guard<
		boost::asio::io_context::executor_type>(
		driver->context->get_executor());
}

static void
driver_close(struct driver *driver)
{
	delete driver->work;
	delete driver->context;
}

static void
driver_run(struct driver *driver)
{
	driver->context->restart();
	driver->context->run();
}

static void
driver_stop(struct driver *driver)
{
	driver->context->stop();
}

static void
driver_post(struct driver *driver, driver_fn fn, void *arg)
{
	boost::asio::post(*driver->context, [fn, arg] { fn(arg); });
}

static void
driver_add(struct driver *driver, driver_fn fn, void *arg)
{
	driver_post(driver, fn, arg);
}

static void
driver_stats(struct driver *, double *, double *)
{
}

static int64_t
driver_now(struct driver *)
{
	return std::chrono::steady_clock::now().time_since_epoch().count();
}

static void
driver_timer_init(struct driver *driver, struct driver_timer *timer,
		  driver_fn fn, void *arg)
{
	timer->timer = new boost::asio::steady_timer(*driver->context);
	timer->fn = fn;
	timer->arg = arg;
}

/* What waited for another instant is told so by an error. */
static void
driver_timer_start(struct driver *, struct driver_timer *timer, int64_t now_ns,
		   int64_t delay_ns)
{
	timer->timer->expires_at(std::chrono::steady_clock::time_point(
		std::chrono::nanoseconds(now_ns + delay_ns)));
	timer->timer->async_wait([timer](const boost::system::error_code &e) {
		if (!e)
			timer->fn(timer->arg);
	});
}

static void
driver_timer_again(struct driver *driver, struct driver_timer *timer,
		   int64_t now_ns, int64_t delay_ns)
{
	driver_timer_start(driver, timer, now_ns, delay_ns);
}

static void
driver_timer_stop(struct driver *, struct driver_timer *timer)
{
	timer->timer->cancel();
}

static void
driver_timer_fini(struct driver *, struct driver_timer *timer)
{
	delete timer->timer;
}

static void
watch_wait(struct driver_watch *watch)
{
	watch->descriptor->async_wait(
		boost::asio::posix::stream_descriptor::wait_read,
		[watch](const boost::system::error_code &e) {
			if (e)
				return;
			watch->fn(watch->arg);
			if (watch->descriptor != nullptr)
				watch_wait(watch);
		});
}

static inline void
driver_watch_start(struct driver *driver, struct driver_watch *watch, int fd,
		   driver_fn fn, void *arg)
{
	watch->descriptor =
		new boost::asio::posix::stream_descriptor(*driver->context, fd);
	watch->fn = fn;
	watch->arg = arg;
	watch_wait(watch);
}

static inline void
driver_watch_stop(struct driver *, struct driver_watch *watch)
{
	watch->descriptor->release();
	delete watch->descriptor;
	watch->descriptor = nullptr;
}

#define DRIVER_ECHO

struct echo_socket {
	boost::asio::ip::tcp::socket socket;
	uint64_t *open;
	char buffer[4096];

	explicit echo_socket(boost::asio::io_context &context) : socket(context)
	{
	}
};

static void
echo_read(echo_socket *echo)
{
	echo->socket.async_read_some(
		boost::asio::buffer(echo->buffer),
		[echo](const boost::system::error_code &e, size_t length) {
			if (e) {
				--*echo->open;
				delete echo;
				return;
			}
			boost::asio::async_write(
				echo->socket,
				boost::asio::buffer(echo->buffer, length),
				[echo](const boost::system::error_code &error,
				       size_t) {
					if (error)
						bench_fail("no echo");
					echo_read(echo);
				});
		});
}

static void
driver_echo_open(struct driver *driver, int fd, uint64_t *open)
{
	echo_socket *echo = new echo_socket(*driver->context);

	++*open;
	echo->open = open;
	echo->socket.assign(boost::asio::ip::tcp::v4(), fd);
	echo_read(echo);
}

#include "shapes.h"

int
main(int argc, char **argv)
{
	return bench_main(argc, argv, benches);
}
