/* Topics on a loop: who may subscribe, the end of a batch, and close. */
#include <gyre/topic.h>

#include "tests/support/loop_fixture.h"

#include "bus/bus.h"

static struct gyre_bus *bus;
static struct gyre_subscription *subscription;

static int
set_up(void **state)
{
	bus = gyre__bus_new(&gyre__sys_default, 1);
	assert_non_null(bus);
	return stage_set_up(state);
}

/* What was retired has the loop's inbox until the bus has gone. */
static int
tear_down(void **state)
{
	assert_int_equal(gyre_loop_close(the_loop, false), 0);
	gyre__bus_free(bus);
	return loop_tear_down(state);
}

#define TOPICS_TEST(name) \
	cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static void
trace_delivery(const struct gyre_delivery *delivery, void *arg)
{
	(void)arg;
	trace(delivery->message->data);
}

static void
publish(const char *word)
{
	const struct gyre_message message = { .data = (void *)(uintptr_t)word };

	assert_int_equal(gyre_bus_publish(bus, "a", message), 0);
}

static int
try_subscribe(enum gyre_topic_policy policy)
{
	static char word[] = "gone";
	const struct gyre_subscribe_options options = { .pattern = "a",
							.fn = trace_delivery,
							.arg = word,
							.drop = trace_drop,
							.policy = policy };

	return gyre_bus_subscribe(bus, &options, &subscription);
}

static void
a_thread_without_a_loop_may_not_subscribe(void **state)
{
	(void)state;
	assert_int_equal(try_subscribe(GYRE_TOPIC_QUEUE), -ENOENT);
}

static void
a_current_loop_subscribes_before_it_runs(void **state)
{
	(void)state;
	assert_int_equal(gyre_loop_make_current(the_loop), 0);
	assert_int_equal(try_subscribe(GYRE_TOPIC_QUEUE), 0);
	publish("x");
	run_once();
	assert_trace("x");
	gyre_loop_clear_current();
	assert_int_equal(try_subscribe(GYRE_TOPIC_QUEUE), -ENOENT);
	gyre_bus_unsubscribe(subscription);
	publish("y");
	run_once();
	assert_trace("");
}

static void
subscribe_latest(void *arg)
{
	(void)arg;
	assert_int_equal(try_subscribe(GYRE_TOPIC_LATEST), 0);
}

static void
latest_comes_at_the_end_of_the_batch(void **state)
{
	(void)state;
	add_callback(subscribe_latest, NULL);
	run_once();
	publish("1");
	add_callback(trace_arg, "callback");
	publish("2");
	run_once();
	assert_trace("callback 2");
	gyre_bus_unsubscribe(subscription);
}

static void
close_ends_what_is_subscribed(void **state)
{
	struct gyre_topics_stats stats;

	(void)state;
	add_callback(subscribe_latest, NULL);
	run_once();
	publish("1");
	assert_int_equal(gyre_loop_close(the_loop, false), 0);
	assert_trace("gone stopped");
	gyre_bus_get_topics_stats(bus, &stats);
	assert_int_equal(stats.closed, 1);
	assert_int_equal(gyre_bus_subscribers(bus, "a"), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TOPICS_TEST(a_thread_without_a_loop_may_not_subscribe),
		TOPICS_TEST(a_current_loop_subscribes_before_it_runs),
		TOPICS_TEST(latest_comes_at_the_end_of_the_batch),
		TOPICS_TEST(close_ends_what_is_subscribed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
