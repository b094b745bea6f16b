/* The table of keys: what is in it, while it grows and shrinks by a bucket. */
#include "test.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "budget.h"
#include "keytable.h"

#define KEYS 20000
#define EACH 100

struct item {
	struct keytable_node node;
	bool here;
	unsigned met;
	char key[16];
};

struct world {
	struct keytable table;
	struct budget budget;
	struct item items[KEYS];
};

/* Good enough to spread, and the same in every run. */
static uint32_t
mix(uint32_t number)
{
	number = (number ^ number >> 16) * 0x45d9f3bu;
	number = (number ^ number >> 16) * 0x45d9f3bu;
	return number ^ number >> 16;
}

static int
setup(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	assert_non_null(world);
	keytable_init(&world->table, offsetof(struct item, key),
		      &world->budget);
	for (unsigned i = 0; i < KEYS; i++) {
		struct item *item = &world->items[i];

		snprintf(item->key, sizeof(item->key), "key:%u", i);
		item->node.length = (uint32_t)strlen(item->key);
		item->node.hash = mix(i);
	}
	*state = world;
	return 0;
}

static int
teardown(void **state)
{
	struct world *world = *state;

	while (keytable_pop(&world->table) != NULL)
		keytable_validate(&world->table);
	keytable_free(&world->table);
	/* All that it took it has given back. */
	assert_int_equal(world->budget.used, 0);
	free(world);
	return 0;
}

static struct keytable_node *
find(const struct world *world, const struct item *item)
{
	return keytable_find(&world->table, item->node.hash, item->key,
			     item->node.length);
}

static void
add(struct world *world, unsigned i)
{
	assert_int_equal(keytable_add(&world->table, &world->items[i].node), 0);
	world->items[i].here = true;
}

static void
take(struct world *world, unsigned i)
{
	keytable_remove(&world->table, &world->items[i].node);
	world->items[i].here = false;
}

static void
look_at_all(const struct world *world)
{
	keytable_validate(&world->table);
	for (unsigned i = 0; i < KEYS; i++) {
		const struct item *item = &world->items[i];

		assert_ptr_equal(find(world, item),
				 item->here ? &item->node : NULL);
	}
}

static void
an_empty_table_has_nothing(void **state)
{
	struct world *world = *state;

	look_at_all(world);
	assert_null(keytable_pop(&world->table));
	assert_int_equal(keytable_scan(&world->table, 0, NULL, NULL), 0);
	assert_int_equal(keytable_scan(&world->table, 12345, NULL, NULL), 0);
}

static void
keys_are_found_at_every_size(void **state)
{
	struct world *world = *state;

	for (unsigned i = 0; i < KEYS; i++) {
		add(world, i);
		if (i < 300 || i % 1009 == 0)
			look_at_all(world);
	}
	for (unsigned i = 0; i < KEYS; i++) {
		take(world, i);
		if (KEYS - i < 300 || i % 1009 == 0)
			look_at_all(world);
	}
}

/* Which is what bounds how long it takes. */
static void
each_step_changes_few_buckets(void **state)
{
	struct world *world = *state;
	const struct keytable *table = &world->table;
	size_t before;

	add(world, 0);
	for (unsigned i = 1; i < KEYS; i++) {
		before = table->buckets;
		add(world, i);
		assert_in_range(table->buckets - before, 0, 1);
		assert_true(table->count <= table->buckets);
	}
	for (unsigned i = 0; i < KEYS; i++) {
		before = table->buckets;
		take(world, i);
		assert_in_range(before - table->buckets, 0, 4);
	}
}

static void
an_emptied_table_is_small(void **state)
{
	struct world *world = *state;
	const struct keytable *table = &world->table;

	for (unsigned i = 0; i < KEYS; i++)
		add(world, i);
	assert_true(table->buckets > KEYTABLE_SEGMENT);
	assert_in_range(world->budget.used, KEYS * sizeof(void *),
			KEYS * sizeof(void *) + KEYTABLE_SEGMENT * 8 + 1024);
	for (unsigned i = 0; i < KEYS - 5; i++)
		take(world, i);
	assert_true(table->buckets <= 32);
	assert_true(table->first_capacity <= 64);
	assert_true(world->budget.used < 1024);
	look_at_all(world);
}

/* A table at the edge of a size does not change it with every key. */
static void
coming_and_going_changes_nothing(void **state)
{
	struct world *world = *state;
	size_t buckets;

	for (unsigned i = 0; i < 1000; i++)
		add(world, i);
	buckets = world->table.buckets;
	for (unsigned i = 0; i < 1000; i++) {
		take(world, i % 7);
		add(world, i % 7);
		assert_int_equal(world->table.buckets, buckets);
	}
}

static void
keys_with_one_hash_are_told_apart(void **state)
{
	struct world *world = *state;

	for (unsigned i = 0; i < 100; i++) {
		world->items[i].node.hash = 77;
		add(world, i);
	}
	for (unsigned i = 0; i < 100; i += 3)
		take(world, i);
	for (unsigned i = 0; i < 100; i++)
		assert_ptr_equal(find(world, &world->items[i]),
				 i % 3 == 0 ? NULL : &world->items[i].node);
}

static void
popping_takes_each_once(void **state)
{
	struct world *world = *state;
	struct keytable_node *node;
	unsigned count = 0;

	for (unsigned i = 0; i < KEYS; i++)
		add(world, i);
	while ((node = keytable_pop(&world->table)) != NULL) {
		struct item *item = (struct item *)node;

		assert_true(item->here);
		item->here = false;
		if (++count % 1009 == 0)
			look_at_all(world);
	}
	assert_int_equal(count, KEYS);
}

/* -- chance ---------------------------------------------------------------- */

static void
meet(struct keytable_node *node, void *arg)
{
	(void)arg;
	((struct item *)node)->met++;
}

/* Pearson's chi-square over n keys is n on average, and 2 n its variance. */
static void
every_key_is_as_likely(void **state)
{
	struct world *world = *state;
	uint64_t random = 1;

	/* At sizes at which half of the buckets are split, too. */
	for (unsigned size = 1; size < 1000; size = size * 3 + 1) {
		double chi_square = 0;

		for (unsigned i = 0; i < size; i++) {
			world->items[i].met = 0;
			if (!world->items[i].here)
				add(world, i);
		}
		for (unsigned i = 0; i < EACH * size; i++)
			meet(keytable_choose(&world->table, &random), NULL);
		for (unsigned i = 0; i < size; i++) {
			double off = (double)world->items[i].met - EACH;

			chi_square += off * off / EACH;
		}
		/* Seven times its deviation. */
		chi_square -= size;
		assert_true(chi_square < 0 ||
			    chi_square * chi_square < 7 * 7 * 2.0 * size);
	}
}

/* -- walks ----------------------------------------------------------------- */

static void
a_still_table_is_met_once(void **state)
{
	struct world *world = *state;

	/* At sizes that are no powers of two, too. */
	for (unsigned size = 1; size < KEYS; size = size * 3 + 1) {
		uint64_t cursor = 0;

		for (unsigned i = 0; i < size; i++) {
			world->items[i].met = 0;
			if (!world->items[i].here)
				add(world, i);
		}
		do {
			cursor = keytable_scan(&world->table, cursor, meet,
					       NULL);
		} while (cursor != 0);
		for (unsigned i = 0; i < size; i++)
			assert_int_equal(world->items[i].met, 1);
	}
}

/* Walk while keys from `stay` on come or go, so many after each step. */
static void
walk_while_it_changes(struct world *world, unsigned stay, unsigned pace,
		      bool grows)
{
	uint64_t cursor = 0;
	unsigned next = stay;

	for (unsigned i = 0; i < KEYS; i++) {
		world->items[i].met = 0;
		if (!world->items[i].here && (i < stay || !grows))
			add(world, i);
	}
	do {
		cursor = keytable_scan(&world->table, cursor, meet, NULL);
		for (unsigned i = 0; i < pace && next < KEYS; i++, next++) {
			if (grows)
				add(world, next);
			else
				take(world, next);
		}
	} while (cursor != 0);
	for (unsigned i = 0; i < stay; i++)
		assert_true(world->items[i].met >= 1);
	while (next < KEYS && !grows)
		take(world, next++);
}

static void
a_growing_table_is_met_whole(void **state)
{
	struct world *world = *state;

	for (unsigned pace = 1; pace < 200; pace = pace * 2 + 1) {
		walk_while_it_changes(world, 100, pace, true);
		for (unsigned i = 0; i < KEYS; i++) {
			if (world->items[i].here)
				take(world, i);
		}
	}
}

static void
a_shrinking_table_is_met_whole(void **state)
{
	struct world *world = *state;

	for (unsigned pace = 1; pace < 200; pace = pace * 2 + 1)
		walk_while_it_changes(world, 100, pace, false);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_empty_table_has_nothing),
		TEST(keys_are_found_at_every_size),
		TEST(each_step_changes_few_buckets),
		TEST(an_emptied_table_is_small),
		TEST(coming_and_going_changes_nothing),
		TEST(keys_with_one_hash_are_told_apart),
		TEST(popping_takes_each_once),
		TEST(every_key_is_as_likely),
		TEST(a_still_table_is_met_once),
		TEST(a_growing_table_is_met_whole),
		TEST(a_shrinking_table_is_met_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
