/* Who watches a key is told that it changed, once, and nobody else is. */
#include "test.h"

#include "channels.h"
#include "watches.h"

static struct arg
key(const char *text)
{
	struct arg arg = { .data = text, .length = strlen(text) };

	for (const char *at = text; *at != '\0'; at++)
		arg.hash = arg.hash * 31 + (unsigned char)*at;
	return arg;
}

static void
watch(struct watches *watches, uint64_t id, const char *text)
{
	struct arg arg = key(text);

	assert_int_equal(watches_add(watches, id, &arg), 0);
}

static void
touch(struct watches *watches, const char *text)
{
	struct arg arg = key(text);

	watches_touch(watches, &arg);
}

static void
a_change_is_told_to_those_who_watch(void **state)
{
	struct watches watches = { 0 };

	(void)state;
	touch(&watches, "a");
	watch(&watches, 1, "a");
	watch(&watches, 1, "b");
	watch(&watches, 2, "b");
	watch(&watches, 3, "c");
	touch(&watches, "b");
	touch(&watches, "nothing");
	assert_true(watches_end(&watches, 1));
	assert_true(watches_end(&watches, 2));
	assert_true(watches_any(&watches));
	assert_false(watches_end(&watches, 3));
	assert_false(watches_any(&watches));
	assert_null(watches.keys.tables[CHANNEL_NAME]);
}

static void
a_key_may_be_watched_twice(void **state)
{
	struct watches watches = { 0 };

	(void)state;
	watch(&watches, 1, "a");
	watch(&watches, 1, "a");
	assert_int_equal(channels_count(&watches.keys, CHANNEL_NAME), 1);
	assert_false(watches_end(&watches, 1));
	assert_null(watches.keys.tables[CHANNEL_NAME]);
}

static void
what_ended_is_not_told(void **state)
{
	struct watches watches = { 0 };

	(void)state;
	watch(&watches, 1, "a");
	touch(&watches, "a");
	assert_true(watches_end(&watches, 1));
	assert_false(watches_end(&watches, 1));
	watch(&watches, 1, "a");
	assert_false(watches_end(&watches, 1));
}

static void
count_key(void *arg, const struct arg *found)
{
	size_t *count = arg;

	assert_int_equal(found->hash, key("a").hash + *count);
	++*count;
}

static void
keys_are_visited(void **state)
{
	struct watches watches = { 0 };
	size_t count = 0;

	(void)state;
	watch(&watches, 1, "a");
	watch(&watches, 1, "b");
	watch(&watches, 2, "c");
	assert_int_equal(watches_count(&watches, &count), 2);
	assert_int_equal(count, 3);
	count = 0;
	watches_visit(&watches, 1, count_key, &count);
	assert_int_equal(count, 2);
	count = 0;
	watches_visit(&watches, 0, count_key, &count);
	assert_int_equal(count, 3);
	watches_visit(&watches, 9, count_key, &count);
	assert_int_equal(count, 3);
	watches_free(&watches);
	assert_false(watches_any(&watches));
	assert_null(watches.keys.tables[CHANNEL_NAME]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_change_is_told_to_those_who_watch),
		cmocka_unit_test(a_key_may_be_watched_twice),
		cmocka_unit_test(what_ended_is_not_told),
		cmocka_unit_test(keys_are_visited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
