/* Jobs: one word decides what becomes of each. A rule a test. */
#include <gyre/pool.h>

#include "bus/inbox.h"
#include "tests/pool/harness.h"

#include <errno.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define JOBS 64

struct work {
	struct gyre_job job;
	sem_t *begun; /* posted; then waits for `let` */
	sem_t *let;
	bool was_cancelled; /* as the job saw it when it was let go */
	unsigned turn;
	atomic_uint ran, done, dropped;
	enum gyre_drop_reason reason;
};

static atomic_uint turns;
static struct harness_live before;
static char last_line[256];

static struct work *
work_of(struct gyre_job *job)
{
	return (struct work *)job;
}

static void
run_work(struct gyre_job *job)
{
	struct work *work = work_of(job);

	work->turn = atomic_fetch_add(&turns, 1);
	atomic_fetch_add(&work->ran, 1);
	if (work->begun == NULL)
		return;
	CHECK(!gyre_job_cancelled());
	sem_post(work->begun);
	while (sem_wait(work->let) != 0)
		;
	work->was_cancelled = gyre_job_cancelled();
}

static void
work_done(struct gyre_job *job)
{
	atomic_fetch_add(&work_of(job)->done, 1);
}

static void
drop_work(struct gyre_job *job, enum gyre_drop_reason reason)
{
	work_of(job)->reason = reason;
	atomic_fetch_add(&work_of(job)->dropped, 1);
}

static const struct gyre_job_options plain = {
	.run = run_work,
	.done = work_done,
	.drop = drop_work,
};

static void
work_init(struct work *work, const struct gyre_job_options *options)
{
	memset(work, 0, sizeof(*work));
	gyre_job_init(&work->job, options);
}

static void
keep_line(enum gyre_log_level level, const char *line, void *arg)
{
	(void)level;
	(void)arg;
	snprintf(last_line, sizeof(last_line), "%s", line);
}

/* -- a pool whose one thread is held ------------------------------------- */

static struct gyre_pool *pool;
static struct gyre_executor *executor;
static struct work holder;
static sem_t begun, let;

static void
make_pool(uint32_t queue_limit)
{
	const struct gyre_pool_options options = {
		.threads_max = 1,
		.queue_limit = queue_limit,
		.log = { .fn = keep_line },
		._sys = harness_sys(),
	};

	assert_int_equal(gyre_pool_new(&options, &pool), 0);
	executor = gyre_pool_executor(pool);
	sem_init(&begun, 0, 0);
	sem_init(&let, 0, 0);
	work_init(&holder, &plain);
	holder.begun = &begun;
	holder.let = &let;
	assert_int_equal(gyre_executor_submit_job(executor, &holder.job), 0);
	sem_wait(&begun);
}

static void
let_go_and_drain(void)
{
	sem_post(&let);
	assert_int_equal(gyre_executor_shut_down(executor, GYRE_SHUT_DOWN_DRAIN,
						 GYRE_FOREVER),
			 0);
}

static void
submit(struct work *work)
{
	assert_int_equal(gyre_executor_submit_job(executor, &work->job), 0);
}

static int
setup(void **state)
{
	(void)state;
	harness_fail(0, 0);
	atomic_store(&turns, 0);
	last_line[0] = '\0';
	harness_live(&before);
	return 0;
}

static int
nothing_is_left(void **state)
{
	(void)state;
	return harness_live_is(&before) ? 0 : -1;
}

/* -- submitting ---------------------------------------------------------- */

static void
a_submit_allocates_nothing(void **state)
{
	struct harness_live now, then;
	struct work work;

	(void)state;
	make_pool(0);
	work_init(&work, &plain);
	harness_live(&then);
	submit(&work);
	harness_live(&now);
	assert_int_equal(now.allocations, then.allocations);
	let_go_and_drain();
	assert_int_equal(work.done, 1);
	assert_int_equal(work.dropped, 0);
	gyre_pool_free(pool);
}

static void
a_job_may_be_submitted_again(void **state)
{
	struct work work;

	(void)state;
	make_pool(0);
	work_init(&work, &plain);
	submit(&work);
	assert_int_equal(gyre_job_cancel(&work.job), 0);
	submit(&work);
	let_go_and_drain();
	assert_int_equal(work.done, 1);
	assert_int_equal(work.dropped, 1);
	assert_int_equal(gyre_executor_submit_job(executor, &work.job),
			 -ESHUTDOWN);
	gyre_pool_free(pool);
}

/* -- cancelling ---------------------------------------------------------- */

static void
a_job_that_waits_is_withdrawn_at_once(void **state)
{
	struct gyre_pool_stats stats;
	struct work works[3];

	(void)state;
	make_pool(0);
	for (unsigned i = 0; i < 3; i++) {
		work_init(&works[i], &plain);
		submit(&works[i]);
	}
	assert_int_equal(gyre_job_cancel(&works[1].job), 0);
	assert_int_equal(works[1].dropped, 1);
	assert_int_equal(works[1].reason, GYRE_DROP_CANCELED);
	assert_int_equal(gyre_job_cancel(&works[1].job), -EALREADY);
	/* Its memory is the caller's again. */
	memset(&works[1], 0xa5, sizeof(works[1]));
	assert_int_equal(gyre_job_cancel(&works[2].job), 0);
	gyre_pool_get_stats(pool, &stats);
	assert_int_equal(stats.cancelled, 2);
	assert_int_equal(stats.waiting, 1);
	assert_int_equal(stats.running, 1);
	/* The line's end is where it was. */
	work_init(&works[1], &plain);
	submit(&works[1]);
	let_go_and_drain();
	assert_int_equal(works[0].done, 1);
	assert_int_equal(works[1].done, 1);
	assert_true(works[0].turn < works[1].turn);
	assert_int_equal(works[2].ran, 0);
	gyre_pool_free(pool);
}

static void
a_job_that_runs_is_told(void **state)
{
	(void)state;
	make_pool(0);
	assert_false(gyre_job_cancelled());
	assert_int_equal(gyre_job_cancel(&holder.job), -EBUSY);
	assert_int_equal(gyre_job_cancel(&holder.job), -EBUSY);
	let_go_and_drain();
	assert_true(holder.was_cancelled);
	assert_int_equal(holder.done, 1);
	assert_int_equal(holder.dropped, 0);
	assert_int_equal(gyre_job_cancel(&holder.job), -EALREADY);
	gyre_pool_free(pool);
}

static void
in_a_fork_the_pool_is_not_touched(void **state)
{
	struct work work;

	(void)state;
	make_pool(0);
	work_init(&work, &plain);
	submit(&work);
	harness_pretend_fork(true);
	assert_int_equal(gyre_job_cancel(&work.job), 0);
	assert_int_equal(gyre_executor_shut_down(
				 executor, GYRE_SHUT_DOWN_CANCEL, GYRE_FOREVER),
			 -EPERM);
	harness_pretend_fork(false);
	assert_int_equal(work.dropped, 0);
	let_go_and_drain();
	assert_int_equal(work.dropped, 1);
	gyre_pool_free(pool);
}

/* -- deadlines ----------------------------------------------------------- */

static void
past_its_deadline_a_job_never_runs(void **state)
{
	struct gyre_job_options options = plain;
	struct gyre_pool_stats stats;
	struct work late, in_time;

	(void)state;
	make_pool(0);
	options.deadline_ns = 1; /* long ago */
	work_init(&late, &options);
	submit(&late);
	options.deadline_ns = GYRE_FOREVER;
	work_init(&in_time, &options);
	submit(&in_time);
	let_go_and_drain();
	assert_int_equal(late.ran, 0);
	assert_int_equal(late.dropped, 1);
	assert_int_equal(late.reason, GYRE_DROP_EXPIRED);
	assert_int_equal(in_time.done, 1);
	gyre_pool_get_stats(pool, &stats);
	assert_int_equal(stats.expired, 1);
	assert_int_equal(stats.run, 2);
	gyre_pool_free(pool);
}

/* -- order --------------------------------------------------------------- */

static void
priorities_order_one_source_s_jobs(void **state)
{
	struct gyre_job_options options = plain;
	struct work low, normal, high[JOBS];

	(void)state;
	make_pool(0);
	options.priority = GYRE_JOB_LOW;
	work_init(&low, &options);
	submit(&low);
	work_init(&normal, &plain);
	submit(&normal);
	options.priority = GYRE_JOB_HIGH;
	for (unsigned i = 0; i < JOBS; i++) {
		work_init(&high[i], &options);
		submit(&high[i]);
	}
	let_go_and_drain();
	assert_int_equal(high[0].turn, 1);
	/* Nothing is passed over for ever. */
	assert_int_equal(low.turn, 16);
	assert_int_equal(normal.turn, 32);
	gyre_pool_free(pool);
}

static void
sources_take_turns(void **state)
{
	struct gyre__doorbell bell = { NULL };
	struct gyre_inbox *inboxes[3];
	struct work works[3][8];

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		inboxes[i] = gyre__inbox_new(harness_sys(), &bell);
	make_pool(0);
	for (unsigned i = 0; i < 3; i++)
		for (unsigned j = 0; j < 8; j++) {
			struct gyre_job_options options = plain;

			options.home = inboxes[i];
			options.done = NULL;
			work_init(&works[i][j], &options);
			submit(&works[i][j]);
		}
	let_go_and_drain();
	for (unsigned i = 0; i < 3; i++)
		for (unsigned j = 0; j < 8; j++)
			assert_in_range(works[i][j].turn, 1 + 3 * j, 3 + 3 * j);
	gyre_pool_free(pool);
	for (unsigned i = 0; i < 3; i++)
		gyre_inbox_unref(inboxes[i]);
}

/* -- room ---------------------------------------------------------------- */

struct told {
	struct gyre_room room;
	unsigned runs;
	unsigned drops;
};

static void
run_told(struct gyre_task *task)
{
	((struct told *)task)->runs++;
}

static void
drop_told(struct gyre_task *task, enum gyre_drop_reason reason)
{
	assert_int_equal(reason, GYRE_DROP_STOPPED);
	((struct told *)task)->drops++;
}

static struct told
new_told(void)
{
	return (struct told){ .room.task = { .run = run_told,
					     .drop = drop_told } };
}

static unsigned
run_inbox(struct gyre_inbox *inbox)
{
	struct gyre__chain chain = { 0 };
	struct gyre_task *task;
	unsigned count = 0;

	gyre__inbox_take(inbox, &chain);
	while ((task = gyre__chain_pop(&chain)) != NULL) {
		task->run(task);
		count++;
	}
	return count;
}

static void
a_full_queue_refuses_and_tells_when_there_is_room(void **state)
{
	struct gyre__doorbell bell = { NULL };
	struct gyre_inbox *inbox = gyre__inbox_new(harness_sys(), &bell);
	struct told told[3] = { new_told(), new_told(), new_told() };
	struct gyre_pool_stats stats;
	struct work works[3];

	(void)state;
	make_pool(2);
	for (unsigned i = 0; i < 3; i++)
		work_init(&works[i], &plain);
	submit(&works[0]);
	submit(&works[1]);
	assert_int_equal(gyre_executor_submit_job(executor, &works[2].job),
			 -EAGAIN);
	gyre_pool_get_stats(pool, &stats);
	assert_int_equal(stats.refused, 1);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(
			gyre_executor_notify(executor, inbox, &told[i].room),
			0);
	assert_int_equal(run_inbox(inbox), 0);
	assert_int_equal(gyre_job_cancel(&works[0].job), 0);
	assert_int_equal(run_inbox(inbox), 1);
	assert_int_equal(told[0].runs, 1);
	/* There is room: told at once. */
	assert_int_equal(gyre_executor_notify(executor, inbox, &told[2].room),
			 0);
	assert_int_equal(run_inbox(inbox), 1);
	submit(&works[2]);
	assert_int_equal(
		gyre_executor_shut_down(executor, GYRE_SHUT_DOWN_CANCEL, 1),
		-ETIMEDOUT);
	assert_int_equal(told[1].runs + told[1].drops, 1);
	assert_int_equal(told[1].drops, 1);
	let_go_and_drain();
	gyre_pool_free(pool);
	gyre_inbox_unref(inbox);
}

/* -- the way home -------------------------------------------------------- */

static void
done_is_called_at_home(void **state)
{
	struct gyre__doorbell bell = { NULL };
	struct gyre_inbox *inbox = gyre__inbox_new(harness_sys(), &bell);
	struct gyre_job_options options = plain;
	struct gyre__chain rest = { 0 };
	struct work homely, homeless;

	(void)state;
	make_pool(0);
	options.home = inbox;
	work_init(&homely, &options);
	work_init(&homeless, &options);
	submit(&homely);
	let_go_and_drain();
	assert_int_equal(homely.done, 0);
	assert_int_equal(run_inbox(inbox), 1);
	assert_int_equal(homely.done, 1);
	gyre_pool_free(pool);
	/* A job that outlives its loop is dropped. */
	make_pool(0);
	submit(&homeless);
	gyre__inbox_close(inbox, &rest);
	gyre_inbox_unref(inbox);
	let_go_and_drain();
	assert_int_equal(homeless.ran, 1);
	assert_int_equal(homeless.done, 0);
	assert_int_equal(homeless.dropped, 1);
	assert_int_equal(homeless.reason, GYRE_DROP_STOPPED);
	gyre_pool_free(pool);
}

static void
wait_until_idle(void)
{
	struct gyre_pool_stats stats;

	do {
		usleep(100);
		gyre_pool_get_stats(pool, &stats);
	} while (stats.idle == 0);
}

/* References are given back together: before a job that has another home, and
 * when there is no job. */
static void
a_home_is_held_no_longer_than_its_jobs_need_it(void **state)
{
	struct gyre__doorbell bell = { NULL };
	struct gyre_inbox *first = gyre__inbox_new(harness_sys(), &bell);
	struct gyre_inbox *second = gyre__inbox_new(harness_sys(), &bell);
	struct gyre_job_options options = plain;
	struct work works[3 * JOBS], other;

	(void)state;
	make_pool(0);
	options.home = first;
	for (size_t i = 0; i < 3 * JOBS; i++) {
		work_init(&works[i], &options);
		submit(&works[i]);
	}
	assert_int_equal(first->refs, 1 + 3 * JOBS);
	sem_post(&let);
	wait_until_idle();
	assert_int_equal(first->refs, 1);
	assert_int_equal(run_inbox(first), 3 * JOBS);
	/* The worker goes from one home's job to the other's. */
	works[0].begun = &begun;
	works[0].let = &let;
	submit(&works[0]);
	options.home = second;
	work_init(&other, &options);
	other.begun = &begun;
	other.let = &let;
	sem_wait(&begun);
	submit(&other);
	sem_post(&let);
	sem_wait(&begun);
	assert_int_equal(first->refs, 1);
	assert_int_equal(second->refs, 2);
	sem_post(&let);
	wait_until_idle();
	assert_int_equal(second->refs, 1);
	assert_int_equal(run_inbox(first), 1);
	assert_int_equal(run_inbox(second), 1);
	let_go_and_drain();
	gyre_pool_free(pool);
	gyre_inbox_unref(first);
	gyre_inbox_unref(second);
}

/* -- the end ------------------------------------------------------------- */

static void
drain_runs_what_waits(void **state)
{
	struct work works[JOBS];

	(void)state;
	make_pool(0);
	for (unsigned i = 0; i < JOBS; i++) {
		work_init(&works[i], &plain);
		submit(&works[i]);
	}
	let_go_and_drain();
	for (unsigned i = 0; i < JOBS; i++)
		assert_int_equal(works[i].done, 1);
	gyre_pool_free(pool);
}

static void
a_job_that_does_not_return_is_named(void **state)
{
	const enum gyre_shut_down hows[] = { GYRE_SHUT_DOWN_DRAIN,
					     GYRE_SHUT_DOWN_CANCEL };

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct work waiting;

		make_pool(0);
		work_init(&waiting, &plain);
		submit(&waiting);
		assert_int_equal(
			gyre_executor_shut_down(executor, hows[i],
						gyre__now_ns(harness_sys()) +
							GYRE_MS(20)),
			-ETIMEDOUT);
		assert_int_equal(waiting.ran, 0);
		assert_int_equal(waiting.dropped, 1);
		assert_int_equal(waiting.reason, GYRE_DROP_STOPPED);
		assert_non_null(
			strstr(last_line, "has not returned on gyre-pool-0"));
		/* By its symbol, or where that is found. */
		assert_true(strstr(last_line, "run_work") != NULL ||
			    strstr(last_line, "job_test+0x") != NULL);
		sem_post(&let);
		gyre_pool_free(pool);
		assert_int_equal(holder.done, 1);
	}
}

/* -- an executor of the user's ------------------------------------------- */

struct shelf {
	struct gyre_executor executor;
	struct gyre_task *task;
	bool forgets;
	bool plays; /* its turn comes in the midst of a cancel */
};

static int
shelve(struct gyre_executor *base, struct gyre_task *task)
{
	((struct shelf *)base)->task = task;
	return 0;
}

static int
unshelve(struct gyre_executor *base, struct gyre_job *job)
{
	struct shelf *shelf = (struct shelf *)base;

	if (shelf->plays)
		shelf->task->run(shelf->task);
	if (!shelf->forgets || shelf->task != (struct gyre_task *)job)
		return -ENOENT;
	shelf->task = NULL;
	return 0;
}

static void
a_user_s_executor_runs_drops_and_forgets_jobs(void **state)
{
	const struct gyre_executor_ops least = { .submit = shelve };
	const struct gyre_executor_ops ops = { .submit = shelve,
					       .cancel = unshelve };
	struct shelf shelf = { .executor = { &least } };
	struct work work;

	(void)state;
	work_init(&work, &plain);
	assert_int_equal(gyre_executor_submit_job(&shelf.executor, &work.job),
			 0);
	shelf.task->run(shelf.task);
	assert_int_equal(work.done, 1);
	/* It cannot forget: dropped in its turn. */
	assert_int_equal(gyre_executor_submit_job(&shelf.executor, &work.job),
			 0);
	assert_int_equal(gyre_job_cancel(&work.job), 0);
	assert_int_equal(work.dropped, 0);
	shelf.task->run(shelf.task);
	assert_int_equal(work.dropped, 1);
	/* It can, but its turn has come; and then it does. */
	shelf.executor.ops = &ops;
	for (unsigned i = 0; i < 2; i++) {
		shelf.forgets = i == 1;
		assert_int_equal(
			gyre_executor_submit_job(&shelf.executor, &work.job),
			0);
		assert_int_equal(gyre_job_cancel(&work.job), 0);
		assert_int_equal(work.dropped, i == 0 ? 1 : 3);
		if (shelf.task != NULL)
			shelf.task->drop(shelf.task, GYRE_DROP_STOPPED);
		assert_int_equal(work.dropped, 2 + i);
		assert_int_equal(work.reason, GYRE_DROP_CANCELED);
	}
	/* The turn leaves the job to its canceller. */
	shelf.forgets = false;
	shelf.plays = true;
	assert_int_equal(gyre_executor_submit_job(&shelf.executor, &work.job),
			 0);
	assert_int_equal(gyre_job_cancel(&work.job), 0);
	assert_int_equal(work.dropped, 4);
	assert_int_equal(work.ran, 1);
	assert_int_equal(gyre_executor_shut_down(&shelf.executor,
						 GYRE_SHUT_DOWN_DRAIN, 0),
			 -ENOTSUP);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, nothing_is_left)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_submit_allocates_nothing),
		TEST(a_job_may_be_submitted_again),
		TEST(a_job_that_waits_is_withdrawn_at_once),
		TEST(a_job_that_runs_is_told),
		TEST(in_a_fork_the_pool_is_not_touched),
		TEST(past_its_deadline_a_job_never_runs),
		TEST(priorities_order_one_source_s_jobs),
		TEST(sources_take_turns),
		TEST(a_full_queue_refuses_and_tells_when_there_is_room),
		TEST(done_is_called_at_home),
		TEST(a_home_is_held_no_longer_than_its_jobs_need_it),
		TEST(drain_runs_what_waits),
		TEST(a_job_that_does_not_return_is_named),
		TEST(a_user_s_executor_runs_drops_and_forgets_jobs),
	};

	alarm(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
