/* Which commands are kept, what of them, and how many. */
#include "test.h"

#include "fixture.h"

#define NOBODY "$0\r\n\r\n$0\r\n\r\n"

static int
setup(void **state)
{
	int error = fixture_setup(state);
	struct fixture *fixture = *state;

	fixture->options.slow_ns = 0;
	return error;
}

static void
what_took_long_is_kept(void **state)
{
	struct fixture *fixture = *state;

	ASK("SET a 1", "+OK\r\n");
	ASK("slowlog get", "*1\r\n*6\r\n:0\r\n:1700000000\r\n:0\r\n*3\r\n"
			   "$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n" NOBODY);
	/* It keeps itself too. */
	ASK("slowlog get 1", "*1\r\n*6\r\n:1\r\n:1700000000\r\n:0\r\n*2\r\n"
			     "$7\r\nslowlog\r\n$3\r\nget\r\n" NOBODY);
	ASK("slowlog len", ":3\r\n");
	ASK("slowlog reset", "+OK\r\n");
	fixture_pass_ms(fixture, 5000);
	ASK("slowlog get -1", "*1\r\n*6\r\n:4\r\n:1700000000\r\n:0\r\n*2\r\n"
			      "$7\r\nslowlog\r\n$5\r\nreset\r\n" NOBODY);
	ASK("slowlog reset", "+OK\r\n");
	ASK("client setname me", "+OK\r\n");
	ASK("slowlog get 0", "*0\r\n");
	ASK("slowlog get 1", "*1\r\n*6\r\n:7\r\n:1700000005\r\n:0\r\n*3\r\n"
			     "$7\r\nslowlog\r\n$3\r\nget\r\n$1\r\n0\r\n"
			     "$0\r\n\r\n$2\r\nme\r\n");
}

static void
what_did_not_is_not(void **state)
{
	struct fixture *fixture = *state;

	fixture->options.slow_ns = 1;
	ASK("set a 1", "+OK\r\n");
	ASK("slowlog len", ":0\r\n");
	fixture->options.slow_ns = -1;
	ASK("set a 1", "+OK\r\n");
	ASK("slowlog len", ":0\r\n");
}

static void
the_oldest_go(void **state)
{
	struct fixture *fixture = *state;

	fixture->options.slow_max = 3;
	for (int i = 0; i < 10; i++)
		ASK("ping", "+PONG\r\n");
	ASK("slowlog len", ":3\r\n");
	assert_memory_equal(fixture_ask(fixture, "slowlog get 100"),
			    "*3\r\n*6\r\n:10\r\n", 13);
	assert_non_null(strstr(fixture->reply.data, "*6\r\n:9\r\n"));
	assert_non_null(strstr(fixture->reply.data, "*6\r\n:8\r\n"));
	assert_null(strstr(fixture->reply.data, "*6\r\n:7\r\n"));
}

static void
none_may_be_kept(void **state)
{
	struct fixture *fixture = *state;

	fixture->options.slow_max = 0;
	ASK("ping", "+PONG\r\n");
	ASK("slowlog len", ":0\r\n");
	ASK("slowlog get", "*0\r\n");
}

static void
arguments_are_cut(void **state)
{
	struct fixture *fixture = *state;
	char line[1024] = "echo ";
	const char *reply;

	memset(line + 5, 'x', 129);
	fixture_ask(fixture, line);
	reply = fixture_ask(fixture, "slowlog get 1");
	assert_non_null(strstr(reply, "x... (1 more bytes)\r\n"));
	assert_non_null(strstr(reply, "\r\n$146\r\nxxx"));
	line[5 + 128] = '\0';
	fixture_ask(fixture, line);
	assert_non_null(strstr(fixture_ask(fixture, "slowlog get 1"),
			       "\r\n$128\r\nxxx"));
	/* 32 are shown whole, of 33 only 31. */
	strcpy(line, "del");
	for (int i = 0; i < 31; i++)
		strcat(line, " k");
	fixture_ask(fixture, line);
	reply = fixture_ask(fixture, "slowlog get 1");
	assert_non_null(strstr(reply, "\r\n*32\r\n"));
	assert_null(strstr(reply, "more arguments"));
	strcat(line, " k");
	fixture_ask(fixture, line);
	reply = fixture_ask(fixture, "slowlog get 1");
	assert_non_null(strstr(reply, "\r\n*32\r\n"));
	assert_non_null(strstr(reply, "\r\n... (2 more arguments)\r\n"));
}

static void
passwords_are_not_kept(void **state)
{
	static const char *const lines[] = {
		"auth secret",
		"auth default secret",
		"hello 2 auth default secret setname me",
		"hello 2 setname me auth default secret",
	};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		const char *reply;

		fixture_ask(fixture, lines[i]);
		reply = fixture_ask(fixture, "slowlog get 1");
		assert_non_null(strstr(reply, "$10\r\n(redacted)\r\n"));
		assert_null(strstr(reply, "secret"));
		assert_null(strstr(reply, "default"));
	}
}

static void
a_transaction_is_one(void **state)
{
	struct fixture *fixture = *state;

	ASK("multi", "+OK\r\n");
	ASK("set a 1", "+QUEUED\r\n");
	ASK("incr a", "+QUEUED\r\n");
	ASK("EXEC", "*2\r\n+OK\r\n:2\r\n");
	ASK("slowlog get 1",
	    "*1\r\n*6\r\n:1\r\n:1700000000\r\n:0\r\n*6\r\n$4\r\nEXEC\r\n"
	    "$3\r\nset\r\n$1\r\na\r\n$1\r\n1\r\n$4\r\nincr\r\n$"
	    "1\r\na\r\n" NOBODY);
}

static void
wrong_questions_are_refused(void **state)
{
	struct fixture *fixture = *state;

	ASK("slowlog get -2",
	    "-ERR count should be greater than or equal to -1\r\n");
	ASK("slowlog get x",
	    "-ERR count should be greater than or equal to -1\r\n");
	ASK("slowlog GET 1 2",
	    "-ERR unknown subcommand or wrong number of arguments for 'GET'. "
	    "Try SLOWLOG HELP.\r\n");
	ASK("slowlog len x",
	    "-ERR wrong number of arguments for 'slowlog|len' command\r\n");
	ASK("slowlog nosuch",
	    "-ERR unknown subcommand 'nosuch'. Try SLOWLOG HELP.\r\n");
	assert_memory_equal(fixture_ask(fixture, "slowlog help"),
			    "*9\r\n+SLOWLOG <sub", 17);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_took_long_is_kept), TEST(what_did_not_is_not),
		TEST(the_oldest_go),          TEST(none_may_be_kept),
		TEST(arguments_are_cut),      TEST(passwords_are_not_kept),
		TEST(a_transaction_is_one),   TEST(wrong_questions_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
