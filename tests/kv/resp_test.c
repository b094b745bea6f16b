/* The parser: whole, in pieces, malformed. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "resp.h"

static int
setup(void **state)
{
	struct resp *resp = malloc(sizeof(*resp));

	resp_init(resp, RESP_BULK_MAX_DEFAULT);
	*state = resp;
	return 0;
}

static int
teardown(void **state)
{
	resp_free(*state);
	free(*state);
	return 0;
}

static enum resp_status
parse(struct resp *resp, const char *text, size_t *ret_used)
{
	*ret_used = 0;
	return resp_parse(resp, text, strlen(text), ret_used);
}

static void
assert_args(const struct resp *resp, size_t count, const char *const *texts)
{
	assert_int_equal(resp->args.count, count);
	for (size_t i = 0; i < count; i++) {
		const struct arg *arg = &resp->args.items[i];

		assert_int_equal(arg->length, strlen(texts[i]));
		assert_memory_equal(arg->data, texts[i], arg->length);
	}
}

static void
an_array_is_a_command(void **state)
{
	static const char *const expected[] = { "SET", "k", "" };
	const char *text = "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$0\r\n\r\n*1\r\n";
	size_t used;

	assert_int_equal(parse(*state, text, &used), RESP_COMMAND);
	assert_int_equal(used, strlen(text) - 4);
	assert_args(*state, 3, expected);
}

static void
an_inline_line_is_a_command(void **state)
{
	static const char *const expected[] = { "set", "k", "a b" };
	size_t used;

	assert_int_equal(parse(*state, "set k \"a b\"\r\nx", &used),
			 RESP_COMMAND);
	assert_int_equal(used, 13);
	assert_args(*state, 3, expected);
	assert_int_equal(parse(*state, "set k \"a b\"\n", &used), RESP_COMMAND);
	assert_int_equal(used, 12);
	assert_args(*state, 3, expected);
}

static void
nothing_is_no_command(void **state)
{
	static const char *const texts[] = { "\r\n", "\n", "  \r\n", "*0\r\n",
					     "*-1\r\n" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		size_t used;

		assert_int_equal(parse(*state, texts[i], &used), RESP_EMPTY);
		assert_int_equal(used, strlen(texts[i]));
	}
}

/* Each call gets one byte more, elsewhere in memory. */
static void
pieces_make_the_same_command(void **state)
{
	static const char *const texts[] = {
		"*3\r\n$3\r\nSET\r\n$3\r\nk\r\n\r\n$11\r\n*1\r\n$"
		"1\r\nx\r\n\r\n",
		"SET \"k\\r\\n\" '*1\\r\\n$1\\r\\nx\\r\\n'\r\n",
	};

	for (size_t i = 0; i < 2; i++) {
		size_t length = strlen(texts[i]);
		size_t used = 0;

		for (size_t have = 1; have <= length; have++) {
			char *copy = malloc(have);
			enum resp_status status;

			memcpy(copy, texts[i], have);
			status = resp_parse(*state, copy, have, &used);
			assert_int_equal(status, have < length ? RESP_MORE
							       : RESP_COMMAND);
			if (have == length) {
				struct resp *resp = *state;

				assert_int_equal(resp->args.count, 3);
				assert_int_equal(resp->args.items[1].length, 3);
				assert_memory_equal(resp->args.items[1].data,
						    "k\r\n", 3);
			}
			free(copy);
		}
		assert_int_equal(used, length);
	}
}

static void
malformed_input_is_refused_as_redis_does(void **state)
{
	static const struct {
		const char *text;
		const char *error;
	} cases[] = {
		{ "*a\r\n", "invalid multibulk length" },
		{ "*\r\n", "invalid multibulk length" },
		{ "*1048577\r\n", "invalid multibulk length" },
		{ "*9223372036854775808\r\n", "invalid multibulk length" },
		{ "*1\r\n:1\r\n", "expected '$', got ':'" },
		{ "*1\r\n\r\n", "expected '$', got ' '" },
		{ "*1\r\n$-1\r\n", "invalid bulk length" },
		{ "*1\r\n$\r\n", "invalid bulk length" },
		{ "*1\r\n$536870913\r\n", "invalid bulk length" },
		{ "*2\r\n$1\r\na\r\n$x\r\n", "invalid bulk length" },
		{ "get \"x\r\n", "unbalanced quotes in request" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct resp resp;
		size_t used;

		resp_init(&resp, RESP_BULK_MAX_DEFAULT);
		assert_int_equal(parse(&resp, cases[i].text, &used),
				 RESP_ERROR);
		assert_string_equal(resp.error, cases[i].error);
		resp_free(&resp);
	}
}

/* A handshake has no line's end that one could wait for. */
static void
other_protocols_are_refused(void **state)
{
	static const struct {
		const char *text;
		const char *error;
	} cases[] = {
		{ "\x16\x03\x01", "TLS is not spoken on this port" },
		{ "\x16\x03\r\n", "TLS is not spoken on this port" },
		{ "POST / HTTP/1.1\r\n", "HTTP is not spoken on this port" },
		{ "Host: a\r\n", "HTTP is not spoken on this port" },
		{ "\x16\x04\r\n", NULL },
		{ "*1\r\n$2\r\n\x16\x03\r\n", NULL },
		{ "posts\r\n", NULL },
		{ "host a\r\n", NULL },
		{ "get post\r\n", NULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct resp *resp = *state;
		const char *error = cases[i].error;
		size_t used;

		resp_free(resp);
		resp_init(resp, RESP_BULK_MAX_DEFAULT);
		assert_int_equal(resp_parse(resp, cases[i].text, 1, &used),
				 RESP_MORE);
		assert_int_equal(parse(resp, cases[i].text, &used),
				 error != NULL ? RESP_ERROR : RESP_COMMAND);
		if (error != NULL)
			assert_string_equal(resp->error, error);
	}
}

static void
a_line_without_end_is_refused(void **state)
{
	static const struct {
		const char *begin;
		const char *error;
	} cases[] = {
		{ "x", "too big inline request" },
		{ "*1", "too big mbulk count string" },
		{ "*1\r\n$1", "too big bulk count string" },
	};
	size_t size = RESP_LINE_MAX + 16;
	char *text = malloc(size);

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct resp resp;
		size_t used;
		size_t begin = strlen(cases[i].begin);

		resp_init(&resp, RESP_BULK_MAX_DEFAULT);
		memset(text, '1', size);
		memcpy(text, cases[i].begin, begin);
		assert_int_equal(resp_parse(&resp, text, 1000, &used),
				 RESP_MORE);
		assert_int_equal(resp_parse(&resp, text, size, &used),
				 RESP_ERROR);
		assert_string_equal(resp.error, cases[i].error);
		resp_free(&resp);
	}
	free(text);
}

/* One step of a small generator: the tests' chance is repeatable. */
static unsigned
chance(uint64_t *state, unsigned below)
{
	*state = *state * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (unsigned)(*state >> 33) % below;
}

/* Make a stream of commands, most of them well-formed. */
static size_t
make_stream(uint64_t *state, char *data, size_t size)
{
	static const char *const parts[] = {
		"*1\r\n$4\r\nPING\r\n",
		"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n",
		"*3\r\n$3\r\nSET\r\n$0\r\n\r\n$3\r\n\r\n*\r\n",
		"get 'a b' \"\\x00\"\r\n",
		"\r\n",
		"*0\r\n",
		"ping\n",
	};
	size_t length = 0;

	while (size - length > 64) {
		const char *part = parts[chance(state, 7)];

		memcpy(data + length, part, strlen(part));
		length += strlen(part);
	}
	for (unsigned i = chance(state, 3); i > 0; i--)
		data[chance(state, (unsigned)length)] =
			(char)chance(state, 256);
	return length;
}

/*
 * Parse a stream whose bytes come in steps of at most so many; append what it
 * was understood as.
 */
static void
understand(uint64_t *state, const char *data, size_t length, unsigned step_max,
	   struct bytes *text)
{
	struct resp resp;
	size_t start = 0;
	size_t have = 0;
	enum resp_status status = RESP_MORE;

	resp_init(&resp, RESP_BULK_MAX_DEFAULT);
	while (status != RESP_ERROR && (have < length || start < have)) {
		size_t used = 0;
		char *copy = malloc(have - start + 1);

		memcpy(copy, data + start, have - start);
		status = resp_parse(&resp, copy, have - start, &used);
		start += used;
		for (size_t i = 0;
		     status == RESP_COMMAND && i < resp.args.count; i++) {
			bytes_append(text, "[", 1);
			bytes_append(text, resp.args.items[i].data,
				     resp.args.items[i].length);
			bytes_append(text, "]", 1);
		}
		free(copy);
		if (status == RESP_MORE && have == length)
			break;
		if (status == RESP_MORE)
			have += 1 + chance(state, step_max);
		if (have > length)
			have = length;
	}
	if (status == RESP_ERROR)
		bytes_append(text, resp.error, strlen(resp.error));
	resp_free(&resp);
}

static void
pieces_never_change_what_is_understood(void **state)
{
	uint64_t random = 1;
	char data[600];

	(void)state;
	for (int i = 0; i < 3000; i++) {
		struct bytes whole = { 0 };
		struct bytes pieces = { 0 };
		size_t length = make_stream(&random, data, sizeof(data));

		understand(&random, data, length, 1000000, &whole);
		understand(&random, data, length, 1 + chance(&random, 9),
			   &pieces);
		assert_int_equal(whole.length, pieces.length);
		if (whole.length > 0)
			assert_memory_equal(whole.data, pieces.data,
					    whole.length);
		bytes_free(&whole);
		bytes_free(&pieces);
	}
}

/* What a client announces takes no memory: only arguments that came do. */
static void
announcements_take_no_memory(void **state)
{
	struct resp *resp = *state;
	size_t used;

	assert_int_equal(parse(resp, "*1048576\r\n$536870912\r\nabc", &used),
			 RESP_MORE);
	assert_int_equal(resp->args.capacity, 0);
	assert_int_equal(resp_wants(resp, 25), 23 + 536870912 + 2 - 25 - 1);
}

/* Who has sent a large command may say nothing after it. */
static void
what_a_large_command_took_is_given_back(void **state)
{
	struct resp *resp = *state;
	size_t size = 100000 * 7 + 32;
	char *text = malloc(size);
	size_t length = (size_t)sprintf(text, "*100000\r\n");
	size_t used;

	for (int i = 0; i < 100000; i++)
		length += (size_t)sprintf(text + length, "$1\r\nk\r\n");
	assert_int_equal(resp_parse(resp, text, length, &used), RESP_COMMAND);
	assert_int_equal(resp->args.count, 100000);
	resp_put_away(resp);
	assert_int_equal(resp->args.count, 0);
	assert_int_equal(resp->args.capacity, 0);
	memset(text, 'x', 50000);
	memcpy(text, "echo '", 6);
	memcpy(text + 50000, "'\r\n", 4);
	assert_int_equal(parse(resp, text, &used), RESP_COMMAND);
	resp_put_away(resp);
	assert_int_equal(resp->inline_text.capacity, 0);
	free(text);
	/* What is small stays, for the next one. */
	assert_int_equal(parse(resp, "*1\r\n$4\r\nPING\r\n", &used),
			 RESP_COMMAND);
	resp_put_away(resp);
	assert_true(resp->args.capacity > 0);
}

static void
a_smaller_limit_for_bulks_holds(void **state)
{
	struct resp resp;
	size_t used;

	(void)state;
	resp_init(&resp, 10);
	assert_int_equal(parse(&resp, "*1\r\n$10\r\n", &used), RESP_MORE);
	resp_free(&resp);
	resp_init(&resp, 10);
	assert_int_equal(parse(&resp, "*1\r\n$11\r\n", &used), RESP_ERROR);
	resp_free(&resp);
}

/* Who has yet to give the password makes the server keep little. */
static void
a_stranger_may_send_little(void **state)
{
	struct resp *resp = *state;
	size_t used;

	resp->is_stranger = true;
	assert_int_equal(parse(resp, "*10\r\n$16384\r\n", &used), RESP_MORE);
	resp_free(resp);
	resp_init(resp, RESP_BULK_MAX_DEFAULT);
	resp->is_stranger = true;
	assert_int_equal(parse(resp, "*11\r\n", &used), RESP_ERROR);
	assert_string_equal(resp->error, "unauthenticated multibulk length");
	resp_free(resp);
	resp_init(resp, RESP_BULK_MAX_DEFAULT);
	resp->is_stranger = true;
	assert_int_equal(parse(resp, "*1\r\n$16385\r\n", &used), RESP_ERROR);
	assert_string_equal(resp->error, "unauthenticated bulk length");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_array_is_a_command, setup,
						teardown),
		cmocka_unit_test_setup_teardown(an_inline_line_is_a_command,
						setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_is_no_command, setup,
						teardown),
		cmocka_unit_test_setup_teardown(pieces_make_the_same_command,
						setup, teardown),
		cmocka_unit_test(malformed_input_is_refused_as_redis_does),
		cmocka_unit_test(pieces_never_change_what_is_understood),
		cmocka_unit_test_setup_teardown(other_protocols_are_refused,
						setup, teardown),
		cmocka_unit_test(a_line_without_end_is_refused),
		cmocka_unit_test_setup_teardown(
			what_a_large_command_took_is_given_back, setup,
			teardown),
		cmocka_unit_test_setup_teardown(announcements_take_no_memory,
						setup, teardown),
		cmocka_unit_test(a_smaller_limit_for_bulks_holds),
		cmocka_unit_test_setup_teardown(a_stranger_may_send_little,
						setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
