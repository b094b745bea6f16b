/* JSON as it is written. */
#include "runtime/json.h"

#include "tests/pool/harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void
commas_and_names_are_where_they_belong(void **state)
{
	static const char expected[] =
		"{\"a\":1,\"b\":[2,-3,{}],\"c\":{\"d\":\"e\"},\"f\":[]}";
	struct gyre__json json;
	size_t length;
	char *text;

	(void)state;
	gyre__json_init(&json, &gyre__sys_default);
	gyre__json_open(&json, NULL, '{');
	gyre__json_uint(&json, "a", 1);
	gyre__json_open(&json, "b", '[');
	gyre__json_uint(&json, NULL, 2);
	gyre__json_int(&json, NULL, -3);
	gyre__json_open(&json, NULL, '{');
	gyre__json_close(&json, '}');
	gyre__json_close(&json, ']');
	gyre__json_open(&json, "c", '{');
	gyre__json_string(&json, "d", "e");
	gyre__json_close(&json, '}');
	gyre__json_open(&json, "f", '[');
	gyre__json_close(&json, ']');
	gyre__json_close(&json, '}');
	text = gyre__json_take(&json, &length);
	assert_int_equal(length, strlen(expected));
	assert_memory_equal(text, expected, length);
	free(text);
}

static void
what_would_end_a_string_is_escaped(void **state)
{
	static const char expected[] = "\"a\\\"b\\\\c\\u000a\\u001fd\xc3\xa4\"";
	struct gyre__json json;
	size_t length;
	char *text;

	(void)state;
	gyre__json_init(&json, &gyre__sys_default);
	gyre__json_string(&json, NULL,
			  "a\"b\\c\n\x1f"
			  "d\xc3\xa4");
	text = gyre__json_take(&json, &length);
	assert_int_equal(length, strlen(expected));
	assert_memory_equal(text, expected, length);
	free(text);
}

static void
write_much(struct gyre__json *json)
{
	gyre__json_open(json, NULL, '[');
	for (unsigned i = 0; i < 5000; i++)
		gyre__json_uint(json, NULL, UINT64_MAX);
	gyre__json_close(json, ']');
}

static void
without_memory_there_is_no_text(void **state)
{
	struct gyre__json json;
	size_t length;
	unsigned nth = 0;
	struct harness_live before;

	(void)state;
	harness_live(&before);
	for (;;) {
		char *text;

		harness_fail(FAULT_ALLOCATE, ++nth);
		gyre__json_init(&json, harness_sys());
		write_much(&json);
		text = gyre__json_take(&json, &length);
		if (!harness_has_failed()) {
			assert_int_equal(length, 5000 * 21 + 1);
			harness_sys()->release(text);
			break;
		}
		assert_null(text);
	}
	harness_fail(0, 0);
	assert_int_equal(nth, 7); /* 4096, and five times the double */
	assert_true(harness_live_is(&before));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commas_and_names_are_where_they_belong),
		cmocka_unit_test(what_would_end_a_string_is_escaped),
		cmocka_unit_test(without_memory_there_is_no_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
