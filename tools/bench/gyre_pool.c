/* Bare jobs on a lane of a pool: what a user does who counts allocations. */
#include "gyre_benches.h"

#include <gyre/gyre.h>
#include <stdlib.h>

#include "pool.h"

struct job {
	struct gyre_job job; /* first */
	struct pool_slot slot;
};

static struct gyre_loop *loop;
static struct gyre_executor *lane;
static struct pool_bench bench;
static struct job *jobs;

static void
run_job(struct gyre_job *job)
{
	pool_run(&((struct job *)job)->slot);
}

static void
submit(struct job *job)
{
	if (pool_submit(&bench, &job->slot) &&
	    gyre_executor_submit_job(lane, &job->job) < 0)
		bench_fail("a job was refused");
}

static void
job_done(struct gyre_job *job)
{
	if (pool_complete(&bench, &((struct job *)job)->slot))
		gyre_loop_stop(loop);
	else
		submit((struct job *)job);
}

static void
begin(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < bench.window; i++)
		submit(&jobs[i]);
}

static void
init_jobs(void)
{
	const struct gyre_job_options options = {
		.run = run_job,
		.done = job_done,
		.home = gyre_loop_inbox(loop),
	};

	jobs = calloc(bench.window, sizeof(*jobs));
	if (jobs == NULL)
		bench_fail("no memory");
	for (unsigned i = 0; i < bench.window; i++)
		gyre_job_init(&jobs[i].job, &options);
}

void
bench_pool(struct params *params, struct result *result)
{
	const char *name = params_text(params, "lane", "fast");
	struct gyre_pool_options options = { .threads_max = 0 };
	struct gyre_loop_stats stats;
	struct gyre_pool *pool;

	pool_begin(&bench, params, result);
	options.threads_max = bench.threads;
	options.fast.threads_max = bench.threads;
	if (gyre_loop_new(NULL, &loop) < 0 ||
	    gyre_pool_new(&options, &pool) < 0)
		bench_fail("no loop or no pool");
	lane = gyre_pool_lane(pool, name);
	if (lane == NULL)
		bench_fail("lane is %s, and not blocking or fast", name);
	init_jobs();
	if (gyre_loop_add_callback(loop, begin, NULL) < 0)
		bench_fail("no callback");
	result_begin(result);
	if (gyre_loop_start(loop) < 0)
		bench_fail("the loop did not start");
	pool_end(&bench);
	gyre_loop_get_stats(loop, &stats);
	result->sleeps = (double)stats.sleeps;
	result->rings = (double)stats.rings;
	gyre_loop_close(loop, false);
	gyre_pool_free(pool);
	gyre_loop_free(loop);
	free(jobs);
}
