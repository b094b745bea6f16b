/* A pool's lanes and their threads: a rule a test. */
#include <gyre/pool.h>

#include "tests/pool/harness.h"

#include <errno.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#define SOON_NS        GYRE_MS(1)
#define ONE_RETURNS_NS GYRE_SECONDS(1) /* however busy the machine is */
#define STACK_BYTES    (256u * 1024)
#define JOBS           8
#define LOOKS          20000 /* 2 seconds, before a wait is given up */

/* -- work ---------------------------------------------------------------- */

/* What runs says that it has begun, and goes on when it is let. */
struct work {
	struct gyre_job job; /* first */
	atomic_uint ran, dropped;
	/* seen on the pool's thread */
	char thread_name[16];
	cpu_set_t cpus;
	size_t stack_bytes;
};

static sem_t begun, let;
static struct work works[JOBS];
static struct harness_live before;
static unsigned lines;
static char last_line[256];

static size_t
own_stack_bytes(void)
{
	pthread_attr_t attributes;
	size_t bytes;

	pthread_getattr_np(pthread_self(), &attributes);
	pthread_attr_getstacksize(&attributes, &bytes);
	pthread_attr_destroy(&attributes);
	return bytes;
}

static void
run_work(struct gyre_job *job)
{
	struct work *work = (struct work *)job;

	pthread_getname_np(pthread_self(), work->thread_name,
			   sizeof(work->thread_name));
	pthread_getaffinity_np(pthread_self(), sizeof(work->cpus), &work->cpus);
	work->stack_bytes = own_stack_bytes();
	sem_post(&begun);
	while (sem_wait(&let) != 0)
		;
}

/* It has run, and is the test's again. */
static void
work_done(struct gyre_job *job)
{
	atomic_fetch_add(&((struct work *)job)->ran, 1);
}

static void
drop_work(struct gyre_job *job, enum gyre_drop_reason reason)
{
	CHECK(reason == GYRE_DROP_STOPPED);
	atomic_fetch_add(&((struct work *)job)->dropped, 1);
}

/* One that runs may go on once this one cannot run any more. */
static void
drop_work_and_let_one_go(struct gyre_job *job, enum gyre_drop_reason reason)
{
	drop_work(job, reason);
	sem_post(&let);
}

static int
submit_with(struct gyre_executor *executor, struct work *work,
	    void (*drop)(struct gyre_job *, enum gyre_drop_reason))
{
	const struct gyre_job_options options = { .run = run_work,
						  .done = work_done,
						  .drop = drop };

	memset(work, 0, sizeof(*work));
	gyre_job_init(&work->job, &options);
	return gyre_executor_submit_job(executor, &work->job);
}

static int
submit(struct gyre_executor *executor, struct work *work)
{
	return submit_with(executor, work, drop_work);
}

/* Submit so many, and wait until they run, all at once. */
static void
begin(struct gyre_executor *executor, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		assert_int_equal(submit(executor, &works[i]), 0);
	for (unsigned i = 0; i < count; i++)
		while (sem_wait(&begun) != 0)
			;
}

static void
let_go(unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		sem_post(&let);
	for (unsigned i = 0; i < count; i++)
		while (atomic_load(&works[i].ran) == 0)
			sched_yield();
}

/* -- pools --------------------------------------------------------------- */

static void
keep_line(enum gyre_log_level level, const char *line, void *arg)
{
	(void)level;
	(void)arg;
	snprintf(last_line, sizeof(last_line), "%s", line);
	lines++;
}

static struct gyre_pool *
new_pool(struct gyre_pool_options options)
{
	struct gyre_pool *pool = NULL;

	options.log.fn = keep_line;
	options._sys = harness_sys();
	assert_int_equal(gyre_pool_new(&options, &pool), 0);
	return pool;
}

static void
check_refused(struct gyre_pool_options options, const char *line)
{
	struct gyre_pool *pool = NULL;

	options.log.fn = keep_line;
	options._sys = harness_sys();
	last_line[0] = '\0';
	assert_int_equal(gyre_pool_new(&options, &pool), -EINVAL);
	assert_null(pool);
	assert_string_equal(last_line, line);
}

static void
get_stats(struct gyre_pool *pool, const char *lane,
	  struct gyre_pool_stats *ret_stats)
{
	assert_int_equal(gyre_pool_get_lane_stats(pool, lane, ret_stats), 0);
}

/* Wait until a lane has so many threads, all of them parked. */
static void
wait_for_threads(struct gyre_pool *pool, const char *lane, unsigned threads)
{
	const struct timespec moment = { .tv_nsec = 100000 };
	struct gyre_pool_stats stats;

	for (unsigned i = 0; i < LOOKS; i++) {
		get_stats(pool, lane, &stats);
		if (stats.threads == threads && stats.idle == threads)
			return;
		nanosleep(&moment, NULL);
	}
	fail_msg("%u threads, %u of them idle", stats.threads, stats.idle);
}

static int
set_up(void **state)
{
	(void)state;
	harness_fail(0, 0);
	lines = 0;
	last_line[0] = '\0';
	sem_init(&begun, 0, 0);
	sem_init(&let, 0, 0);
	harness_live(&before);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	harness_fail(0, 0);
	sem_destroy(&begun);
	sem_destroy(&let);
	return harness_live_is(&before) ? 0 : -1;
}

/* -- lanes --------------------------------------------------------------- */

static void
a_pool_has_a_blocking_and_a_fast_lane_and_the_users(void **state)
{
	char name[] = "disk";
	const struct gyre_lane_options disk = { .name = name };
	struct gyre_pool *pool = new_pool(
		(struct gyre_pool_options){ .lanes = &disk, .lanes_count = 1 });
	struct gyre_pool_stats stats;

	(void)state;
	name[0] = 'x'; /* copied */
	assert_string_equal(gyre_pool_lane_name(pool, 0), "blocking");
	assert_string_equal(gyre_pool_lane_name(pool, 1), "fast");
	assert_string_equal(gyre_pool_lane_name(pool, 2), "disk");
	assert_null(gyre_pool_lane_name(pool, 3));
	assert_ptr_equal(gyre_pool_lane(pool, "blocking"),
			 gyre_pool_executor(pool));
	assert_non_null(gyre_pool_lane(pool, "fast"));
	assert_non_null(gyre_pool_lane(pool, "disk"));
	assert_null(gyre_pool_lane(pool, "tape"));
	assert_int_equal(gyre_pool_get_lane_stats(pool, "tape", &stats),
			 -ENOENT);
	gyre_pool_free(pool);
}

static void
a_lane_does_not_wait_for_another(void **state)
{
	struct gyre_pool *pool =
		new_pool((struct gyre_pool_options){ .threads_max = 1 });
	struct work waits;

	(void)state;
	begin(gyre_pool_executor(pool), 1);
	assert_int_equal(submit(gyre_pool_executor(pool), &waits), 0);
	/* the blocking lane has no thread left, and this runs all the same */
	assert_int_equal(submit(gyre_pool_lane(pool, "fast"), &works[1]), 0);
	while (sem_wait(&begun) != 0)
		;
	assert_int_equal(sem_trywait(&begun), -1);
	for (int i = 0; i < 3; i++)
		sem_post(&let);
	assert_int_equal(
		gyre_pool_shut_down(pool, GYRE_SHUT_DOWN_DRAIN, GYRE_FOREVER),
		0);
	assert_int_equal(works[0].ran + works[1].ran + waits.ran, 3);
	gyre_pool_free(pool);
}

static void
each_lane_counts_its_own_and_the_pool_all(void **state)
{
	struct gyre_pool *pool = new_pool((struct gyre_pool_options){
		.threads_max = 2, .fast.time_every = 1 });
	struct gyre_pool_stats stats;

	(void)state;
	begin(gyre_pool_executor(pool), 2);
	let_go(2);
	wait_for_threads(pool, "blocking", 2);
	begin(gyre_pool_lane(pool, "fast"), 1);
	get_stats(pool, "fast", &stats);
	assert_int_equal(stats.submitted, 1);
	assert_int_equal(stats.running, 1);
	assert_int_equal(stats.run_time.count, 0);
	let_go(1);
	wait_for_threads(pool, "fast", 1);
	get_stats(pool, "blocking", &stats);
	assert_int_equal(stats.run, 2);
	assert_int_equal(stats.queue_delay.count, 2);
	assert_int_equal(stats.run_time.count, 2);
	assert_true(stats.run_time.sum_ns > 0);
	gyre_pool_get_stats(pool, &stats);
	assert_int_equal(stats.run, 3);
	assert_int_equal(stats.spawned, 3);
	assert_int_equal(stats.idle, 3);
	assert_int_equal(stats.queue_delay.count, 3);
	gyre_pool_free(pool);
}

static void
in_the_fast_lane_one_in_sixteen_is_timed(void **state)
{
	struct gyre_pool *pool = new_pool((struct gyre_pool_options){ 0 });
	struct gyre_pool_stats stats;

	(void)state;
	for (unsigned i = 0; i < 17; i++) {
		begin(gyre_pool_lane(pool, "fast"), 1);
		let_go(1);
	}
	assert_int_equal(
		gyre_pool_shut_down(pool, GYRE_SHUT_DOWN_DRAIN, GYRE_FOREVER),
		0);
	get_stats(pool, "fast", &stats);
	assert_int_equal(stats.run, 17);
	assert_int_equal(stats.queue_delay.count, 2);
	assert_int_equal(stats.run_time.count, 2);
	gyre_pool_free(pool);
}

static void
a_full_lane_refuses_and_the_others_do_not(void **state)
{
	struct gyre_pool *pool = new_pool((struct gyre_pool_options){
		.threads_max = 1, .queue_limit = 1, .fast.queue_limit = 2 });
	struct gyre_executor *fast = gyre_pool_lane(pool, "fast");
	struct gyre_pool_stats stats;

	(void)state;
	begin(gyre_pool_executor(pool), 1);
	assert_int_equal(submit(gyre_pool_executor(pool), &works[1]), 0);
	assert_int_equal(submit(gyre_pool_executor(pool), &works[2]), -EAGAIN);
	assert_int_equal(submit(fast, &works[2]), 0);
	get_stats(pool, "blocking", &stats);
	assert_int_equal(stats.refused, 1);
	get_stats(pool, "fast", &stats);
	assert_int_equal(stats.refused, 0);
	for (int i = 0; i < 3; i++)
		sem_post(&let);
	assert_int_equal(
		gyre_pool_shut_down(pool, GYRE_SHUT_DOWN_DRAIN, GYRE_FOREVER),
		0);
	gyre_pool_free(pool);
}

static void
a_warm_submit_allocates_nothing(void **state)
{
	struct gyre_pool *pool =
		new_pool((struct gyre_pool_options){ .threads_max = 1 });

	(void)state;
	begin(gyre_pool_executor(pool), 1);
	harness_fail_all(FAULT_ALLOCATE);
	assert_int_equal(submit(gyre_pool_executor(pool), &works[1]), 0);
	assert_false(harness_has_failed());
	harness_fail(0, 0);
	sem_post(&let);
	let_go(2);
	gyre_pool_free(pool);
}

/* -- options ------------------------------------------------------------- */

static void
numbers_beyond_their_limits_are_refused_with_a_line(void **state)
{
	(void)state;
	check_refused((struct gyre_pool_options){ .threads_min = 3,
						  .threads_max = 2 },
		      "pool: threads_min of lane blocking is 3, the limit is "
		      "2");
	check_refused((struct gyre_pool_options){ .fast.threads_min = 1025 },
		      "pool: threads_min of lane fast is 1025, the limit is "
		      "1024");
	check_refused((struct gyre_pool_options){ .idle_timeout_ns = -1 },
		      "pool: idle_timeout_ns of lane blocking is negative");
	check_refused((struct gyre_pool_options){ .fast.stack_bytes = 1 },
		      "pool: no thread of lane fast can have a stack of 1 "
		      "bytes");
	check_refused((struct gyre_pool_options){ .lanes_count = 65 },
		      "pool: lanes_count is 65, the limit is 64");
	check_refused(
		(struct gyre_pool_options){ .thread_name = "a-long-name-" },
		"pool: the thread name a-long-name- is longer than 11 "
		"bytes");
}

static void
a_lane_needs_a_name_of_its_own(void **state)
{
	const struct gyre_lane_options none = { .threads_max = 1 };
	const struct gyre_lane_options fast = { .name = "fast" };
	const struct gyre_lane_options two[] = { { .name = "disk" },
						 { .name = "disk" } };

	(void)state;
	check_refused(
		(struct gyre_pool_options){ .lanes = &none, .lanes_count = 1 },
		"pool: a lane has no name");
	check_refused(
		(struct gyre_pool_options){ .lanes = &fast, .lanes_count = 1 },
		"pool: there are two lanes named fast");
	check_refused(
		(struct gyre_pool_options){ .lanes = two, .lanes_count = 2 },
		"pool: there are two lanes named disk");
}

static void
a_cpu_that_is_not_allowed_is_refused_with_a_line(void **state)
{
	const unsigned cpu = 100000;

	(void)state;
	check_refused(
		(struct gyre_pool_options){ .cpus = &cpu, .cpus_count = 1 },
		"pool: CPU 100000 is not one that this process may run "
		"on");
}

/* -- threads ------------------------------------------------------------- */

static unsigned
first_allowed_cpu(void)
{
	cpu_set_t allowed;
	unsigned cpu = 0;

	pthread_getaffinity_np(pthread_self(), sizeof(allowed), &allowed);
	while (!CPU_ISSET(cpu, &allowed))
		cpu++;
	return cpu;
}

static void
threads_are_as_the_options_say(void **state)
{
	const unsigned cpu = first_allowed_cpu();
	struct gyre_pool *pool = new_pool(
		(struct gyre_pool_options){ .threads_max = 2,
					    .stack_bytes = STACK_BYTES,
					    .cpus = &cpu,
					    .cpus_count = 1,
					    .thread_name = "worker-" });

	(void)state;
	begin(gyre_pool_executor(pool), 1);
	let_go(1);
	assert_string_equal(works[0].thread_name, "worker-0");
	assert_int_equal(CPU_COUNT(&works[0].cpus), 1);
	assert_true(CPU_ISSET(cpu, &works[0].cpus));
	assert_true(works[0].stack_bytes >= STACK_BYTES);
	assert_true(works[0].stack_bytes < 8 * STACK_BYTES);
	/* as many as it has CPUs; numbers go on from lane to lane */
	begin(gyre_pool_lane(pool, "fast"), 1);
	assert_int_equal(submit(gyre_pool_lane(pool, "fast"), &works[1]), 0);
	let_go(1);
	assert_string_equal(works[0].thread_name, "worker-2");
	assert_int_equal(CPU_COUNT(&works[0].cpus), 1);
	assert_true(works[0].stack_bytes >= STACK_BYTES);
	assert_true(works[0].stack_bytes < 8 * STACK_BYTES);
	sem_post(&let);
	assert_int_equal(
		gyre_pool_shut_down(pool, GYRE_SHUT_DOWN_DRAIN, GYRE_FOREVER),
		0);
	assert_string_equal(works[1].thread_name, "worker-2");
	gyre_pool_free(pool);
}

static void
cpus_that_the_kernel_refuses_are_a_warning(void **state)
{
	struct gyre_pool *pool =
		new_pool((struct gyre_pool_options){ .threads_max = 2 });

	(void)state;
	/* the first call is the mask of signals, the second the worker's */
	for (unsigned i = 0; i < 2; i++) {
		harness_fail(FAULT_CALL, 2);
		assert_int_equal(submit(gyre_pool_executor(pool), &works[i]),
				 0);
		while (sem_wait(&begun) != 0)
			;
		assert_string_equal(harness_failed_call(), "setaffinity");
	}
	let_go(2);
	gyre_pool_free(pool);
	assert_int_equal(lines, 1);
	assert_string_equal(last_line,
			    "pool: the CPUs of lane blocking were refused: "
			    "EINVAL");
}

static void
threads_that_idle_end_but_for_the_fewest(void **state)
{
	const struct timespec long_after = { .tv_nsec = 20 * SOON_NS };
	struct gyre_pool *pool = new_pool(
		(struct gyre_pool_options){ .threads_min = 2,
					    .threads_max = 5,
					    .idle_timeout_ns = SOON_NS });
	struct gyre_pool_stats stats;

	(void)state;
	begin(gyre_pool_executor(pool), 5);
	let_go(5);
	wait_for_threads(pool, "blocking", 2);
	nanosleep(&long_after, NULL);
	begin(gyre_pool_executor(pool), 4);
	get_stats(pool, "blocking", &stats);
	assert_int_equal(stats.threads, 4);
	assert_int_equal(stats.spawned, 5 + 2);
	let_go(4);
	wait_for_threads(pool, "blocking", 2);
	gyre_pool_free(pool);
}

static void
threads_stay_where_no_time_is_too_long(void **state)
{
	const struct timespec long_after = { .tv_nsec = 20 * SOON_NS };
	struct gyre_pool *pool = new_pool((struct gyre_pool_options){
		.threads_max = 3,
		.idle_timeout_ns = GYRE_FOREVER,
		.fast = { .threads_max = 2, .idle_timeout_ns = SOON_NS } });

	(void)state;
	begin(gyre_pool_executor(pool), 3);
	let_go(3);
	begin(gyre_pool_lane(pool, "fast"), 2);
	let_go(2);
	wait_for_threads(pool, "fast", 1);
	nanosleep(&long_after, NULL);
	wait_for_threads(pool, "blocking", 3);
	wait_for_threads(pool, "fast", 1);
	gyre_pool_free(pool);
}

static void
a_thread_that_cannot_be_made_again_is_not_needed(void **state)
{
	struct gyre_pool *pool = new_pool((struct gyre_pool_options){
		.threads_max = 3, .idle_timeout_ns = SOON_NS });

	(void)state;
	begin(gyre_pool_executor(pool), 3);
	let_go(3);
	wait_for_threads(pool, "blocking", 1);
	harness_fail_all(FAULT_THREAD);
	for (unsigned i = 0; i < JOBS; i++)
		assert_int_equal(submit(gyre_pool_executor(pool), &works[i]),
				 0);
	let_go(JOBS);
	assert_int_equal(lines, 1);
	/* once more it can, and once more it cannot: that is told again */
	harness_fail(0, 0);
	begin(gyre_pool_executor(pool), 3);
	let_go(3);
	wait_for_threads(pool, "blocking", 1);
	harness_fail_all(FAULT_THREAD);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(submit(gyre_pool_executor(pool), &works[i]),
				 0);
	let_go(2);
	assert_int_equal(lines, 2);
	harness_fail(0, 0);
	gyre_pool_free(pool);
	assert_string_equal(last_line,
			    "pool: no more than 1 of 3 threads could be "
			    "started: EAGAIN");
}

/* -- the end ------------------------------------------------------------- */

static void
shutting_the_pool_down_shuts_every_lane_down(void **state)
{
	const struct gyre_lane_options disk = { .name = "disk" };
	struct gyre_pool *pool = new_pool(
		(struct gyre_pool_options){ .lanes = &disk, .lanes_count = 1 });

	(void)state;
	assert_int_equal(
		gyre_pool_shut_down(pool, GYRE_SHUT_DOWN_DRAIN, GYRE_FOREVER),
		0);
	for (unsigned i = 0; gyre_pool_lane_name(pool, i) != NULL; i++)
		assert_int_equal(
			submit(gyre_pool_lane(pool,
					      gyre_pool_lane_name(pool, i)),
			       &works[0]),
			-ESHUTDOWN);
	gyre_pool_free(pool);
}

static void
a_stuck_job_is_named_and_the_other_lanes_end(void **state)
{
	struct gyre_pool *pool = new_pool((struct gyre_pool_options){
		.threads_max = 1, .fast.threads_max = 1 });
	struct gyre_executor *fast = gyre_pool_lane(pool, "fast");

	(void)state;
	begin(gyre_pool_executor(pool), 1);
	assert_int_equal(submit(fast, &works[1]), 0);
	while (sem_wait(&begun) != 0)
		;
	assert_int_equal(submit_with(fast, &works[2], drop_work_and_let_one_go),
			 0);
	assert_int_equal(gyre_pool_shut_down(pool, GYRE_SHUT_DOWN_CANCEL,
					     gyre__now_ns(harness_sys()) +
						     ONE_RETURNS_NS),
			 -ETIMEDOUT);
	assert_int_equal(works[0].ran + works[1].ran, 1);
	assert_int_equal(works[2].dropped, 1);
	assert_int_equal(lines, 1);
	assert_non_null(strstr(last_line, " has not returned on gyre-pool-"));
	sem_post(&let);
	gyre_pool_free(pool);
	assert_int_equal(works[0].ran + works[1].ran, 2);
}

#define LANE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		LANE_TEST(a_pool_has_a_blocking_and_a_fast_lane_and_the_users),
		LANE_TEST(a_lane_does_not_wait_for_another),
		LANE_TEST(each_lane_counts_its_own_and_the_pool_all),
		LANE_TEST(in_the_fast_lane_one_in_sixteen_is_timed),
		LANE_TEST(a_full_lane_refuses_and_the_others_do_not),
		LANE_TEST(a_warm_submit_allocates_nothing),
		LANE_TEST(numbers_beyond_their_limits_are_refused_with_a_line),
		LANE_TEST(a_lane_needs_a_name_of_its_own),
		LANE_TEST(a_cpu_that_is_not_allowed_is_refused_with_a_line),
		LANE_TEST(threads_are_as_the_options_say),
		LANE_TEST(cpus_that_the_kernel_refuses_are_a_warning),
		LANE_TEST(threads_that_idle_end_but_for_the_fewest),
		LANE_TEST(threads_stay_where_no_time_is_too_long),
		LANE_TEST(a_thread_that_cannot_be_made_again_is_not_needed),
		LANE_TEST(shutting_the_pool_down_shuts_every_lane_down),
		LANE_TEST(a_stuck_job_is_named_and_the_other_lanes_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
