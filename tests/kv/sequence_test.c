/* A sequence beside an array, whatever is done to both. */
#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "budget.h"
#include "sequence.h"

#define MODEL_MAX 6000

struct model {
	struct budget budget;
	struct sequence sequence;
	uint64_t orders[MODEL_MAX];
	size_t count;
	uint64_t random;
};

static uint64_t
draw(struct model *model, uint64_t below)
{
	model->random ^= model->random << 13;
	model->random ^= model->random >> 7;
	model->random ^= model->random << 17;
	return model->random % below;
}

static int
setup(void **state)
{
	struct model *model = calloc(1, sizeof(*model));

	assert_non_null(model);
	model->random = 88172645463325252u;
	sequence_init(&model->sequence, &model->budget);
	*state = model;
	return 0;
}

static void
insert(struct model *model, size_t index, uint64_t order)
{
	const struct cell cell = { .order = order, .pointer = model };

	assert_int_equal(sequence_insert(&model->sequence, index, cell), 0);
	memmove(model->orders + index + 1, model->orders + index,
		(model->count - index) * sizeof(order));
	model->orders[index] = order;
	model->count++;
}

static void
remove_at(struct model *model, size_t index)
{
	struct cell cell = sequence_remove(&model->sequence, index);

	assert_true(cell.order == model->orders[index]);
	assert_ptr_equal(cell.pointer, model);
	model->count--;
	memmove(model->orders + index, model->orders + index + 1,
		(model->count - index) * sizeof(cell.order));
}

static int
teardown(void **state)
{
	struct model *model = *state;

	while (model->count > 0)
		remove_at(model, draw(model, model->count));
	sequence_validate(&model->sequence);
	assert_null(model->sequence.root);
	assert_int_equal(model->budget.used, 0);
	free(model);
	return 0;
}

/* From a place on, either way, cells come as they are in the array. */
static void
compare_walks(const struct model *model, size_t from)
{
	struct sequence_cursor cursor = sequence_seek(&model->sequence, from);
	const struct cell *cell;
	size_t at = from;

	while ((cell = sequence_next(&cursor)) != NULL)
		assert_true(cell->order == model->orders[at++]);
	assert_int_equal(at, from < model->count ? model->count : from);
	cursor = sequence_seek(&model->sequence, from);
	at = from < model->count ? from + 1 : 0;
	while ((cell = sequence_previous(&cursor)) != NULL)
		assert_true(cell->order == model->orders[--at]);
	assert_int_equal(at, 0);
}

static void
compare(const struct model *model)
{
	sequence_validate(&model->sequence);
	assert_int_equal(model->sequence.count, model->count);
	assert_int_equal(model->sequence.memory, model->budget.used);
	for (size_t i = 0; i < model->count; i += 7)
		assert_true(sequence_at(&model->sequence, i)->order ==
			    model->orders[i]);
	compare_walks(model, 0);
	compare_walks(model, model->count / 2);
	if (model->count > 0)
		compare_walks(model, model->count - 1);
	compare_walks(model, model->count);
}

/* Where a change is made: at the ends, in one place, or anywhere. */
static size_t
choose(struct model *model, unsigned manner, size_t places)
{
	switch (manner) {
	case 0:
		return 0;
	case 1:
		return places - 1;
	case 2:
		return places / 3;
	default:
		return draw(model, places);
	}
}

static void
it_is_as_an_array_is(void **state)
{
	struct model *model = *state;

	/* It grows and shrinks, in each manner in its turn. */
	for (unsigned round = 0; round < 120; round++) {
		bool grows = round % 8 < 5 ? draw(model, 4) > 0 : false;
		unsigned manner = (unsigned)draw(model, 5);

		for (size_t i = draw(model, 600); i > 0; i--) {
			if ((draw(model, 10) > 0) == grows &&
			    model->count < MODEL_MAX)
				insert(model,
				       choose(model, manner, model->count + 1),
				       draw(model, 1000));
			else if (model->count > 0)
				remove_at(model,
					  choose(model, manner, model->count));
			if (i % 50 == 0)
				sequence_validate(&model->sequence);
		}
		compare(model);
	}
}

static bool
is_less(const struct cell *cell, const void *arg)
{
	return cell->order < *(const uint64_t *)arg;
}

/* Many orders are equal: a search finds the first of them. */
static void
a_search_finds_the_first_that_is_not_before(void **state)
{
	struct model *model = *state;

	for (unsigned i = 0; i < 5000; i++) {
		uint64_t order = draw(model, 700);
		size_t place = 0;

		while (place < model->count && model->orders[place] < order)
			place++;
		assert_int_equal(
			sequence_search(&model->sequence, is_less, &order),
			place);
		if (i % 4 == 3)
			remove_at(model, draw(model, model->count));
		else
			insert(model, place, order);
	}
	compare(model);
}

static size_t
cells_size(const struct model *model)
{
	return model->count * sizeof(struct cell);
}

/* Who pushes at an end fills what it takes. */
static void
pushing_at_an_end_leaves_no_gaps(void **state)
{
	struct model *model = *state;

	for (unsigned i = 0; i < 5000; i++)
		insert(model, model->count, i);
	assert_in_range(model->budget.used, cells_size(model),
			cells_size(model) * 5 / 4);
	while (model->count > 0)
		remove_at(model, 0);
	for (unsigned i = 0; i < 5000; i++)
		insert(model, 0, i);
	assert_in_range(model->budget.used, cells_size(model),
			cells_size(model) * 5 / 4);
	compare(model);
}

/* What is left of much, here and there, takes its own size, not that of all. */
static void
what_is_left_takes_little(void **state)
{
	struct model *model = *state;

	for (unsigned i = 0; i < MODEL_MAX; i++)
		insert(model, model->count, i);
	for (unsigned i = 0; i < MODEL_MAX * 19 / 20; i++)
		remove_at(model, draw(model, model->count));
	compare(model);
	assert_true(model->budget.used < cells_size(model) * 5);
}

static void
a_few_take_little(void **state)
{
	struct model *model = *state;

	insert(model, 0, 1);
	assert_true(model->budget.used <= 112);
	for (unsigned i = 0; i < 7; i++)
		insert(model, 0, i);
	assert_true(model->budget.used <= 176);
	compare(model);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(it_is_as_an_array_is),
		TEST(a_search_finds_the_first_that_is_not_before),
		TEST(pushing_at_an_end_leaves_no_gaps),
		TEST(what_is_left_takes_little),
		TEST(a_few_take_little),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
