/*
 * Listeners: what they refuse, how much they accept at a time, shortages, and
 * the ways to close one.
 */
#include "tests/net/harness.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#define CLIENTS_MAX 256

static struct gyre_listener *listener;
static int accepted[CLIENTS_MAX];
static unsigned accepted_count;
static unsigned accepted_at_once; /* the most in one iteration */
static unsigned accepted_now;     /* in this one */
static uint64_t accepted_in;
static int clients[CLIENTS_MAX];
static unsigned clients_count;

static void
accept_and_keep(struct gyre_listener *from, int fd, void *arg)
{
	(void)from;
	(void)arg;
	assert_true(accepted_count < CLIENTS_MAX);
	accepted[accepted_count++] = fd;
	if (accepted_in != iterations())
		accepted_now = 0;
	accepted_in = iterations();
	if (++accepted_now > accepted_at_once)
		accepted_at_once = accepted_now;
}

static void
accept_and_close_listener(struct gyre_listener *from, int fd, void *arg)
{
	gyre_listener_close(from);
	gyre_listener_close(from);
	accept_and_keep(from, fd, arg);
}

static void
accept_and_raise(struct gyre_listener *from, int fd, void *arg)
{
	accept_and_keep(from, fd, arg);
	gyre_raise(-EIO, "on purpose");
}

static void
open_listener(gyre_accept_fn on_accept)
{
	assert_int_equal(
		gyre_listener_open(loop, NULL, on_accept, NULL, &listener), 0);
}

static void
connect_clients(unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		clients[clients_count++] =
			connect_to(gyre_listener_port(listener));
}

static int
setup(void **state)
{
	listener = NULL;
	accepted_count = 0;
	accepted_at_once = 0;
	accepted_in = 0;
	clients_count = 0;
	return net_setup(state);
}

static int
teardown(void **state)
{
	for (unsigned i = 0; i < accepted_count; i++)
		close(accepted[i]);
	for (unsigned i = 0; i < clients_count; i++)
		close(clients[i]);
	return net_teardown(state);
}

/* -- opening ----------------------------------------------------------------
 */

static void
a_listener_accepts(void **state)
{
	(void)state;
	open_listener(accept_and_keep);
	assert_true(gyre_listener_port(listener) != 0);
	connect_clients(3);
	run_until_counted(&accepted_count, 3);
	gyre_listener_close(listener);
	gyre_listener_close(NULL);
}

static void
a_listener_accepts_over_ipv6(void **state)
{
	struct gyre_listener_options options = { .address = "::1" };
	struct sockaddr_in6 address = { .sin6_family = AF_INET6,
					.sin6_addr = in6addr_loopback };
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int status = gyre_listener_open(loop, &options, accept_and_keep, NULL,
					&listener);

	(void)state;
	if (fd < 0 || status == -EADDRNOTAVAIL || status == -EAFNOSUPPORT) {
		close(fd);
		skip();
	}
	assert_int_equal(status, 0);
	address.sin6_port = htons(gyre_listener_port(listener));
	assert_int_equal(
		connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	run_until_counted(&accepted_count, 1);
	gyre_listener_close(listener);
	close(fd);
}

static void
expect_refused(const struct gyre_listener_options *options, int error)
{
	struct gyre_listener *untouched = (struct gyre_listener *)&faults;
	int fds = count_fds();
	size_t live = faults.live;

	listener = untouched;
	assert_int_equal(gyre_listener_open(loop, options, accept_and_keep,
					    NULL, &listener),
			 error);
	assert_ptr_equal(listener, untouched);
	assert_int_equal(count_fds(), fds);
	assert_int_equal(faults.live, live);
}

static void
a_name_is_no_address(void **state)
{
	struct gyre_listener_options options = { .address = "localhost" };

	(void)state;
	expect_refused(&options, -EINVAL);
	assert_int_equal(log_lines, 1);
	assert_string_equal(log_last, "cannot listen on \"localhost\": "
				      "not a numeric address");
}

static void
a_port_is_taken_once_unless_reused(void **state)
{
	struct gyre_listener_options options = { .reuse_port = true };
	struct gyre_listener *second;

	(void)state;
	assert_int_equal(gyre_listener_open(loop, &options, accept_and_keep,
					    NULL, &listener),
			 0);
	options.port = gyre_listener_port(listener);
	assert_int_equal(gyre_listener_open(loop, &options, accept_and_keep,
					    NULL, &second),
			 0);
	gyre_listener_close(listener);
	options.reuse_port = false;
	expect_refused(&options, -EADDRINUSE);
	gyre_listener_close(second);
	/* at once again */
	assert_int_equal(gyre_listener_open(loop, &options, accept_and_keep,
					    NULL, &second),
			 0);
	gyre_listener_close(second);
}

static void
every_call_of_opening_may_fail(void **state)
{
	struct fault *const kinds[] = {
		&faults.allocate, &faults.socket, &faults.setsockopt,
		&faults.bind,     &faults.listen, &faults.getsockname,
		&faults.fcntl,    &faults.watch,
	};
	struct gyre_listener_options options = { .address = "127.0.0.1",
						 .reuse_port = true,
						 .backlog = 1000000 };

	(void)state;
	open_listener(accept_and_keep);
	gyre_listener_close(listener);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		inject(kinds[i], 1, 0, ENOMEM);
		expect_refused(&options, -ENOMEM);
	}
	inject(&faults.setsockopt, 2, 0, ENOPROTOOPT);
	expect_refused(&options, -ENOPROTOOPT);
}

static void
a_closed_loop_opens_no_listener(void **state)
{
	(void)state;
	assert_int_equal(gyre_loop_close(loop, false), 0);
	expect_refused(NULL, -ESHUTDOWN);
}

/* -- accepting --------------------------------------------------------------
 */

static void
a_flood_is_accepted_in_bounded_helpings(void **state)
{
	(void)state;
	open_listener(accept_and_keep);
	connect_clients(200);
	run_until_counted(&accepted_count, 200);
	assert_int_equal(accepted_at_once, 64);
	gyre_listener_close(listener);
}

static void
lost_connections_are_skipped(void **state)
{
	static const int errors[] = { ECONNABORTED, EINTR,        EPROTO,
				      EPERM,        EHOSTUNREACH, ETIMEDOUT };

	(void)state;
	open_listener(accept_and_keep);
	for (unsigned i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		inject(&faults.accept, 1, 2, errors[i]);
		connect_clients(1);
		run_until_counted(&accepted_count, i + 1);
	}
	assert_int_equal(log_lines, 0);
	gyre_listener_close(listener);
}

static void
a_raise_in_on_accept_is_reported_each_time(void **state)
{
	struct gyre_loop_stats stats;

	(void)state;
	open_listener(accept_and_raise);
	connect_clients(3);
	run_until_counted(&accepted_count, 3);
	gyre_loop_get_stats(loop, &stats);
	assert_int_equal(stats.exceptions, 3);
	gyre_listener_close(listener);
}

/* -- shortages --------------------------------------------------------------
 */

/* Run for so long; returns how often the loop then tried to accept, in
 * excess of once at first and `again` times every 50 ms. */
static int
tries_too_many(int64_t delay_ns, int again)
{
	unsigned calls = faults.accept.calls;
	int64_t began_ns = gyre_loop_time(loop);
	int64_t due;

	run_for(delay_ns);
	due = 1 + again * ((gyre_loop_time(loop) - began_ns) / GYRE_MS(50));
	assert_true(faults.accept.calls - calls >= 2);
	return (int)(faults.accept.calls - calls) - (int)due;
}

static void
check_shortage(int error, int again)
{
	unsigned calls;
	uint64_t before;

	open_listener(accept_and_keep);
	inject(&faults.accept, 1, 1000000, error);
	connect_clients(2);
	before = iterations();
	assert_true(tries_too_many(GYRE_MS(500), again) <= 0);
	assert_true(iterations() - before < 50);
	assert_int_equal(log_lines, 1);
	assert_int_equal(accepted_count, 0);

	/* The next try succeeds. */
	faults.accept.fail_at = 0;
	calls = faults.accept.calls;
	run_until_counted(&accepted_count, 2);
	assert_true(faults.accept.calls - calls <= 3);
	/* and it watches again */
	connect_clients(1);
	run_until_counted(&accepted_count, 3);
	gyre_listener_close(listener);
}

static void
out_of_descriptors_it_waits(void **state)
{
	(void)state;
	/* To serve, and then to refuse. */
	check_shortage(EMFILE, 2);
	assert_non_null(strstr(log_last, "EMFILE"));
}

static void
out_of_memory_it_waits(void **state)
{
	(void)state;
	check_shortage(ENOBUFS, 1);
}

static void
errors_without_end_do_not_spin(void **state)
{
	int64_t began_ns = gyre_loop_time(loop);
	int64_t helpings;

	(void)state;
	open_listener(accept_and_keep);
	inject(&faults.accept, 1, 1000000, ECONNABORTED);
	connect_clients(1);
	run_for(GYRE_MS(200));
	helpings = 1 + (gyre_loop_time(loop) - began_ns) / GYRE_MS(50);
	assert_true(faults.accept.calls <= helpings * 64);
	faults.accept.fail_at = 0;
	run_until_counted(&accepted_count, 1);
	gyre_listener_close(listener);
}

static void
a_shortage_that_comes_and_goes_is_logged_once(void **state)
{
	(void)state;
	open_listener(accept_and_keep);
	for (unsigned i = 0; i < 5; i++) {
		inject(&faults.accept, 1, 0, EMFILE);
		connect_clients(1);
		run_until_counted(&accepted_count, i + 1);
	}
	assert_int_equal(log_lines, 1);
	/* much later it is news again, but the same shortage is not */
	faults.late_ns += GYRE_SECONDS(11);
	inject(&faults.accept, 1, 2, EMFILE);
	connect_clients(1);
	run_for(GYRE_MS(10));
	assert_int_equal(log_lines, 2);
	faults.late_ns += GYRE_SECONDS(11);
	run_until_counted(&accepted_count, 6);
	assert_int_equal(log_lines, 2);
	gyre_listener_close(listener);
}

static void
do_nothing(void *arg)
{
	(void)arg;
}

static void
without_memory_for_a_timeout_it_still_accepts(void **state)
{
	gyre_timeout timeout = 0;

	(void)state;
	open_listener(accept_and_keep);
	inject(&faults.accept, 1, 2, EMFILE);
	inject(&faults.allocate, 2, 1000000, ENOMEM);
	connect_clients(1);
	/* Leave room for one timeout, which running the loop takes. */
	while (gyre_loop_call_later(loop, GYRE_SECONDS(60), do_nothing, NULL,
				    &timeout) == 0)
		continue;
	gyre_loop_remove_timeout(loop, timeout);
	run_until_counted(&accepted_count, 1);
	gyre_listener_close(listener);
}

/* -- closing ----------------------------------------------------------------
 */

static void
closing_accepts_what_is_queued(void **state)
{
	(void)state;
	open_listener(accept_and_keep);
	connect_clients(100);
	gyre_listener_close(listener);
	assert_int_equal(accepted_count, 100);
}

static void
a_listener_may_be_closed_in_its_callback(void **state)
{
	(void)state;
	open_listener(accept_and_close_listener);
	connect_clients(100);
	run_until_counted(&accepted_count, 100);
	run_for(GYRE_MS(1));
	assert_int_equal(accepted_count, 100);
}

static void
a_listener_may_be_closed_in_a_shortage(void **state)
{
	(void)state;
	open_listener(accept_and_keep);
	inject(&faults.accept, 1, 1000000, EMFILE);
	connect_clients(1);
	run_for(GYRE_MS(10));
	gyre_listener_close(listener);
	run_for(GYRE_MS(100));
	assert_int_equal(accepted_count, 0);
	assert_non_null(strstr(log_last, "was closed with clients"));
}

static void
an_open_listener_is_closed_with_its_loop(void **state)
{
	(void)state;
	open_listener(accept_and_keep);
	connect_clients(1);
	close_loop();
	assert_int_equal(accepted_count, 0);
}

/* With its timeout waiting, and not watched. */
static void
a_listener_in_a_shortage_is_closed_with_its_loop(void **state)
{
	(void)state;
	open_listener(accept_and_keep);
	inject(&faults.accept, 1, 1000000, EMFILE);
	connect_clients(1);
	run_for(GYRE_MS(10));
	assert_int_equal(gyre_loop_close(loop, true), 0);
	assert_int_equal(accepted_count, 0);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_listener_accepts),
		TEST(a_listener_accepts_over_ipv6),
		TEST(a_name_is_no_address),
		TEST(a_port_is_taken_once_unless_reused),
		TEST(every_call_of_opening_may_fail),
		TEST(a_closed_loop_opens_no_listener),
		TEST(a_flood_is_accepted_in_bounded_helpings),
		TEST(lost_connections_are_skipped),
		TEST(a_raise_in_on_accept_is_reported_each_time),
		TEST(out_of_descriptors_it_waits),
		TEST(out_of_memory_it_waits),
		TEST(errors_without_end_do_not_spin),
		TEST(a_shortage_that_comes_and_goes_is_logged_once),
		TEST(without_memory_for_a_timeout_it_still_accepts),
		TEST(closing_accepts_what_is_queued),
		TEST(a_listener_may_be_closed_in_its_callback),
		TEST(a_listener_may_be_closed_in_a_shortage),
		TEST(an_open_listener_is_closed_with_its_loop),
		TEST(a_listener_in_a_shortage_is_closed_with_its_loop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
