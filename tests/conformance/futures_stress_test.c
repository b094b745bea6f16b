/*
 * Futures of a running loop that other threads complete, cancel and give back
 * meanwhile, until it stops or closes under them. Each has one outcome; each
 * callback runs or is dropped, once; each error is read or reported, once.
 */
#include "tests/support/loop_fixture.h"

#include <stdatomic.h>

#define ITEMS      64
#define COMPLETERS 2
#define ROUNDS     150
#define BATCH      4

struct item {
	struct gyre_future *future;
	atomic_uint wins;
	atomic_int outcome;
	bool reads; /* whether its callback looks */
	int seen;   /* by the callback */
	unsigned added;
	unsigned called;
	unsigned dropped;
	unsigned reported;
};

static struct item items[ITEMS];
static unsigned next_item;
static unsigned items_to_add; /* then the loop stops */
static uint64_t seed;

static void
hook(struct gyre_loop *loop, const struct gyre_failure *failure, void *arg)
{
	unsigned long index = strtoul(gyre_exception()->message, NULL, 10);

	(void)arg;
	CHECK(loop == the_loop && gyre_loop_in_owner_thread(loop));
	CHECK(strcmp(failure->what, "future") == 0);
	CHECK(gyre_exception()->error == -EIO && index < ITEMS);
	items[index].reported++;
}

/* -- the home ------------------------------------------------------------- */

static void
called(struct gyre_future *future, void *arg)
{
	struct item *item = arg;

	CHECK(gyre_future_done(future));
	item->called++;
	if (item->reads)
		item->seen = gyre_future_result(future, NULL);
}

static void
dropped(void *arg, enum gyre_drop_reason reason)
{
	struct item *item = arg;

	CHECK(reason == GYRE_DROP_STOPPED);
	item->dropped++;
}

static void
add_some(void *arg)
{
	for (unsigned i = 0; i < BATCH && next_item < items_to_add; i++) {
		struct item *item = &items[next_item++];

		CHECK(gyre_loop_add_future_drop(the_loop, item->future, called,
						item, dropped) == 0);
		item->added++;
		gyre_future_unref(item->future);
	}
	if (next_item == items_to_add)
		gyre_loop_stop(the_loop);
	else
		CHECK(gyre_loop_add_callback(the_loop, add_some, arg) == 0);
}

/* -- the others ----------------------------------------------------------- */

static void
complete(struct item *item, unsigned how)
{
	char line[16];
	int outcome = how == 0 ? 0 : how == 1 ? -ECANCELED : -EIO;
	int result;

	snprintf(line, sizeof(line), "%u", (unsigned)(item - items));
	if (how == 0)
		result = gyre_future_resolve(item->future, item);
	else if (how == 1)
		result = gyre_future_cancel(item->future);
	else
		result = gyre_future_reject(item->future, -EIO, line);
	CHECK(result == 0 || result == -EALREADY);
	if (result == 0) {
		atomic_fetch_add(&item->wins, 1);
		atomic_store(&item->outcome, outcome);
	}
}

static void *
complete_all(void *arg)
{
	uint64_t state = *(uint64_t *)arg;

	for (unsigned i = 0; i < ITEMS; i++) {
		unsigned how = next_random(&state) % 4;

		if (next_random(&state) % 8 == 0)
			sched_yield();
		complete(&items[i], how);
		gyre_future_unref(items[i].future);
	}
	return NULL;
}

/* -- a round -------------------------------------------------------------- */

static void
begin(unsigned count)
{
	const struct gyre_loop_options options = {
		.make_current = GYRE_MAKE_CURRENT_NO,
		.on_exception = hook,
		._sys = &fake_sys,
	};

	the_loop = new_loop(&options);
	next_item = 0;
	items_to_add = count;
	for (unsigned i = 0; i < ITEMS; i++) {
		struct item *item = &items[i];

		memset(item, 0, sizeof(*item));
		item->reads = next_random(&seed) % 2 == 0;
		item->future = gyre_future_new(the_loop);
		CHECK(item->future != NULL);
		for (unsigned k = 0; k < COMPLETERS; k++)
			gyre_future_ref(item->future);
	}
}

static void
check_item(const struct item *item, bool ended)
{
	bool unread = item->outcome == -EIO && !(item->reads && item->called);

	assert_int_equal(item->wins, 1);
	assert_int_equal(item->called + item->dropped, item->added);
	if (item->called && item->reads)
		assert_int_equal(item->seen, item->outcome);
	if (ended)
		assert_int_equal(item->reported, unread);
	else
		assert_in_range(item->reported, 0, unread);
}

/* With `ended` the loop sees to all of it; else it closes under them. */
static void
one_round(unsigned count, bool ended)
{
	uint64_t states[COMPLETERS];
	pthread_t threads[COMPLETERS];

	begin(count);
	for (unsigned k = 0; k < COMPLETERS; k++) {
		states[k] = next_random(&seed);
		assert_int_equal(pthread_create(&threads[k], NULL, complete_all,
						&states[k]),
				 0);
	}
	add_callback(add_some, NULL);
	run();
	if (!ended)
		close_and_free(the_loop);
	for (unsigned k = 0; k < COMPLETERS; k++)
		pthread_join(threads[k], NULL);
	for (unsigned i = count; i < ITEMS; i++)
		gyre_future_unref(items[i].future);
	if (ended)
		close_and_free(the_loop);
	the_loop = NULL;
	for (unsigned i = 0; i < ITEMS; i++)
		check_item(&items[i], ended);
	assert_int_equal(fake_counts().allocations, 0);
}

static void
L136_completed_by_many_threads(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ROUNDS; i++)
		one_round(ITEMS, true);
}

static void
L135_closed_while_others_complete(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ROUNDS; i++)
		one_round(next_random(&seed) % (ITEMS + 1), false);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(L136_completed_by_many_threads),
		cmocka_unit_test(L135_closed_while_others_complete),
	};

	fake_reset();
	seed = first_seed(1);
	printf("GYRE_TEST_SEED=%llu\n", (unsigned long long)seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
