/*
 * A runtime, made and freed, and what is read from it: what stays the same
 * however often it is started. What does not is life.c's.
 */
#include "runtime/runtime.h"

#include "base/check.h"
#include "base/log.h"
#include "base/option.h"
#include "runtime/placement.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define STOP_TIMEOUT_NS GYRE_SECONDS(5)

/* -- new ----------------------------------------------------------------- */

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

static int
new_runtime(const struct gyre_runtime_options *options,
	    struct gyre__placement *placement,
	    struct gyre_runtime **ret_runtime)
{
	const struct gyre_sys *sys = gyre__sys(options->_sys);
	unsigned loops = placement->plan.loops;
	struct gyre_runtime *runtime = gyre__allocate(
		sys, sizeof(*runtime) + loops * sizeof(runtime->shards[0]), 0);

	if (runtime == NULL)
		return -ENOMEM;
	if (gyre__shard_maps_init(&runtime->maps, sys, loops) < 0) {
		sys->release(runtime);
		return -ENOMEM;
	}
	runtime->sys = sys;
	runtime->options = *options;
	runtime->options.cpus = NULL;
	runtime->options.control_path = NULL;
	if (options->stop_timeout_ns == 0)
		runtime->options.stop_timeout_ns = STOP_TIMEOUT_NS;
	runtime->log = options->log;
	runtime->forks = gyre__forks();
	runtime->placement = placement;
	runtime->shards_count = loops;
	gyre__gate_init(&runtime->gate);
	gyre__pause_init(runtime);
	*ret_runtime = runtime;
	return 0;
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

static void
destroy(struct gyre_runtime *runtime)
{
	const struct gyre_sys *sys = runtime->sys;

	gyre__life_fini(runtime); /* and the maps that wait there */
	gyre__shard_maps_fini(&runtime->maps);
	gyre__pause_fini(runtime);
	gyre__gate_fini(&runtime->gate);
	sys->release(runtime->control_path);
	sys->release(runtime->services);
	sys->release(runtime->placement);
	sys->release(runtime);
}

/* What the loops spin, which they do not if it can only harm. */
static int64_t
decide_spin(const struct gyre__placement *placement,
	    const struct gyre_runtime_options *options)
{
	const char *reason;

	if (options->spin_ns == 0 || options->simulate != 0)
		return 0;
	reason = gyre__placement_against_spin(placement);
	if (reason == NULL)
		return options->spin_ns;
	gyre__log(&options->log, GYRE_LOG_INFO, "runtime: no spinning: %s",
		  reason);
	return 0;
}

static int
make_runtime(const struct gyre_runtime_options *options,
	     struct gyre_runtime **ret_runtime)
{
	const struct gyre_sys *sys = gyre__sys(options->_sys);
	struct gyre__placement *placement =
		gyre__allocate(sys, sizeof(*placement), 0);
	struct gyre_runtime *runtime = NULL;
	int result;

	if (placement == NULL)
		return -ENOMEM;
	result = gyre__placement_plan(placement, options);
	if (result == 0)
		result = new_runtime(options, placement, &runtime);
	if (result < 0) {
		sys->release(placement);
		return result;
	}
	runtime->options.spin_ns = decide_spin(placement, options);
	result = copy_control_path(runtime, options->control_path);
	if (result == 0)
		result = gyre__life_begin(runtime);
	if (result < 0)
		destroy(runtime);
	else
		*ret_runtime = runtime;
	return result;
}

int
gyre_runtime_new(const struct gyre_runtime_options *options,
		 struct gyre_runtime **ret_runtime)
{
	struct gyre_runtime_options given = { 0 };
	int result;

	GYRE_REQUIRE(ret_runtime != NULL);
	if (options != NULL)
		given = *options;
	result = check_options(&given);
	if (result == 0)
		result = check_watchdog(&given);
	if (result == 0)
		result = gyre__option_check_ns(&given.log, "runtime", "spin_ns",
					       given.spin_ns, GYRE_SPIN_MAX_NS);
	if (result == 0)
		result = gyre__option_check_ns(&given.log, "runtime",
					       "slack_ns", given.slack_ns,
					       GYRE_SLACK_MAX_NS);
	if (result < 0)
		return result;
	if (given.simulate != 0)
		given.pin = GYRE_PIN_NONE;
	return make_runtime(&given, ret_runtime);
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
	if (!gyre__runtime_is_at_rest(runtime))
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
	/* In a fork its threads do not exist, and its locks may be held. */
	if (runtime == NULL || gyre__runtime_is_fork(runtime))
		return;
	GYRE_REQUIRE(gyre__runtime_is_at_rest(runtime));
	destroy(runtime);
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
