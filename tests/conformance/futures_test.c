/*
 * Futures as the loop uses them: when their callbacks run, on which thread,
 * and what becomes of outcomes that come twice, early, late or unseen.
 */
#include "tests/support/loop_fixture.h"

static struct gyre_future *the_future;

static char told_what[32];
static struct gyre_exception told;

static void
hook(struct gyre_loop *loop, const struct gyre_failure *failure, void *arg)
{
	(void)arg;
	CHECK(loop == the_loop && gyre_loop_in_owner_thread(loop));
	snprintf(told_what, sizeof(told_what), "%s", failure->what);
	told = *gyre_exception();
	trace(told.message);
}

static int
set_up(void **state)
{
	struct gyre_loop_options options;

	stage_set_up(state);
	close_and_free(the_loop);
	options = stage_options();
	options.on_exception = hook;
	the_loop = new_loop(&options);
	the_future = gyre_future_new(the_loop);
	return the_future == NULL;
}

static int
tear_down(void **state)
{
	gyre_future_unref(the_future);
	return loop_tear_down(state);
}

static void
trace_future(struct gyre_future *future, void *word)
{
	CHECK(gyre_future_done(future));
	CHECK(gyre_loop_in_owner_thread(the_loop));
	trace(word);
}

static void
then_of(struct gyre_future *future, gyre_future_fn fn, const char *word)
{
	CHECK(gyre_loop_add_future(the_loop, future, fn,
				   (void *)(uintptr_t)word) == 0);
}

static void
then(gyre_future_fn fn, const char *word)
{
	then_of(the_future, fn, word);
}

static char value[] = "value";

static void
resolve(void *arg)
{
	(void)arg;
	CHECK(gyre_future_resolve(the_future, value) == 0);
}

static struct gyre_future *
new_future(void)
{
	struct gyre_future *future = gyre_future_new(the_loop);

	CHECK(future != NULL);
	return future;
}

/* -- when ----------------------------------------------------------------- */

static void
trace_the_future(struct gyre_future *future, void *word)
{
	CHECK(future == the_future);
	trace_future(future, word);
}

static void
add_and_say(void *word)
{
	then(trace_the_future, word);
	trace("added");
}

/* L131 holds: the callback gets the future, on the loop's thread, and never
 * inside the call, also when the future is done already. */
static void
L131_never_inline(void **state)
{
	(void)state;
	then(trace_the_future, "early");
	resolve(NULL);
	/* Done, and the completion has not come home. */
	then(trace_the_future, "between");
	assert_trace("");
	run_once();
	assert_trace("early between");
	/* It has. */
	add_callback(add_and_say, "late");
	run_once();
	assert_trace("added");
	run_once();
	assert_trace("late");
}

static void
resolve_between(void *arg)
{
	add_callback(trace_arg, "before");
	resolve(arg);
	add_callback(stop_callback, "after");
	trace("resolved");
}

/* L132 holds: the callbacks of one future run in the order they were added,
 * exactly one hop after it was completed, between what was added to the loop
 * before and after; those of one that is done, one hop after they were added.
 * Nothing overtakes. */
static void
L132_one_hop_in_order(void **state)
{
	(void)state;
	then(trace_future, "1");
	then(trace_future, "2");
	add_callback(resolve_between, NULL);
	add_callback(trace_arg, "rest of the batch");
	then(trace_future, "3");
	run();
	assert_trace("resolved rest of the batch before 1 2 3 after");
}

static struct gyre_future *done_before;

static void
complete_one_and_await_both(void *arg)
{
	resolve(arg);
	then_of(done_before, trace_future, "done before");
	then(trace_future, "done now");
	add_callback(stop_callback, "after");
	trace("resolved");
}

static void
L132_done_before_and_done_now_keep_their_order(void **state)
{
	(void)state;
	done_before = new_future();
	assert_int_equal(gyre_future_resolve(done_before, NULL), 0);
	run_once();
	add_callback(complete_one_and_await_both, NULL);
	run();
	/* The completion was sent home first, and then the late callback. */
	assert_trace("resolved done now done before after");
	gyre_future_unref(done_before);
}

static void
add_another(struct gyre_future *future, void *word)
{
	trace_future(future, word);
	then_of(future, trace_future, "added inside");
}

static void
L132_one_added_by_a_callback_waits_for_another_hop(void **state)
{
	(void)state;
	then(add_another, "1");
	then(trace_future, "2");
	resolve(NULL);
	run_once();
	assert_trace("1 2");
	run_once();
	assert_trace("added inside");
}

static void
resolve_elsewhere(void)
{
	stage.on_wait = NULL;
	elsewhere(resolve, NULL);
}

static void
stop_then(struct gyre_future *future, void *word)
{
	trace_future(future, word);
	gyre_loop_stop(the_loop);
}

/* L133 holds: a completion from another thread is posted home, and wakes the
 * loop if that sleeps. */
static void
L133_completion_from_elsewhere_wakes_the_loop(void **state)
{
	(void)state;
	stage.on_wait = resolve_elsewhere;
	then(stop_then, "done");
	run();
	assert_trace("done");
	assert_int_equal(stage.sleeps, 1);
	assert_int_equal(fake_counts().writes, 1);
}

static void
add_to_nothing(void *arg)
{
	(void)arg;
	(void)!gyre_loop_add_future(the_loop, NULL, trace_future, NULL);
}

/* L134 holds: a NULL future aborts at once and says so; anything else that is
 * not a future does not compile. */
static void
L134_no_future_aborts(void **state)
{
	(void)state;
	assert_true(aborts_saying(add_to_nothing, NULL, "future != NULL"));
}

/* -- the loop closes first ------------------------------------------------ */

static void
then_or_drop(struct gyre_future *future, const char *word)
{
	assert_int_equal(
		gyre_loop_add_future_drop(the_loop, future, trace_future,
					  (void *)(uintptr_t)word, trace_drop),
		0);
}

/* L135 holds: a callback whose loop closes first never runs, whether its
 * future is pending, completed or was done before; one that was added with a
 * drop is dropped, once, in its turn, by the close. */
static void
L135_closed_before_completion(void **state)
{
	struct gyre_future *pending = new_future();

	(void)state;
	then_or_drop(pending, "pending");
	then_or_drop(the_future, "completed");
	then(trace_future, "never");
	resolve(NULL);
	gyre_future_unref(pending);
	assert_int_equal(gyre_loop_close(the_loop, false), 0);
	assert_trace("pending stopped completed stopped");
}

static void
L135_closed_before_a_late_callback(void **state)
{
	(void)state;
	resolve(NULL);
	run_once();
	then_or_drop(the_future, "late");
	assert_int_equal(gyre_loop_close(the_loop, false), 0);
	assert_trace("late stopped");
	assert_int_equal(gyre_loop_add_future_drop(the_loop, the_future,
						   trace_future, NULL,
						   trace_drop),
			 -ESHUTDOWN);
}

static void
L135_completed_after_the_loop_is_gone(void **state)
{
	(void)state;
	then_or_drop(the_future, "pending");
	close_and_free(the_loop);
	the_loop = NULL;
	assert_trace("pending stopped");
	elsewhere(resolve, NULL);
	assert_int_equal(gyre_future_result(the_future, NULL), 0);
}

/* -- from any thread, once ------------------------------------------------ */

static int foreign_results[3];

static void
complete_in_three_ways(void *arg)
{
	(void)arg;
	foreign_results[0] = gyre_future_resolve(the_future, value);
	foreign_results[1] = gyre_future_reject(the_future, -EIO, "no");
	foreign_results[2] = gyre_future_cancel(the_future);
}

static void
complete_elsewhere(void)
{
	stage.on_wait = NULL;
	elsewhere(complete_in_three_ways, NULL);
}

/* L136 deviates: a future may be completed on any thread; its callbacks run on
 * its home loop all the same, and nobody who waits hangs. Why: a completion
 * that is undefined on all threads but one is a silent hang, the worst way to
 * fail. */
static void
L136_completed_on_a_foreign_thread(void **state)
{
	void *got = NULL;

	(void)state;
	stage.on_wait = complete_elsewhere;
	then(stop_then, "done");
	run();
	assert_trace("done");
	assert_int_equal(foreign_results[0], 0);
	assert_int_equal(foreign_results[1], -EALREADY);
	assert_int_equal(foreign_results[2], -EALREADY);
	assert_int_equal(gyre_future_result(the_future, &got), 0);
	assert_ptr_equal(got, value);
}

static void
raise_then(struct gyre_future *future, void *word)
{
	trace_future(future, word);
	gyre_raise(-EIO, "raised");
}

static void
resolve_and_say(void *arg)
{
	resolve(arg);
	trace("resolved");
}

/* L137 holds: callbacks are scheduled, never run by the completion itself; one
 * that raises is reported, and the rest run. */
static void
L137_scheduled_and_one_may_fail(void **state)
{
	(void)state;
	then(raise_then, "1");
	then(trace_future, "2");
	add_callback(resolve_and_say, NULL);
	run_once();
	assert_trace("resolved");
	run_once();
	assert_trace("1 raised 2");
	assert_string_equal(told_what, "future callback");
	/* A late one is no different. */
	then(raise_then, "3");
	run_once();
	assert_trace("3 raised");
	assert_string_equal(told_what, "future callback");
}

/* L138 holds: the first outcome counts, and who comes second is told: it gets
 * -EALREADY and keeps what it had. */
static void
L138_set_twice(void **state)
{
	char other[] = "other";
	void *got = NULL;

	(void)state;
	resolve(NULL);
	assert_int_equal(gyre_future_resolve(the_future, other), -EALREADY);
	assert_int_equal(gyre_future_reject(the_future, -EIO, "no"), -EALREADY);
	assert_int_equal(gyre_future_cancel(the_future), -EALREADY);
	assert_int_equal(gyre_future_result(the_future, &got), 0);
	assert_ptr_equal(got, value);
	assert_string_equal(gyre_future_message(the_future), "");
}

/* L139 holds: to read before it is done is an error, -EAGAIN, and never
 * blocks. */
static void
L139_read_early(void **state)
{
	void *got = value;

	(void)state;
	assert_false(gyre_future_done(the_future));
	assert_int_equal(gyre_future_result(the_future, &got), -EAGAIN);
	assert_ptr_equal(got, value);
}

/* -- an error that nobody has read ---------------------------------------- */

static void
reject_and_forget(void *arg)
{
	struct gyre_future *future = new_future();

	assert_int_equal(gyre_future_reject(future, -EIO, arg), 0);
	gyre_future_unref(future);
}

/* L140 holds: an error that nobody has read is given to the exception hook when
 * the future's last reference goes, on the home loop's thread. */
static void
L140_unread_error_is_reported(void **state)
{
	(void)state;
	add_callback(reject_and_forget, "disk on fire");
	run_once();
	/* The completion on its way home is the last who has it. */
	assert_trace("");
	run_once();
	assert_trace("disk on fire");
	assert_string_equal(told_what, "future");
	assert_int_equal(told.error, -EIO);
	assert_null(told.file);
}

static void
unref_the_future(void *arg)
{
	(void)arg;
	gyre_future_unref(the_future);
	the_future = NULL;
}

static void
L140_last_reference_elsewhere(void **state)
{
	(void)state;
	assert_int_equal(gyre_future_reject(the_future, -EIO, "unread"), 0);
	run_once();
	elsewhere(unref_the_future, NULL);
	assert_trace("");
	run_once();
	assert_trace("unread");
}

static void
L140_read_error_is_not_reported(void **state)
{
	(void)state;
	assert_int_equal(gyre_future_reject(the_future, -EIO, "read"), 0);
	run_once();
	assert_int_equal(gyre_future_result(the_future, NULL), -EIO);
	add_callback(unref_the_future, NULL);
	run_once();
	run_once();
	assert_trace("");
}

static char line[128];

static void
keep_line(enum gyre_log_level level, const char *text, void *arg)
{
	(void)arg;
	CHECK(level == GYRE_LOG_ERROR);
	snprintf(line, sizeof(line), "%s", text);
}

static void
L140_default_hook_says_so(void **state)
{
	struct gyre_loop_options options = stage_options();

	(void)state;
	gyre_future_unref(the_future);
	close_and_free(the_loop);
	options.log.fn = keep_line;
	the_loop = new_loop(&options);
	the_future = NULL;
	add_callback(reject_and_forget, "disk on fire");
	run_once();
	run_once();
	assert_non_null(strstr(line, "future "));
	assert_non_null(strstr(line, "EIO: disk on fire (unknown place"));
}

/* -- cancelled ------------------------------------------------------------ */

/* L141 holds: cancelling is accepted: the future is done with -ECANCELED for
 * everybody, what completes it later is refused with -EALREADY, and whoever
 * passes outcomes on passes this one on too. It is not reported unread. */
static void
L141_cancel(void **state)
{
	struct gyre_future *chained = new_future();

	(void)state;
	then(trace_future, "cancelled");
	assert_int_equal(gyre_future_chain(the_future, chained), 0);
	assert_int_equal(gyre_future_cancel(the_future), 0);
	assert_int_equal(gyre_future_resolve(the_future, value), -EALREADY);
	assert_int_equal(gyre_future_cancel(the_future), -EALREADY);
	run_once();
	assert_trace("cancelled");
	assert_int_equal(gyre_future_result(the_future, NULL), -ECANCELED);
	assert_int_equal(gyre_future_result(chained, NULL), -ECANCELED);
	gyre_future_unref(chained);
}

static void
cancel_and_forget(void *arg)
{
	struct gyre_future *future = new_future();

	(void)arg;
	assert_int_equal(gyre_future_cancel(future), 0);
	gyre_future_unref(future);
}

static void
L141_unread_cancellation_is_not_reported(void **state)
{
	(void)state;
	add_callback(cancel_and_forget, NULL);
	run_once();
	run_once();
	assert_trace("");
}

/* -- chained -------------------------------------------------------------- */

/* L142 holds: a value or an error is copied along a chain, unless the target is
 * done or cancelled; an error that is not taken stays unread. The target is
 * rejected if the source's loop closes first. */
static void
L142_chain_copies_the_outcome(void **state)
{
	struct gyre_future *error = new_future();
	struct gyre_future *targets[2] = { new_future(), new_future() };
	void *got = NULL;

	(void)state;
	assert_int_equal(gyre_future_chain(the_future, targets[0]), 0);
	assert_int_equal(gyre_future_chain(error, targets[1]), 0);
	resolve(NULL);
	assert_int_equal(gyre_future_reject(error, -EIO, "passed on"), 0);
	gyre_future_unref(error);
	run_once();
	assert_int_equal(gyre_future_result(targets[0], &got), 0);
	assert_ptr_equal(got, value);
	assert_int_equal(gyre_future_result(targets[1], NULL), -EIO);
	assert_string_equal(gyre_future_message(targets[1]), "passed on");
	gyre_future_unref(targets[0]);
	gyre_future_unref(targets[1]);
}

static void
L142_chain_leaves_a_done_target_alone(void **state)
{
	struct gyre_future *target = new_future();

	(void)state;
	assert_int_equal(gyre_future_chain(the_future, target), 0);
	assert_int_equal(gyre_future_cancel(target), 0);
	assert_int_equal(gyre_future_reject(the_future, -EIO, "unread"), 0);
	run_once();
	assert_int_equal(gyre_future_result(target, NULL), -ECANCELED);
	gyre_future_unref(target);
	add_callback(unref_the_future, NULL);
	run_once();
	assert_trace("unread");
}

static void
L142_chain_ends_with_its_loop(void **state)
{
	struct gyre_loop *other = stage_loop();
	struct gyre_future *target = gyre_future_new(other);

	(void)state;
	assert_int_equal(gyre_future_chain(the_future, target), 0);
	assert_int_equal(gyre_loop_close(the_loop, false), 0);
	assert_int_equal(gyre_future_result(target, NULL), -ESHUTDOWN);
	gyre_future_unref(target);
	close_and_free(other);
}

#define FUTURE_TEST(name) \
	cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		FUTURE_TEST(L131_never_inline),
		FUTURE_TEST(L132_one_hop_in_order),
		FUTURE_TEST(L132_done_before_and_done_now_keep_their_order),
		FUTURE_TEST(L132_one_added_by_a_callback_waits_for_another_hop),
		FUTURE_TEST(L133_completion_from_elsewhere_wakes_the_loop),
		FUTURE_TEST(L134_no_future_aborts),
		FUTURE_TEST(L135_closed_before_completion),
		FUTURE_TEST(L135_closed_before_a_late_callback),
		FUTURE_TEST(L135_completed_after_the_loop_is_gone),
		FUTURE_TEST(L136_completed_on_a_foreign_thread),
		FUTURE_TEST(L137_scheduled_and_one_may_fail),
		FUTURE_TEST(L138_set_twice),
		FUTURE_TEST(L139_read_early),
		FUTURE_TEST(L140_unread_error_is_reported),
		FUTURE_TEST(L140_last_reference_elsewhere),
		FUTURE_TEST(L140_read_error_is_not_reported),
		FUTURE_TEST(L140_default_hook_says_so),
		FUTURE_TEST(L141_cancel),
		FUTURE_TEST(L141_unread_cancellation_is_not_reported),
		FUTURE_TEST(L142_chain_copies_the_outcome),
		FUTURE_TEST(L142_chain_leaves_a_done_target_alone),
		FUTURE_TEST(L142_chain_ends_with_its_loop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
