/*
 * The pool under load: exactly once, whatever the moment it is freed.
 *
 * Submitters outside and jobs inside submit for a while; then the outer ones
 * stop, and the pool is freed while jobs still run, wait and submit more.
 */
#include <gyre/pool.h>

#include "tests/pool/harness.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#define SUBMITTERS 3

struct field {
	struct gyre_pool *pool;
	atomic_ulong accepted;
	atomic_ulong run;
	atomic_ulong dropped;
	atomic_ulong refused;
	unsigned jobs; /* a submitter */
	uint64_t seed;
	/* per submitter: the latest job that began, with one worker */
	atomic_ulong latest[SUBMITTERS];
	bool ordered;
};

struct job {
	struct gyre_task task;
	struct field *field;
	unsigned submitter;
	unsigned long number;
	unsigned children;
	uint64_t random;
	atomic_int done;
};

static void run_job(struct gyre_task *task);
static void drop_job(struct gyre_task *task, enum gyre_drop_reason reason);

static struct job *
new_job(struct field *field, unsigned submitter, unsigned long number,
	uint64_t random, unsigned children)
{
	struct job *job = calloc(1, sizeof(*job));

	CHECK(job != NULL);
	job->task.run = run_job;
	job->task.drop = drop_job;
	job->field = field;
	job->submitter = submitter;
	job->number = number;
	job->random = random;
	job->children = children;
	return job;
}

static bool
submit(struct job *job)
{
	struct field *field = job->field;
	int result;

	/* before the submit, which may run it to its end */
	atomic_fetch_add(&field->accepted, 1);
	result = gyre_executor_submit(gyre_pool_executor(field->pool),
				      &job->task);
	if (result == 0)
		return true;
	CHECK(result == -ESHUTDOWN);
	atomic_fetch_sub(&field->accepted, 1);
	atomic_fetch_add(&field->refused, 1);
	free(job);
	return false;
}

static void
run_job(struct gyre_task *task)
{
	struct job *job = (struct job *)task;
	struct field *field = job->field;

	CHECK(atomic_fetch_add(&job->done, 1) == 0);
	if (field->ordered && job->number > 0)
		CHECK(atomic_exchange(&field->latest[job->submitter],
				      job->number) == job->number - 1);
	if (harness_random(&job->random) % 64 == 0)
		sched_yield();
	for (unsigned i = 0; i < job->children; i++)
		submit(new_job(field, 0, 0, harness_random(&job->random),
			       job->children - (i > 0)));
	atomic_fetch_add(&field->run, 1);
	free(job);
}

static void
drop_job(struct gyre_task *task, enum gyre_drop_reason reason)
{
	struct job *job = (struct job *)task;

	CHECK(reason == GYRE_DROP_STOPPED);
	CHECK(atomic_fetch_add(&job->done, 1) == 0);
	atomic_fetch_add(&job->field->dropped, 1);
	free(job);
}

struct submitter {
	struct field *field;
	unsigned index;
	pthread_t thread;
};

static void *
submitter_main(void *arg)
{
	struct submitter *submitter = arg;
	struct field *field = submitter->field;
	uint64_t random = field->seed + submitter->index;

	for (unsigned i = 1; i <= field->jobs; i++) {
		CHECK(submit(new_job(field, submitter->index, i,
				     harness_random(&random), 0)));
		if (harness_random(&random) % 128 == 0)
			sched_yield();
	}
	return NULL;
}

static void
run_field(struct field *field, unsigned threads_max)
{
	const struct gyre_pool_options options = {
		.threads_max = threads_max,
		._sys = harness_sys(),
	};
	struct submitter submitters[SUBMITTERS];
	struct gyre_pool_stats stats;

	CHECK(gyre_pool_new(&options, &field->pool) == 0);
	for (unsigned i = 0; i < SUBMITTERS; i++) {
		submitters[i].field = field;
		submitters[i].index = i;
		CHECK(pthread_create(&submitters[i].thread, NULL,
				     submitter_main, &submitters[i]) == 0);
	}
	for (unsigned i = 0; i < 50; i++) {
		gyre_pool_get_stats(field->pool, &stats);
		CHECK(stats.submitted == stats.run + stats.dropped +
						 stats.waiting + stats.running);
		CHECK(stats.running <= stats.threads);
		CHECK(stats.threads <= threads_max);
		sched_yield();
	}
	for (unsigned i = 0; i < SUBMITTERS; i++)
		pthread_join(submitters[i].thread, NULL);
}

static void
end_field(struct field *field)
{
	gyre_pool_free(field->pool);
	assert_int_equal(field->accepted, field->run + field->dropped);
}

static void
every_job_is_run_or_dropped_once(void **state)
{
	const unsigned threads[] = { 1, 2, 3, 8 };
	struct harness_live before;
	uint64_t seed = *(uint64_t *)*state;

	harness_live(&before);
	for (unsigned i = 0; i < 4; i++) {
		struct field field = {
			.jobs = harness_scaled(200000),
			.seed = seed + i,
			.ordered = threads[i] == 1,
		};
		unsigned long all;
		int64_t begun = gyre__now_ns(harness_sys());

		run_field(&field, threads[i]);
		end_field(&field);
		all = field.run + field.dropped;
		assert_int_equal(all, SUBMITTERS * (unsigned long)field.jobs);
		printf("%u threads: %lu run, %lu dropped, %lld ns a job\n",
		       threads[i], (unsigned long)field.run,
		       (unsigned long)field.dropped,
		       (long long)(gyre__now_ns(harness_sys()) - begun) /
			       (long long)all);
	}
	assert_true(harness_live_is(&before));
}

/* Jobs that submit jobs without end, and a free at some moment of it. */
static void
a_free_at_any_moment_ends_it(void **state)
{
	uint64_t random = *(uint64_t *)*state;
	unsigned rounds = harness_scaled(400);
	struct harness_live before;

	harness_live(&before);
	for (unsigned i = 0; i < rounds; i++) {
		const struct gyre_pool_options options = {
			.threads_max = 1 + i % 4,
			._sys = harness_sys(),
		};
		struct timespec moment = {
			.tv_nsec = (long)(harness_random(&random) % 1000000),
		};
		struct field field = { 0 };

		assert_int_equal(gyre_pool_new(&options, &field.pool), 0);
		for (unsigned j = 0; j < 1 + i % 3; j++)
			submit(new_job(&field, 0, 0, harness_random(&random),
				       1 + (i % 16 == 0)));
		nanosleep(&moment, NULL);
		end_field(&field);
	}
	assert_true(harness_live_is(&before));
}

/*
 * One in flight, so that nothing repairs a lost wake-up: each job must be seen
 * to run before the next is submitted.
 */
static void
no_wake_up_is_lost(void **state)
{
	unsigned rounds = harness_scaled(200000);
	struct field field = { 0 };
	const struct gyre_pool_options options = {
		.threads_max = 2,
		._sys = harness_sys(),
	};

	(void)state;
	assert_int_equal(gyre_pool_new(&options, &field.pool), 0);
	for (unsigned i = 0; i < rounds; i++) {
		assert_true(submit(new_job(&field, 0, 0, i, 0)));
		while (field.run != i + 1)
			sched_yield();
	}
	end_field(&field);
}

int
main(void)
{
	uint64_t seed = harness_seed();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(every_job_is_run_or_dropped_once,
					  &seed),
		cmocka_unit_test_prestate(a_free_at_any_moment_ends_it, &seed),
		cmocka_unit_test_prestate(no_wake_up_is_lost, &seed),
	};

	alarm(240);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
