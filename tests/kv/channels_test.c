/* Who subscribes to what, on one shard. */
#include "test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "channels.h"
#include "fixture.h"

/* Every list and table says the same. */
static void
validate(const struct channels *channels)
{
	for (enum channel_kind kind = 0; kind < CHANNEL_KINDS; kind++) {
		struct channel *channel = channels->tables[kind];

		for (; channel != NULL; channel = channel->hh.next) {
			struct subscription *at = channel->first;
			struct subscription *previous = NULL;
			size_t count = 0;

			assert_int_equal(channel->kind, kind);
			for (; at != NULL; previous = at, at = at->next) {
				assert_ptr_equal(at->channel, channel);
				assert_ptr_equal(at->previous, previous);
				count++;
			}
			assert_ptr_equal(channel->last, previous);
			assert_true(count > 0);
			assert_int_equal(channel->subscribers, count);
		}
	}
}

static void
remove_all(struct channels *channels, struct subscriber *subscriber)
{
	for (enum channel_kind kind = 0; kind < CHANNEL_KINDS; kind++) {
		while (subscriber->subscriptions[kind] != NULL) {
			channels_remove(channels,
					subscriber->subscriptions[kind]);
			validate(channels);
		}
	}
	assert_int_equal(subscriber_count(subscriber), 0);
}

static void
a_channel_lives_while_somebody_subscribes(void **state)
{
	struct fixture *fixture = *state;
	struct channels channels = { 0 };
	struct subscriber one = { 0 };
	struct subscriber two = { 0 };
	struct arg name = fixture_arg(fixture, "news");
	struct subscription *found;

	assert_null(channels_find(&channels, CHANNEL_NAME, &name));
	assert_int_equal(channels_add(&channels, CHANNEL_NAME, &name, &one), 0);
	assert_int_equal(channels_add(&channels, CHANNEL_NAME, &name, &one),
			 -EEXIST);
	assert_int_equal(channels_add(&channels, CHANNEL_NAME, &name, &two), 0);
	validate(&channels);
	assert_int_equal(
		channels_find(&channels, CHANNEL_NAME, &name)->subscribers, 2);
	/* A pattern of that name is another thing. */
	assert_null(channels_find(&channels, CHANNEL_PATTERN, &name));
	found = channels_find_subscription(&channels, CHANNEL_NAME, &name,
					   &one);
	assert_non_null(found);
	channels_remove(&channels, found);
	validate(&channels);
	assert_null(channels_find_subscription(&channels, CHANNEL_NAME, &name,
					       &one));
	assert_int_equal(channels_count(&channels, CHANNEL_NAME), 1);
	remove_all(&channels, &two);
	assert_int_equal(channels_count(&channels, CHANNEL_NAME), 0);
}

static void
subscriptions_keep_their_order(void **state)
{
	static const char *const names[] = { "c", "", "a", "d", "b" };
	struct fixture *fixture = *state;
	struct channels channels = { 0 };
	struct subscriber subscriber = { 0 };
	const struct subscription *at;
	size_t count = 0;

	for (size_t i = 0; i < 5; i++) {
		struct arg name = fixture_arg(fixture, names[i]);

		assert_int_equal(channels_add(&channels, CHANNEL_PATTERN, &name,
					      &subscriber),
				 0);
	}
	validate(&channels);
	assert_int_equal(subscriber_count(&subscriber), 5);
	for (at = subscriber.subscriptions[CHANNEL_PATTERN]; at != NULL;
	     at = at->hh.next)
		assert_memory_equal(at->channel->name, names[count++],
				    at->channel->length);
	assert_int_equal(count, 5);
	remove_all(&channels, &subscriber);
}

static void
many_come_and_go(void **state)
{
	struct fixture *fixture = *state;
	struct channels channels = { 0 };
	struct subscriber subscribers[7] = { 0 };

	srand(1);
	for (int step = 0; step < 20000; step++) {
		char text[2] = { (char)('a' + rand() % 20), '\0' };
		struct arg name = fixture_arg(fixture, text);
		enum channel_kind kind = (enum channel_kind)(rand() % 2);
		struct subscriber *who = &subscribers[rand() % 7];
		struct subscription *found =
			channels_find_subscription(&channels, kind, &name, who);

		if (found != NULL)
			channels_remove(&channels, found);
		else
			assert_int_equal(
				channels_add(&channels, kind, &name, who), 0);
		if (step % 100 == 0)
			validate(&channels);
	}
	for (int i = 0; i < 7; i++)
		remove_all(&channels, &subscribers[i]);
	assert_null(channels.tables[CHANNEL_NAME]);
	assert_null(channels.tables[CHANNEL_PATTERN]);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_channel_lives_while_somebody_subscribes),
		TEST(subscriptions_keep_their_order),
		TEST(many_come_and_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
