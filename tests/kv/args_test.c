/* Inline lines are split with Redis's quoting. */
#include "test.h"

#include <errno.h>
#include <string.h>

#include "args.h"

struct split {
	struct args args;
	struct bytes text;
	int result;
};

static struct split
split(const char *line)
{
	struct split split = { .result = 0 };

	split.result = args_split(line, strlen(line), &split.args, &split.text);
	return split;
}

static void
end(struct split *split)
{
	args_free(&split->args);
	bytes_free(&split->text);
}

static void
assert_arg(const struct split *split, size_t index, const char *text,
	   size_t length)
{
	assert_int_equal(split->result, 0);
	assert_true(index < split->args.count);
	assert_int_equal(split->args.items[index].length, length);
	assert_memory_equal(split->args.items[index].data, text, length);
}

static void
words_are_split_at_space(void **state)
{
	struct split it = split("  set\tkey   value ");

	(void)state;
	assert_int_equal(it.args.count, 3);
	assert_arg(&it, 0, "set", 3);
	assert_arg(&it, 1, "key", 3);
	assert_arg(&it, 2, "value", 5);
	end(&it);
	it = split("   ");
	assert_int_equal(it.result, 0);
	assert_int_equal(it.args.count, 0);
	end(&it);
}

static void
quotes_keep_what_is_in_them(void **state)
{
	struct split it = split("set \"a b\" 'c \"d\\n' \"\" ''");

	(void)state;
	assert_int_equal(it.args.count, 5);
	assert_arg(&it, 1, "a b", 3);
	assert_arg(&it, 2, "c \"d\\n", 6);
	assert_arg(&it, 3, "", 0);
	assert_arg(&it, 4, "", 0);
	end(&it);
}

static void
escapes_stand_for_bytes(void **state)
{
	struct split it =
		split("\"\\x00\\xFF\\n\\r\\t\\b\\a\\\\\\\"\\q\\xzz\" 'it\\'s'");

	(void)state;
	assert_int_equal(it.args.count, 2);
	assert_arg(&it, 0, "\0\xff\n\r\t\b\a\\\"qxzz", 13);
	assert_arg(&it, 1, "it's", 4);
	end(&it);
}

static void
a_quote_may_begin_inside_a_word(void **state)
{
	struct split it = split("foo\"bar\" x");

	(void)state;
	assert_int_equal(it.args.count, 2);
	assert_arg(&it, 0, "foobar", 6);
	end(&it);
}

static void
unbalanced_quotes_are_refused(void **state)
{
	static const char *const lines[] = {
		"\"a",  "'a",      "\"a\"b", "'a'b",
		"a \"", "\"a\\\"", "'a\\'",  "\"\\",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct split it = split(lines[i]);

		assert_int_equal(it.result, -EINVAL);
		end(&it);
	}
}

static void
many_arguments_fit(void **state)
{
	char line[4000];
	struct split it;

	(void)state;
	for (size_t i = 0; i < sizeof(line) - 1; i += 2) {
		line[i] = 'x';
		line[i + 1] = ' ';
	}
	line[sizeof(line) - 1] = '\0';
	it = split(line);
	assert_int_equal(it.result, 0);
	assert_int_equal(it.args.count, 2000);
	end(&it);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_split_at_space),
		cmocka_unit_test(quotes_keep_what_is_in_them),
		cmocka_unit_test(escapes_stand_for_bytes),
		cmocka_unit_test(a_quote_may_begin_inside_a_word),
		cmocka_unit_test(unbalanced_quotes_are_refused),
		cmocka_unit_test(many_arguments_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
