/*
 * Clients that a listener has no descriptor or no place for.
 */
#include "tests/net/harness.h"

#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLIENTS_MAX 128

static struct gyre_listener *listener;
static int accepted[CLIENTS_MAX];
static unsigned accepted_count;
static unsigned refused_count;
static int clients[CLIENTS_MAX];
static unsigned clients_count;
static struct rlimit before;

static void
accept_and_keep(struct gyre_listener *from, int fd, void *arg)
{
	(void)from;
	(void)arg;
	accepted[accepted_count++] = fd;
}

static void
refuse_with_a_line(struct gyre_listener *from, int fd, void *arg)
{
	assert_ptr_equal(from, listener);
	assert_ptr_equal(arg, &clients);
	assert_int_equal(send(fd, "no\n", 3, MSG_NOSIGNAL), 3);
	close(fd);
	refused_count++;
}

static void
refuse_and_close_listener(struct gyre_listener *from, int fd, void *arg)
{
	gyre_listener_close(from);
	refuse_with_a_line(from, fd, arg);
}

static void
refuse_and_raise(struct gyre_listener *from, int fd, void *arg)
{
	refuse_with_a_line(from, fd, arg);
	gyre_raise(-EIO, "on purpose");
}

static void
open_listener(gyre_accept_fn on_refuse, struct gyre_limit *limit)
{
	struct gyre_listener_options options = { .on_refuse = on_refuse,
						 .limit = limit };

	assert_int_equal(gyre_listener_open(loop, &options, accept_and_keep,
					    &clients, &listener),
			 0);
}

static void
connect_clients(unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		clients[clients_count++] =
			connect_to(gyre_listener_port(listener));
}

static void
expect_line(int fd)
{
	char line[3];

	receive_all(fd, line, sizeof(line));
	assert_memory_equal(line, "no\n", sizeof(line));
	expect_end(fd);
}

static int
setup(void **state)
{
	accepted_count = refused_count = clients_count = 0;
	getrlimit(RLIMIT_NOFILE, &before);
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

/* -- no descriptor -------------------------------------------------------- */

/* The real thing: the process may have no more than it has. */
static void
take_descriptors_away(void)
{
	struct rlimit low = before;
	int fd = dup(clients[0]);

	assert_true(fd >= 0);
	close(fd);
	low.rlim_cur = (rlim_t)fd;
	setrlimit(RLIMIT_NOFILE, &low);
}

static void
give_descriptors_back(void)
{
	setrlimit(RLIMIT_NOFILE, &before);
}

static void
a_short_shortage_refuses_nobody(void **state)
{
	(void)state;
	open_listener(refuse_with_a_line, NULL);
	inject(&faults.accept, 1, 0, EMFILE);
	connect_clients(3);
	run_until_counted(&accepted_count, 3);
	assert_int_equal(refused_count, 0);
	assert_int_equal(log_lines, 1);
	gyre_listener_close(listener);
}

static void
a_lasting_one_refuses_who_waits(void **state)
{
	(void)state;
	open_listener(refuse_with_a_line, NULL);
	connect_clients(100);
	take_descriptors_away();
	run_until_counted(&refused_count, 100);
	give_descriptors_back();
	assert_int_equal(accepted_count, 0);
	assert_int_equal(log_lines, 1);
	for (unsigned i = 0; i < 100; i++)
		expect_line(clients[i]);
	/* and then it serves again */
	connect_clients(1);
	run_until_counted(&accepted_count, 1);
	gyre_listener_close(listener);
}

static void
without_a_callback_they_are_closed(void **state)
{
	(void)state;
	open_listener(NULL, NULL);
	connect_clients(1);
	inject(&faults.accept, 1, 1, ENFILE);
	expect_end(clients[0]);
	/* The second try fails too, the third is by way of the reserve, and the
	 * fourth finds nobody. */
	assert_int_equal(faults.accept.calls - faults.accept.fail_at, 3);
	assert_int_equal(accepted_count, 0);
	gyre_listener_close(listener);
}

static void
out_of_memory_nobody_is_refused(void **state)
{
	(void)state;
	open_listener(refuse_with_a_line, NULL);
	inject(&faults.accept, 1, 3, ENOMEM);
	connect_clients(2);
	run_until_counted(&accepted_count, 2);
	assert_int_equal(refused_count, 0);
	gyre_listener_close(listener);
}

/* Another thread got its place: who waits has to, until it is there again. */
static void
a_reserve_that_was_lost_is_kept_anew(void **state)
{
	(void)state;
	open_listener(refuse_with_a_line, NULL);
	connect_clients(2);
	inject(&faults.accept, 1, 1, EMFILE);
	inject(&faults.fcntl, 1, 1, EMFILE);
	run_until_counted(&refused_count, 1);
	run_until_counted(&accepted_count, 1);
	assert_int_equal(faults.fcntl.calls - faults.fcntl.fail_at, 2);
	inject(&faults.accept, 1, 1, EMFILE);
	connect_clients(1);
	run_until_counted(&refused_count, 2);
	gyre_listener_close(listener);
}

static void
closing_in_a_shortage_refuses_who_waits(void **state)
{
	(void)state;
	open_listener(refuse_with_a_line, NULL);
	connect_clients(5);
	take_descriptors_away();
	gyre_listener_close(listener);
	give_descriptors_back();
	assert_int_equal(refused_count, 5);
	assert_int_equal(log_lines, 0);
	for (unsigned i = 0; i < 5; i++)
		expect_line(clients[i]);
}

static void
refusing_may_close_the_listener(void **state)
{
	(void)state;
	open_listener(refuse_and_close_listener, NULL);
	inject(&faults.accept, 1, 1, EMFILE);
	connect_clients(1);
	run_until_counted(&refused_count, 1);
	run_for(GYRE_MS(1));
}

static void
a_raise_while_refusing_is_reported_each_time(void **state)
{
	struct gyre_loop_stats stats;

	(void)state;
	open_listener(refuse_and_raise, NULL);
	connect_clients(3);
	take_descriptors_away();
	run_until_counted(&refused_count, 3);
	give_descriptors_back();
	gyre_loop_get_stats(loop, &stats);
	assert_int_equal(stats.exceptions, 3);
	gyre_listener_close(listener);
}

/* -- no place ------------------------------------------------------------- */

static void
over_the_limit_they_are_refused(void **state)
{
	struct gyre_limit limit = { .max = 2 };

	(void)state;
	open_listener(refuse_with_a_line, &limit);
	connect_clients(5);
	run_until_counted(&refused_count, 3);
	assert_int_equal(accepted_count, 2);
	assert_int_equal(gyre_limit_taken(&limit), 2);
	for (unsigned i = 2; i < 5; i++)
		expect_line(clients[i]);
	gyre_limit_leave(&limit);
	connect_clients(2);
	run_until_counted(&refused_count, 4);
	assert_int_equal(accepted_count, 3);
	gyre_listener_close(listener);
}

static void
a_limit_is_all_its_listeners(void **state)
{
	struct gyre_limit limit = { .max = 1 };
	struct gyre_listener *first;

	(void)state;
	open_listener(NULL, &limit);
	first = listener;
	connect_clients(1);
	run_until_counted(&accepted_count, 1);
	open_listener(refuse_with_a_line, &limit);
	connect_clients(1);
	run_until_counted(&refused_count, 1);
	gyre_listener_close(first);
	gyre_listener_close(listener);
}

static void
a_limit_of_none_takes_none(void **state)
{
	struct gyre_limit limit = { .max = 0 };

	(void)state;
	open_listener(NULL, &limit);
	connect_clients(1);
	expect_end(clients[0]);
	assert_int_equal(gyre_limit_taken(&limit), 0);
	assert_false(gyre_limit_take(&limit));
	gyre_listener_close(listener);
}

/* -- a stream's place ----------------------------------------------------- */

static unsigned closed_count;

static void
on_close(struct gyre_stream *stream, int error, void *arg)
{
	const struct gyre_limit *limit = arg;

	(void)stream;
	(void)error;
	assert_int_equal(gyre_limit_taken(limit), 0);
	closed_count++;
}

static const struct gyre_stream_ops stream_ops = { .on_close = on_close };

/* A stream with a place, of which it is known that the caller has it. */
static struct gyre_stream *
open_stream(struct gyre_limit *limit, int fds[2])
{
	struct gyre_stream_options options = { .limit = limit };
	struct gyre_stream *stream;

	unix_pair(fds);
	closed_count = 0;
	assert_true(gyre_limit_take(limit));
	inject(&faults.watch, 1, 0, ENOMEM);
	assert_int_equal(gyre_stream_open(loop, fds[0], &options, &stream_ops,
					  limit, &stream),
			 -ENOMEM);
	assert_int_equal(gyre_limit_taken(limit), 1);
	assert_int_equal(gyre_stream_open(loop, fds[0], &options, &stream_ops,
					  limit, &stream),
			 0);
	return stream;
}

static void
a_stream_gives_its_place_back(void **state)
{
	struct gyre_limit limit = { .max = 1 };
	struct gyre_stream *stream;
	int fds[2];

	(void)state;
	stream = open_stream(&limit, fds);
	assert_false(gyre_limit_take(&limit));
	gyre_stream_close(stream, false);
	assert_int_equal(gyre_limit_taken(&limit), 0);
	run_until_counted(&closed_count, 1);
	close(fds[1]);
}

static void
so_does_one_that_closes_with_its_loop(void **state)
{
	struct gyre_limit limit = { .max = 1 };
	int fds[2];

	(void)state;
	open_stream(&limit, fds);
	close_loop();
	assert_int_equal(closed_count, 1);
	assert_int_equal(gyre_limit_taken(&limit), 0);
	close(fds[1]);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_short_shortage_refuses_nobody),
		TEST(a_lasting_one_refuses_who_waits),
		TEST(without_a_callback_they_are_closed),
		TEST(out_of_memory_nobody_is_refused),
		TEST(a_reserve_that_was_lost_is_kept_anew),
		TEST(closing_in_a_shortage_refuses_who_waits),
		TEST(refusing_may_close_the_listener),
		TEST(a_raise_while_refusing_is_reported_each_time),
		TEST(over_the_limit_they_are_refused),
		TEST(a_limit_is_all_its_listeners),
		TEST(a_limit_of_none_takes_none),
		TEST(a_stream_gives_its_place_back),
		TEST(so_does_one_that_closes_with_its_loop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
