#include "tests/bus/future_fixture.h"

struct stand_in home;
struct gyre_future *future;
int value;

int
future_set_up(void **state)
{
	bus_set_up(state);
	stand_in_open(&home);
	future = gyre__future_new(harness_sys(), home.inbox);
	assert_non_null(future);
	return 0;
}

int
future_tear_down(void **state)
{
	harness_fail(0, 0);
	gyre_future_unref(future);
	if (!gyre__inbox_is_closed(home.inbox))
		stand_in_close(&home);
	stand_in_free(&home);
	return bus_tear_down(state);
}

void
say_future(struct gyre_future *done, void *word)
{
	assert_ptr_equal(done, future);
	assert_true(gyre_future_done(done));
	say(word);
}

void
add_callback(gyre_future_fn fn, const char *word)
{
	assert_int_equal(gyre__future_add_callback(future, fn, argument(word),
						   say_dropped),
			 0);
}

void
assert_outcome(int error, const void *expected, const char *message)
{
	void *seen = NULL;

	assert_true(gyre_future_done(future));
	assert_int_equal(gyre_future_result(future, &seen), error);
	assert_ptr_equal(seen, expected);
	assert_int_equal(gyre_future_result(future, NULL), error);
	assert_string_equal(gyre_future_message(future), message);
}
