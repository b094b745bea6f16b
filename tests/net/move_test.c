/*
 * Streams that are detached and attached again, on one loop: what goes along,
 * what is refused, and that the old one is heard of no more.
 */
#include "tests/net/harness.h"

#include <gyre/stream_move.h>
#include <gyre/stream_read.h>
#include <gyre/stream_write.h>
#include <gyre/transport.h>

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int fds[2]; /* the stream's, the peer's */
static struct gyre_stream *stream;
static struct gyre_detached *detached;
static size_t detach_with; /* how much is used then */
static int detach_status;
static unsigned old_calls;
static char got[4096]; /* by the new one */
static unsigned got_count;
static unsigned ends;
static unsigned closed;
static int close_error;
static unsigned drains;

/* -- the old stream: whatever it hears first, it is detached ----------------
 */

static void
detach_now(struct gyre_stream *from)
{
	old_calls++;
	detach_status = gyre_stream_detach(from, detach_with, &detached);
}

static size_t
detach_in_read(struct gyre_stream *from, const void *data, size_t length,
	       void *arg)
{
	(void)data;
	(void)arg;
	detach_now(from);
	return length; /* nobody looks at it */
}

static void
detach_in_end(struct gyre_stream *from, void *arg)
{
	(void)arg;
	detach_now(from);
}

static void
note_close(struct gyre_stream *from, int error, void *arg)
{
	(void)from;
	(void)arg;
	closed++;
	close_error = error;
}

static const struct gyre_stream_ops old_ops = { .on_read = detach_in_read,
						.on_end = detach_in_end,
						.on_drain = detach_in_end,
						.on_close = note_close };

/* Keeps all: nothing is used. */
static size_t
use_nothing(struct gyre_stream *from, const void *data, size_t length,
	    void *arg)
{
	(void)from;
	(void)data;
	(void)length;
	(void)arg;
	old_calls++;
	return 0;
}

static const struct gyre_stream_ops keeping_ops = { .on_read = use_nothing,
						    .on_close = note_close };

/* -- the new stream -------------------------------------------------------- */

static size_t
take_all(struct gyre_stream *from, const void *data, size_t length, void *arg)
{
	(void)from;
	assert_ptr_equal(arg, &got);
	assert_true(got_count + length < sizeof(got));
	memcpy(got + got_count, data, length);
	got_count += (unsigned)length;
	return length;
}

static void
note_end(struct gyre_stream *from, void *arg)
{
	(void)arg;
	ends++;
	gyre_stream_close(from, true);
}

static void
note_drain(struct gyre_stream *from, void *arg)
{
	(void)from;
	(void)arg;
	drains++;
}

static const struct gyre_stream_ops new_ops = { .on_read = take_all,
						.on_end = note_end,
						.on_drain = note_drain,
						.on_close = note_close };

static int
setup(void **state)
{
	stream = NULL;
	detached = NULL;
	detach_with = 0;
	detach_status = 1;
	old_calls = got_count = ends = closed = drains = 0;
	close_error = 1;
	memset(got, 0, sizeof(got));
	return net_setup(state);
}

static void
open_old(const struct gyre_stream_ops *ops,
	 const struct gyre_stream_options *options)
{
	unix_pair(fds);
	assert_int_equal(
		gyre_stream_open(loop, fds[0], options, ops, NULL, &stream), 0);
}

static void
attach(void)
{
	assert_int_equal(
		gyre_stream_attach(loop, detached, &new_ops, &got, &stream), 0);
}

static void
expect_detached(void)
{
	unsigned wanted = 1;

	run_until_counted(&old_calls, wanted);
	assert_int_equal(detach_status, 0);
	assert_non_null(detached);
	/* The shell is freed, and says nothing. */
	run_for(GYRE_MS(1));
	assert_int_equal(closed, 0);
}

static void
end_with_peer(void)
{
	close(fds[1]);
	run_until_counted(&closed, 1);
	assert_int_equal(close_error, 0);
}

/* -- what goes along ------------------------------------------------------- */

static void
what_is_unread_goes_along(void **state)
{
	struct gyre_bytes unread;

	(void)state;
	open_old(&old_ops, NULL);
	detach_with = 3;
	send_all(fds[1], "0123456789", 10);
	expect_detached();
	unread = gyre_detached_unread(detached);
	assert_int_equal(unread.length, 7);
	assert_memory_equal(unread.data, "3456789", 7);
	attach();
	/* and comes before what comes then, in a callback of its own */
	assert_int_equal(got_count, 0);
	send_all(fds[1], "abc", 3);
	run_until_counted(&got_count, 10);
	assert_string_equal(got, "3456789abc");
	assert_int_equal(old_calls, 1);
	end_with_peer();
	assert_int_equal(ends, 1);
}

static void
all_may_be_used_and_none(void **state)
{
	(void)state;
	open_old(&old_ops, NULL);
	detach_with = 10;
	send_all(fds[1], "0123456789", 10);
	expect_detached();
	assert_int_equal(gyre_detached_unread(detached).length, 0);
	attach();
	end_with_peer();
	assert_int_equal(got_count, 0);
}

/* Input that was kept, and that more came to. */
static void
kept_input_goes_along(void **state)
{
	(void)state;
	open_old(&keeping_ops, NULL);
	send_all(fds[1], "01234", 5);
	run_until_counted(&old_calls, 1);
	assert_int_equal(gyre_stream_detach(stream, 0, &detached), 0);
	send_all(fds[1], "56789", 5);
	run_for(GYRE_MS(1));
	assert_int_equal(old_calls, 1);
	attach();
	run_until_counted(&got_count, 10);
	assert_string_equal(got, "0123456789");
	end_with_peer();
}

/* on_read has its bytes from what was kept, and not from the start of it. */
static size_t
use_two_then_detach(struct gyre_stream *from, const void *data, size_t length,
		    void *arg)
{
	(void)data;
	(void)length;
	(void)arg;
	if (old_calls++ == 1)
		return 0;
	if (old_calls < 4)
		return 2;
	detach_status = gyre_stream_detach(from, 1, &detached);
	return 0;
}

static void
kept_input_that_is_handed_out_goes_along(void **state)
{
	static const struct gyre_stream_ops ops = { .on_read =
							    use_two_then_detach,
						    .on_close = note_close };

	(void)state;
	open_old(&ops, NULL);
	/* Two are used, none, two again, and then one. */
	send_all(fds[1], "0123456789", 10);
	run_until_counted(&old_calls, 2);
	send_all(fds[1], "ab", 2);
	run_until_counted(&old_calls, 4);
	assert_int_equal(detach_status, 0);
	attach();
	run_until_counted(&got_count, 7);
	assert_string_equal(got, "56789ab");
	end_with_peer();
}

static void
what_is_unsent_goes_along(void **state)
{
	static char bytes[400000];
	static char received[sizeof(bytes)];
	struct gyre_stream_options options = { .write_high_bytes = 1000 };
	struct gyre_stream_stats stats;

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(i * 7 + i / 251);
	open_old(&keeping_ops, &options);
	assert_int_equal(gyre_stream_write(stream, bytes, sizeof(bytes)), 0);
	run_for(GYRE_MS(1));
	gyre_stream_get_stats(stream, &stats);
	assert_in_range(stats.pending_bytes, 1001, sizeof(bytes) - 1);
	assert_int_equal(gyre_stream_detach(stream, 0, &detached), 0);
	run_for(GYRE_MS(1));
	attach();
	assert_true(gyre_stream_is_full(stream));
	receive_all(fds[1], received, sizeof(received));
	assert_memory_equal(bytes, received, sizeof(bytes));
	run_until_counted(&drains, 1);
	gyre_stream_get_stats(stream, &stats);
	assert_int_equal(stats.written_bytes, sizeof(bytes));
	end_with_peer();
}

static void
its_idle_time_goes_along(void **state)
{
	struct gyre_stream_options options = { .idle_ns = GYRE_SECONDS(8) };

	(void)state;
	open_old(&keeping_ops, &options);
	faults.late_ns += GYRE_SECONDS(7);
	assert_int_equal(gyre_stream_detach(stream, 0, &detached), 0);
	faults.late_ns += GYRE_SECONDS(60);
	run_for(GYRE_MS(1));
	attach();
	/* It begins anew. */
	faults.late_ns += GYRE_SECONDS(7);
	run_for(GYRE_MS(1));
	assert_int_equal(closed, 0);
	faults.late_ns += GYRE_SECONDS(2);
	run_until_counted(&closed, 1);
	assert_int_equal(close_error, -ETIMEDOUT);
	close(fds[1]);
}

static void
its_place_goes_along(void **state)
{
	struct gyre_limit limit = { .max = 2 };
	struct gyre_stream_options options = { .limit = &limit };

	(void)state;
	assert_true(gyre_limit_take(&limit));
	open_old(&keeping_ops, &options);
	assert_int_equal(gyre_stream_detach(stream, 0, &detached), 0);
	run_for(GYRE_MS(1));
	assert_int_equal(gyre_limit_taken(&limit), 1);
	attach();
	end_with_peer();
	assert_int_equal(gyre_limit_taken(&limit), 0);
}

static unsigned lines;

static void
on_line(struct gyre_stream *from, struct gyre_bytes line, int error, void *arg)
{
	(void)from;
	assert_int_equal(error, 0);
	assert_string_equal(arg, lines == 0 ? "one" : "two");
	assert_memory_equal(line.data, arg, line.length - 1);
	lines++;
}

/* A stream that is asked, and the read that it was asked for before. */
static void
one_that_is_asked_may_move_between_reads(void **state)
{
	static const struct gyre_stream_ops ops = { .on_close = note_close };
	static const struct gyre_until newline = { .delimiter = "\n" };

	(void)state;
	lines = 0;
	open_old(&ops, NULL);
	assert_int_equal(gyre_stream_read_until(stream, &newline, on_line,
						(void *)(uintptr_t) "one"),
			 0);
	assert_int_equal(gyre_stream_detach(stream, 0, &detached), -EBUSY);
	send_all(fds[1], "one\ntwo\n", 8);
	run_until_counted(&lines, 1);
	assert_int_equal(gyre_stream_detach(stream, 0, &detached), 0);
	run_for(GYRE_MS(1));
	assert_int_equal(gyre_detached_unread(detached).length, 4);
	assert_int_equal(
		gyre_stream_attach(loop, detached, &ops, NULL, &stream), 0);
	assert_int_equal(gyre_stream_read_until(stream, &newline, on_line,
						(void *)(uintptr_t) "two"),
			 0);
	run_until_counted(&lines, 2);
	end_with_peer();
}

/* -- refusals ------------------------------------------------------------- */

static void
do_nothing(void *data)
{
	(void)data;
}

static void
what_waits_for_this_loop_keeps_it_here(void **state)
{
	static char page[1000];
	struct gyre_message message = { page, sizeof(page), do_nothing };
	struct gyre_future *flushed;

	(void)state;
	open_old(&keeping_ops, NULL);
	assert_int_equal(gyre_stream_write_message(stream, &message), 0);
	assert_int_equal(gyre_stream_detach(stream, 0, &detached), -EBUSY);
	receive_all(fds[1], page, sizeof(page));
	assert_int_equal(gyre_stream_write(stream, "x", 1), 0);
	flushed = gyre_stream_flush_future(stream);
	assert_non_null(flushed);
	assert_int_equal(gyre_stream_detach(stream, 0, &detached), -EBUSY);
	receive_all(fds[1], page, 1);
	assert_int_equal(gyre_stream_detach(stream, 0, &detached), 0);
	gyre_future_unref(flushed);
	gyre_detached_free(detached);
	expect_end(fds[1]);
	close(fds[1]);
}

static void
one_that_ends_stays(void **state)
{
	(void)state;
	open_old(&old_ops, NULL);
	shutdown(fds[1], SHUT_WR);
	run_until_counted(&old_calls, 1);
	assert_int_equal(detach_status, -EPIPE);
	assert_null(detached);
	gyre_stream_close(stream, false);
	assert_int_equal(gyre_stream_detach(stream, 0, &detached), -EPIPE);
	run_until_counted(&closed, 1);
	close(fds[1]);
	open_old(&old_ops, NULL);
	gyre_stream_shutdown(stream);
	assert_int_equal(gyre_stream_detach(stream, 0, &detached), -EPIPE);
	gyre_stream_close(stream, false);
	run_until_counted(&closed, 2);
	close(fds[1]);
}

static ptrdiff_t
carry_nothing_in(struct gyre_transport *transport, struct gyre_stream *from,
		 void *data, size_t size, bool peek)
{
	(void)transport;
	(void)from;
	(void)data;
	(void)size;
	(void)peek;
	return -EAGAIN;
}

static ptrdiff_t
carry_nothing_out(struct gyre_transport *transport, struct gyre_stream *from,
		  const struct gyre_bytes *parts, size_t count)
{
	(void)transport;
	(void)from;
	(void)parts;
	(void)count;
	return -EAGAIN;
}

static void
one_with_a_transport_stays(void **state)
{
	static const struct gyre_transport_ops carry = {
		.recv = carry_nothing_in, .send = carry_nothing_out
	};
	struct gyre_transport transport = { .ops = &carry };
	struct gyre_stream_options options = { .transport = &transport };

	(void)state;
	open_old(&keeping_ops, &options);
	assert_int_equal(gyre_stream_detach(stream, 0, &detached), -ENOTSUP);
	gyre_stream_close(stream, false);
	run_until_counted(&closed, 1);
	close(fds[1]);
}

/* Nothing has changed then: what comes is handed out, by whom it was. */
static size_t
fail_to_detach(struct gyre_stream *from, const void *data, size_t length,
	       void *arg)
{
	(void)data;
	inject(&faults.allocate, ++old_calls, 0, ENOMEM);
	assert_int_equal(gyre_stream_detach(from, 3, &detached), -ENOMEM);
	(void)arg;
	return old_calls < 2 ? 0 : length;
}

static void
without_memory_nothing_changes(void **state)
{
	static const struct gyre_stream_ops ops = { .on_read = fail_to_detach,
						    .on_close = note_close };

	(void)state;
	open_old(&ops, NULL);
	faults.allocate.fail_at = 0;
	send_all(fds[1], "0123", 4);
	run_until_counted(&old_calls, 1);
	/* Of kept input nothing is copied: the block alone is allocated. */
	old_calls = 0;
	send_all(fds[1], "4567", 4);
	run_until_counted(&old_calls, 1);
	gyre_stream_close(stream, false);
	run_until_counted(&closed, 1);
	close(fds[1]);
}

static size_t
fail_to_keep(struct gyre_stream *from, const void *data, size_t length,
	     void *arg)
{
	(void)data;
	(void)arg;
	old_calls++;
	inject(&faults.allocate, 2, 0, ENOMEM);
	assert_int_equal(gyre_stream_detach(from, 3, &detached), -ENOMEM);
	return length;
}

static void
without_memory_for_the_rest_nothing_changes(void **state)
{
	static const struct gyre_stream_ops ops = { .on_read = fail_to_keep,
						    .on_close = note_close };

	(void)state;
	open_old(&ops, NULL);
	send_all(fds[1], "0123456789", 10);
	run_until_counted(&old_calls, 1);
	assert_null(detached);
	end_with_peer();
}

static void
one_that_can_not_be_attached_may_be_tried_again(void **state)
{
	struct gyre_limit limit = { .max = 2 };
	struct gyre_stream_options options = { .limit = &limit };

	(void)state;
	assert_true(gyre_limit_take(&limit));
	open_old(&keeping_ops, &options);
	send_all(fds[1], "0123456789", 10);
	run_until_counted(&old_calls, 1);
	assert_int_equal(gyre_stream_detach(stream, 0, &detached), 0);
	run_for(GYRE_MS(1));
	inject(&faults.allocate, 1, 0, ENOMEM);
	assert_int_equal(
		gyre_stream_attach(loop, detached, &new_ops, &got, &stream),
		-ENOMEM);
	inject(&faults.watch, 1, 0, ENOSPC);
	assert_int_equal(
		gyre_stream_attach(loop, detached, &new_ops, &got, &stream),
		-ENOSPC);
	attach();
	run_until_counted(&got_count, 10);
	assert_string_equal(got, "0123456789");
	end_with_peer();
	assert_int_equal(gyre_limit_taken(&limit), 0);
}

static void
one_that_arrives_nowhere_is_freed(void **state)
{
	struct gyre_limit limit = { .max = 2 };
	struct gyre_stream_options options = { .limit = &limit };

	(void)state;
	assert_true(gyre_limit_take(&limit));
	open_old(&old_ops, &options);
	assert_int_equal(gyre_stream_write(stream, "lost", 4), 0);
	send_all(fds[1], "0123456789", 10);
	expect_detached();
	gyre_detached_free(detached);
	gyre_detached_free(NULL);
	assert_int_equal(gyre_limit_taken(&limit), 0);
	close(fds[1]);
}

static void
the_shell_ends_with_its_loop(void **state)
{
	(void)state;
	open_old(&keeping_ops, NULL);
	assert_int_equal(gyre_stream_detach(stream, 0, &detached), 0);
	close_loop();
	assert_int_equal(closed, 0);
	gyre_detached_free(detached);
	close(fds[1]);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, net_teardown)
	const struct CMUnitTest tests[] = {
		TEST(what_is_unread_goes_along),
		TEST(all_may_be_used_and_none),
		TEST(kept_input_goes_along),
		TEST(kept_input_that_is_handed_out_goes_along),
		TEST(what_is_unsent_goes_along),
		TEST(its_idle_time_goes_along),
		TEST(its_place_goes_along),
		TEST(one_that_is_asked_may_move_between_reads),
		TEST(what_waits_for_this_loop_keeps_it_here),
		TEST(one_that_ends_stays),
		TEST(one_with_a_transport_stays),
		TEST(without_memory_nothing_changes),
		TEST(without_memory_for_the_rest_nothing_changes),
		TEST(one_that_can_not_be_attached_may_be_tried_again),
		TEST(one_that_arrives_nowhere_is_freed),
		TEST(the_shell_ends_with_its_loop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
