/* MULTI and what ends it, on one shard; the bytes are Redis's. */
#include "test.h"

#include "fixture.h"
#include "resp.h"

#define QUEUED "+QUEUED\r\n"
#define REFUSED \
	"-EXECABORT Transaction discarded because of previous errors.\r\n"

static void
commands_wait_for_exec(void **state)
{
	struct fixture *fixture = *state;

	ASK("multi", "+OK\r\n");
	ASK("set a 1", QUEUED);
	ASK("incr a", QUEUED);
	ASK("mget a b", QUEUED);
	ASK("ping", QUEUED);
	ASK("echo \"x y\"", QUEUED);
	ASK("memory usage none", QUEUED);
	ASK("unwatch", QUEUED);
	assert_int_equal(store_count(&fixture->shard.store), 0);
	ASK("exec", "*7\r\n+OK\r\n:2\r\n*2\r\n$1\r\n2\r\n$-1\r\n+PONG\r\n"
		    "$3\r\nx y\r\n$-1\r\n+OK\r\n");
	ASK("exec", "-ERR EXEC without MULTI\r\n");
	ASK("multi", "+OK\r\n");
	ASK("exec", "*0\r\n");
}

static void
an_error_when_it_runs_stops_nothing(void **state)
{
	struct fixture *fixture = *state;

	ASK("multi", "+OK\r\n");
	ASK("set a x", QUEUED);
	ASK("incr a", QUEUED);
	ASK("mset a 1 b", QUEUED);
	ASK("append a y", QUEUED);
	ASK("exec", "*4\r\n+OK\r\n-ERR value is not an integer or out of "
		    "range\r\n-ERR wrong number of arguments for 'mset' "
		    "command\r\n:2\r\n");
}

static void
an_error_before_it_refuses_all(void **state)
{
	static const char *const wrong[] = {
		"nosuch",      "get",         "memory",    "memory what",
		"discard x",   "dbsize",      "flushall",  "scan 0",
		"publish c m", "subscribe c", "client id", "config get save",
		"hello 3",     "auth x",      "info",      "multi x",
	};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		ASK("multi", "+OK\r\n");
		ASK("set a 1", QUEUED);
		assert_memory_equal(fixture_ask(fixture, wrong[i]), "-ERR ", 5);
		ASK("set a 2", QUEUED);
		ASK("exec", REFUSED);
		ASK("get a", "$-1\r\n");
	}
	ASK("multi", "+OK\r\n");
	ASK("client id", "-ERR Command not allowed inside a transaction\r\n");
	ASK("discard", "+OK\r\n");
	ASK("multi", "+OK\r\n");
	ASK("exec x",
	    "-EXECABORT Transaction discarded because of: wrong number of "
	    "arguments for 'exec' command\r\n");
	ASK("exec", "-ERR EXEC without MULTI\r\n");
}

static void
some_commands_do_not_wait(void **state)
{
	struct fixture *fixture = *state;

	ASK("discard", "-ERR DISCARD without MULTI\r\n");
	ASK("multi", "+OK\r\n");
	ASK("multi", "-ERR MULTI calls can not be nested\r\n");
	ASK("watch a", "-ERR WATCH inside MULTI is not allowed\r\n");
	ASK("set a 1", QUEUED);
	ASK("exec", "*1\r\n+OK\r\n");
	ASK("multi", "+OK\r\n");
	ASK("set a 2", QUEUED);
	ASK("discard", "+OK\r\n");
	ASK("get a", "$1\r\n1\r\n");
	ASK("multi", "+OK\r\n");
	ASK("set a 2", QUEUED);
	ASK("reset", "+RESET\r\n");
	ASK("get a", "$1\r\n1\r\n");
	ASK("multi", "+OK\r\n");
	ASK("quit", "+OK\r\n");
}

/* What changes a watched key, and what leaves it. */
static void
a_watched_key_that_changes_ends_it(void **state)
{
	static const struct {
		const char *line;
		bool changes;
	} cases[] = {
		{ "set a 2", true },
		{ "get a", false },
		{ "set a 2 nx", false },
		{ "set a 2 xx", true },
		{ "set none 2 xx", false },
		{ "setnx a 2", false },
		{ "setnx none 2", true },
		{ "append a x", true },
		{ "incr a", true },
		{ "incrby a x", false },
		{ "del a", true },
		{ "del other", false },
		{ "unlink other none", false },
		{ "getdel none", false },
		{ "getdel a", true },
		{ "expire a 100", true },
		{ "expire none 100", false },
		{ "expire a 100 xx", false },
		{ "persist a", false },
		{ "mset other 1 a 2", true },
		{ "mset other 1", false },
		{ "flushall", true },
		{ "set a", false },
	};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ASK("flushall", "+OK\r\n");
		ASK("mset a 1 other 1", "+OK\r\n");
		ASK("watch a none", "+OK\r\n");
		fixture_ask(fixture, cases[i].line);
		ASK("multi", "+OK\r\n");
		ASK("ping", QUEUED);
		ASK("exec", cases[i].changes ? "*-1\r\n" : "*1\r\n+PONG\r\n");
		assert_false(watches_any(&fixture->shard.store.watches));
	}
}

static void
what_goes_and_comes_back_has_changed(void **state)
{
	struct fixture *fixture = *state;

	ASK("set a 1", "+OK\r\n");
	ASK("watch a none", "+OK\r\n");
	ASK("del a", ":1\r\n");
	ASK("set a 1", "+OK\r\n");
	ASK("multi", "+OK\r\n");
	ASK("exec", "*-1\r\n");
	ASK("watch none", "+OK\r\n");
	ASK("set none 1", "+OK\r\n");
	ASK("del none", ":1\r\n");
	ASK("multi", "+OK\r\n");
	ASK("exec", "*-1\r\n");
	/* Of what is not there, nothing goes. */
	ASK("watch none", "+OK\r\n");
	ASK("flushall", "+OK\r\n");
	ASK("multi", "+OK\r\n");
	ASK("exec", "*0\r\n");
}

static void
a_key_whose_time_comes_has_changed(void **state)
{
	struct fixture *fixture = *state;

	ASK("set a 1 px 10", "+OK\r\n");
	ASK("watch a", "+OK\r\n");
	/* Nobody looks, and the loop has not come round. */
	fixture->now_ns += 20 * 1000 * 1000;
	ASK("multi", "+OK\r\n");
	ASK("exec", "*-1\r\n");
	ASK("set a 1 px 10", "+OK\r\n");
	ASK("watch a", "+OK\r\n");
	fixture_pass_ms(fixture, 20);
	ASK("multi", "+OK\r\n");
	ASK("exec", "*-1\r\n");
	/* One that has expired already is not there. */
	ASK("set a 1 px 10", "+OK\r\n");
	fixture->now_ns += 20 * 1000 * 1000;
	ASK("watch a", "+OK\r\n");
	ASK("multi", "+OK\r\n");
	ASK("exec", "*0\r\n");
}

static void
watching_ends_in_many_ways(void **state)
{
	static const char *const ends[] = { "unwatch", "reset", "exec x",
					    "discard", "exec" };
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		ASK("watch a b", "+OK\r\n");
		assert_true(watches_any(&fixture->shard.store.watches));
		if (strcmp(ends[i], "unwatch") != 0)
			ASK("multi", "+OK\r\n");
		fixture_ask(fixture, ends[i]);
		assert_false(watches_any(&fixture->shard.store.watches));
	}
	ASK("watch a", "+OK\r\n");
	ASK("multi", "+OK\r\n");
	ASK("nosuch x",
	    "-ERR unknown command 'nosuch', with args beginning with: 'x' "
	    "\r\n");
	ASK("exec", REFUSED);
	assert_false(watches_any(&fixture->shard.store.watches));
}

static void
what_runs_tells_others_who_watch(void **state)
{
	struct fixture *fixture = *state;
	struct watches *watches = &fixture->shard.store.watches;
	struct arg a = fixture_arg(fixture, "a");

	assert_int_equal(watches_add(watches, 99, &a), 0);
	ASK("multi", "+OK\r\n");
	ASK("set a 1", QUEUED);
	ASK("exec", "*1\r\n+OK\r\n");
	assert_true(watches_end(watches, 99));
}

static void
replies_are_in_the_protocol_of_exec(void **state)
{
	struct fixture *fixture = *state;

	fixture_ask(fixture, "hello 3");
	ASK("multi", "+OK\r\n");
	ASK("get none", QUEUED);
	ASK("exec", "*1\r\n_\r\n");
	ASK("watch a", "+OK\r\n");
	ASK("set a 1", "+OK\r\n");
	ASK("multi", "+OK\r\n");
	ASK("exec", "_\r\n");
}

/* The queue has the limits of a request, and what is over them is freed. */
static void
a_transaction_has_a_limit(void **state)
{
	struct fixture *fixture = *state;
	struct transaction *transaction = &fixture->connection->transaction;
	size_t queued = 0;
	const char *reply;

	ASK("multi", "+OK\r\n");
	while (strcmp(reply = fixture_ask(fixture, "ping"), QUEUED) == 0)
		queued++;
	assert_string_equal(reply, "-ERR The transaction is too large\r\n");
	assert_in_range(queued, RESP_ARGS_MAX - 2, RESP_ARGS_MAX);
	assert_null(transaction->args.items);
	ASK("ping", QUEUED);
	assert_null(transaction->args.items);
	ASK("exec", REFUSED);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(commands_wait_for_exec),
		TEST(an_error_when_it_runs_stops_nothing),
		TEST(an_error_before_it_refuses_all),
		TEST(some_commands_do_not_wait),
		TEST(a_watched_key_that_changes_ends_it),
		TEST(what_goes_and_comes_back_has_changed),
		TEST(a_key_whose_time_comes_has_changed),
		TEST(watching_ends_in_many_ways),
		TEST(what_runs_tells_others_who_watch),
		TEST(replies_are_in_the_protocol_of_exec),
		TEST(a_transaction_has_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
