/* The store: keys, values, expiry by the loop's timeouts and on access. */
#include "test.h"

#include <stdio.h>
#include <string.h>

#include "fixture.h"

static struct entry *
set(struct fixture *fixture, const char *key, const char *value)
{
	struct arg key_arg = fixture_arg(fixture, key);
	struct arg value_arg = fixture_arg(fixture, value);

	return store_set(&fixture->shard.store, &key_arg, &value_arg, false);
}

static struct entry *
find(struct fixture *fixture, const char *key)
{
	struct arg arg = fixture_arg(fixture, key);

	return store_find(&fixture->shard.store, &arg);
}

static void
values_are_found_again(void **state)
{
	struct fixture *fixture = *state;
	char key[32];

	for (int i = 0; i < 10000; i++) {
		snprintf(key, sizeof(key), "key:%d", i);
		assert_non_null(set(fixture, key, key));
	}
	assert_int_equal(store_count(&fixture->shard.store), 10000);
	for (int i = 0; i < 10000; i++) {
		struct entry *entry;

		snprintf(key, sizeof(key), "key:%d", i);
		entry = find(fixture, key);
		assert_non_null(entry);
		assert_int_equal(entry->value_length, strlen(key));
		assert_memory_equal(entry->value, key, strlen(key));
	}
	assert_null(find(fixture, "key:10000"));
}

static void
keys_and_values_may_be_empty_and_binary(void **state)
{
	struct fixture *fixture = *state;
	struct arg key = { .data = "\0\n\xff", .length = 3 };

	key.hash = keyhash(&fixture->server->keyhash, key.data, key.length);
	assert_non_null(set(fixture, "", ""));
	assert_int_equal(find(fixture, "")->value_length, 0);
	assert_non_null(store_set(&fixture->shard.store, &key, &key, false));
	assert_memory_equal(store_find(&fixture->shard.store, &key)->value,
			    "\0\n\xff", 3);
	assert_int_equal(store_count(&fixture->shard.store), 2);
}

static void
a_value_changes_its_size(void **state)
{
	struct fixture *fixture = *state;
	char value[1000];

	memset(value, 'x', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	set(fixture, "a", "1");
	set(fixture, "a", value);
	assert_int_equal(find(fixture, "a")->value_length, 999);
	set(fixture, "a", "2");
	assert_int_equal(find(fixture, "a")->value_length, 1);
	assert_true(find(fixture, "a")->value_capacity < 64);
	assert_int_equal(entry_append(find(fixture, "a"), "34", 2), 0);
	assert_memory_equal(find(fixture, "a")->value, "234", 3);
}

static void
a_timeout_removes_what_has_expired(void **state)
{
	struct fixture *fixture = *state;
	struct store *store = &fixture->shard.store;

	store_expire(store, set(fixture, "a", "1"), FIXTURE_EPOCH_MS + 100);
	store_expire(store, set(fixture, "b", "1"), FIXTURE_EPOCH_MS + 200);
	set(fixture, "c", "1");
	assert_int_equal(store->expiring, 2);
	fixture_pass_ms(fixture, 100);
	assert_int_equal(store_count(store), 3);
	fixture_pass_ms(fixture, 1);
	assert_int_equal(store_count(store), 2);
	assert_int_equal(store->expiring, 1);
	assert_int_equal(store->expired, 1);
	fixture_pass_ms(fixture, 100);
	assert_int_equal(store_count(store), 1);
	assert_non_null(find(fixture, "c"));
}

static void
access_removes_what_has_expired(void **state)
{
	struct fixture *fixture = *state;
	struct store *store = &fixture->shard.store;

	store_expire(store, set(fixture, "a", "1"), FIXTURE_EPOCH_MS + 100);
	fixture->now_ns += 101 * 1000 * 1000;
	assert_int_equal(store_count(store), 1);
	assert_null(find(fixture, "a"));
	assert_int_equal(store_count(store), 0);
	/* Its timeout is gone with it. */
	fixture_pass_ms(fixture, 1);
	assert_int_equal(store->expired, 1);
}

static void
a_new_time_replaces_the_old(void **state)
{
	struct fixture *fixture = *state;
	struct store *store = &fixture->shard.store;
	struct entry *entry = set(fixture, "a", "1");

	store_expire(store, entry, FIXTURE_EPOCH_MS + 100);
	store_expire(store, entry, FIXTURE_EPOCH_MS + 1000);
	assert_int_equal(store->expiring, 1);
	fixture_pass_ms(fixture, 500);
	assert_non_null(find(fixture, "a"));
	fixture_pass_ms(fixture, 501);
	assert_int_equal(store_count(store), 0);
}

static void
a_new_value_lives_for_ever(void **state)
{
	struct fixture *fixture = *state;
	struct store *store = &fixture->shard.store;
	struct arg key = fixture_arg(fixture, "a");

	store_expire(store, set(fixture, "a", "1"), FIXTURE_EPOCH_MS + 100);
	set(fixture, "a", "2");
	fixture_pass_ms(fixture, 1000);
	assert_non_null(find(fixture, "a"));
	store_expire(store, find(fixture, "a"), FIXTURE_EPOCH_MS + 2000);
	assert_non_null(store_set(store, &key, &key, true));
	assert_int_equal(store->expiring, 1);
	assert_true(store_persist(store, find(fixture, "a")));
	assert_false(store_persist(store, find(fixture, "a")));
	assert_int_equal(store->expiring, 0);
}

static void
the_end_of_time_never_comes(void **state)
{
	struct fixture *fixture = *state;
	struct store *store = &fixture->shard.store;

	store_expire(store, set(fixture, "a", "1"), INT64_MAX);
	fixture_pass_ms(fixture, 1000);
	assert_non_null(find(fixture, "a"));
	assert_int_equal(store->expiring, 1);
}

/* The loop looks at clients in between, who see none of them any more. */
static void
many_that_expire_at_once_go_a_few_at_a_time(void **state)
{
	struct fixture *fixture = *state;
	struct store *store = &fixture->shard.store;
	char key[32];
	size_t left = 2000;

	for (size_t i = 0; i < left; i++) {
		snprintf(key, sizeof(key), "key:%zu", i);
		store_expire(store, set(fixture, key, "v"),
			     FIXTURE_EPOCH_MS + 10 + (int64_t)i % 3);
	}
	fixture_pass_ms(fixture, 11);
	while (store_count(store) > 2000 - 667) {
		assert_in_range(left - store_count(store), 1, 100);
		left = store_count(store);
		fixture_pass_ms(fixture, 0);
	}
	fixture_pass_ms(fixture, 1000);
	for (size_t i = 0; i < 2000; i += 100) {
		snprintf(key, sizeof(key), "key:%zu", i);
		assert_null(find(fixture, key));
	}
	for (int i = 0; store_count(store) > 0; i++) {
		assert_true(i < 50);
		fixture_pass_ms(fixture, 0);
	}
	assert_int_equal(store->expired, 2000);
	assert_int_equal(store->expiring, 0);
	sequence_validate(&store->expiries.order);
}

static void
clearing_cancels_the_timeouts(void **state)
{
	struct fixture *fixture = *state;
	struct store *store = &fixture->shard.store;

	store_expire(store, set(fixture, "a", "1"), FIXTURE_EPOCH_MS + 100);
	set(fixture, "b", "1");
	store_clear(store);
	assert_int_equal(store_count(store), 0);
	assert_int_equal(store->expiring, 0);
	fixture_pass_ms(fixture, 1000);
	assert_non_null(set(fixture, "a", "1"));
	assert_int_equal(store_count(store), 1);
}

/* Their timeouts may come before their memory is given back. */
static void
what_was_cleared_is_freed_in_pieces(void **state)
{
	struct fixture *fixture = *state;
	struct store *store = &fixture->shard.store;
	char key[32];
	int turns = 0;

	for (int i = 0; i < 3000; i++) {
		snprintf(key, sizeof(key), "key:%d", i);
		store_expire(store, set(fixture, key, "1"),
			     FIXTURE_EPOCH_MS + 10 + i % 3);
	}
	store_clear(store);
	assert_int_equal(store_count(store), 0);
	assert_null(find(fixture, "key:1"));
	store_expire(store, set(fixture, "key:1", "2"), FIXTURE_EPOCH_MS + 50);
	/* A second table waits behind the first. */
	store_clear(store);
	set(fixture, "key:1", "3");
	while (store->discards.first != NULL) {
		fixture_pass_ms(fixture, 1);
		turns++;
	}
	assert_true(turns > 5);
	assert_memory_equal(find(fixture, "key:1")->value, "3", 1);
	assert_int_equal(store->expired, 0);
	assert_int_equal(store->expiring, 0);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(values_are_found_again),
		TEST(keys_and_values_may_be_empty_and_binary),
		TEST(a_value_changes_its_size),
		TEST(a_timeout_removes_what_has_expired),
		TEST(access_removes_what_has_expired),
		TEST(a_new_time_replaces_the_old),
		TEST(a_new_value_lives_for_ever),
		TEST(the_end_of_time_never_comes),
		TEST(many_that_expire_at_once_go_a_few_at_a_time),
		TEST(clearing_cancels_the_timeouts),
		TEST(what_was_cleared_is_freed_in_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
