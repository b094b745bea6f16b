/*
 * How lookups end before their answer, who owns what it brings then, and
 * resolvers of one's own.
 */
#include "tests/net/resolve_fixture.h"

#include <arpa/inet.h>

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

/* -- closing --------------------------------------------------------------- */

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

/* -- who owns the answer --------------------------------------------------- */

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

/* -- resolvers of one's own ------------------------------------------------ */

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

/* The loop hears of the answer when the caller has given up already. */
static void
an_answer_that_meets_a_cancel_is_freed(void **state)
{
	struct gyre_future *future = resolve_by_own(0);

	(void)state;
	assert_int_equal(answer_own(), 0);
	assert_int_equal(gyre_future_cancel(future), 0);
	assert_int_equal(finish_with_error(future), -ECANCELED);
	run_once();
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

/* -- faults ---------------------------------------------------------------- */

/* Every allocation of a lookup fails once, and each is heard of. */
static void
memory_may_end_anywhere(void **state)
{
	struct gyre_addresses *addresses = NULL;
	struct gyre_future *future;
	unsigned asked;
	unsigned n = 0;
	bool failed;
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
		failed = future == NULL || gyre_future_done(future);
		asked = names.asked;
		if (held.task != NULL)
			held.task->run(held.task);
		assert_true(!failed || names.asked == asked);
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		NAMES_TEST(one_cancelled_in_the_queue_never_asks),
		NAMES_TEST(what_comes_after_a_cancel_is_freed),
		NAMES_STAGE_TEST(a_deadline_ends_the_wait_in_the_queue),
		NAMES_TEST(a_deadline_ends_the_wait_for_an_answer),
		NAMES_STAGE_TEST(a_deadline_that_has_passed_asks_nobody),
		NAMES_STAGE_TEST(an_answer_in_time_removes_the_deadline),
		NAMES_STAGE_TEST(a_loop_that_closes_ends_its_lookups),
		NAMES_STAGE_TEST(an_answer_that_meets_a_closed_loop_is_freed),
		NAMES_TEST(a_loop_that_closes_waits_for_its_own_pool),
		NAMES_STAGE_TEST(a_closed_loop_looks_nothing_up),
		NAMES_STAGE_TEST(
			an_answer_that_nobody_reads_is_freed_with_the_future),
		NAMES_STAGE_TEST(a_chained_future_takes_the_answer),
		NAMES_TEST(run_sync_hands_the_answer_over),
		NAMES_STAGE_TEST(a_resolver_of_ones_own_is_asked),
		NAMES_STAGE_TEST(a_resolver_of_ones_own_is_cancelled),
		NAMES_STAGE_TEST(
			an_own_answer_that_meets_a_closed_loop_is_freed),
		NAMES_STAGE_TEST(an_answer_that_meets_a_cancel_is_freed),
		NAMES_STAGE_TEST(a_resolver_that_fails_ends_the_lookup),
		NAMES_STAGE_TEST(wrong_addresses_are_refused),
		NAMES_STAGE_TEST(memory_may_end_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
