/* What is asked of all shards at once: each, map_reduce, barrier. */
#include "tests/bus/shards.h"

static struct gyre_answer answers[SHARDS];
static char sum[64];

static void
step_all(void)
{
	for (unsigned i = SHARDS; i-- > 0;)
		step(&shards[i]);
}

/* -- what is asked ------------------------------------------------------- */

static unsigned fails_at; /* the n-th that runs */

static void *
number(void *word)
{
	static char numbers[SHARDS][4];

	for (unsigned i = 0; i < SHARDS; i++) {
		if (gyre__outbox_of_thread != &shards[i].outbox)
			continue;
		say(word);
		if (i == fails_at)
			gyre_raise(-ERANGE, "%s cannot", (char *)word);
		snprintf(numbers[i], sizeof(numbers[i]), "%u", i);
		return numbers[i];
	}
	return NULL;
}

static void
add(void *acc, void *value, unsigned shard)
{
	assert_ptr_equal(acc, sum);
	assert_int_equal(atoi(value), shard);
	strcat(acc, value);
}

static void
raise_error(void *acc, void *value, unsigned shard)
{
	add(acc, value, shard);
	gyre_raise(-EILSEQ, "no sum");
}

static void
say_released(void *word)
{
	assert_string_equal(word, "asked");
	say("released");
}

static const struct gyre_map_reduce add_up = {
	.map = number,
	.release = say_released,
	.reduce = add,
	.acc = sum,
};

static void
say_end(struct gyre_future *whole, void *arg)
{
	int result = gyre_future_result(whole, NULL);

	(void)arg;
	say(result == 0 ? "complete" : gyre_error_name(result));
}

/* From shard A; what it ends with is said there. */
static struct gyre_future *
ask(const struct gyre_map_reduce *asked)
{
	struct gyre_map_reduce whole = *asked;
	struct gyre_future *future;

	whole.arg = argument("asked");
	sum[0] = '\0';
	fails_at = SHARDS;
	enter(&shards[A]);
	future = gyre_bus_map_reduce(bus, &whole, answers);
	assert_non_null(future);
	assert_int_equal(gyre__future_add_callback(future, say_end, NULL, NULL),
			 0);
	gyre__outbox_flush(&shards[A].outbox);
	leave(&shards[A]);
	return future;
}

static void
assert_answer(unsigned shard, int error, const char *value)
{
	assert_int_equal(answers[shard].error, error);
	if (value == NULL)
		assert_null(answers[shard].value);
	else
		assert_string_equal(answers[shard].value, value);
}

/* -- each ---------------------------------------------------------------- */

static void
each_asks_all_and_collects_the_answers(void **state)
{
	struct gyre_future *whole;

	(void)state;
	fails_at = SHARDS;
	enter(&shards[A]);
	whole = gyre_bus_each(bus, number, argument("asked"), answers);
	assert_non_null(whole);
	gyre__outbox_flush(&shards[A].outbox);
	leave(&shards[A]);
	for (unsigned i = 0; i < SHARDS; i++)
		assert_answer(i, -EINPROGRESS, NULL);
	step(&shards[C]);
	step(&shards[A]);
	assert_trace("asked asked");
	assert_answer(C, 0, "2");
	assert_answer(B, -EINPROGRESS, NULL);
	step(&shards[B]);
	step(&shards[A]);
	assert_trace("asked");
	assert_answer(A, 0, "0");
	assert_answer(B, 0, "1");
	assert_true(gyre_future_done(whole));
	assert_int_equal(gyre_future_result(whole, NULL), 0);
	gyre_future_unref(whole);
	step(&shards[A]);
	assert_calls(SHARDS, 0, 0, 0, 0);
}

static void
only_a_loop_can_ask_all(void **state)
{
	(void)state;
	assert_null(gyre_bus_each(bus, number, NULL, answers));
	assert_null(gyre_bus_barrier(bus));
}

static void
without_memory_nobody_is_asked(void **state)
{
	(void)state;
	enter(&shards[A]);
	for (unsigned i = 1; i <= 2; i++) {
		harness_fail(FAULT_ALLOCATE, i);
		assert_null(gyre_bus_each(bus, number, NULL, answers));
		assert_true(harness_has_failed());
	}
	gyre__outbox_flush(&shards[A].outbox);
	leave(&shards[A]);
	step_all();
}

/* -- map and reduce ------------------------------------------------------ */

static void
what_arrives_is_reduced_here(void **state)
{
	struct gyre_future *whole = ask(&add_up);
	void *value = NULL;

	(void)state;
	step(&shards[C]);
	step(&shards[B]);
	step(&shards[A]);
	assert_string_equal(sum, "21");
	step(&shards[A]);
	step(&shards[A]);
	assert_string_equal(sum, "210");
	assert_trace("asked asked asked released complete");
	assert_int_equal(gyre_future_result(whole, &value), 0);
	assert_ptr_equal(value, sum);
	gyre_future_unref(whole);
}

static void
a_shard_that_fails_stops_no_other(void **state)
{
	struct gyre_future *whole = ask(&add_up);

	(void)state;
	fails_at = B;
	step_all();
	step_all();
	step_all();
	assert_trace("asked asked asked released ERANGE");
	assert_string_equal(sum, "20");
	assert_answer(B, -ERANGE, NULL);
	assert_string_equal(gyre_future_message(whole), "asked cannot");
	gyre_future_unref(whole);
}

/* The first by number, not the first that came. */
static void
of_several_errors_the_first_shards_counts(void **state)
{
	struct gyre_future *whole = ask(&add_up);

	(void)state;
	fails_at = C;
	step(&shards[C]);
	stand_in_close(&shards[B]);
	step(&shards[A]);
	step(&shards[A]);
	step(&shards[A]);
	assert_trace("asked asked released ESHUTDOWN");
	assert_answer(B, -ESHUTDOWN, NULL);
	assert_answer(C, -ERANGE, NULL);
	assert_string_equal(gyre_future_message(whole),
			    "shard 1: the shard is closed");
	gyre_future_unref(whole);
}

static void
a_shard_that_refuses_answers_at_once(void **state)
{
	struct gyre_future *whole;

	(void)state;
	stand_in_close(&shards[C]);
	bus->calls_max = 1;
	expect(call(B, echo, "before"), "reply");
	whole = ask(&add_up);
	assert_answer(B, -EAGAIN, NULL);
	assert_answer(C, -ESHUTDOWN, NULL);
	assert_answer(A, -EINPROGRESS, NULL);
	step(&shards[B]);
	step(&shards[A]);
	step(&shards[A]);
	step(&shards[A]);
	assert_trace("before asked released reply=before EAGAIN");
	assert_string_equal(sum, "0");
	gyre_future_unref(whole);
}

static void
a_reduction_that_raises_ends_it(void **state)
{
	struct gyre_map_reduce asked = add_up;
	struct gyre_future *whole;

	(void)state;
	asked.reduce = raise_error;
	whole = ask(&asked);
	step(&shards[C]);
	step(&shards[A]);
	step(&shards[A]);
	step(&shards[B]);
	step(&shards[A]);
	step(&shards[A]);
	assert_trace("asked asked EILSEQ released");
	assert_string_equal(sum, "2");
	gyre_future_unref(whole);
}

/* -- cut short ----------------------------------------------------------- */

static void
what_came_before_the_deadline_is_kept(void **state)
{
	struct gyre_future *whole = ask(&add_up);

	(void)state;
	step(&shards[C]);
	step(&shards[A]);
	assert_int_equal(gyre_future_reject(whole, -ETIMEDOUT, NULL), 0);
	step(&shards[A]);
	assert_trace("asked asked ETIMEDOUT");
	assert_answer(A, -EINPROGRESS, NULL);
	assert_answer(B, -EINPROGRESS, NULL);
	assert_answer(C, 0, "2");
	assert_string_equal(sum, "2");
	step(&shards[B]);
	assert_trace("released");
	step(&shards[A]);
	assert_answer(B, -EINPROGRESS, NULL);
	assert_string_equal(sum, "2");
	assert_calls(2, 0, 1, 0, 0);
	gyre_future_unref(whole);
}

static void
cancelled_it_is_asked_of_nobody_else(void **state)
{
	struct gyre_future *whole = ask(&add_up);

	(void)state;
	assert_int_equal(gyre_future_cancel(whole), 0);
	gyre_future_unref(whole);
	step_all();
	step_all();
	assert_trace("released ECANCELED");
	assert_calls(0, SHARDS, 0, 0, 0);
}

static void
an_asker_that_closes_gets_no_answer(void **state)
{
	struct gyre_future *whole = ask(&add_up);

	(void)state;
	step(&shards[C]);
	stand_in_close(&shards[A]);
	assert_trace("asked");
	assert_answer(C, -EINPROGRESS, NULL);
	step(&shards[B]);
	assert_trace("released");
	assert_int_equal(gyre_future_result(whole, NULL), -ESHUTDOWN);
	gyre_future_unref(whole);
}

/* -- barrier ------------------------------------------------------------- */

static void
a_barrier_comes_after_what_was_posted(void **state)
{
	struct message one = message("one");
	struct message two = message("two");
	struct message own = message("own");
	struct gyre_future *barrier;

	(void)state;
	enter(&shards[A]);
	assert_int_equal(gyre_bus_post(bus, B, &one.task), 0);
	assert_int_equal(gyre_bus_post(bus, C, &two.task), 0);
	assert_int_equal(gyre_bus_post(bus, A, &own.task), 0);
	barrier = gyre_bus_barrier(bus);
	assert_int_equal(
		gyre__future_add_callback(barrier, say_end, NULL, NULL), 0);
	gyre__outbox_flush(&shards[A].outbox);
	leave(&shards[A]);
	step(&shards[A]);
	step(&shards[B]);
	step(&shards[A]);
	step(&shards[A]);
	assert_false(gyre_future_done(barrier));
	assert_trace("own one");
	step(&shards[C]);
	step(&shards[A]);
	step(&shards[A]);
	assert_trace("two complete");
	gyre_future_unref(barrier);
}

static void
a_barrier_to_a_closed_shard_says_so(void **state)
{
	struct gyre_future *barrier;

	(void)state;
	stand_in_close(&shards[C]);
	enter(&shards[A]);
	barrier = gyre_bus_barrier(bus);
	gyre__outbox_flush(&shards[A].outbox);
	leave(&shards[A]);
	step(&shards[B]);
	step(&shards[A]);
	step(&shards[A]);
	assert_int_equal(gyre_future_result(barrier, NULL), -ESHUTDOWN);
	gyre_future_unref(barrier);
	step(&shards[A]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SHARD_TEST(each_asks_all_and_collects_the_answers),
		SHARD_TEST(only_a_loop_can_ask_all),
		SHARD_TEST(without_memory_nobody_is_asked),
		SHARD_TEST(what_arrives_is_reduced_here),
		SHARD_TEST(a_shard_that_fails_stops_no_other),
		SHARD_TEST(of_several_errors_the_first_shards_counts),
		SHARD_TEST(a_shard_that_refuses_answers_at_once),
		SHARD_TEST(a_reduction_that_raises_ends_it),
		SHARD_TEST(what_came_before_the_deadline_is_kept),
		SHARD_TEST(cancelled_it_is_asked_of_nobody_else),
		SHARD_TEST(an_asker_that_closes_gets_no_answer),
		SHARD_TEST(a_barrier_comes_after_what_was_posted),
		SHARD_TEST(a_barrier_to_a_closed_shard_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
