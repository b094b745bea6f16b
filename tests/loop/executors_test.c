/*
 * Functions that run on an executor for a loop, when something is missing: the
 * memory, the thread, whoever wants the outcome, and a turn to run at all.
 */
#include "tests/support/job_fixture.h"

/* -- what becomes of an argument ------------------------------------------ */

static void *
trace_and_return(void *word)
{
	trace(word);
	return word;
}

static struct gyre_future *
submit_droppable(const char *word)
{
	struct gyre_future *future = gyre_loop_run_in_executor_drop(
		the_loop, &held.executor, trace_and_return,
		(void *)(uintptr_t)word, trace_drop);

	assert_non_null(future);
	return future;
}

static void
the_argument_of_a_job_that_runs_is_not_dropped(void **state)
{
	struct gyre_future *future;

	(void)state;
	hold(0);
	future = submit_droppable("job");
	run_held(NULL);
	assert_trace("job");
	assert_int_equal(gyre_future_result(future, NULL), 0);
	gyre_future_unref(future);
}

static void
the_argument_of_a_job_that_was_cancelled_is_dropped_in_its_turn(void **state)
{
	struct gyre_future *future;

	(void)state;
	hold(0);
	future = submit_droppable("job");
	assert_int_equal(gyre_future_cancel(future), 0);
	assert_trace("");
	run_held(NULL);
	assert_trace("job canceled");
	gyre_future_unref(future);
}

static void
the_argument_of_a_job_that_is_dropped_is_dropped(void **state)
{
	struct gyre_future *future;

	(void)state;
	hold(0);
	future = submit_droppable("job");
	held.task->drop(held.task, GYRE_DROP_STOPPED);
	assert_trace("job stopped");
	assert_int_equal(gyre_future_result(future, NULL), -ESHUTDOWN);
	gyre_future_unref(future);
}

static void
the_argument_of_a_job_that_is_refused_is_dropped(void **state)
{
	struct gyre_future *future;

	(void)state;
	hold(-EAGAIN);
	future = submit_droppable("job");
	assert_trace("job stopped");
	assert_int_equal(gyre_future_result(future, NULL), -EAGAIN);
	gyre_future_unref(future);
}

static void
without_a_future_the_argument_is_the_caller_s(void **state)
{
	(void)state;
	hold(0);
	fake_fail_at(1);
	assert_null(gyre_loop_run_in_executor_drop(
		the_loop, &held.executor, trace_and_return, NULL, trace_drop));
	assert_int_equal(gyre_loop_close(the_loop, false), 0);
	assert_null(gyre_loop_run_in_executor_drop(
		the_loop, &held.executor, trace_and_return, NULL, trace_drop));
}

static void
raise_dropped(void *word, enum gyre_drop_reason reason)
{
	trace_drop(word, reason);
	gyre_raise(-EIO, NULL);
}

/* The executor's thread looks at what a job raised, and so here. */
static void
what_a_drop_raises_is_not_the_job_s_outcome(void **state)
{
	struct gyre_future *future;

	(void)state;
	hold(0);
	future = gyre_loop_run_in_executor_drop(
		the_loop, &held.executor, trace_and_return,
		(void *)(uintptr_t) "job", raise_dropped);
	assert_int_equal(gyre_future_cancel(future), 0);
	run_held(NULL);
	assert_trace("job canceled");
	assert_int_equal(gyre_exception()->error, -EIO);
	assert_int_equal(gyre_future_result(future, NULL), -ECANCELED);
	gyre_future_unref(future);
	run_once(); /* a run begins with nothing raised */
	assert_null(gyre_exception());
}

/* -- who wants the outcome ------------------------------------------------ */

static void
nobody_need_wait_for_a_job(void **state)
{
	struct gyre_future *future;

	(void)state;
	hold(0);
	future = gyre_loop_run_in_executor(the_loop, &held.executor, return_arg,
					   NULL);
	gyre_future_unref(future);
	elsewhere(run_held, NULL);
	run_once();
}

static char told[GYRE_EXCEPTION_MESSAGE_MAX];
static const char *told_file;

static void
hook(struct gyre_loop *loop, const struct gyre_failure *failure, void *arg)
{
	(void)arg;
	assert_true(gyre_loop_in_owner_thread(loop));
	trace(failure->what);
	snprintf(told, sizeof(told), "%s", gyre_exception()->message);
	told_file = gyre_exception()->file;
}

static void *
raise_error(void *arg)
{
	gyre_raise(-EIO, "cannot read %s", (const char *)arg);
	return arg;
}

static void
a_job_that_fails_for_nobody_is_reported(void **state)
{
	const struct gyre_loop_options options = {
		.make_current = GYRE_MAKE_CURRENT_NO,
		.on_exception = hook,
		._sys = &fake_sys,
	};

	(void)state;
	close_and_free(the_loop);
	the_loop = new_loop(&options);
	hold(0);
	gyre_future_unref(gyre_loop_run_in_executor(the_loop, &held.executor,
						    raise_error,
						    (void *)(uintptr_t) "it"));
	elsewhere(run_held, NULL);
	assert_trace("");
	run_once();
	assert_trace("future");
	assert_string_equal(told, "cannot read it");
	assert_string_equal(told_file, __FILE__);
}

/* -- what fails ----------------------------------------------------------- */

static int
no_thread(pthread_t *thread, const pthread_attr_t *attributes,
	  void *(*fn)(void *), void *arg)
{
	(void)thread;
	(void)attributes;
	(void)fn;
	(void)arg;
	return EAGAIN;
}

static void
without_a_thread_the_future_is_rejected(void **state)
{
	int (*create)(pthread_t *, const pthread_attr_t *, void *(*)(void *),
		      void *) = fake_sys.thread_create;

	(void)state;
	fake_sys.thread_create = no_thread;
	run_job(NULL, return_arg, NULL);
	assert_int_equal(job_outcome.error, -EAGAIN);
	/* The next one may find one. */
	fake_sys.thread_create = create;
	run_job(NULL, return_arg, NULL);
	assert_int_equal(job_outcome.error, 0);
}

static void
without_memory_there_is_no_future(void **state)
{
	unsigned failed = 0;

	(void)state;
	for (unsigned n = 1; n < 20; n++) {
		struct gyre_future *future;

		fake_fail_at(n);
		future = gyre_loop_run_in_executor(the_loop, NULL, return_arg,
						   NULL);
		gyre_future_unref(future);
		failed += future == NULL;
		if (!fake_fired())
			break;
	}
	fake_fail_at(0);
	assert_in_range(failed, 3, 18);
	run_job(NULL, return_arg, NULL);
	assert_int_equal(job_outcome.error, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		JOB_TEST(the_argument_of_a_job_that_runs_is_not_dropped),
		JOB_TEST(
			the_argument_of_a_job_that_was_cancelled_is_dropped_in_its_turn),
		JOB_TEST(the_argument_of_a_job_that_is_dropped_is_dropped),
		JOB_TEST(the_argument_of_a_job_that_is_refused_is_dropped),
		JOB_TEST(without_a_future_the_argument_is_the_caller_s),
		JOB_TEST(what_a_drop_raises_is_not_the_job_s_outcome),
		JOB_TEST(nobody_need_wait_for_a_job),
		JOB_TEST(a_job_that_fails_for_nobody_is_reported),
		JOB_TEST(without_a_thread_the_future_is_rejected),
		JOB_TEST(without_memory_there_is_no_future),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
