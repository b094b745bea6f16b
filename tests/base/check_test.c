/* Assertions: a failed one says where and aborts, in every build. */
#include "tests/support/child.h"

#include "base/check.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <cmocka.h>

enum {
	REQUIRE_LINE = __LINE__ + 6
};

static void
require(void *arg)
{
	GYRE_REQUIRE(arg != NULL);
}

static void
insist(void *arg)
{
	GYRE_INSIST(arg != NULL);
}

static void
debug_assert(void *arg)
{
	GYRE_DEBUG_ASSERT(arg != NULL);
}

static void
what_holds_passes(void **state)
{
	int thing;
	char output[256];

	(void)state;
	require(&thing);
	insist(&thing);
	debug_assert(&thing);
	assert_int_equal(in_child(require, &thing, output, sizeof(output)), 0);
	assert_string_equal(output, "");
}

static void
the_callers_error_aborts_with_a_line(void **state)
{
	(void)state;
	assert_true(aborts_saying(require, NULL,
				  "require(): caller's error: arg != "));
}

static void
our_own_error_aborts_with_a_line(void **state)
{
	(void)state;
	assert_true(
		aborts_saying(insist, NULL, "insist(): broken law: arg != "));
}

static void
the_line_has_its_place(void **state)
{
	char output[512];
	char place[64];
	int status = in_child(require, NULL, output, sizeof(output));

	(void)state;
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
	snprintf(place, sizeof(place), "check_test.c:%d: ", REQUIRE_LINE);
	assert_non_null(strstr(output, place));
	assert_ptr_equal(strstr(output, "gyre: "), output);
	assert_ptr_equal(strchr(output, '\n'), output + strlen(output) - 1);
}

static void
a_dear_check_is_for_debug_builds(void **state)
{
	(void)state;
#ifdef GYRE_DEBUG
	assert_true(aborts_saying(debug_assert, NULL, "broken law"));
#else
	debug_assert(NULL);
#endif
}

static void
fail_at_length(void *arg)
{
	gyre__fail(arg, "a.c", 1, "f");
}

/* Cut, and still one line. */
static void
a_long_line_is_cut(void **state)
{
	char output[2048];
	char what[1024];

	(void)state;
	memset(what, 'x', sizeof(what) - 1);
	what[sizeof(what) - 1] = '\0';
	in_child(fail_at_length, what, output, sizeof(output));
	assert_int_equal(strlen(output), 512);
	assert_int_equal(output[511], '\n');
	assert_ptr_equal(strstr(output, "gyre: a.c:1: f(): xxx"), output);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_holds_passes),
		cmocka_unit_test(the_callers_error_aborts_with_a_line),
		cmocka_unit_test(our_own_error_aborts_with_a_line),
		cmocka_unit_test(the_line_has_its_place),
		cmocka_unit_test(a_dear_check_is_for_debug_builds),
		cmocka_unit_test(a_long_line_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
