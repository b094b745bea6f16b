/*
 * Jobs under load: cancels, deadlines, room and shutdowns at random, and each
 * job given back exactly once.
 *
 * Clients each own a few jobs, submit them again and again and cancel some,
 * whatever becomes of them meanwhile, to any lane; threads idle and end; and
 * the pool is shut down in the midst of it.
 */
#include <gyre/pool.h>

#include "tests/pool/harness.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
#include <cmocka.h>

#define CLIENTS 3
#define JOBS    16

struct field {
	struct gyre_pool *pool;
	atomic_ulong accepted, ran, dropped[4];
	unsigned rounds;
};

struct work {
	struct gyre_job job;
	struct field *field;
	unsigned yields;
	atomic_bool is_away;
};

struct client {
	struct field *field;
	pthread_t thread;
	uint64_t random;
	struct work works[JOBS];
};

static struct work *
work_of(struct gyre_job *job)
{
	return (struct work *)job;
}

static void
run_work(struct gyre_job *job)
{
	struct work *work = work_of(job);

	CHECK(atomic_load(&work->is_away));
	for (unsigned i = 0; i < work->yields && !gyre_job_cancelled(); i++)
		sched_yield();
}

static void
work_done(struct gyre_job *job)
{
	struct work *work = work_of(job);

	atomic_fetch_add(&work->field->ran, 1);
	CHECK(atomic_exchange(&work->is_away, false));
}

static void
drop_work(struct gyre_job *job, enum gyre_drop_reason reason)
{
	struct work *work = work_of(job);

	atomic_fetch_add(&work->field->dropped[reason], 1);
	CHECK(atomic_exchange(&work->is_away, false));
}

static const char *const lane_names[] = { "blocking", "fast" };

/* Whether the pool still takes jobs. */
static bool
submit(struct client *client, struct work *work)
{
	struct field *field = client->field;
	uint64_t random = harness_random(&client->random);
	struct gyre_job_options options = {
		.run = run_work,
		.done = work_done,
		.drop = drop_work,
		.priority = random % 3,
		.deadline_ns = random % 8 == 0
				       ? gyre__now_ns(harness_sys()) +
						 (int64_t)(random % 50000)
				       : 0,
	};
	int result;

	gyre_job_init(&work->job, &options);
	work->field = field;
	work->yields = random % 16 == 0 ? 20 : 0;
	atomic_store(&work->is_away, true);
	atomic_fetch_add(&field->accepted, 1);
	result = gyre_executor_submit_job(
		gyre_pool_lane(field->pool, lane_names[random >> 40 & 1]),
		&work->job);
	if (result == 0)
		return true;
	CHECK(result == -ESHUTDOWN || result == -EAGAIN);
	atomic_fetch_sub(&field->accepted, 1);
	atomic_store(&work->is_away, false);
	return result == -EAGAIN;
}

static void *
client_main(void *arg)
{
	struct client *client = arg;

	for (unsigned i = 0; i < client->field->rounds; i++) {
		struct work *work =
			&client->works[harness_random(&client->random) % JOBS];

		if (atomic_load(&work->is_away)) {
			if (harness_random(&client->random) % 8 == 0)
				(void)gyre_job_cancel(&work->job);
			else
				sched_yield();
		} else if (!submit(client, work))
			break;
	}
	return NULL;
}

static void *
watch(void *arg)
{
	struct field *field = arg;
	struct gyre_pool_stats stats;

	for (unsigned i = 0; i < 50; i++) {
		gyre_pool_get_stats(field->pool, &stats);
		CHECK(stats.submitted ==
		      stats.run + stats.dropped + stats.cancelled +
			      stats.expired + stats.waiting + stats.running);
		sched_yield();
	}
	return NULL;
}

static void
shut_down(struct field *field, uint64_t random)
{
	enum gyre_shut_down how =
		random % 2 ? GYRE_SHUT_DOWN_DRAIN : GYRE_SHUT_DOWN_CANCEL;
	int result = gyre_pool_shut_down(field->pool, how,
					 gyre__now_ns(harness_sys()) +
						 (int64_t)(random % 200000));

	CHECK(result == 0 || result == -ETIMEDOUT);
}

static void
check_field(struct field *field)
{
	struct gyre_pool_stats stats;
	unsigned long dropped = 0;

	assert_int_equal(gyre_pool_shut_down(field->pool, GYRE_SHUT_DOWN_CANCEL,
					     GYRE_FOREVER),
			 0);
	gyre_pool_get_stats(field->pool, &stats);
	for (unsigned i = 0; i < 4; i++)
		dropped += field->dropped[i];
	assert_int_equal(field->accepted, field->ran + dropped);
	assert_int_equal(stats.submitted, field->accepted);
	assert_int_equal(stats.run, field->ran);
	assert_int_equal(stats.dropped, field->dropped[GYRE_DROP_STOPPED]);
	assert_int_equal(stats.cancelled, field->dropped[GYRE_DROP_CANCELED]);
	assert_int_equal(stats.expired, field->dropped[GYRE_DROP_EXPIRED]);
}

static void
ignore_line(enum gyre_log_level level, const char *line, void *arg)
{
	(void)level;
	(void)line;
	(void)arg;
}

static void
run_field(uint64_t seed, unsigned threads_max, bool in_the_midst,
	  unsigned long sums[5])
{
	const struct gyre_pool_options options = {
		.threads_max = threads_max,
		.queue_limit = 24,
		.idle_timeout_ns = 20000,
		.fast = { .threads_max = 2, .queue_limit = 12 },
		.log = { .fn = ignore_line },
		._sys = harness_sys(),
	};
	struct field field = { .rounds = harness_scaled(20000) };
	static struct client clients[CLIENTS];
	struct gyre_pool_stats stats;
	pthread_t watcher;

	assert_int_equal(gyre_pool_new(&options, &field.pool), 0);
	for (unsigned i = 0; i < CLIENTS; i++) {
		clients[i] =
			(struct client){ .field = &field, .random = seed + i };
		CHECK(pthread_create(&clients[i].thread, NULL, client_main,
				     &clients[i]) == 0);
	}
	CHECK(pthread_create(&watcher, NULL, watch, &field) == 0);
	if (in_the_midst)
		shut_down(&field, harness_random(&seed));
	for (unsigned i = 0; i < CLIENTS; i++)
		pthread_join(clients[i].thread, NULL);
	pthread_join(watcher, NULL);
	check_field(&field);
	gyre_pool_get_stats(field.pool, &stats);
	sums[4] += stats.spawned - stats.threads;
	gyre_pool_free(field.pool);
	sums[0] += field.ran;
	for (unsigned i = 1; i < 4; i++)
		sums[i] += field.dropped[i];
}

static void
every_job_is_given_back_once(void **state)
{
	uint64_t random = *(uint64_t *)*state;
	unsigned long sums[5] = { 0 };
	struct harness_live before;

	harness_live(&before);
	for (unsigned i = 0; i < 24; i++)
		run_field(harness_random(&random), 1 + i % 4, i % 2 == 1, sums);
	printf("%lu run, %lu stopped, %lu expired, %lu cancelled, %lu threads "
	       "ended\n",
	       sums[0], sums[GYRE_DROP_STOPPED], sums[GYRE_DROP_EXPIRED],
	       sums[GYRE_DROP_CANCELED], sums[4]);
	assert_true(sums[0] > 0 && sums[GYRE_DROP_CANCELED] > 0);
	assert_true(sums[4] > 0);
	assert_true(harness_live_is(&before));
}

int
main(void)
{
	uint64_t seed = harness_seed();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(every_job_is_given_back_once, &seed),
	};

	alarm(240);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
