/*
 * Peers that do not do their part: no TLS at all, half a handshake, silence,
 * resets, ends that nobody announced, kernels that take and give little. Each
 * ends with an error that says so, and with nothing left.
 */
#include "tests/tls/pair.h"

#include <gyre/stream_write.h>

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* -- in the handshake ------------------------------------------------------ */

static void
expect_server_failure(int error, const char *text)
{
	run_until_closed(server);
	assert_int_equal(server->error, error);
	assert_int_equal(server->connects, 0);
	if (strstr(server_text, text) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", server_text, text);
}

/* The peer gets an alert and the end, and no reset. */
static void
expect_alert(void)
{
	unsigned char record[7];

	receive_all(server->peer, record, sizeof(record));
	assert_int_equal(record[0], 21);
	expect_end(server->peer);
}

static void
what_is_no_tls_is_refused(void **state)
{
	unsigned char noise[5000];

	(void)state;
	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = (unsigned char)(i * 31 + 7);
	begin_server();
	send_all(server->peer, noise, sizeof(noise));
	expect_server_failure(-EPROTO, "wrong version number");
	begin_server();
	send_all(server->peer, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n", 32);
	expect_server_failure(-EPROTO, "http request");
	begin_server();
	send_all(server->peer, "PING\r\n", 6);
	expect_server_failure(-EPROTO, "wrong version number");
	expect_end(server->peer);
}

/* A hello of version 1.0, as those said it that knew no later one. */
static void
an_old_hello_is_refused(void **state)
{
	static const unsigned char head[] = {
		22, 3, 1, 0, 47, 1, 0, 0, 43, 3, 1
	};
	static const unsigned char tail[] = { 0, 0, 4, 0, 47, 0, 53, 1, 0 };
	unsigned char hello[sizeof(head) + 32 + sizeof(tail)];

	(void)state;
	memcpy(hello, head, sizeof(head));
	memset(hello + sizeof(head), 7, 32);
	memcpy(hello + sizeof(head) + 32, tail, sizeof(tail));
	begin_server();
	send_all(server->peer, hello, sizeof(hello));
	expect_server_failure(-EPROTO, "unsupported protocol");
	expect_alert();
}

static void
silence_ends_at_the_deadline(void **state)
{
	static const unsigned char half[] = { 22, 3, 1, 2, 0, 1, 0, 1 };

	(void)state;
	begin_server();
	run_for(GYRE_MS(5));
	assert_int_equal(server->closes, 0);
	faults.late_ns = GYRE_SECONDS(11);
	expect_server_failure(-ETIMEDOUT, "");
	begin_server();
	send_all(server->peer, half, sizeof(half));
	run_for(GYRE_MS(5));
	assert_int_equal(server->closes, 0);
	faults.late_ns = GYRE_SECONDS(22);
	expect_server_failure(-ETIMEDOUT, "");
}

static void
the_deadline_is_an_option(void **state)
{
	struct gyre_tls_options with = server_options();
	struct gyre_tls_options client_with = client_options();

	(void)state;
	with.handshake_ns = GYRE_FOREVER;
	client_with.handshake_ns = GYRE_SECONDS(1);
	use(&with, &client_with);
	begin_server();
	faults.late_ns = GYRE_SECONDS(3600);
	run_for(GYRE_MS(5));
	assert_int_equal(server->closes, 0);
	gyre_stream_close(server->stream, false);
	run_until_closed(server);
}

static void
who_leaves_in_the_handshake_is_told_apart(void **state)
{
	static const unsigned char half[] = { 22, 3, 1, 2, 0, 1, 0, 1 };

	(void)state;
	begin_server();
	send_all(server->peer, half, sizeof(half));
	close(server->peer);
	server->peer = -1;
	expect_server_failure(-ECONNABORTED, "left before the handshake");
	begin_server();
	send_all(server->peer, half, sizeof(half));
	run_for(GYRE_MS(5));
	reset(server->peer);
	server->peer = -1;
	expect_server_failure(-ECONNRESET, "ECONNRESET");
}

static void
a_close_in_the_handshake_gives_up(void **state)
{
	(void)state;
	begin("a.test");
	assert_int_equal(gyre_stream_write(client->stream, "x", 1), 0);
	gyre_stream_close(client->stream, false);
	run_until_closed(client);
	run_until_closed(server);
	assert_int_equal(client->error, 0);
	begin("a.test");
	close_loop();
	assert_int_equal(client->error, -ESHUTDOWN);
	assert_int_equal(server->error, -ESHUTDOWN);
}

/* -- later ----------------------------------------------------------------- */

static void
an_end_that_nobody_announced_is_an_error(void **state)
{
	(void)state;
	begin("a.test");
	expect_handshake();
	assert_int_equal(gyre_stream_write(client->stream, "half", 4), 0);
	run_until_length(server, 4);
	shutdown(gyre_stream_fd(client->stream), SHUT_WR);
	run_until_closed(server);
	assert_int_equal(server->error, -ECONNABORTED);
	assert_int_equal(server->ends, 0);
	assert_string_equal(server_text,
			    "the peer's bytes ended without its saying so");
	/* The server's close takes the client with it. */
	run_until_closed(client);
}

static void
a_reset_is_told(void **state)
{
	struct linger linger = { .l_onoff = 1, .l_linger = 0 };

	(void)state;
	begin("a.test");
	expect_handshake();
	check_echo(10);
	setsockopt(gyre_stream_fd(client->stream), SOL_SOCKET, SO_LINGER,
		   &linger, sizeof(linger));
	gyre_stream_close(client->stream, false);
	run_until_closed(client);
	run_until_closed(server);
	assert_int_equal(server->error, -ECONNRESET);
}

static void
what_is_damaged_is_refused(void **state)
{
	static const unsigned char record[] = { 23, 3, 3, 0, 20, 1, 2, 3, 4,
						5,  6, 7, 8, 9,  1, 2, 3, 4,
						5,  6, 7, 8, 9,  1, 2 };

	(void)state;
	begin("a.test");
	expect_handshake();
	check_echo(10);
	assert_int_equal(send(gyre_stream_fd(client->stream), record,
			      sizeof(record), MSG_NOSIGNAL),
			 sizeof(record));
	run_until_closed(server);
	assert_int_equal(server->error, -EPROTO);
	assert_non_null(strstr(server_text, "bad record mac"));
	run_until_closed(client);
	assert_int_equal(client->error, -EPROTO);
}

/* -- small kernels and slow readers ---------------------------------------- */

static void
one_byte_at_a_time_suffices(void **state)
{
	(void)state;
	faults.recv_max = 1;
	faults.send_max = 1;
	faults.again_every = 3;
	begin("a.test");
	expect_handshake();
	check_echo(300);
	end_pair();
}

/* The rest of a record is OpenSSL's, and the poller does not know of it. */
static void
a_record_may_come_in_small_bites(void **state)
{
	(void)state;
	client_stream.read_max_bytes = 4;
	begin("a.test");
	expect_handshake();
	check_echo(1000);
	end_pair();
}

static unsigned released;
static unsigned looked_at;
static unsigned char sum_of_it;

static void
release(void *data)
{
	(void)data;
	released++;
}

static size_t
look_at(struct recorder *recorder, const void *data, size_t length)
{
	const unsigned char *bytes = data;

	for (size_t i = 0; i < length; i++)
		sum_of_it += (unsigned char)(bytes[i] * 3 + 1);
	looked_at += (unsigned)length;
	recorder->length = 0;
	return length;
}

/* Eight MiB, of which half is lent, to one who reads nothing for a while. */
static void
a_slow_reader_gets_it_all(void **state)
{
	enum {
		SIZE = 4 << 20
	};
	unsigned char *bytes = malloc(SIZE);
	struct gyre_message message = { bytes, SIZE, release };
	struct gyre_future *flushed;
	unsigned char sum = 0;

	(void)state;
	released = looked_at = 0;
	sum_of_it = 0;
	for (size_t i = 0; i < SIZE; i++) {
		bytes[i] = (unsigned char)(i * 11 + i / 1021);
		sum += (unsigned char)(bytes[i] * 3 + 1);
	}
	begin("a.test");
	expect_handshake();
	client->use = look_at;
	gyre_stream_pause(client->stream);
	assert_int_equal(gyre_stream_write_message(server->stream, &message),
			 0);
	assert_int_equal(gyre_stream_write(server->stream, bytes, SIZE), 0);
	flushed = gyre_stream_flush_future(server->stream);
	run_for(GYRE_MS(50));
	assert_true(stats_of(server).pending_bytes > 0);
	assert_false(gyre_future_done(flushed));
	gyre_stream_resume(client->stream);
	run_until_counted(&looked_at, 2 * SIZE);
	assert_int_equal(sum_of_it, (unsigned char)(2 * sum));
	assert_int_equal(stats_of(server).pending_bytes, 0);
	assert_true(gyre_future_done(flushed));
	assert_int_equal(released, 1);
	gyre_future_unref(flushed);
	client->use = NULL;
	gyre_stream_close(server->stream, true);
	run_until(has_ended, client);
	gyre_stream_close(client->stream, true);
	expect_failure(0, 0);
	free(bytes);
}

/* -- every call once ------------------------------------------------------- */

static void
converse(void)
{
	begin("a.test");
	assert_int_equal(gyre_stream_write(client->stream, "question", 8), 0);
	assert_int_equal(gyre_stream_write(server->stream, "answer", 6), 0);
	gyre_stream_shutdown(client->stream);
	gyre_stream_shutdown(server->stream);
	run_until_closed(client);
	run_until_closed(server);
}

/* Each in turn fails; the streams end, and nothing is left. */
static void
sweep(struct fault *fault, int error)
{
	unsigned before;
	unsigned calls;
	unsigned failed = 0;

	before = fault->calls;
	converse();
	assert_int_equal(client->error, 0);
	calls = fault->calls - before;
	assert_true(calls > 3);
	for (unsigned n = 1; n <= calls; n++) {
		inject(fault, n, 0, error);
		converse();
		failed += client->error == -error || server->error == -error;
	}
	assert_true(failed > calls / 2);
}

static void
every_recv_may_fail(void **state)
{
	(void)state;
	sweep(&faults.recv, ECONNRESET);
}

static void
every_send_may_fail(void **state)
{
	(void)state;
	sweep(&faults.send, ENOBUFS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TLS_TEST(what_is_no_tls_is_refused),
		TLS_TEST(an_old_hello_is_refused),
		TLS_TEST(silence_ends_at_the_deadline),
		TLS_TEST(the_deadline_is_an_option),
		TLS_TEST(who_leaves_in_the_handshake_is_told_apart),
		TLS_TEST(a_close_in_the_handshake_gives_up),
		TLS_TEST(an_end_that_nobody_announced_is_an_error),
		TLS_TEST(a_reset_is_told),
		TLS_TEST(what_is_damaged_is_refused),
		TLS_TEST(one_byte_at_a_time_suffices),
		TLS_TEST(a_record_may_come_in_small_bites),
		TLS_TEST(a_slow_reader_gets_it_all),
		TLS_TEST(every_recv_may_fail),
		TLS_TEST(every_send_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
