/* Integers are strict: they print as they are read. */
#include "test.h"

#include <string.h>

#include "number.h"

static void
what_prints_is_read_back(void **state)
{
	static const int64_t numbers[] = {
		0, 1, -1, 9, 10, -10, INT64_MAX, INT64_MIN, INT64_MAX - 1
	};

	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		char text[NUMBER_TEXT_MAX];
		int64_t back = 1234;

		assert_true(number_parse(text, number_format(numbers[i], text),
					 &back));
		assert_true(back == numbers[i]);
	}
}

static void
what_is_no_number_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"-",
		"+1",
		" 1",
		"1 ",
		"01",
		"-0",
		"-01",
		"1.0",
		"0x1",
		"a",
		"--1",
		"9223372036854775808",
		"-9223372036854775809",
		"18446744073709551616",
		"99999999999999999999999999",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		int64_t untouched = 1234;

		assert_false(
			number_parse(texts[i], strlen(texts[i]), &untouched));
		assert_int_equal(untouched, 1234);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_prints_is_read_back),
		cmocka_unit_test(what_is_no_number_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
