/* Requests of HTTP/1: what is right is read, whatever pieces it comes in, and
 * what is not is refused. */
#include "examples/http_server/request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* At the end of memory of its own, so that a sanitizer sees a read behind it.
 */
static int
read_copy(const char *bytes, size_t length, struct http_request *ret_request)
{
	char *copy = malloc(length + 1);
	int result;

	assert_non_null(copy);
	memcpy(copy + 1, bytes, length);
	result = http_request_read(copy + 1, length, ret_request);
	free(copy);
	return result;
}

/* -- heads --------------------------------------------------------------- */

struct good {
	const char *text;
	bool keep_alive;
	bool is_chunked;
	bool expects_continue;
	uint64_t length;
};

static const struct good good[] = {
	{ "GET / HTTP/1.1\r\nHost: a\r\n\r\n", true, false, false, 0 },
	{ "GET / HTTP/1.0\r\n\r\n", false, false, false, 0 },
	{ "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true, false,
	  false, 0 },
	{ "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", false,
	  false, false, 0 },
	{ "GET / HTTP/1.1\r\nHost: a\r\nConnection: x , close,\r\n"
	  "Connection: keep-alive\r\n\r\n",
	  false, false, false, 0 },
	{ "POST /x?y HTTP/1.1\r\nhOST:a:80 \t\r\nContent-Length:7\r\n\r\n",
	  true, false, false, 7 },
	{ "POST / HTTP/1.1\r\nHost:\r\nTransfer-Encoding: CHUNKED\r\n"
	  "Expect: 100-Continue\r\n\r\n",
	  true, true, true, 0 },
	{ "\r\n\r\nGET / HTTP/1.1\r\nHost: \xc3\xa9\tb\r\nX-1~: \r\n\r\n", true,
	  false, false, 0 },
	{ "GET / HTTP/1.7\r\nHost: a\r\n\r\n", true, false, false, 0 },
};

static void
check_good(const struct good *row)
{
	size_t whole = strlen(row->text);
	struct http_request request;
	char longer[512];

	for (size_t length = 0; length < whole; length++)
		assert_int_equal(read_copy(row->text, length, &request), 0);
	assert_int_equal(read_copy(row->text, whole, &request), whole);
	assert_int_equal(request.keep_alive, row->keep_alive);
	assert_int_equal(request.is_chunked, row->is_chunked);
	assert_int_equal(request.expects_continue, row->expects_continue);
	assert_int_equal(request.length, row->length);
	snprintf(longer, sizeof(longer), "%sGET /", row->text);
	assert_int_equal(read_copy(longer, strlen(longer), &request), whole);
}

static void
what_is_right_is_read_whatever_its_pieces(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		check_good(&good[i]);
}

static void
method_and_target_are_where_they_were(void **state)
{
	const char *text = "\r\nDELETE /a%20b HTTP/1.1\r\nHost: a\r\n\r\n";
	struct http_request request;

	(void)state;
	assert_true(http_request_read(text, strlen(text), &request) > 0);
	assert_true(http_text_is(request.method, "DELETE"));
	assert_true(http_text_is(request.target, "/a%20b"));
	assert_ptr_equal(request.method.bytes, text + 2);
	assert_false(http_text_is(request.method, "DELET"));
}

static const struct {
	const char *text;
	int status;
} bad[] = {
	{ "GET /\r\n\r\n", 400 },
	{ "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
	{ " GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
	{ "GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400 },
	{ "GET / http/1.1\r\nHost: a\r\n\r\n", 400 },
	{ "GET / HTTP/1.x\r\nHost: a\r\n\r\n", 505 },
	{ "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505 },
	{ "GET / HTTP/1.12\r\nHost: a\r\n\r\n", 400 },
	{ "G\x01T / HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
	{ "GET /\tx HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
	{ "GET /\x7f HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
	/* Host: there must be one */
	{ "GET / HTTP/1.1\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400 },
	{ "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", 400 },
	/* fields */
	{ "GET / HTTP/1.1\r\nHost: a\r\nx\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\nHost: a\r\n\r\n", 400 },
	/* how long the body is */
	{ "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: \r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n"
	  "Content-Length: 2\r\n\r\n",
	  400 },
	{ "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n"
	  "Transfer-Encoding: chunked\r\n\r\n",
	  400 },
	{ "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\nHost: a\r\n"
	  "Content-Length: 18446744073709551617\r\n\r\n",
	  413 },
	{ "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501 },
	{ "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
	  "Transfer-Encoding: chunked\r\n\r\n",
	  501 },
	{ "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n"
	  "\r\n",
	  501 },
	{ "GET / HTTP/1.1\r\nHost: a\r\nExpect: 200\r\n\r\n", 417 },
};

static void
what_is_not_right_is_refused(void **state)
{
	struct http_request request;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int result =
			read_copy(bad[i].text, strlen(bad[i].text), &request);

		if (result != -bad[i].status)
			fail_msg("%d for %s", result, bad[i].text);
	}
}

static void
a_nul_is_no_character_of_a_head(void **state)
{
	char text[] = "GET / HTTP/1.1\r\nHost: a\r\nX: a_b\r\n\r\n";
	struct http_request request;

	(void)state;
	*strchr(text, '_') = '\0';
	assert_int_equal(read_copy(text, sizeof(text) - 1, &request), -400);
	memcpy(text, "\0", 1);
	assert_int_equal(read_copy(text, sizeof(text) - 1, &request), -400);
}

/* A handshake of TLS has no empty line that one could wait for. */
static void
what_no_method_begins_with_is_refused_at_once(void **state)
{
	struct http_request request;

	(void)state;
	assert_int_equal(read_copy("\x16", 1, &request), -400);
	assert_int_equal(read_copy("\r\n\x16", 3, &request), -400);
	assert_int_equal(read_copy(" GET", 4, &request), -400);
	assert_int_equal(read_copy("\n", 1, &request), -400);
	assert_int_equal(read_copy("\r", 1, &request), 0);
	assert_int_equal(read_copy("\r\n\r", 3, &request), 0);
	assert_int_equal(read_copy("\r\nG", 3, &request), 0);
}

static void
a_head_has_its_limit(void **state)
{
	static char text[2 * HTTP_HEAD_MAX];
	struct http_request request;

	(void)state;
	memset(text, 'a', sizeof(text));
	assert_int_equal(http_request_read(text, HTTP_HEAD_MAX - 1, &request),
			 0);
	assert_int_equal(http_request_read(text, HTTP_HEAD_MAX, &request),
			 -431);
	/* and so have the line ends that come before it */
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = "\r\n"[i % 2];
	assert_int_equal(http_request_read(text, sizeof(text), &request), -431);
}

/* -- bodies -------------------------------------------------------------- */

/* Read a chunked body in pieces of so many bytes, as a stream would hand it
 * out; what it carried, and how much of the text it was. */
static long
read_body(const char *text, size_t piece, char *ret_data)
{
	struct http_request request = { .is_chunked = true };
	size_t whole = strlen(text), there = 0, used = 0, carried = 0;
	struct http_body body;

	http_body_begin(&body, &request);
	while (body.place != HTTP_BODY_OVER) {
		struct http_text data;
		long taken =
			http_body_read(&body, text + used, there - used, &data);

		if (taken < 0)
			return taken;
		memcpy(ret_data + carried, data.bytes, data.length);
		carried += data.length;
		used += (size_t)taken;
		if (taken > 0)
			continue;
		if (there == whole)
			return 0;
		there = there + piece < whole ? there + piece : whole;
	}
	ret_data[carried] = '\0';
	return (long)used;
}

static void
chunks_are_put_together(void **state)
{
	static const struct {
		const char *text;
		const char *data;
	} rows[] = {
		{ "0\r\n\r\n", "" },
		{ "5\r\nhello\r\n0\r\n\r\n", "hello" },
		{ "0005 ;a=\"b\"\r\nhello\r\nA\r\n, \r\nworld!\r\n0;x\r\n"
		  "Trailer: x\r\nOther: y\r\n\r\n",
		  "hello, \r\nworld!" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (size_t piece = 1; piece < 20; piece++) {
			char data[64];
			char text[128];

			snprintf(text, sizeof(text), "%sGET", rows[i].text);
			assert_int_equal(read_body(text, piece, data),
					 strlen(rows[i].text));
			assert_string_equal(data, rows[i].data);
		}
}

static void
chunks_that_are_not_right_are_refused(void **state)
{
	static const struct {
		const char *text;
		long status;
	} rows[] = {
		{ "\r\n", -400 },
		{ "x\r\n", -400 },
		{ "-1\r\n", -400 },
		{ "5\nhello", -400 },
		{ "5\r\nhelloworld", -400 },
		{ "5\r\nhello\r\nx\r\n", -400 },
		{ "5;\x01\r\nhello\r\n", -400 },
		{ "ffffffffffffffffffff\r\n", -413 },
		{ "10000000001\r\n", -413 },
		{ "5\r\nhel", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (size_t piece = 1; piece < 20; piece++) {
			char data[64];
			long result = read_body(rows[i].text, piece, data);

			/* In pieces, the end of the line may be what is
			 * missing. */
			if (result != rows[i].status)
				fail_msg("%ld for %s", result, rows[i].text);
		}
}

static void
a_line_of_a_chunk_has_its_limit(void **state)
{
	static char text[HTTP_LINE_MAX + 1];
	const struct http_request request = { .is_chunked = true };
	struct http_body body;
	struct http_text data;

	(void)state;
	memset(text, '1', sizeof(text));
	http_body_begin(&body, &request);
	assert_int_equal(http_body_read(&body, text, HTTP_LINE_MAX - 1, &data),
			 0);
	assert_int_equal(http_body_read(&body, text, HTTP_LINE_MAX, &data),
			 -431);
}

static void
a_body_of_a_length_ends_there(void **state)
{
	const struct http_request request = { .length = 5 };
	const struct http_request without = { .length = 0 };
	struct http_body body;
	struct http_text data;

	(void)state;
	http_body_begin(&body, &request);
	assert_int_equal(http_body_read(&body, "hel", 3, &data), 3);
	assert_int_equal(data.length, 3);
	assert_int_equal(http_body_read(&body, "loGET", 5, &data), 2);
	assert_int_equal(body.place, HTTP_BODY_OVER);
	assert_int_equal(http_body_read(&body, "GET", 3, &data), 0);
	http_body_begin(&body, &without);
	assert_int_equal(body.place, HTTP_BODY_OVER);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_right_is_read_whatever_its_pieces),
		cmocka_unit_test(method_and_target_are_where_they_were),
		cmocka_unit_test(what_is_not_right_is_refused),
		cmocka_unit_test(a_nul_is_no_character_of_a_head),
		cmocka_unit_test(what_no_method_begins_with_is_refused_at_once),
		cmocka_unit_test(a_head_has_its_limit),
		cmocka_unit_test(chunks_are_put_together),
		cmocka_unit_test(chunks_that_are_not_right_are_refused),
		cmocka_unit_test(a_line_of_a_chunk_has_its_limit),
		cmocka_unit_test(a_body_of_a_length_ends_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
