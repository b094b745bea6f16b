/* What is counted of memory, and what happens where there is no more room. */
#include "test.h"

#include <stdio.h>
#include <string.h>

#include "fixture.h"

#define NO_ROOM "-OOM command not allowed when used memory > 'maxmemory'.\r\n"

static void
limit_memory(struct fixture *fixture, size_t max)
{
	budget_pool_init(&fixture->server->memory, max, 1);
	store_free(&fixture->shard.store);
	store_init(&fixture->shard.store, fixture->shard.loop,
		   FIXTURE_EPOCH_MS * 1000 * 1000, &fixture->server->memory);
}

/* Set keys until there is no room; returns how many there are. */
static int
fill(struct fixture *fixture, const char *prefix)
{
	const struct budget *budget = &fixture->shard.store.budget;
	char line[64];

	for (int i = 0;; i++) {
		snprintf(line, sizeof(line), "set %s:%d %d", prefix, i, i);
		if (strcmp(fixture_ask(fixture, line), "+OK\r\n") != 0) {
			assert_string_equal(fixture->reply.data, NO_ROOM);
			return i;
		}
		assert_true(budget->used <= fixture->server->memory.max);
	}
}

static void
without_room_reads_and_deletes_go_on(void **state)
{
	struct fixture *fixture = *state;
	char line[64] = "dbsize";
	int count;

	limit_memory(fixture, 100000);
	count = fill(fixture, "key");
	assert_in_range(count, 500, 1000);
	/* Smaller ones may still fit, and then they don't. */
	for (int i = 0; strcmp(fixture_ask(fixture, line), NO_ROOM) != 0; i++)
		snprintf(line, sizeof(line), "incr n:%d", i);
	ASK("mset a 1 b 2", NO_ROOM);
	ASK("append key:1 x", NO_ROOM);
	ASK("incr number", NO_ROOM);
	ASK("getset key:1 x", NO_ROOM);
	ASK("setnx key:new x", NO_ROOM);
	ASK("setex key:1 10 x", NO_ROOM);
	ASK("get key:1", "$1\r\n1\r\n");
	ASK("mget key:2 key:new", "*2\r\n$1\r\n2\r\n$-1\r\n");
	ASK("expire key:3 100", ":1\r\n");
	ASK("persist key:3", ":1\r\n");
	ASK("getdel key:3", "$1\r\n3\r\n");
	ASK("del key:4 key:5", ":2\r\n");
	ASK("set key:3 again", "+OK\r\n");
	ASK("get key:3", "$5\r\nagain\r\n");
}

/* What was flushed makes room at once, though it is freed in pieces. */
static void
a_flush_makes_room(void **state)
{
	struct fixture *fixture = *state;
	int count;

	limit_memory(fixture, 1000000);
	count = fill(fixture, "key");
	assert_true(count > 5000);
	ASK("flushall", "+OK\r\n");
	assert_int_equal(fill(fixture, "key"), count);
}

/* Where double would be too much, as much as is needed is not. */
static void
appending_near_the_limit_takes_no_more_than_it_must(void **state)
{
	struct fixture *fixture = *state;
	static char line[40100];

	limit_memory(fixture, 100000);
	memset(line, 'x', sizeof(line) - 1);
	memcpy(line, "append k ", 9);
	line[9 + 40000] = '\0';
	ASK(line, ":40000\r\n");
	line[9 + 20000] = '\0';
	ASK(line, ":60000\r\n");
	assert_true(fixture->shard.store.budget.used < 61000);
	line[9 + 20000] = 'x';
	line[9 + 39000] = '\0';
	ASK(line, ":99000\r\n");
	line[9 + 1000] = '\0';
	ASK(line, NO_ROOM);
	assert_true(fixture->shard.store.budget.used < 100000);
}

static void
sum_up(struct keytable_node *node, void *arg)
{
	*(size_t *)arg += entry_memory((const struct entry *)node);
}

/* The sum of what is there is what is counted. */
static void
memory_is_counted_as_it_is_taken(void **state)
{
	struct fixture *fixture = *state;
	const struct store *store = &fixture->shard.store;
	size_t sum = 0;
	uint64_t cursor = 0;
	char line[128];

	for (int i = 0; i < 2000; i++) {
		snprintf(line, sizeof(line), "append key:%d %0*d", i % 300,
			 i % 40 + 1, i);
		fixture_ask(fixture, line);
		snprintf(line, sizeof(line), "set key:%d x", i % 700);
		fixture_ask(fixture, line);
		snprintf(line, sizeof(line), "del key:%d", i % 450);
		if (i % 3 == 0)
			fixture_ask(fixture, line);
	}
	do {
		cursor = keytable_scan(&store->keys, cursor, sum_up, &sum);
	} while (cursor != 0);
	assert_true(sum > 10000);
	assert_in_range(store->budget.used - sum, store->keys.buckets * 8,
			store->keys.buckets * 32 + 100);
}

static void
a_key_s_memory_is_told(void **state)
{
	struct fixture *fixture = *state;
	struct arg key = fixture_arg(fixture, "a");
	char expected[32];

	ASK("memory usage a", "$-1\r\n");
	ASK("set a 1", "+OK\r\n");
	snprintf(expected, sizeof(expected), ":%zu\r\n",
		 budget_size(sizeof(struct entry) + 1) + budget_size(1));
	ASK("memory usage a", expected);
	ASK("memory usage a samples 0", expected);
	assert_int_equal(entry_memory(store_find(&fixture->shard.store, &key)) +
				 budget_size(4 * sizeof(void *)) +
				 budget_size(sizeof(void *)),
			 fixture->shard.store.budget.used);
	ASK("memory usage",
	    "-ERR wrong number of arguments for 'memory|usage' command\r\n");
	ASK("memory usage a samples", "-ERR syntax error\r\n");
	ASK("memory usage a samples -1", "-ERR syntax error\r\n");
	ASK("memory usage a samples x",
	    "-ERR value is not an integer or out of range\r\n");
	ASK("memory what",
	    "-ERR unknown subcommand 'what'. Try MEMORY HELP.\r\n");
}

/* -- lists, sets, hashes, sorted sets -------------------------------------- */

/* Run a command with a number for each # in it. */
static void
ask_form(struct fixture *fixture, const char *form, uint64_t random)
{
	char line[160];
	size_t length = 0;

	for (; *form != '\0'; form++) {
		if (*form != '#') {
			line[length++] = *form;
			continue;
		}
		length += (size_t)snprintf(line + length, 4, "%u",
					   (unsigned)(random % 60));
		random /= 7;
	}
	line[length] = '\0';
	fixture_ask(fixture, line);
}

/* Commands on few keys, so that what one makes another removes or replaces. */
static void
use_all_types(struct fixture *fixture, unsigned rounds)
{
	static const char *const forms[] = {
		"rpush l a# b c#",
		"lpush l short and-one-that-is-longer-# #",
		"lset l # another-longer-text-#",
		"lrem l 1 b",
		"lpop l #",
		"ltrim l # #",
		"rpoplpush l k",
		"linsert k after b #-is-the-middle",
		"hset h f# value-of-some-length-#",
		"hset h f# v f# w",
		"hincrby h n# #",
		"hdel h f# f# f# n#",
		"sadd s m# m# long-member-of-a-set-#",
		"spop s",
		"srem s m# m#",
		"sunionstore t s t",
		"sdiffstore u t s",
		"sinterstore u t s",
		"smove t s m#",
		"zadd z # m# # long-member-of-a-set-#",
		"zincrby z # m#",
		"zpopmin z #",
		"zremrangebyscore z # #",
		"rename t r#",
		"set r# x",
		"append v more",
		"setrange v # y",
		"set v #",
		"del k r# r#",
		"expire r# 5",
	};
	uint64_t random = 88172645463325252u;

	for (unsigned i = 0; i < rounds; i++) {
		random = random * UINT64_C(6364136223846793005) + 1442695041;
		ask_form(fixture,
			 forms[(random >> 33) %
			       (sizeof(forms) / sizeof(forms[0]))],
			 random >> 40);
	}
}

static void
objects_are_counted_as_they_are_taken(void **state)
{
	struct fixture *fixture = *state;
	struct store *store = &fixture->shard.store;

	for (unsigned round = 0; round < 30; round++) {
		size_t sum;

		use_all_types(fixture, 200);
		discards_free_some(&store->discards, SIZE_MAX);
		sum = keytable_memory(&store->keys) +
		      store->expiries.order.memory;
		keytable_walk(&store->keys, sum_up, &sum);
		assert_int_equal(sum, store->budget.used);
	}
	assert_true(store->budget.used > 2000);
}

/* Make a list, a set, a hash and a sorted set of so many elements each. */
static void
make_large_objects(struct fixture *fixture, int count)
{
	static const char *const forms[] = {
		"rpush list element-number-",
		"sadd set element-number-",
		"hset hash field-",
		"zadd zset 1 element-number-",
	};
	char line[64];

	for (int i = 0; i < count; i++) {
		for (int form = 0; form < 4; form++) {
			snprintf(line, sizeof(line), "%s%d%s", forms[form], i,
				 form == 2 ? " value" : "");
			assert_string_not_equal(fixture_ask(fixture, line),
						NO_ROOM);
		}
	}
}

/* The loop goes on until all is freed. Returns how often it went round. */
static int
wait_for_discards(struct fixture *fixture)
{
	const struct discards *discards = &fixture->shard.store.discards;
	int rounds = 0;

	while (discards->first != NULL || discards->first_object != NULL) {
		fixture_pass_ms(fixture, 0);
		rounds++;
	}
	return rounds;
}

/* However it comes that a key is gone: its elements are freed afterwards. */
static void
large_objects_are_freed_in_pieces(void **state)
{
	static const char *const ways[][4] = {
		{ "del list", "unlink set", "del hash", "del zset" },
		{ "set list x", "set set x", "getset none x", "flushall" },
		{ "ltrim list 9 9", "sinterstore set none none",
		  "rename hash zset", "flushall" },
		{ "pexpire list 0", "pexpire set 0", "pexpire hash 0",
		  "pexpire zset 0" },
		{ "ltrim list 5001 5000", "del set", "sunionstore hash none",
		  "zremrangebyrank zset 0 -1" },
	};
	struct fixture *fixture = *state;
	const struct budget *budget = &fixture->shard.store.budget;

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		size_t before;

		make_large_objects(fixture, 5000);
		before = budget->used;
		for (size_t k = 0; k < 4; k++)
			fixture_ask(fixture, ways[i][k]);
		/* Commands themselves have freed little. */
		assert_in_range(budget->used, before * 9 / 10,
				before * 11 / 10);
		assert_true(wait_for_discards(fixture) >= 20000 / 200 - 2);
		fixture_ask(fixture, "flushall");
		wait_for_discards(fixture);
		assert_true(budget->used < 1000);
	}
}

/* The loop has no time: who adds keys frees what others have left. */
static void
who_takes_memory_frees_some_first(void **state)
{
	struct fixture *fixture = *state;
	const struct discards *discards = &fixture->shard.store.discards;
	char line[64];

	make_large_objects(fixture, 1000);
	ASK("del list set hash zset", ":4\r\n");
	for (int i = 0; i < 1000; i++) {
		snprintf(line, sizeof(line), "set key:%d v", i);
		ASK(line, "+OK\r\n");
	}
	assert_null(discards->first_object);
}

static void
without_room_objects_stay_as_they_are(void **state)
{
	struct fixture *fixture = *state;
	char line[64];

	limit_memory(fixture, 300000);
	for (int i = 0; i < 1500; i++) {
		snprintf(line, sizeof(line), "sadd s member-%d", i);
		ASK(line, ":1\r\n");
	}
	fill(fixture, "key");
	ASK("rpush l a", NO_ROOM);
	ASK("sadd s a", NO_ROOM);
	ASK("hset h a 1", NO_ROOM);
	ASK("zadd z 1 a", NO_ROOM);
	ASK("scard s", ":1500\r\n");
	ASK("del key:1 key:2 key:3 key:4 key:5", ":5\r\n");
	/* There is room for the key, but not for all that comes to be in it. */
	ASK("sunionstore t s", NO_ROOM);
	ASK("exists t", ":0\r\n");
	wait_for_discards(fixture);
	ASK("setrange big 200000 x", NO_ROOM);
	ASK("exists big", ":0\r\n");
	fixture_ask(fixture, "spop s 1499");
	ASK("scard s", ":1\r\n");
	ASK("rpush l a", ":1\r\n");
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(without_room_reads_and_deletes_go_on),
		TEST(a_flush_makes_room),
		TEST(appending_near_the_limit_takes_no_more_than_it_must),
		TEST(memory_is_counted_as_it_is_taken),
		TEST(a_key_s_memory_is_told),
		TEST(objects_are_counted_as_they_are_taken),
		TEST(large_objects_are_freed_in_pieces),
		TEST(who_takes_memory_frees_some_first),
		TEST(without_room_objects_stay_as_they_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
