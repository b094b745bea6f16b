/* Patterns match as Redis's do. */
#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "glob.h"

static bool
matches(const char *pattern, const char *text)
{
	return glob_match(pattern, strlen(pattern), text, strlen(text));
}

static void
wildcards_match(void **state)
{
	(void)state;
	assert_true(matches("", ""));
	assert_false(matches("", "a"));
	assert_true(matches("*", "abc"));
	assert_true(matches("**", "abc"));
	assert_true(matches("a*c", "abbbc"));
	assert_true(matches("a*b*c", "a--b--b--c"));
	assert_false(matches("a*b*c", "a--b--b--d"));
	assert_true(matches("h?llo", "hello"));
	assert_false(matches("h?llo", "hllo"));
	assert_false(matches("?", ""));
	assert_true(matches("*?", "a"));
	assert_true(matches("abc*", "abc"));
	assert_false(matches("abc", "abcd"));
}

static void
an_empty_text_matches_no_star(void **state)
{
	(void)state;
	assert_true(matches("", ""));
	assert_false(matches("*", ""));
	assert_false(matches("**", ""));
	assert_false(matches("a", ""));
}

static void
sets_match(void **state)
{
	(void)state;
	assert_true(matches("h[ae]llo", "hallo"));
	assert_false(matches("h[ae]llo", "hillo"));
	assert_true(matches("h[^e]llo", "hallo"));
	assert_false(matches("h[^e]llo", "hello"));
	assert_true(matches("h[a-c]llo", "hbllo"));
	assert_true(matches("h[c-a]llo", "hbllo"));
	assert_false(matches("h[a-c]llo", "hdllo"));
	assert_true(matches("[\\]]", "]"));
	assert_true(matches("[a", "a"));
	assert_false(matches("[", "["));
	assert_false(matches("[]", "]"));
	assert_true(matches("[^]", "x"));
	assert_true(matches("*[0-9]", "key7"));
}

static void
escapes_match(void **state)
{
	(void)state;
	assert_true(matches("\\*", "*"));
	assert_false(matches("\\*", "a"));
	assert_true(matches("a\\?", "a?"));
	assert_true(matches("\\", "\\"));
	assert_true(matches("\\\\", "\\"));
}

static void
bytes_are_only_bytes(void **state)
{
	(void)state;
	assert_true(glob_match("a?b", 3, "a\0b", 3));
	assert_true(glob_match("*\0", 2, "xx\0", 3));
	assert_true(matches("[\x80-\xff]", "\xe9"));
}

/* Matching with a recursion at every star takes years over this. */
static void
many_stars_end(void **state)
{
	char text[4096];
	char pattern[] = "a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b";

	(void)state;
	memset(text, 'a', sizeof(text));
	assert_false(glob_match(pattern, strlen(pattern), text, sizeof(text)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wildcards_match),
		cmocka_unit_test(an_empty_text_matches_no_star),
		cmocka_unit_test(sets_match),
		cmocka_unit_test(escapes_match),
		cmocka_unit_test(bytes_are_only_bytes),
		cmocka_unit_test(many_stars_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
