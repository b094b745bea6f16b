/*
 * What lookups answer, with a getaddrinfo() of the test's own that asks no
 * network. The last tests ask the real one.
 */
#include "tests/net/resolve_fixture.h"

/* -- answers --------------------------------------------------------------- */

static void
a_name_is_looked_up_on_the_executor(void **state)
{
	struct gyre_addresses *addresses;

	(void)state;
	assert_int_equal(finish(resolve((struct gyre_resolve_options){
					.host = "two.test",
					.service = "80",
					.flags = AI_CANONNAME }),
				&addresses),
			 0);
	assert_true(names.asked_elsewhere);
	assert_int_equal(addresses->count, 2);
	expect_text(&addresses->items[0], "2001:db8::2", 80);
	expect_text(&addresses->items[1], "192.0.2.2", 80);
	assert_string_equal(addresses->canonical_name, "canonical.test");
	gyre_addresses_free(addresses);
	gyre_addresses_free(NULL);
}

static void
what_is_asked_is_what_the_options_say(void **state)
{
	struct gyre_addresses *addresses;

	(void)state;
	assert_int_equal(finish(resolve((struct gyre_resolve_options){
					.host = "two.test and more",
					.host_length = 8,
					.family = AF_INET,
					.type = SOCK_DGRAM,
					.flags = AI_ADDRCONFIG }),
				&addresses),
			 0);
	assert_string_equal(names.host, "two.test");
	assert_string_equal(names.service, "(none)");
	assert_int_equal(names.family, AF_INET);
	assert_int_equal(names.type, SOCK_DGRAM);
	assert_int_equal(names.flags, AI_ADDRCONFIG);
	assert_null(addresses->canonical_name);
	gyre_addresses_free(addresses);

	assert_int_equal(
		finish(resolve((struct gyre_resolve_options){
			       .service = "http", .flags = AI_PASSIVE }),
		       &addresses),
		0);
	assert_string_equal(names.host, "(none)");
	assert_string_equal(names.service, "http");
	assert_int_equal(names.family, AF_UNSPEC);
	assert_int_equal(names.type, SOCK_STREAM);
	gyre_addresses_free(addresses);
}

static void
what_is_no_ip_address_is_left_out(void **state)
{
	struct gyre_addresses *addresses;

	(void)state;
	assert_int_equal(finish(resolve((struct gyre_resolve_options){
					.host = "mixed.test" }),
				&addresses),
			 0);
	assert_int_equal(addresses->count, 1);
	expect_text(&addresses->items[0], "192.0.2.1", 0);
	gyre_addresses_free(addresses);
	assert_int_equal(
		finish_with_error(resolve(
			(struct gyre_resolve_options){ .host = "unix.test" })),
		-ENOENT);
}

static void
a_name_with_many_addresses_is_cut(void **state)
{
	struct gyre_addresses *addresses;

	(void)state;
	assert_int_equal(finish(resolve((struct gyre_resolve_options){
					.host = "many.test" }),
				&addresses),
			 0);
	assert_int_equal(addresses->count, GYRE_ADDRESSES_MAX);
	expect_text(&addresses->items[GYRE_ADDRESSES_MAX - 1], "192.0.2.255",
		    0);
	gyre_addresses_free(addresses);
}

static void
failures_become_errors_that_name_the_host(void **state)
{
	static const struct {
		int answer;
		int error;
	} cases[] = {
		{ EAI_NONAME, -ENOENT },
		{ EAI_NODATA, -ENOENT },
		{ EAI_SERVICE, -ENOENT },
		{ EAI_AGAIN, -EAGAIN },
		{ EAI_MEMORY, -ENOMEM },
		{ EAI_FAMILY, -EAFNOSUPPORT },
		{ EAI_ADDRFAMILY, -EAFNOSUPPORT },
		{ EAI_BADFLAGS, -EINVAL },
		{ EAI_SOCKTYPE, -EINVAL },
		{ EAI_FAIL, -EIO },
		{ EAI_SYSTEM, -EMFILE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		names.answer = cases[i].answer;
		names.system_error = EMFILE;
		assert_int_equal(
			finish_with_error(resolve((struct gyre_resolve_options){
				.host = "a.test" })),
			cases[i].error);
		assert_non_null(strstr(message, "cannot resolve a.test: "));
		assert_non_null(strstr(
			message, cases[i].answer == EAI_SYSTEM
					 ? "EMFILE"
					 : gai_strerror(cases[i].answer)));
	}
}

static void
the_reason_is_told_with_any_host(void **state)
{
	char host[GYRE_HOST_MAX + 1] = { 0 };

	(void)state;
	memset(host, 'a', GYRE_HOST_MAX);
	names.answer = EAI_NONAME;
	assert_int_equal(finish_with_error(resolve((
				 struct gyre_resolve_options){ .host = host })),
			 -ENOENT);
	assert_non_null(strstr(message, gai_strerror(EAI_NONAME)));
}

/* -- what nobody need be asked --------------------------------------------- */

static void
numeric_hosts_are_answered_at_once(void **state)
{
	struct gyre_resolve_options options = for_nobody("192.0.2.7", "65535");
	struct gyre_addresses *addresses;

	(void)state;
	options.family = AF_INET;
	options.flags = AI_CANONNAME;
	assert_int_equal(outcome_of(resolve(options), &addresses), 0);
	assert_int_equal(addresses->count, 1);
	expect_text(&addresses->items[0], "192.0.2.7", 65535);
	assert_string_equal(addresses->canonical_name, "192.0.2.7");
	gyre_addresses_free(addresses);

	assert_int_equal(outcome_of(resolve(for_nobody("2001:db8::1", NULL)),
				    &addresses),
			 0);
	expect_text(&addresses->items[0], "2001:db8::1", 0);
	assert_null(addresses->canonical_name);
	gyre_addresses_free(addresses);
}

static void
others_are_asked_of_the_system(void **state)
{
	struct gyre_resolve_options all[] = {
		for_nobody("two.test", "80"),   for_nobody("127.1", "80"),
		for_nobody("0x7f000001", NULL), for_nobody("192.0.2.7", "http"),
		for_nobody("192.0.2.7", NULL),  for_nobody("192.0.2.7", NULL),
		for_nobody("192.0.2.7", NULL),
	};

	(void)state;
	all[4].family = AF_INET6;
	all[5].type = SOCK_RAW;
	all[6].flags = 1 << 30;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		assert_int_equal(finish_with_error(resolve(all[i])), -EIO);
}

static void
expect_invalid(struct gyre_resolve_options options, const char *reason)
{
	struct gyre_addresses *addresses;

	hold(-EIO);
	options.executor = &held.executor;
	assert_int_equal(outcome_of(resolve(options), &addresses), -EINVAL);
	assert_non_null(strstr(message, reason));
}

static void
bad_input_is_refused(void **state)
{
	static const char with_nul[] = "good.test\0.evil.test";
	char host[GYRE_HOST_MAX + 2] = { 0 };
	char service[GYRE_SERVICE_MAX + 2] = { 0 };

	(void)state;
	memset(host, 'a', sizeof(host) - 1);
	memset(service, 'a', sizeof(service) - 1);
#define OPTIONS(...) ((struct gyre_resolve_options){ __VA_ARGS__ })
	expect_invalid(OPTIONS(.host = NULL), "neither");
	expect_invalid(OPTIONS(.host = ""), "host is empty");
	expect_invalid(OPTIONS(.host = host), "host is too long");
	expect_invalid(OPTIONS(.host = "x", .host_length = 255), "too long");
	expect_invalid(
		OPTIONS(.host = with_nul, .host_length = sizeof(with_nul) - 1),
		"NUL");
	expect_invalid(OPTIONS(.host = "a b"), "space");
	expect_invalid(OPTIONS(.host = "a\x7f"), "control");
	expect_invalid(OPTIONS(.host = "a", .service = ""), "service is empty");
	expect_invalid(OPTIONS(.host = "a", .service = service),
		       "service is too long");
	expect_invalid(OPTIONS(.host = "a", .service = "8\n"), "control");
	expect_invalid(OPTIONS(.host = "a", .service = "65536"), "no port");
	expect_invalid(
		OPTIONS(.host = "192.0.2.1", .service = "99999999999999999999"),
		"no port");
}

/* -- executors ------------------------------------------------------------- */

static void
an_executor_that_refuses_ends_the_lookup(void **state)
{
	(void)state;
	hold(-EAGAIN);
	assert_int_equal(finish_with_error(resolve_held("two.test", 0)),
			 -EAGAIN);
	assert_non_null(strstr(message, "the executor refused the job"));
	hold(-ESHUTDOWN);
	assert_int_equal(finish_with_error(resolve_held("two.test", 0)),
			 -ESHUTDOWN);
	assert_int_equal(names.asked, 0);
}

static void
an_executor_that_is_shut_down_ends_the_lookup(void **state)
{
	struct gyre_future *future;

	(void)state;
	hold(0);
	future = resolve_held("two.test", 0);
	held.task->drop(held.task, GYRE_DROP_STOPPED);
	assert_int_equal(finish_with_error(future), -ESHUTDOWN);
	assert_non_null(strstr(message, "shut down"));
}

/* -- the real one ---------------------------------------------------------- */

static void
localhost_is_found(void **state)
{
	struct gyre_addresses *addresses;
	int error = finish(
		resolve((struct gyre_resolve_options){ .host = "localhost",
						       .service = "80",
						       .family = AF_INET }),
		&addresses);

	(void)state;
	if (error != 0)
		skip();
	expect_text(&addresses->items[0], "127.0.0.1", 80);
	gyre_addresses_free(addresses);
}

static void
the_system_knows_short_numeric_hosts(void **state)
{
	struct gyre_addresses *addresses;

	(void)state;
	assert_int_equal(finish(resolve((struct gyre_resolve_options){
					.host = "127.1", .service = "7" }),
				&addresses),
			 0);
	expect_text(&addresses->items[0], "127.0.0.1", 7);
	gyre_addresses_free(addresses);
	assert_int_equal(
		finish_with_error(resolve((struct gyre_resolve_options){
			.host = "no-number", .flags = AI_NUMERICHOST })),
		-ENOENT);
}

#define REAL(name) \
	cmocka_unit_test_setup_teardown(name, job_set_up, job_tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		NAMES_TEST(a_name_is_looked_up_on_the_executor),
		NAMES_TEST(what_is_asked_is_what_the_options_say),
		NAMES_TEST(what_is_no_ip_address_is_left_out),
		NAMES_TEST(a_name_with_many_addresses_is_cut),
		NAMES_TEST(failures_become_errors_that_name_the_host),
		NAMES_TEST(the_reason_is_told_with_any_host),
		NAMES_STAGE_TEST(numeric_hosts_are_answered_at_once),
		NAMES_STAGE_TEST(others_are_asked_of_the_system),
		NAMES_STAGE_TEST(bad_input_is_refused),
		NAMES_STAGE_TEST(an_executor_that_refuses_ends_the_lookup),
		NAMES_STAGE_TEST(an_executor_that_is_shut_down_ends_the_lookup),
		REAL(localhost_is_found),
		REAL(the_system_knows_short_numeric_hosts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
