/*
 * Streams when the system says no: every allocation and every system call of
 * one conversation fails once, and the wrong descriptors are refused.
 */
#include "tests/net/recorder.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void
expect_refused(int fd, int error)
{
	struct gyre_stream *stream = (struct gyre_stream *)&faults;
	struct gyre_stream *untouched = stream;
	size_t live = faults.live;

	assert_int_equal(
		gyre_stream_open(loop, fd, NULL, &recorder_ops, NULL, &stream),
		error);
	assert_ptr_equal(stream, untouched);
	assert_int_equal(faults.live, live);
}

static void
a_bad_descriptor_is_refused(void **state)
{
	struct recorder *recorder = recorder_new();
	int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	int fds[2];

	(void)state;
	/* The loop's table of handlers grows on its first use. */
	unix_pair(fds);
	recorder_open(recorder, fds, NULL);
	expect_refused(-1, -EBADF);
	expect_refused(60, -EBADF);
	expect_refused(file, -EPERM);
	/* it is still ours */
	assert_int_equal(close(file), 0);
	gyre_stream_close(recorder->stream, false);
	run_until_closed(recorder);
	recorder_free(recorder);
}

static size_t
use_nothing(struct gyre_stream *stream, const void *data, size_t length,
	    void *arg)
{
	(void)stream;
	(void)data;
	(void)length;
	(void)arg;
	return 0;
}

static void
on_read_is_all_that_a_stream_needs(void **state)
{
	struct gyre_stream_ops ops = { .on_read = use_nothing };
	struct gyre_stream *stream;
	int fds[2];

	(void)state;
	unix_pair(fds);
	assert_int_equal(
		gyre_stream_open(loop, fds[0], NULL, &ops, NULL, &stream), 0);
	ops.on_read = NULL; /* it was copied */
	send_all(fds[1], "abc", 3);
	shutdown(fds[1], SHUT_WR);
	expect_end(fds[1]);
	close(fds[1]);
}

static void
a_descriptor_with_a_handler_is_refused(void **state)
{
	struct recorder *recorder = recorder_new();
	int fds[2];

	(void)state;
	unix_pair(fds);
	recorder_open(recorder, fds, NULL);
	expect_refused(fds[0], -EEXIST);
	send_all(recorder->peer, "abc", 3);
	run_until_length(recorder, 3);
	gyre_stream_close(recorder->stream, false);
	run_until_closed(recorder);
	recorder_free(recorder);
}

static void
a_closed_loop_opens_no_stream(void **state)
{
	int fds[2];

	(void)state;
	unix_pair(fds);
	assert_int_equal(gyre_loop_close(loop, false), 0);
	expect_refused(fds[0], -ESHUTDOWN);
	close(fds[0]);
	close(fds[1]);
}

/* Nagle's algorithm is TCP's: elsewhere the option is of no consequence. */
static void
no_delay_does_not_fail_where_there_is_none(void **state)
{
	struct gyre_stream_options options = { .no_delay = true };
	struct recorder *recorder = recorder_new();
	int fds[2];

	(void)state;
	unix_pair(fds);
	recorder_open(recorder, fds, &options);
	gyre_stream_close(recorder->stream, false);
	run_until_closed(recorder);
	recorder_free(recorder);
}

static void
a_refused_write_takes_nothing(void **state)
{
	struct recorder *recorder = recorder_new();
	char bytes[3000] = { 0 };
	int fds[2];

	(void)state;
	unix_pair(fds);
	recorder_open(recorder, fds, NULL);
	assert_int_equal(gyre_stream_write(recorder->stream, "abc", 3), 0);
	inject(&faults.allocate, 1, 0, ENOMEM);
	assert_int_equal(gyre_stream_write(recorder->stream, bytes, 3000),
			 -ENOMEM);
	assert_int_equal(stats_of(recorder).pending_bytes, 3);
	assert_int_equal(stats_of(recorder).written_bytes, 3);
	assert_int_equal(gyre_stream_write(recorder->stream, "def", 3), 0);
	receive_all(recorder->peer, bytes, 6);
	assert_memory_equal(bytes, "abcdef", 6);
	gyre_stream_close(recorder->stream, false);
	run_until_closed(recorder);
	recorder_free(recorder);
}

/* -- one conversation, each of its calls failed once ------------------------
 */

/* A message has so many bytes: what is kept until one is complete is little,
 * or so much that it is read into directly. */
static size_t message_bytes;

static size_t
answer_messages(struct recorder *recorder, const void *data, size_t length)
{
	size_t whole = length - length % message_bytes;

	/* A refusal is no reason to stop: the peer then gets less. */
	(void)gyre_stream_write(recorder->stream, data, whole);
	return whole;
}

static void
close_at_end(struct recorder *recorder)
{
	gyre_stream_close(recorder->stream, true);
}

/*
 * Ask in odd pieces, so that some input stays unused; pause in between, so
 * that interest changes; half-close. Whatever fails, on_close comes once.
 */
static void
converse(struct recorder *recorder)
{
	static const unsigned char zeroes[40001];
	char received[4096];

	for (int i = 0; i < 3 && recorder->stream != NULL; i++) {
		send(recorder->peer, zeroes, sizeof(zeroes), MSG_NOSIGNAL);
		run_for(GYRE_MS(1));
		if (recorder->stream == NULL)
			break;
		gyre_stream_pause(recorder->stream);
		send(recorder->peer, "x", 1, MSG_NOSIGNAL);
		run_for(GYRE_MS(1));
		if (recorder->stream != NULL)
			gyre_stream_resume(recorder->stream);
		run_for(GYRE_MS(1));
	}
	shutdown(recorder->peer, SHUT_WR);
	for (int i = 0; i < 1000 && recorder->stream != NULL; i++) {
		while (receive_some(recorder->peer, received,
				    sizeof(received)) > 0)
			continue;
		run_for(GYRE_US(100));
	}
	assert_null(recorder->stream);
	assert_int_equal(recorder->closes, 1);
}

/* Whether the call was reached: else all of them have had their turn. */
static bool
survives_failure(struct fault *fault, unsigned n, int error)
{
	struct gyre_stream_options options = { .write_high_bytes = 30000 };
	struct recorder *recorder = recorder_new();
	unsigned before = fault->calls;
	int fds[2];

	unix_pair(fds);
	recorder->peer = fds[1];
	recorder->use = answer_messages;
	recorder->in_end = close_at_end;
	inject(fault, n, 0, error);
	if (gyre_stream_open(loop, fds[0], &options, &recorder_ops, recorder,
			     &recorder->stream) == 0) {
		converse(recorder);
		assert_true(recorder->error == 0 || recorder->error == -error);
	} else {
		assert_int_equal(close(fds[0]), 0);
	}
	recorder_free(recorder);
	return fault->calls - before >= n;
}

static void
check_every_call(struct fault *fault, int error)
{
	static const size_t sizes[] = { 2, 30000 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		unsigned n = 1;

		message_bytes = sizes[i];
		while (survives_failure(fault, n, error))
			n++;
		assert_true(n > 1);
	}
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
every_change_of_interest_may_fail(void **state)
{
	(void)state;
	check_every_call(&faults.watch, ENOMEM);
}

static void
every_recv_may_fail(void **state)
{
	(void)state;
	check_every_call(&faults.recv, ECONNRESET);
	check_every_call(&faults.recv, EINTR);
}

static void
every_send_may_fail(void **state)
{
	(void)state;
	check_every_call(&faults.send, EPIPE);
	check_every_call(&faults.send, EAGAIN);
}

static void
a_failed_half_close_is_left_to_the_reading(void **state)
{
	struct recorder *recorder = recorder_new();
	int fds[2];

	(void)state;
	unix_pair(fds);
	recorder_open(recorder, fds, NULL);
	faults.shutdown_error = ENOTCONN;
	gyre_stream_shutdown(recorder->stream);
	run_for(GYRE_MS(1));
	assert_int_equal(faults.shutdown_calls, 1);
	assert_int_equal(recorder->closes, 0);
	close(recorder->peer);
	recorder->peer = -1;
	run_until_closed(recorder);
	assert_int_equal(faults.shutdown_calls, 1);
	recorder_free(recorder);
}

int
main(void)
{
#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, net_setup, net_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_bad_descriptor_is_refused),
		TEST(on_read_is_all_that_a_stream_needs),
		TEST(a_descriptor_with_a_handler_is_refused),
		TEST(a_closed_loop_opens_no_stream),
		TEST(no_delay_does_not_fail_where_there_is_none),
		TEST(a_refused_write_takes_nothing),
		TEST(every_allocation_may_fail),
		TEST(every_change_of_interest_may_fail),
		TEST(every_recv_may_fail),
		TEST(every_send_may_fail),
		TEST(a_failed_half_close_is_left_to_the_reading),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
