/* Topics whose subscribers are not ready: what waits, and what is dropped. */
#include "tests/bus/topics_fixture.h"

/* -- policies ------------------------------------------------------------- */

static struct gyre_subscription *
subscribe_policy(enum gyre_topic_policy policy, uint32_t limit)
{
	return subscribe_with(A,
			      (struct gyre_subscribe_options){ .pattern = "a",
							       .policy = policy,
							       .limit = limit },
			      "s");
}

static void
latest_is_the_newest_of_a_batch(void **state)
{
	struct gyre_subscription *s = subscribe_policy(GYRE_TOPIC_LATEST, 5);

	(void)state;
	publish_numbers(1, 4);
	run(A);
	assert_trace("s:a=4");
	assert_stats(s, 1, 3, 0);
	publish_numbers(5, 5);
	run(A);
	assert_trace("s:a=5");
	assert_stats(s, 2, 3, 0);
	assert_int_equal(released, 5);
}

static void
drop_oldest_is_the_newest_few_of_a_batch(void **state)
{
	struct gyre_subscription *s =
		subscribe_policy(GYRE_TOPIC_DROP_OLDEST, 3);

	(void)state;
	publish_numbers(1, 9);
	run(A);
	assert_trace("s:a=7 s:a=8 s:a=9");
	assert_stats(s, 3, 6, 0);
	assert_int_equal(released, 9);
}

static void
who_is_paused_keeps_what_the_policy_says(void **state)
{
	static const char *const expected[] = {
		[GYRE_TOPIC_QUEUE] = "s:a=1 s:a=2 s:a=3",
		[GYRE_TOPIC_LATEST] = "s:a=9",
		[GYRE_TOPIC_DROP_OLDEST] = "s:a=7 s:a=8 s:a=9",
	};

	(void)state;
	for (unsigned policy = 0; policy < 3; policy++) {
		unsigned kept = policy == GYRE_TOPIC_LATEST ? 1 : 3;
		struct gyre_subscription *s = subscribe_policy(policy, 3);

		gyre_subscription_pause(s);
		for (unsigned i = 1; i <= 7; i += 3) {
			publish_numbers(i, i + 2);
			run(A);
		}
		assert_trace("");
		assert_stats(s, 0, 9 - kept, kept);
		gyre_subscription_resume(s);
		assert_trace("");
		run(A);
		assert_trace(expected[policy]);
		assert_stats(s, kept, 9 - kept, 0);
		gyre_bus_unsubscribe(s);
		assert_int_equal(released, 9 * (policy + 1));
	}
}

static void
what_waits_comes_before_what_follows(void **state)
{
	struct gyre_subscription *s = subscribe_policy(GYRE_TOPIC_QUEUE, 0);

	(void)state;
	gyre_subscription_pause(s);
	publish_numbers(1, 2);
	run(A);
	gyre_subscription_resume(s);
	publish_numbers(3, 4);
	run(A);
	assert_trace("s:a=1 s:a=2 s:a=3 s:a=4");
}

static void
pause_it(const struct gyre_delivery *delivery)
{
	gyre_subscription_pause(delivery->subscription);
}

static void
who_pauses_inside_a_delivery_is_paused(void **state)
{
	struct gyre_subscription *s = subscribe_policy(GYRE_TOPIC_QUEUE, 0);

	(void)state;
	on_delivery = pause_it;
	publish_numbers(1, 3);
	run(A);
	assert_trace("s:a=1");
	assert_stats(s, 1, 0, 2);
	on_delivery = pause_it;
	gyre_subscription_resume(s);
	run(A);
	assert_trace("s:a=2");
	gyre_subscription_resume(s);
	run(A);
	assert_trace("s:a=3");
}

static void
what_waits_is_dropped_with_its_subscription(void **state)
{
	struct gyre_subscription *s = subscribe_policy(GYRE_TOPIC_QUEUE, 0);

	(void)state;
	gyre_subscription_pause(s);
	publish_numbers(1, 6);
	run(A);
	assert_int_equal(released, 0);
	gyre_bus_unsubscribe(s);
	assert_int_equal(released, 6);
}

static void
much_that_waits_comes_in_several_batches(void **state)
{
	unsigned count = 0;
	const struct gyre_subscribe_options options = { .pattern = "a",
							.fn = count_delivery,
							.arg = &count };

	(void)state;
	assert_int_equal(try_subscribe(&places[A], &options, &last), 0);
	gyre_subscription_pause(last);
	for (unsigned i = 0; i < 2 * GYRE__DELIVERIES_MAX + 1; i++)
		publish("a", "x");
	run(A);
	gyre_subscription_resume(last);
	run(A);
	assert_int_equal(count, GYRE__DELIVERIES_MAX);
	run(A);
	assert_int_equal(count, 2 * GYRE__DELIVERIES_MAX);
	run(A);
	assert_int_equal(count, 2 * GYRE__DELIVERIES_MAX + 1);
	run(A);
}

static void
halt_it(const struct gyre_delivery *delivery)
{
	(void)delivery;
	gyre__outbox_halt(&places[A].loop.outbox);
}

static void
a_loop_that_halts_delivers_the_rest_later(void **state)
{
	(void)state;
	subscribe(A, "a", "0");
	subscribe(A, "a", "1");
	on_delivery = halt_it;
	publish_numbers(1, 2);
	enter(&places[A].loop);
	gyre__outbox_receive(&places[A].loop.outbox);
	gyre__outbox_run(&places[A].loop.outbox, &(struct gyre__chain){ 0 });
	leave(&places[A].loop);
	assert_trace("");
	step(&places[A].loop);
	assert_trace("0:a=1");
	places[A].loop.outbox.halted = false;
	run(A);
	assert_trace("0:a=2 1:a=1 1:a=2");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TOPICS_TEST(latest_is_the_newest_of_a_batch),
		TOPICS_TEST(drop_oldest_is_the_newest_few_of_a_batch),
		TOPICS_TEST(who_is_paused_keeps_what_the_policy_says),
		TOPICS_TEST(what_waits_comes_before_what_follows),
		TOPICS_TEST(who_pauses_inside_a_delivery_is_paused),
		TOPICS_TEST(what_waits_is_dropped_with_its_subscription),
		TOPICS_TEST(much_that_waits_comes_in_several_batches),
		TOPICS_TEST(a_loop_that_halts_delivers_the_rest_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
