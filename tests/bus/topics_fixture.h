/*
 * What the tests of topics share: stations whose loops are stand-ins, stepped
 * by hand.
 */
#ifndef GYRE_TESTS_BUS_TOPICS_FIXTURE_H
#define GYRE_TESTS_BUS_TOPICS_FIXTURE_H

#include "tests/bus/fixture.h"

#include "bus/bus.h"
#include "bus/topics.h"

enum {
	A,
	B,
	C,
	SHARDS
};

struct place {
	struct stand_in loop;
	struct gyre__station *station; /* NULL: none is open */
	bool is_deferred;
	bool is_closed;
};

extern struct place places[SHARDS];
extern struct gyre_bus *bus;
extern struct gyre_subscription *last;
/* Messages that were. */
extern unsigned released;

/* What the next delivery does, once. */
extern void (*on_delivery)(const struct gyre_delivery *delivery);

int topics_set_up(void **state);
int topics_tear_down(void **state);
#define TOPICS_TEST(name) \
	cmocka_unit_test_setup_teardown(name, topics_set_up, topics_tear_down)

/* As a loop that closes. */
void close_place(struct place *place);

/* "<arg>:<subject>=<text>", with "(kept)" if it is retained. */
void say_delivery(const struct gyre_delivery *delivery, void *word);

/* Subscribe with these options; or with say_delivery and a word. */
int try_subscribe(struct place *place,
		  const struct gyre_subscribe_options *options,
		  struct gyre_subscription **ret);
struct gyre_subscription *subscribe_with(unsigned shard,
					 struct gyre_subscribe_options options,
					 const char *word);
struct gyre_subscription *subscribe(unsigned shard, const char *pattern,
				    const char *word);

/* Words as messages, that must be accepted. */
struct gyre_message text(const char *word);
void publish(const char *subject, const char *word);
void publish_retained(const char *subject, const char *word);
void publish_numbers(unsigned from, unsigned to);

/* Count it in an unsigned. */
void count_delivery(const struct gyre_delivery *delivery, void *arg);

/* One iteration of a loop: its batch, and its end. */
void run(unsigned shard);
void assert_stats(const struct gyre_subscription *subscription,
		  uint64_t delivered, uint64_t dropped, uint64_t waiting);
void assert_lost(uint64_t refused, uint64_t closed_count, uint64_t strayed);

#endif
