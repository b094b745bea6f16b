/* The pool's contract, a rule a test. */
#include <gyre/pool.h>

#include "base/exception.h"
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

/* -- a job that waits for others ----------------------------------------- */

/* Opens when so many have come. */
struct meeting {
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	unsigned wanted;
	unsigned come;
};

static void
meeting_init(struct meeting *meeting, unsigned wanted)
{
	pthread_mutex_init(&meeting->mutex, NULL);
	pthread_cond_init(&meeting->changed, NULL);
	meeting->wanted = wanted;
	meeting->come = 0;
}

static void
meet(struct meeting *meeting)
{
	pthread_mutex_lock(&meeting->mutex);
	meeting->come++;
	pthread_cond_broadcast(&meeting->changed);
	while (meeting->come < meeting->wanted)
		pthread_cond_wait(&meeting->changed, &meeting->mutex);
	pthread_mutex_unlock(&meeting->mutex);
}

struct job {
	struct gyre_task task;
	struct meeting *meeting;
	struct gyre_pool *pool; /* to submit `next` to */
	struct job *next;
	int next_result;
	int error; /* to raise */
	enum gyre_drop_reason reason;
	unsigned turn;
	atomic_uint *turns;
	atomic_int runs;
	atomic_int drops;
	/* seen on the pool's thread */
	pthread_t thread;
	char thread_name[16];
	sigset_t mask;
	cpu_set_t cpus;
};

static void
run_job(struct gyre_task *task)
{
	struct job *job = (struct job *)task;

	job->thread = pthread_self();
	pthread_getname_np(pthread_self(), job->thread_name,
			   sizeof(job->thread_name));
	pthread_sigmask(SIG_BLOCK, NULL, &job->mask);
	pthread_getaffinity_np(pthread_self(), sizeof(job->cpus), &job->cpus);
	if (job->turns != NULL)
		job->turn = atomic_fetch_add(job->turns, 1);
	if (job->next != NULL)
		job->next_result = gyre_executor_submit(
			gyre_pool_executor(job->pool), &job->next->task);
	if (job->error != 0)
		gyre_raise(job->error, "disk %d is full", 7);
	atomic_fetch_add(&job->runs, 1);
	if (job->meeting != NULL)
		meet(job->meeting);
}

static void
drop_job(struct gyre_task *task, enum gyre_drop_reason reason)
{
	struct job *job = (struct job *)task;

	job->reason = reason;
	atomic_fetch_add(&job->drops, 1);
}

static void
job_init(struct job *job)
{
	memset(job, 0, sizeof(*job));
	job->task.run = run_job;
	job->task.drop = drop_job;
}

/* -- helpers ------------------------------------------------------------- */

struct lines {
	pthread_mutex_t mutex;
	unsigned count;
	char last[256];
};

static void
keep_line(enum gyre_log_level level, const char *line, void *arg)
{
	struct lines *lines = arg;

	(void)level;
	pthread_mutex_lock(&lines->mutex);
	lines->count++;
	snprintf(lines->last, sizeof(lines->last), "%s", line);
	pthread_mutex_unlock(&lines->mutex);
}

static struct lines the_lines = { .mutex = PTHREAD_MUTEX_INITIALIZER };
static struct harness_live before;

static struct gyre_pool *
new_pool(unsigned threads_max)
{
	const struct gyre_pool_options options = {
		.threads_max = threads_max,
		.log = { .fn = keep_line, .arg = &the_lines },
		._sys = harness_sys(),
	};
	struct gyre_pool *pool = NULL;

	assert_int_equal(gyre_pool_new(&options, &pool), 0);
	return pool;
}

static int
submit(struct gyre_pool *pool, struct job *job)
{
	return gyre_executor_submit(gyre_pool_executor(pool), &job->task);
}

/* Wait until the pool has nothing to do; its counters hold all the way. */
static void
wait_until_idle(struct gyre_pool *pool, struct gyre_pool_stats *ret_stats)
{
	const struct timespec moment = { .tv_nsec = 200000 };

	for (;;) {
		gyre_pool_get_stats(pool, ret_stats);
		assert_int_equal(ret_stats->submitted,
				 ret_stats->run + ret_stats->dropped +
					 ret_stats->waiting +
					 ret_stats->running);
		if (ret_stats->running + ret_stats->waiting == 0 &&
		    ret_stats->idle == ret_stats->threads)
			return;
		nanosleep(&moment, NULL);
	}
}

static int
setup(void **state)
{
	(void)state;
	harness_fail(0, 0);
	harness_pretend_fork(false);
	the_lines.count = 0;
	the_lines.last[0] = '\0';
	harness_live(&before);
	return 0;
}

static int
nothing_is_left(void **state)
{
	(void)state;
	harness_fail(0, 0);
	return harness_live_is(&before) ? 0 : -1;
}

/* -- life ---------------------------------------------------------------- */

static void
no_thread_before_the_first_job(void **state)
{
	struct gyre_pool *pool = new_pool(4);
	struct gyre_pool_stats stats;
	struct harness_live now;
	struct job job;

	(void)state;
	harness_live(&now);
	assert_int_equal(now.threads, before.threads);
	gyre_pool_get_stats(pool, &stats);
	assert_int_equal(stats.threads, 0);
	job_init(&job);
	assert_int_equal(submit(pool, &job), 0);
	wait_until_idle(pool, &stats);
	assert_int_equal(stats.threads, 1);
	gyre_pool_free(pool);
	assert_int_equal(job.runs, 1);
}

static void
free_of_null_and_of_an_unused_pool(void **state)
{
	(void)state;
	gyre_pool_free(NULL);
	gyre_pool_free(new_pool(1));
}

static void
defaults_suffice(void **state)
{
	struct gyre_pool *pool = NULL;
	struct job job;

	(void)state;
	assert_int_equal(gyre_pool_new(NULL, &pool), 0);
	job_init(&job);
	assert_int_equal(submit(pool, &job), 0);
	while (job.runs == 0)
		sched_yield();
	gyre_pool_free(pool);
}

static void
too_many_threads_are_refused_with_a_line(void **state)
{
	const struct gyre_pool_options options = {
		.threads_max = GYRE_POOL_THREADS_MAX + 1,
		.log = { .fn = keep_line, .arg = &the_lines },
		._sys = harness_sys(),
	};
	struct gyre_pool *pool = (struct gyre_pool *)&options;

	(void)state;
	assert_int_equal(gyre_pool_new(&options, &pool), -EINVAL);
	assert_ptr_equal(pool, &options);
	assert_string_equal(the_lines.last,
			    "pool: threads_max of lane blocking is 1025, "
			    "the limit is 1024");
}

static void
too_long_a_queue_is_refused_with_a_line(void **state)
{
	const struct gyre_pool_options options = {
		.queue_limit = GYRE_POOL_QUEUE_LIMIT + 1,
		.log = { .fn = keep_line, .arg = &the_lines },
		._sys = harness_sys(),
	};
	struct gyre_pool *pool = NULL;

	(void)state;
	assert_int_equal(gyre_pool_new(&options, &pool), -EINVAL);
	assert_null(pool);
	assert_string_equal(the_lines.last,
			    "pool: queue_limit of lane blocking is 1048577, "
			    "the limit is 1048576");
}

/* -- running ------------------------------------------------------------- */

static void
a_worker_has_a_name_no_signals_and_its_makers_cpus(void **state)
{
	struct gyre_pool *pool;
	struct gyre_pool_stats stats;
	cpu_set_t all, one;
	struct job job;

	(void)state;
	pthread_getaffinity_np(pthread_self(), sizeof(all), &all);
	pool = new_pool(1);
	CPU_ZERO(&one);
	for (int cpu = 0; CPU_COUNT(&one) == 0; cpu++)
		if (CPU_ISSET(cpu, &all))
			CPU_SET(cpu, &one);
	/* a pinned thread submits, and so makes the worker */
	pthread_setaffinity_np(pthread_self(), sizeof(one), &one);
	job_init(&job);
	assert_int_equal(submit(pool, &job), 0);
	pthread_setaffinity_np(pthread_self(), sizeof(all), &all);
	wait_until_idle(pool, &stats);
	gyre_pool_free(pool);
	assert_string_equal(job.thread_name, "gyre-pool-0");
	assert_true(CPU_EQUAL(&job.cpus, &all));
	assert_int_equal(sigismember(&job.mask, SIGTERM), 1);
	assert_int_equal(sigismember(&job.mask, SIGSEGV), 0);
	pthread_sigmask(SIG_BLOCK, NULL, &job.mask);
	assert_int_equal(sigismember(&job.mask, SIGTERM), 0);
}

static void
one_worker_keeps_the_order(void **state)
{
	struct gyre_pool *pool = new_pool(1);
	struct gyre_pool_stats stats;
	atomic_uint turns = 0;
	struct job jobs[100];

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		job_init(&jobs[i]);
		jobs[i].turns = &turns;
		assert_int_equal(submit(pool, &jobs[i]), 0);
	}
	wait_until_idle(pool, &stats);
	assert_int_equal(stats.threads, 1);
	assert_int_equal(stats.run, 100);
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(jobs[i].turn, i);
	gyre_pool_free(pool);
}

/* As many jobs as threads, each of which waits for all the others. */
struct round {
	struct meeting meeting;
	struct job jobs[8];
};

static void
let_meet(struct gyre_pool *pool, struct round *round, unsigned count)
{
	struct job *jobs = round->jobs;

	meeting_init(&round->meeting, count + 1);
	for (unsigned i = 0; i < count; i++) {
		job_init(&jobs[i]);
		jobs[i].meeting = &round->meeting;
		assert_int_equal(submit(pool, &jobs[i]), 0);
	}
	meet(&round->meeting);
	for (unsigned i = 0; i < count; i++)
		for (unsigned j = 0; j < i; j++)
			assert_false(
				pthread_equal(jobs[i].thread, jobs[j].thread));
}

static void
jobs_that_wait_for_each_other_meet(void **state)
{
	struct round *rounds = calloc(5, sizeof(*rounds));

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		struct gyre_pool *pool = new_pool(2 + i % 3);
		struct gyre_pool_stats stats;

		for (unsigned j = 0; j < 5; j++) {
			let_meet(pool, &rounds[j], 2 + i % 3);
			if (j % 2 == 0)
				wait_until_idle(pool, &stats);
		}
		wait_until_idle(pool, &stats);
		assert_int_equal(stats.threads, 2 + i % 3);
		gyre_pool_free(pool);
	}
	free(rounds);
}

static void
a_job_may_wait_for_one_that_it_submitted(void **state)
{
	struct gyre_pool *pool = new_pool(2);
	struct gyre_pool_stats stats;
	struct meeting meeting;
	struct job first, second;

	(void)state;
	meeting_init(&meeting, 2);
	job_init(&first);
	job_init(&second);
	first.meeting = second.meeting = &meeting;
	first.pool = pool;
	first.next = &second;
	assert_int_equal(submit(pool, &first), 0);
	wait_until_idle(pool, &stats);
	assert_int_equal(stats.run, 2);
	gyre_pool_free(pool);
}

static void
an_idle_thread_is_used_before_one_is_made(void **state)
{
	struct gyre_pool *pool = new_pool(8);
	struct gyre_pool_stats stats;

	(void)state;
	for (unsigned i = 0; i < 50; i++) {
		struct job job;

		job_init(&job);
		assert_int_equal(submit(pool, &job), 0);
		wait_until_idle(pool, &stats);
	}
	assert_int_equal(stats.threads, 1);
	gyre_pool_free(pool);
}

static void
what_a_job_raises_is_logged_and_forgotten(void **state)
{
	struct gyre_pool *pool = new_pool(1);
	struct gyre_pool_stats stats;
	struct job job, after;

	(void)state;
	job_init(&job);
	job_init(&after);
	job.error = -ENOSPC;
	assert_int_equal(submit(pool, &job), 0);
	assert_int_equal(submit(pool, &after), 0);
	wait_until_idle(pool, &stats);
	gyre_pool_free(pool);
	assert_int_equal(the_lines.count, 1);
	assert_non_null(strstr(the_lines.last,
			       "pool: a job raised ENOSPC: disk 7 is full"));
	assert_int_equal(after.runs, 1);
}

/* -- refusals ------------------------------------------------------------ */

static void
without_any_thread_a_submit_is_refused(void **state)
{
	struct gyre_pool *pool = new_pool(2);
	struct gyre_pool_stats stats;
	struct job job;

	(void)state;
	job_init(&job);
	job.task._next = &job.task;
	harness_fail(FAULT_THREAD, 1);
	assert_int_equal(submit(pool, &job), -EAGAIN);
	assert_ptr_equal(job.task._next, &job.task);
	gyre_pool_get_stats(pool, &stats);
	assert_int_equal(stats.submitted, 0);
	assert_int_equal(submit(pool, &job), 0);
	wait_until_idle(pool, &stats);
	gyre_pool_free(pool);
	assert_int_equal(job.runs, 1);
}

static void
with_one_thread_no_more_are_needed(void **state)
{
	struct gyre_pool *pool = new_pool(4);
	struct gyre_pool_stats stats;
	struct meeting meeting;
	struct job first, rest[3];
	struct round round;

	(void)state;
	meeting_init(&meeting, 2);
	job_init(&first);
	first.meeting = &meeting;
	assert_int_equal(submit(pool, &first), 0);
	harness_fail_all(FAULT_THREAD);
	for (unsigned i = 0; i < 3; i++) {
		job_init(&rest[i]);
		assert_int_equal(submit(pool, &rest[i]), 0);
	}
	meet(&meeting);
	wait_until_idle(pool, &stats);
	assert_int_equal(stats.run, 4);
	assert_int_equal(stats.threads, 1);
	assert_int_equal(the_lines.count, 1);
	assert_string_equal(the_lines.last, "pool: no more than 1 of 4 threads "
					    "could be started: EAGAIN");
	/* and when there is room again, they come */
	harness_fail(0, 0);
	let_meet(pool, &round, 4);
	gyre_pool_free(pool);
}

static void
every_failure_of_new_leaves_nothing(void **state)
{
	const struct gyre_pool_options options = { ._sys = harness_sys() };
	struct gyre_pool *pool = NULL;

	(void)state;
	for (unsigned n = 1;; n++) {
		int result;

		harness_fail(FAULT_ALLOCATE, n);
		result = gyre_pool_new(&options, &pool);
		if (!harness_has_failed()) {
			assert_int_equal(result, 0);
			assert_true(n > 2);
			break;
		}
		assert_int_equal(result, -ENOMEM);
		assert_null(pool);
	}
	gyre_pool_free(pool);
}

static void
a_fork_is_refused(void **state)
{
	struct gyre_pool *pool = new_pool(1);
	struct job job;

	(void)state;
	job_init(&job);
	harness_pretend_fork(true);
	assert_int_equal(submit(pool, &job), -EPERM);
	gyre_pool_free(pool);
	harness_pretend_fork(false);
	assert_int_equal(submit(pool, &job), 0);
	gyre_pool_free(pool);
	assert_int_equal(job.runs + job.drops, 1);
}

/* -- the end ------------------------------------------------------------- */

struct freeing {
	struct gyre_pool *pool;
	atomic_bool done;
};

static void *
free_pool(void *arg)
{
	struct freeing *freeing = arg;

	gyre_pool_free(freeing->pool);
	atomic_store(&freeing->done, true);
	return NULL;
}

static void
free_drops_what_waits_and_lets_end_what_runs(void **state)
{
	struct freeing freeing = { .pool = new_pool(1) };
	struct meeting meeting;
	struct job running, waiting[3];
	pthread_t thread;

	(void)state;
	meeting_init(&meeting, 2);
	job_init(&running);
	running.meeting = &meeting;
	assert_int_equal(submit(freeing.pool, &running), 0);
	while (running.runs == 0)
		sched_yield();
	for (unsigned i = 0; i < 3; i++) {
		job_init(&waiting[i]);
		assert_int_equal(submit(freeing.pool, &waiting[i]), 0);
	}
	pthread_create(&thread, NULL, free_pool, &freeing);
	while (waiting[2].drops == 0)
		sched_yield();
	assert_false(freeing.done);
	meet(&meeting);
	pthread_join(thread, NULL);
	assert_true(freeing.done);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(waiting[i].runs, 0);
		assert_int_equal(waiting[i].drops, 1);
		assert_int_equal(waiting[i].reason, GYRE_DROP_STOPPED);
	}
}

/* Submits when the free has begun, and counts what it sees then. */
struct late {
	struct gyre_task task;
	struct gyre_pool *pool;
	struct job *dropped;
	struct job *late;
	int result;
	struct gyre_pool_stats stats;
};

static void
run_late(struct gyre_task *task)
{
	struct late *late = (struct late *)task;

	while (late->dropped->drops == 0)
		sched_yield();
	late->result = submit(late->pool, late->late);
	gyre_pool_get_stats(late->pool, &late->stats);
}

static void
a_submit_during_free_is_refused(void **state)
{
	struct gyre_pool *pool = new_pool(1);
	struct job dropped, refused;
	struct late late = {
		.task = { .run = run_late, .drop = drop_job },
		.pool = pool,
		.dropped = &dropped,
		.late = &refused,
	};

	(void)state;
	job_init(&dropped);
	job_init(&refused);
	assert_int_equal(
		gyre_executor_submit(gyre_pool_executor(pool), &late.task), 0);
	for (;;) {
		gyre_pool_get_stats(pool, &late.stats);
		if (late.stats.running == 1)
			break;
		sched_yield();
	}
	assert_int_equal(submit(pool, &dropped), 0);
	gyre_pool_free(pool);
	assert_int_equal(late.result, -ESHUTDOWN);
	assert_int_equal(refused.runs + refused.drops, 0);
	assert_int_equal(late.stats.submitted, 2);
	assert_int_equal(late.stats.running, 1);
	assert_int_equal(late.stats.dropped, 1);
	assert_int_equal(late.stats.waiting, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, nothing_is_left)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(no_thread_before_the_first_job),
		TEST(free_of_null_and_of_an_unused_pool),
		TEST(defaults_suffice),
		TEST(too_many_threads_are_refused_with_a_line),
		TEST(too_long_a_queue_is_refused_with_a_line),
		TEST(a_worker_has_a_name_no_signals_and_its_makers_cpus),
		TEST(one_worker_keeps_the_order),
		TEST(jobs_that_wait_for_each_other_meet),
		TEST(a_job_may_wait_for_one_that_it_submitted),
		TEST(an_idle_thread_is_used_before_one_is_made),
		TEST(what_a_job_raises_is_logged_and_forgotten),
		TEST(without_any_thread_a_submit_is_refused),
		TEST(with_one_thread_no_more_are_needed),
		TEST(every_failure_of_new_leaves_nothing),
		TEST(a_fork_is_refused),
		TEST(free_drops_what_waits_and_lets_end_what_runs),
		TEST(a_submit_during_free_is_refused),
	};

	alarm(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
