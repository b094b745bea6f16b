/*
 * Executors: functions that may block run elsewhere for a loop, and what they
 * return or raise comes home.
 */
#include "tests/support/job_fixture.h"

#include <semaphore.h>

static void *
raise_error(void *arg)
{
	gyre_raise(-EIO, "cannot read %s", (const char *)arg);
	return arg;
}

static struct gyre_future *
submit_held(gyre_executor_fn fn)
{
	struct gyre_future *future;

	hold(0);
	future = gyre_loop_run_in_executor(the_loop, &held.executor, fn, NULL);
	assert_non_null(future);
	assert_non_null(held.task);
	return future;
}

/* L156 holds: the function runs on another thread, and its value resolves a
 * future of the loop. */
static void
L156_a_value_comes_home(void **state)
{
	char arg[] = "value";

	(void)state;
	run_job(NULL, return_arg, arg);
	assert_int_equal(job_outcome.error, 0);
	assert_ptr_equal(job_outcome.value, arg);
}

static void
L156_an_error_comes_home(void **state)
{
	char arg[] = "it";

	(void)state;
	run_job(NULL, raise_error, arg);
	assert_int_equal(job_outcome.error, -EIO);
	assert_string_equal(job_outcome.message, "cannot read it");
	/* The thread starts its next job with a clean slate. */
	run_job(NULL, return_arg, arg);
	assert_int_equal(job_outcome.error, 0);
}

static sem_t here;
static sem_t there;

static void
reset_meeting(void)
{
	sem_init(&here, 0, 0);
	sem_init(&there, 0, 0);
}

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

/* L157 holds: two jobs that wait for each other both run. */
static void
L157_two_jobs_meet(void **state)
{
	struct gyre_future *first;

	(void)state;
	reset_meeting();
	first = gyre_loop_run_in_executor(the_loop, NULL, meet_first, NULL);
	assert_non_null(first);
	run_job(NULL, meet_second, NULL);
	gyre_future_unref(first);
}

static int
three_cpus(pthread_t thread, size_t size, cpu_set_t *cpus)
{
	(void)thread;
	memset(cpus, 0, size);
	CPU_SET_S(0, size, cpus);
	CPU_SET_S(1, size, cpus);
	CPU_SET_S(2, size, cpus);
	return 0;
}

#define JOBS 10

static void *
wait_there(void *arg)
{
	sem_post(&here);
	sem_wait(&there);
	return arg;
}

static void *
come_and_go(void *arg)
{
	return arg;
}

/* L158 deviates: the default pool is made by the first job, and its threads one
 * by one as jobs find none idle; there are at most 4 more than the CPUs this
 * process may use, not 5 for each of them. Why: what blocks does not block more
 * on a larger machine; who needs more threads says so in a pool of his own. */
static void
L158_the_default_pool_is_made_when_it_is_needed(void **state)
{
	(void)state;
	run_once();
	assert_int_equal(threads_made, 0);
	run_job(NULL, return_arg, NULL);
	assert_true(threads_made > 0);
	/* None is made beside it. */
	gyre_loop_set_default_executor(the_loop, NULL);
	run_job(NULL, return_arg, NULL);
	assert_int_equal(gyre_loop_close(the_loop, false), 0);
	assert_int_equal(threads_made, threads_joined);
}

static void
L158_the_default_pool_grows_to_four_more_than_the_cpus(void **state)
{
	struct gyre_future *futures[JOBS];

	(void)state;
	reset_meeting();
	fake_sys.getaffinity = three_cpus;
	for (unsigned i = 0; i < JOBS; i++) {
		futures[i] = gyre_loop_run_in_executor(the_loop, NULL,
						       wait_there, NULL);
		assert_non_null(futures[i]);
	}
	for (unsigned i = 0; i < 4 + 3; i++)
		sem_wait(&here);
	assert_int_equal(threads_made, 4 + 3);
	/* They are all there are: no other job has begun, nor will. */
	assert_int_equal(sem_trywait(&here), -1);
	for (unsigned i = 0; i < JOBS; i++)
		sem_post(&there);
	run_job(NULL, come_and_go, NULL);
	assert_int_equal(threads_made, 4 + 3);
	for (unsigned i = 0; i < JOBS; i++)
		gyre_future_unref(futures[i]);
}

/* L159 holds: a call that names no executor uses the one that was set. */
static void
L159_the_default_executor_is_used(void **state)
{
	struct gyre_future *future;

	(void)state;
	hold(0);
	gyre_loop_set_default_executor(the_loop, &held.executor);
	future = gyre_loop_run_in_executor(the_loop, NULL, return_arg, NULL);
	assert_non_null(held.task);
	elsewhere(run_held, NULL);
	assert_int_equal(gyre_future_result(future, NULL), 0);
	gyre_future_unref(future);
	assert_int_equal(threads_made, 0);
}

/* -- the end -------------------------------------------------------------- */

static void *
let_go(void *arg)
{
	sem_post(&there);
	return arg;
}

/* L160 deviates: close waits for the running jobs of the pool that the loop has
 * made itself and drops those that wait; an executor that was set is left
 * alone. Why: others may use it, and whoever made it ends it. */
static void
L160_close_waits_for_its_own_pool(void **state)
{
	struct gyre_future *future;
	pthread_t thread;

	(void)state;
	reset_meeting();
	future = gyre_loop_run_in_executor(the_loop, NULL, meet_first, NULL);
	assert_non_null(future);
	sem_wait(&here); /* one that had not begun would be dropped */
	assert_int_equal(pthread_create(&thread, NULL, let_go, NULL), 0);
	assert_int_equal(gyre_loop_close(the_loop, false), 0);
	assert_int_equal(gyre_future_result(future, NULL), 0);
	gyre_future_unref(future);
	pthread_join(thread, NULL);
}

static void
L160_close_leaves_another_s_executor_alone(void **state)
{
	struct gyre_future *future;

	(void)state;
	hold(0);
	gyre_loop_set_default_executor(the_loop, &held.executor);
	future = gyre_loop_run_in_executor(the_loop, NULL, return_arg, NULL);
	assert_non_null(held.task);
	assert_int_equal(gyre_loop_close(the_loop, false), 0);
	assert_false(gyre_future_done(future));
	elsewhere(run_held, NULL);
	assert_int_equal(gyre_future_result(future, NULL), 0);
	gyre_future_unref(future);
}

static struct gyre_pool *pool;
static struct gyre_future *submitted_late;

/* On the thread that frees the pool, before it waits for the first job. */
static void
submit_and_let_go(void *arg, enum gyre_drop_reason reason)
{
	assert_int_equal(reason, GYRE_DROP_STOPPED);
	submitted_late = gyre_loop_run_in_executor(
		the_loop, gyre_pool_executor(pool), let_go, arg);
	sem_post(&there);
}

/* L161 holds: an executor that was shut down refuses at once, and the future is
 * rejected when the call returns; so is that of a job that was still waiting
 * then. */
static void
L161_a_submit_after_shutdown_fails_at_once(void **state)
{
	const struct gyre_pool_options options = { .threads_max = 1,
						   ._sys = &fake_sys };
	struct gyre_future *running;
	struct gyre_future *waiting;

	(void)state;
	reset_meeting();
	assert_int_equal(gyre_pool_new(&options, &pool), 0);
	running = gyre_loop_run_in_executor(the_loop, gyre_pool_executor(pool),
					    meet_first, NULL);
	sem_wait(&here);
	waiting = gyre_loop_run_in_executor_drop(
		the_loop, gyre_pool_executor(pool), let_go, NULL,
		submit_and_let_go);
	gyre_pool_free(pool);
	assert_int_equal(gyre_future_result(running, NULL), 0);
	assert_int_equal(gyre_future_result(waiting, NULL), -ESHUTDOWN);
	assert_int_equal(gyre_future_result(submitted_late, NULL), -ESHUTDOWN);
	assert_string_equal(gyre_future_message(submitted_late),
			    "the executor refused the job");
	gyre_future_unref(running);
	gyre_future_unref(waiting);
	gyre_future_unref(submitted_late);
}

static void
L161_a_refusal_rejects_the_future_with_its_code(void **state)
{
	(void)state;
	hold(-EAGAIN);
	run_job(&held.executor, return_arg, NULL);
	assert_int_equal(job_outcome.error, -EAGAIN);
	assert_string_equal(job_outcome.message,
			    "the executor refused the job");
}

/* L162 holds: a job may end after its loop: its outcome goes nowhere, unless
 * somebody still has the future. */
static void
L162_a_job_outlives_its_loop(void **state)
{
	struct gyre_future *future;

	(void)state;
	future = submit_held(come_and_go);
	close_and_free(the_loop);
	the_loop = NULL;
	elsewhere(run_held, NULL);
	assert_int_equal(gyre_future_result(future, NULL), 0);
	gyre_future_unref(future);
}

static void
L162_nobody_has_the_future(void **state)
{
	(void)state;
	gyre_future_unref(submit_held(raise_error));
	close_and_free(the_loop);
	the_loop = NULL;
	elsewhere(run_held, NULL);
}

/* -- cancelled ------------------------------------------------------------ */

static void *
never(void *arg)
{
	(void)arg;
	fail();
	return NULL;
}

/* L163 holds: cancelling discards what a running job will return, and tells it
 * but does not interrupt it; one that still waits does not run. */
static void
L163_a_running_job_goes_on(void **state)
{
	struct gyre_future *future;

	(void)state;
	reset_meeting();
	future = gyre_loop_run_in_executor(the_loop, NULL, meet_first, NULL);
	sem_wait(&here);
	assert_int_equal(gyre_future_cancel(future), 0);
	/* It is where it was, and can be let go. */
	sem_post(&there);
	assert_int_equal(gyre_loop_close(the_loop, false), 0);
	assert_int_equal(sem_trywait(&there), -1);
	assert_int_equal(gyre_future_result(future, NULL), -ECANCELED);
	gyre_future_unref(future);
}

static void *
wait_until_cancelled(void *arg)
{
	sem_post(&here);
	while (!gyre_job_cancelled())
		sched_yield();
	return arg;
}

static void
L163_a_running_job_is_told(void **state)
{
	struct gyre_future *future;

	(void)state;
	reset_meeting();
	future = gyre_loop_run_in_executor(the_loop, NULL, wait_until_cancelled,
					   NULL);
	sem_wait(&here);
	assert_int_equal(gyre_future_cancel(future), 0);
	assert_int_equal(gyre_loop_close(the_loop, false), 0);
	gyre_future_unref(future);
}

/* In a pool it is withdrawn inside the call that cancels. */
static void
L163_a_waiting_job_is_withdrawn_at_once(void **state)
{
	const struct gyre_pool_options options = { .threads_max = 1,
						   ._sys = &fake_sys };
	struct gyre_executor *executor;
	struct gyre_pool_stats stats;
	struct gyre_future *running;
	struct gyre_future *waiting;

	(void)state;
	reset_meeting();
	assert_int_equal(gyre_pool_new(&options, &pool), 0);
	executor = gyre_pool_executor(pool);
	running =
		gyre_loop_run_in_executor(the_loop, executor, meet_first, NULL);
	sem_wait(&here);
	waiting = gyre_loop_run_in_executor_drop(the_loop, executor, never,
						 (void *)(uintptr_t) "job",
						 trace_drop);
	assert_int_equal(gyre_future_cancel(waiting), 0);
	assert_trace("job canceled");
	gyre_pool_get_stats(pool, &stats);
	assert_int_equal(stats.cancelled, 1);
	assert_int_equal(stats.waiting, 0);
	sem_post(&there);
	gyre_pool_free(pool);
	gyre_future_unref(running);
	gyre_future_unref(waiting);
}

static void
L163_a_waiting_job_does_not_run(void **state)
{
	struct gyre_future *future;

	(void)state;
	future = submit_held(never);
	assert_int_equal(gyre_future_cancel(future), 0);
	run_held(NULL);
	assert_int_equal(gyre_future_result(future, NULL), -ECANCELED);
	gyre_future_unref(future);
}

static void
trace_done(struct gyre_future *future, void *word)
{
	assert_int_equal(gyre_future_result(future, NULL), 0);
	trace(word);
}

/* L164 deviates: from the end of a job to the user's callback it is one hop,
 * with what the loop was given before and after in its place. Why: a future can
 * be completed from any thread, so nothing has to be handed on twice. */
static void
L164_one_hop_from_the_job_to_the_callback(void **state)
{
	struct gyre_future *future;

	(void)state;
	future = submit_held(come_and_go);
	assert_int_equal(gyre_loop_add_future(the_loop, future, trace_done,
					      (void *)(uintptr_t) "done"),
			 0);
	add_callback(trace_arg, "before");
	elsewhere(run_held, NULL);
	add_callback(trace_arg, "after");
	run_once();
	assert_trace("before done after");
	gyre_future_unref(future);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		JOB_TEST(L156_a_value_comes_home),
		JOB_TEST(L156_an_error_comes_home),
		JOB_TEST(L157_two_jobs_meet),
		JOB_TEST(L158_the_default_pool_is_made_when_it_is_needed),
		JOB_TEST(
			L158_the_default_pool_grows_to_four_more_than_the_cpus),
		JOB_TEST(L159_the_default_executor_is_used),
		JOB_TEST(L160_close_waits_for_its_own_pool),
		JOB_TEST(L160_close_leaves_another_s_executor_alone),
		JOB_TEST(L161_a_submit_after_shutdown_fails_at_once),
		JOB_TEST(L161_a_refusal_rejects_the_future_with_its_code),
		JOB_TEST(L162_a_job_outlives_its_loop),
		JOB_TEST(L162_nobody_has_the_future),
		JOB_TEST(L163_a_running_job_goes_on),
		JOB_TEST(L163_a_running_job_is_told),
		JOB_TEST(L163_a_waiting_job_is_withdrawn_at_once),
		JOB_TEST(L163_a_waiting_job_does_not_run),
		JOB_TEST(L164_one_hop_from_the_job_to_the_callback),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
