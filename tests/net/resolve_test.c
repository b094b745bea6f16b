/*
 * Lookups, with a getaddrinfo() of the test's own: names are in a table, and
 * the network is asked nothing. The last tests ask the real one.
 */
#include <gyre/resolve.h>

#include "tests/net/names.h"
#include "tests/support/job_fixture.h"

#include <arpa/inet.h>
#include <netdb.h>

static int
setup(void **state)
{
	job_set_up(state);
	names_reset();
	fake_sys.getaddrinfo = names_getaddrinfo;
	fake_sys.freeaddrinfo = names_freeaddrinfo;
	return 0;
}

static int
stage_setup(void **state)
{
	stage_set_up(state);
	names_reset();
	fake_sys.getaddrinfo = names_getaddrinfo;
	fake_sys.freeaddrinfo = names_freeaddrinfo;
	return 0;
}

static int
teardown(void **state)
{
	loop_tear_down(state);
	assert_int_equal(names_live_lists(), 0);
	return 0;
}

/* -- asking --------------------------------------------------------------- */

static char message[GYRE_EXCEPTION_MESSAGE_MAX];

static struct gyre_future *
resolve(struct gyre_resolve_options options)
{
	struct gyre_future *future = gyre_net_resolve(the_loop, &options);

	assert_non_null(future);
	return future;
}

static struct gyre_future *
resolve_held(const char *host, int64_t deadline_ns)
{
	return resolve((struct gyre_resolve_options){
		.host = host,
		.service = "80",
		.deadline_ns = deadline_ns,
		.executor = &held.executor,
	});
}

static void
stop_when_done(struct gyre_future *future, void *arg)
{
	(void)future;
	(void)arg;
	gyre_loop_stop(the_loop);
}

/* Give the future back, and answer what came of it. */
static int
outcome_of(struct gyre_future *future, struct gyre_addresses **ret_addresses)
{
	void *value = NULL;
	int error = gyre_future_result(future, &value);

	snprintf(message, sizeof(message), "%s",
		 error != -EAGAIN || gyre_future_done(future)
			 ? gyre_future_message(future)
			 : "");
	gyre_future_unref(future);
	*ret_addresses = value;
	return error;
}

static int
finish(struct gyre_future *future, struct gyre_addresses **ret_addresses)
{
	assert_int_equal(
		gyre_loop_add_future(the_loop, future, stop_when_done, NULL),
		0);
	run();
	return outcome_of(future, ret_addresses);
}

static int
finish_with_error(struct gyre_future *future)
{
	struct gyre_addresses *addresses;
	int error = finish(future, &addresses);

	assert_null(addresses);
	return error;
}

static void
expect_text(const struct gyre_address *address, const char *text, unsigned port)
{
	char host[INET6_ADDRSTRLEN];
	char service[8];
	char expected[8];

	snprintf(expected, sizeof(expected), "%u", port);
	assert_int_equal(getnameinfo(address->sockaddr,
				     (socklen_t)address->length, host,
				     sizeof(host), service, sizeof(service),
				     NI_NUMERICHOST | NI_NUMERICSERV),
			 0);
	assert_string_equal(host, text);
	assert_string_equal(service, expected);
}

/* -- answers -------------------------------------------------------------- */

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

static struct gyre_resolve_options
for_nobody(const char *host, const char *service)
{
	hold(-EIO);
	return (struct gyre_resolve_options){ .host = host,
					      .service = service,
					      .executor = &held.executor };
}

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

/* -- giving up ------------------------------------------------------------- */

static void
one_cancelled_in_the_queue_never_asks(void **state)
{
	struct gyre_future *future;

	(void)state;
	hold(0);
	future = resolve_held("two.test", 0);
	assert_int_equal(gyre_future_cancel(future), 0);
	assert_int_equal(finish_with_error(future), -ECANCELED);
	run_once();
	elsewhere(run_held, NULL);
	assert_int_equal(names.asked, 0);
}

static struct gyre_future *to_cancel;

static void
cancel_it(void)
{
	CHECK(gyre_future_cancel(to_cancel) == 0);
}

static void
what_comes_after_a_cancel_is_freed(void **state)
{
	(void)state;
	hold(0);
	to_cancel = resolve_held("two.test", 0);
	names.on_ask = cancel_it;
	elsewhere(run_held, NULL);
	assert_int_equal(names.asked, 1);
	assert_int_equal(finish_with_error(to_cancel), -ECANCELED);
}

static void
a_deadline_ends_the_wait_in_the_queue(void **state)
{
	int64_t deadline_ns = stage.now_ns + GYRE_SECONDS(5);
	struct gyre_future *future;

	(void)state;
	hold(0);
	future = resolve_held("two.test", deadline_ns);
	assert_int_equal(finish_with_error(future), -ETIMEDOUT);
	assert_string_equal(message,
			    "cannot resolve two.test: no answer in time");
	assert_int_equal(stage.now_ns, deadline_ns);
	run_once();
	held.task->run(held.task);
	assert_int_equal(names.asked, 0);
}

static void
a_deadline_ends_the_wait_for_an_answer(void **state)
{
	struct gyre_future *future;

	(void)state;
	names_close_gate();
	future = resolve((struct gyre_resolve_options){
		.host = "two.test",
		.deadline_ns = gyre_loop_time(the_loop) + GYRE_MS(20) });
	assert_int_equal(finish_with_error(future), -ETIMEDOUT);
	names_open_gate();
}

static void
a_deadline_that_has_passed_asks_nobody(void **state)
{
	struct gyre_addresses *addresses;

	(void)state;
	hold(-EIO);
	stage.now_ns = GYRE_SECONDS(9);
	assert_int_equal(outcome_of(resolve_held("two.test", GYRE_SECONDS(9)),
				    &addresses),
			 -ETIMEDOUT);
	assert_int_equal(outcome_of(resolve_held("192.0.2.1", GYRE_SECONDS(9)),
				    &addresses),
			 0);
	gyre_addresses_free(addresses);
}

static void
an_answer_in_time_removes_the_deadline(void **state)
{
	struct gyre_addresses *addresses;
	struct gyre_future *future;
	struct gyre_loop_stats stats;

	(void)state;
	hold(0);
	future = resolve_held("two.test", stage.now_ns + GYRE_SECONDS(5));
	held.task->run(held.task);
	assert_int_equal(finish(future, &addresses), 0);
	gyre_addresses_free(addresses);
	gyre_loop_get_stats(the_loop, &stats);
	assert_int_equal(stats.timeouts_waiting, 0);
	assert_int_equal(stats.timeouts_run, 0);
}

/* -- executors --------------------------------------------------------------
 */

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

/* -- closing ----------------------------------------------------------------
 */

static void
close_the_loop(void)
{
	close_and_free(the_loop);
	the_loop = NULL;
}

static void
a_loop_that_closes_ends_its_lookups(void **state)
{
	struct gyre_addresses *addresses;
	struct gyre_future *future;

	(void)state;
	hold(0);
	future = resolve_held("two.test", stage.now_ns + GYRE_SECONDS(5));
	close_the_loop();
	assert_int_equal(outcome_of(future, &addresses), -ESHUTDOWN);
	held.task->run(held.task);
	assert_int_equal(names.asked, 0);
}

/* The answer is on its way to the loop, or in the caller's future. */
static void
an_answer_that_meets_a_closed_loop_is_freed(void **state)
{
	struct gyre_addresses *addresses;
	struct gyre_future *future;

	(void)state;
	hold(0);
	future = resolve_held("two.test", 0);
	held.task->run(held.task);
	close_the_loop();
	assert_int_equal(outcome_of(future, &addresses), -ESHUTDOWN);
	assert_int_equal(names.asked, 1);
}

static void
a_loop_that_closes_waits_for_its_own_pool(void **state)
{
	struct gyre_addresses *addresses;
	struct gyre_future *future;

	(void)state;
	future = resolve((struct gyre_resolve_options){ .host = "two.test" });
	close_the_loop();
	assert_int_equal(outcome_of(future, &addresses), -ESHUTDOWN);
}

static void
a_closed_loop_looks_nothing_up(void **state)
{
	struct gyre_resolve_options options = { .host = "192.0.2.1" };

	(void)state;
	assert_int_equal(gyre_loop_close(the_loop, false), 0);
	assert_null(gyre_net_resolve(the_loop, &options));
	assert_null(gyre_addresses_future(the_loop));
}

/* -- who owns the answer -----------------------------------------------------
 */

static void
an_answer_that_nobody_reads_is_freed_with_the_future(void **state)
{
	struct gyre_future *future;

	(void)state;
	gyre_future_unref(resolve(for_nobody("192.0.2.1", NULL)));
	hold(0);
	future = resolve_held("two.test", 0);
	gyre_future_unref(future);
	held.task->run(held.task);
	run_once();
	run_once();
	assert_int_equal(names.asked, 1);
}

static void
a_chained_future_takes_the_answer(void **state)
{
	struct gyre_future *target = gyre_future_new(the_loop);
	struct gyre_future *source = resolve(for_nobody("192.0.2.1", NULL));
	struct gyre_addresses *addresses;

	(void)state;
	assert_int_equal(gyre_future_chain(source, target), 0);
	gyre_future_unref(source);
	assert_int_equal(finish(target, &addresses), 0);
	expect_text(&addresses->items[0], "192.0.2.1", 0);
	gyre_addresses_free(addresses);

	target = gyre_future_new(the_loop);
	source = resolve(for_nobody("192.0.2.1", NULL));
	assert_int_equal(gyre_future_cancel(target), 0);
	assert_int_equal(gyre_future_chain(source, target), 0);
	gyre_future_unref(source);
	assert_int_equal(finish_with_error(target), -ECANCELED);
}

static struct gyre_future *
look_up(void *host)
{
	return resolve((struct gyre_resolve_options){ .host = host });
}

static void
run_sync_hands_the_answer_over(void **state)
{
	char host[] = "two.test";
	void *value = NULL;
	struct gyre_addresses *addresses;

	(void)state;
	assert_int_equal(gyre_loop_run_sync(the_loop, look_up, host,
					    GYRE_FOREVER, &value),
			 0);
	addresses = value;
	assert_int_equal(addresses->count, 2);
	gyre_addresses_free(addresses);
}

/* -- resolvers of one's own --------------------------------------------------
 */

static struct gyre_future *own_answer;
static struct gyre_resolve_options own_asked;
static char own_host[GYRE_HOST_MAX + 1];

static struct gyre_future *
own_resolve(struct gyre_resolver *resolver, struct gyre_loop *loop,
	    const struct gyre_resolve_options *options)
{
	(void)resolver;
	own_asked = *options;
	snprintf(own_host, sizeof(own_host), "%s", options->host);
	own_answer = gyre_addresses_future(loop);
	return own_answer != NULL ? gyre_future_ref(own_answer) : NULL;
}

static const struct gyre_resolver_ops own_ops = { .resolve = own_resolve };
static struct gyre_resolver own_resolver = { &own_ops };

static struct gyre_future *
resolve_by_own(int64_t deadline_ns)
{
	return resolve((struct gyre_resolve_options){
		.host = "two.test?",
		.host_length = 8,
		.deadline_ns = deadline_ns,
		.resolver = &own_resolver,
	});
}

static int
answer_own(void)
{
	const struct sockaddr_in in = { .sin_family = AF_INET };
	const struct gyre_address item = { (const struct sockaddr *)&in,
					   sizeof(in) };
	struct gyre_addresses *addresses;
	int status;

	CHECK(gyre_addresses_new(&item, 1, "own.test", &addresses) == 0);
	status = gyre_future_resolve(own_answer, addresses);
	if (status < 0)
		gyre_addresses_free(addresses);
	gyre_future_unref(own_answer);
	return status;
}

static void
a_resolver_of_ones_own_is_asked(void **state)
{
	struct gyre_future *future = resolve_by_own(0);
	struct gyre_addresses *addresses;

	(void)state;
	assert_string_equal(own_host, "two.test");
	assert_int_equal(own_asked.type, SOCK_STREAM);
	assert_null(own_asked.service);
	assert_int_equal(answer_own(), 0);
	assert_int_equal(finish(future, &addresses), 0);
	expect_text(&addresses->items[0], "0.0.0.0", 0);
	assert_string_equal(addresses->canonical_name, "own.test");
	gyre_addresses_free(addresses);
	assert_int_equal(names.asked, 0);
}

static void
a_resolver_of_ones_own_is_cancelled(void **state)
{
	struct gyre_future *future =
		resolve_by_own(stage.now_ns + GYRE_SECONDS(5));

	(void)state;
	assert_int_equal(finish_with_error(future), -ETIMEDOUT);
	assert_int_equal(answer_own(), -EALREADY);

	future = resolve_by_own(0);
	assert_int_equal(gyre_future_cancel(future), 0);
	assert_int_equal(finish_with_error(future), -ECANCELED);
	run_once();
	assert_int_equal(answer_own(), -EALREADY);
}

static void
an_own_answer_that_meets_a_closed_loop_is_freed(void **state)
{
	struct gyre_future *future = resolve_by_own(0);
	struct gyre_addresses *addresses;

	(void)state;
	assert_int_equal(answer_own(), 0);
	close_the_loop();
	assert_int_equal(outcome_of(future, &addresses), -ESHUTDOWN);
}

static void
a_resolver_that_fails_ends_the_lookup(void **state)
{
	struct gyre_future *future = resolve_by_own(0);

	(void)state;
	assert_int_equal(gyre_future_reject(own_answer, -EIO, "no luck"), 0);
	gyre_future_unref(own_answer);
	assert_int_equal(finish_with_error(future), -EIO);
	assert_string_equal(message, "cannot resolve two.test: no luck");
}

static void
wrong_addresses_are_refused(void **state)
{
	const struct sockaddr_storage storage = { .ss_family = AF_INET };
	const struct gyre_address longer = { (const struct sockaddr *)&storage,
					     sizeof(storage) + 1 };
	struct gyre_addresses *addresses = NULL;

	(void)state;
	assert_int_equal(gyre_addresses_new(NULL, 0, NULL, &addresses),
			 -EINVAL);
	assert_int_equal(gyre_addresses_new(&longer, 1, NULL, &addresses),
			 -EINVAL);
	assert_int_equal(gyre_addresses_new(&longer, GYRE_ADDRESSES_MAX + 1,
					    NULL, &addresses),
			 -EINVAL);
	assert_null(addresses);
}

/* -- faults ------------------------------------------------------------------
 */

/* Every allocation of a lookup fails once, and each is heard of. */
static void
memory_may_end_anywhere(void **state)
{
	struct gyre_addresses *addresses = NULL;
	struct gyre_future *future;
	unsigned n = 0;
	int error = 0;

	(void)state;
	do {
		const struct gyre_resolve_options options = {
			.host = "two.test",
			.deadline_ns = stage.now_ns + GYRE_SECONDS(5),
			.executor = &held.executor,
		};

		hold(0);
		fake_fail_at(++n);
		future = gyre_net_resolve(the_loop, &options);
		if (held.task != NULL)
			held.task->run(held.task);
		if (future == NULL)
			continue;
		fake_fail_at(0);
		run_once();
		run_once();
		error = outcome_of(future, &addresses);
		assert_true(error == 0 || error == -ENOMEM);
		gyre_addresses_free(addresses);
	} while (future == NULL || error != 0);
	assert_true(n > 5);
}

/* -- the real one
 * -------------------------------------------------------------- */

static int
real_setup(void **state)
{
	return job_set_up(state);
}

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

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define ON_STAGE(name) \
	cmocka_unit_test_setup_teardown(name, stage_setup, teardown)
#define REAL(name) \
	cmocka_unit_test_setup_teardown(name, real_setup, job_tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_name_is_looked_up_on_the_executor),
		TEST(what_is_asked_is_what_the_options_say),
		TEST(what_is_no_ip_address_is_left_out),
		TEST(a_name_with_many_addresses_is_cut),
		TEST(failures_become_errors_that_name_the_host),
		TEST(the_reason_is_told_with_any_host),
		ON_STAGE(numeric_hosts_are_answered_at_once),
		ON_STAGE(others_are_asked_of_the_system),
		ON_STAGE(bad_input_is_refused),
		TEST(one_cancelled_in_the_queue_never_asks),
		TEST(what_comes_after_a_cancel_is_freed),
		ON_STAGE(a_deadline_ends_the_wait_in_the_queue),
		TEST(a_deadline_ends_the_wait_for_an_answer),
		ON_STAGE(a_deadline_that_has_passed_asks_nobody),
		ON_STAGE(an_answer_in_time_removes_the_deadline),
		ON_STAGE(an_executor_that_refuses_ends_the_lookup),
		ON_STAGE(an_executor_that_is_shut_down_ends_the_lookup),
		ON_STAGE(a_loop_that_closes_ends_its_lookups),
		ON_STAGE(an_answer_that_meets_a_closed_loop_is_freed),
		TEST(a_loop_that_closes_waits_for_its_own_pool),
		ON_STAGE(a_closed_loop_looks_nothing_up),
		ON_STAGE(an_answer_that_nobody_reads_is_freed_with_the_future),
		ON_STAGE(a_chained_future_takes_the_answer),
		TEST(run_sync_hands_the_answer_over),
		ON_STAGE(a_resolver_of_ones_own_is_asked),
		ON_STAGE(a_resolver_of_ones_own_is_cancelled),
		ON_STAGE(an_own_answer_that_meets_a_closed_loop_is_freed),
		ON_STAGE(a_resolver_that_fails_ends_the_lookup),
		ON_STAGE(wrong_addresses_are_refused),
		ON_STAGE(memory_may_end_anywhere),
		REAL(localhost_is_found),
		REAL(the_system_knows_short_numeric_hosts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
