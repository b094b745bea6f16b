/*
 * Callbacks: who may add them, when they run, and what becomes of those that
 * never do.
 */
#include "tests/support/loop_fixture.h"

#include "bus/cells.h"

/* -- running --------------------------------------------------------------- */

static void
add_and_say(void *word)
{
	add_callback(stop_callback, word);
	trace("added");
}

/* L43 holds: a callback runs in a later iteration, never inside the add, and
 * on the loop's thread. The add gives out no handle: there is no taking back.
 */
static void
L43_a_callback_never_runs_inside_the_add(void **state)
{
	(void)state;
	add_callback(add_and_say, "ran");
	run();
	assert_trace("added ran");
}

static pthread_t loop_thread;

static void
stop_on_loop_thread(void *arg)
{
	CHECK(pthread_equal(pthread_self(), loop_thread));
	CHECK(gyre_loop_in_owner_thread(the_loop));
	stop_callback(arg);
}

static void
add_stop_on_loop_thread(void *arg)
{
	CHECK(!pthread_equal(pthread_self(), loop_thread));
	CHECK(gyre_loop_add_callback(the_loop, stop_on_loop_thread, arg) == 0);
	trace("added");
}

static void
L43_it_runs_on_the_loop_s_thread(void **state)
{
	static char word[] = "ran";

	(void)state;
	loop_thread = pthread_self();
	elsewhere(add_stop_on_loop_thread, word);
	run();
	assert_trace("added ran");
}

static void
add_word(void *word)
{
	add_callback(trace_arg, word);
}

static void
add_word_elsewhere(void *word)
{
	elsewhere(add_word, word);
}

static void
stop_that(void *loop)
{
	gyre_loop_stop(loop);
}

static void
add_word_on_a_loop(void *word)
{
	struct gyre_loop *other = real_loop();

	CHECK(gyre_loop_add_callback(other, add_word, word) == 0);
	CHECK(gyre_loop_call_later(other, 0, stop_that, other, NULL) == 0);
	CHECK(gyre_loop_start(other) == 0);
	close_and_free(other);
}

static void
add_word_on_a_loop_elsewhere(void *word)
{
	elsewhere(add_word_on_a_loop, word);
}

/* L44 deviates: add_callback may be called on any thread at any time, but not
 * in a signal handler; and it is not the only such call, for whatever says
 * `Thread: any` is. Why: a loop has to be stopped, and its inbox kept, from
 * elsewhere too; what remains aborts on a wrong thread. */
static void
L44_any_thread_adds_at_any_time(void **state)
{
	static char before[] = "before";
	static char start[] = "start";
	static char between[] = "between";

	(void)state;
	add_word_elsewhere(before);
	add_word_on_a_loop_elsewhere(start);
	add_callback(add_word_elsewhere, "inside");
	add_callback(add_word_on_a_loop_elsewhere, "loop's");
	run_once();
	assert_trace("before start");
	add_word_elsewhere(between);
	run_once();
	assert_trace("inside loop's between");
}

static void
trace_number(void *number)
{
	char digit[] = { (char)('0' + *(int *)number), '\0' };

	trace(digit);
}

static void
drop_number(void *number, enum gyre_drop_reason reason)
{
	CHECK(reason == GYRE_DROP_STOPPED);
	trace("dropped");
	trace_number(number);
}

/* L53 deviates: one pointer that is given at the add is passed at the run,
 * instead of any number of arguments. Why: that is how C has it; what should
 * not be lost has a drop function, which is passed the same. */
static void
L53_the_argument_is_passed(void **state)
{
	int numbers[] = { 1, 2, 3 };

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(gyre_loop_add_callback(the_loop, trace_number,
							&numbers[i]),
				 0);
	run_once();
	assert_trace("1 2 3");
	for (int i = 0; i < 3; i++)
		assert_int_equal(
			gyre_loop_add_callback_drop(the_loop, trace_number,
						    &numbers[i], drop_number),
			0);
	assert_int_equal(gyre_loop_close(the_loop, false), 0);
	assert_trace("dropped 1 dropped 2 dropped 3");
}

/* L54 not applicable: a stack context that follows work around is a matter of
 * Python; a callback in C has its argument. */

/* L58 holds: spawn_callback adds a callback as add_callback does; there is no
 * context that it would leave behind. */
static void
L58_spawn_callback_adds_a_callback(void **state)
{
	static char one[] = "one";
	static char two[] = "two";

	(void)state;
	assert_int_equal(gyre_loop_spawn_callback(the_loop, trace_arg, one), 0);
	assert_int_equal(gyre_loop_spawn_callback(the_loop, add_and_say, two),
			 0);
	assert_trace("");
	run();
	assert_trace("one added two");
	assert_int_equal(gyre_loop_close(the_loop, false), 0);
	assert_int_equal(gyre_loop_spawn_callback(the_loop, trace_arg, one),
			 -ESHUTDOWN);
}

/* -- closing --------------------------------------------------------------- */

static int
add_with_drop(const char *word)
{
	return gyre_loop_add_callback_drop(the_loop, trace_arg,
					   (void *)(uintptr_t)word, trace_drop);
}

static void
fail_run(struct gyre_task *task)
{
	(void)task;
	CHECK(false);
}

static void
fail_drop(struct gyre_task *task, enum gyre_drop_reason reason)
{
	(void)reason;
	fail_run(task);
}

static void *
no_memory(size_t size, size_t align)
{
	(void)size;
	(void)align;
	return NULL;
}

static void
post_to_closed(void *arg)
{
	struct gyre_task task = { .run = fail_run, .drop = fail_drop };

	CHECK(add_with_drop("refused") == -ESHUTDOWN);
	CHECK(gyre_loop_add_callback(the_loop, trace_arg, arg) == -ESHUTDOWN);
	CHECK(gyre_inbox_post(gyre_loop_inbox(the_loop), &task) == -ESHUTDOWN);
}

/* L50 deviates: after close an add is refused with -ESHUTDOWN, and its argument
 * stays the caller's. Why: no collector frees what is silently ignored. */
static void
L50_a_closed_loop_refuses_and_the_sender_keeps(void **state)
{
	void *(*allocate)(size_t, size_t) = fake_sys.allocate;

	(void)state;
	assert_int_equal(gyre_loop_close(the_loop, false), 0);
	/* Being refused uses nothing up. */
	fake_sys.allocate = no_memory;
	for (int i = 0; i < GYRE__CELL_CHUNK_FIRST; i++) {
		post_to_closed(NULL);
		elsewhere(post_to_closed, NULL);
	}
	fake_sys.allocate = allocate;
	assert_trace("");
}

static struct gyre_loop *closed;

static void
add_to_closed(void *arg)
{
	struct gyre_loop *open = the_loop;

	the_loop = closed;
	post_to_closed(arg);
	the_loop = open;
}

static void
L50_another_loop_s_callback_is_refused_too(void **state)
{
	(void)state;
	closed = stage_loop();
	assert_int_equal(gyre_loop_close(closed, false), 0);
	add_callback(add_to_closed, NULL);
	run_once();
	assert_trace("");
	gyre_loop_free(closed);
}

#define WAITING 300

static unsigned dropped;

static struct late {
	struct gyre_task task;
	unsigned number;
} lates[WAITING];

static void
drop_late(void *item, enum gyre_drop_reason reason)
{
	CHECK(reason == GYRE_DROP_STOPPED);
	CHECK(((struct late *)item)->number == dropped);
	dropped++;
}

static void
drop_late_task(struct gyre_task *task, enum gyre_drop_reason reason)
{
	drop_late(task, reason);
}

static void
never_run(void *arg)
{
	(void)arg;
	CHECK(false);
}

/* Callbacks and tasks by turns, and some that nobody asks after. */
static void
post_lates(void *arg)
{
	(void)arg;
	dropped = 0;
	for (unsigned i = 0; i < WAITING; i++) {
		struct late *late = &lates[i];

		late->number = i;
		late->task.run = fail_run;
		late->task.drop = drop_late_task;
		if (i % 3 == 0)
			CHECK(gyre_inbox_post(gyre_loop_inbox(the_loop),
					      &late->task) == 0);
		else
			CHECK(gyre_loop_add_callback_drop(the_loop, never_run,
							  late,
							  drop_late) == 0);
		add_callback(never_run, NULL);
	}
}

static void
post_lates_and_stop(void *arg)
{
	post_lates(arg);
	gyre_loop_stop(the_loop);
}

/* L52 holds: what waits at close never runs; what has a drop function is
 * dropped, in the order in which it was added. */
static void
L52_what_waits_at_close_is_dropped_in_order_and_not_run(void **state)
{
	(void)state;
	for (int from = 0; from < 3; from++) {
		if (from == 0)
			post_lates(NULL);
		else if (from == 1)
			elsewhere(post_lates, NULL);
		else
			add_callback(post_lates_and_stop, NULL);
		if (from == 2)
			run();
		assert_int_equal(gyre_loop_close(the_loop, false), 0);
		assert_int_equal(dropped, WAITING);
		gyre_loop_free(the_loop);
		the_loop = stage_loop();
	}
}

/* -- adding in a drop function --------------------------------------------- */

static void
add_to_closing(void *word, enum gyre_drop_reason reason)
{
	trace_drop(word, reason);
	assert_int_equal(add_with_drop("refused"), -ESHUTDOWN);
	assert_int_equal(
		gyre_loop_call_later(the_loop, 0, trace_arg, NULL, NULL),
		-ESHUTDOWN);
	assert_int_equal(gyre_loop_add_handler(the_loop, 3, GYRE_READ,
					       trace_handler, NULL),
			 -ESHUTDOWN);
	assert_int_equal(gyre_loop_start(the_loop), -EBUSY);
	assert_int_equal(gyre_loop_close(the_loop, false), 0);
	gyre_loop_stop(the_loop);
}

/* L55 holds: no code of the user's runs inside an add, and a drop function may
 * add: a loop that runs accepts, one that closes refuses. */
static void
L55_drop_functions_at_close_may_use_the_loop_and_are_refused(void **state)
{
	char word[] = "dropped";

	(void)state;
	assert_int_equal(gyre_loop_add_callback_drop(the_loop, trace_arg, word,
						     add_to_closing),
			 0);
	assert_int_equal(add_with_drop("next"), 0);
	assert_int_equal(gyre_loop_close(the_loop, false), 0);
	assert_trace("dropped stopped next stopped");
}

static void
add_when_dropped(void *word, enum gyre_drop_reason reason)
{
	trace_drop(word, reason);
	add_callback(stop_callback, "added");
}

static void
close_closed(void *arg)
{
	(void)arg;
	CHECK(gyre_loop_close(closed, false) == 0);
}

static void
send_and_close_receiver(void *word)
{
	CHECK(gyre_loop_add_callback_drop(closed, never_run, word,
					  add_when_dropped) == 0);
	elsewhere(close_closed, NULL);
}

static void
L55_a_drop_function_on_a_running_loop_adds(void **state)
{
	(void)state;
	closed = stage_loop();
	add_callback(send_and_close_receiver, "sent");
	run();
	assert_trace("sent stopped added");
	gyre_loop_free(closed);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STAGE_TEST(L43_a_callback_never_runs_inside_the_add),
		STAGE_TEST(L43_it_runs_on_the_loop_s_thread),
		STAGE_TEST(L44_any_thread_adds_at_any_time),
		STAGE_TEST(L50_a_closed_loop_refuses_and_the_sender_keeps),
		STAGE_TEST(L50_another_loop_s_callback_is_refused_too),
		STAGE_TEST(
			L52_what_waits_at_close_is_dropped_in_order_and_not_run),
		STAGE_TEST(L53_the_argument_is_passed),
		STAGE_TEST(
			L55_drop_functions_at_close_may_use_the_loop_and_are_refused),
		STAGE_TEST(L55_a_drop_function_on_a_running_loop_adds),
		STAGE_TEST(L58_spawn_callback_adds_a_callback),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
