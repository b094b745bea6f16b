/*
 * Reads by request. Each of these conversations is held by callback and by
 * future, and must say the same.
 */
#include "tests/net/reader.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define KIB ((size_t)1024)

/* Whether this run is by future: the test's state says. */
static struct reader_options
options_of(void **state)
{
	return (struct reader_options){ .by_future = *state != NULL };
}

static void
open_unix(struct reader *reader, const struct reader_options *options)
{
	int fds[2];

	unix_pair(fds);
	reader_open(reader, fds, options);
}

static void
open_tcp(struct reader *reader, const struct reader_options *options)
{
	int fds[2];

	tcp_pair(fds);
	reader_open(reader, fds, options);
}

/* -- what comes next ------------------------------------------------------- */

/* Ask for lines as long as there are any. */
static void
next_line(struct reader *reader)
{
	if (reader->error == 0)
		assert_int_equal(ask_until(reader, "\n", 0), 0);
}

/* Ask for what is left, once. */
static void
next_rest(struct reader *reader)
{
	reader->next = NULL;
	assert_int_equal(ask_bytes(reader, 100, true), 0);
}

static void
close_now(struct reader *reader)
{
	reader->next = NULL;
	gyre_stream_close(reader->stream, false);
}

/* -- delimiters ------------------------------------------------------------ */

static void
lines_come_one_by_one(void **state)
{
	struct reader_options options = options_of(state);
	struct reader reader;

	open_unix(&reader, &options);
	reader.next = next_line;
	assert_int_equal(ask_until(&reader, "\n", 0), 0);
	assert_true(gyre_stream_is_reading(reader.stream));
	tell(&reader, "one\ntwo\n\nthr");
	expect_said(&reader, "(one\n)(two\n)(\n)");
	tell(&reader, "ee\nfour");
	expect_said(&reader, "(one\n)(two\n)(\n)(three\n)");
	leave(&reader);
	expect_said(&reader, "(one\n)(two\n)(\n)(three\n)!EPIPEclose 0");
	reader_end(&reader);
}

static void
a_line_may_come_a_byte_at_a_time(void **state)
{
	struct reader_options options = options_of(state);
	static const char text[] = "GET / HTTP/1.1\r\nHost: a\r\r\n\r\n";
	struct reader reader;

	open_tcp(&reader, &options);
	assert_int_equal(ask_until(&reader, "\r\n\r\n", 100), 0);
	for (const char *at = text; *at != '\0'; at++) {
		assert_int_equal(reader.reads, 0);
		send_all(reader.peer, at, 1);
		run_for(GYRE_US(50));
	}
	expect_said(&reader, "(GET / HTTP/1.1\r\nHost: a\r\r\n\r\n)");
	reader_end(&reader);
}

/* A delimiter may have a NUL in it, if its length is given. */
static void
a_delimiter_may_be_any_bytes(void **state)
{
	struct reader_options options = options_of(state);
	struct gyre_until until = { .delimiter = "\0\1", .length = 2 };
	struct reader reader;
	struct gyre_future *future;
	void *value;

	open_unix(&reader, &options);
	future = gyre_stream_read_until_future(reader.stream, &until);
	assert_non_null(future);
	send_all(reader.peer, "a\0b\0\1c", 6);
	run_for(GYRE_MS(1));
	assert_int_equal(gyre_future_result(future, &value), 0);
	assert_int_equal(((struct gyre_bytes *)value)->length, 5);
	assert_memory_equal(((struct gyre_bytes *)value)->data, "a\0b\0\1", 5);
	gyre_future_unref(future);
	reader_end(&reader);
}

static void
a_line_that_is_too_long_closes_the_stream(void **state)
{
	struct reader_options options = options_of(state);
	struct reader reader;

	open_unix(&reader, &options);
	assert_int_equal(ask_until(&reader, "\n", 6), 0);
	tell(&reader, "12345\n");
	expect_said(&reader, "(12345\n)");
	assert_int_equal(ask_until(&reader, "\n", 6), 0);
	tell(&reader, "12345");
	expect_said(&reader, "(12345\n)");
	tell(&reader, "6");
	expect_said(&reader, "(12345\n)!EMSGSIZEclose EMSGSIZE");
	reader_end(&reader);
}

/* Complete, but longer than it may be. */
static void
a_limit_holds_for_what_is_there_already(void **state)
{
	struct reader_options options = options_of(state);
	struct reader reader;

	open_unix(&reader, &options);
	assert_int_equal(ask_bytes(&reader, 1, false), 0);
	tell(&reader, "a12345\n");
	expect_said(&reader, "(a)");
	assert_int_equal(ask_until(&reader, "\n", 5), 0);
	expect_said(&reader, "(a)!EMSGSIZEclose EMSGSIZE");
	reader_end(&reader);
}

static void
too_much_that_is_unread_closes_the_stream(void **state)
{
	struct reader_options options = options_of(state);
	struct reader reader;

	options.stream.read_max_bytes = 8;
	open_unix(&reader, &options);
	assert_int_equal(ask_until(&reader, "\n", 0), 0);
	tell(&reader, "1234567\n");
	expect_said(&reader, "(1234567\n)");
	assert_int_equal(ask_until(&reader, "\n", 0), 0);
	tell(&reader, "12345678");
	expect_said(&reader, "(1234567\n)!ENOBUFSclose ENOBUFS");
	reader_end(&reader);
}

/* -- bytes ----------------------------------------------------------------- */

static void
bytes_are_counted(void **state)
{
	struct reader_options options = options_of(state);
	struct reader reader;

	open_unix(&reader, &options);
	tell(&reader, "abcdefgh");
	assert_int_equal(ask_bytes(&reader, 3, false), 0);
	expect_said(&reader, "(abc)");
	assert_int_equal(ask_bytes(&reader, 2, true), 0);
	expect_said(&reader, "(abc)(de)");
	assert_int_equal(ask_bytes(&reader, 0, false), 0);
	expect_said(&reader, "(abc)(de)()");
	assert_int_equal(ask_bytes(&reader, 5, false), 0);
	expect_said(&reader, "(abc)(de)()");
	tell(&reader, "ij");
	expect_said(&reader, "(abc)(de)()(fghij)");
	assert_int_equal(ask_bytes(&reader, 100, true), 0);
	expect_said(&reader, "(abc)(de)()(fghij)");
	tell(&reader, "k");
	expect_said(&reader, "(abc)(de)()(fghij)(k)");
	assert_int_equal(ask_bytes(&reader, 0, true), 0);
	expect_said(&reader, "(abc)(de)()(fghij)(k)()");
	reader_end(&reader);
}

static void
many_bytes_come_as_one(void **state)
{
	struct reader_options options = options_of(state);
	size_t length = 600 * KIB;
	unsigned char *sent = malloc(length);
	struct reader reader;

	for (size_t i = 0; i < length; i++)
		sent[i] = (unsigned char)(i * 7 + i / 251);
	options.by_future = true; /* what it brings is looked at afterwards */
	open_tcp(&reader, &options);
	faults.recv_max = *state != NULL ? 1000 : 0;
	assert_int_equal(ask_bytes(&reader, length, false), 0);
	send_all(reader.peer, sent, length);
	while (reader.reads == 0)
		run_for(GYRE_MS(1));
	assert_int_equal(reader.bytes.length, length);
	assert_memory_equal(reader.bytes.data, sent, length);
	free(sent);
	reader_end(&reader);
}

static void
at_the_end_the_rest_can_be_had(void **state)
{
	struct reader_options options = options_of(state);
	struct reader reader;

	open_tcp(&reader, &options);
	tell(&reader, "abc");
	assert_int_equal(ask_bytes(&reader, 4, false), 0);
	reader.next = next_rest;
	leave(&reader);
	expect_said(&reader, "!EPIPE(abc)close 0");
	reader_end(&reader);
}

/* -- until close ------------------------------------------------------------
 */

static void
until_close_is_all_there_was(void **state)
{
	struct reader_options options = options_of(state);
	struct reader reader;

	open_tcp(&reader, &options);
	assert_int_equal(ask_until_close(&reader), 0);
	tell(&reader, "abc");
	run_for(GYRE_MS(1));
	tell(&reader, "def");
	expect_said(&reader, "");
	leave(&reader);
	expect_said(&reader, "(abcdef)close 0");
	reader_end(&reader);
}

static void
until_close_may_be_nothing(void **state)
{
	struct reader_options options = options_of(state);
	struct reader reader;

	open_unix(&reader, &options);
	assert_int_equal(ask_until_close(&reader), 0);
	leave(&reader);
	expect_said(&reader, "()close 0");
	reader_end(&reader);
}

static void
until_close_does_not_ask_why(void **state)
{
	struct reader_options options = options_of(state);
	struct reader reader;

	open_tcp(&reader, &options);
	assert_int_equal(ask_until_close(&reader), 0);
	tell(&reader, "abc");
	run_for(GYRE_MS(1));
	reset(reader.peer);
	reader.peer = -1;
	expect_said(&reader, "(abc)close ECONNRESET");
	reader_end(&reader);
}

static void
until_close_ends_with_our_close(void **state)
{
	struct reader_options options = options_of(state);
	struct reader reader;

	open_unix(&reader, &options);
	assert_int_equal(ask_until_close(&reader), 0);
	tell(&reader, "abc");
	run_for(GYRE_MS(1));
	gyre_stream_close(reader.stream, false);
	expect_said(&reader, "(abc)close 0");
	reader_end(&reader);
}

static void
until_close_has_a_limit(void **state)
{
	struct reader_options options = options_of(state);
	struct reader reader;

	options.stream.read_max_bytes = 8;
	open_unix(&reader, &options);
	assert_int_equal(ask_until_close(&reader), 0);
	tell(&reader, "123456789");
	expect_said(&reader, "(12345678)close ENOBUFS");
	reader_end(&reader);
}

/* -- peeking ----------------------------------------------------------------
 */

static void
what_is_not_consumed_stays(void **state)
{
	struct reader_options options = options_of(state);
	struct reader reader;

	open_unix(&reader, &options);
	assert_int_equal(ask_peek(&reader, 0), 0);
	tell(&reader, "abc");
	expect_said(&reader, "(abc)");
	assert_int_equal(ask_peek(&reader, 4), 0);
	expect_said(&reader, "(abc)");
	reader.consume = 2;
	tell(&reader, "de");
	expect_said(&reader, "(abc)(abcde)");
	assert_int_equal(ask_peek(&reader, 1), 0);
	expect_said(&reader, "(abc)(abcde)(cde)");
	reader.consume = SIZE_MAX;
	assert_int_equal(ask_peek(&reader, 1), 0);
	expect_said(&reader, "(abc)(abcde)(cde)(e)");
	reader.consume = 0;
	tell(&reader, "f\n");
	assert_int_equal(ask_until(&reader, "\n", 0), 0);
	expect_said(&reader, "(abc)(abcde)(cde)(e)(f\n)");
	reader_end(&reader);
}

static void
a_peek_for_more_than_comes_leaves_what_came(void **state)
{
	struct reader_options options = options_of(state);
	struct reader reader;

	open_unix(&reader, &options);
	assert_int_equal(ask_peek(&reader, 4), 0);
	reader.next = next_rest;
	tell(&reader, "abc");
	leave(&reader);
	expect_said(&reader, "!EPIPE(abc)close 0");
	reader_end(&reader);
}

/* -- refusals ---------------------------------------------------------------
 */

static void
one_read_waits_at_a_time(void **state)
{
	struct reader_options options = options_of(state);
	struct reader other;
	struct reader reader;

	open_unix(&reader, &options);
	assert_int_equal(ask_until(&reader, "\n", 0), 0);
	other = reader;
	other.future = NULL;
	assert_int_equal(ask_until(&other, "\n", 0), -EBUSY);
	assert_int_equal(ask_bytes(&other, 1, true), -EBUSY);
	assert_int_equal(ask_until_close(&other), -EBUSY);
	assert_int_equal(ask_peek(&other, 0), -EBUSY);
	gyre_future_unref(other.future);
	tell(&reader, "a\n");
	expect_said(&reader, "(a\n)");
	reader_end(&reader);
}

static void
what_can_not_be_read_is_refused(void **state)
{
	struct reader_options options = options_of(state);
	struct reader reader;

	options.stream.read_max_bytes = 8;
	open_unix(&reader, &options);
	assert_int_equal(ask_until(&reader, "", 0), -EINVAL);
	assert_int_equal(ask_bytes(&reader, 9, false), -ENOBUFS);
	assert_int_equal(ask_peek(&reader, 9), -ENOBUFS);
	assert_false(gyre_stream_is_reading(reader.stream));
	assert_int_equal(ask_bytes(&reader, 9, true), 0);
	tell(&reader, "a");
	expect_said(&reader, "(a)");
	reader_end(&reader);
}

/* -- ends -------------------------------------------------------------------
 */

static void
with_on_end_writing_goes_on(void **state)
{
	struct reader_options options = options_of(state);
	struct reader reader;
	char received[2];

	options.with_end = true;
	open_tcp(&reader, &options);
	tell(&reader, "one\ntw");
	shutdown(reader.peer, SHUT_WR);
	reader.next = next_line;
	assert_int_equal(ask_until(&reader, "\n", 0), 0);
	expect_said(&reader, "(one\n)!EPIPEend");
	/* The end stays, and what was left too. */
	reader.next = NULL;
	assert_int_equal(ask_bytes(&reader, 3, false), 0);
	expect_said(&reader, "(one\n)!EPIPEend!EPIPE");
	assert_int_equal(ask_until_close(&reader), 0);
	expect_said(&reader, "(one\n)!EPIPEend!EPIPE(tw)");
	assert_int_equal(gyre_stream_write(reader.stream, "ok", 2), 0);
	receive_all(reader.peer, received, 2);
	assert_memory_equal(received, "ok", 2);
	gyre_stream_shutdown(reader.stream);
	expect_said(&reader, "(one\n)!EPIPEend!EPIPE(tw)close 0");
	reader_end(&reader);
}

static void
a_reset_is_told_to_who_reads(void **state)
{
	struct reader_options options = options_of(state);
	struct reader reader;

	open_tcp(&reader, &options);
	assert_int_equal(ask_until(&reader, "\n", 0), 0);
	reset(reader.peer);
	reader.peer = -1;
	expect_said(&reader, "!ECONNRESETclose ECONNRESET");
	reader_end(&reader);
}

static void
our_close_ends_the_read_that_waits(void **state)
{
	struct reader_options options = options_of(state);
	struct reader reader;

	open_unix(&reader, &options);
	assert_int_equal(ask_until(&reader, "\n", 0), 0);
	gyre_stream_close(reader.stream, false);
	assert_string_equal(reader.said, "");
	expect_said(&reader, "!EPIPEclose 0");
	reader_end(&reader);
}

/* However long what is written takes to leave. */
static void
a_close_that_flushes_ends_the_read_first(void **state)
{
	static const unsigned char zeroes[1 << 20];
	struct reader_options options = options_of(state);
	struct reader reader;

	options.stream.write_high_bytes = 16 * KIB;
	open_unix(&reader, &options);
	assert_int_equal(
		gyre_stream_write(reader.stream, zeroes, sizeof(zeroes)), 0);
	assert_int_equal(ask_until(&reader, "\n", 0), 0);
	run_for(GYRE_MS(1));
	gyre_stream_close(reader.stream, true);
	expect_said(&reader, "!EPIPE");
	reader_end(&reader);
}

static void
a_read_may_close_the_stream(void **state)
{
	struct reader_options options = options_of(state);
	struct reader reader;

	open_unix(&reader, &options);
	assert_int_equal(ask_until(&reader, "\n", 0), 0);
	reader.next = close_now;
	tell(&reader, "one\ntwo\n");
	expect_said(&reader, "(one\n)close 0");
	reader_end(&reader);
}

static void
the_loops_close_ends_the_read_that_waits(void **state)
{
	struct reader_options options = options_of(state);
	struct reader reader;

	open_unix(&reader, &options);
	assert_int_equal(ask_until(&reader, "\n", 0), 0);
	run_for(GYRE_MS(1));
	close_loop();
	/* Nobody waits for a future on a loop that has closed. */
	assert_string_equal(reader.said, options.by_future
						 ? "close ESHUTDOWN"
						 : "!ESHUTDOWNclose ESHUTDOWN");
	gyre_future_unref(reader.future);
	close(reader.peer);
}

static void
ask_always(struct reader *reader)
{
	if (ask_until(reader, "\n", 0) < 0)
		reader->next = NULL;
}

static void
who_always_asks_again_comes_to_an_end(void **state)
{
	struct reader_options options = options_of(state);
	struct reader reader;

	open_unix(&reader, &options);
	reader.next = ask_always;
	assert_int_equal(ask_until(&reader, "\n", 0), 0);
	leave(&reader);
	expect_said(&reader, "!EPIPE!EPIPEclose 0");
	reader_end(&reader);
}

/* What has come is handed out before on_close, whatever closes. */
static void
what_was_read_comes_before_on_close(void **state)
{
	struct reader_options options = options_of(state);
	struct reader reader;

	open_unix(&reader, &options);
	assert_int_equal(ask_bytes(&reader, 1, false), 0);
	tell(&reader, "aone\ntwo\n");
	expect_said(&reader, "(a)");
	reader.next = next_line;
	assert_int_equal(ask_until(&reader, "\n", 0), 0);
	gyre_stream_close(reader.stream, false);
	expect_said(&reader, "(a)(one\n)(two\n)!EPIPEclose 0");
	reader_end(&reader);
}

/* -- cancelling --------------------------------------------------------------
 */

static void
a_cancelled_read_takes_nothing(void **state)
{
	struct reader_options options = options_of(state);
	struct reader reader;
	const char *said = options.by_future ? "!ECANCELED" : "";

	open_unix(&reader, &options);
	gyre_stream_cancel_read(reader.stream);
	assert_int_equal(ask_until(&reader, "\n", 0), 0);
	tell(&reader, "abc");
	run_for(GYRE_MS(1));
	gyre_stream_cancel_read(reader.stream);
	assert_false(gyre_stream_is_reading(reader.stream));
	tell(&reader, "\n");
	expect_said(&reader, said);
	reader.length = 0;
	assert_int_equal(ask_until(&reader, "\n", 0), 0);
	expect_said(&reader, "(abc\n)");
	reader_end(&reader);
}

static void
ask_again(struct reader *reader)
{
	reader->next = NULL;
	gyre_stream_cancel_read(reader->stream);
	assert_int_equal(ask_until(reader, "\n", 0), 0);
}

static void
a_read_may_be_asked_for_in_its_own_end(void **state)
{
	struct reader_options options = options_of(state);
	struct reader reader;

	open_unix(&reader, &options);
	reader.next = ask_again;
	assert_int_equal(ask_until(&reader, "\n", 0), 0);
	tell(&reader, "one\ntwo\nthree\n");
	expect_said(&reader, "(one\n)(two\n)");
	reader_end(&reader);
}

/* -- pausing and writing ------------------------------------------------------
 */

static void
a_paused_stream_reads_nothing(void **state)
{
	struct reader_options options = options_of(state);
	struct reader reader;

	open_unix(&reader, &options);
	gyre_stream_pause(reader.stream);
	assert_int_equal(ask_until(&reader, "\n", 0), 0);
	tell(&reader, "one\n");
	leave(&reader);
	expect_said(&reader, "");
	gyre_stream_resume(reader.stream);
	expect_said(&reader, "(one\n)close 0");
	reader_end(&reader);
}

/* Who asks for input gets it: the peer may wait for that before it reads. */
static void
a_full_stream_is_read_from(void **state)
{
	static const unsigned char zeroes[1 << 20];
	struct reader_options options = options_of(state);
	struct reader reader;

	options.stream.write_high_bytes = 16 * KIB;
	open_unix(&reader, &options);
	assert_int_equal(
		gyre_stream_write(reader.stream, zeroes, sizeof(zeroes)), 0);
	run_for(GYRE_MS(1));
	assert_true(gyre_stream_is_full(reader.stream));
	assert_int_equal(ask_until(&reader, "\n", 0), 0);
	tell(&reader, "one\n");
	expect_said(&reader, "(one\n)");
	reader_end(&reader);
}

/* By callback, then by future: the state is what says which. */
#define TEST(name)                                                      \
	{ #name, name, net_setup, net_teardown, NULL },                 \
	{                                                               \
#name "@future", name, future_setup, net_teardown, NULL \
	}

static int
future_setup(void **state)
{
	static char by_future;

	*state = NULL;
	if (net_setup(state) != 0)
		return -1;
	*state = &by_future;
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(lines_come_one_by_one),
		TEST(a_line_may_come_a_byte_at_a_time),
		TEST(a_delimiter_may_be_any_bytes),
		TEST(a_line_that_is_too_long_closes_the_stream),
		TEST(a_limit_holds_for_what_is_there_already),
		TEST(too_much_that_is_unread_closes_the_stream),
		TEST(bytes_are_counted),
		TEST(many_bytes_come_as_one),
		TEST(at_the_end_the_rest_can_be_had),
		TEST(until_close_is_all_there_was),
		TEST(until_close_may_be_nothing),
		TEST(until_close_does_not_ask_why),
		TEST(until_close_ends_with_our_close),
		TEST(until_close_has_a_limit),
		TEST(what_is_not_consumed_stays),
		TEST(a_peek_for_more_than_comes_leaves_what_came),
		TEST(one_read_waits_at_a_time),
		TEST(what_can_not_be_read_is_refused),
		TEST(with_on_end_writing_goes_on),
		TEST(a_reset_is_told_to_who_reads),
		TEST(our_close_ends_the_read_that_waits),
		TEST(a_close_that_flushes_ends_the_read_first),
		TEST(a_read_may_close_the_stream),
		TEST(the_loops_close_ends_the_read_that_waits),
		TEST(who_always_asks_again_comes_to_an_end),
		TEST(what_was_read_comes_before_on_close),
		TEST(a_cancelled_read_takes_nothing),
		TEST(a_read_may_be_asked_for_in_its_own_end),
		TEST(a_paused_stream_reads_nothing),
		TEST(a_full_stream_is_read_from),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
