/* A walk meets every key that stays, while the table grows and empties. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fixture.h"
#include "scan.h"

#define KEYS 20000

struct seen {
	unsigned times[KEYS];
};

static void
note(const struct entry *entry, void *arg)
{
	struct seen *seen = arg;
	int number;
	char key[32] = "";

	memcpy(key, entry->key, entry->node.length);
	if (sscanf(key, "stay:%d", &number) == 1)
		seen->times[number]++;
}

static void
add(struct fixture *fixture, const char *prefix, int number)
{
	char text[32];
	struct arg key;

	snprintf(text, sizeof(text), "%s:%d", prefix, number);
	key = fixture_arg(fixture, text);
	assert_non_null(store_set(&fixture->shard.store, &key, &key, false));
}

static void
a_still_table_is_met_once(void **state)
{
	struct fixture *fixture = *state;
	struct seen *seen = calloc(1, sizeof(*seen));
	uint64_t cursor = 0;

	for (int i = 0; i < KEYS; i++)
		add(fixture, "stay", i);
	do {
		cursor = scan_bucket(&fixture->shard.store, cursor, note, seen);
	} while (cursor != 0);
	for (int i = 0; i < KEYS; i++)
		assert_int_equal(seen->times[i], 1);
	free(seen);
}

static void
a_growing_table_is_met_whole(void **state)
{
	struct fixture *fixture = *state;
	struct seen *seen = calloc(1, sizeof(*seen));
	uint64_t cursor = 0;
	int added = 0;

	for (int i = 0; i < 100; i++)
		add(fixture, "stay", i);
	do {
		cursor = scan_bucket(&fixture->shard.store, cursor, note, seen);
		for (int i = 0; i < 50 && added < KEYS; i++)
			add(fixture, "more", added++);
	} while (cursor != 0);
	for (int i = 0; i < 100; i++)
		assert_true(seen->times[i] >= 1);
	assert_true(fixture->shard.store.keys.buckets > 64);
	free(seen);
}

static void
an_empty_table_ends_at_once(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(scan_bucket(&fixture->shard.store, 0, note, NULL), 0);
	assert_int_equal(scan_bucket(&fixture->shard.store, 12345, note, NULL),
			 0);
}

static void
what_has_expired_is_passed_over(void **state)
{
	struct fixture *fixture = *state;
	struct store *store = &fixture->shard.store;
	struct seen *seen = calloc(1, sizeof(*seen));
	struct arg key = fixture_arg(fixture, "stay:1");
	uint64_t cursor = 0;

	add(fixture, "stay", 1);
	add(fixture, "stay", 2);
	store_expire(store, store_find(store, &key), FIXTURE_EPOCH_MS + 10);
	fixture->now_ns += 11 * 1000 * 1000;
	do {
		cursor = scan_bucket(store, cursor, note, seen);
	} while (cursor != 0);
	assert_int_equal(seen->times[1], 0);
	assert_int_equal(seen->times[2], 1);
	free(seen);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_still_table_is_met_once),
		TEST(a_growing_table_is_met_whole),
		TEST(an_empty_table_ends_at_once),
		TEST(what_has_expired_is_passed_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
