/* Commands on one shard, by their replies. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "fixture.h"
#include "router.h"

static void
the_table_is_in_order_and_sound(void **state)
{
	size_t count;
	const struct command *table = command_table(&count);

	(void)state;
	assert_true(count > 0);
	for (size_t i = 0; i < count; i++) {
		const struct command *command = &table[i];
		struct arg name = { .data = command->name,
				    .length = strlen(command->name) };

		if (i > 0)
			assert_true(strcmp(table[i - 1].name, command->name) <
				    0);
		assert_ptr_equal(command_find(&name), command);
		assert_non_null(command->run);
		/* What may go to several shards can be put together. */
		if (command->route == ROUTE_KEYS || command->route == ROUTE_ALL)
			assert_int_not_equal(command->gather, GATHER_NEVER);
		/* What is looked at before it runs is there. */
		if (command->route == ROUTE_KEY ||
		    command->route == ROUTE_KEYS ||
		    command->route == ROUTE_CURSOR)
			assert_true(abs(command->arity) >= 2);
		if (command->route == ROUTE_KEYS)
			assert_true(abs(command->arity) > command->key_step);
	}
}

static void
strings_are_set_and_got(void **state)
{
	struct fixture *fixture = *state;

	ASK("get a", "$-1\r\n");
	ASK("set a 1", "+OK\r\n");
	ASK("GET a", "$1\r\n1\r\n");
	ASK("set a \"\"", "+OK\r\n");
	ASK("get a", "$0\r\n\r\n");
	ASK("getset a 2", "$0\r\n\r\n");
	ASK("getdel a", "$1\r\n2\r\n");
	ASK("getdel a", "$-1\r\n");
	ASK("setnx a 1", ":1\r\n");
	ASK("setnx a 2", ":0\r\n");
	ASK("append a 23", ":3\r\n");
	ASK("append b x", ":1\r\n");
	ASK("strlen a", ":3\r\n");
	ASK("strlen nothing", ":0\r\n");
	ASK("mset a 1 b 2 c 3", "+OK\r\n");
	ASK("mget a x c", "*3\r\n$1\r\n1\r\n$-1\r\n$1\r\n3\r\n");
	ASK("type a", "+string\r\n");
	ASK("type x", "+none\r\n");
}

static void
values_are_binary(void **state)
{
	struct fixture *fixture = *state;

	ASK("set \"\\x00k\" \"a\\x00b\\r\\n\"", "+OK\r\n");
	fixture_ask(fixture, "get \"\\x00k\"");
	assert_int_equal(fixture_reply_length(fixture), 11);
	assert_memory_equal(fixture->reply.data, "$5\r\na\0b\r\n\r\n", 11);
}

static void
set_takes_its_options(void **state)
{
	struct fixture *fixture = *state;

	ASK("set a 1 xx", "$-1\r\n");
	ASK("set a 1 nx", "+OK\r\n");
	ASK("set a 2 nx", "$-1\r\n");
	ASK("set a 2 xx get", "$1\r\n1\r\n");
	ASK("set a 3 nx get", "$1\r\n2\r\n");
	ASK("get a", "$1\r\n2\r\n");
	ASK("set a 4 ex 100", "+OK\r\n");
	ASK("ttl a", ":100\r\n");
	ASK("set a 5 keepttl", "+OK\r\n");
	ASK("ttl a", ":100\r\n");
	ASK("set a 6", "+OK\r\n");
	ASK("ttl a", ":-1\r\n");
	ASK("set a 7 px 1500 px 2500", "+OK\r\n");
	ASK("pttl a", ":2500\r\n");
	ASK("set a 8 exat 1700000010", "+OK\r\n");
	ASK("pttl a", ":10000\r\n");
	ASK("set a 8 pxat 1700000000500", "+OK\r\n");
	ASK("pttl a", ":500\r\n");
	ASK("set n 1 nx xx", "-ERR syntax error\r\n");
	ASK("set n 1 ex 1 px 1", "-ERR syntax error\r\n");
	ASK("set n 1 ex 1 keepttl", "-ERR syntax error\r\n");
	ASK("set n 1 ex", "-ERR syntax error\r\n");
	ASK("set n 1 what", "-ERR syntax error\r\n");
	ASK("set n 1 ex x", "-ERR value is not an integer or out of range\r\n");
	ASK("set n 1 ex 0", "-ERR invalid expire time in 'set' command\r\n");
	ASK("set n 1 ex 9223372036854775807",
	    "-ERR invalid expire time in 'set' command\r\n");
	ASK("exists n", ":0\r\n");
}

static void
setex_sets_and_expires(void **state)
{
	struct fixture *fixture = *state;

	ASK("setex a 10 v", "+OK\r\n");
	ASK("pttl a", ":10000\r\n");
	ASK("psetex a 10 v", "+OK\r\n");
	ASK("pttl a", ":10\r\n");
	ASK("setex a 0 v", "-ERR invalid expire time in 'setex' command\r\n");
	ASK("psetex a -1 v",
	    "-ERR invalid expire time in 'psetex' command\r\n");
	fixture_pass_ms(fixture, 11);
	ASK("get a", "$-1\r\n");
	ASK("dbsize", ":0\r\n");
}

static void
integers_are_counted(void **state)
{
	struct fixture *fixture = *state;

	ASK("incr a", ":1\r\n");
	ASK("incrby a 9", ":10\r\n");
	ASK("decr a", ":9\r\n");
	ASK("decrby a 10", ":-1\r\n");
	ASK("get a", "$2\r\n-1\r\n");
	ASK("set a 9223372036854775807", "+OK\r\n");
	ASK("incr a", "-ERR increment or decrement would overflow\r\n");
	ASK("set a -9223372036854775808", "+OK\r\n");
	ASK("decr a", "-ERR increment or decrement would overflow\r\n");
	ASK("incrby a -1", "-ERR increment or decrement would overflow\r\n");
	ASK("decrby a -9223372036854775808",
	    "-ERR decrement would overflow\r\n");
	ASK("incrby a x", "-ERR value is not an integer or out of range\r\n");
	ASK("set a 01", "+OK\r\n");
	ASK("incr a", "-ERR value is not an integer or out of range\r\n");
}

static void
counting_keeps_the_expiry(void **state)
{
	struct fixture *fixture = *state;

	ASK("setex a 100 1", "+OK\r\n");
	ASK("incr a", ":2\r\n");
	ASK("append a 0", ":2\r\n");
	ASK("ttl a", ":100\r\n");
}

static void
keys_are_counted_and_removed(void **state)
{
	struct fixture *fixture = *state;

	ASK("mset a 1 b 2 c 3", "+OK\r\n");
	ASK("exists a b a x", ":3\r\n");
	ASK("dbsize", ":3\r\n");
	ASK("del a a x", ":1\r\n");
	ASK("unlink b c", ":2\r\n");
	ASK("mset a 1 b 2", "+OK\r\n");
	ASK("flushall", "+OK\r\n");
	ASK("dbsize", ":0\r\n");
	ASK("flushdb async", "+OK\r\n");
	ASK("flushall what", "-ERR syntax error\r\n");
}

static void
expiry_is_set_and_told(void **state)
{
	struct fixture *fixture = *state;

	ASK("expire a 10", ":0\r\n");
	ASK("ttl a", ":-2\r\n");
	ASK("set a 1", "+OK\r\n");
	ASK("pttl a", ":-1\r\n");
	ASK("expire a 10", ":1\r\n");
	ASK("ttl a", ":10\r\n");
	fixture_pass_ms(fixture, 1400);
	ASK("pttl a", ":8600\r\n");
	ASK("ttl a", ":9\r\n");
	ASK("persist a", ":1\r\n");
	ASK("persist a", ":0\r\n");
	ASK("pexpire a 1", ":1\r\n");
	fixture_pass_ms(fixture, 2);
	ASK("get a", "$-1\r\n");
	ASK("set a 1", "+OK\r\n");
	ASK("expire a -1", ":1\r\n");
	ASK("exists a", ":0\r\n");
}

static void
expire_takes_its_conditions(void **state)
{
	struct fixture *fixture = *state;

	ASK("set a 1", "+OK\r\n");
	ASK("expire a 10 xx", ":0\r\n");
	ASK("expire a 10 gt", ":0\r\n");
	ASK("expire a 10 lt", ":1\r\n");
	ASK("expire a 20 nx", ":0\r\n");
	ASK("expire a 20 lt", ":0\r\n");
	ASK("expire a 20 xx gt", ":1\r\n");
	ASK("expire a 20 gt", ":0\r\n");
	ASK("expire a 5 what", "-ERR Unsupported option what\r\n");
	ASK("expire a 5 nx gt",
	    "-ERR NX and XX, GT or LT options at the same time are not "
	    "compatible\r\n");
	ASK("expire a 5 gt lt",
	    "-ERR GT and LT options at the same time are not compatible\r\n");
	ASK("expire a x", "-ERR value is not an integer or out of range\r\n");
	ASK("expire a 9223372036854775807",
	    "-ERR invalid expire time in 'expire' command\r\n");
	ASK("pexpire a 9223372036854775807",
	    "-ERR invalid expire time in 'pexpire' command\r\n");
	ASK("ttl a", ":20\r\n");
}

static void
scan_walks_and_filters(void **state)
{
	struct fixture *fixture = *state;

	ASK("scan 0", "*2\r\n$1\r\n0\r\n*0\r\n");
	ASK("mset k1 1 x2 2", "+OK\r\n");
	ASK("scan 0 count 100 match k*", "*2\r\n$1\r\n0\r\n*1\r\n$2\r\nk1\r\n");
	ASK("scan 0 count 100 type string match x?",
	    "*2\r\n$1\r\n0\r\n*1\r\n$2\r\nx2\r\n");
	ASK("scan 0 count 100 type list", "*2\r\n$1\r\n0\r\n*0\r\n");
	ASK("flushall", "+OK\r\n");
	ASK("set \"\" v", "+OK\r\n");
	ASK("scan 0 match *", "*2\r\n$1\r\n0\r\n*1\r\n$0\r\n\r\n");
	ASK("scan 0 match **", "*2\r\n$1\r\n0\r\n*0\r\n");
	ASK("scan x", "-ERR invalid cursor\r\n");
	ASK("scan 1x", "-ERR invalid cursor\r\n");
	ASK("scan \" 1\"", "-ERR invalid cursor\r\n");
	ASK("scan 99999999999999999999", "-ERR invalid cursor\r\n");
	ASK("scan 0 count 0", "-ERR syntax error\r\n");
	ASK("scan 0 count x",
	    "-ERR value is not an integer or out of range\r\n");
	ASK("scan 0 match", "-ERR syntax error\r\n");
	ASK("scan 0 what 1", "-ERR syntax error\r\n");
}

static void
errors_are_worded_as_redis_does(void **state)
{
	struct fixture *fixture = *state;
	char line[400];

	ASK("foo",
	    "-ERR unknown command 'foo', with args beginning with: \r\n");
	ASK("FOO a \"b\\r\\n\" c",
	    "-ERR unknown command 'FOO', with args beginning with: "
	    "'a' 'b  ' 'c' \r\n");
	ASK("get", "-ERR wrong number of arguments for 'get' command\r\n");
	ASK("GET a b", "-ERR wrong number of arguments for 'get' command\r\n");
	ASK("mset a 1 b",
	    "-ERR wrong number of arguments for 'mset' command\r\n");
	ASK("ping a b",
	    "-ERR wrong number of arguments for 'ping' command\r\n");
	ASK("client",
	    "-ERR wrong number of arguments for 'client' command\r\n");
	ASK("client getname x", "-ERR wrong number of arguments for "
				"'client|getname' command\r\n");
	ASK("client foo",
	    "-ERR unknown subcommand 'foo'. Try CLIENT HELP.\r\n");
	/* What is repeated of a long line is cut. */
	strcpy(line, "nope ");
	memset(line + 5, 'y', 300);
	line[305] = '\0';
	assert_int_equal(strlen(fixture_ask(fixture, line)),
			 strlen("-ERR unknown command 'nope', with args "
				"beginning with: '' \r\n") +
				 128);
}

static void
the_connection_has_its_commands(void **state)
{
	struct fixture *fixture = *state;

	ASK("ping", "+PONG\r\n");
	ASK("ping hello", "$5\r\nhello\r\n");
	ASK("echo hello", "$5\r\nhello\r\n");
	ASK("time", "*2\r\n$10\r\n1700000000\r\n$1\r\n0\r\n");
	fixture_pass_ms(fixture, 2345);
	ASK("time", "*2\r\n$10\r\n1700000002\r\n$6\r\n345000\r\n");
	ASK("select 0", "+OK\r\n");
	ASK("select 1", "-ERR DB index is out of range\r\n");
	ASK("select x", "-ERR value is not an integer or out of range\r\n");
	ASK("client id", ":7\r\n");
	ASK("client getname", "$-1\r\n");
	ASK("client setname me", "+OK\r\n");
	ASK("client getname", "$2\r\nme\r\n");
	ASK("client setname \"a b\"",
	    "-ERR Client names cannot contain spaces, newlines or special "
	    "characters.\r\n");
	ASK("client setname \"\"", "+OK\r\n");
	ASK("client getname", "$-1\r\n");
	ASK("client setinfo lib-name x", "+OK\r\n");
	assert_string_equal(fixture->connection->library_name, "x");
	ASK("client setinfo LIB-VER 1.2", "+OK\r\n");
	assert_string_equal(fixture->connection->library_version, "1.2");
	ASK("client setinfo lib-name \"a b\"",
	    "-ERR lib-name cannot contain spaces, newlines or special "
	    "characters.\r\n");
	ASK("client setinfo what x", "-ERR Unrecognized option 'what'\r\n");
	assert_string_equal(fixture->connection->library_name, "x");
	ASK("client setinfo lib-name \"\"", "+OK\r\n");
	assert_null(fixture->connection->library_name);
	ASK("client no-evict on", "+OK\r\n");
	ASK("client no-evict what", "-ERR syntax error\r\n");
	ASK("client kill 1.2.3.4:5", "-ERR No such client\r\n");
	ASK("client kill id 99", ":0\r\n");
	ASK("client list id 99", "$0\r\n\r\n");
	ASK("hello 1", "-NOPROTO unsupported protocol version\r\n");
	ASK("hello 4", "-NOPROTO unsupported protocol version\r\n");
	ASK("hello x",
	    "-ERR Protocol version is not an integer or out of range\r\n");
	ASK("hello 2 foo", "-ERR Syntax error in HELLO option 'foo'\r\n");
	assert_memory_equal(fixture_ask(fixture, "hello"), "*14\r\n", 5);
	assert_memory_equal(
		fixture_ask(fixture, "hello 2 setname you auth default x"),
		"*14\r\n", 5);
	ASK("client getname", "$3\r\nyou\r\n");
	ASK("quit now", "+OK\r\n");
	assert_true(fixture->connection->closing);
}

static void
hello_chooses_the_protocol(void **state)
{
	struct fixture *fixture = *state;

	ASK("get a", "$-1\r\n");
	assert_memory_equal(fixture_ask(fixture, "hello 3"), "%7\r\n", 4);
	assert_non_null(strstr(fixture->reply.data, "proto\r\n:3\r\n"));
	ASK("get a", "_\r\n");
	ASK("set b 1", "+OK\r\n");
	ASK("mget a b a", "*3\r\n_\r\n$1\r\n1\r\n_\r\n");
	ASK("config get save", "%1\r\n$4\r\nsave\r\n$0\r\n\r\n");
	ASK("info nothing", "=4\r\ntxt:\r\n");
	/* What is refused leaves the protocol; what stood before it is done. */
	ASK("hello 2 setname me what",
	    "-ERR Syntax error in HELLO option 'what'\r\n");
	ASK("hello 2 setname me auth someone x",
	    "-WRONGPASS invalid username-password pair or user is "
	    "disabled.\r\n");
	assert_memory_equal(fixture_ask(fixture, "hello 2 setname \"a b\""),
			    "-ERR Client names", 17);
	ASK("client getname", "$2\r\nme\r\n");
	assert_memory_equal(fixture_ask(fixture, "hello"), "%7\r\n", 4);
	assert_memory_equal(fixture_ask(fixture, "hello 2"), "*14\r\n", 5);
	ASK("get a", "$-1\r\n");
	assert_memory_equal(fixture_ask(fixture, "hello 3"), "%7\r\n", 4);
	ASK("reset", "+RESET\r\n");
	ASK("get a", "$-1\r\n");
}

/* The shard's tables, without the bus. */
static void
subscribe(struct fixture *fixture, enum channel_kind kind, const char *text)
{
	struct arg name = fixture_arg(fixture, text);

	assert_int_equal(channels_add(&fixture->shard.pubsub.channels, kind,
				      &name, &fixture->connection->subscriber),
			 0);
}

static void
unsubscribe_all(struct fixture *fixture)
{
	struct subscriber *subscriber = &fixture->connection->subscriber;

	for (enum channel_kind kind = 0; kind < CHANNEL_KINDS; kind++) {
		while (subscriber->subscriptions[kind] != NULL)
			channels_remove(&fixture->shard.pubsub.channels,
					subscriber->subscriptions[kind]);
	}
}

static void
channels_are_told(void **state)
{
	struct fixture *fixture = *state;
	struct subscriber other = { 0 };
	struct arg a = fixture_arg(fixture, "a");

	ASK("pubsub channels", "*0\r\n");
	ASK("pubsub numpat", ":0\r\n");
	ASK("pubsub numsub", "*0\r\n");
	assert_int_equal(channels_add(&fixture->shard.pubsub.channels,
				      CHANNEL_NAME, &a, &other),
			 0);
	ASK("pubsub channels", "*1\r\n$1\r\na\r\n");
	ASK("pubsub channels b*", "*0\r\n");
	ASK("pubsub numsub a b a", "*6\r\n$1\r\na\r\n:1\r\n$1\r\nb\r\n:0\r\n"
				   "$1\r\na\r\n:1\r\n");
	ASK("pubsub nosuch",
	    "-ERR unknown subcommand 'nosuch'. Try PUBSUB HELP.\r\n");
	ASK("pubsub Channels a b",
	    "-ERR unknown subcommand or wrong number of arguments for "
	    "'Channels'. Try PUBSUB HELP.\r\n");
	ASK("pubsub numpat x", "-ERR wrong number of arguments for "
			       "'pubsub|numpat' command\r\n");
	channels_remove(&fixture->shard.pubsub.channels,
			other.subscriptions[CHANNEL_NAME]);
}

static void
a_subscriber_may_do_little_else(void **state)
{
	struct fixture *fixture = *state;

	ASK("unsubscribe", "*3\r\n$11\r\nunsubscribe\r\n$-1\r\n:0\r\n");
	ASK("punsubscribe x", "*3\r\n$12\r\npunsubscribe\r\n$1\r\nx\r\n:0\r\n");
	subscribe(fixture, CHANNEL_NAME, "a");
	subscribe(fixture, CHANNEL_PATTERN, "a");
	ASK("ping", "*2\r\n$4\r\npong\r\n$0\r\n\r\n");
	ASK("ping x", "*2\r\n$4\r\npong\r\n$1\r\nx\r\n");
	ASK("get a", "-ERR Can't execute 'get': only (P|S)SUBSCRIBE / "
		     "(P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in "
		     "this context\r\n");
	ASK("get", "-ERR wrong number of arguments for 'get' command\r\n");
	ASK("CONFIG get save",
	    "-ERR Can't execute 'config|get': only (P|S)SUBSCRIBE / "
	    "(P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this "
	    "context\r\n");
	ASK("pubsub numpat",
	    "-ERR Can't execute 'pubsub|numpat': only (P|S)SUBSCRIBE / "
	    "(P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this "
	    "context\r\n");
	unsubscribe_all(fixture);
	ASK("ping", "+PONG\r\n");
	ASK("get a", "$-1\r\n");
	ASK("client setname me", "+OK\r\n");
	ASK("reset", "+RESET\r\n");
	ASK("client getname", "$-1\r\n");
}

static void
a_subscriber_of_resp3_may_do_everything(void **state)
{
	struct fixture *fixture = *state;

	fixture_ask(fixture, "hello 3");
	ASK("unsubscribe", ">3\r\n$11\r\nunsubscribe\r\n_\r\n:0\r\n");
	subscribe(fixture, CHANNEL_NAME, "a");
	ASK("ping", "+PONG\r\n");
	ASK("ping x", "$1\r\nx\r\n");
	ASK("get a", "_\r\n");
	ASK("pubsub numpat", ":0\r\n");
	fixture_ask(fixture, "hello 2");
	ASK("ping", "*2\r\n$4\r\npong\r\n$0\r\n\r\n");
	unsubscribe_all(fixture);
}

/* What waits for what, as docs/gyre-kv.md has it. */
static void
messages_and_the_rest_wait_for_one_another(void **state)
{
	static const struct {
		const char *name;
		bool behind_keys, behind_messages;
	} cases[] = {
		{ "get", false, true },      { "dbsize", false, true },
		{ "ping", false, false },    { "publish", true, false },
		{ "subscribe", true, true }, { "reset", true, true },
	};
	struct fixture *fixture = *state;
	struct connection *connection = fixture->connection;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct arg name = fixture_arg(fixture, cases[i].name);
		const struct command *command = command_find(&name);

		assert_false(router_must_wait(connection, command));
		connection->lanes_busy = 1;
		assert_int_equal(router_must_wait(connection, command),
				 cases[i].behind_keys);
		connection->lanes_busy = 0;
		connection->publications = 1;
		assert_int_equal(router_must_wait(connection, command),
				 cases[i].behind_messages);
		connection->publications = 0;
	}
}

static void
the_table_is_told(void **state)
{
	struct fixture *fixture = *state;
	char expected[32];
	size_t count;

	command_table(&count);
	snprintf(expected, sizeof(expected), ":%zu\r\n", count);
	ASK("command count", expected);
	snprintf(expected, sizeof(expected), "*%zu\r\n", count);
	assert_memory_equal(fixture_ask(fixture, "command"), expected,
			    strlen(expected));
	assert_memory_equal(fixture_ask(fixture, "command info"), expected,
			    strlen(expected));
	assert_memory_equal(fixture_ask(fixture, "command list"), expected,
			    strlen(expected));
	assert_non_null(strstr(fixture->reply.data, "$5\r\nsetex\r\n"));
}

static void
subcommands_are_explained(void **state)
{
	struct fixture *fixture = *state;

	ASK("config help",
	    "*5\r\n+CONFIG <subcommand> [<arg> [value] [opt] ...]. "
	    "Subcommands are:\r\n+GET\r\n+    Return parameters matching "
	    "glob-like patterns.\r\n+HELP\r\n+    Prints this help.\r\n");
	assert_memory_equal(fixture_ask(fixture, "client help"), "*19\r\n+CLI",
			    9);
	ASK("client help me", "-ERR wrong number of arguments for "
			      "'client|help' command\r\n");
}

static void
the_server_tells_about_itself(void **state)
{
	struct fixture *fixture = *state;
	const char *reply;

	ASK("config get save", "*2\r\n$4\r\nsave\r\n$0\r\n\r\n");
	ASK("config get app*", "*2\r\n$10\r\nappendonly\r\n$2\r\nno\r\n");
	ASK("config get nothing", "*0\r\n");
	ASK("config set a b",
	    "-ERR unknown subcommand 'set'. Try CONFIG HELP.\r\n");
	ASK("command docs", "*0\r\n");
	ASK("command info nothing", "*1\r\n$-1\r\n");
	ASK("command info get",
	    "*1\r\n*10\r\n$3\r\nget\r\n:2\r\n*2\r\n+readonly\r\n+fast\r\n:1\r\n"
	    ":1\r\n:1\r\n*0\r\n*0\r\n*0\r\n*0\r\n");
	ASK("info nothing", "$0\r\n\r\n");
	ASK("mset a 1 b 2", "+OK\r\n");
	ASK("setex c 10 1", "+OK\r\n");
	ASK("info keyspace", "$44\r\n# Keyspace\r\n"
			     "db0:keys=3,expires=1,avg_ttl=0\r\n\r\n");
	reply = fixture_ask(fixture, "info");
	assert_non_null(strstr(reply, "redis_version:"));
	assert_non_null(strstr(reply, "\r\n\r\n# Keyspace\r\n"));
}

static void
require(struct fixture *fixture, const char *password)
{
	memcpy(fixture->options.password, password, strlen(password) + 1);
	connection_lock(fixture->connection);
}

static void
a_stranger_may_do_nothing_but_come_in(void **state)
{
	struct fixture *fixture = *state;

	ASK("auth x", "-ERR AUTH <password> called without any password "
		      "configured for the default user. Are you sure your "
		      "configuration is correct?\r\n");
	ASK("auth default x", "+OK\r\n");
	ASK("auth someone x", "-WRONGPASS invalid username-password pair or "
			      "user is disabled.\r\n");
	require(fixture, "secret");
	ASK("get a", "-NOAUTH Authentication required.\r\n");
	ASK("ping", "-NOAUTH Authentication required.\r\n");
	ASK("exec", "-EXECABORT Transaction discarded because of: NOAUTH "
		    "Authentication required.\r\n");
	ASK("subscribe a", "-NOAUTH Authentication required.\r\n");
	ASK("info", "-NOAUTH Authentication required.\r\n");
	ASK("auth", "-ERR wrong number of arguments for 'auth' command\r\n");
	ASK("auth a b c", "-ERR syntax error\r\n");
	ASK("auth wrong", "-WRONGPASS invalid username-password pair or user "
			  "is disabled.\r\n");
	assert_memory_equal(fixture_ask(fixture, "hello 2"), "-NOAUTH HELLO",
			    13);
	ASK("get a", "-NOAUTH Authentication required.\r\n");
	ASK("auth secret", "+OK\r\n");
	ASK("get a", "$-1\r\n");
	/* Whoever is in stays in. */
	ASK("auth wrong", "-WRONGPASS invalid username-password pair or user "
			  "is disabled.\r\n");
	ASK("get a", "$-1\r\n");
	ASK("reset", "+RESET\r\n");
	ASK("get a", "-NOAUTH Authentication required.\r\n");
	ASK("hello 2 auth default wrong",
	    "-WRONGPASS invalid username-password pair or user is "
	    "disabled.\r\n");
	ASK("get a", "-NOAUTH Authentication required.\r\n");
	assert_memory_equal(fixture_ask(fixture, "hello 2 auth default secret"),
			    "*14\r\n", 5);
	ASK("get a", "$-1\r\n");
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table_is_in_order_and_sound),
		TEST(strings_are_set_and_got),
		TEST(values_are_binary),
		TEST(set_takes_its_options),
		TEST(setex_sets_and_expires),
		TEST(integers_are_counted),
		TEST(counting_keeps_the_expiry),
		TEST(keys_are_counted_and_removed),
		TEST(expiry_is_set_and_told),
		TEST(expire_takes_its_conditions),
		TEST(scan_walks_and_filters),
		TEST(errors_are_worded_as_redis_does),
		TEST(the_connection_has_its_commands),
		TEST(hello_chooses_the_protocol),
		TEST(channels_are_told),
		TEST(a_subscriber_may_do_little_else),
		TEST(a_subscriber_of_resp3_may_do_everything),
		TEST(messages_and_the_rest_wait_for_one_another),
		TEST(the_table_is_told),
		TEST(subcommands_are_explained),
		TEST(the_server_tells_about_itself),
		TEST(a_stranger_may_do_nothing_but_come_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
