/* Topics between stations: who gets what, and when no more. */
#include "tests/bus/topics_fixture.h"

/* -- who gets what -------------------------------------------------------- */

static void
a_publish_reaches_who_subscribed(void **state)
{
	(void)state;
	subscribe(A, "orders.*.eu", "a1");
	subscribe(A, "orders.>", "a2");
	subscribe(A, "orders.7.eu", "a3");
	subscribe(A, "orders.7.us", "a4");
	subscribe(B, "*.7.*", "b1");
	subscribe(B, "orders", "b2");
	publish("orders.7.eu", "x");
	assert_int_equal(released, 0);
	run(A);
	assert_trace("a3:orders.7.eu=x a2:orders.7.eu=x a1:orders.7.eu=x");
	run(B);
	run(C);
	assert_trace("b1:orders.7.eu=x");
	assert_int_equal(released, 1);
}

static void
a_message_for_nobody_is_released(void **state)
{
	(void)state;
	publish("a", "x");
	assert_int_equal(released, 1);
	subscribe(A, "b", "b");
	publish("a", "y");
	assert_int_equal(released, 2);
}

static void
one_sender_s_messages_come_in_order(void **state)
{
	(void)state;
	subscribe(A, "a", "1");
	subscribe(A, "*", "2");
	publish("a", "x");
	publish("b", "y");
	publish("a", "z");
	run(A);
	assert_trace("1:a=x 2:a=x 2:b=y 1:a=z 2:a=z");
}

static void
the_set_is_that_of_the_publish(void **state)
{
	(void)state;
	subscribe(A, "a", "old");
	publish("a", "x");
	subscribe(A, "a", "new");
	subscribe(A, "*", "newer");
	run(A);
	assert_trace("old:a=x");
	publish("a", "y");
	run(A);
	assert_trace("old:a=y new:a=y newer:a=y");
}

static void
nothing_comes_after_unsubscribe(void **state)
{
	struct gyre_subscription *one;

	(void)state;
	one = subscribe(A, "a", "one");
	subscribe(A, "a", "two");
	publish("a", "x");
	gyre_bus_unsubscribe(one);
	run(A);
	assert_trace("two:a=x");
	gyre_bus_unsubscribe(NULL);
}

static void
a_station_goes_with_its_last_subscription(void **state)
{
	struct gyre_subscription *one;

	(void)state;
	one = subscribe(A, "a", "one");
	publish("a", "x");
	gyre_bus_unsubscribe(one);
	assert_null(places[A].station);
	assert_int_equal(released, 0);
	run(A);
	assert_trace("");
	assert_int_equal(released, 1);
	subscribe(A, "a", "two");
	publish("a", "y");
	run(A);
	assert_trace("two:a=y");
}

static void
bad_subjects_are_refused(void **state)
{
	struct gyre_subscribe_options options = { .pattern = "a..b",
						  .fn = say_delivery };

	(void)state;
	assert_int_equal(gyre_bus_publish(bus, "a.*", text("x")), -EINVAL);
	assert_int_equal(gyre_bus_publish(bus, "", text("x")), -EINVAL);
	assert_int_equal(gyre_bus_publish_retained(bus, ">", text("x")),
			 -EINVAL);
	assert_int_equal(try_subscribe(&places[A], &options, &last), -EINVAL);
	options.pattern = "a";
	options.group = "b.c";
	assert_int_equal(try_subscribe(&places[A], &options, &last), -EINVAL);
	options.group = "*";
	assert_int_equal(try_subscribe(&places[A], &options, &last), -EINVAL);
	options.group = NULL;
	options.limit = GYRE_TOPIC_LIMIT_MAX + 1;
	assert_int_equal(try_subscribe(&places[A], &options, &last), -EINVAL);
	assert_null(places[A].station);
	assert_int_equal(released, 0);
}

static void
nothing_is_taken_without_memory(void **state)
{
	const struct gyre_subscribe_options options = { .pattern = "a",
							.fn = say_delivery };
	unsigned nth = 0;
	int result;

	(void)state;
	do {
		harness_fail(FAULT_ALLOCATE, ++nth);
		result = try_subscribe(&places[A], &options, &last);
		harness_fail(0, 0);
		assert_true(result == 0 || result == -ENOMEM);
		assert_int_equal(gyre_bus_subscribers(bus, "a"), result == 0);
	} while (result < 0);
	assert_int_equal(nth, 7);
	harness_fail(FAULT_ALLOCATE, 1);
	assert_int_equal(gyre_bus_publish(bus, "a", text("x")), -ENOMEM);
	for (nth = 1; nth <= 2; nth++) {
		harness_fail(FAULT_ALLOCATE, nth);
		assert_int_equal(gyre_bus_publish_retained(bus, "a", text("x")),
				 -ENOMEM);
	}
	assert_int_equal(released, 0);
	harness_fail(FAULT_ALLOCATE, 3);
	publish_retained("a", "y");
	harness_fail(0, 0);
	assert_lost(1, 0, 0);
	run(A);
	assert_trace("");
}

/* -- from inside a delivery ----------------------------------------------- */

static struct gyre_subscription *others[3];

static void
leave_all(const struct gyre_delivery *delivery)
{
	(void)delivery;
	for (unsigned i = 0; i < 3; i++)
		gyre_bus_unsubscribe(others[i]);
}

static void
who_leaves_inside_a_delivery_gets_no_more(void **state)
{
	(void)state;
	for (unsigned leaver = 0; leaver < 3; leaver++) {
		others[0] = subscribe(A, "a", "0");
		others[1] = subscribe(A, "a", "1");
		others[2] = subscribe(A, "*", "2");
		on_delivery = leave_all;
		publish("a", "x");
		publish("a", "y");
		run(A);
		assert_trace("0:a=x");
		assert_null(places[A].station);
	}
}

static void
leave_one(const struct gyre_delivery *delivery)
{
	(void)delivery;
	gyre_bus_unsubscribe(others[1]);
	others[1] = subscribe(A, "a", "again");
}

static void
one_that_leaves_and_comes_again_is_new(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++)
		others[i] = subscribe(A, "a",
				      i == 0   ? "0"
				      : i == 1 ? "1"
					       : "2");
	on_delivery = leave_one;
	publish("a", "x");
	publish("a", "y");
	run(A);
	assert_trace("0:a=x 2:a=x 0:a=y 2:a=y");
	publish("a", "z");
	run(A);
	assert_trace("0:a=z 2:a=z again:a=z");
}

static void
subscribe_many(const struct gyre_delivery *delivery)
{
	static const char *const patterns[] = { "a", "*", ">", "b", "a" };
	char name[16];

	(void)delivery;
	for (unsigned i = 0; i < 5; i++)
		subscribe(A, patterns[i], patterns[i]);
	for (unsigned i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "many.%u", i);
		subscribe(A, name, "many");
	}
}

static void
who_comes_inside_a_delivery_gets_the_next(void **state)
{
	(void)state;
	subscribe(A, "a", "0");
	on_delivery = subscribe_many;
	publish("a", "x");
	run(A);
	assert_trace("0:a=x");
	publish("a", "y");
	publish("many.199", "z");
	run(A);
	assert_trace("0:a=y a:a=y a:a=y >:a=y *:a=y many:many.199=z "
		     ">:many.199=z");
}

static void
publish_on(const struct gyre_delivery *delivery)
{
	publish(delivery->subject, "echo");
}

static void
a_delivery_publishes_to_itself_later(void **state)
{
	(void)state;
	subscribe(A, "a", "0");
	subscribe(A, "a", "1");
	on_delivery = publish_on;
	publish("a", "x");
	run(A);
	assert_trace("0:a=x 1:a=x");
	run(A);
	assert_trace("0:a=echo 1:a=echo");
	assert_int_equal(released, 2);
}

static void
raise_it(const struct gyre_delivery *delivery)
{
	(void)delivery;
	gyre_raise(-EIO, "no");
}

static void
who_raises_harms_nobody(void **state)
{
	(void)state;
	subscribe(A, "a", "0");
	subscribe(A, "a", "1");
	on_delivery = raise_it;
	publish("a", "x");
	run(A);
	assert_trace("0:a=x 1:a=x");
	assert_int_equal(places[A].loop.raised, 1);
}

/* -- bounds and closed loops ---------------------------------------------- */

static void
a_full_backlog_refuses_for_that_loop_only(void **state)
{
	(void)state;
	gyre__bus_topics(bus)->backlog_max = 2;
	subscribe(A, "a", "slow");
	subscribe(B, "a", "quick");
	for (unsigned i = 1; i <= 4; i++) {
		publish_numbers(i, i);
		run(B);
	}
	assert_trace("quick:a=1 quick:a=2 quick:a=3 quick:a=4");
	assert_lost(2, 0, 0);
	run(A);
	assert_trace("slow:a=1 slow:a=2");
	publish_numbers(5, 5);
	run(A);
	run(B);
	assert_trace("slow:a=5 quick:a=5");
	assert_int_equal(released, 5);
}

static void
a_loop_that_closes_ends_its_subscriptions(void **state)
{
	(void)state;
	subscribe(A, "a", "one");
	subscribe(A, "*", "two");
	subscribe(B, "a", "b");
	publish("a", "x");
	close_place(&places[A]);
	assert_trace("one!stopped two!stopped");
	run(B);
	assert_trace("b:a=x");
	assert_lost(0, 1, 0);
	publish("a", "y");
	run(B);
	assert_trace("b:a=y");
	assert_lost(0, 1, 0);
	assert_int_equal(released, 2);
	assert_int_equal(gyre_bus_subscribers(bus, "a"), 1);
}

static void
leave_other(void *word, enum gyre_drop_reason reason)
{
	say_dropped(word, reason);
	gyre_bus_unsubscribe(others[0]);
}

static void
who_is_dropped_may_unsubscribe_others(void **state)
{
	const struct gyre_subscribe_options options = { .pattern = "a",
							.fn = say_delivery,
							.arg = argument("one"),
							.drop = leave_other };

	(void)state;
	assert_int_equal(try_subscribe(&places[A], &options, &last), 0);
	others[0] = subscribe(A, "a", "other");
	subscribe(A, "a", "third");
	close_place(&places[A]);
	assert_trace("one!stopped third!stopped");
}

/* -- groups --------------------------------------------------------------- */

static struct gyre_subscription *
join(unsigned shard, const char *word)
{
	return subscribe_with(
		shard,
		(struct gyre_subscribe_options){ .pattern = "a", .group = "g" },
		word);
}

static void
run_all(void)
{
	for (unsigned i = 0; i < SHARDS; i++)
		if (!places[i].is_closed)
			run(i);
}

static void
one_member_of_a_group_gets_each(void **state)
{
	(void)state;
	join(A, "a1");
	join(A, "a2");
	join(B, "b1");
	subscribe(C, "a", "all");
	for (unsigned i = 1; i <= 4; i++) {
		publish_numbers(i, i);
		run_all();
	}
	assert_trace("a1:a=1 all:a=1 b1:a=2 all:a=2 a2:a=3 all:a=3 b1:a=4 "
		     "all:a=4");
	assert_int_equal(gyre_bus_subscribers(bus, "a"), 2);
}

static void
groups_are_apart(void **state)
{
	(void)state;
	join(A, "g");
	subscribe_with(
		A,
		(struct gyre_subscribe_options){ .pattern = "a", .group = "h" },
		"h");
	subscribe_with(
		A,
		(struct gyre_subscribe_options){ .pattern = "*", .group = "g" },
		"wild");
	publish("a", "x");
	run(A);
	assert_trace("g:a=x h:a=x wild:a=x");
}

static void
a_member_that_left_passes_its_message_on(void **state)
{
	struct gyre_subscription *one;

	(void)state;
	one = join(A, "one");
	join(B, "two");
	publish("a", "x");
	gyre_bus_unsubscribe(one);
	run(A);
	assert_trace("");
	run(B);
	assert_trace("two:a=x");
	assert_int_equal(released, 1);
	assert_lost(0, 0, 0);
}

static void
a_loop_that_closes_passes_its_message_on(void **state)
{
	(void)state;
	join(A, "one");
	join(B, "two");
	publish("a", "x");
	close_place(&places[A]);
	run(B);
	assert_trace("one!stopped two:a=x");
	assert_lost(0, 0, 0);
}

static void
a_group_that_is_gone_loses_its_message(void **state)
{
	struct gyre_subscription *one;

	(void)state;
	one = join(A, "one");
	publish("a", "x");
	gyre_bus_unsubscribe(one);
	run(A);
	assert_int_equal(released, 1);
	assert_lost(0, 0, 1);
}

/* -- retained values ------------------------------------------------------ */

static void
who_comes_later_gets_the_last_value_first(void **state)
{
	(void)state;
	publish_retained("a", "1");
	publish_retained("a", "2");
	publish_retained("b", "3");
	subscribe(A, "a", "s");
	publish("a", "4");
	assert_trace("");
	run(A);
	assert_trace("s:a=2(kept) s:a=4");
	publish_retained("a", "5");
	run(A);
	assert_trace("s:a=5");
	subscribe(A, "a", "t");
	run(A);
	assert_trace("t:a=5(kept)");
}

static void
a_pattern_gets_every_last_value(void **state)
{
	struct gyre_subscription *s;

	(void)state;
	publish_retained("a.1", "1");
	publish_retained("a.2", "2");
	publish_retained("b.1", "3");
	s = subscribe(A, "a.*", "s");
	assert_stats(s, 0, 0, 2);
	run(A);
	assert_stats(s, 2, 0, 0);
	forget_trace(); /* in no order */
}

static void
a_message_without_data_ends_the_value(void **state)
{
	(void)state;
	publish_retained("a", "1");
	assert_int_equal(
		gyre_bus_publish_retained(bus, "a", (struct gyre_message){ 0 }),
		0);
	assert_int_equal(
		gyre_bus_publish_retained(bus, "b", (struct gyre_message){ 0 }),
		0);
	subscribe(A, "a", "s");
	run(A);
	assert_trace("");
	publish_retained("a", "2");
	run(A);
	assert_trace("s:a=2");
}

static void
subjects_with_a_value_are_bounded(void **state)
{
	(void)state;
	gyre__bus_topics(bus)->retained_max = 2;
	publish_retained("a", "1");
	publish_retained("b", "1");
	publish_retained("a", "2");
	assert_int_equal(gyre_bus_publish_retained(bus, "c", text("x")),
			 -ENOSPC);
	assert_int_equal(released, 0);
}

static void
a_group_gets_no_retained_value(void **state)
{
	(void)state;
	publish_retained("a", "1");
	join(A, "g");
	run(A);
	assert_trace("");
}

/* -- what can be asked ---------------------------------------------------- */

static void
say_topic(const struct gyre_topic *topic, void *arg)
{
	char line[64];

	(void)arg;
	snprintf(line, sizeof(line), "%s/%s=%u", topic->pattern,
		 topic->group != NULL ? topic->group : "",
		 topic->subscriptions);
	say(line);
}

static void
topics_are_told(void **state)
{
	struct gyre_subscription *one;

	(void)state;
	one = subscribe(A, "a", "1");
	subscribe(A, "a", "2");
	subscribe(B, "a", "3");
	gyre_bus_topics(bus, say_topic, NULL);
	assert_trace("a/=3");
	gyre_bus_unsubscribe(one);
	subscribe(B, "*", "4");
	gyre_bus_topics(bus, say_topic, NULL);
	assert_trace("a/=2 */=1");
	assert_int_equal(gyre_bus_subscribers(bus, "a"), 3);
	assert_int_equal(gyre_bus_subscribers(bus, "b"), 1);
	assert_int_equal(gyre_bus_subscribers(bus, "a.b"), 0);
	assert_int_equal(gyre_bus_subscribers(bus, "*"), 0);
}

static void
thousands_of_topics(void **state)
{
	enum {
		COUNT = 3000
	};
	static struct gyre_subscription *many[COUNT];
	unsigned count = 0;
	char name[16];

	(void)state;
	for (unsigned i = 0; i < COUNT; i++) {
		snprintf(name, sizeof(name), "t.%u", i);
		const struct gyre_subscribe_options options = {
			.pattern = name, .fn = count_delivery, .arg = &count
		};
		assert_int_equal(
			try_subscribe(&places[i % 2], &options, &many[i]), 0);
	}
	for (unsigned i = 0; i < COUNT; i++) {
		snprintf(name, sizeof(name), "t.%u", i);
		assert_int_equal(gyre_bus_subscribers(bus, name), 1);
		publish(name, "x");
	}
	run_all();
	assert_int_equal(count, COUNT);
	for (unsigned i = 0; i < COUNT; i++)
		gyre_bus_unsubscribe(many[i]);
	gyre_bus_topics(bus, say_topic, NULL);
	assert_trace("");
}

static void
a_fork_is_refused(void **state)
{
	(void)state;
	harness_pretend_fork(true);
	assert_int_equal(gyre_bus_publish(bus, "a", text("x")), -EPERM);
	assert_int_equal(gyre_bus_publish_retained(bus, "a", text("x")),
			 -EPERM);
	assert_int_equal(gyre_bus_subscribers(bus, "a"), 0);
	harness_pretend_fork(false);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TOPICS_TEST(a_publish_reaches_who_subscribed),
		TOPICS_TEST(a_message_for_nobody_is_released),
		TOPICS_TEST(one_sender_s_messages_come_in_order),
		TOPICS_TEST(the_set_is_that_of_the_publish),
		TOPICS_TEST(nothing_comes_after_unsubscribe),
		TOPICS_TEST(a_station_goes_with_its_last_subscription),
		TOPICS_TEST(bad_subjects_are_refused),
		TOPICS_TEST(nothing_is_taken_without_memory),
		TOPICS_TEST(who_leaves_inside_a_delivery_gets_no_more),
		TOPICS_TEST(one_that_leaves_and_comes_again_is_new),
		TOPICS_TEST(who_comes_inside_a_delivery_gets_the_next),
		TOPICS_TEST(a_delivery_publishes_to_itself_later),
		TOPICS_TEST(who_raises_harms_nobody),
		TOPICS_TEST(a_full_backlog_refuses_for_that_loop_only),
		TOPICS_TEST(a_loop_that_closes_ends_its_subscriptions),
		TOPICS_TEST(who_is_dropped_may_unsubscribe_others),
		TOPICS_TEST(one_member_of_a_group_gets_each),
		TOPICS_TEST(groups_are_apart),
		TOPICS_TEST(a_member_that_left_passes_its_message_on),
		TOPICS_TEST(a_loop_that_closes_passes_its_message_on),
		TOPICS_TEST(a_group_that_is_gone_loses_its_message),
		TOPICS_TEST(who_comes_later_gets_the_last_value_first),
		TOPICS_TEST(a_pattern_gets_every_last_value),
		TOPICS_TEST(a_message_without_data_ends_the_value),
		TOPICS_TEST(subjects_with_a_value_are_bounded),
		TOPICS_TEST(a_group_gets_no_retained_value),
		TOPICS_TEST(topics_are_told),
		TOPICS_TEST(thousands_of_topics),
		TOPICS_TEST(a_fork_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
