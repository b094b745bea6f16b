/*
 * Functions that run on an executor for a loop: their values and errors come
 * home, whatever becomes of the executor or the loop meanwhile.
 */
#include "tests/support/loop_fixture.h"

#include <semaphore.h>
#include <stdatomic.h>

static int outcome;
static char outcome_message[64];
static void *outcome_value;

static void
note_outcome(struct gyre_future *future, void *arg)
{
	(void)arg;
	assert_true(gyre_loop_in_owner_thread(the_loop));
	outcome_value = NULL;
	outcome = gyre_future_result(future, &outcome_value);
	snprintf(outcome_message, sizeof(outcome_message), "%s",
		 gyre_future_message(future));
	gyre_loop_stop(the_loop);
}

/* Run it, and the loop until it is done. */
static void
run_job(struct gyre_executor *executor, gyre_executor_fn fn, void *arg)
{
	struct gyre_future *future =
		gyre_loop_run_in_executor(the_loop, executor, fn, arg);

	assert_non_null(future);
	assert_int_equal(
		gyre_loop_add_future(the_loop, future, note_outcome, NULL), 0);
	gyre_future_unref(future);
	run();
}

static pthread_t loop_thread;

static void *
return_arg(void *arg)
{
	CHECK(!pthread_equal(pthread_self(), loop_thread));
	CHECK(!gyre_loop_in_owner_thread(the_loop));
	return arg;
}

static void *
raise_error(void *arg)
{
	gyre_raise(-EIO, "cannot read %s", (const char *)arg);
	return arg;
}

static atomic_uint threads_made;
static atomic_uint threads_joined;

static int
count_create(pthread_t *thread, const pthread_attr_t *attributes,
	     void *(*fn)(void *), void *arg)
{
	atomic_fetch_add(&threads_made, 1);
	return gyre__sys_default.thread_create(thread, attributes, fn, arg);
}

static int
count_join(pthread_t thread, void **ret_value)
{
	atomic_fetch_add(&threads_joined, 1);
	return gyre__sys_default.thread_join(thread, ret_value);
}

static int
set_up(void **state)
{
	real_set_up(state);
	fake_sys.thread_create = count_create;
	fake_sys.thread_join = count_join;
	atomic_store(&threads_made, 0);
	atomic_store(&threads_joined, 0);
	loop_thread = pthread_self();
	return 0;
}

static int
tear_down(void **state)
{
	loop_tear_down(state);
	assert_int_equal(threads_made, threads_joined);
	return 0;
}

/* -- on the loop's own pool ----------------------------------------------- */

static void
a_value_comes_home(void **state)
{
	char arg[] = "value";

	(void)state;
	run_job(NULL, return_arg, arg);
	assert_int_equal(outcome, 0);
	assert_ptr_equal(outcome_value, arg);
}

static void
what_it_raises_rejects_the_future(void **state)
{
	char arg[] = "it";

	(void)state;
	run_job(NULL, raise_error, arg);
	assert_int_equal(outcome, -EIO);
	assert_string_equal(outcome_message, "cannot read it");
	/* The thread starts its next job with a clean slate. */
	run_job(NULL, return_arg, arg);
	assert_int_equal(outcome, 0);
}

static sem_t here;
static sem_t there;

static void *
meet_first(void *arg)
{
	sem_post(&here);
	sem_wait(&there);
	return arg;
}

static void *
meet_second(void *arg)
{
	sem_wait(&here);
	sem_post(&there);
	return arg;
}

static void
two_jobs_that_wait_for_each_other_both_run(void **state)
{
	struct gyre_future *first;

	(void)state;
	sem_init(&here, 0, 0);
	sem_init(&there, 0, 0);
	first = gyre_loop_run_in_executor(the_loop, NULL, meet_first, NULL);
	assert_non_null(first);
	run_job(NULL, meet_second, NULL);
	gyre_future_unref(first);
}

static void
a_pool_of_its_own_is_made_when_it_is_needed(void **state)
{
	struct fake_counts before = fake_counts();

	(void)state;
	run_once();
	assert_int_equal(threads_made, 0);
	run_job(NULL, return_arg, NULL);
	assert_true(threads_made > 0);
	assert_true(fake_counts().allocations > before.allocations);
	/* None is made beside it. */
	gyre_loop_set_default_executor(the_loop, NULL);
	run_job(NULL, return_arg, NULL);
	assert_int_equal(gyre_loop_close(the_loop, false), 0);
	assert_int_equal(threads_made, threads_joined);
}

static void *
let_go(void *arg)
{
	sem_post(&there);
	return arg;
}

static void
close_waits_for_the_jobs_of_its_own_pool(void **state)
{
	struct gyre_future *future;
	pthread_t thread;

	(void)state;
	sem_init(&here, 0, 0);
	sem_init(&there, 0, 0);
	future = gyre_loop_run_in_executor(the_loop, NULL, meet_first, NULL);
	assert_non_null(future);
	sem_wait(&here); /* one that had not begun would be dropped */
	assert_int_equal(pthread_create(&thread, NULL, let_go, NULL), 0);
	assert_int_equal(gyre_loop_close(the_loop, false), 0);
	assert_int_equal(gyre_future_result(future, NULL), 0);
	gyre_future_unref(future);
	pthread_join(thread, NULL);
}

/* -- on an executor that does as it is told ------------------------------- */

struct held {
	struct gyre_executor executor;
	struct gyre_task *task;
	int answer;
};

static int
hold(struct gyre_executor *executor, struct gyre_task *task)
{
	struct held *held = (struct held *)executor;

	if (held->answer == 0)
		held->task = task;
	return held->answer;
}

static const struct gyre_executor_ops hold_ops = { .submit = hold };
static struct held held;

static struct gyre_future *
submit_held(void)
{
	struct gyre_future *future;

	held = (struct held){ .executor = { &hold_ops } };
	future = gyre_loop_run_in_executor(the_loop, &held.executor, return_arg,
					   NULL);
	assert_non_null(future);
	assert_non_null(held.task);
	return future;
}

static void
run_held(void *arg)
{
	(void)arg;
	held.task->run(held.task);
}

static void
a_refusal_rejects_the_future_with_its_code(void **state)
{
	(void)state;
	held = (struct held){ .executor = { &hold_ops }, .answer = -EAGAIN };
	run_job(&held.executor, return_arg, NULL);
	assert_int_equal(outcome, -EAGAIN);
	assert_string_equal(outcome_message, "the executor refused the job");
}

static void
a_job_that_is_dropped_rejects_the_future(void **state)
{
	struct gyre_future *future;

	(void)state;
	future = submit_held();
	held.task->drop(held.task, GYRE_DROP_STOPPED);
	assert_int_equal(gyre_future_result(future, NULL), -ESHUTDOWN);
	gyre_future_unref(future);
}

static void *
never(void *arg)
{
	(void)arg;
	fail();
	return NULL;
}

static void
a_job_cancelled_while_it_waits_does_not_run(void **state)
{
	struct gyre_future *future;

	(void)state;
	held = (struct held){ .executor = { &hold_ops } };
	future = gyre_loop_run_in_executor(the_loop, &held.executor, never,
					   NULL);
	assert_int_equal(gyre_future_cancel(future), 0);
	run_held(NULL);
	assert_int_equal(gyre_future_result(future, NULL), -ECANCELED);
	gyre_future_unref(future);
}

static void
a_job_may_outlive_its_loop(void **state)
{
	struct gyre_future *future;

	(void)state;
	future = submit_held();
	assert_int_equal(gyre_loop_close(the_loop, false), 0);
	elsewhere(run_held, NULL);
	assert_int_equal(gyre_future_result(future, NULL), 0);
	gyre_future_unref(future);
}

static void
nobody_need_wait_for_a_job(void **state)
{
	(void)state;
	gyre_future_unref(submit_held());
	elsewhere(run_held, NULL);
	run_once();
}

static void
the_default_can_be_set_and_is_left_alone_at_close(void **state)
{
	struct gyre_future *future;

	(void)state;
	held = (struct held){ .executor = { &hold_ops } };
	gyre_loop_set_default_executor(the_loop, &held.executor);
	future = gyre_loop_run_in_executor(the_loop, NULL, return_arg, NULL);
	assert_non_null(held.task);
	assert_int_equal(gyre_loop_close(the_loop, false), 0);
	assert_false(gyre_future_done(future));
	elsewhere(run_held, NULL);
	gyre_future_unref(future);
	assert_int_equal(threads_made, 0);
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
	(void)state;
	fake_sys.thread_create = no_thread;
	run_job(NULL, return_arg, NULL);
	assert_int_equal(outcome, -EAGAIN);
	/* The next one may find one. */
	fake_sys.thread_create = count_create;
	run_job(NULL, return_arg, NULL);
	assert_int_equal(outcome, 0);
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
	assert_int_equal(outcome, 0);
}

#define JOB_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		JOB_TEST(a_value_comes_home),
		JOB_TEST(what_it_raises_rejects_the_future),
		JOB_TEST(two_jobs_that_wait_for_each_other_both_run),
		JOB_TEST(a_pool_of_its_own_is_made_when_it_is_needed),
		JOB_TEST(close_waits_for_the_jobs_of_its_own_pool),
		JOB_TEST(a_refusal_rejects_the_future_with_its_code),
		JOB_TEST(a_job_that_is_dropped_rejects_the_future),
		JOB_TEST(a_job_cancelled_while_it_waits_does_not_run),
		JOB_TEST(a_job_may_outlive_its_loop),
		JOB_TEST(nobody_need_wait_for_a_job),
		JOB_TEST(the_default_can_be_set_and_is_left_alone_at_close),
		JOB_TEST(without_a_thread_the_future_is_rejected),
		JOB_TEST(without_memory_there_is_no_future),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
