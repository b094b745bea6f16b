/*
 * Streams that connect: to each kind of address, by name, in time, or not at
 * all.
 */
#include "tests/net/client.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* -- to one address
 * ------------------------------------------------------------------ */

static void
to_ipv4(void **state)
{
	uint16_t port;
	int listener = listen_at(1, &port);
	struct sockaddr_in in = at_port(port);
	struct gyre_connect_options options = to_port(&in);
	char text[32];

	(void)state;
	snprintf(text, sizeof(text), "127.0.0.1:%u", port);
	start(&options);
	check_conversation(listener, text);
	close(listener);
}

static void
to_ipv6(void **state)
{
	struct sockaddr_in6 in6 = at_port6(0);
	struct gyre_connect_options options = {
		.address = { (struct sockaddr *)&in6, sizeof(in6) },
	};
	socklen_t length = sizeof(in6);
	int listener = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char text[32];

	(void)state;
	if (listener < 0 ||
	    bind(listener, (struct sockaddr *)&in6, sizeof(in6)) < 0) {
		if (listener >= 0)
			close(listener);
		skip(); /* without IPv6 */
	}
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(
		getsockname(listener, (struct sockaddr *)&in6, &length), 0);
	snprintf(text, sizeof(text), "[::1]:%u", ntohs(in6.sin6_port));
	start(&options);
	check_conversation(listener, text);
	close(listener);
}

static void
to_a_unix_socket(void **state)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct gyre_connect_options options = { .path = un.sun_path };
	char folder[] = "/tmp/gyre-connect-XXXXXX";
	char text[GYRE_ADDRESS_TEXT_MAX];
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(un.sun_path, sizeof(un.sun_path), "%s/s", folder);
	assert_int_equal(bind(listener, (struct sockaddr *)&un, sizeof(un)), 0);
	assert_int_equal(listen(listener, 1), 0);
	snprintf(text, sizeof(text), "unix:%s", un.sun_path);
	start(&options);
	check_conversation(listener, text);
	close(listener);
	/* and now that nobody listens */
	start(&options);
	expect_failed(-ECONNREFUSED);
	unlink(un.sun_path);
	start(&options);
	expect_failed(-ENOENT);
	rmdir(folder);
}

static void
to_nobody(void **state)
{
	struct sockaddr_in in = at_port(dead_port());
	struct gyre_connect_options options = to_port(&in);

	(void)state;
	start(&options);
	expect_failed(-ECONNREFUSED);
}

static void
where_to_is_said_once(void **state)
{
	char path[200];
	struct sockaddr_in in = at_port(1);
	struct gyre_connect_options options = { .host = NULL };
	struct gyre_stream *stream;

	(void)state;
	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(
		gyre_stream_connect(loop, &options, &client_ops, NULL, &stream),
		-EINVAL);
	options.path = path;
	assert_int_equal(
		gyre_stream_connect(loop, &options, &client_ops, NULL, &stream),
		-EINVAL);
	options.path = "";
	assert_int_equal(
		gyre_stream_connect(loop, &options, &client_ops, NULL, &stream),
		-EINVAL);
	options = to_port(&in);
	options.host = "127.0.0.1";
	assert_int_equal(
		gyre_stream_connect(loop, &options, &client_ops, NULL, &stream),
		-EINVAL);
	assert_int_equal(gyre_loop_close(loop, false), 0);
	options.host = NULL;
	assert_int_equal(
		gyre_stream_connect(loop, &options, &client_ops, NULL, &stream),
		-ESHUTDOWN);
}

/* -- by name
 * ----------------------------------------------------------------------------
 */

/* Numeric hosts ask nobody. */
static void
by_number(void **state)
{
	uint16_t port;
	int listener = listen_at(1, &port);
	char service[8], text[32];
	struct gyre_connect_options options = { .host = "127.0.0.1",
						.service = service };

	(void)state;
	snprintf(service, sizeof(service), "%u", port);
	snprintf(text, sizeof(text), "127.0.0.1:%u", port);
	start(&options);
	check_conversation(listener, text);
	close(listener);
}

static void
a_lookup_that_fails_ends_the_stream(void **state)
{
	struct gyre_connect_options options = by_name();

	(void)state;
	start(&options);
	run_for(GYRE_MS(1));
	assert_int_equal(gyre_future_reject(asked, -ENOENT, "no such host"), 0);
	expect_failed(-ENOENT);
	options.host = "no host";
	start(&options);
	expect_failed(-EINVAL);
}

/* -- in time
 * --------------------------------------------------------------------------------
 */

static void
at_the_deadline_it_is_given_up(void **state)
{
	struct silent silent = be_silent();
	struct sockaddr_in in = at_port(silent.port);
	struct gyre_connect_options options = to_port(&in);

	(void)state;
	options.deadline_ns = gyre_loop_time(loop) + GYRE_MS(5);
	start(&options);
	expect_failed(-ETIMEDOUT);
	/* and a lookup too */
	options = by_name();
	options.deadline_ns = gyre_loop_time(loop) + GYRE_MS(5);
	start(&options);
	expect_failed(-ETIMEDOUT);
	assert_int_equal(gyre_future_result(asked, NULL), -ECANCELED);
	speak(&silent);
}

static void
once_connected_the_deadline_is_over(void **state)
{
	uint16_t port;
	int listener = listen_at(1, &port);
	struct sockaddr_in in = at_port(port);
	struct gyre_connect_options options = to_port(&in);

	(void)state;
	options.deadline_ns = gyre_loop_time(loop) + GYRE_SECONDS(20);
	start(&options);
	expect_connected();
	faults.late_ns = GYRE_SECONDS(30);
	run_for(GYRE_MS(5));
	assert_non_null(client.stream);
	faults.late_ns = 0;
	end();
	close(listener);
}

/* -- giving up
 * -------------------------------------------------------------------------------
 */

static void
a_close_gives_up(void **state)
{
	struct silent silent = be_silent();
	struct sockaddr_in in = at_port(silent.port);
	struct gyre_connect_options options = to_port(&in);

	(void)state;
	start(&options);
	run_for(GYRE_MS(1));
	gyre_stream_close(client.stream, true);
	expect_failed(0);
	options = by_name();
	start(&options);
	run_for(GYRE_MS(1));
	gyre_stream_close(client.stream, false);
	expect_failed(0);
	assert_int_equal(gyre_future_result(asked, NULL), -ECANCELED);
	speak(&silent);
}

static void
the_loops_close_gives_up(void **state)
{
	struct silent silent = be_silent();
	struct sockaddr_in in = at_port(silent.port);
	struct gyre_connect_options options = to_port(&in);

	(void)state;
	start(&options);
	run_for(GYRE_MS(1));
	close_loop();
	assert_int_equal(client.error, -ESHUTDOWN);
	speak(&silent);
}

static void
the_loops_close_gives_a_lookup_up(void **state)
{
	struct gyre_connect_options options = by_name();

	(void)state;
	start(&options);
	run_for(GYRE_MS(1));
	close_loop();
	assert_int_equal(client.error, -ESHUTDOWN);
}

/* Write and forget. */
static void
a_close_that_flushes_waits_for_the_connection(void **state)
{
	uint16_t port;
	int listener = listen_at(1, &port);
	struct sockaddr_in in = at_port(port);
	struct gyre_connect_options options = to_port(&in);
	char received[3];
	int fd;

	(void)state;
	start(&options);
	assert_int_equal(gyre_stream_write(client.stream, "abc", 3), 0);
	gyre_stream_close(client.stream, true);
	run_until(is_gone, NULL);
	assert_int_equal(client.error, 0);
	assert_false(client.connected);
	fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	receive_all(fd, received, 3);
	expect_end(fd);
	close(fd);
	close(listener);
}

/* -- by future
 * ---------------------------------------------------------------------------------
 */

static void
a_future_tells_of_the_connection(void **state)
{
	uint16_t port;
	int listener = listen_at(1, &port);
	struct sockaddr_in in = at_port(port);
	struct gyre_connect_options options = to_port(&in);
	struct gyre_future *one, *two, *late;
	void *stream;

	(void)state;
	start(&options);
	one = gyre_stream_connect_future(client.stream);
	two = gyre_stream_connect_future(client.stream);
	assert_int_equal(gyre_future_result(one, &stream), -EAGAIN);
	expect_connected();
	late = gyre_stream_connect_future(client.stream);
	assert_int_equal(gyre_future_result(one, &stream), 0);
	assert_ptr_equal(stream, client.stream);
	assert_int_equal(gyre_future_result(two, &stream), 0);
	assert_int_equal(gyre_future_result(late, &stream), 0);
	gyre_future_unref(one);
	gyre_future_unref(two);
	gyre_future_unref(late);
	end();
	close(listener);
}

static void
a_future_tells_why_not(void **state)
{
	struct sockaddr_in in = at_port(dead_port());
	struct gyre_connect_options options = to_port(&in);
	struct gyre_future *cancelled, *future;

	(void)state;
	start(&options);
	cancelled = gyre_stream_connect_future(client.stream);
	gyre_future_cancel(cancelled);
	future = gyre_stream_connect_future(client.stream);
	expect_failed(-ECONNREFUSED);
	assert_int_equal(gyre_future_result(cancelled, NULL), -ECANCELED);
	assert_int_equal(gyre_future_result(future, NULL), -ECONNREFUSED);
	assert_string_equal(gyre_future_message(future),
			    "cannot connect: ECONNREFUSED");
	gyre_future_unref(cancelled);
	gyre_future_unref(future);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CLIENT_TEST(to_ipv4),
		CLIENT_TEST(to_ipv6),
		CLIENT_TEST(to_a_unix_socket),
		CLIENT_TEST(to_nobody),
		CLIENT_TEST(where_to_is_said_once),
		CLIENT_TEST(by_number),
		CLIENT_TEST(a_lookup_that_fails_ends_the_stream),
		CLIENT_TEST(at_the_deadline_it_is_given_up),
		CLIENT_TEST(once_connected_the_deadline_is_over),
		CLIENT_TEST(a_close_gives_up),
		CLIENT_TEST(the_loops_close_gives_up),
		CLIENT_TEST(the_loops_close_gives_a_lookup_up),
		CLIENT_TEST(a_close_that_flushes_waits_for_the_connection),
		CLIENT_TEST(a_future_tells_of_the_connection),
		CLIENT_TEST(a_future_tells_why_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
