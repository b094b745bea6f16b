#include "tests/bus/topics_fixture.h"

struct place places[SHARDS];
struct gyre_bus *bus;
struct gyre_subscription *last;
unsigned released;

/* What the next delivery does, once. */
void (*on_delivery)(const struct gyre_delivery *delivery);

static void
defer(void *owner)
{
	((struct place *)owner)->is_deferred = true;
}

static void
closed(void *owner)
{
	((struct place *)owner)->station = NULL;
}

static const struct gyre__station_ops ops = { defer, closed };

/* -- the frame ------------------------------------------------------------ */

int
topics_set_up(void **state)
{
	struct gyre_inbox *inboxes[SHARDS];

	bus_set_up(state);
	for (unsigned i = 0; i < SHARDS; i++) {
		places[i] = (struct place){ 0 };
		stand_in_open(&places[i].loop);
		inboxes[i] = places[i].loop.inbox;
	}
	bus = gyre__bus_new(harness_sys(), SHARDS);
	assert_non_null(bus);
	assert_int_equal(gyre__bus_connect(bus, inboxes), 0);
	released = 0;
	on_delivery = NULL;
	return 0;
}

void
close_place(struct place *place)
{
	if (place->is_closed)
		return;
	place->is_closed = true;
	if (place->station != NULL) {
		enter(&place->loop);
		gyre__station_close(place->station);
		gyre__outbox_flush(&place->loop.outbox);
		leave(&place->loop);
		place->station = NULL;
	}
	stand_in_close(&place->loop);
}

int
topics_tear_down(void **state)
{
	harness_fail(0, 0);
	assert_trace("");
	for (unsigned i = 0; i < SHARDS; i++)
		close_place(&places[i]);
	forget_trace();
	gyre__bus_free(bus);
	for (unsigned i = 0; i < SHARDS; i++)
		stand_in_free(&places[i].loop);
	return bus_tear_down(state);
}

/* -- what the tests do ---------------------------------------------------- */

void
say_delivery(const struct gyre_delivery *delivery, void *word)
{
	void (*act)(const struct gyre_delivery *) = on_delivery;
	char text[128];

	snprintf(text, sizeof(text), "%s:%s=%s%s", (char *)word,
		 delivery->subject, (char *)delivery->message->data,
		 delivery->is_retained ? "(kept)" : "");
	say(text);
	on_delivery = NULL;
	if (act != NULL)
		act(delivery);
}

int
try_subscribe(struct place *place, const struct gyre_subscribe_options *options,
	      struct gyre_subscription **ret)
{
	int result;

	if (place->station == NULL)
		place->station = gyre__station_new(
			gyre__bus_topics(bus), place->loop.inbox, &ops, place);
	if (place->station == NULL)
		return -ENOMEM;
	result = gyre__station_subscribe(place->station, options, ret);
	gyre__station_tidy(place->station);
	return result;
}

struct gyre_subscription *
subscribe_with(unsigned shard, struct gyre_subscribe_options options,
	       const char *word)
{
	struct gyre_subscription *subscription = NULL;

	options.fn = say_delivery;
	options.arg = argument(word);
	options.drop = say_dropped;
	assert_int_equal(try_subscribe(&places[shard], &options, &subscription),
			 0);
	return subscription;
}

struct gyre_subscription *
subscribe(unsigned shard, const char *pattern, const char *word)
{
	return subscribe_with(
		shard, (struct gyre_subscribe_options){ .pattern = pattern },
		word);
}

static void
count_release(void *data)
{
	(void)data;
	released++;
}

struct gyre_message
text(const char *word)
{
	return (struct gyre_message){ .data = argument(word),
				      .size = strlen(word),
				      .release = count_release };
}

void
publish(const char *subject, const char *word)
{
	assert_int_equal(gyre_bus_publish(bus, subject, text(word)), 0);
}

void
publish_retained(const char *subject, const char *word)
{
	assert_int_equal(gyre_bus_publish_retained(bus, subject, text(word)),
			 0);
}

/* One iteration of a loop: its batch, and its end. */
void
run(unsigned shard)
{
	struct place *place = &places[shard];

	step(&place->loop);
	if (!place->is_deferred)
		return;
	place->is_deferred = false;
	enter(&place->loop);
	gyre__station_deliver(place->station);
	gyre__outbox_flush(&place->loop.outbox);
	leave(&place->loop);
}

void
assert_stats(const struct gyre_subscription *subscription, uint64_t delivered,
	     uint64_t dropped, uint64_t waiting)
{
	struct gyre_subscription_stats stats;

	gyre_subscription_get_stats(subscription, &stats);
	assert_int_equal(stats.delivered, delivered);
	assert_int_equal(stats.dropped, dropped);
	assert_int_equal(stats.waiting, waiting);
}

void
assert_lost(uint64_t refused, uint64_t closed_count, uint64_t strayed)
{
	struct gyre_topics_stats stats;

	gyre_bus_get_topics_stats(bus, &stats);
	assert_int_equal(stats.refused, refused);
	assert_int_equal(stats.closed, closed_count);
	assert_int_equal(stats.strayed, strayed);
}

void
publish_numbers(unsigned from, unsigned to)
{
	static const char *const numbers[] = { "0", "1", "2", "3", "4",
					       "5", "6", "7", "8", "9" };

	for (; from <= to; from++)
		publish("a", numbers[from]);
}

void
count_delivery(const struct gyre_delivery *delivery, void *arg)
{
	(void)delivery;
	(*(unsigned *)arg)++;
}
