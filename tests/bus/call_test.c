/* Calls between shards, which are stand-ins stepped by hand. */
#include "tests/bus/shards.h"

/* -- calls --------------------------------------------------------------- */

static void
a_call_runs_there_and_answers_here(void **state)
{
	(void)state;
	expect(call(B, echo, "question"), "reply");
	assert_trace("");
	step(&shards[B]);
	assert_trace("question");
	step(&shards[A]);
	assert_trace("reply=question");
}

static void
calls_keep_their_order_with_posts(void **state)
{
	struct message two = message("two");

	(void)state;
	enter(&shards[A]);
	expect(gyre_bus_call(bus, B, echo, argument("one")), "first");
	assert_int_equal(gyre_bus_post(bus, B, &two.task), 0);
	expect(gyre_bus_call(bus, B, echo, argument("three")), "second");
	gyre__outbox_flush(&shards[A].outbox);
	leave(&shards[A]);
	step(&shards[B]);
	step(&shards[A]);
	assert_trace("one two three first=one second=three");
}

static void
a_call_to_the_own_shard_takes_its_turn(void **state)
{
	(void)state;
	expect(call(A, echo, "question"), "reply");
	assert_trace("");
	step(&shards[A]);
	assert_trace("question");
	step(&shards[A]);
	assert_trace("reply=question");
}

static void *
refuse(void *word)
{
	gyre_raise(-ERANGE, "too much: %s", (char *)word);
	return word;
}

static void
what_it_raises_rejects_the_reply(void **state)
{
	struct gyre_future *reply = call(B, refuse, "seven");

	(void)state;
	step(&shards[B]);
	assert_int_equal(shards[B].raised, 0);
	assert_int_equal(gyre_future_result(reply, NULL), -ERANGE);
	assert_string_equal(gyre_future_message(reply), "too much: seven");
	gyre_future_unref(reply);
	step(&shards[A]);
}

static void
a_closed_shard_rejects_the_reply(void **state)
{
	(void)state;
	stand_in_close(&shards[B]);
	expect(call(B, echo, "question"), "reply");
	step(&shards[A]);
	assert_trace("reply:ESHUTDOWN");
}

static void
a_shard_that_is_not_there_rejects_the_reply(void **state)
{
	(void)state;
	expect(call(NOBODY, echo, "question"), "reply");
	step(&shards[A]);
	assert_trace("reply:ENOENT");
}

static void
a_request_that_is_dropped_rejects_the_reply(void **state)
{
	(void)state;
	expect(call(B, echo, "question"), "reply");
	stand_in_close(&shards[B]);
	step(&shards[A]);
	assert_trace("reply:ESHUTDOWN");
}

/* The shard closes when the request is in the caller's lane. */
static void
a_request_that_never_left_rejects_the_reply(void **state)
{
	(void)state;
	enter(&shards[A]);
	expect(gyre_bus_call(bus, B, echo, argument("question")), "reply");
	stand_in_close(&shards[B]);
	gyre__outbox_flush(&shards[A].outbox);
	leave(&shards[A]);
	step(&shards[A]);
	assert_trace("reply:ESHUTDOWN");
}

static void
one_cancelled_on_its_way_does_not_run(void **state)
{
	struct gyre_future *reply = call(B, echo, "question");

	(void)state;
	assert_int_equal(gyre_future_cancel(reply), 0);
	expect(reply, "reply");
	step(&shards[B]);
	step(&shards[A]);
	assert_trace("reply:ECANCELED");
}

static struct gyre_future *to_cancel;

static void *
be_cancelled(void *word)
{
	assert_int_equal(gyre_future_cancel(to_cancel), 0);
	return word;
}

static void
one_cancelled_while_it_runs_stays_cancelled(void **state)
{
	(void)state;
	to_cancel = call(B, be_cancelled, "question");
	expect(to_cancel, "reply");
	step(&shards[B]);
	step(&shards[A]);
	assert_trace("reply:ECANCELED");
}

static void
a_caller_that_closes_gets_no_reply(void **state)
{
	(void)state;
	expect(call(B, echo, "question"), "reply");
	stand_in_close(&shards[A]);
	step(&shards[B]);
	assert_trace("question");
}

static void
a_thread_without_a_loop_makes_no_call(void **state)
{
	(void)state;
	assert_null(gyre_bus_call(bus, B, echo, NULL));
}

static void
a_call_without_memory_is_not_made(void **state)
{
	(void)state;
	enter(&shards[A]);
	for (unsigned i = 1; i <= 2; i++) { /* what counts calls; the call */
		harness_fail(FAULT_ALLOCATE, i);
		assert_null(gyre_bus_call_drop(bus, B, echo, argument("it"),
					       say_dropped));
		assert_true(harness_has_failed());
	}
	gyre__outbox_flush(&shards[A].outbox);
	leave(&shards[A]);
	step(&shards[B]);
}

/* Only the call itself needs memory: with no lane it goes directly. */
static void
a_call_without_memory_for_a_lane_is_made(void **state)
{
	(void)state;
	enter(&shards[A]);
	harness_fail(FAULT_ALLOCATE, 3);
	expect(gyre_bus_call(bus, B, echo, argument("question")), "reply");
	assert_true(harness_has_failed());
	gyre__outbox_flush(&shards[A].outbox);
	leave(&shards[A]);
	step(&shards[B]);
	step(&shards[A]);
	assert_trace("question reply=question");
}

/* -- what becomes of an argument ----------------------------------------- */

static void
one_that_runs_drops_nothing(void **state)
{
	(void)state;
	expect(call_drop(B, echo, "question"), "reply");
	step(&shards[B]);
	step(&shards[A]);
	assert_trace("question reply=question");
	assert_calls(1, 0, 0, 0, 0);
}

static void
one_cancelled_before_its_turn_is_dropped_there(void **state)
{
	struct gyre_future *reply = call_drop(B, echo, "question");

	(void)state;
	assert_int_equal(gyre_future_cancel(reply), 0);
	expect(reply, "reply");
	step(&shards[A]);
	assert_trace("reply:ECANCELED");
	assert_calls(0, 0, 0, 0, 1);
	step(&shards[B]);
	assert_trace("question!canceled");
	step(&shards[A]);
	assert_calls(0, 1, 0, 0, 0);
}

static void
one_that_expired_before_its_turn_is_dropped_there(void **state)
{
	struct gyre_future *reply = call_drop(B, echo, "question");

	(void)state;
	assert_int_equal(gyre_future_reject(reply, -ETIMEDOUT, NULL), 0);
	expect(reply, "reply");
	step(&shards[B]);
	step(&shards[A]);
	assert_trace("question!expired reply:ETIMEDOUT");
	assert_calls(0, 0, 1, 0, 0);
}

static void
one_that_a_closing_shard_had_is_dropped_there(void **state)
{
	struct gyre_future *late = call_drop(B, echo, "cancelled");

	(void)state;
	expect(call_drop(B, echo, "question"), "reply");
	assert_int_equal(gyre_future_cancel(late), 0);
	gyre_future_unref(late);
	stand_in_close(&shards[B]);
	assert_trace("cancelled!canceled question!stopped");
	step(&shards[A]);
	assert_trace("reply:ESHUTDOWN");
	assert_calls(0, 1, 0, 1, 0);
}

static void
one_that_never_left_is_dropped_here(void **state)
{
	(void)state;
	enter(&shards[A]);
	expect(gyre_bus_call_drop(bus, B, echo, argument("question"),
				  say_dropped),
	       "reply");
	stand_in_close(&shards[B]);
	assert_trace("");
	gyre__outbox_flush(&shards[A].outbox);
	leave(&shards[A]);
	assert_trace("question!stopped");
	step(&shards[A]);
	assert_trace("reply:ESHUTDOWN");
	assert_calls(0, 0, 0, 1, 0);
}

static void
one_that_is_refused_is_dropped_at_once(void **state)
{
	(void)state;
	expect(call_drop(NOBODY, echo, "question"), "reply");
	assert_trace("question!refused");
	stand_in_close(&shards[B]);
	expect(call_drop(B, echo, "question"), "reply");
	assert_trace("question!stopped");
	step(&shards[A]);
	assert_trace("reply:ENOENT reply:ESHUTDOWN");
	assert_calls(0, 0, 0, 0, 0);
	assert_int_equal(shards[A].outbox.calls.refused, 2);
}

static void
one_whose_caller_closed_still_runs_or_is_dropped(void **state)
{
	struct gyre_future *reply = call_drop(B, echo, "one");

	(void)state;
	gyre_future_cancel(reply);
	gyre_future_unref(reply);
	expect(call_drop(B, echo, "two"), "reply");
	expect(call_drop(A, echo, "own"), "reply");
	stand_in_close(&shards[A]);
	assert_trace("own!stopped");
	step(&shards[B]);
	assert_trace("one!canceled two");
}

/* The reply is in the shard's lane when the caller closes. */
static void
a_reply_that_finds_nobody_is_no_loss(void **state)
{
	struct gyre__chain batch;

	(void)state;
	expect(call_drop(B, echo, "one"), "reply");
	enter(&shards[B]);
	gyre__outbox_take_ready(&shards[B].outbox, &batch);
	gyre__outbox_run(&shards[B].outbox, &batch);
	stand_in_close(&shards[A]);
	gyre__outbox_flush(&shards[B].outbox);
	leave(&shards[B]);
	assert_trace("one");
}

/* -- the bound ----------------------------------------------------------- */

static void
no_more_than_the_bound_are_open(void **state)
{
	struct gyre_future *first;

	(void)state;
	bus->calls_max = 2;
	first = call_drop(B, echo, "one");
	expect(call_drop(B, echo, "two"), "second");
	expect(call_drop(B, echo, "three"), "third");
	assert_trace("three!refused");
	expect(call_drop(C, echo, "elsewhere"), "fourth");
	step(&shards[A]);
	assert_trace("third:EAGAIN");
	/* One that is cancelled waits there all the same. */
	gyre_future_cancel(first);
	gyre_future_unref(first);
	step(&shards[A]);
	expect(call_drop(B, echo, "four"), "fifth");
	step(&shards[A]);
	assert_trace("four!refused fifth:EAGAIN");
	step(&shards[B]);
	step(&shards[C]);
	step(&shards[A]);
	assert_trace("one!canceled two elsewhere second=two fourth=elsewhere");
	assert_calls(2, 1, 0, 0, 0);
	assert_int_equal(shards[A].outbox.calls.refused, 2);
	expect(call_drop(B, echo, "five"), "sixth");
	step(&shards[B]);
	step(&shards[A]);
	assert_trace("five sixth=five");
}

static void
the_bound_has_a_default(void **state)
{
	struct gyre_bus *other = gyre__bus_new(harness_sys(), 3);

	(void)state;
	assert_int_equal(other->calls_max, 65536);
	gyre__bus_limit_calls(other, 7);
	assert_int_equal(other->calls_max, 7);
	gyre__bus_limit_calls(other, 0);
	assert_int_equal(other->calls_max, 65536);
	gyre__bus_free(other);
}

/* -- cycles -------------------------------------------------------------- */

static void *
ask_c(void *word)
{
	gyre_future_unref(gyre_bus_call_drop(bus, C, echo, word, say_dropped));
	return word;
}

static void *
ask_b_twice(void *word)
{
	gyre_future_unref(gyre_bus_call(bus, B, ask_c, word));
	gyre_future_unref(gyre_bus_call(bus, B, ask_c, word));
	return word;
}

static void *
ask_a_twice(void *word)
{
	gyre_future_unref(gyre_bus_call(bus, A, echo, word));
	gyre_future_unref(gyre_bus_call(bus, A, echo, word));
	return word;
}

static void *
ask_b_to_ask_a(void *word)
{
	gyre_future_unref(gyre_bus_call(bus, B, ask_a_twice, word));
	return word;
}

/* A asks C, which asks B, which asks A and finds no room. In a child, which
 * is a fork, of shards of its own. */
static void
ask_in_a_cycle(void *state)
{
	if (state != NULL)
		shards_set_up(state);
	bus->calls_max = 1;
	gyre_future_unref(call(C, ask_b_to_ask_a, "it"));
	step(&shards[C]);
	step(&shards[B]);
}

static void
a_cycle_without_room_is_named(void **state)
{
#ifdef GYRE_DEBUG
	assert_true(
		aborts_saying(ask_in_a_cycle, state, "shard 0 -> 2 -> 1 -> 0"));
#else
	(void)state;
	ask_in_a_cycle(NULL);
	assert_int_equal(shards[B].outbox.calls.refused, 1);
	for (unsigned i = 0; i < 6; i++)
		step(&shards[i % SHARDS]);
	assert_int_equal(shards[B].raised, 1); /* nobody read the refusal */
	assert_trace("it");
#endif
}

/* With room, or without coming back, there is nothing to say. */
static void
a_chain_that_is_no_cycle_goes_on(void **state)
{
	(void)state;
	gyre_future_unref(call(C, ask_b_to_ask_a, "it"));
	for (unsigned i = 0; i < 9; i++)
		step(&shards[i % SHARDS]);
	assert_trace("it it");
	bus->calls_max = 1;
	gyre_future_unref(call(A, ask_b_twice, "that"));
	for (unsigned i = 0; i < 9; i++)
		step(&shards[i % SHARDS]);
	assert_trace("that");
	assert_int_equal(shards[A].outbox.calls.refused, 1);
	assert_int_equal(shards[A].raised, 1);
}

/* -- calls that block ---------------------------------------------------- */

static int
call_wait(unsigned shard, int64_t deadline_ns)
{
	return gyre_bus_call_wait(bus, shard, echo, argument("asked"),
				  deadline_ns, NULL);
}

static void
a_blocking_call_is_refused_where_it_cannot_work(void **state)
{
	(void)state;
	assert_int_equal(call_wait(NOBODY, 0), -ENOENT);
	enter(&shards[A]);
	assert_int_equal(call_wait(B, 0), -EDEADLK);
	leave(&shards[A]);
	stand_in_close(&shards[B]);
	assert_int_equal(call_wait(B, 0), -ESHUTDOWN);
}

static int
call_wait_drop(unsigned shard, int64_t deadline_ns)
{
	const struct gyre_call asked = { echo, argument("asked"), say_dropped };

	return gyre_bus_call_wait_drop(bus, shard, asked, deadline_ns, NULL);
}

static void
a_blocking_call_that_is_late_never_runs(void **state)
{
	(void)state;
	assert_int_equal(call_wait(B, 0), -ETIMEDOUT);
	step(&shards[B]);
	assert_trace("");
	assert_int_equal(call_wait_drop(B, 0), -ETIMEDOUT);
	assert_trace("");
	step(&shards[B]);
	assert_trace("asked!expired");
}

static void
a_blocking_call_that_is_refused_drops_its_argument(void **state)
{
	(void)state;
	assert_int_equal(call_wait_drop(NOBODY, 0), -ENOENT);
	assert_trace("asked!refused");
	enter(&shards[A]);
	assert_int_equal(call_wait_drop(B, 0), -EDEADLK);
	leave(&shards[A]);
	assert_trace("asked!refused");
	harness_fail(FAULT_ALLOCATE, 1);
	assert_int_equal(call_wait_drop(B, 0), -ENOMEM);
	assert_trace("asked!refused");
	stand_in_close(&shards[B]);
	assert_int_equal(call_wait_drop(B, 0), -ESHUTDOWN);
	assert_trace("asked!stopped");
}

/* Refused for memory means that it never runs, whatever could not be had. */
static void
a_blocking_call_without_memory_never_runs(void **state)
{
	int result = -ENOMEM;
	unsigned failed = 0;

	(void)state;
	for (unsigned i = 1; result == -ENOMEM; i++) {
		harness_fail(FAULT_ALLOCATE, i);
		result = call_wait(B, 0);
		failed += result == -ENOMEM;
		if (result == -ENOMEM) {
			step(&shards[B]);
			assert_trace("");
		}
	}
	assert_int_equal(failed, 2); /* the call; a waiter */
	assert_int_equal(result, -ETIMEDOUT);
	step(&shards[B]);
}

static void *
ask(void *ret_result)
{
	void *answer = NULL;

	*(int *)ret_result = gyre_bus_call_wait(bus, B, echo, argument("asked"),
						GYRE_FOREVER, &answer);
	CHECK(*(int *)ret_result < 0 || strcmp(answer, "asked") == 0);
	return NULL;
}

static void
a_blocking_call_waits_for_its_answer(void **state)
{
	pthread_t thread;
	int result = 1;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, ask, &result), 0);
	while (shards[B].outbox.run == 0)
		step(&shards[B]);
	pthread_join(thread, NULL);
	assert_int_equal(result, 0);
	assert_trace("asked");
}

static bool
something_waits(struct stand_in *stand_in)
{
	enter(stand_in);
	gyre__outbox_receive(&stand_in->outbox);
	leave(stand_in);
	gyre__outbox_count_ready(&stand_in->outbox);
	return stand_in->outbox.ready.messages > 0;
}

static void
a_blocking_call_hears_that_the_shard_closes(void **state)
{
	pthread_t thread;
	int result = 1;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, ask, &result), 0);
	while (!something_waits(&shards[B]))
		sched_yield();
	stand_in_close(&shards[B]);
	pthread_join(thread, NULL);
	assert_int_equal(result, -ESHUTDOWN);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SHARD_TEST(a_call_runs_there_and_answers_here),
		SHARD_TEST(calls_keep_their_order_with_posts),
		SHARD_TEST(a_call_to_the_own_shard_takes_its_turn),
		SHARD_TEST(what_it_raises_rejects_the_reply),
		SHARD_TEST(a_closed_shard_rejects_the_reply),
		SHARD_TEST(a_shard_that_is_not_there_rejects_the_reply),
		SHARD_TEST(a_request_that_is_dropped_rejects_the_reply),
		SHARD_TEST(a_request_that_never_left_rejects_the_reply),
		SHARD_TEST(one_cancelled_on_its_way_does_not_run),
		SHARD_TEST(one_cancelled_while_it_runs_stays_cancelled),
		SHARD_TEST(a_caller_that_closes_gets_no_reply),
		SHARD_TEST(a_thread_without_a_loop_makes_no_call),
		SHARD_TEST(a_call_without_memory_is_not_made),
		SHARD_TEST(a_call_without_memory_for_a_lane_is_made),
		SHARD_TEST(one_that_runs_drops_nothing),
		SHARD_TEST(one_cancelled_before_its_turn_is_dropped_there),
		SHARD_TEST(one_that_expired_before_its_turn_is_dropped_there),
		SHARD_TEST(one_that_a_closing_shard_had_is_dropped_there),
		SHARD_TEST(one_that_never_left_is_dropped_here),
		SHARD_TEST(one_that_is_refused_is_dropped_at_once),
		SHARD_TEST(one_whose_caller_closed_still_runs_or_is_dropped),
		SHARD_TEST(a_reply_that_finds_nobody_is_no_loss),
		SHARD_TEST(no_more_than_the_bound_are_open),
		SHARD_TEST(the_bound_has_a_default),
		SHARD_TEST(a_cycle_without_room_is_named),
		SHARD_TEST(a_chain_that_is_no_cycle_goes_on),
		SHARD_TEST(a_blocking_call_is_refused_where_it_cannot_work),
		SHARD_TEST(a_blocking_call_that_is_late_never_runs),
		SHARD_TEST(a_blocking_call_that_is_refused_drops_its_argument),
		SHARD_TEST(a_blocking_call_without_memory_never_runs),
		SHARD_TEST(a_blocking_call_waits_for_its_answer),
		SHARD_TEST(a_blocking_call_hears_that_the_shard_closes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
