/* The bus: calls between shards, which are stand-ins stepped by hand. */
#include "tests/bus/fixture.h"

#include "bus/bus.h"
#include "bus/future.h"

enum {
	A,
	B,
	SHARDS,
	NOBODY = SHARDS
};

static struct stand_in shards[SHARDS];
static struct gyre_bus *bus;

static int
set_up(void **state)
{
	struct gyre_inbox *inboxes[SHARDS];

	bus_set_up(state);
	for (unsigned i = 0; i < SHARDS; i++) {
		stand_in_open(&shards[i]);
		inboxes[i] = shards[i].inbox;
	}
	bus = gyre__bus_new(harness_sys(), SHARDS);
	assert_non_null(bus);
	assert_int_equal(gyre__bus_connect(bus, inboxes), 0);
	return 0;
}

static int
tear_down(void **state)
{
	harness_fail(0, 0);
	for (unsigned i = 0; i < SHARDS; i++) {
		if (!gyre__inbox_is_closed(shards[i].inbox))
			stand_in_close(&shards[i]);
		stand_in_free(&shards[i]);
	}
	gyre__bus_free(bus);
	return bus_tear_down(state);
}

/* Answers its argument. */
static void *
echo(void *word)
{
	say(word);
	return word;
}

/* A call from shard A, that has left it. */
static struct gyre_future *
call(unsigned shard, gyre_call_fn fn, const char *word)
{
	struct gyre_future *reply;

	enter(&shards[A]);
	reply = gyre_bus_call(bus, shard, fn, argument(word));
	assert_non_null(reply);
	gyre__outbox_flush(&shards[A].outbox);
	leave(&shards[A]);
	return reply;
}

static void
say_reply(struct gyre_future *reply, void *word)
{
	void *value = NULL;
	char text[64];

	if (gyre_future_result(reply, &value) == 0)
		snprintf(text, sizeof(text), "%s=%s", (char *)word,
			 (char *)value);
	else
		snprintf(text, sizeof(text), "%s:%s", (char *)word,
			 gyre_error_name(gyre_future_result(reply, NULL)));
	say(text);
}

static void
expect(struct gyre_future *reply, const char *word)
{
	assert_int_equal(gyre__future_add_callback(reply, say_reply,
						   argument(word), NULL),
			 0);
	gyre_future_unref(reply);
}

/* -- the table ----------------------------------------------------------- */

static void
shards_are_found_by_their_number(void **state)
{
	(void)state;
	assert_int_equal(gyre_bus_shards(bus), SHARDS);
	assert_ptr_equal(gyre_bus_inbox(bus, A), shards[A].inbox);
	assert_ptr_equal(gyre_bus_inbox(bus, B), shards[B].inbox);
	assert_null(gyre_bus_inbox(bus, NOBODY));
	assert_null(gyre_bus_inbox(bus, UINT32_MAX));
}

static void
a_bus_that_is_not_connected_has_no_inboxes(void **state)
{
	struct gyre_bus *other = gyre__bus_new(harness_sys(), 3);
	struct message one = message("one");

	(void)state;
	assert_int_equal(gyre_bus_shards(other), 3);
	assert_null(gyre_bus_inbox(other, 0));
	assert_int_equal(gyre_bus_post(other, 0, &one.task), -ENOENT);
	gyre__bus_free(other);
	gyre__bus_free(NULL);
}

static void
a_bus_needs_memory(void **state)
{
	struct gyre_inbox *inboxes[1] = { shards[A].inbox };
	struct gyre_bus *other;

	(void)state;
	harness_fail(FAULT_ALLOCATE, 1);
	assert_null(gyre__bus_new(harness_sys(), 1));
	other = gyre__bus_new(harness_sys(), 1);
	assert_non_null(other);
	harness_fail(FAULT_ALLOCATE, 1);
	assert_int_equal(gyre__bus_connect(other, inboxes), -ENOMEM);
	assert_null(gyre_bus_inbox(other, 0));
	assert_int_equal(gyre__bus_connect(other, inboxes), 0);
	assert_ptr_equal(gyre_bus_inbox(other, 0), shards[A].inbox);
	gyre__bus_free(other);
}

static void
a_post_reaches_its_shard_or_stays_the_callers(void **state)
{
	struct message one = message("one");
	struct message two = message("two");

	(void)state;
	assert_int_equal(gyre_bus_post(bus, B, &one.task), 0);
	assert_int_equal(gyre_bus_post(bus, NOBODY, &two.task), -ENOENT);
	step(&shards[B]);
	assert_trace("one");
	stand_in_close(&shards[B]);
	assert_int_equal(gyre_bus_post(bus, B, &two.task), -ESHUTDOWN);
}

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
	harness_fail(FAULT_ALLOCATE, 1);
	assert_null(gyre_bus_call(bus, B, echo, NULL));
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
	harness_fail(FAULT_ALLOCATE, 2);
	expect(gyre_bus_call(bus, B, echo, argument("question")), "reply");
	assert_true(harness_has_failed());
	gyre__outbox_flush(&shards[A].outbox);
	leave(&shards[A]);
	step(&shards[B]);
	step(&shards[A]);
	assert_trace("question reply=question");
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

static void
a_blocking_call_that_is_late_still_runs(void **state)
{
	(void)state;
	assert_int_equal(call_wait(B, 0), -ETIMEDOUT);
	step(&shards[B]);
	assert_trace("asked");
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
	assert_trace("asked");
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

#define CALL_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CALL_TEST(shards_are_found_by_their_number),
		CALL_TEST(a_bus_that_is_not_connected_has_no_inboxes),
		CALL_TEST(a_bus_needs_memory),
		CALL_TEST(a_post_reaches_its_shard_or_stays_the_callers),
		CALL_TEST(a_call_runs_there_and_answers_here),
		CALL_TEST(calls_keep_their_order_with_posts),
		CALL_TEST(a_call_to_the_own_shard_takes_its_turn),
		CALL_TEST(what_it_raises_rejects_the_reply),
		CALL_TEST(a_closed_shard_rejects_the_reply),
		CALL_TEST(a_shard_that_is_not_there_rejects_the_reply),
		CALL_TEST(a_request_that_is_dropped_rejects_the_reply),
		CALL_TEST(a_request_that_never_left_rejects_the_reply),
		CALL_TEST(one_cancelled_on_its_way_does_not_run),
		CALL_TEST(one_cancelled_while_it_runs_stays_cancelled),
		CALL_TEST(a_caller_that_closes_gets_no_reply),
		CALL_TEST(a_thread_without_a_loop_makes_no_call),
		CALL_TEST(a_call_without_memory_is_not_made),
		CALL_TEST(a_call_without_memory_for_a_lane_is_made),
		CALL_TEST(a_blocking_call_is_refused_where_it_cannot_work),
		CALL_TEST(a_blocking_call_that_is_late_still_runs),
		CALL_TEST(a_blocking_call_without_memory_never_runs),
		CALL_TEST(a_blocking_call_waits_for_its_answer),
		CALL_TEST(a_blocking_call_hears_that_the_shard_closes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
