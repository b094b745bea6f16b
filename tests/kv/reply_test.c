/* What a reply is, and what each protocol makes of it. */
#include "test.h"

#include <math.h>

#include "reply.h"

struct both {
	struct bytes bytes[2];
	struct reply replies[2];
};

static int
setup(void **state)
{
	static struct both both;

	both = (struct both){ 0 };
	for (size_t i = 0; i < 2; i++)
		both.replies[i] = (struct reply){
			.bytes = &both.bytes[i],
			.resp3 = i == 1,
		};
	*state = &both;
	return 0;
}

static int
teardown(void **state)
{
	struct both *both = *state;

	bytes_free(&both->bytes[0]);
	bytes_free(&both->bytes[1]);
	return 0;
}

/* The texts since the last look are these. */
static void
look(struct both *both, const char *resp2, const char *resp3)
{
	for (size_t i = 0; i < 2; i++) {
		bytes_append(&both->bytes[i], "", 1);
		assert_string_equal(both->bytes[i].data, i ? resp3 : resp2);
		bytes_reset(&both->bytes[i], SIZE_MAX);
	}
}

#define LOOK(call, resp2, resp3)                                 \
	do {                                                     \
		for (size_t i = 0; i < 2; i++) {                 \
			struct reply *reply = &both->replies[i]; \
			call;                                    \
		}                                                \
		look(both, resp2, resp3);                        \
	} while (0)

static void
what_both_have_is_the_same(void **state)
{
	struct both *both = *state;

	LOOK(reply_ok(reply), "+OK\r\n", "+OK\r\n");
	LOOK(reply_status(reply, "x"), "+x\r\n", "+x\r\n");
	LOOK(reply_integer(reply, -12), ":-12\r\n", ":-12\r\n");
	LOOK(reply_text(reply, "abc"), "$3\r\nabc\r\n", "$3\r\nabc\r\n");
	LOOK(reply_array(reply, 3), "*3\r\n", "*3\r\n");
	LOOK(reply_error(reply, "a\r\nb"), "-ERR a  b\r\n", "-ERR a  b\r\n");
}

static void
the_newer_one_has_more_kinds(void **state)
{
	struct both *both = *state;

	LOOK(reply_null(reply), "$-1\r\n", "_\r\n");
	LOOK(reply_null_array(reply), "*-1\r\n", "_\r\n");
	LOOK(reply_map_begin(reply, 3), "*6\r\n", "%3\r\n");
	LOOK(reply_set_begin(reply, 3), "*3\r\n", "~3\r\n");
	LOOK(reply_push_begin(reply, 3), "*3\r\n", ">3\r\n");
	LOOK(reply_boolean(reply, true), ":1\r\n", "#t\r\n");
	LOOK(reply_boolean(reply, false), ":0\r\n", "#f\r\n");
	LOOK(reply_verbatim(reply, "a\nb", 3), "$3\r\na\nb\r\n",
	     "=7\r\ntxt:a\nb\r\n");
	LOOK(reply_verbatim(reply, "", 0), "$0\r\n\r\n", "=4\r\ntxt:\r\n");
}

static void
numbers_are_told_apart(void **state)
{
	struct both *both = *state;

	LOOK(reply_double(reply, 1), "$1\r\n1\r\n", ",1\r\n");
	LOOK(reply_double(reply, -0.5), "$4\r\n-0.5\r\n", ",-0.5\r\n");
	LOOK(reply_double(reply, 0.1), "$19\r\n0.10000000000000001\r\n",
	     ",0.10000000000000001\r\n");
	LOOK(reply_double(reply, -1.7976931348623157e308),
	     "$24\r\n-1.7976931348623157e+308\r\n",
	     ",-1.7976931348623157e+308\r\n");
	LOOK(reply_double(reply, INFINITY), "$3\r\ninf\r\n", ",inf\r\n");
	LOOK(reply_double(reply, -INFINITY), "$4\r\n-inf\r\n", ",-inf\r\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_both_have_is_the_same),
		TEST(the_newer_one_has_more_kinds),
		TEST(numbers_are_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
