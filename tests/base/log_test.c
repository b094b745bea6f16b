/* The log hook: one line at a time, to whoever wants it. */
#include "base/log.h"

#include "tests/support/child.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

struct heard {
	unsigned lines;
	enum gyre_log_level level;
	char line[1024];
};

static void
hear(enum gyre_log_level level, const char *line, void *arg)
{
	struct heard *heard = arg;

	heard->lines++;
	heard->level = level;
	snprintf(heard->line, sizeof(heard->line), "%s", line);
}

static void
the_hook_gets_the_line_and_its_level(void **state)
{
	struct heard heard = { .lines = 0 };
	const struct gyre_log log = { .fn = hear, .arg = &heard };

	(void)state;
	gyre__log(&log, GYRE_LOG_WARN, "%d of %s", 3, "four");
	assert_int_equal(heard.lines, 1);
	assert_int_equal(heard.level, GYRE_LOG_WARN);
	assert_string_equal(heard.line, "3 of four");
	gyre__log(&log, GYRE_LOG_DEBUG, "more");
	assert_int_equal(heard.lines, 2);
	assert_int_equal(heard.level, GYRE_LOG_DEBUG);
}

static void
a_long_line_is_cut(void **state)
{
	struct heard heard = { .lines = 0 };
	const struct gyre_log log = { .fn = hear, .arg = &heard };
	char text[1000];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	gyre__log(&log, GYRE_LOG_ERROR, "%s", text);
	assert_int_equal(strlen(heard.line), 511);
}

static void
log_by_default(void *arg)
{
	const struct gyre_log log = { .fn = NULL };

	gyre__log(&log, *(enum gyre_log_level *)arg, "a %s", "line");
}

static void
the_default_is_standard_error_without_debug(void **state)
{
	const char *const expected[] = {
		[GYRE_LOG_ERROR] = "gyre: a line\n",
		[GYRE_LOG_WARN] = "gyre: a line\n",
		[GYRE_LOG_INFO] = "gyre: a line\n",
		[GYRE_LOG_DEBUG] = "",
	};
	enum gyre_log_level level;
	char output[256];

	(void)state;
	for (level = GYRE_LOG_ERROR; level <= GYRE_LOG_DEBUG; level++) {
		assert_int_equal(in_child(log_by_default, &level, output,
					  sizeof(output)),
				 0);
		assert_string_equal(output, expected[level]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_hook_gets_the_line_and_its_level),
		cmocka_unit_test(a_long_line_is_cut),
		cmocka_unit_test(the_default_is_standard_error_without_debug),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
