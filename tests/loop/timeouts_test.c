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
	const struct gyre_callback callback = {
		.fn = nothing,
		.arg = (void *)(uintptr_t)name,
	};

	assert_int_equal(
		gyre__timeouts_add(timeouts, when_ns, &callback, ret_timeout),
		0);
	gyre__timeouts_validate(timeouts);
}

static void
update(struct gyre__timeouts *timeouts, gyre_timeout timeout, int64_t when_ns)
{
	assert_int_equal(gyre__timeouts_update(timeouts, timeout, when_ns), 0);
	gyre__timeouts_validate(timeouts);
}

/* Says what it had to cancel, if anything. */
static void
cancel(struct gyre__timeouts *timeouts, gyre_timeout timeout)
{
	struct gyre_callback callback;

	if (gyre__timeouts_remove(timeouts, timeout, &callback)) {
		trace("cancel");
		trace(callback.arg);
	}
	gyre__timeouts_validate(timeouts);
}

/* Say the names of what is due. */
static void
pop_all(struct gyre__timeouts *timeouts)
{
	struct gyre_callback callback;

	while (gyre__timeouts_pop_due(timeouts, &callback)) {
		gyre__timeouts_validate(timeouts);
		trace(callback.arg);
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
		cancel(timeouts, scheduled);
		cancel(timeouts, due);
		cancel(timeouts, 0);
	}
	assert_trace("cancel scheduled cancel due");
	pop_all(timeouts);
	cancel(timeouts, popped);
	cancel(timeouts, due);
	gyre__timeouts_collect(timeouts, 9);
	pop_all(timeouts);
	assert_trace("popped");
}

static void
any_of_the_due_ones_can_be_cancelled(void **state)
{
	static const char *const names[] = { "a", "b", "c" };
	struct gyre__timeouts *timeouts = *state;
	gyre_timeout handles[3];

	for (int victim = 0; victim < 3; victim++) {
		for (int i = 0; i < 3; i++)
			add(timeouts, 1, names[i], &handles[i]);
		gyre__timeouts_collect(timeouts, 1);
		cancel(timeouts, handles[victim]);
		/* What comes behind is linked to what is left. */
		add(timeouts, 1, "d", NULL);
		gyre__timeouts_collect(timeouts, 1);
		pop_all(timeouts);
	}
	assert_trace("cancel a b c d cancel b a c d cancel c a b d");
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
	cancel(&other, foreign);
	add(&other, 1, "y", &foreign);
	gyre__timeouts_fini(&other);
	assert_trace("cancel x");

	add(timeouts, 1, "gone", &mine);
	cancel(timeouts, mine);
	cancel(timeouts, foreign);
	cancel(timeouts, UINT64_MAX);
	assert_int_equal(gyre__timeouts_update(timeouts, foreign, 0), -ENOENT);
	add(timeouts, 1, "kept", NULL);
	gyre__timeouts_collect(timeouts, 1);
	pop_all(timeouts);
	assert_trace("cancel gone kept");
}

/* -- moving --------------------------------------------------------------- */

static void
a_moved_one_counts_as_added_at_the_move(void **state)
{
	struct gyre__timeouts *timeouts = *state;
	gyre_timeout later, earlier, same;

	add(timeouts, 5, "same", &same);
	add(timeouts, 5, "later", &later);
	add(timeouts, 9, "earlier", &earlier);
	add(timeouts, 5, "five", NULL);
	add(timeouts, 7, "seven", NULL);
	update(timeouts, later, 7);
	update(timeouts, same, 5);
	update(timeouts, earlier, 5);
	gyre__timeouts_collect(timeouts, 9);
	pop_all(timeouts);
	assert_trace("five same earlier seven later");
}

static void
the_next_deadline_is_never_one_that_was_left(void **state)
{
	struct gyre__timeouts *timeouts = *state;
	gyre_timeout first, second;

	add(timeouts, 1, "first", &first);
	add(timeouts, 2, "second", &second);
	update(timeouts, first, 30);
	update(timeouts, second, 20);
	assert_int_equal(gyre__timeouts_next(timeouts), 20);
	gyre__timeouts_validate(timeouts);
	/* Back, but not before the instant that the heap knows. */
	update(timeouts, first, 40);
	update(timeouts, first, 35);
	gyre__timeouts_collect(timeouts, 34);
	pop_all(timeouts);
	assert_trace("second");
	assert_int_equal(gyre__timeouts_next(timeouts), 35);
	update(timeouts, first, 3);
	assert_int_equal(gyre__timeouts_next(timeouts), 3);
	update(timeouts, first, GYRE_FOREVER);
	assert_true(gyre__timeouts_next(timeouts) == GYRE_FOREVER);
}

static void
a_due_one_that_is_moved_is_not_due(void **state)
{
	struct gyre__timeouts *timeouts = *state;
	gyre_timeout moved;

	add(timeouts, 1, "a", NULL);
	add(timeouts, 1, "moved", &moved);
	add(timeouts, 1, "b", NULL);
	gyre__timeouts_collect(timeouts, 1);
	/* Back in the past: it is due again, in another batch. */
	update(timeouts, moved, 0);
	pop_all(timeouts);
	assert_trace("a b");
	gyre__timeouts_collect(timeouts, 1);
	pop_all(timeouts);
	assert_trace("moved");
	assert_int_equal(gyre__timeouts_update(timeouts, moved, 0), -ENOENT);
}

static void
moving_later_leaves_the_heap_alone(void **state)
{
	struct gyre__timeouts *timeouts = *state;
	gyre_timeout handle;
	struct gyre__timeout_key before[3];

	add(timeouts, 1, "x", &handle);
	add(timeouts, 2, "y", NULL);
	add(timeouts, 3, "z", NULL);
	assert_int_equal(gyre__timeouts_next(timeouts), 1);
	assert_int_equal(timeouts->heaped, 3);
	memcpy(before, timeouts->heap, sizeof(before));
	for (int64_t when = 2; when < 100; when++)
		update(timeouts, handle, when);
	assert_memory_equal(before, timeouts->heap, sizeof(before));
}

static void
what_is_left_can_be_taken_in_any_state(void **state)
{
	struct gyre__timeouts *timeouts = *state;
	struct gyre_callback callback;
	gyre_timeout moved;

	add(timeouts, 1, "due", NULL);
	add(timeouts, 5, "moved", &moved);
	add(timeouts, GYRE_FOREVER, "never", NULL);
	gyre__timeouts_collect(timeouts, 1);
	update(timeouts, moved, 9);
	while (gyre__timeouts_pop_any(timeouts, &callback)) {
		gyre__timeouts_validate(timeouts);
		trace(callback.arg);
	}
	assert_trace("due moved never");
}

/* -- memory --------------------------------------------------------------- */

static void
a_failed_allocation_changes_nothing(void **state)
{
	const struct gyre_callback callback = { .fn = nothing };
	struct gyre__timeouts *timeouts = *state;
	gyre_timeout untouched = 77;

	fake_fail_at(1);
	assert_int_equal(gyre__timeouts_add(timeouts, 1, &callback, &untouched),
			 -ENOMEM);
	for (int i = 0; i < 16; i++)
		add(timeouts, 16 - i, i == 15 ? "first" : "rest", NULL);
	fake_fail_at(1);
	assert_int_equal(gyre__timeouts_add(timeouts, 0, &callback, &untouched),
			 -ENOMEM);
	gyre__timeouts_validate(timeouts);
	assert_int_equal(untouched, 77);
	add(timeouts, 0, "zeroth", NULL);
	gyre__timeouts_collect(timeouts, 1);
	pop_all(timeouts);
	assert_trace("zeroth first");
}

static void
warm_adding_moving_and_cancelling_allocates_nothing(void **state)
{
	struct gyre__timeouts *timeouts = *state;
	struct gyre_callback callback;
	gyre_timeout handle;

	for (int i = 0; i < 100; i++)
		add(timeouts, i, "x", NULL);
	fake_fail_at(1);
	gyre__timeouts_collect(timeouts, 99);
	for (int i = 0; i < 1000; i++) {
		assert_true(gyre__timeouts_pop_due(timeouts, &callback));
		add(timeouts, i, "x", &handle);
		update(timeouts, handle, i + 1);
		update(timeouts, handle, i - 1);
		assert_true(gyre__timeouts_remove(timeouts, handle, &callback));
		add(timeouts, i, "x", NULL);
		gyre__timeouts_collect(timeouts, i);
	}
	assert_false(fake_fired());
}

/* -- many ----------------------------------------------------------------- */

#define LIVE 1000000

static gyre_timeout handles[LIVE];

static void
add_many(struct gyre__timeouts *timeouts, uint64_t *seed)
{
	for (size_t i = 0; i < LIVE; i++) {
		int64_t when = (int64_t)(next_random(seed) % LIVE);
		const struct gyre_callback callback = {
			.fn = nothing,
			.arg = (void *)(uintptr_t)when,
		};

		assert_int_equal(gyre__timeouts_add(timeouts, when, &callback,
						    &handles[i]),
				 0);
	}
	gyre__timeouts_validate(timeouts);
}

/* A third is cancelled, a third moved later by as much as they all span. */
static void
a_million_live_ones_keep_their_order(void **state)
{
	struct gyre__timeouts *timeouts = *state;
	struct gyre_callback callback;
	uint64_t seed = first_seed(1);
	int64_t last = 0;
	int count = 0;

	add_many(timeouts, &seed);
	for (size_t i = 0; i < LIVE; i += 3)
		assert_true(
			gyre__timeouts_remove(timeouts, handles[i], &callback));
	for (size_t i = 1; i < LIVE; i += 3)
		assert_int_equal(gyre__timeouts_update(timeouts, handles[i],
						       LIVE + (int64_t)i),
				 0);
	gyre__timeouts_validate(timeouts);
	gyre__timeouts_collect(timeouts, LIVE - 1);
	while (gyre__timeouts_pop_due(timeouts, &callback)) {
		int64_t when = (int64_t)(uintptr_t)callback.arg;

		assert_true(when >= last);
		last = when;
		count++;
	}
	assert_int_equal(count, LIVE / 3);
	assert_int_equal(gyre__timeouts_next(timeouts), LIVE + 1);
	assert_int_equal(timeouts->heaped + timeouts->listed, LIVE / 3);
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
		TEST(any_of_the_due_ones_can_be_cancelled),
		TEST(a_handle_from_elsewhere_does_no_harm),
		TEST(a_moved_one_counts_as_added_at_the_move),
		TEST(the_next_deadline_is_never_one_that_was_left),
		TEST(a_due_one_that_is_moved_is_not_due),
		TEST(moving_later_leaves_the_heap_alone),
		TEST(what_is_left_can_be_taken_in_any_state),
		TEST(a_failed_allocation_changes_nothing),
		TEST(warm_adding_moving_and_cancelling_allocates_nothing),
		TEST(a_million_live_ones_keep_their_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
