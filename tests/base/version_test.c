/* The version: the macros agree with one another and with the library. */
#include <gyre/version.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

static void
library_and_header_agree(void **state)
{
	(void)state;
	assert_string_equal(gyre_version(), GYRE_VERSION);
}

static void
text_and_numbers_agree(void **state)
{
	char text[64];

	(void)state;
	snprintf(text, sizeof(text), "%d.%d.%d", GYRE_VERSION_MAJOR,
		 GYRE_VERSION_MINOR, GYRE_VERSION_PATCH);
	assert_string_equal(text, GYRE_VERSION);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(library_and_header_agree),
		cmocka_unit_test(text_and_numbers_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
