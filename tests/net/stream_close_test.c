/*
 * How streams end: half-closes, resets, hang-ups, closes from every callback
 * and around the loop's own close. on_close comes exactly once, and a peer
 * that is gone never makes the loop spin.
 */
#include "tests/net/recorder.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The loop sleeps: a fifth of a second takes no more than a few iterations. */
static void
expect_quiet(void)
{
	uint64_t before = iterations();

	run_for(GYRE_MS(200));
	assert_true(iterations() - before < 10);
}

static void
close_peer(struct recorder *recorder)
{
	close(recorder->peer);
	recorder->peer = -1;
}

static void
expect_closed(struct recorder *recorder, int error)
{
	run_until_closed(recorder);
	assert_int_equal(recorder->error, error);
	/* and not once more */
	run_for(GYRE_MS(1));
	assert_int_equal(recorder->closes, 1);
	recorder_free(recorder);
}

static void
write_text(struct recorder *recorder, const char *text)
{
	assert_int_equal(
		gyre_stream_write(recorder->stream, text, strlen(text)), 0);
}

/* Write until the kernel takes no more and the stream is full. */
static size_t
block(struct recorder *recorder)
{
	static const unsigned char zeroes[64 * 1024];
	size_t written = 0;

	while (!gyre_stream_is_full(recorder->stream)) {
		assert_int_equal(gyre_stream_write(recorder->stream, zeroes,
						   sizeof(zeroes)),
				 0);
		written += sizeof(zeroes);
		run_for(GYRE_MS(1));
	}
	return written;
}

static void
swallow(struct recorder *recorder, size_t length)
{
	unsigned char *bytes = malloc(length);

	receive_all(recorder->peer, bytes, length);
	free(bytes);
}

static struct recorder *
open_unix(void)
{
	struct recorder *recorder = recorder_new();
	int fds[2];

	unix_pair(fds);
	recorder_open(recorder, fds, NULL);
	return recorder;
}

static struct recorder *
open_tcp(void)
{
	struct recorder *recorder = recorder_new();
	int fds[2];

	tcp_pair(fds);
	recorder_open(recorder, fds, NULL);
	return recorder;
}

/* -- half-closes ----------------------------------------------------------- */

static void
the_peers_half_close_leaves_writing(void **state)
{
	struct recorder *recorder = open_tcp();
	char received[3];

	(void)state;
	send_all(recorder->peer, "abc", 3);
	shutdown(recorder->peer, SHUT_WR);
	run_until(has_ended, recorder);
	assert_int_equal(recorder->length, 3);
	expect_quiet();
	write_text(recorder, "xyz");
	receive_all(recorder->peer, received, 3);
	assert_int_equal(recorder->ends, 1);
	gyre_stream_close(recorder->stream, true);
	expect_end(recorder->peer);
	expect_closed(recorder, 0);
}

static void
our_half_close_leaves_reading(void **state)
{
	struct recorder *recorder = open_tcp();
	char received[3];

	(void)state;
	write_text(recorder, "xyz");
	gyre_stream_shutdown(recorder->stream);
	assert_int_equal(gyre_stream_write(recorder->stream, "!", 1), -EPIPE);
	receive_all(recorder->peer, received, 3);
	expect_end(recorder->peer);
	send_all(recorder->peer, "abc", 3);
	run_until_length(recorder, 3);
	/* Both ends half-closed: nothing is left to do. */
	close_peer(recorder);
	expect_closed(recorder, 0);
	assert_int_equal(faults.shutdown_calls, 1);
}

static void
a_half_close_waits_for_what_is_written(void **state)
{
	struct recorder *recorder = open_tcp();
	size_t written = block(recorder);

	(void)state;
	gyre_stream_shutdown(recorder->stream);
	run_for(GYRE_MS(5));
	assert_int_equal(faults.shutdown_calls, 0);
	swallow(recorder, written);
	expect_end(recorder->peer);
	gyre_stream_close(recorder->stream, false);
	expect_closed(recorder, 0);
}

static void
both_ends_half_closed_is_closed(void **state)
{
	struct recorder *recorder = open_unix();

	(void)state;
	shutdown(recorder->peer, SHUT_WR);
	run_until(has_ended, recorder);
	write_text(recorder, "xyz");
	gyre_stream_shutdown(recorder->stream);
	run_until_closed(recorder);
	assert_int_equal(recorder->ends, 1);
	swallow(recorder, 3);
	expect_end(recorder->peer);
	expect_closed(recorder, 0);
}

static size_t
write_at_length(struct recorder *recorder, const void *data, size_t length)
{
	static const unsigned char zeroes[1 << 20];

	(void)data;
	assert_int_equal(
		gyre_stream_write(recorder->stream, zeroes, sizeof(zeroes)), 0);
	return length;
}

static void
without_on_end_the_stream_closes_when_all_has_left(void **state)
{
	struct recorder *recorder = recorder_new();
	int fds[2];

	(void)state;
	unix_pair(fds);
	recorder->peer = fds[1];
	recorder->use = write_at_length;
	assert_int_equal(gyre_stream_open(loop, fds[0], NULL,
					  &recorder_ops_without_end, recorder,
					  &recorder->stream),
			 0);
	send_all(recorder->peer, "x", 1);
	shutdown(recorder->peer, SHUT_WR);
	run_for(GYRE_MS(5));
	assert_int_equal(recorder->closes, 0);
	swallow(recorder, 1 << 20);
	expect_closed(recorder, 0);
}

/* -- resets and hang-ups --------------------------------------------------- */

static void
a_reset_is_reported_once(void **state)
{
	struct recorder *recorder = open_tcp();

	(void)state;
	reset(recorder->peer);
	recorder->peer = -1;
	expect_closed(recorder, -ECONNRESET);
}

static void
a_reset_while_blocked_in_writing_is_reported(void **state)
{
	struct recorder *recorder = open_tcp();

	(void)state;
	block(recorder);
	gyre_stream_pause(recorder->stream);
	reset(recorder->peer);
	recorder->peer = -1;
	expect_closed(recorder, -ECONNRESET);
}

static void
writing_to_a_peer_that_is_gone_is_no_signal(void **state)
{
	struct recorder *recorder = open_unix();

	(void)state;
	gyre_stream_pause(recorder->stream);
	close_peer(recorder);
	write_text(recorder, "x");
	expect_closed(recorder, -EPIPE);
}

static void
a_hang_up_while_paused_does_not_spin(void **state)
{
	struct recorder *recorder = open_unix();

	(void)state;
	gyre_stream_pause(recorder->stream);
	send_all(recorder->peer, "last words", 10);
	close_peer(recorder);
	expect_quiet();
	assert_int_equal(recorder->reads, 0);
	gyre_stream_resume(recorder->stream);
	run_until(has_ended, recorder);
	assert_int_equal(recorder->length, 10);
	gyre_stream_close(recorder->stream, false);
	expect_closed(recorder, 0);
}

static void
a_reset_while_paused_does_not_spin(void **state)
{
	struct recorder *recorder = open_tcp();

	(void)state;
	gyre_stream_pause(recorder->stream);
	run_for(GYRE_MS(1));
	reset(recorder->peer);
	recorder->peer = -1;
	expect_quiet();
	assert_int_equal(recorder->closes, 0);
	gyre_stream_resume(recorder->stream);
	expect_closed(recorder, -ECONNRESET);
}

static void
a_reset_while_paused_is_met_by_a_write(void **state)
{
	struct recorder *recorder = open_tcp();

	(void)state;
	gyre_stream_pause(recorder->stream);
	reset(recorder->peer);
	recorder->peer = -1;
	expect_quiet();
	write_text(recorder, "x");
	expect_closed(recorder, -ECONNRESET);
}

static void
a_hang_up_after_the_end_does_not_spin(void **state)
{
	struct recorder *recorder = open_unix();

	(void)state;
	close_peer(recorder);
	run_until(has_ended, recorder);
	expect_quiet();
	assert_int_equal(recorder->ends, 1);
	gyre_stream_close(recorder->stream, true);
	expect_closed(recorder, 0);
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
a_hang_up_over_a_full_read_buffer_does_not_spin(void **state)
{
	struct gyre_stream_options options = { .read_max_bytes = 4 };
	struct recorder *recorder = recorder_new();
	int fds[2];

	(void)state;
	unix_pair(fds);
	recorder->use = use_nothing;
	recorder_open(recorder, fds, &options);
	send_all(recorder->peer, "abcdefgh", 8);
	close_peer(recorder);
	expect_quiet();
	assert_int_equal(stats_of(recorder).unread_bytes, 4);
	recorder->use = NULL;
	gyre_stream_resume(recorder->stream);
	run_until(has_ended, recorder);
	assert_memory_equal(recorder->bytes, "abcdefgh", 8);
	gyre_stream_close(recorder->stream, false);
	expect_closed(recorder, 0);
}

/* -- closes ---------------------------------------------------------------- */

static void
close_now(struct recorder *recorder)
{
	gyre_stream_close(recorder->stream, false);
	gyre_stream_close(recorder->stream, true);
	assert_int_equal(gyre_stream_fd(recorder->stream), -1);
	assert_int_equal(gyre_stream_write(recorder->stream, "x", 1), -EPIPE);
	gyre_stream_resume(recorder->stream);
	gyre_stream_pause(recorder->stream);
	gyre_stream_shutdown(recorder->stream);
}

static void
close_flushing(struct recorder *recorder)
{
	write_text(recorder, "bye");
	gyre_stream_close(recorder->stream, true);
	assert_int_equal(gyre_stream_write(recorder->stream, "x", 1), -EPIPE);
}

static void
a_stream_may_be_closed_in_on_read(void **state)
{
	struct recorder *recorder = open_unix();

	(void)state;
	recorder->in_read = close_now;
	send_all(recorder->peer, "abc", 3);
	expect_closed(recorder, 0);
}

static size_t
use_half(struct recorder *recorder, const void *data, size_t length)
{
	(void)recorder;
	(void)data;
	return length / 2;
}

static void
a_stream_may_be_closed_in_on_read_with_input_left(void **state)
{
	struct recorder *recorder = open_unix();
	char received[3];

	(void)state;
	recorder->use = use_half;
	recorder->in_read = close_flushing;
	send_all(recorder->peer, "abcd", 4);
	run_until_closed(recorder);
	assert_int_equal(recorder->reads, 1);
	receive_all(recorder->peer, received, 3);
	assert_memory_equal(received, "bye", 3);
	expect_closed(recorder, 0);
}

static void
a_stream_may_be_closed_in_on_end(void **state)
{
	struct recorder *recorder = open_unix();

	(void)state;
	recorder->in_end = close_now;
	shutdown(recorder->peer, SHUT_WR);
	expect_closed(recorder, 0);
}

static void
a_stream_may_be_closed_in_on_drain(void **state)
{
	static unsigned char bytes[64 * 1024];
	struct recorder *recorder = open_unix();

	(void)state;
	recorder->in_drain = close_now;
	block(recorder);
	while (recorder->closes == 0) {
		while (receive_some(recorder->peer, bytes, sizeof(bytes)) > 0)
			continue;
		run_for(GYRE_MS(1));
	}
	assert_int_equal(recorder->drains, 1);
	expect_closed(recorder, 0);
}

static void
a_stream_may_be_closed_in_on_close(void **state)
{
	struct recorder *recorder = open_unix();

	(void)state;
	recorder->in_close = close_now;
	gyre_stream_close(recorder->stream, false);
	assert_int_equal(recorder->closes, 0);
	expect_closed(recorder, 0);
}

static void
a_flushing_close_waits_for_the_peer(void **state)
{
	struct recorder *recorder = open_unix();
	size_t written = block(recorder);

	(void)state;
	gyre_stream_close(recorder->stream, true);
	gyre_stream_close(recorder->stream, true);
	send_all(recorder->peer, "unheard", 7);
	expect_quiet();
	assert_int_equal(recorder->closes, 0);
	swallow(recorder, written);
	run_until_closed(recorder);
	assert_int_equal(recorder->reads, 0);
	assert_int_equal(recorder->drains, 0);
	expect_closed(recorder, 0);
}

static void
a_flushing_close_can_be_cut_short(void **state)
{
	struct recorder *recorder = open_unix();

	(void)state;
	block(recorder);
	gyre_stream_close(recorder->stream, true);
	gyre_stream_close(recorder->stream, false);
	expect_closed(recorder, 0);
}

static void
a_flushing_close_reports_a_peer_that_is_gone(void **state)
{
	struct recorder *recorder = open_unix();

	(void)state;
	block(recorder);
	gyre_stream_close(recorder->stream, true);
	run_for(GYRE_MS(1));
	close_peer(recorder);
	expect_closed(recorder, -EPIPE);
}

/* The kernel resets a connection that is closed over unread input. */
static void
a_flushing_close_over_unread_input_resets_nobody(void **state)
{
	struct recorder *recorder = open_tcp();
	char received[3];

	(void)state;
	recorder->in_read = close_flushing;
	faults.recv_max = 3;
	send_all(recorder->peer, "abcdefghijklmnop", 16);
	run_until_closed(recorder);
	receive_all(recorder->peer, received, 3);
	assert_memory_equal(received, "bye", 3);
	expect_end(recorder->peer);
	expect_closed(recorder, 0);
}

/* -- around the loop's close ------------------------------------------------
 */

static void
on_close_comes_when_the_loop_closes_first(void **state)
{
	struct recorder *recorder = open_unix();

	(void)state;
	gyre_stream_close(recorder->stream, false);
	assert_int_equal(recorder->closes, 0);
	close_loop();
	assert_int_equal(recorder->closes, 1);
	recorder_free(recorder);
}

static void
what_is_written_leaves_when_the_loop_closes(void **state)
{
	struct recorder *recorder = open_unix();
	char received[3];

	(void)state;
	close_flushing(recorder);
	close_loop();
	assert_int_equal(recorder->closes, 1);
	assert_int_equal(receive_some(recorder->peer, received, 3), 3);
	recorder_free(recorder);
}

static void
what_cannot_leave_when_the_loop_closes_is_reported(void **state)
{
	struct recorder *recorder = open_unix();

	(void)state;
	block(recorder);
	gyre_stream_close(recorder->stream, true);
	close_loop();
	assert_int_equal(recorder->closes, 1);
	assert_int_equal(recorder->error, -ESHUTDOWN);
	recorder_free(recorder);
}

/* The other streams of the loop, and new ones, are of no more use by then. */
static void
use_others(struct recorder *recorder)
{
	struct gyre_stream *stream;
	int fds[2];

	unix_pair(fds);
	assert_int_equal(gyre_stream_open(loop, fds[0], NULL, &recorder_ops,
					  recorder, &stream),
			 -ESHUTDOWN);
	close(fds[0]);
	close(fds[1]);
	close_now(recorder);
}

static void
open_streams_are_closed_with_their_loop(void **state)
{
	struct recorder *open = open_unix();
	struct recorder *flushing = open_unix();

	(void)state;
	block(flushing);
	gyre_stream_close(flushing->stream, true);
	run_for(GYRE_MS(1));
	write_text(open, "abc");
	open->in_close = use_others;
	assert_int_equal(gyre_loop_close(loop, false), 0);
	assert_int_equal(open->closes, 1);
	assert_int_equal(open->error, -ESHUTDOWN);
	assert_int_equal(flushing->closes, 1);
	assert_int_equal(flushing->error, -ESHUTDOWN);
	gyre_loop_free(loop);
	loop = NULL;
	recorder_free(open);
	recorder_free(flushing);
}

static void
a_loop_that_closes_all_descriptors_closes_a_streams_once(void **state)
{
	struct recorder *recorder = open_unix();
	int fd = gyre_stream_fd(recorder->stream);

	(void)state;
	assert_int_equal(gyre_loop_close(loop, true), 0);
	assert_int_equal(recorder->closes, 1);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	gyre_loop_free(loop);
	loop = NULL;
	recorder_free(recorder);
}

static void
what_is_due_is_forgotten_when_the_loop_closes(void **state)
{
	struct recorder *recorder = open_unix();

	(void)state;
	recorder->use = use_half;
	send_all(recorder->peer, "abcd", 4);
	run_for(GYRE_MS(1));
	recorder->reads = 0;
	gyre_stream_resume(recorder->stream);
	close_loop();
	assert_int_equal(recorder->reads, 0);
	assert_int_equal(recorder->closes, 1);
	recorder_free(recorder);
}

int
main(void)
{
#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, net_setup, net_teardown)
	const struct CMUnitTest tests[] = {
		TEST(the_peers_half_close_leaves_writing),
		TEST(our_half_close_leaves_reading),
		TEST(a_half_close_waits_for_what_is_written),
		TEST(both_ends_half_closed_is_closed),
		TEST(without_on_end_the_stream_closes_when_all_has_left),
		TEST(a_reset_is_reported_once),
		TEST(a_reset_while_blocked_in_writing_is_reported),
		TEST(writing_to_a_peer_that_is_gone_is_no_signal),
		TEST(a_hang_up_while_paused_does_not_spin),
		TEST(a_reset_while_paused_does_not_spin),
		TEST(a_reset_while_paused_is_met_by_a_write),
		TEST(a_hang_up_after_the_end_does_not_spin),
		TEST(a_hang_up_over_a_full_read_buffer_does_not_spin),
		TEST(a_stream_may_be_closed_in_on_read),
		TEST(a_stream_may_be_closed_in_on_read_with_input_left),
		TEST(a_stream_may_be_closed_in_on_end),
		TEST(a_stream_may_be_closed_in_on_drain),
		TEST(a_stream_may_be_closed_in_on_close),
		TEST(a_flushing_close_waits_for_the_peer),
		TEST(a_flushing_close_can_be_cut_short),
		TEST(a_flushing_close_reports_a_peer_that_is_gone),
		TEST(a_flushing_close_over_unread_input_resets_nobody),
		TEST(on_close_comes_when_the_loop_closes_first),
		TEST(what_is_written_leaves_when_the_loop_closes),
		TEST(what_cannot_leave_when_the_loop_closes_is_reported),
		TEST(open_streams_are_closed_with_their_loop),
		TEST(a_loop_that_closes_all_descriptors_closes_a_streams_once),
		TEST(what_is_due_is_forgotten_when_the_loop_closes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
