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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
