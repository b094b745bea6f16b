/* Subjects and patterns, by tables. */
#include "tests/bus/fixture.h"

#include "bus/subject.h"

static const char *const subjects[] = {
	"a",
	"a.b",
	"orders.7.eu",
	"A-Z_0.~!",
	"a*",
	"*a",
	"a*b.c",
	">a",
	"a>b",
	"a.>b.c",
	"**",
	">>",
	"\xc3\xa4.\xff",
	"$SYS.x",
	"#",
	"a/b",
};

static const char *const patterns[] = {
	"*", ">", "*.*", "a.*", "*.b", "a.>", "*.>", "a.*.c.>", "a.*.*", "**.*",
};

static const char *const neither[] = {
	"",      ".",    "a.",   ".a",  "a..b", "..",    "a b",    " a",
	"a ",    "a\tb", "a\nb", "a\r", "\x01", "a\x7f", "a.\x1f", ">.a",
	"a.>.b", ">.>",  "*.",   ".*",  ".>",   ">.",    "*..>",
};

static const struct {
	const char *pattern;
	const char *subject;
	bool matches;
} pairs[] = {
	{ "a", "a", true },
	{ "a", "b", false },
	{ "a", "ab", false },
	{ "ab", "a", false },
	{ "a", "a.b", false },
	{ "a.b", "a", false },
	{ "a.b", "a.b", true },
	{ "a.b", "a.b.c", false },
	{ "a.b.c", "a.b", false },
	{ "a.b", "A.B", false },
	{ "*", "a", true },
	{ "*", "abc", true },
	{ "*", "a.b", false },
	{ "*.*", "a", false },
	{ "*.*", "a.b", true },
	{ "*.*", "a.b.c", false },
	{ "a.*", "a.b", true },
	{ "a.*", "a", false },
	{ "a.*", "a.b.c", false },
	{ "a.*", "b.b", false },
	{ "*.b", "a.b", true },
	{ "*.b", "a.c", false },
	{ "*.b", "a.bb", false },
	{ "a.*.c", "a.b.c", true },
	{ "a.*.c", "a.bb.c", true },
	{ "a.*.c", "a.b.d", false },
	{ "a.*.c", "a.c", false },
	{ "a.*.c", "a.b.b.c", false },
	{ ">", "a", true },
	{ ">", "a.b.c", true },
	{ "a.>", "a", false },
	{ "a.>", "a.b", true },
	{ "a.>", "a.b.c.d", true },
	{ "a.>", "b.a", false },
	{ "a.>", "ab.c", false },
	{ "*.>", "a", false },
	{ "*.>", "a.b", true },
	{ "*.>", "a.b.c", true },
	{ "a.*.>", "a.b", false },
	{ "a.*.>", "a.b.c", true },
	{ "a.*.>", "a.b.c.d", true },
	{ "*.b.>", "a.b.c", true },
	{ "*.b.>", "a.c.c", false },
	{ "a*", "a*", true },
	{ "a*", "ab", false },
	{ "a*.*", "a*.b", true },
	{ "a*.*", "ab.b", false },
	{ "a>", "a>", true },
	{ "a>.>", "a>.b", true },
	{ "a>.>", "ab.b", false },
	{ "**", "**", true },
	{ "**", "ab", false },
	{ ">>", ">>", true },
	{ ">>", "a", false },
	{ "orders.*.eu", "orders.7.eu", true },
	{ "orders.*.eu", "orders.7.us", false },
	{ "orders.>", "orders.7.eu", true },
	{ "orders.>", "orders", false },
};

static bool
parse(const char *text, bool *ret_is_wild)
{
	struct gyre__subject parsed = { .length = 999 };
	int result = gyre__subject_parse(text, 7, &parsed);

	assert_true(result == 0 || result == -EINVAL);
	if (result == 0)
		assert_int_equal(parsed.length, strlen(text));
	else
		assert_int_equal(parsed.length, 999);
	*ret_is_wild = parsed.is_wild;
	return result == 0;
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void
what_is_a_subject(void **state)
{
	bool is_wild;

	(void)state;
	for (size_t i = 0; i < COUNT(subjects); i++) {
		assert_true(parse(subjects[i], &is_wild));
		assert_false(is_wild);
	}
	for (size_t i = 0; i < COUNT(patterns); i++) {
		assert_true(parse(patterns[i], &is_wild));
		assert_true(is_wild);
	}
	for (size_t i = 0; i < COUNT(neither); i++)
		assert_false(parse(neither[i], &is_wild));
}

static void
every_byte_in_a_token(void **state)
{
	(void)state;
	for (unsigned byte = 1; byte < 256; byte++) {
		char text[] = { 'a', (char)byte, 'b', '\0' };
		bool is_wild;

		assert_int_equal(parse(text, &is_wild),
				 byte > ' ' && byte != 0x7f);
	}
}

static void
a_subject_has_a_length(void **state)
{
	char text[GYRE_SUBJECT_MAX + 2];
	bool is_wild;

	(void)state;
	memset(text, 'x', sizeof(text));
	text[GYRE_SUBJECT_MAX] = '\0';
	assert_true(parse(text, &is_wild));
	text[10] = '.';
	assert_true(parse(text, &is_wild));
	text[GYRE_SUBJECT_MAX] = 'x';
	text[GYRE_SUBJECT_MAX + 1] = '\0';
	assert_false(parse(text, &is_wild));
	text[GYRE_SUBJECT_MAX - 1] = '.';
	assert_false(parse(text, &is_wild));
	text[GYRE_SUBJECT_MAX - 2] = '.';
	text[GYRE_SUBJECT_MAX - 1] = '>';
	text[GYRE_SUBJECT_MAX] = '\0';
	assert_true(parse(text, &is_wild));
	assert_true(is_wild);
}

static void
which_subjects_a_pattern_matches(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(pairs); i++)
		if (gyre__subject_matches(pairs[i].pattern, pairs[i].subject) !=
		    pairs[i].matches)
			fail_msg("%s and %s", pairs[i].pattern,
				 pairs[i].subject);
}

static void
a_hash_is_of_every_byte_and_the_seed(void **state)
{
	struct gyre__subject one, other;

	(void)state;
	assert_int_equal(gyre__subject_parse("a.b", 1, &one), 0);
	assert_int_equal(gyre__subject_parse("a.b", 1, &other), 0);
	assert_true(one.hash == other.hash);
	assert_int_equal(gyre__subject_parse("a.b", 2, &other), 0);
	assert_true(one.hash != other.hash);
	assert_int_equal(gyre__subject_parse("a.c", 1, &other), 0);
	assert_true(one.hash != other.hash);
	assert_int_equal(gyre__subject_parse("aab", 1, &other), 0);
	assert_true(one.hash != other.hash);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BUS_TEST(what_is_a_subject),
		BUS_TEST(every_byte_in_a_token),
		BUS_TEST(a_subject_has_a_length),
		BUS_TEST(which_subjects_a_pattern_matches),
		BUS_TEST(a_hash_is_of_every_byte_and_the_seed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
