/* Which keys share a shard. */
#include "test.h"

#include <stdio.h>
#include <string.h>

#include "keyhash.h"

#define SHARDS 64

static struct keyhash hash;

static int
setup(void **state)
{
	(void)state;
	return keyhash_init(&hash);
}

static uint64_t
of(const char *key)
{
	return keyhash_of_key(&hash, key, strlen(key));
}

static uint64_t
upper(uint64_t value)
{
	return value >> 32;
}

static void
keys_with_one_tag_share_a_shard(void **state)
{
	(void)state;
	assert_int_equal(upper(of("{user:1}:name")), upper(of("{user:1}:age")));
	assert_int_equal(upper(of("a{user:1}b")), upper(of("{user:1}")));
	assert_int_equal(upper(of("{user:1}{2}")), upper(of("x{user:1}")));
	/* As the key does that is the tag. */
	assert_int_equal(upper(of("{user:1}")), upper(of("user:1")));
	assert_int_not_equal(upper(of("{user:1}")), upper(of("{user:2}")));
	assert_int_equal(keyhash_shard(of("{user:1}:name"), SHARDS),
			 keyhash_shard(of("user:1"), SHARDS));
}

/* Else all of them would be in one bucket. */
static void
keys_with_one_tag_spread_over_the_buckets(void **state)
{
	unsigned low = 0;
	char key[32];

	(void)state;
	for (int i = 0; i < 1000; i++) {
		snprintf(key, sizeof(key), "{tag}:%d", i);
		low += keyhash_bucket(of(key)) >> 31;
	}
	assert_in_range(low, 350, 650);
}

static void
what_is_no_tag_is_part_of_the_key(void **state)
{
	static const char *const keys[] = { "{}a", "{}{a}", "{a", "a}", "}a{",
					    "{",   "}",     "",   "a" };

	(void)state;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		assert_int_equal(of(keys[i]),
				 keyhash(&hash, keys[i], strlen(keys[i])));
	/* A NUL is a byte like others. */
	assert_int_equal(upper(keyhash_of_key(&hash, "{a\0b}c", 6)),
			 upper(keyhash(&hash, "a\0b", 3)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_with_one_tag_share_a_shard),
		cmocka_unit_test(keys_with_one_tag_spread_over_the_buckets),
		cmocka_unit_test(what_is_no_tag_is_part_of_the_key),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
