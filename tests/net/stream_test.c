/* Streams at work: what comes in, what leaves, and what holds them back. */
#include "tests/net/recorder.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define KIB ((size_t)1024)

static unsigned char *
random_bytes(size_t length)
{
	unsigned char *bytes = malloc(length);
	unsigned seed = 7;

	assert_non_null(bytes);
	for (size_t i = 0; i < length; i++) {
		seed = seed * 1664525u + 1013904223u;
		bytes[i] = (unsigned char)(seed >> 16);
	}
	return bytes;
}

static void
write_text(struct recorder *recorder, const char *text)
{
	assert_int_equal(
		gyre_stream_write(recorder->stream, text, strlen(text)), 0);
}

static void
end(struct recorder *recorder)
{
	gyre_stream_close(recorder->stream, false);
	run_until_closed(recorder);
	assert_int_equal(recorder->error, 0);
	recorder_free(recorder);
}

/* -- echo ------------------------------------------------------------------ */

static size_t
echo(struct recorder *recorder, const void *data, size_t length)
{
	assert_int_equal(gyre_stream_write(recorder->stream, data, length), 0);
	return length;
}

static void
check_echo(const int fds[2], size_t length)
{
	struct recorder *recorder = recorder_new();
	unsigned char *sent = random_bytes(length);
	unsigned char *received = malloc(length);

	recorder->use = echo;
	recorder_open(recorder, fds, NULL);
	send_all(recorder->peer, sent, length);
	receive_all(recorder->peer, received, length);
	assert_memory_equal(received, sent, length);
	assert_int_equal(recorder->length, length);
	assert_int_equal(stats_of(recorder).read_bytes, length);
	assert_int_equal(stats_of(recorder).written_bytes, length);
	assert_int_equal(stats_of(recorder).pending_bytes, 0);
	free(sent);
	free(received);
	end(recorder);
}

static void
bytes_are_echoed_over_a_unix_socket(void **state)
{
	int fds[2];

	(void)state;
	unix_pair(fds);
	check_echo(fds, 100 * KIB);
}

static void
bytes_are_echoed_over_tcp(void **state)
{
	int fds[2];

	(void)state;
	tcp_pair(fds);
	check_echo(fds, 100 * KIB);
}

static void
bytes_survive_one_byte_at_a_time(void **state)
{
	int fds[2];

	(void)state;
	faults.recv_max = 1;
	faults.send_max = 1;
	unix_pair(fds);
	check_echo(fds, 8 * KIB);
}

static void
bytes_survive_short_and_interrupted_calls(void **state)
{
	int fds[2];

	(void)state;
	faults.recv_max = 1000;
	faults.send_max = 333;
	faults.again_every = 3;
	tcp_pair(fds);
	check_echo(fds, 100 * KIB);
}

/* -- the way in ------------------------------------------------------------ */

static size_t
use_lines(struct recorder *recorder, const void *data, size_t length)
{
	const char *newline = memchr(data, '\n', length);

	(void)recorder;
	return newline != NULL ? (size_t)(newline - (const char *)data) + 1 : 0;
}

static void
unused_input_comes_again_with_more(void **state)
{
	struct recorder *recorder = recorder_new();
	int fds[2];

	(void)state;
	unix_pair(fds);
	recorder->use = use_lines;
	recorder_open(recorder, fds, NULL);
	send_all(recorder->peer, "one\ntwo\nthr", 11);
	run_until_length(recorder, 8);
	assert_int_equal(stats_of(recorder).unread_bytes, 3);
	assert_int_equal(recorder->reads, 3);
	run_for(GYRE_MS(2));
	/* it does not come again by itself */
	assert_int_equal(recorder->reads, 3);
	send_all(recorder->peer, "ee\n", 3);
	run_until_length(recorder, 14);
	assert_int_equal(recorder->offered, 6);
	assert_memory_equal(recorder->bytes, "one\ntwo\nthree\n", 14);
	assert_int_equal(stats_of(recorder).unread_bytes, 0);
	end(recorder);
}

static size_t
use_one(struct recorder *recorder, const void *data, size_t length)
{
	(void)recorder;
	(void)data;
	(void)length;
	return 1;
}

static void
a_stream_that_uses_little_leaves_the_loop_to_others(void **state)
{
	struct recorder *recorder = recorder_new();
	unsigned char *sent = random_bytes(4 * KIB);
	uint64_t before;
	int fds[2];

	(void)state;
	unix_pair(fds);
	recorder->use = use_one;
	recorder_open(recorder, fds, NULL);
	send_all(recorder->peer, sent, 4 * KIB);
	before = iterations();
	run_until_length(recorder, 4 * KIB);
	assert_true(iterations() - before >= 16);
	assert_memory_equal(recorder->bytes, sent, 4 * KIB);
	free(sent);
	end(recorder);
}

static size_t
use_nothing(struct recorder *recorder, const void *data, size_t length)
{
	(void)recorder;
	(void)data;
	(void)length;
	return 0;
}

static void
resume(void *arg)
{
	struct recorder *recorder = arg;

	gyre_stream_resume(recorder->stream);
}

/* From a timeout: then the poller has its say before the stream's callback. */
static void
resume_soon(struct recorder *recorder)
{
	assert_int_equal(gyre_loop_call_later(loop, 0, resume, recorder, NULL),
			 0);
}

static void
count_one(void *arg)
{
	++*(unsigned *)arg;
}

static void
forget(struct recorder *recorder)
{
	recorder->length = 0;
}

static void
a_stream_with_endless_input_leaves_the_loop_to_others(void **state)
{
	struct recorder *recorder = recorder_new();
	unsigned others = 0;
	int fds[2];

	(void)state;
	unix_pair(fds);
	recorder->in_read = forget;
	recorder_open(recorder, fds, NULL);
	send_all(recorder->peer, "x", 1);
	faults.endless = true;
	assert_int_equal(gyre_loop_call_later(loop, GYRE_US(10), count_one,
					      &others, NULL),
			 0);
	run_for(GYRE_MS(1));
	assert_int_equal(others, 1);
	assert_true(recorder->reads <= 16 * iterations());
	faults.endless = false;
	end(recorder);
}

static void
reading_stops_at_read_max(void **state)
{
	struct gyre_stream_options options = { .read_max_bytes = 50000 };
	struct recorder *recorder = recorder_new();
	unsigned char *sent = random_bytes(100 * KIB);
	uint64_t before;
	int fds[2];

	(void)state;
	unix_pair(fds);
	recorder->use = use_nothing;
	recorder_open(recorder, fds, &options);
	send(recorder->peer, sent, 100 * KIB, 0);
	run_for(GYRE_MS(5));
	assert_int_equal(stats_of(recorder).unread_bytes, 50000);
	assert_int_equal(recorder->offered, 50000);
	before = iterations();
	run_for(GYRE_MS(100));
	assert_true(iterations() - before < 10);

	recorder->use = NULL;
	resume_soon(recorder);
	run_until_length(recorder, 100 * KIB);
	assert_memory_equal(recorder->bytes, sent, 100 * KIB);
	free(sent);
	end(recorder);
}

static void
a_pause_holds_input_back_until_resume(void **state)
{
	struct recorder *recorder = recorder_new();
	uint64_t before;
	int fds[2];

	(void)state;
	unix_pair(fds);
	recorder_open(recorder, fds, NULL);
	gyre_stream_pause(recorder->stream);
	send_all(recorder->peer, "abc", 3);
	before = iterations();
	run_for(GYRE_MS(100));
	assert_int_equal(recorder->reads, 0);
	assert_true(iterations() - before < 10);
	gyre_stream_resume(recorder->stream);
	assert_int_equal(recorder->reads, 0);
	run_until_length(recorder, 3);
	end(recorder);
}

static void
pause_in_read(struct recorder *recorder)
{
	gyre_stream_pause(recorder->stream);
}

static void
expect_two_lines(struct recorder *recorder)
{
	assert_int_equal(recorder->length, 8);
}

static void
a_pause_inside_on_read_keeps_the_rest(void **state)
{
	struct recorder *recorder = recorder_new();
	int fds[2];

	(void)state;
	unix_pair(fds);
	recorder->use = use_lines;
	recorder->in_read = pause_in_read;
	recorder_open(recorder, fds, NULL);
	send_all(recorder->peer, "one\ntwo\n", 8);
	run_until_length(recorder, 4);
	run_for(GYRE_MS(2));
	assert_int_equal(recorder->length, 4);
	recorder->in_read = NULL;
	/* the end must not overtake what is unread */
	close(recorder->peer);
	recorder->peer = -1;
	run_for(GYRE_MS(2));
	recorder->in_end = expect_two_lines;
	resume_soon(recorder);
	run_until(has_ended, recorder);
	end(recorder);
}

/* Interest in reading is given up only when it disturbs. */
static void
a_short_pause_costs_no_system_call(void **state)
{
	struct recorder *recorder = recorder_new();
	unsigned before;
	int fds[2];

	(void)state;
	unix_pair(fds);
	recorder_open(recorder, fds, NULL);
	run_for(GYRE_MS(1));
	before = faults.watch.calls;
	for (int i = 0; i < 10; i++) {
		gyre_stream_pause(recorder->stream);
		write_text(recorder, "x");
		run_for(GYRE_MS(1));
		gyre_stream_resume(recorder->stream);
		run_for(GYRE_MS(1));
	}
	assert_int_equal(faults.watch.calls, before);
	end(recorder);
}

static void
raise_in_read(struct recorder *recorder)
{
	(void)recorder;
	gyre_raise(-EIO, "on purpose");
}

static void
a_raise_in_on_read_is_reported_and_reading_goes_on(void **state)
{
	struct recorder *recorder = recorder_new();
	struct gyre_loop_stats stats;
	int fds[2];

	(void)state;
	unix_pair(fds);
	recorder->use = use_lines;
	recorder->in_read = raise_in_read;
	recorder_open(recorder, fds, NULL);
	send_all(recorder->peer, "1\n2\n3\n", 6);
	run_until_length(recorder, 6);
	gyre_loop_get_stats(loop, &stats);
	assert_int_equal(stats.exceptions, 3);
	end(recorder);
}

static void
an_idle_stream_holds_no_buffer(void **state)
{
	struct recorder *recorder = recorder_new();
	unsigned char *sent = random_bytes(64 * KIB);
	unsigned char *received = malloc(64 * KIB);
	size_t before;
	int fds[2];

	(void)state;
	unix_pair(fds);
	recorder->use = echo;
	recorder_open(recorder, fds, NULL);
	send_all(recorder->peer, "warm", 4);
	receive_all(recorder->peer, received, 4);
	before = faults.live;
	send_all(recorder->peer, sent, 64 * KIB);
	receive_all(recorder->peer, received, 64 * KIB);
	assert_int_equal(faults.live, before);
	free(sent);
	free(received);
	end(recorder);
}

/* -- the way out ----------------------------------------------------------- */

static void
write_thrice(struct recorder *recorder)
{
	for (int i = 0; i < 3; i++)
		assert_int_equal(gyre_stream_write(recorder->stream, "abc", 3),
				 0);
	assert_int_equal(gyre_stream_write(recorder->stream, NULL, 0), 0);
}

static void
what_a_batch_writes_leaves_in_one_send(void **state)
{
	struct recorder *recorder = recorder_new();
	char received[9];
	int fds[2];

	(void)state;
	unix_pair(fds);
	recorder->in_read = write_thrice;
	recorder_open(recorder, fds, NULL);
	send_all(recorder->peer, "x", 1);
	receive_all(recorder->peer, received, 9);
	assert_int_equal(faults.send.calls, 1);
	assert_memory_equal(received, "abcabcabc", 9);
	end(recorder);
}

static void
write_back(void *arg)
{
	struct recorder *recorder = arg;

	(void)gyre_stream_write(recorder->stream, "abc", 3);
}

static void
a_write_from_a_callback_or_a_timeout_leaves(void **state)
{
	struct recorder *recorder = recorder_new();
	char received[9];
	int fds[2];

	(void)state;
	unix_pair(fds);
	recorder_open(recorder, fds, NULL);
	write_back(recorder);
	assert_int_equal(gyre_loop_add_callback(loop, write_back, recorder), 0);
	assert_int_equal(
		gyre_loop_call_later(loop, 1, write_back, recorder, NULL), 0);
	receive_all(recorder->peer, received, 9);
	end(recorder);
}

/* Write until the stream is full, and a bit more. */
static size_t
fill(struct recorder *recorder, size_t chunk)
{
	static const unsigned char zeroes[64 * 1024];
	size_t written = 0;

	while (!gyre_stream_is_full(recorder->stream)) {
		assert_int_equal(
			gyre_stream_write(recorder->stream, zeroes, chunk), 0);
		written += chunk;
	}
	return written;
}

static void
drain_peer(struct recorder *recorder, size_t length)
{
	unsigned char *received = malloc(length);

	receive_all(recorder->peer, received, length);
	free(received);
}

static void
expect_half_empty(struct recorder *recorder)
{
	assert_true(stats_of(recorder).pending_bytes <= 50 * KIB);
}

static void
a_peer_that_does_not_read_is_not_read_from(void **state)
{
	struct gyre_stream_options options = { .write_high_bytes = 100 * KIB };
	struct recorder *recorder = recorder_new();
	size_t written = 0;
	int fds[2];

	(void)state;
	unix_pair(fds);
	recorder_open(recorder, fds, &options);
	while (!gyre_stream_is_full(recorder->stream)) {
		written += fill(recorder, 10 * KIB);
		run_for(GYRE_MS(2));
	}
	send_all(recorder->peer, "abc", 3);
	run_for(GYRE_MS(10));
	assert_int_equal(recorder->reads, 0);
	assert_true(stats_of(recorder).pending_bytes <= 110 * KIB);

	recorder->drains = 0;
	recorder->in_drain = expect_half_empty;
	faults.send_max = KIB;
	drain_peer(recorder, written);
	run_until_length(recorder, 3);
	assert_int_equal(recorder->drains, 1);
	assert_int_equal(stats_of(recorder).pending_bytes, 0);
	/* and it is not called again when the callback runs again */
	recorder->use = use_nothing;
	send_all(recorder->peer, "abc", 3);
	run_for(GYRE_MS(2));
	gyre_stream_resume(recorder->stream);
	run_for(GYRE_MS(2));
	assert_int_equal(recorder->reads, 3);
	assert_int_equal(recorder->drains, 1);
	end(recorder);
}

static size_t
answer_at_length(struct recorder *recorder, const void *data, size_t length)
{
	static const unsigned char answer[10 * 1024];

	(void)data;
	if (gyre_stream_is_full(recorder->stream))
		return 0;
	assert_int_equal(
		gyre_stream_write(recorder->stream, answer, sizeof(answer)), 0);
	return length > 0;
}

/* Each byte asks for 10 KiB; the peer asks 20 000 times and does not read. */
static void
a_slow_reader_costs_bounded_memory(void **state)
{
	struct gyre_stream_options options = { .write_high_bytes = 100 * KIB,
					       .read_max_bytes = 4 * KIB };
	struct recorder *recorder = recorder_new();
	unsigned char *asked = random_bytes(20000);
	size_t before = faults.live_bytes;
	int fds[2];

	(void)state;
	tcp_pair(fds);
	recorder->use = answer_at_length;
	recorder_open(recorder, fds, &options);
	send_all(recorder->peer, asked, 20000);
	run_for(GYRE_MS(100));
	assert_true(faults.live_bytes - before < 512 * KIB);
	assert_true(recorder->length < 20000);
	/* It reads after all: everything arrives. */
	for (size_t left = 20000; left > 0; left -= 100)
		drain_peer(recorder, 100 * 10 * KIB);
	run_until_length(recorder, 20000);
	assert_memory_equal(recorder->bytes, asked, 20000);
	free(asked);
	end(recorder);
}

static void
refill(struct recorder *recorder)
{
	fill(recorder, 10 * KIB);
}

static void
a_producer_lives_on_on_drain(void **state)
{
	struct gyre_stream_options options = { .write_high_bytes = 50 * KIB };
	struct recorder *recorder = recorder_new();
	int fds[2];

	(void)state;
	unix_pair(fds);
	recorder->in_drain = refill;
	recorder_open(recorder, fds, &options);
	fill(recorder, 10 * KIB);
	assert_int_equal(recorder->drains, 0);
	drain_peer(recorder, 1000 * KIB);
	assert_true(recorder->drains >= 10);
	end(recorder);
}

static void
writes_over_write_max_are_refused(void **state)
{
	struct gyre_stream_options options = { .write_max_bytes = 1000 };
	struct recorder *recorder = recorder_new();
	char bytes[1001] = { 0 };
	int fds[2];

	(void)state;
	unix_pair(fds);
	recorder_open(recorder, fds, &options);
	assert_int_equal(gyre_stream_write(recorder->stream, bytes, 1001),
			 -ENOBUFS);
	assert_int_equal(gyre_stream_write(recorder->stream, bytes, 600), 0);
	assert_int_equal(gyre_stream_write(recorder->stream, bytes, 401),
			 -ENOBUFS);
	assert_int_equal(gyre_stream_write(recorder->stream, bytes, 400), 0);
	assert_int_equal(stats_of(recorder).pending_bytes, 1000);
	drain_peer(recorder, 1000);
	assert_int_equal(gyre_stream_write(recorder->stream, bytes, 1000), 0);
	end(recorder);
}

int
main(void)
{
#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, net_setup, net_teardown)
	const struct CMUnitTest tests[] = {
		TEST(bytes_are_echoed_over_a_unix_socket),
		TEST(bytes_are_echoed_over_tcp),
		TEST(bytes_survive_one_byte_at_a_time),
		TEST(bytes_survive_short_and_interrupted_calls),
		TEST(unused_input_comes_again_with_more),
		TEST(a_stream_that_uses_little_leaves_the_loop_to_others),
		TEST(a_stream_with_endless_input_leaves_the_loop_to_others),
		TEST(reading_stops_at_read_max),
		TEST(a_pause_holds_input_back_until_resume),
		TEST(a_pause_inside_on_read_keeps_the_rest),
		TEST(a_short_pause_costs_no_system_call),
		TEST(a_raise_in_on_read_is_reported_and_reading_goes_on),
		TEST(an_idle_stream_holds_no_buffer),
		TEST(what_a_batch_writes_leaves_in_one_send),
		TEST(a_write_from_a_callback_or_a_timeout_leaves),
		TEST(a_peer_that_does_not_read_is_not_read_from),
		TEST(a_slow_reader_costs_bounded_memory),
		TEST(a_producer_lives_on_on_drain),
		TEST(writes_over_write_max_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
