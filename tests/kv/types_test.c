/* Commands on lists, hashes, sets and sorted sets, by their replies. */
#include "test.h"

#include <stdio.h>

#include "fixture.h"

#define WRONG                                                           \
	"-WRONGTYPE Operation against a key holding the wrong kind of " \
	"value\r\n"
#define NO_INTEGER "-ERR value is not an integer or out of range\r\n"
#define SYNTAX     "-ERR syntax error\r\n"

static void
lists_are_pushed_and_popped(void **state)
{
	struct fixture *fixture = *state;

	ASK("rpush l a b c", ":3\r\n");
	ASK("lpush l z y", ":5\r\n");
	ASK("lrange l 0 -1", "*5\r\n$1\r\ny\r\n$1\r\nz\r\n$1\r\na\r\n$1\r\nb"
			     "\r\n$1\r\nc\r\n");
	ASK("lpop l", "$1\r\ny\r\n");
	ASK("rpop l 2", "*2\r\n$1\r\nc\r\n$1\r\nb\r\n");
	ASK("lpop l 0", "*0\r\n");
	ASK("lpop l -1", "-ERR value is out of range, must be positive\r\n");
	ASK("lpop l 9", "*2\r\n$1\r\nz\r\n$1\r\na\r\n");
	ASK("exists l", ":0\r\n");
	ASK("lpop l", "$-1\r\n");
	ASK("lpop l 1", "*-1\r\n");
	ASK("lpushx l a", ":0\r\n");
	ASK("lpop l 1 2",
	    "-ERR wrong number of arguments for 'lpop' command\r\n");
}

static void
lists_are_changed_in_the_middle(void **state)
{
	struct fixture *fixture = *state;

	ASK("rpush l a b a c a", ":5\r\n");
	ASK("linsert l before c longer-than-eight", ":6\r\n");
	ASK("lindex l 3", "$17\r\nlonger-than-eight\r\n");
	ASK("linsert l AFTER nothing x", ":-1\r\n");
	ASK("linsert none AFTER nothing x", ":0\r\n");
	ASK("linsert l what a x", SYNTAX);
	ASK("lset l -3 x", "+OK\r\n");
	ASK("lindex l 3", "$1\r\nx\r\n");
	ASK("lindex l 6", "$-1\r\n");
	ASK("lindex l x", NO_INTEGER);
}

static void
lists_are_searched(void **state)
{
	struct fixture *fixture = *state;

	ASK("rpush l a b a c a", ":5\r\n");
	ASK("lpos l a", ":0\r\n");
	ASK("lpos l a rank -1", ":4\r\n");
	ASK("lpos l a count 0", "*3\r\n:0\r\n:2\r\n:4\r\n");
	ASK("lpos l a rank 2 count 9", "*2\r\n:2\r\n:4\r\n");
	ASK("lpos l a count 0 maxlen 3", "*2\r\n:0\r\n:2\r\n");
	ASK("lpos l x", "$-1\r\n");
	ASK("lpos l x count 1", "*0\r\n");
	ASK("lpos l a count", SYNTAX);
	ASK("lpos l a count -1", "-ERR COUNT can't be negative\r\n");
	ASK("lrem l -2 a", ":2\r\n");
	ASK("lrange l 0 -1", "*3\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n");
	ASK("lrem l 0 a", ":1\r\n");
	ASK("ltrim l 1 -1", "+OK\r\n");
	ASK("lmove l l left right", "$1\r\nc\r\n");
	ASK("rpoplpush l m", "$1\r\nc\r\n");
	ASK("exists l m", ":1\r\n");
	ASK("lmove m l up left", SYNTAX);
	ASK("lset m 0 \"\"", "+OK\r\n");
	ASK("lindex m 0", "$0\r\n\r\n");
	ASK("lset m 1 x", "-ERR index out of range\r\n");
	ASK("lset l 1 x", "-ERR no such key\r\n");
	ASK("ltrim m 5 9", "+OK\r\n");
	ASK("llen m", ":0\r\n");
}

static void
hashes_have_fields(void **state)
{
	struct fixture *fixture = *state;

	ASK("hset h a 1 b 2 a 3", ":2\r\n");
	ASK("hmset h c", "-ERR wrong number of arguments for 'hmset' "
			 "command\r\n");
	ASK("hget h a", "$1\r\n3\r\n");
	ASK("hmget h b x", "*2\r\n$1\r\n2\r\n$-1\r\n");
	ASK("hsetnx h a 4", ":0\r\n");
	ASK("hincrby h a -5", ":-2\r\n");
	ASK("hincrby n x 9223372036854775807", ":9223372036854775807\r\n");
	ASK("hincrby n x 1", "-ERR increment or decrement would overflow\r\n");
	ASK("hincrbyfloat h b 0.5", "$3\r\n2.5\r\n");
	ASK("hincrby h b 1", "-ERR hash value is not an integer\r\n");
	ASK("hincrbyfloat h b inf", "-ERR value is NaN or Infinity\r\n");
	ASK("hset h t text", ":1\r\n");
	ASK("hincrbyfloat h t 1", "-ERR hash value is not a float\r\n");
	ASK("hstrlen h t", ":4\r\n");
	ASK("hexists h t", ":1\r\n");
	ASK("hdel h t a x", ":2\r\n");
	ASK("hgetall h", "*2\r\n$1\r\nb\r\n$3\r\n2.5\r\n");
	ASK("hkeys h", "*1\r\n$1\r\nb\r\n");
	ASK("hvals h", "*1\r\n$3\r\n2.5\r\n");
	ASK("hrandfield h", "$1\r\nb\r\n");
	ASK("hrandfield h -2 withvalues",
	    "*4\r\n$1\r\nb\r\n$3\r\n2.5\r\n$1\r\nb\r\n$3\r\n2.5\r\n");
	ASK("hscan h 0", "*2\r\n$1\r\n0\r\n*2\r\n$1\r\nb\r\n$3\r\n2.5\r\n");
	ASK("hdel h b", ":1\r\n");
	ASK("type h", "+none\r\n");
	/* What fails on a key that is not there does not make it. */
	ASK("hincrby h b x", NO_INTEGER);
	ASK("hset h b x c", "-ERR wrong number of arguments for 'hset' "
			    "command\r\n");
	ASK("exists h", ":0\r\n");
}

static void
sets_have_members(void **state)
{
	struct fixture *fixture = *state;

	ASK("sadd s a b a", ":2\r\n");
	ASK("sadd r b", ":1\r\n");
	ASK("sismember s a", ":1\r\n");
	ASK("smismember s x b", "*2\r\n:0\r\n:1\r\n");
	ASK("sinter s r", "*1\r\n$1\r\nb\r\n");
	ASK("sdiff s r nothing", "*1\r\n$1\r\na\r\n");
	ASK("sinter s nothing", "*0\r\n");
	ASK("sinterstore i s r", ":1\r\n");
	ASK("sunionstore i s r", ":2\r\n");
	ASK("sdiffstore i r s", ":0\r\n");
	ASK("exists i", ":0\r\n");
	ASK("sunionstore s s r", ":2\r\n");
	ASK("sintercard 2 s r", ":1\r\n");
	ASK("sintercard 1 s limit 1", ":1\r\n");
	ASK("sintercard 0 s", "-ERR numkeys should be greater than 0\r\n");
	ASK("sintercard 3 s r", "-ERR Number of keys can't be greater than "
				"number of args\r\n");
	ASK("smove s r a", ":1\r\n");
	ASK("smove s r a", ":0\r\n");
	ASK("scard r", ":2\r\n");
	ASK("spop s", "$1\r\nb\r\n");
	ASK("spop s", "$-1\r\n");
	ASK("spop s 1", "*0\r\n");
	ASK("srem r a x", ":1\r\n");
	ASK("srandmember r", "$1\r\nb\r\n");
	ASK("srandmember r 5", "*1\r\n$1\r\nb\r\n");
	ASK("srandmember r -2", "*2\r\n$1\r\nb\r\n$1\r\nb\r\n");
	ASK("srandmember r -1048577", "-ERR value is out of range\r\n");
	ASK("sscan r 0", "*2\r\n$1\r\n0\r\n*1\r\n$1\r\nb\r\n");
	ASK("sscan r x", "-ERR invalid cursor\r\n");
	ASK("sscan r 0 count 0", SYNTAX);
	ASK("spop r 9", "*1\r\n$1\r\nb\r\n");
	ASK("dbsize", ":0\r\n");
}

static void
sorted_sets_take_zadd_s_options(void **state)
{
	struct fixture *fixture = *state;

	ASK("zadd z 1 a 2 b", ":2\r\n");
	ASK("zadd z ch 1 a 3 b 4 c", ":2\r\n");
	ASK("zadd z nx 9 a 9 d", ":1\r\n");
	ASK("zadd z xx 8 e", ":0\r\n");
	ASK("zadd z gt 0 a", ":0\r\n");
	ASK("zadd z lt ch 0 a", ":1\r\n");
	ASK("zadd z incr 2 a", "$1\r\n2\r\n");
	ASK("zadd z nx incr 2 a", "$-1\r\n");
	ASK("zadd none xx incr 2 a", "$-1\r\n");
	ASK("zadd z nx xx 1 a", "-ERR XX and NX options at the same time are "
				"not compatible\r\n");
	ASK("zadd z gt lt 1 a", "-ERR GT, LT, and/or NX options at the same "
				"time are not compatible\r\n");
	ASK("zadd z incr 1 a 2 b", "-ERR INCR option supports a single "
				   "increment-element pair\r\n");
	ASK("zadd z 1", "-ERR wrong number of arguments for 'zadd' "
			"command\r\n");
	ASK("zadd z 1 a 2", SYNTAX);
	ASK("zadd z x a", "-ERR value is not a valid float\r\n");
	ASK("zadd z -inf i", ":1\r\n");
	ASK("zincrby z inf i", "-ERR resulting score is not a number (NaN)"
			       "\r\n");
	ASK("zscore z i", "$4\r\n-inf\r\n");
	ASK("zincrby new 1.5 m", "$3\r\n1.5\r\n");
	ASK("zincrby new -1.5 m", "$1\r\n0\r\n");
	ASK("zadd new -0 n", ":1\r\n");
	ASK("zmscore new n x", "*2\r\n$1\r\n0\r\n$-1\r\n");
}

static void
sorted_sets_have_ranges(void **state)
{
	struct fixture *fixture = *state;

	ASK("zadd z 1 a 2 b 2 c 3 d", ":4\r\n");
	ASK("zrange z 0 0 withscores", "*2\r\n$1\r\na\r\n$1\r\n1\r\n");
	ASK("zrange z 0 1 rev", "*2\r\n$1\r\nd\r\n$1\r\nc\r\n");
	ASK("zrange z (1 (3 byscore", "*2\r\n$1\r\nb\r\n$1\r\nc\r\n");
	ASK("zrange z (3 1 byscore rev limit 1 1", "*1\r\n$1\r\nb\r\n");
	ASK("zrevrangebyscore z +inf -inf limit 0 1", "*1\r\n$1\r\nd\r\n");
	ASK("zrangebyscore z x 1", "-ERR min or max is not a float\r\n");
	ASK("zrange z 0 1 limit 0 1", "-ERR syntax error, LIMIT is only "
				      "supported in combination with either "
				      "BYSCORE or BYLEX\r\n");
	ASK("zcount z 2 2", ":2\r\n");
	ASK("zrank z c", ":2\r\n");
	ASK("zrevrank z c", ":1\r\n");
	ASK("zrank z x", "$-1\r\n");
	ASK("zremrangebyscore z 2 2", ":2\r\n");
	ASK("zremrangebyrank z -1 -1", ":1\r\n");
	ASK("zrem z a", ":1\r\n");
	ASK("exists z", ":0\r\n");
	ASK("zadd z 0 a 0 b 0 c", ":3\r\n");
	ASK("zrange z [b + bylex", "*2\r\n$1\r\nb\r\n$1\r\nc\r\n");
	ASK("zrangebylex z - (b", "*1\r\n$1\r\na\r\n");
	ASK("zlexcount z [b [b", ":1\r\n");
	ASK("zrangebylex z b c", "-ERR min or max not valid string range "
				 "item\r\n");
	ASK("zpopmax z", "*2\r\n$1\r\nc\r\n$1\r\n0\r\n");
	ASK("zpopmin z 9",
	    "*4\r\n$1\r\na\r\n$1\r\n0\r\n$1\r\nb\r\n$1\r\n0\r\n");
	ASK("zpopmin z", "*0\r\n");
	ASK("zscan z 0", "*2\r\n$1\r\n0\r\n*0\r\n");
}

/* Commands of one type on keys of another. */
static void
types_are_not_mixed(void **state)
{
	static const char *const lines[] = {
		"get l",          "append l x",      "strlen l",
		"incr l",         "getset l x",      "getdel l",
		"getrange l 0 1", "setrange l 0 x",  "incrbyfloat l 1",
		"getex l",        "set l x get",     "lpush s x",
		"lpop s",         "lrange z 0 1",    "lmove l s left left",
		"hget l a",       "hset s a 1",      "hincrby l a 1",
		"hgetall z",      "sadd l a",        "smembers h",
		"sinter s l",     "sunionstore x l", "smove s l a",
		"spop h",         "zadd s 1 a",      "zrange s 0 1",
		"zscore h a",     "zpopmin l",       "hscan s 0",
		"srandmember l",  "lpos h a",        "zremrangebyrank h 0 1",
	};
	struct fixture *fixture = *state;

	ASK("rpush l a", ":1\r\n");
	ASK("sadd s a", ":1\r\n");
	ASK("zadd z 1 a", ":1\r\n");
	ASK("hset h a 1", ":1\r\n");
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		ASK(lines[i], WRONG);
	ASK("mget l s z h", "*4\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n");
	ASK("type l", "+list\r\n");
	ASK("type s", "+set\r\n");
	ASK("type z", "+zset\r\n");
	ASK("type h", "+hash\r\n");
	ASK("scan 0 type zset", "*2\r\n$1\r\n0\r\n*1\r\n$1\r\nz\r\n");
	ASK("setnx l x", ":0\r\n");
	ASK("set l x", "+OK\r\n");
	ASK("get l", "$1\r\nx\r\n");
	ASK("sunionstore h s", ":1\r\n");
	ASK("type h", "+set\r\n");
}

static void
objects_expire_and_are_renamed(void **state)
{
	struct fixture *fixture = *state;

	ASK("rpush l a", ":1\r\n");
	ASK("pexpire l 100", ":1\r\n");
	ASK("rpush l b", ":2\r\n");
	ASK("pttl l", ":100\r\n");
	ASK("set m x", "+OK\r\n");
	ASK("renamenx l m", ":0\r\n");
	ASK("rename l m", "+OK\r\n");
	ASK("rename l m", "-ERR no such key\r\n");
	ASK("rename m m", "+OK\r\n");
	ASK("llen m", ":2\r\n");
	ASK("pttl m", ":100\r\n");
	ASK("pexpiretime m", ":1700000000100\r\n");
	ASK("sadd s a", ":1\r\n");
	ASK("expireat s 1700000001", ":1\r\n");
	ASK("sunionstore s s", ":1\r\n");
	ASK("ttl s", ":-1\r\n");
	fixture_pass_ms(fixture, 101);
	ASK("exists m", ":0\r\n");
	ASK("dbsize", ":1\r\n");
}

static void
strings_are_read_and_written_in_parts(void **state)
{
	struct fixture *fixture = *state;

	ASK("setrange a 2 xy", ":4\r\n");
	fixture_ask(fixture, "get a");
	assert_memory_equal(fixture->reply.data, "$4\r\n\0\0xy\r\n", 10);
	ASK("getrange a -2 -1", "$2\r\nxy\r\n");
	ASK("getrange a 5 9", "$0\r\n\r\n");
	ASK("setrange a -1 x", "-ERR offset is out of range\r\n");
	ASK("setrange a 536870912 x", "-ERR string exceeds maximum allowed "
				      "size (proto-max-bulk-len)\r\n");
	ASK("setrange none 5 \"\"", ":0\r\n");
	ASK("incrbyfloat f 3.0e3", "$4\r\n3000\r\n");
	ASK("incrbyfloat f -0.25", "$7\r\n2999.75\r\n");
	ASK("incrbyfloat f inf", "-ERR increment would produce NaN or "
				 "Infinity\r\n");
	ASK("incrbyfloat a 1", "-ERR value is not a valid float\r\n");
	ASK("getex f ex 10", "$7\r\n2999.75\r\n");
	ASK("ttl f", ":10\r\n");
	ASK("getex f persist", "$7\r\n2999.75\r\n");
	ASK("ttl f", ":-1\r\n");
	ASK("getex f persist ex 1", SYNTAX);
	ASK("getex f pxat 1", "$7\r\n2999.75\r\n");
	ASK("exists f", ":0\r\n");
	ASK("msetnx x 1 y 2", ":1\r\n");
	ASK("msetnx z 1 y 2", ":0\r\n");
	ASK("exists z", ":0\r\n");
	ASK("msetnx z", "-ERR wrong number of arguments for 'msetnx' "
			"command\r\n");
	ASK("touch x y z", ":2\r\n");
}

/* A walk over many meets each, in pieces. */
static void
elements_are_walked_in_pieces(void **state)
{
	struct fixture *fixture = *state;
	char line[64];
	unsigned long long cursor = 0;
	size_t met = 0;
	unsigned pieces = 0;

	for (int i = 0; i < 1000; i++) {
		snprintf(line, sizeof(line), "sadd s member:%d", i);
		ASK(line, ":1\r\n");
	}
	do {
		unsigned length;
		unsigned count;

		snprintf(line, sizeof(line), "sscan s %llu count 20", cursor);
		assert_int_equal(sscanf(fixture_ask(fixture, line),
					"*2\r\n$%u\r\n%llu\r\n*%u\r\n", &length,
					&cursor, &count),
				 3);
		/* A bucket's members come together. */
		assert_true(count < 30);
		met += count;
		pieces++;
	} while (cursor != 0);
	assert_int_equal(met, 1000);
	assert_in_range(pieces, 34, 60);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(lists_are_pushed_and_popped),
		TEST(lists_are_changed_in_the_middle),
		TEST(lists_are_searched),
		TEST(hashes_have_fields),
		TEST(sets_have_members),
		TEST(sorted_sets_take_zadd_s_options),
		TEST(sorted_sets_have_ranges),
		TEST(types_are_not_mixed),
		TEST(objects_expire_and_are_renamed),
		TEST(strings_are_read_and_written_in_parts),
		TEST(elements_are_walked_in_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
