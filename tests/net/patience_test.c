/*
 * Deadlines and idle times, by the loop's clock, which the test moves. Never
 * early; late by no more than they say.
 */
#include "tests/net/recorder.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define IDLE_NS GYRE_SECONDS(80)

/* Time passes, and the loop sees to it that what is due is done. */
static void
pass(int64_t delay_ns)
{
	faults.late_ns += delay_ns;
	run_for(GYRE_MS(1));
}

static struct recorder *
open_idle(int64_t idle_ns)
{
	struct gyre_stream_options options = { .idle_ns = idle_ns };
	struct recorder *recorder = recorder_new();
	int fds[2];

	unix_pair(fds);
	recorder_open(recorder, fds, &options);
	return recorder;
}

static void
expect_open(const struct recorder *recorder)
{
	assert_int_equal(recorder->closes, 0);
}

static void
expect_timed_out(struct recorder *recorder)
{
	run_until_closed(recorder);
	assert_int_equal(recorder->error, -ETIMEDOUT);
	recorder_free(recorder);
}

static void
end(struct recorder *recorder)
{
	gyre_stream_close(recorder->stream, false);
	run_until_closed(recorder);
	assert_int_equal(recorder->error, 0);
	recorder_free(recorder);
}

/* -- idle ------------------------------------------------------------------ */

static void
a_silent_peer_is_closed(void **state)
{
	struct recorder *recorder = open_idle(IDLE_NS);

	(void)state;
	pass(IDLE_NS - GYRE_SECONDS(1));
	expect_open(recorder);
	pass(GYRE_SECONDS(1));
	expect_timed_out(recorder);
}

static void
bytes_that_come_keep_it_open(void **state)
{
	struct recorder *recorder = open_idle(IDLE_NS);

	(void)state;
	for (int i = 0; i < 40; i++) {
		pass(IDLE_NS / 4);
		expect_open(recorder);
		if (i % 3 == 0)
			send_all(recorder->peer, "x", 1);
		run_for(GYRE_MS(1));
	}
	end(recorder);
}

static void
bytes_that_leave_keep_it_open(void **state)
{
	struct recorder *recorder = open_idle(IDLE_NS);

	(void)state;
	for (int i = 0; i < 40; i++) {
		pass(IDLE_NS / 4);
		expect_open(recorder);
		if (i % 3 == 0)
			assert_int_equal(
				gyre_stream_write(recorder->stream, "x", 1), 0);
		run_for(GYRE_MS(1));
	}
	end(recorder);
}

/* The last byte moved at an instant that nobody noted. */
static void
it_is_an_eighth_late_at_most(void **state)
{
	const int64_t step_ns = IDLE_NS / 80;

	(void)state;
	for (int64_t at_ns = 0; at_ns < 2 * IDLE_NS; at_ns += 7 * step_ns) {
		struct recorder *recorder = open_idle(IDLE_NS);
		int64_t now_ns = 0;
		int64_t idle_ns = 0;

		while (now_ns < at_ns) {
			send_all(recorder->peer, "x", 1);
			pass(step_ns);
			now_ns += step_ns;
		}
		while (recorder->closes == 0) {
			pass(step_ns);
			run_for(GYRE_MS(1));
			idle_ns += step_ns;
		}
		/* The last byte came a step before. */
		assert_true(idle_ns + step_ns >= IDLE_NS);
		assert_true(idle_ns <= IDLE_NS + IDLE_NS / 8 + 2 * step_ns);
		expect_timed_out(recorder);
	}
}

/* Written, but the peer does not read, and the kernel takes no more. */
static void
a_peer_that_does_not_read_is_idle(void **state)
{
	static const unsigned char zeroes[1 << 20];
	struct recorder *recorder = open_idle(IDLE_NS);

	(void)state;
	assert_int_equal(
		gyre_stream_write(recorder->stream, zeroes, sizeof(zeroes)), 0);
	run_for(GYRE_MS(1));
	gyre_stream_close(recorder->stream, true);
	pass(IDLE_NS - GYRE_SECONDS(1));
	expect_open(recorder);
	pass(IDLE_NS);
	pass(IDLE_NS);
	expect_timed_out(recorder);
}

static void
it_can_be_set_and_taken_back(void **state)
{
	struct recorder *recorder = open_idle(0);

	(void)state;
	pass(10 * IDLE_NS);
	expect_open(recorder);
	assert_int_equal(gyre_stream_set_idle(recorder->stream, IDLE_NS), 0);
	pass(IDLE_NS / 2);
	assert_int_equal(gyre_stream_set_idle(recorder->stream, 0), 0);
	pass(10 * IDLE_NS);
	expect_open(recorder);
	assert_int_equal(gyre_stream_set_idle(recorder->stream, GYRE_FOREVER),
			 0);
	pass(10 * IDLE_NS);
	expect_open(recorder);
	assert_int_equal(gyre_stream_set_idle(recorder->stream, IDLE_NS), 0);
	pass(IDLE_NS);
	expect_timed_out(recorder);
}

/* -- deadlines ---------------------------------------------------------------
 */

static void
at_its_deadline_it_is_closed(void **state)
{
	struct recorder *recorder = open_idle(IDLE_NS);
	int64_t now_ns = gyre_loop_time(loop);

	(void)state;
	assert_int_equal(gyre_stream_set_deadline(recorder->stream,
						  now_ns + 2 * IDLE_NS),
			 0);
	for (int i = 0; i < 7; i++) {
		pass(IDLE_NS / 4);
		send_all(recorder->peer, "x", 1);
		run_for(GYRE_MS(1));
		expect_open(recorder);
	}
	pass(IDLE_NS / 4);
	expect_timed_out(recorder);
}

static void
a_deadline_can_be_moved(void **state)
{
	struct recorder *recorder = open_idle(0);
	int64_t now_ns = gyre_loop_time(loop);

	(void)state;
	assert_int_equal(
		gyre_stream_set_deadline(recorder->stream, now_ns + IDLE_NS),
		0);
	assert_int_equal(gyre_stream_set_deadline(recorder->stream,
						  now_ns + 3 * IDLE_NS),
			 0);
	pass(2 * IDLE_NS);
	expect_open(recorder);
	assert_int_equal(gyre_stream_set_deadline(recorder->stream, 0), 0);
	pass(2 * IDLE_NS);
	expect_open(recorder);
	assert_int_equal(gyre_stream_set_deadline(recorder->stream, now_ns), 0);
	expect_timed_out(recorder);
}

static void
a_closed_stream_has_none(void **state)
{
	struct recorder *recorder = open_idle(IDLE_NS);

	(void)state;
	gyre_stream_close(recorder->stream, false);
	assert_int_equal(gyre_stream_set_deadline(recorder->stream, 1), -EPIPE);
	assert_int_equal(gyre_stream_set_idle(recorder->stream, 1), -EPIPE);
	run_until_closed(recorder);
	assert_int_equal(recorder->error, 0);
	recorder_free(recorder);
}

static void
idle_streams_and_the_loops_close(void **state)
{
	struct recorder *recorder = open_idle(IDLE_NS);

	(void)state;
	close_loop();
	assert_int_equal(recorder->error, -ESHUTDOWN);
	recorder_free(recorder);
}

int
main(void)
{
#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, net_setup, net_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_silent_peer_is_closed),
		TEST(bytes_that_come_keep_it_open),
		TEST(bytes_that_leave_keep_it_open),
		TEST(it_is_an_eighth_late_at_most),
		TEST(a_peer_that_does_not_read_is_idle),
		TEST(it_can_be_set_and_taken_back),
		TEST(at_its_deadline_it_is_closed),
		TEST(a_deadline_can_be_moved),
		TEST(a_closed_stream_has_none),
		TEST(idle_streams_and_the_loops_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
