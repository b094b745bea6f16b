/*
 * The timeouts as a data structure: against a naive model, and at the edges.
 */
#include "tests/support/loop_fixture.h"

#include "loop/timeouts.h"

static void
nothing(void *arg)
{
	(void)arg;
}

static void
add(struct gyre__timeouts *timeouts, int64_t when_ns, const char *name,
    gyre_timeout *ret_timeout)
{
	assert_int_equal(gyre__timeouts_add(timeouts, when_ns, nothing,
					    (void *)(uintptr_t)name,
					    ret_timeout),
			 0);
	gyre__timeouts_validate(timeouts);
}

/* Say the names of what is due and not cancelled. */
static void
pop_all(struct gyre__timeouts *timeouts)
{
	gyre_callback_fn fn;
	void *arg;

	while (gyre__timeouts_pop_due(timeouts, &fn, &arg)) {
		gyre__timeouts_validate(timeouts);
		trace(arg);
	}
}

static int
set_up(void **state)
{
	static struct gyre__timeouts timeouts;

	fake_reset();
	gyre__timeouts_init(&timeouts, &fake_sys);
	*state = &timeouts;
	return 0;
}

static int
tear_down(void **state)
{
	gyre__timeouts_validate(*state);
	gyre__timeouts_fini(*state);
	return fake_counts().allocations == 0 ? 0 : -1;
}

static void
ties_run_in_the_order_they_were_added(void **state)
{
	struct gyre__timeouts *timeouts = *state;

	add(timeouts, 7, "c", NULL);
	add(timeouts, 5, "a", NULL);
	add(timeouts, 7, "d", NULL);
	add(timeouts, 5, "b", NULL);
	add(timeouts, 7, "e", NULL);
	gyre__timeouts_collect(timeouts, 7);
	pop_all(timeouts);
	assert_trace("a b c d e");
}

static void
nothing_is_due_before_its_instant(void **state)
{
	struct gyre__timeouts *timeouts = *state;

	add(timeouts, 100, "x", NULL);
	gyre__timeouts_collect(timeouts, 99);
	pop_all(timeouts);
	assert_trace("");
	assert_int_equal(gyre__timeouts_next(timeouts), 100);
	gyre__timeouts_collect(timeouts, 100);
	assert_true(gyre__timeouts_next(timeouts) == GYRE_FOREVER);
	pop_all(timeouts);
	assert_trace("x");
}

static void
any_instant_is_legal_and_forever_never_comes(void **state)
{
	struct gyre__timeouts *timeouts = *state;

	add(timeouts, GYRE_FOREVER, "never", NULL);
	assert_true(gyre__timeouts_next(timeouts) == GYRE_FOREVER);
	add(timeouts, GYRE_FOREVER - 1, "last", NULL);
	add(timeouts, INT64_MIN, "first", NULL);
	add(timeouts, -1, "negative", NULL);
	add(timeouts, 0, "zero", NULL);
	assert_true(gyre__timeouts_next(timeouts) == INT64_MIN);
	gyre__timeouts_collect(timeouts, -1);
	pop_all(timeouts);
	assert_trace("first negative");
	gyre__timeouts_collect(timeouts, GYRE_FOREVER);
	pop_all(timeouts);
	assert_trace("zero last");
}

static void
what_is_gathered_waits_behind_what_was_gathered_before(void **state)
{
	struct gyre__timeouts *timeouts = *state;

	add(timeouts, 5, "a", NULL);
	gyre__timeouts_collect(timeouts, 5);
	add(timeouts, 1, "b", NULL);
	gyre__timeouts_collect(timeouts, 5);
	pop_all(timeouts);
	assert_trace("a b");
}

static void
cancel_is_safe_in_every_state(void **state)
{
	struct gyre__timeouts *timeouts = *state;
	gyre_timeout scheduled, due, popped;

	add(timeouts, 1, "popped", &popped);
	add(timeouts, 1, "due", &due);
	add(timeouts, 9, "scheduled", &scheduled);
	gyre__timeouts_collect(timeouts, 1);
	for (int twice = 0; twice < 2; twice++) {
		gyre__timeouts_remove(timeouts, scheduled);
		gyre__timeouts_remove(timeouts, due);
		gyre__timeouts_remove(timeouts, 0);
		gyre__timeouts_validate(timeouts);
	}
	pop_all(timeouts);
	gyre__timeouts_remove(timeouts, popped);
	gyre__timeouts_remove(timeouts, due);
	gyre__timeouts_collect(timeouts, 9);
	pop_all(timeouts);
	assert_trace("popped");
}

static void
a_stale_handle_does_not_name_the_slot_s_next_user(void **state)
{
	struct gyre__timeouts *timeouts = *state;
	gyre_timeout stale[64];
	gyre_timeout fresh;

	/* One slot, used again and again. */
	for (size_t i = 0; i < 64; i++) {
		add(timeouts, 1, "old", &stale[i]);
		gyre__timeouts_remove(timeouts, stale[i]);
	}
	assert_int_equal(timeouts->used, 1);
	add(timeouts, 1, "new", &fresh);
	for (size_t i = 0; i < 64; i++) {
		assert_int_not_equal(stale[i], fresh);
		gyre__timeouts_remove(timeouts, stale[i]);
	}
	gyre__timeouts_collect(timeouts, 1);
	pop_all(timeouts);
	assert_trace("new");
}

static void
a_handle_from_elsewhere_does_no_harm(void **state)
{
	struct gyre__timeouts *timeouts = *state;
	struct gyre__timeouts other;
	gyre_timeout mine, foreign;

	/* The other's handle looks like one this slot has not given out. */
	gyre__timeouts_init(&other, &fake_sys);
	add(&other, 1, "x", &foreign);
	gyre__timeouts_remove(&other, foreign);
	add(&other, 1, "y", &foreign);
	gyre__timeouts_fini(&other);

	add(timeouts, 1, "gone", &mine);
	gyre__timeouts_remove(timeouts, mine);
	gyre__timeouts_remove(timeouts, foreign);
	gyre__timeouts_remove(timeouts, UINT64_MAX);
	gyre__timeouts_validate(timeouts);
	add(timeouts, 1, "kept", NULL);
	gyre__timeouts_collect(timeouts, 1);
	pop_all(timeouts);
	assert_trace("kept");
}

static void
no_handle_is_zero(void **state)
{
	gyre_timeout handle = 0;

	add(*state, 1, "x", &handle);
	assert_int_not_equal(handle, 0);
}

static void
a_failed_allocation_changes_nothing(void **state)
{
	struct gyre__timeouts *timeouts = *state;
	gyre_timeout untouched = 77;

	for (unsigned n = 1; n <= 2; n++) {
		fake_fail_at(n);
		assert_int_equal(gyre__timeouts_add(timeouts, 1, nothing, NULL,
						    &untouched),
				 -ENOMEM);
		assert_int_equal(fake_counts().allocations, 0);
	}
	for (int i = 0; i < 16; i++)
		add(timeouts, 16 - i, i == 15 ? "first" : "rest", NULL);
	for (unsigned n = 1; n <= 2; n++) {
		fake_fail_at(n);
		assert_int_equal(gyre__timeouts_add(timeouts, 0, nothing, NULL,
						    &untouched),
				 -ENOMEM);
		gyre__timeouts_validate(timeouts);
		assert_int_equal(fake_counts().allocations, 2);
	}
	assert_int_equal(untouched, 77);
	add(timeouts, 0, "zeroth", NULL);
	gyre__timeouts_collect(timeouts, 1);
	pop_all(timeouts);
	assert_trace("zeroth first");
}

static void
warm_adding_and_cancelling_allocates_nothing(void **state)
{
	struct gyre__timeouts *timeouts = *state;
	gyre_callback_fn fn;
	gyre_timeout handle;
	void *arg;

	for (int i = 0; i < 100; i++)
		add(timeouts, i, "x", NULL);
	fake_fail_at(1);
	gyre__timeouts_collect(timeouts, 99);
	for (int i = 0; i < 1000; i++) {
		assert_true(gyre__timeouts_pop_due(timeouts, &fn, &arg));
		add(timeouts, i, "x", &handle);
		gyre__timeouts_remove(timeouts, handle);
		add(timeouts, i, "x", NULL);
		gyre__timeouts_collect(timeouts, i);
	}
	assert_false(fake_fired());
}

#define LIVE 100000

static int64_t popped_last;
static unsigned popped_count;

static void
expect_no_earlier(void *arg)
{
	int64_t when = (int64_t)(uintptr_t)arg;

	assert_true(when >= popped_last);
	popped_last = when;
	popped_count++;
}

static void
a_hundred_thousand_live_ones_keep_their_order(void **state)
{
	static gyre_timeout handles[LIVE];
	struct gyre__timeouts *timeouts = *state;
	uint64_t seed = first_seed(1);
	gyre_callback_fn fn;
	void *arg;

	for (size_t i = 0; i < LIVE; i++) {
		int64_t when = (int64_t)(next_random(&seed) % LIVE);

		assert_int_equal(gyre__timeouts_add(
					 timeouts, when, expect_no_earlier,
					 (void *)(uintptr_t)when, &handles[i]),
				 0);
	}
	gyre__timeouts_validate(timeouts);
	for (size_t i = 0; i < LIVE; i += 2)
		gyre__timeouts_remove(timeouts, handles[i]);
	gyre__timeouts_validate(timeouts);
	popped_last = 0;
	popped_count = 0;
	gyre__timeouts_collect(timeouts, LIVE);
	while (gyre__timeouts_pop_due(timeouts, &fn, &arg))
		fn(arg);
	assert_int_equal(popped_count, LIVE / 2);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(ties_run_in_the_order_they_were_added),
		TEST(nothing_is_due_before_its_instant),
		TEST(any_instant_is_legal_and_forever_never_comes),
		TEST(what_is_gathered_waits_behind_what_was_gathered_before),
		TEST(cancel_is_safe_in_every_state),
		TEST(a_stale_handle_does_not_name_the_slot_s_next_user),
		TEST(a_handle_from_elsewhere_does_no_harm),
		TEST(no_handle_is_zero),
		TEST(a_failed_allocation_changes_nothing),
		TEST(warm_adding_and_cancelling_allocates_nothing),
		TEST(a_hundred_thousand_live_ones_keep_their_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
