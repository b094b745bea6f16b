/* libuv, and its pool: uv_queue_work(), with its requests used again. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#include "libuv_driver.h"
#include "pool.h"

struct job {
	uv_work_t request; /* first */
	struct pool_slot slot;
};

static struct pool_bench bench;

static void submit(struct job *job);

static void
run_job(uv_work_t *request)
{
	pool_run(&((struct job *)request)->slot);
}

static void
job_done(uv_work_t *request, int status)
{
	struct job *job = (struct job *)request;

	if (status != 0)
		bench_fail("a job failed: %s", uv_strerror(status));
	if (!pool_complete(&bench, &job->slot))
		submit(job);
}

static void
submit(struct job *job)
{
	if (pool_submit(&bench, &job->slot) &&
	    uv_queue_work(uv_default_loop(), &job->request, run_job,
			  job_done) != 0)
		bench_fail("a job was refused");
}

static void
bench_pool(struct params *params, struct result *result)
{
	char threads[16];
	struct job *jobs;

	pool_begin(&bench, params, result);
	/* All programs take the same parameters. */
	(void)params_text(params, "lane", NULL);
	snprintf(threads, sizeof(threads), "%u", bench.threads);
	setenv("UV_THREADPOOL_SIZE", threads, 1);
	jobs = calloc(bench.window, sizeof(*jobs));
	if (jobs == NULL)
		bench_fail("no memory");
	result_begin(result);
	for (unsigned i = 0; i < bench.window; i++)
		submit(&jobs[i]);
	uv_run(uv_default_loop(), UV_RUN_DEFAULT);
	pool_end(&bench);
	free(jobs);
}

#define DRIVER_POOL POOL_WHAT
#include "shapes.h"

int
main(int argc, char **argv)
{
	return bench_main(argc, argv, benches);
}
