/*
 * A runtime's memory and what is read from it. All of it but the services'
 * table is allocated in new, so that start has little that can fail.
 */
#include "runtime/runtime.h"

#include "base/check.h"
#include "base/log.h"
#include "bus/bus.h"
#include "runtime/placement.h"
#include "runtime/simulation.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define STOP_TIMEOUT_NS GYRE_SECONDS(5)

/* -- new ----------------------------------------------------------------- */

static void
init_shard(struct gyre__shard *shard, struct gyre_runtime *runtime,
	   unsigned index, int cpu)
{
	shard->shard.runtime = runtime;
	shard->shard.index = index;
	shard->shard.cpu = cpu;
	gyre__control_init(shard);
}

/* Off the loops' CPUs, if there are others; computing gets what CPUs the
 * loops leave, pinned or not. */
static int
make_pool(struct gyre_runtime *runtime,
	  const struct gyre_runtime_options *options)
{
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

static int
copy_control_path(struct gyre_runtime *runtime, const char *path)
{
	if (path == NULL)
		return 0;
	runtime->control_path = runtime->sys->allocate(strlen(path) + 1, 0);
	if (runtime->control_path == NULL)
		return -ENOMEM;
	strcpy(runtime->control_path, path);
	return 0;
}

/* A simulation has no threads that could be looked at. */
static int
make_watcher(struct gyre_runtime *runtime,
	     const struct gyre_runtime_options *options)
{
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

/* Everything that can fail, undone in reverse where it does. */
static int
make_parts(struct gyre_runtime *runtime,
	   const struct gyre_runtime_options *options)
{
	int result = make_pool(runtime, options);

	if (result < 0)
		return result;
	result = gyre__statistics_open(runtime);
	if (result < 0)
		goto free_pool;
	result = -ENOMEM;
	runtime->bus = gyre__bus_new(runtime->sys, runtime->shards_count);
	if (runtime->bus == NULL)
		goto free_sent;
	gyre__bus_limit_calls(runtime->bus, options->calls_max);
	gyre__reaper_set_cpus(gyre__bus_reaper(runtime->bus),
			      &runtime->placement->helpers);
	result = gyre__shard_maps_init(&runtime->maps, runtime->sys,
				       runtime->shards_count);
	if (result < 0)
		goto free_bus;
	result = make_watcher(runtime, options);
	if (result < 0)
		goto free_maps;
	result = copy_control_path(runtime, options->control_path);
	if (result < 0)
		goto free_watcher;
	return 0;
free_watcher:
	gyre__watcher_free(runtime->watcher);
free_maps:
	gyre__shard_maps_fini(&runtime->maps);
free_bus:
	gyre__bus_free(runtime->bus);
free_sent:
	runtime->sys->release(runtime->sent);
free_pool:
	gyre_pool_free(runtime->pool);
	gyre__simulation_free(runtime->simulation);
	return result;
}

static struct gyre_runtime *
new_runtime(const struct gyre_runtime_options *options,
	    struct gyre__placement *placement)
{
	const struct gyre_sys *sys = gyre__sys(options->_sys);
	unsigned loops = placement->plan.loops;
	struct gyre_runtime *runtime = gyre__allocate(
		sys, sizeof(*runtime) + loops * sizeof(runtime->shards[0]), 0);

	if (runtime == NULL)
		return NULL;
	runtime->sys = sys;
	runtime->log = options->log;
	runtime->forks = gyre__forks();
	runtime->stop_signals = options->stop_signals;
	runtime->stop_timeout_ns = options->stop_timeout_ns > 0
					   ? options->stop_timeout_ns
					   : STOP_TIMEOUT_NS;
	runtime->deadline_ns = GYRE_FOREVER;
	runtime->placement = placement;
	runtime->shards_count = loops;
	runtime->living = loops;
	gyre__drain_init(runtime);
	for (unsigned i = 0; i < loops; i++)
		init_shard(&runtime->shards[i], runtime, i,
			   placement->shards[i].cpu);
	return runtime;
}

/* A seed decides nothing where the machine has a say. */
static int
check_options(const struct gyre_runtime_options *options)
{
	if (options->stop_timeout_ns < 0) {
		gyre__log(&options->log, GYRE_LOG_ERROR,
			  "runtime: stop_timeout_ns is negative");
		return -EINVAL;
	}
	if (options->simulate == 0 ||
	    (options->loops > 0 && !options->stop_signals &&
	     options->control_path == NULL &&
	     options->stop_timeout_ns != GYRE_FOREVER))
		return 0;
	gyre__log(&options->log, GYRE_LOG_ERROR,
		  "runtime: a simulation must say how many loops it has, hears "
		  "no signals, has no control socket and stops in time");
	return -EINVAL;
}

static int
check_watchdog(const struct gyre_runtime_options *options)
{
	if (options->watchdog_ns == 0 || options->watchdog_ns >= GYRE_MS(1))
		return 0;
	gyre__log(&options->log, GYRE_LOG_ERROR,
		  "runtime: a watchdog_ns of %" PRId64
		  " is below a millisecond",
		  options->watchdog_ns);
	return -EINVAL;
}

static int
make_runtime(const struct gyre_runtime_options *options,
	     struct gyre__placement *placement,
	     struct gyre_runtime **ret_runtime)
{
	struct gyre_runtime *runtime;
	int result = gyre__placement_plan(placement, options);

	if (result < 0)
		return result;
	runtime = new_runtime(options, placement);
	if (runtime == NULL)
		return -ENOMEM;
	result = make_parts(runtime, options);
	if (result < 0) {
		runtime->sys->release(runtime);
		return result;
	}
	gyre__gate_init(&runtime->gate);
	gyre__pause_init(runtime);
	*ret_runtime = runtime;
	return 0;
}

int
gyre_runtime_new(const struct gyre_runtime_options *options,
		 struct gyre_runtime **ret_runtime)
{
	struct gyre_runtime_options given = { 0 };
	const struct gyre_sys *sys;
	struct gyre__placement *placement;
	int result;

	GYRE_REQUIRE(ret_runtime != NULL);
	if (options != NULL)
		given = *options;
	result = check_options(&given);
	if (result == 0)
		result = check_watchdog(&given);
	if (result < 0)
		return result;
	if (given.simulate != 0)
		given.pin = GYRE_PIN_NONE;
	sys = gyre__sys(given._sys);
	placement = gyre__allocate(sys, sizeof(*placement), 0);
	if (placement == NULL)
		return -ENOMEM;
	result = make_runtime(&given, placement, ret_runtime);
	if (result < 0)
		sys->release(placement);
	return result;
}

/* -- services ------------------------------------------------------------ */

int
gyre_runtime_add_service(struct gyre_runtime *runtime,
			 const struct gyre_service_ops *ops, void *arg)
{
	unsigned count = runtime->services_count;
	struct gyre__service *services;

	GYRE_REQUIRE(ops != NULL && ops->name != NULL && ops->start != NULL);
	if (gyre__runtime_is_fork(runtime))
		return -EPERM;
	if (gyre_runtime_phase(runtime) != GYRE_PHASE_NEW)
		return -EBUSY;
	services = runtime->sys->allocate((count + 1) * sizeof(*services), 0);
	if (services == NULL)
		return -ENOMEM;
	if (count > 0)
		memcpy(services, runtime->services, count * sizeof(*services));
	services[count] = (struct gyre__service){ .ops = ops, .arg = arg };
	runtime->sys->release(runtime->services);
	runtime->services = services;
	runtime->services_count = count + 1;
	return 0;
}

/* -- free ---------------------------------------------------------------- */

void
gyre_runtime_free(struct gyre_runtime *runtime)
{
	enum gyre_runtime_phase phase;

	/* In a fork its threads do not exist, and its locks may be held. */
	if (runtime == NULL || gyre__runtime_is_fork(runtime))
		return;
	phase = gyre_runtime_phase(runtime);
	GYRE_REQUIRE(phase == GYRE_PHASE_NEW || phase == GYRE_PHASE_ENDED);
	gyre_pool_free(runtime->pool);
	for (unsigned i = 0; i < runtime->shards_count; i++)
		gyre_loop_free(runtime->shards[i].shard.loop);
	gyre__bus_free(runtime->bus); /* and the maps that wait there */
	gyre__shard_maps_fini(&runtime->maps);
	gyre__simulation_free(runtime->simulation);
	gyre__watcher_free(runtime->watcher);
	gyre__pause_fini(runtime);
	gyre__gate_fini(&runtime->gate);
	runtime->sys->release(runtime->sent);
	runtime->sys->release(runtime->control_path);
	runtime->sys->release(runtime->states);
	runtime->sys->release(runtime->services);
	runtime->sys->release(runtime->placement);
	runtime->sys->release(runtime);
}

/* -- introspection ------------------------------------------------------- */

struct gyre_bus *
gyre_runtime_bus(struct gyre_runtime *runtime)
{
	return runtime->bus;
}

const struct gyre_plan *
gyre_runtime_plan(const struct gyre_runtime *runtime)
{
	return &runtime->placement->plan;
}

struct gyre_pool *
gyre_runtime_pool(struct gyre_runtime *runtime)
{
	return runtime->pool;
}

unsigned
gyre_runtime_shards(const struct gyre_runtime *runtime)
{
	return runtime->shards_count;
}

const struct gyre_shard *
gyre_runtime_shard(const struct gyre_runtime *runtime, unsigned index)
{
	if (index >= runtime->shards_count)
		return NULL;
	return &runtime->shards[index].shard;
}
