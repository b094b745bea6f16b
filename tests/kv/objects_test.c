/* Lists, sets, hashes and sorted sets beside models that are plain arrays. */
#include "test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fixture.h"
#include "hash.h"
#include "list.h"
#include "number.h"
#include "sample.h"
#include "set.h"
#include "zset.h"

#define TEXTS    200 /* so many different ones */
#define LIST_MAX 2000

static uint64_t random_state = 88172645463325252u;

static uint64_t
draw(uint64_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state % below;
}

/* Texts of many lengths, those that fit a cell among them; good until the next.
 */
static struct arg
text_of(unsigned number)
{
	static char text[64];
	static const struct keyhash key = { .key = "0123456789abcde" };
	int length = snprintf(text, sizeof(text), "%u%.*s", number,
			      (int)(number % 30),
			      "abcdefghijklmnopqrstuvwxyzabcdefghij");
	struct arg arg = { .data = text, .length = (size_t)length };

	arg.hash = keyhash(&key, text, arg.length);
	return arg;
}

static bool
is_text(const struct arg text, unsigned number)
{
	const struct arg expected = text_of(number);

	return text.length == expected.length &&
	       memcmp(text.data, expected.data, text.length) == 0;
}

/* The object is freed, a few elements at a time, and nothing is left. */
static void
free_all(struct object *object, const struct budget *budget)
{
	size_t count = object_count(object);
	size_t left = 7;

	assert_int_equal(object_memory(object), budget->used);
	while (!object_free_piece(object, &left)) {
		assert_int_equal(left, 0);
		assert_int_equal(object_count(object), count -= 7);
		left = 7;
	}
	assert_int_equal(left, 7 - count);
	assert_int_equal(budget->used, 0);
}

/* -- lists ----------------------------------------------------------------- */

static void
compare_list(const struct list *list, const unsigned *model, size_t count)
{
	struct sequence_cursor cursor = sequence_seek(&list->items, 0);

	sequence_validate(&list->items);
	assert_int_equal(list->items.count, count);
	for (size_t i = 0; i < count; i++)
		assert_true(
			is_text(list_text(sequence_next(&cursor)), model[i]));
}

static void
trim_both(struct list *list, unsigned *model, size_t *count,
	  struct discards *discards)
{
	size_t first = draw(*count);
	size_t kept = 1 + draw(*count - first);

	assert_int_equal(list_trim(list, first, kept, discards), 0);
	memmove(model, model + first, kept * sizeof(*model));
	*count = kept;
}

static void
a_list_is_as_an_array_is(void **state)
{
	static unsigned model[LIST_MAX + 1];
	struct fixture *fixture = *state;
	struct store *store = &fixture->shard.store;
	struct list *list = list_new(&store->budget);
	size_t count = 0;

	assert_non_null(list);
	for (unsigned i = 0; i < 40000; i++) {
		unsigned number = (unsigned)draw(TEXTS);
		struct arg text = text_of(number);
		size_t place = draw(3) == 0 ? draw(count + 1) : draw(2) * count;

		if (count < LIST_MAX && draw(5) < 3) {
			assert_int_equal(list_insert(list, place, &text), 0);
			memmove(model + place + 1, model + place,
				(count++ - place) * sizeof(*model));
			model[place] = number;
		} else if (place < count && draw(2) == 0) {
			assert_int_equal(list_set(list, place, &text), 0);
			model[place] = number;
		} else if (place < count) {
			list_remove(list, place);
			memmove(model + place, model + place + 1,
				(--count - place) * sizeof(*model));
		} else if (count > 1000 && draw(50) == 0) {
			trim_both(list, model, &count, &store->discards);
		}
		if (i % 500 == 0)
			compare_list(list, model, count);
	}
	compare_list(list, model, count);
	fixture_pass_ms(fixture, 1);
	discards_free_some(&store->discards, SIZE_MAX);
	free_all(&list->object, &store->budget);
}

static void
texts_move_between_lists_and_around_one(void **state)
{
	static const bool ends[4][2] = { { false, false },
					 { false, true },
					 { true, false },
					 { true, true } };
	struct fixture *fixture = *state;
	struct budget *budget = &fixture->shard.store.budget;
	struct list *one = list_new(budget);
	struct list *other = list_new(budget);

	assert_non_null(one);
	assert_non_null(other);
	for (unsigned i = 0; i < 100; i++) {
		struct arg text = text_of(i);

		assert_int_equal(list_insert(one, i, &text), 0);
	}
	for (unsigned i = 0; i < 4; i++) {
		struct arg text = list_text(
			sequence_at(&one->items, ends[i][0] ? 0 : 99));
		char copy[64];

		memcpy(copy, text.data, text.length);
		assert_int_equal(list_move(one, ends[i][0], one, ends[i][1]),
				 0);
		assert_int_equal(one->items.count, 100);
		assert_memory_equal(
			list_text(sequence_at(&one->items, ends[i][1] ? 0 : 99))
				.data,
			copy, text.length);
	}
	for (unsigned i = 0; i < 99; i++)
		assert_int_equal(list_move(one, i % 2 == 0, other, i % 3 == 0),
				 0);
	assert_int_equal(one->items.count, 1);
	assert_int_equal(other->items.count, 99);
	assert_int_equal(list_memory(one) + list_memory(other), budget->used);
	while (!list_free_piece(one, &(size_t){ 10 }))
		continue;
	free_all(&other->object, budget);
}

/* -- sets and hashes ------------------------------------------------------- */

static void
count_name(struct keytable_node *node, void *arg)
{
	const struct arg name = member_name((const struct member *)node);
	unsigned *met = arg;
	int64_t number;

	assert_true(number_parse(name.data, name.length, &number));
	met[number]++;
}

static void
a_set_is_as_flags_are(void **state)
{
	struct fixture *fixture = *state;
	struct budget *budget = &fixture->shard.store.budget;
	struct set *set = set_new(budget);
	bool model[TEXTS] = { false };
	size_t count = 0;

	assert_non_null(set);
	for (unsigned i = 0; i < 20000; i++) {
		unsigned number = (unsigned)draw(TEXTS);
		struct arg name = text_of(number);

		assert_int_equal(set_find(set, &name) != NULL, model[number]);
		if (draw(2) == 0) {
			assert_int_equal(set_add(set, &name), !model[number]);
			count += !model[number];
			model[number] = true;
		} else {
			assert_int_equal(set_remove(set, &name), model[number]);
			count -= model[number];
			model[number] = false;
		}
		assert_int_equal(set->members.count, count);
	}
	keytable_validate(&set->members);
	free_all(&set->object, budget);
}

/* However many are drawn, each is another one, and all get their turn. */
static void
samples_have_no_element_twice(void **state)
{
	struct fixture *fixture = *state;
	struct budget *budget = &fixture->shard.store.budget;
	struct set *set = set_new(budget);
	unsigned total[TEXTS] = { 0 };

	assert_non_null(set);
	for (unsigned i = 0; i < TEXTS; i++) {
		char digits[NUMBER_TEXT_MAX];
		struct arg name = text_of(i);

		name.data = digits;
		name.length = number_format(i, digits);
		assert_int_equal(set_add(set, &name), 1);
	}
	for (size_t count = 0; count < TEXTS; count++) {
		unsigned met[TEXTS] = { 0 };
		size_t sum = 0;

		assert_int_equal(sample_nodes(&set->members, count,
					      &fixture->shard.store.random,
					      count_name, met),
				 0);
		for (unsigned i = 0; i < TEXTS; i++) {
			assert_true(met[i] <= 1);
			sum += met[i];
			total[i] += met[i];
		}
		assert_int_equal(sum, count);
	}
	for (unsigned i = 0; i < TEXTS; i++)
		assert_true(total[i] > 0);
	free_all(&set->object, budget);
}

static void
a_hash_is_as_an_array_is(void **state)
{
	struct fixture *fixture = *state;
	struct budget *budget = &fixture->shard.store.budget;
	struct hash *hash = hash_new(budget);
	int model[TEXTS];
	size_t count = 0;

	assert_non_null(hash);
	memset(model, -1, sizeof(model));
	for (unsigned i = 0; i < 30000; i++) {
		unsigned number = (unsigned)draw(TEXTS);
		unsigned other = (unsigned)draw(TEXTS);
		struct arg name = text_of(number);
		const struct field *field = hash_find(hash, &name);
		struct arg value;
		char copy[64];

		assert_int_equal(field != NULL, model[number] >= 0);
		if (field != NULL)
			assert_true(is_text(field_value(field),
					    (unsigned)model[number]));
		name = text_of(number);
		if (draw(3) > 0) {
			name.data = memcpy(copy, name.data, name.length);
			value = text_of(other);
			assert_int_equal(hash_set(hash, &name, &value),
					 model[number] < 0);
			count += model[number] < 0;
			model[number] = (int)other;
		} else {
			assert_int_equal(hash_remove(hash, &name),
					 model[number] >= 0);
			count -= model[number] >= 0;
			model[number] = -1;
		}
		assert_int_equal(hash->fields.count, count);
	}
	keytable_validate(&hash->fields);
	free_all(&hash->object, budget);
}

/* -- sorted sets ----------------------------------------------------------- */

static void
compare_scores(const struct zset *zset, const int *scores, size_t count)
{
	zset_validate(zset);
	assert_int_equal(zset->members.count, count);
	for (unsigned i = 0; i < TEXTS; i++) {
		struct arg name = text_of(i);
		const struct scored *member = zset_find(zset, &name);

		assert_int_equal(member != NULL, scores[i] >= 0);
		if (member != NULL)
			assert_true(member->score == scores[i]);
	}
	for (int score = -1; score <= 20; score++) {
		const struct zset_bound bound = { .score = score };
		const struct zset_bound behind = { .score = score,
						   .behind = true };
		size_t before = 0;
		size_t equal = 0;

		for (unsigned i = 0; i < TEXTS; i++) {
			before += scores[i] >= 0 && scores[i] < score;
			equal += scores[i] >= 0 && scores[i] == score;
		}
		assert_int_equal(zset_count_before(zset, &bound), before);
		assert_int_equal(zset_count_before(zset, &behind),
				 before + equal);
	}
}

static void
a_sorted_set_is_sorted(void **state)
{
	struct fixture *fixture = *state;
	struct budget *budget = &fixture->shard.store.budget;
	struct zset *zset = zset_new(budget);
	int scores[TEXTS];
	size_t count = 0;

	assert_non_null(zset);
	memset(scores, -1, sizeof(scores));
	for (unsigned i = 0; i < 20000; i++) {
		unsigned number = (unsigned)draw(TEXTS);
		struct arg name = text_of(number);
		struct scored *member = zset_find(zset, &name);
		int score = (int)draw(20);

		if (draw(3) > 0) {
			assert_int_equal(zset_set(zset, &name, score), 0);
			count += scores[number] < 0;
			scores[number] = score;
		} else if (member != NULL) {
			assert_ptr_equal(zset_at(zset, zset_rank(zset, member)),
					 member);
			zset_remove(zset, member);
			scores[number] = -1;
			count--;
		}
		if (i % 200 == 0)
			compare_scores(zset, scores, count);
	}
	compare_scores(zset, scores, count);
	free_all(&zset->object, budget);
}

static void
scores_of_every_size_have_their_order(void **state)
{
	static const double scores[] = {
		-HUGE_VAL, -1e300, -2, -1.5, -1,    -5e-324,  0,
		5e-324,    0.5,    1,  1e17, 1e300, HUGE_VAL,
	};
	enum {
		COUNT = sizeof(scores) / sizeof(scores[0])
	};
	struct fixture *fixture = *state;
	struct budget *budget = &fixture->shard.store.budget;
	struct zset *zset = zset_new(budget);
	struct arg name;

	assert_non_null(zset);
	for (unsigned i = 0; i < COUNT; i++) {
		unsigned at = (i * 5 + 3) % COUNT;

		name = text_of(at);
		assert_int_equal(zset_set(zset, &name, scores[at]), 0);
	}
	for (unsigned i = 0; i < COUNT; i++)
		assert_true(zset_at(zset, i)->score == scores[i]);
	/* -0 is where 0 is: behind the name before it. */
	name = text_of(150);
	assert_int_equal(zset_set(zset, &name, -0.0), 0);
	assert_int_equal(zset_rank(zset, zset_find(zset, &name)), 6);
	zset_validate(zset);
	free_all(&zset->object, budget);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_list_is_as_an_array_is),
		TEST(texts_move_between_lists_and_around_one),
		TEST(a_set_is_as_flags_are),
		TEST(samples_have_no_element_twice),
		TEST(a_hash_is_as_an_array_is),
		TEST(a_sorted_set_is_sorted),
		TEST(scores_of_every_size_have_their_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
