/*
 * One life of a runtime, from before its start to after its end: pool, bus,
 * watcher, and where everything is. A start of one that has ended begins
 * another, for which all of this is new. It is allocated before the start, so
 * that the start has little that can fail.
 */
#include "runtime/runtime.h"

#include "bus/bus.h"
#include "runtime/simulation.h"

#include <errno.h>

/* -- its parts ------------------------------------------------------------- */

/* Off the loops' CPUs, if there are others; computing gets what CPUs the
 * loops leave, pinned or not. */
static int
make_pool(struct gyre_runtime *runtime)
{
	const struct gyre_runtime_options *options = &runtime->options;
	const struct gyre_plan *plan = &runtime->placement->plan;
	const struct gyre_pool_options pool_options = {
		.threads_max = options->pool_threads_max,
		.fast.threads_max =
			plan->cpus > plan->loops ? plan->cpus - plan->loops : 1,
		.cpus = plan->others,
		.cpus_count = plan->others_count,
		.log = options->log,
		._sys = options->_sys,
	};

	if (options->simulate != 0) {
		runtime->simulation =
			gyre__simulation_new(runtime, options->simulate);
		return runtime->simulation != NULL ? 0 : -ENOMEM;
	}
	return gyre_pool_new(&pool_options, &runtime->pool);
}

/* A simulation has no threads that could be looked at. */
static int
make_watcher(struct gyre_runtime *runtime)
{
	const struct gyre_runtime_options *options = &runtime->options;
	int64_t threshold_ns;

	if (options->simulate != 0)
		return 0;
	threshold_ns =
		gyre__watcher_threshold(&runtime->log, options->watchdog_ns);
	if (threshold_ns == GYRE_FOREVER)
		return 0;
	runtime->watcher =
		gyre__watcher_new(runtime->sys, runtime->shards_count);
	if (runtime->watcher == NULL)
		return -ENOMEM;
	runtime->watcher->log = runtime->log;
	runtime->watcher->cpus = &runtime->placement->helpers;
	runtime->watcher->threshold_ns = threshold_ns;
	return 0;
}

static int
make_bus(struct gyre_runtime *runtime)
{
	runtime->bus = gyre__bus_new(runtime->sys, runtime->shards_count);
	if (runtime->bus == NULL)
		return -ENOMEM;
	gyre__bus_limit_calls(runtime->bus, runtime->options.calls_max);
	gyre__reaper_set_cpus(gyre__bus_reaper(runtime->bus),
			      &runtime->placement->helpers);
	return 0;
}

static int
make_parts(struct gyre_runtime *runtime)
{
	int result = make_pool(runtime);

	if (result == 0)
		result = gyre__statistics_open(runtime);
	if (result == 0)
		result = make_bus(runtime);
	if (result == 0)
		result = make_watcher(runtime);
	return result;
}

/* -- as nothing has happened yet ------------------------------------------- */

static void
reset_shard(struct gyre_runtime *runtime, unsigned index)
{
	struct gyre__shard *shard = &runtime->shards[index];

	*shard = (struct gyre__shard){
		.shard.runtime = runtime,
		.shard.index = index,
		.shard.cpu = runtime->placement->shards[index].cpu,
	};
	gyre__control_init(shard);
	gyre__pause_init_shard(shard);
}

static void
reset(struct gyre_runtime *runtime)
{
	runtime->deadline_ns = GYRE_FOREVER;
	runtime->is_hurried = 0;
	runtime->signals_seen = 0;
	runtime->living = runtime->shards_count;
	gyre__drain_init(runtime);
	for (unsigned i = 0; i < runtime->shards_count; i++)
		reset_shard(runtime, i);
	gyre__gate_reset(&runtime->gate);
}

/* -- from life to life ----------------------------------------------------- */

int
gyre__life_begin(struct gyre_runtime *runtime)
{
	int result = make_parts(runtime);

	if (result < 0)
		gyre__life_fini(runtime);
	else
		reset(runtime);
	return result;
}

void
gyre__life_free_loops(struct gyre_runtime *runtime)
{
	for (unsigned i = 0; i < runtime->shards_count; i++) {
		gyre_loop_free(runtime->shards[i].shard.loop);
		runtime->shards[i].shard.loop = NULL;
	}
}

void
gyre__life_fini(struct gyre_runtime *runtime)
{
	gyre_pool_free(runtime->pool);
	runtime->pool = NULL;
	gyre__life_free_loops(runtime);
	gyre__bus_free(runtime->bus);
	runtime->bus = NULL;
	gyre__simulation_free(runtime->simulation);
	runtime->simulation = NULL;
	gyre__watcher_free(runtime->watcher);
	runtime->watcher = NULL;
	runtime->sys->release(runtime->sent);
	runtime->sent = NULL;
	runtime->sys->release(runtime->states);
	runtime->states = NULL;
}
