/*
 * A stream with a transport of the test's: it greets before anything else,
 * adds one to each byte on its way, reads ahead, keeps back what the kernel
 * does not take, and says goodbye at the end.
 */
#include <gyre/stream_connect.h>
#include <gyre/stream_read.h>
#include <gyre/stream_write.h>
#include <gyre/transport.h>

#include "tests/net/recorder.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HELLO 'H'
#define BYE   'Z'

static struct greeter {
	struct gyre_transport transport; /* first */
	bool greeted;                    /* we have */
	int goodbye;                     /* EAGAIN answers yet to give */
	bool said_goodbye;
	unsigned sends;
	unsigned frees;
	unsigned char ahead[64];
	size_t begin, end;
} greeter;

/* -- the transport --------------------------------------------------------- */

static struct greeter *
greeter_of(struct gyre_transport *transport)
{
	assert_ptr_equal(transport, &greeter.transport);
	return &greeter;
}

static int
establish(struct gyre_transport *transport, struct gyre_stream *stream)
{
	struct greeter *own = greeter_of(transport);
	unsigned char byte = HELLO;
	ptrdiff_t moved;

	if (!own->greeted) {
		moved = gyre_transport_send(stream, &byte, 1);
		if (moved < 0)
			return moved == -EAGAIN ? -EINPROGRESS : (int)moved;
		own->greeted = true;
	}
	moved = gyre_transport_recv(stream, &byte, 1);
	if (moved <= 0)
		return moved < 0 ? (int)moved : -ECONNABORTED;
	return byte == HELLO ? 0 : -EPROTO;
}

/* Read ahead if nothing is there; 0: the socket's end. */
static ptrdiff_t
fill(struct greeter *own, struct gyre_stream *stream)
{
	ptrdiff_t length;

	if (own->begin < own->end)
		return 1;
	length = gyre_transport_recv(stream, own->ahead, sizeof(own->ahead));
	own->begin = 0;
	own->end = length > 0 ? (size_t)length : 0;
	return length;
}

static ptrdiff_t
greeter_recv(struct gyre_transport *transport, struct gyre_stream *stream,
	     void *data, size_t size, bool peek)
{
	struct greeter *own = greeter_of(transport);
	unsigned char *at = data;
	ptrdiff_t status = fill(own, stream);
	size_t count = 0;

	if (status <= 0)
		return status < 0 ? status : -ECONNABORTED;
	if (own->ahead[own->begin] == BYE)
		return 0;
	while (count < size && own->begin + count < own->end &&
	       own->ahead[own->begin + count] != BYE) {
		at[count] = own->ahead[own->begin + count] - 1;
		count++;
	}
	own->begin += peek ? 0 : count;
	return (ptrdiff_t)count;
}

static ptrdiff_t
greeter_send(struct gyre_transport *transport, struct gyre_stream *stream,
	     const struct gyre_bytes *parts, size_t count)
{
	unsigned char bytes[4096];
	size_t length = 0;

	greeter_of(transport)->sends++;
	for (size_t i = 0; i < count; i++) {
		const unsigned char *at = parts[i].data;

		for (size_t j = 0; j < parts[i].length; j++)
			if (length < sizeof(bytes))
				bytes[length++] = (unsigned char)(at[j] + 1);
	}
	return gyre_transport_send(stream, bytes, length);
}

static bool
has_more(const struct gyre_transport *transport)
{
	return greeter_of((struct gyre_transport *)transport)->begin <
	       greeter.end;
}

static int
finish(struct gyre_transport *transport, struct gyre_stream *stream)
{
	struct greeter *own = greeter_of(transport);
	const unsigned char byte = BYE;

	if (own->goodbye > 0) {
		own->goodbye--;
		return -EAGAIN;
	}
	own->said_goodbye = true;
	return gyre_transport_send(stream, &byte, 1) == 1 ? 0 : -EPIPE;
}

static const char *
error_text(const struct gyre_transport *transport)
{
	(void)transport;
	return "it does not greet";
}

static void
greeter_free(struct gyre_transport *transport)
{
	greeter_of(transport)->frees++;
}

static const struct gyre_transport_ops greeter_ops = {
	.establish = establish,
	.recv = greeter_recv,
	.send = greeter_send,
	.has_more = has_more,
	.finish = finish,
	.error_text = error_text,
	.free = greeter_free,
};

/* -- both ends ------------------------------------------------------------- */

static const struct gyre_stream_options *
with_greeter(int64_t establish_ns)
{
	static struct gyre_stream_options options;

	greeter = (struct greeter){ .transport = { .ops = &greeter_ops,
						   .establish_ns =
							   establish_ns } };
	options =
		(struct gyre_stream_options){ .transport = &greeter.transport };
	return &options;
}

static struct recorder *
open_silent(int64_t establish_ns)
{
	struct recorder *recorder = recorder_new();
	int fds[2];

	unix_pair(fds);
	recorder_open(recorder, fds, with_greeter(establish_ns));
	return recorder;
}

static struct recorder *
open_greeted(void)
{
	struct recorder *recorder = open_silent(0);
	char byte;

	send_all(recorder->peer, "H", 1);
	run_until(is_established, recorder);
	receive_all(recorder->peer, &byte, 1);
	assert_int_equal(byte, HELLO);
	return recorder;
}

static void
expect_bytes(struct recorder *recorder, const char *bytes)
{
	char received[64];

	receive_all(recorder->peer, received, strlen(bytes));
	assert_memory_equal(received, bytes, strlen(bytes));
}

static void
expect_closed(struct recorder *recorder, int error)
{
	run_until_closed(recorder);
	assert_int_equal(recorder->error, error);
	run_for(GYRE_MS(1));
	assert_int_equal(greeter.frees, 1);
	recorder_free(recorder);
}

/* -- establishing ---------------------------------------------------------- */

static void
nothing_moves_before_it_is_established(void **state)
{
	struct recorder *recorder = open_silent(0);

	(void)state;
	assert_ptr_equal(gyre_stream_transport(recorder->stream),
			 &greeter.transport);
	assert_int_equal(gyre_stream_write(recorder->stream, "abc", 3), 0);
	run_for(GYRE_MS(5));
	assert_int_equal(recorder->connects, 0);
	assert_int_equal(greeter.sends, 0);
	expect_bytes(recorder, "H");
	send_all(recorder->peer, "Hbcd", 4);
	run_until_length(recorder, 3);
	assert_int_equal(recorder->connects, 1);
	assert_memory_equal(recorder->bytes, "abc", 3);
	expect_bytes(recorder, "bcd");
	gyre_stream_close(recorder->stream, false);
	expect_closed(recorder, 0);
	assert_false(greeter.said_goodbye);
}

static void
it_waits_for_room_too(void **state)
{
	struct recorder *recorder;

	(void)state;
	recorder = open_silent(0);
	inject(&faults.send, 1, 2, EAGAIN);
	send_all(recorder->peer, "H", 1);
	run_until(is_established, recorder);
	assert_int_equal(faults.send.calls, 4);
	gyre_stream_close(recorder->stream, false);
	expect_closed(recorder, 0);
}

static void
it_ends_at_its_deadline(void **state)
{
	struct recorder *recorder = open_silent(GYRE_SECONDS(7));

	(void)state;
	run_for(GYRE_MS(5));
	assert_int_equal(recorder->closes, 0);
	faults.late_ns = GYRE_SECONDS(8);
	expect_closed(recorder, -ETIMEDOUT);
}

static void
established_it_has_no_deadline(void **state)
{
	struct recorder *recorder = open_silent(GYRE_SECONDS(7));

	(void)state;
	send_all(recorder->peer, "H", 1);
	run_until(is_established, recorder);
	faults.late_ns = GYRE_SECONDS(8);
	run_for(GYRE_MS(5));
	assert_int_equal(recorder->closes, 0);
	gyre_stream_close(recorder->stream, false);
	expect_closed(recorder, 0);
}

static void
one_that_fails_closes_the_stream(void **state)
{
	struct recorder *recorder = open_silent(GYRE_SECONDS(7));
	struct gyre_future *future =
		gyre_stream_connect_future(recorder->stream);

	(void)state;
	assert_non_null(future);
	send_all(recorder->peer, "GET / HTTP/1.0\r\n\r\n", 18);
	run_until_closed(recorder);
	assert_int_equal(recorder->connects, 0);
	assert_int_equal(gyre_future_result(future, NULL), -EPROTO);
	assert_string_equal(gyre_future_message(future),
			    "cannot connect: it does not greet");
	gyre_future_unref(future);
	/* What it had sent was read, so that it reads our answer. */
	expect_bytes(recorder, "H");
	expect_end(recorder->peer);
	expect_closed(recorder, -EPROTO);
}

static void
a_peer_may_leave_before(void **state)
{
	struct recorder *recorder = open_silent(0);

	(void)state;
	close(recorder->peer);
	recorder->peer = -1;
	/* The greeting finds nobody. */
	expect_closed(recorder, -EPIPE);
}

static void
a_close_gives_up(void **state)
{
	struct recorder *recorder = open_silent(GYRE_SECONDS(7));

	(void)state;
	run_for(GYRE_MS(1));
	gyre_stream_close(recorder->stream, true);
	expect_closed(recorder, 0);
	recorder = open_silent(GYRE_SECONDS(7));
	close_loop();
	assert_int_equal(recorder->error, -ESHUTDOWN);
	recorder_free(recorder);
}

static bool
has_descriptor(void *arg)
{
	return gyre_stream_fd(((struct recorder *)arg)->stream) >= 0;
}

static void
who_connects_establishes_by_the_same_deadline(void **state)
{
	struct gyre_connect_options to;
	struct recorder *recorder = recorder_new();
	uint16_t port;
	int listener = listen_at(1, &port);
	char service[8];

	(void)state;
	snprintf(service, sizeof(service), "%u", port);
	to = (struct gyre_connect_options){
		.host = "127.0.0.1",
		.service = service,
		.deadline_ns = gyre_loop_time(loop) + GYRE_SECONDS(7),
		.stream = *with_greeter(GYRE_SECONDS(60)),
	};
	assert_int_equal(gyre_stream_connect(loop, &to, &recorder_ops, recorder,
					     &recorder->stream),
			 0);
	run_until(has_descriptor, recorder);
	recorder->peer =
		accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	expect_bytes(recorder, "H");
	assert_int_equal(recorder->connects, 0);
	faults.late_ns = GYRE_SECONDS(8);
	run_until_closed(recorder);
	assert_int_equal(recorder->connects, 0);
	expect_closed(recorder, -ETIMEDOUT);
	close(listener);
}

static void
a_stream_that_is_not_opened_leaves_it_alone(void **state)
{
	const struct gyre_stream_options *options = with_greeter(1);
	static struct recorder recorder;
	struct gyre_stream *stream = NULL;
	bool failed;
	int fds[2];

	(void)state;
	unix_pair(fds);
	for (unsigned n = 1; stream == NULL; n++) {
		inject(&faults.allocate, n, 0, ENOMEM);
		failed = gyre_stream_open(loop, fds[0], options, &recorder_ops,
					  &recorder, &stream) == -ENOMEM;
		assert_true(failed || n > 2);
		assert_int_equal(greeter.frees, 0);
	}
	recorder.stream = stream;
	close_loop();
	assert_int_equal(greeter.frees, 1);
	close(fds[1]);
}

/* -- reading --------------------------------------------------------------- */

/* The poller knows nothing of what the transport holds. */
static void
what_was_read_ahead_is_handed_out(void **state)
{
	struct recorder *recorder = recorder_new();
	struct gyre_stream_options options = *with_greeter(0);
	int fds[2];

	(void)state;
	options.read_max_bytes = 4;
	unix_pair(fds);
	recorder_open(recorder, fds, &options);
	send_all(recorder->peer, "Hbcdefghijklmnopq", 17);
	run_until_length(recorder, 16);
	assert_memory_equal(recorder->bytes, "abcdefghijklmnop", 16);
	gyre_stream_close(recorder->stream, false);
	expect_closed(recorder, 0);
}

static size_t
pause_after_one(struct recorder *recorder, const void *data, size_t length)
{
	(void)data;
	(void)length;
	gyre_stream_pause(recorder->stream);
	return 1;
}

static void
a_pause_leaves_it_where_it_is(void **state)
{
	struct recorder *recorder = recorder_new();
	struct gyre_stream_options options = *with_greeter(0);
	int fds[2];

	(void)state;
	options.read_max_bytes = 4;
	recorder->use = pause_after_one;
	unix_pair(fds);
	recorder_open(recorder, fds, &options);
	send_all(recorder->peer, "Hbcdefghijk", 11);
	run_until_length(recorder, 1);
	run_for(GYRE_MS(5));
	assert_int_equal(recorder->length, 1);
	recorder->use = NULL;
	gyre_stream_resume(recorder->stream);
	run_until_length(recorder, 10);
	assert_memory_equal(recorder->bytes, "abcdefghij", 10);
	gyre_stream_close(recorder->stream, false);
	expect_closed(recorder, 0);
}

static void
the_end_behind_bytes_is_told(void **state)
{
	struct recorder *recorder = open_greeted();

	(void)state;
	send_all(recorder->peer, "bcdZ", 4);
	run_until(has_ended, recorder);
	assert_int_equal(recorder->length, 3);
	assert_int_equal(recorder->closes, 0);
	gyre_stream_close(recorder->stream, false);
	expect_closed(recorder, 0);
}

static void
an_end_of_the_socket_alone_is_an_error(void **state)
{
	struct recorder *recorder = open_greeted();

	(void)state;
	send_all(recorder->peer, "bcd", 3);
	shutdown(recorder->peer, SHUT_WR);
	run_until_closed(recorder);
	assert_int_equal(recorder->length, 3);
	assert_int_equal(recorder->ends, 0);
	expect_closed(recorder, -ECONNABORTED);
}

static struct gyre_bytes read_line;

static void
on_line(struct gyre_stream *stream, struct gyre_bytes bytes, int error,
	void *arg)
{
	struct recorder *recorder = arg;

	(void)stream;
	assert_int_equal(error, 0);
	read_line = bytes;
	recorder->reads++;
}

static void
on_pull_close(struct gyre_stream *stream, int error, void *arg)
{
	struct recorder *recorder = arg;

	(void)stream;
	recorder->error = error;
	recorder->closes++;
	recorder->stream = NULL;
}

static const struct gyre_stream_ops pull_ops = { .on_close = on_pull_close };

static struct recorder *
open_pull(void)
{
	struct recorder *recorder = recorder_new();
	int fds[2];

	unix_pair(fds);
	recorder->peer = fds[1];
	assert_int_equal(gyre_stream_open(loop, fds[0], with_greeter(0),
					  &pull_ops, recorder,
					  &recorder->stream),
			 0);
	send_all(recorder->peer, "H", 1);
	expect_bytes(recorder, "H");
	return recorder;
}

static void
an_idle_stream_looks_through_it(void **state)
{
	struct recorder *recorder = open_pull();
	uint64_t before;

	(void)state;
	send_all(recorder->peer, "bcZ", 3);
	run_for(GYRE_MS(5));
	/* Bytes wait, and nobody spins. */
	before = iterations();
	run_for(GYRE_MS(50));
	assert_true(iterations() - before < 10);
	assert_int_equal(gyre_stream_read_bytes(recorder->stream, 2, false,
						on_line, recorder),
			 0);
	run_until_counted(&recorder->reads, 1);
	/* Behind them is the end, which nobody asks for. */
	run_until_closed(recorder);
	expect_closed(recorder, 0);
}

/* -- writing --------------------------------------------------------------- */

static void
a_half_close_says_goodbye_first(void **state)
{
	struct recorder *recorder = open_greeted();

	(void)state;
	assert_int_equal(gyre_stream_write(recorder->stream, "abc", 3), 0);
	gyre_stream_shutdown(recorder->stream);
	expect_bytes(recorder, "bcdZ");
	expect_end(recorder->peer);
	assert_int_equal(recorder->closes, 0);
	send_all(recorder->peer, "bcZ", 3);
	expect_closed(recorder, 0);
}

static void
a_close_that_flushes_says_goodbye(void **state)
{
	struct recorder *recorder = open_greeted();

	(void)state;
	greeter.goodbye = 3; /* the kernel takes nothing so often */
	gyre_stream_close(recorder->stream, true);
	assert_false(greeter.said_goodbye);
	expect_bytes(recorder, "Z");
	expect_end(recorder->peer);
	assert_int_equal(greeter.goodbye, 0);
	expect_closed(recorder, 0);
}

static void
parts_come_in_order(void **state)
{
	struct recorder *recorder = open_greeted();
	const struct gyre_message message = { .data = (void *)"cd", .size = 2 };

	(void)state;
	faults.send_max = 2;
	assert_int_equal(gyre_stream_write(recorder->stream, "ab", 2), 0);
	assert_int_equal(gyre_stream_write_message(recorder->stream, &message),
			 0);
	assert_int_equal(gyre_stream_write(recorder->stream, "ef", 2), 0);
	expect_bytes(recorder, "bcdefg");
	gyre_stream_close(recorder->stream, false);
	expect_closed(recorder, 0);
}

/* Half a unit of the transport's has moved, too. */
static void
what_moves_beneath_is_not_idle(void **state)
{
	struct recorder *recorder = open_greeted();

	(void)state;
	assert_int_equal(
		gyre_stream_set_idle(recorder->stream, GYRE_SECONDS(80)), 0);
	for (int i = 1; i <= 20; i++) {
		greeter.transport._moved_bytes++;
		faults.late_ns = GYRE_SECONDS(10 * i);
		run_for(GYRE_MS(2));
	}
	assert_int_equal(recorder->closes, 0);
	faults.late_ns = GYRE_SECONDS(300);
	expect_closed(recorder, -ETIMEDOUT);
}

int
main(void)
{
#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, net_setup, net_teardown)
	const struct CMUnitTest tests[] = {
		TEST(nothing_moves_before_it_is_established),
		TEST(it_waits_for_room_too),
		TEST(it_ends_at_its_deadline),
		TEST(established_it_has_no_deadline),
		TEST(one_that_fails_closes_the_stream),
		TEST(a_peer_may_leave_before),
		TEST(a_close_gives_up),
		TEST(who_connects_establishes_by_the_same_deadline),
		TEST(a_stream_that_is_not_opened_leaves_it_alone),
		TEST(what_was_read_ahead_is_handed_out),
		TEST(a_pause_leaves_it_where_it_is),
		TEST(the_end_behind_bytes_is_told),
		TEST(an_end_of_the_socket_alone_is_an_error),
		TEST(an_idle_stream_looks_through_it),
		TEST(a_half_close_says_goodbye_first),
		TEST(a_close_that_flushes_says_goodbye),
		TEST(parts_come_in_order),
		TEST(what_moves_beneath_is_not_idle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
