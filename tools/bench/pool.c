#include "pool.h"

void
pool_begin(struct pool_bench *bench, struct params *params,
	   struct result *result)
{
	*bench = (struct pool_bench){
		.result = result,
		.loop_thread = pthread_self(),
		.threads = (unsigned)params_number(params, "threads", 2, 64),
		.window = (unsigned)params_number(params, "window", 1024,
						  POOL_WINDOW_MAX),
		.jobs = params_number(params, "jobs", 500000, 1000000000),
	};
	if (bench->window > bench->jobs)
		bench->window = (unsigned)bench->jobs;
}

bool
pool_submit(struct pool_bench *bench, struct pool_slot *slot)
{
	if (bench->submitted == bench->jobs)
		return false;
	slot->bench = bench;
	slot->has_run = false;
	slot->begun_ns =
		bench->submitted++ % POOL_SAMPLE == 0 ? bench_now_ns() : 0;
	return true;
}

void
pool_run(struct pool_slot *slot)
{
	slot->has_run = true;
}

bool
pool_complete(struct pool_bench *bench, struct pool_slot *slot)
{
	if (!slot->has_run)
		bench_fail("a job was completed and had not run");
	if (!pthread_equal(pthread_self(), bench->loop_thread))
		bench_fail("a job was completed on another thread");
	if (slot->begun_ns != 0)
		result_sample(bench->result, bench_now_ns() - slot->begun_ns);
	return ++bench->completed == bench->jobs;
}

void
pool_end(struct pool_bench *bench)
{
	result_end(bench->result, bench->completed);
	if (bench->completed != bench->jobs)
		bench_fail("%llu of %llu jobs were completed",
			   (unsigned long long)bench->completed,
			   (unsigned long long)bench->jobs);
}
