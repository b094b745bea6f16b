/* Shards that share a limit. */
#include "test.h"

#include "budget.h"

#define SHARDS 4
#define MAX    ((size_t)1000000)

struct world {
	struct budget_pool pool;
	struct budget budgets[SHARDS];
};

static int
setup(void **state)
{
	static struct world world;

	budget_pool_init(&world.pool, MAX, SHARDS);
	for (int i = 0; i < SHARDS; i++)
		budget_init(&world.budgets[i], &world.pool);
	*state = &world;
	return 0;
}

/* What is claimed and what is left are all there is. */
static void
validate(struct world *world)
{
	long long sum = atomic_load(&world->pool.left);

	for (int i = 0; i < SHARDS; i++) {
		assert_true(world->budgets[i].used <=
			    world->budgets[i].claimed);
		sum += (long long)world->budgets[i].claimed;
	}
	assert_int_equal(sum, MAX);
}

/* Take pieces until none is left; returns how much that was. */
static size_t
fill(struct world *world, int shard, size_t piece)
{
	size_t sum = 0;

	while (budget_reserve(&world->budgets[shard], piece)) {
		budget_add(&world->budgets[shard], piece);
		sum += piece;
		validate(world);
		assert_true(sum <= MAX);
	}
	return sum;
}

static void
one_shard_may_have_it_all(void **state)
{
	struct world *world = *state;

	assert_in_range(fill(world, 2, 100), MAX - 100, MAX);
	assert_false(budget_reserve(&world->budgets[1], 100));
	/* What one gives back another may have. */
	budget_sub(&world->budgets[2], 500000);
	validate(world);
	assert_in_range(fill(world, 1, 100), 500000 - 2 * MAX / 64, 500000);
}

/* What shards hold for later is a small part. */
static void
nearly_all_is_used(void **state)
{
	struct world *world = *state;
	size_t sum = 0;

	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < SHARDS; i++)
			sum += fill(world, i, 1000 + (size_t)i);
		assert_in_range(sum, MAX - MAX / 16, MAX);
		for (int i = 0; i < SHARDS; i++) {
			sum -= world->budgets[i].used / 2;
			budget_sub(&world->budgets[i],
				   world->budgets[i].used / 2);
			validate(world);
		}
	}
}

static void
what_was_not_reserved_is_counted(void **state)
{
	struct world *world = *state;

	budget_add(&world->budgets[0], MAX + 5000);
	validate(world);
	assert_int_equal(atomic_load(&world->pool.left), -5000);
	assert_false(budget_reserve(&world->budgets[1], 1));
	budget_sub(&world->budgets[0], 6000 + 3 * world->pool.chunk);
	validate(world);
	assert_true(budget_reserve(&world->budgets[1], 1000));
}

static void
without_a_limit_all_is_allowed(void **state)
{
	struct budget_pool pool;
	struct budget budget;

	(void)state;
	budget_pool_init(&pool, 0, SHARDS);
	budget_init(&budget, &pool);
	assert_true(budget_reserve(&budget, (size_t)1 << 60));
	budget_add(&budget, 12345);
	assert_int_equal(budget.used, 12345);
	budget_sub(&budget, 12345);
	assert_int_equal(budget.used, 0);
}

static void
sizes_are_the_allocator_s(void **state)
{
	(void)state;
	assert_int_equal(budget_size(0), 0);
	assert_int_equal(budget_size(1), 32);
	assert_int_equal(budget_size(24), 32);
	assert_int_equal(budget_size(25), 48);
	assert_int_equal(budget_size(40), 48);
	assert_int_equal(budget_size(41), 64);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(one_shard_may_have_it_all, setup),
		cmocka_unit_test_setup(nearly_all_is_used, setup),
		cmocka_unit_test_setup(what_was_not_reserved_is_counted, setup),
		cmocka_unit_test(without_a_limit_all_is_allowed),
		cmocka_unit_test(sizes_are_the_allocator_s),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
