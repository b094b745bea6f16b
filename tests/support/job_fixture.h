/*
 * What tests of executors share, beside the loop's fixture: jobs whose outcome
 * is kept, and an executor that does as it is told.
 */
#ifndef GYRE_TESTS_SUPPORT_JOB_FIXTURE_H
#define GYRE_TESTS_SUPPORT_JOB_FIXTURE_H

#include "tests/support/loop_fixture.h"

#include <stdatomic.h>

/* What became of the last job that was run. */
struct job_outcome {
	int error;
	void *value;
	char message[64];
};

extern struct job_outcome job_outcome;

/* Run it for the_loop, and that until it is done. */
void run_job(struct gyre_executor *executor, gyre_executor_fn fn, void *arg);

/* Returns its argument; not on the loop's thread. */
void *return_arg(void *arg);

/* The threads that fake_sys has made and joined. */
extern atomic_uint threads_made;
extern atomic_uint threads_joined;

/* An executor that keeps the one task it is given, or refuses it. */
struct held {
	struct gyre_executor executor;
	struct gyre_task *task;
	int answer;
};

extern struct held held;

/* Begin anew, with what it will answer. */
void hold(int answer);

/* Run the task that is held; a callback, to be run elsewhere. */
void run_held(void *arg);

/* A real loop whose threads are counted; all of them must have been joined. */
int job_set_up(void **state);
int job_tear_down(void **state);
#define JOB_TEST(name) \
	cmocka_unit_test_setup_teardown(name, job_set_up, job_tear_down)

#endif
