/*
 * What reads by request cost: memory, system calls, the loop's time, and what
 * becomes of them when the system says no.
 */
#include "tests/net/reader.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define KIB ((size_t)1024)

static const struct reader_options by_callback;
static const struct reader_options by_future = { .by_future = true };

static void
open_unix(struct reader *reader, const struct reader_options *options)
{
	int fds[2];

	unix_pair(fds);
	reader_open(reader, fds, options);
}

/* Ask for lines as long as there are any, and forget them. */
static void
next_line(struct reader *reader)
{
	reader->length = 0;
	if (reader->error == 0)
		assert_int_equal(ask_until(reader, "\n", 0), 0);
}

static struct gyre_stream_stats
stats_of(const struct reader *reader)
{
	struct gyre_stream_stats stats;

	gyre_stream_get_stats(reader->stream, &stats);
	return stats;
}

/* The loop sleeps: a fifth of a second takes no more than a few iterations. */
static void
expect_quiet(void)
{
	uint64_t before = iterations();

	run_for(GYRE_MS(200));
	assert_true(iterations() - before < 10);
}

/* -- an idle stream ----------------------------------------------------------
 */

static void
an_idle_stream_is_half_a_kibibyte(void **state)
{
	struct reader warm, reader;
	size_t before;

	(void)state;
	/* The loop's table of handlers grows on its first use. */
	open_unix(&warm, &by_callback);
	run_for(GYRE_MS(1));
	before = faults.live_bytes;
	open_unix(&reader, &by_callback);
	assert_int_equal(ask_until(&reader, "\n", 0), 0);
	tell(&reader, "warm\n");
	expect_said(&reader, "(warm\n)");
	assert_int_equal(ask_until(&reader, "\n", 0), 0);
	assert_true(faults.live_bytes - before <= 512);
	reader_end(&reader);
	reader_end(&warm);
}

static void
an_idle_stream_notices_that_its_peer_is_gone(void **state)
{
	struct reader reader;

	(void)state;
	open_unix(&reader, &by_callback);
	expect_quiet();
	leave(&reader);
	expect_said(&reader, "close 0");
	reader_end(&reader);
}

/* What a future has brought is valid all the same. */
static void
after_a_future_it_notices_too(void **state)
{
	struct reader reader, other;

	(void)state;
	open_unix(&other, &by_callback);
	open_unix(&reader, &by_future);
	assert_int_equal(ask_until(&reader, "\n", 0), 0);
	tell(&reader, "one\n");
	expect_said(&reader, "(one\n)");
	assert_int_equal(ask_bytes(&other, 9, false), 0);
	tell(&other, "elsewhere");
	expect_said(&other, "(elsewhere)");
	assert_memory_equal(reader.bytes.data, "one\n", 4);
	reader_end(&other);
	leave(&reader);
	/* on_close is to come, but has not yet */
	for (int i = 0; i < 1000 && gyre_stream_fd(reader.stream) >= 0; i++)
		assert_memory_equal(reader.bytes.data, "one\n", 4);
	expect_said(&reader, "(one\n)close 0");
	reader_end(&reader);
}

/* Bytes that nobody asks for are left to the kernel, and the loop sleeps. */
static void
what_nobody_asks_for_stays_in_the_kernel(void **state)
{
	struct reader reader;

	(void)state;
	open_unix(&reader, &by_future);
	assert_int_equal(ask_until(&reader, "\n", 0), 0);
	tell(&reader, "one\n");
	expect_said(&reader, "(one\n)");
	tell(&reader, "two\nthree");
	expect_quiet();
	assert_int_equal(stats_of(&reader).read_bytes, 4);
	assert_memory_equal(reader.bytes.data, "one\n", 4);
	leave(&reader);
	expect_quiet();
	assert_int_equal(ask_until(&reader, "\n", 0), 0);
	expect_said(&reader, "(one\n)(two\n)");
	assert_int_equal(stats_of(&reader).unread_bytes, 5);
	assert_int_equal(ask_until(&reader, "\n", 0), 0);
	expect_said(&reader, "(one\n)(two\n)!EPIPEclose 0");
	reader_end(&reader);
}

/* -- memory ------------------------------------------------------------------
 */

static void
a_whole_line_costs_no_memory(void **state)
{
	struct reader reader;
	unsigned before;

	(void)state;
	open_unix(&reader, &by_callback);
	run_for(GYRE_MS(1));
	/* The second line is kept, in room that is then the loop's to spare. */
	before = faults.allocate.calls + 1;
	for (int i = 0; i < 100; i++) {
		reader.length = 0;
		assert_int_equal(ask_until(&reader, "\n", 0), 0);
		tell(&reader, "one\ntwo\n");
		expect_said(&reader, "(one\n)");
		reader.length = 0;
		assert_int_equal(ask_until(&reader, "\n", 0), 0);
		expect_said(&reader, "(two\n)");
	}
	assert_int_equal(faults.allocate.calls, before);
	reader_end(&reader);
}

/* The future and the test's own callback on it; the room for what must last is
 * the loop's to spare after the first. */
static void
a_future_costs_itself(void **state)
{
	struct reader reader;
	unsigned before;

	(void)state;
	open_unix(&reader, &by_future);
	run_for(GYRE_MS(1));
	before = faults.allocate.calls;
	for (int i = 0; i < 100; i++) {
		reader.length = 0;
		assert_int_equal(ask_until(&reader, "\n", 0), 0);
		tell(&reader, "one\n");
		expect_said(&reader, "(one\n)");
	}
	assert_int_equal(faults.allocate.calls - before, 201);
	reader_end(&reader);
}

/* A peer that sends one byte at a time makes the reader search each once. */
static void
a_long_line_may_come_in_small_pieces(void **state)
{
	static char line[256 * 1024];
	struct reader reader;

	(void)state;
	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\n';
	open_unix(&reader, &by_callback);
	faults.recv_max = 3;
	assert_int_equal(ask_until(&reader, "\n", 0), 0);
	send_all(reader.peer, line, sizeof(line));
	while (reader.reads == 0)
		run_for(GYRE_MS(1));
	assert_int_equal(stats_of(&reader).read_bytes, sizeof(line));
	reader_end(&reader);
}

/* -- the loop's time
 * ----------------------------------------------------------- */

static void
many_lines_leave_the_loop_to_others(void **state)
{
	static char lines[16 * 1024];
	struct reader reader;
	uint64_t before;

	(void)state;
	memset(lines, '\n', sizeof(lines));
	open_unix(&reader, &by_callback);
	reader.next = next_line;
	assert_int_equal(ask_until(&reader, "\n", 0), 0);
	before = iterations();
	send_all(reader.peer, lines, sizeof(lines));
	while (reader.reads < sizeof(lines))
		run_for(GYRE_MS(1));
	assert_true(iterations() - before >= sizeof(lines) / 256 / 2);
	reader.next = NULL;
	reader_end(&reader);
}

static void
raise_once(struct reader *reader)
{
	reader->length = 0;
	gyre_raise(-EIO, "on purpose");
	assert_int_equal(ask_until(reader, "\n", 0), 0);
}

static void
a_raise_is_reported_and_reading_goes_on(void **state)
{
	struct gyre_loop_stats stats;
	struct reader reader;

	(void)state;
	open_unix(&reader, &by_callback);
	reader.next = raise_once;
	assert_int_equal(ask_until(&reader, "\n", 0), 0);
	tell(&reader, "1\n2\n3\n");
	while (reader.reads < 3)
		run_for(GYRE_MS(1));
	gyre_loop_get_stats(loop, &stats);
	assert_int_equal(stats.exceptions, 3);
	reader.next = NULL;
	reader_end(&reader);
}

/* -- one conversation, each of its calls failed once ------------------------
 */

/* What is asked next, in turn. */
static unsigned turn;

static int
ask_next(struct reader *reader)
{
	switch (turn++ % 4) {
	case 0:
		return ask_until(reader, "\n", 0);
	case 1:
		return ask_bytes(reader, 30000, false);
	case 2:
		return ask_peek(reader, 3);
	default:
		return ask_bytes(reader, 5000, true);
	}
}

/* By future, there may be none, or nobody can be told of it. */
static void
next_until_it_fails(struct reader *reader)
{
	reader->length = 0;
	if (reader->error == 0 && ask_next(reader) < 0)
		gyre_stream_close(reader->stream, false);
}

static void
converse(struct reader *reader)
{
	static const char zeroes[50000];

	reader->next = next_until_it_fails;
	if (ask_next(reader) < 0) {
		gyre_stream_close(reader->stream, false);
		return;
	}
	send(reader->peer, "line\nand", 8, MSG_NOSIGNAL);
	run_for(GYRE_US(100));
	send(reader->peer, zeroes, sizeof(zeroes), MSG_NOSIGNAL);
	run_for(GYRE_MS(1));
	shutdown(reader->peer, SHUT_WR);
}

static bool
is_over(void *arg)
{
	return ((struct reader *)arg)->stream == NULL;
}

/* Whether the call was reached: else all of them have had their turn. */
static bool
survives_failure(struct fault *fault, unsigned n, int error)
{
	unsigned before = fault->calls;
	struct reader reader;
	int fds[2];

	unix_pair(fds);
	inject(fault, n, 0, error);
	if (reader_try_open(&reader, fds, &by_callback)) {
		turn = 0;
		converse(&reader);
		run_until(is_over, &reader);
		assert_true(reader.close_error == 0 ||
			    reader.close_error == -error);
		reader_end(&reader);
	} else {
		close(fds[0]);
		close(fds[1]);
	}
	return fault->calls - before >= n;
}

static void
check_every_call(struct fault *fault, int error)
{
	unsigned n = 1;

	while (survives_failure(fault, n, error))
		n++;
	assert_true(n > 4);
}

static void
every_allocation_may_fail(void **state)
{
	(void)state;
	/* The test's own timeouts need memory once. */
	run_for(GYRE_MS(1));
	check_every_call(&faults.allocate, ENOMEM);
}

static void
every_recv_may_fail(void **state)
{
	(void)state;
	check_every_call(&faults.recv, ECONNRESET);
	check_every_call(&faults.recv, EINTR);
}

static void
without_memory_there_is_no_future(void **state)
{
	struct gyre_until until = { .delimiter = "\n" };
	struct reader reader;

	(void)state;
	open_unix(&reader, &by_future);
	inject(&faults.allocate, 1, 3, ENOMEM);
	assert_null(gyre_stream_read_until_future(reader.stream, &until));
	assert_null(gyre_stream_read_bytes_future(reader.stream, 1, true));
	assert_null(gyre_stream_read_until_close_future(reader.stream));
	assert_null(gyre_stream_peek_future(reader.stream, 1));
	assert_false(gyre_stream_is_reading(reader.stream));
	reader_end(&reader);
}

int
main(void)
{
#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, net_setup, net_teardown)
	const struct CMUnitTest tests[] = {
		TEST(an_idle_stream_is_half_a_kibibyte),
		TEST(an_idle_stream_notices_that_its_peer_is_gone),
		TEST(after_a_future_it_notices_too),
		TEST(what_nobody_asks_for_stays_in_the_kernel),
		TEST(a_whole_line_costs_no_memory),
		TEST(a_future_costs_itself),
		TEST(a_long_line_may_come_in_small_pieces),
		TEST(many_lines_leave_the_loop_to_others),
		TEST(a_raise_is_reported_and_reading_goes_on),
		TEST(every_allocation_may_fail),
		TEST(every_recv_may_fail),
		TEST(without_memory_there_is_no_future),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
