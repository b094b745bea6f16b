/* The queue of a connection's replies. */
#include "test.h"

#include <string.h>

#include "gather.h"
#include "lane.h"
#include "replies.h"

static void
make_local(struct replies *replies, const char *text)
{
	assert_int_equal(replies_reserve(replies), 0);
	bytes_append(&replies->local, text, strlen(text));
	replies_add_local(replies, strlen(text));
}

static void
replies_made_here_become_one(void **state)
{
	struct replies replies = { 0 };
	struct slot *slot;

	(void)state;
	make_local(&replies, "one");
	make_local(&replies, "two");
	make_local(&replies, "");
	assert_int_equal(replies.count, 1);
	slot = replies_first(&replies);
	assert_int_equal(slot->kind, SLOT_LOCAL);
	assert_int_equal(slot->length, 6);
	assert_memory_equal(replies_take_local(&replies, 6), "onetwo", 6);
	replies_remove_first(&replies);
	assert_null(replies_first(&replies));
	replies_free(&replies);
}

static void
order_is_kept(void **state)
{
	struct replies replies = { 0 };
	struct lane lanes[2];

	(void)state;
	make_local(&replies, "a");
	assert_int_equal(replies_reserve(&replies), 0);
	replies_add_lane(&replies, &lanes[0]);
	make_local(&replies, "b");
	assert_int_equal(replies_reserve(&replies), 0);
	replies_add_gather(&replies, gather_new(GATHER_SUM, 2, 2));
	assert_int_equal(replies.count, 4);
	assert_memory_equal(replies_take_local(&replies, 1), "a", 1);
	replies_remove_first(&replies);
	assert_int_equal(replies_first(&replies)->kind, SLOT_LANE);
	assert_ptr_equal(replies_first(&replies)->lane, &lanes[0]);
	replies_remove_first(&replies);
	assert_memory_equal(replies_take_local(&replies, 1), "b", 1);
	replies_remove_first(&replies);
	assert_int_equal(replies_first(&replies)->kind, SLOT_GATHER);
	/* What is left is freed with it. */
	replies_free(&replies);
}

static void
the_ring_grows_while_it_turns(void **state)
{
	struct replies replies = { 0 };
	struct lane lanes[REPLIES_SLOTS_MAX];
	size_t in = 0;
	size_t out = 0;

	(void)state;
	while (in < REPLIES_SLOTS_MAX) {
		for (int i = 0; i < 3 && in < REPLIES_SLOTS_MAX; i++) {
			assert_int_equal(replies_reserve(&replies), 0);
			replies_add_lane(&replies, &lanes[in++]);
		}
		assert_ptr_equal(replies_first(&replies)->lane, &lanes[out++]);
		replies_remove_first(&replies);
	}
	while (out < in) {
		assert_ptr_equal(replies_first(&replies)->lane, &lanes[out++]);
		replies_remove_first(&replies);
	}
	replies_free(&replies);
}

/* A reader that never lets the queue run empty holds no more than waits. */
static void
what_was_taken_is_given_back(void **state)
{
	static char text[10000];
	struct replies replies = { 0 };
	struct lane lane;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(replies_reserve(&replies), 0);
		replies_add_lane(&replies, &lane);
		assert_int_equal(replies_reserve(&replies), 0);
		bytes_append(&replies.local, text, sizeof(text));
		replies_add_local(&replies, sizeof(text));
		if (i == 0)
			continue;
		replies_remove_first(&replies);
		replies_take_local(&replies, sizeof(text));
		replies_remove_first(&replies);
		assert_int_equal(replies_local_waiting(&replies), sizeof(text));
	}
	assert_true(replies.local.capacity < 40 * sizeof(text));
	replies_free(&replies);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replies_made_here_become_one),
		cmocka_unit_test(order_is_kept),
		cmocka_unit_test(the_ring_grows_while_it_turns),
		cmocka_unit_test(what_was_taken_is_given_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
