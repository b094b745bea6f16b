#include "tests/support/job_fixture.h"

struct job_outcome job_outcome;

static void
note_outcome(struct gyre_future *future, void *arg)
{
	(void)arg;
	CHECK(gyre_loop_in_owner_thread(the_loop));
	job_outcome.value = NULL;
	job_outcome.error = gyre_future_result(future, &job_outcome.value);
	snprintf(job_outcome.message, sizeof(job_outcome.message), "%s",
		 gyre_future_message(future));
	gyre_loop_stop(the_loop);
}

void
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

void *
return_arg(void *arg)
{
	CHECK(!pthread_equal(pthread_self(), loop_thread));
	CHECK(!gyre_loop_in_owner_thread(the_loop));
	return arg;
}

/* -- threads -------------------------------------------------------------- */

atomic_uint threads_made;
atomic_uint threads_joined;

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

int
job_set_up(void **state)
{
	real_set_up(state);
	fake_sys.thread_create = count_create;
	fake_sys.thread_join = count_join;
	atomic_store(&threads_made, 0);
	atomic_store(&threads_joined, 0);
	loop_thread = pthread_self();
	return 0;
}

int
job_tear_down(void **state)
{
	loop_tear_down(state);
	assert_int_equal(threads_made, threads_joined);
	return 0;
}

/* -- the executor --------------------------------------------------------- */

static int
hold_task(struct gyre_executor *executor, struct gyre_task *task)
{
	struct held *holder = (struct held *)executor;

	if (holder->answer == 0)
		holder->task = task;
	return holder->answer;
}

struct held held;

void
hold(int answer)
{
	static const struct gyre_executor_ops ops = { .submit = hold_task };

	held = (struct held){ .executor = { &ops }, .answer = answer };
}

void
run_held(void *arg)
{
	(void)arg;
	held.task->run(held.task);
}
