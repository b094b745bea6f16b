/*
 * Writes of several parts and of what is lent: in order, released once, and
 * known to have left.
 */
#include "tests/net/recorder.h"

#include <gyre/stream_write.h>

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define KIB ((size_t)1024)

/* What is released is written down, a letter each. */
static char released[256];
static size_t released_count;

static void
release(void *data)
{
	assert_true(released_count < sizeof(released) - 1);
	released[released_count++] = *(const char *)data;
	released[released_count] = '\0';
}

static int
setup(void **state)
{
	released_count = 0;
	released[0] = '\0';
	return net_setup(state);
}

static struct recorder *
open_unix(const struct gyre_stream_options *options)
{
	struct recorder *recorder = recorder_new();
	int fds[2];

	unix_pair(fds);
	recorder_open(recorder, fds, options);
	return recorder;
}

static void
end(struct recorder *recorder)
{
	gyre_stream_close(recorder->stream, false);
	run_until_closed(recorder);
	recorder_free(recorder);
}

static int
lend(struct recorder *recorder, const char *text)
{
	struct gyre_message message = { (void *)(uintptr_t)text, strlen(text),
					release };

	return gyre_stream_write_message(recorder->stream, &message);
}

static int
copy(struct recorder *recorder, const char *text)
{
	return gyre_stream_write(recorder->stream, text, strlen(text));
}

static void
expect_received(struct recorder *recorder, const char *text)
{
	char received[256];

	assert_true(strlen(text) <= sizeof(received));
	receive_all(recorder->peer, received, strlen(text));
	assert_memory_equal(received, text, strlen(text));
}

/* -- order
 * --------------------------------------------------------------------- */

static void
write_a_mixture(struct recorder *recorder)
{
	static const struct gyre_bytes parts[] = { { "one", 3 },
						   { NULL, 0 },
						   { "two", 3 } };

	assert_int_equal(lend(recorder, "a."), 0);
	assert_int_equal(copy(recorder, "1"), 0);
	assert_int_equal(lend(recorder, "b."), 0);
	assert_int_equal(lend(recorder, "c."), 0);
	assert_int_equal(gyre_stream_writev(recorder->stream, parts, 3), 0);
	assert_int_equal(lend(recorder, "d."), 0);
	assert_int_equal(copy(recorder, "2"), 0);
	assert_int_equal(stats_of(recorder).pending_bytes, 16);
}

static void
all_leaves_in_order_in_one_call(void **state)
{
	struct recorder *recorder = open_unix(NULL);

	(void)state;
	write_a_mixture(recorder);
	/* Nothing is released inside a call that writes. */
	assert_string_equal(released, "");
	expect_received(recorder, "a.1b.c.onetwod.2");
	assert_int_equal(faults.send.calls, 1);
	run_for(GYRE_MS(1));
	assert_string_equal(released, "abcd");
	assert_int_equal(stats_of(recorder).pending_bytes, 0);
	end(recorder);
	assert_string_equal(released, "abcd");
}

static void
all_leaves_in_order_however_little_the_kernel_takes(void **state)
{
	(void)state;
	for (faults.send_max = 1; faults.send_max < 17; faults.send_max++) {
		struct recorder *recorder = open_unix(NULL);

		faults.again_every = 3;
		released_count = 0;
		write_a_mixture(recorder);
		expect_received(recorder, "a.1b.c.onetwod.2");
		run_for(GYRE_MS(1));
		assert_string_equal(released, "abcd");
		end(recorder);
	}
}

/* More than a call takes, and as many copies between them. */
static void
many_messages_leave_in_order(void **state)
{
	struct recorder *recorder = open_unix(NULL);
	char expected[400];

	(void)state;
	for (int i = 0; i < 200; i++) {
		static const char *const letters[] = { "A", "B", "C" };
		char letter[2] = { (char)('a' + i % 26), '\0' };

		assert_int_equal(lend(recorder, letters[i % 3]), 0);
		assert_int_equal(copy(recorder, letter), 0);
		expected[2 * i] = letters[i % 3][0];
		expected[2 * i + 1] = letter[0];
	}
	for (int i = 0; i < 400; i += 100) {
		char received[100];

		receive_all(recorder->peer, received, 100);
		assert_memory_equal(received, expected + i, 100);
	}
	run_for(GYRE_MS(1));
	assert_int_equal(released_count, 200);
	end(recorder);
}

static void
large_messages_are_not_copied(void **state)
{
	struct recorder *recorder = open_unix(NULL);
	size_t length = 1024 * KIB;
	unsigned char *lent = malloc(length);
	unsigned char *received = malloc(length);
	struct gyre_message message = { lent, length, release };
	size_t before;

	(void)state;
	for (size_t i = 0; i < length; i++)
		lent[i] = (unsigned char)(i * 7 + i / 251);
	run_for(GYRE_MS(1));
	before = faults.live_bytes;
	for (int i = 0; i < 4; i++)
		assert_int_equal(
			gyre_stream_write_message(recorder->stream, &message),
			0);
	assert_true(faults.live_bytes - before <= 4 * 128);
	for (int i = 0; i < 4; i++) {
		receive_all(recorder->peer, received, length);
		assert_memory_equal(received, lent, length);
	}
	run_for(GYRE_MS(1));
	assert_int_equal(released_count, 4);
	assert_int_equal(faults.live_bytes, before);
	free(lent);
	free(received);
	end(recorder);
}

static void
a_message_of_nothing_is_released_in_its_turn(void **state)
{
	struct gyre_message nothing = { (void *)(uintptr_t) "0", 0, release };
	struct recorder *recorder = open_unix(NULL);

	(void)state;
	assert_int_equal(gyre_stream_write_message(recorder->stream, &nothing),
			 0);
	assert_string_equal(released, "");
	assert_int_equal(lend(recorder, "a"), 0);
	assert_int_equal(gyre_stream_write_message(recorder->stream, &nothing),
			 0);
	assert_int_equal(lend(recorder, "b"), 0);
	expect_received(recorder, "ab");
	run_for(GYRE_MS(1));
	assert_string_equal(released, "0a0b");
	end(recorder);
}

/* -- refusals
 * -------------------------------------------------------------------- */

static void
what_is_refused_is_the_callers(void **state)
{
	static const struct gyre_bytes parts[] = { { "one", 3 }, { "two", 3 } };
	static const struct gyre_bytes endless[] = { { "x", SIZE_MAX },
						     { "y", 1 } };
	struct gyre_stream_options options = { .write_max_bytes = 8 };
	struct recorder *recorder = open_unix(&options);

	(void)state;
	assert_int_equal(lend(recorder, "12345"), 0);
	assert_int_equal(lend(recorder, "1234"), -ENOBUFS);
	assert_int_equal(gyre_stream_writev(recorder->stream, parts, 2),
			 -ENOBUFS);
	assert_int_equal(gyre_stream_writev(recorder->stream, endless, 2),
			 -ENOBUFS);
	inject(&faults.allocate, 1, 1, ENOMEM);
	assert_int_equal(lend(recorder, "12"), -ENOMEM);
	assert_int_equal(gyre_stream_writev(recorder->stream, parts, 1),
			 -ENOMEM);
	assert_int_equal(stats_of(recorder).pending_bytes, 5);
	assert_int_equal(stats_of(recorder).written_bytes, 5);
	gyre_stream_shutdown(recorder->stream);
	assert_int_equal(lend(recorder, "12"), -EPIPE);
	assert_int_equal(gyre_stream_writev(recorder->stream, parts, 1),
			 -EPIPE);
	expect_received(recorder, "12345");
	expect_end(recorder->peer);
	assert_string_equal(released, "1");
	end(recorder);
}

/* -- back-pressure
 * ---------------------------------------------------------------- */

static void
what_is_lent_fills_the_stream(void **state)
{
	static char zeroes[1 << 20] = "z";
	struct gyre_stream_options options = { .write_high_bytes = 64 * KIB };
	struct recorder *recorder = open_unix(&options);
	struct gyre_message message = { zeroes, sizeof(zeroes), release };
	char *received = malloc(sizeof(zeroes));

	(void)state;
	assert_int_equal(gyre_stream_write_message(recorder->stream, &message),
			 0);
	assert_true(gyre_stream_is_full(recorder->stream));
	run_for(GYRE_MS(1));
	assert_int_equal(recorder->drains, 0);
	receive_all(recorder->peer, received, sizeof(zeroes));
	run_until(has_drained, recorder);
	assert_int_equal(recorder->drains, 1);
	free(received);
	end(recorder);
}

/* -- ends
 * ---------------------------------------------------------------------------
 */

static void
expect_all_released(struct recorder *recorder)
{
	(void)recorder;
	assert_string_equal(released, "abcd");
}

static void
a_close_releases_what_has_not_left(void **state)
{
	struct recorder *recorder = open_unix(NULL);

	(void)state;
	recorder->in_close = expect_all_released;
	write_a_mixture(recorder);
	gyre_stream_close(recorder->stream, false);
	assert_string_equal(released, "");
	run_until_closed(recorder);
	recorder_free(recorder);
}

static void
a_send_that_fails_releases_too(void **state)
{
	struct recorder *recorder = open_unix(NULL);

	(void)state;
	recorder->in_close = expect_all_released;
	faults.send_max = 4;
	inject(&faults.send, 2, 0, EPIPE);
	write_a_mixture(recorder);
	run_until_closed(recorder);
	assert_int_equal(recorder->error, -EPIPE);
	recorder_free(recorder);
}

static void
the_loops_close_releases(void **state)
{
	struct recorder *recorder = open_unix(NULL);

	(void)state;
	recorder->in_close = expect_all_released;
	write_a_mixture(recorder);
	close_loop();
	assert_int_equal(recorder->closes, 1);
	recorder_free(recorder);
}

static void
a_close_that_flushes_sends_what_is_lent(void **state)
{
	struct recorder *recorder = open_unix(NULL);

	(void)state;
	faults.send_max = 3;
	write_a_mixture(recorder);
	gyre_stream_close(recorder->stream, true);
	expect_received(recorder, "a.1b.c.onetwod.2");
	expect_end(recorder->peer);
	run_until_closed(recorder);
	assert_int_equal(recorder->error, 0);
	assert_string_equal(released, "abcd");
	recorder_free(recorder);
}

/* -- by future
 * ------------------------------------------------------------------------ */

static void
a_future_tells_when_all_has_left(void **state)
{
	static const char zeroes[1 << 20];
	struct recorder *recorder = open_unix(NULL);
	char *received = malloc(sizeof(zeroes));
	struct gyre_future *none, *half, *all;

	(void)state;
	none = gyre_stream_flush_future(recorder->stream);
	assert_int_equal(gyre_future_result(none, NULL), 0);
	assert_int_equal(
		gyre_stream_write(recorder->stream, zeroes, sizeof(zeroes) / 2),
		0);
	half = gyre_stream_flush_future(recorder->stream);
	assert_int_equal(
		gyre_stream_write(recorder->stream, zeroes, sizeof(zeroes) / 2),
		0);
	all = gyre_stream_flush_future(recorder->stream);
	assert_int_equal(gyre_future_result(half, NULL), -EAGAIN);
	faults.send_max = 100 * KIB;
	receive_all(recorder->peer, received, sizeof(zeroes) / 2);
	while (!gyre_future_done(half))
		run_for(GYRE_MS(1));
	assert_int_equal(gyre_future_result(half, NULL), 0);
	receive_all(recorder->peer, received, sizeof(zeroes) / 2);
	run_for(GYRE_MS(1));
	assert_int_equal(gyre_future_result(all, NULL), 0);
	gyre_future_unref(none);
	gyre_future_unref(half);
	gyre_future_unref(all);
	free(received);
	end(recorder);
}

static void
a_future_tells_that_it_never_will(void **state)
{
	struct recorder *recorder = open_unix(NULL);
	struct gyre_future *future, *late;
	struct gyre_loop_stats stats;

	(void)state;
	assert_int_equal(copy(recorder, "abc"), 0);
	future = gyre_stream_flush_future(recorder->stream);
	/* one that nobody looks at is nothing to report */
	gyre_future_unref(gyre_stream_flush_future(recorder->stream));
	inject(&faults.send, 1, 0, ECONNRESET);
	run_for(GYRE_MS(1));
	run_until_closed(recorder);
	assert_int_equal(gyre_future_result(future, NULL), -ECONNRESET);
	gyre_future_unref(future);
	recorder_free(recorder);

	recorder = open_unix(NULL);
	assert_int_equal(copy(recorder, "abc"), 0);
	future = gyre_stream_flush_future(recorder->stream);
	gyre_stream_close(recorder->stream, false);
	late = gyre_stream_flush_future(recorder->stream);
	run_until_closed(recorder);
	assert_int_equal(gyre_future_result(future, NULL), -EPIPE);
	assert_int_equal(gyre_future_result(late, NULL), -EPIPE);
	gyre_future_unref(future);
	gyre_future_unref(late);
	recorder_free(recorder);
	gyre_loop_get_stats(loop, &stats);
	assert_int_equal(stats.exceptions, 0);
}

static void
without_memory_there_is_no_future(void **state)
{
	struct recorder *recorder = open_unix(NULL);

	(void)state;
	assert_int_equal(copy(recorder, "abc"), 0);
	for (unsigned n = 1; n <= 2; n++) {
		inject(&faults.allocate, n, 0, ENOMEM);
		assert_null(gyre_stream_flush_future(recorder->stream));
	}
	expect_received(recorder, "abc");
	end(recorder);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, net_teardown)
	const struct CMUnitTest tests[] = {
		TEST(all_leaves_in_order_in_one_call),
		TEST(all_leaves_in_order_however_little_the_kernel_takes),
		TEST(many_messages_leave_in_order),
		TEST(large_messages_are_not_copied),
		TEST(a_message_of_nothing_is_released_in_its_turn),
		TEST(what_is_refused_is_the_callers),
		TEST(what_is_lent_fills_the_stream),
		TEST(a_close_releases_what_has_not_left),
		TEST(a_send_that_fails_releases_too),
		TEST(the_loops_close_releases),
		TEST(a_close_that_flushes_sends_what_is_lent),
		TEST(a_future_tells_when_all_has_left),
		TEST(a_future_tells_that_it_never_will),
		TEST(without_memory_there_is_no_future),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
