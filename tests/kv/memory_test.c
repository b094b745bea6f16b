/* Every allocation of a few commands fails once; nothing breaks or leaks. */
#include "test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fixture.h"
#include "gather.h"
#include "list.h"
#include "zset.h"

/* Allocations until one fails; -1: none does. */
static long countdown = -1;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);

static bool
fails_now(void)
{
	return countdown >= 0 && countdown-- == 0;
}

void *
__wrap_malloc(size_t size)
{
	return fails_now() ? NULL : __real_malloc(size);
}

void *
__wrap_calloc(size_t count, size_t size)
{
	return fails_now() ? NULL : __real_calloc(count, size);
}

void *
__wrap_realloc(void *memory, size_t size)
{
	return fails_now() ? NULL : __real_realloc(memory, size);
}

/* Enough keys for the table to grow. */
static void
work(struct fixture *fixture)
{
	char line[64];

	for (int i = 0; i < 200; i++) {
		snprintf(line, sizeof(line), "set key:%d value ex 100", i);
		fixture_ask(fixture, line);
	}
	fixture_ask(fixture, "append key:1 more-and-more-and-more-and-more");
	fixture_ask(fixture, "append new value");
	fixture_ask(fixture, "incr number");
	fixture_ask(fixture, "getset key:1 other");
	fixture_ask(fixture, "mset a 1 b 2 c 3");
	fixture_ask(fixture, "mget a b c");
	fixture_ask(fixture, "client setname someone");
	fixture_ask(fixture, "client setinfo lib-name library");
	fixture_ask(fixture, "client list");
	fixture_ask(fixture, "slowlog get");
	fixture_ask(fixture, "slowlog reset");
	fixture_ask(fixture, "watch a b c");
	fixture_ask(fixture, "multi");
	fixture_ask(fixture, "set a 2");
	fixture_ask(fixture, "mget a b c");
	fixture_ask(fixture, "exec");
	fixture_ask(fixture, "reset");
	fixture_ask(fixture, "scan 0 count 1000");
	fixture_ask(fixture, "info");
	fixture_ask(fixture, "del a b");
	fixture_ask(fixture, "pubsub numsub a b");
	fixture_ask(fixture, "pubsub channels");
}

/* Elements of every type, enough for what holds them to grow. */
static void
work_on_objects(struct fixture *fixture)
{
	static const char *const forms[][2] = {
		{ "sadd set member:", "" },  { "hset hash field:", " x" },
		{ "zadd zset ", " member" }, { "rpush list ", "-and-so-on" },
		{ "lpush list ", "" },       { "zadd zset 5 member:", "" },
	};
	char line[64];

	/* Of tables a few make the first grow, of sequences more. */
	for (int i = 0; i < 34; i++) {
		for (size_t k = i < 12 ? 0 : 3;
		     k < sizeof(forms) / sizeof(forms[0]); k++) {
			snprintf(line, sizeof(line), "%s%d%s", forms[k][0], i,
				 forms[k][1]);
			fixture_ask(fixture, line);
		}
	}
	fixture_ask(fixture, "hset hash field:1 a-longer-value-than-that");
	fixture_ask(fixture, "hincrbyfloat hash field:2 1.5");
	fixture_ask(fixture, "linsert list after 5 in-the-middle");
	fixture_ask(fixture, "lset list 7 another-one-there");
	fixture_ask(fixture, "lmove list other left right");
	fixture_ask(fixture, "ltrim list 40 50");
	fixture_ask(fixture, "lpos list x count 0");
	fixture_ask(fixture, "sunionstore third set set");
	fixture_ask(fixture, "srandmember set 5");
	fixture_ask(fixture, "smove set fourth member:1");
	fixture_ask(fixture, "sinter set third");
	fixture_ask(fixture, "zincrby zset 3 member:9");
	fixture_ask(fixture, "sscan set 0 count 100");
	fixture_ask(fixture, "rename hash renamed");
	fixture_ask(fixture, "setrange text 40 x");
	fixture_ask(fixture, "incrbyfloat float 0.5");
	fixture_ask(fixture, "msetnx one 1 two 2");
	fixture_ask(fixture, "set list text");
	fixture_ask(fixture, "del third zset");
}

static void
look_at(struct keytable_node *node, void *arg)
{
	const struct entry *entry = (const struct entry *)node;
	struct fixture *fixture = arg;

	assert_ptr_equal(entry->store, &fixture->shard.store);
	if (entry->type == OBJECT_STRING)
		assert_true(entry->value_length > 0);
	else
		assert_true(object_count(entry->object) > 0);
	if (entry->type == OBJECT_LIST)
		sequence_validate(&((const struct list *)entry->object)->items);
	else if (entry->type == OBJECT_ZSET)
		zset_validate((const struct zset *)entry->object);
}

/* The keys that are there are whole. */
static void
look_at_all(struct fixture *fixture)
{
	const struct keytable *keys = &fixture->shard.store.keys;
	uint64_t cursor = 0;

	keytable_validate(keys);
	do {
		cursor = keytable_scan(keys, cursor, look_at, fixture);
	} while (cursor != 0);
}

static void
fail_each_allocation(void (*run)(struct fixture *fixture))
{
	bool failed = true;

	for (long n = 0; failed; n++) {
		void *fixture;

		assert_int_equal(fixture_setup(&fixture), 0);
		((struct fixture *)fixture)->options.slow_ns = 0;
		countdown = n;
		run(fixture);
		failed = countdown < 0;
		countdown = -1;
		look_at_all(fixture);
		/* It goes on where there is memory again. */
		assert_string_equal(fixture_ask(fixture, "set z 1"), "+OK\r\n");
		assert_string_equal(fixture_ask(fixture, "get z"),
				    "$1\r\n1\r\n");
		fixture_teardown(&fixture);
	}
}

static void
each_allocation_may_fail(void **state)
{
	(void)state;
	fail_each_allocation(work);
}

static void
each_allocation_of_objects_may_fail(void **state)
{
	(void)state;
	fail_each_allocation(work_on_objects);
}

/* A subscription that finds no memory leaves nothing behind. */
static void
a_subscription_is_whole_or_not_there(void **state)
{
	struct fixture *fixture = *state;
	struct channels channels = { 0 };
	struct subscriber subscriber = { 0 };
	char text[32];
	size_t count = 0;

	for (int i = 0; i < 300; i++) {
		int error = -ENOMEM;

		snprintf(text, sizeof(text), "channel:%d", i);
		for (long n = 0; error == -ENOMEM; n++) {
			struct arg name = fixture_arg(fixture, text);

			assert_int_equal(
				channels_count(&channels, CHANNEL_NAME), count);
			countdown = n;
			error = channels_add(&channels, CHANNEL_NAME, &name,
					     &subscriber);
			countdown = -1;
		}
		assert_int_equal(error, 0);
		assert_int_equal(subscriber_count(&subscriber), ++count);
	}
	while (subscriber.subscriptions[CHANNEL_NAME] != NULL)
		channels_remove(&channels,
				subscriber.subscriptions[CHANNEL_NAME]);
	assert_int_equal(channels_count(&channels, CHANNEL_NAME), 0);
}

static void
a_command_without_memory_says_so(void **state)
{
	struct fixture *fixture = *state;
	size_t keys = store_count(&fixture->shard.store);

	/* Warm: what is left to allocate is the entry. */
	fixture_ask(fixture, "set a 1");
	fixture_ask(fixture, "del a");
	for (long n = 0; n < 8; n++) {
		const char *reply;

		countdown = n;
		reply = fixture_ask(fixture, "set a 1");
		countdown = -1;
		if (reply[0] == '-')
			assert_memory_equal(reply, "-OOM ", 5);
		fixture_ask(fixture, "del a");
	}
	assert_int_equal(store_count(&fixture->shard.store), keys);
}

/* Keys that the table has no room for are in it all the same. */
static void
a_table_that_cannot_grow_loses_nothing(void **state)
{
	static struct {
		struct keytable_node node;
		char key[8];
	} items[3000];
	struct keytable table;
	struct budget budget = { 0 };
	unsigned count = sizeof(items) / sizeof(items[0]);

	(void)state;
	keytable_init(&table, offsetof(__typeof__(items[0]), key), &budget);
	for (unsigned i = 0; i < count; i++) {
		snprintf(items[i].key, sizeof(items[i].key), "%u", i);
		items[i].node.hash = i * 2654435761u;
		items[i].node.length = (uint32_t)strlen(items[i].key);
		/* The first one needs a table; the next 2000 find no memory. */
		countdown = i == 0 ? 0 : -1;
		if (i == 0)
			assert_int_equal(keytable_add(&table, &items[i].node),
					 -ENOMEM);
		countdown = i > 0 && i < 2000 ? 0 : -1;
		assert_int_equal(keytable_add(&table, &items[i].node), 0);
		keytable_validate(&table);
	}
	countdown = -1;
	/* It has caught up since. */
	assert_true(table.buckets > count / 2);
	for (unsigned i = 0; i < count; i++)
		assert_ptr_equal(keytable_find(&table, items[i].node.hash,
					       items[i].key,
					       items[i].node.length),
				 &items[i].node);
	while (keytable_pop(&table) != NULL)
		keytable_validate(&table);
	keytable_free(&table);
	assert_int_equal(budget.used, 0);
}

static void
do_nothing(void *arg)
{
	(void)arg;
}

/* Use up the room for callbacks that the loop has already. */
static void
fill_callbacks(struct gyre_loop *loop)
{
	int error = 0;

	while (error == 0) {
		countdown = 0;
		error = gyre_loop_add_callback(loop, do_nothing, NULL);
	}
	countdown = -1;
	assert_int_equal(error, -ENOMEM);
}

/* What can't be put off is done at once. */
static void
a_flush_without_memory_frees_all(void **state)
{
	struct fixture *fixture = *state;
	char line[64];

	/* None to remember the table by, none for the callback, enough. */
	for (long n = 0; n < 3; n++) {
		for (int i = 0; i < 1000; i++) {
			snprintf(line, sizeof(line), "set key:%d v ex 9", i);
			fixture_ask(fixture, line);
		}
		fill_callbacks(fixture->shard.loop);
		countdown = n;
		store_clear(&fixture->shard.store);
		countdown = -1;
		assert_int_equal(fixture->shard.store.discards.first == NULL,
				 n < 2);
		assert_string_equal(fixture_ask(fixture, "dbsize"), ":0\r\n");
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_allocation_may_fail),
		cmocka_unit_test(each_allocation_of_objects_may_fail),
		cmocka_unit_test_setup_teardown(
			a_subscription_is_whole_or_not_there, fixture_setup,
			fixture_teardown),
		cmocka_unit_test_setup_teardown(
			a_command_without_memory_says_so, fixture_setup,
			fixture_teardown),
		cmocka_unit_test(a_table_that_cannot_grow_loses_nothing),
		cmocka_unit_test_setup_teardown(
			a_flush_without_memory_frees_all, fixture_setup,
			fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
