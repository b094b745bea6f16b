/*
 * From options to lanes. A lane's option that is 0 is the pool's, and that of
 * a pool has a default; only the numbers of threads are each lane's own.
 */
#include "pool/plan.h"

#include "base/log.h"

#include <errno.h>
#include <string.h>

#define THREADS_BESIDE_CPUS 4u
#define FAST_TIME_EVERY     16u
#define FAST                "fast"
#define THREAD_NAME         "gyre-pool-"

/* What is the same while the lanes are planned. */
struct context {
	const struct gyre_pool_options *options;
	struct gyre__cpus allowed;
	const struct gyre__lane_plan *lanes; /* planned so far */
	unsigned lanes_count;
};

/* -- what the options leave open ----------------------------------------- */

static struct gyre_lane_options
blocking_of(const struct gyre_pool_options *options)
{
	return (struct gyre_lane_options){
		.name = "blocking",
		.threads_min = options->threads_min,
		.threads_max = options->threads_max,
		.idle_timeout_ns = options->idle_timeout_ns,
		.queue_limit = options->queue_limit,
		.time_every = options->time_every,
		.stack_bytes = options->stack_bytes,
		.cpus = options->cpus,
		.cpus_count = options->cpus_count,
	};
}

static bool
is_fast(const struct gyre_lane_options *lane)
{
	return strcmp(lane->name, FAST) == 0;
}

static void
inherit(struct gyre_lane_options *lane, const struct gyre_pool_options *from)
{
	if (lane->idle_timeout_ns == 0)
		lane->idle_timeout_ns = from->idle_timeout_ns;
	if (lane->idle_timeout_ns == 0)
		lane->idle_timeout_ns = GYRE_POOL_IDLE_TIMEOUT_NS;
	if (lane->queue_limit == 0)
		lane->queue_limit = from->queue_limit;
	if (lane->queue_limit == 0)
		lane->queue_limit = GYRE_POOL_QUEUE_LIMIT;
	if (lane->time_every == 0)
		lane->time_every = from->time_every;
	if (lane->time_every == 0)
		lane->time_every = is_fast(lane) ? FAST_TIME_EVERY : 1;
	if (lane->stack_bytes == 0)
		lane->stack_bytes = from->stack_bytes;
	if (lane->cpus_count == 0) {
		lane->cpus = from->cpus;
		lane->cpus_count = from->cpus_count;
	}
}

static unsigned
default_threads_max(const struct gyre_lane_options *lane, unsigned cpus)
{
	unsigned threads = is_fast(lane) ? cpus : cpus + THREADS_BESIDE_CPUS;

	if (threads < lane->threads_min)
		threads = lane->threads_min;
	return threads < GYRE_POOL_THREADS_MAX ? threads
					       : GYRE_POOL_THREADS_MAX;
}

/* -- what is refused ----------------------------------------------------- */

static int
refuse(const struct gyre_log *log, const struct gyre_lane_options *lane,
       const char *what, unsigned long long value, unsigned long long limit)
{
	gyre__log(log, GYRE_LOG_ERROR,
		  "pool: %s of lane %s is %llu, the limit is %llu", what,
		  lane->name, value, limit);
	return -EINVAL;
}

static int
check_numbers(const struct gyre_lane_options *lane, const struct gyre_log *log)
{
	if (lane->threads_max > GYRE_POOL_THREADS_MAX)
		return refuse(log, lane, "threads_max", lane->threads_max,
			      GYRE_POOL_THREADS_MAX);
	if (lane->threads_min > GYRE_POOL_THREADS_MAX)
		return refuse(log, lane, "threads_min", lane->threads_min,
			      GYRE_POOL_THREADS_MAX);
	if (lane->threads_max != 0 && lane->threads_min > lane->threads_max)
		return refuse(log, lane, "threads_min", lane->threads_min,
			      lane->threads_max);
	if (lane->queue_limit > GYRE_POOL_QUEUE_LIMIT)
		return refuse(log, lane, "queue_limit", lane->queue_limit,
			      GYRE_POOL_QUEUE_LIMIT);
	if (lane->idle_timeout_ns < 0) {
		gyre__log(log, GYRE_LOG_ERROR,
			  "pool: idle_timeout_ns of lane %s is negative",
			  lane->name);
		return -EINVAL;
	}
	if (!gyre__thread_can_have_stack(lane->stack_bytes)) {
		gyre__log(log, GYRE_LOG_ERROR,
			  "pool: no thread of lane %s can have a stack of %zu "
			  "bytes",
			  lane->name, lane->stack_bytes);
		return -EINVAL;
	}
	return 0;
}

static int
check_name(const struct context *context, const char *name)
{
	const struct gyre_log *log = &context->options->log;

	if (name == NULL || name[0] == '\0') {
		gyre__log(log, GYRE_LOG_ERROR, "pool: a lane has no name");
		return -EINVAL;
	}
	for (unsigned i = 0; i < context->lanes_count; i++) {
		if (strcmp(context->lanes[i].name, name) != 0)
			continue;
		gyre__log(log, GYRE_LOG_ERROR,
			  "pool: there are two lanes named %s", name);
		return -EINVAL;
	}
	return 0;
}

static int
check_pool(const struct gyre_pool_options *options)
{
	if (options->lanes_count > GYRE_POOL_LANES_MAX) {
		gyre__log(&options->log, GYRE_LOG_ERROR,
			  "pool: lanes_count is %u, the limit is %u",
			  options->lanes_count, GYRE_POOL_LANES_MAX);
		return -EINVAL;
	}
	if (options->thread_name != NULL &&
	    strlen(options->thread_name) >= GYRE_POOL_NAME_BYTES) {
		gyre__log(&options->log, GYRE_LOG_ERROR,
			  "pool: the thread name %s is longer than %u bytes",
			  options->thread_name, GYRE_POOL_NAME_BYTES - 1);
		return -EINVAL;
	}
	return 0;
}

/* -- planning ------------------------------------------------------------ */

/* Those of the list, or all that are allowed. */
static int
plan_cpus(const struct context *context, const struct gyre_lane_options *lane,
	  struct gyre__cpus *ret)
{
	if (lane->cpus_count == 0) {
		*ret = context->allowed;
		return 0;
	}
	*ret = (struct gyre__cpus){ .known = false };
	for (unsigned i = 0; i < lane->cpus_count; i++) {
		if (gyre__cpus_has(&context->allowed, lane->cpus[i])) {
			(void)!gyre__cpus_add(ret, lane->cpus[i]);
			continue;
		}
		if (!context->allowed.known)
			continue; /* nor could it be asked for */
		gyre__log(&context->options->log, GYRE_LOG_ERROR,
			  "pool: CPU %u is not one that this process may run "
			  "on",
			  lane->cpus[i]);
		return -EINVAL;
	}
	return 0;
}

static int
plan_lane(struct context *context, struct gyre_lane_options lane,
	  struct gyre__lane_plan *ret)
{
	const struct gyre_pool_options *options = context->options;
	int result = check_name(context, lane.name);

	if (result < 0)
		return result;
	inherit(&lane, options);
	result = check_numbers(&lane, &options->log);
	if (result == 0)
		result = plan_cpus(context, &lane, &ret->cpus);
	if (result < 0)
		return result;
	if (lane.threads_max == 0)
		lane.threads_max = default_threads_max(
			&lane, gyre__cpus_count(&ret->cpus));
	ret->name = lane.name;
	ret->threads_min = lane.threads_min != 0 ? lane.threads_min : 1;
	ret->threads_max = lane.threads_max;
	ret->idle_timeout_ns = lane.idle_timeout_ns;
	ret->queue_limit = lane.queue_limit;
	ret->time_every = lane.time_every;
	ret->stack_bytes = lane.stack_bytes;
	ret->thread_name = options->thread_name != NULL ? options->thread_name
							: THREAD_NAME;
	if (context->lanes_count > 0)
		ret->first_thread = ret[-1].first_thread + ret[-1].threads_max;
	context->lanes_count++;
	return 0;
}

int
gyre__pool_plan(const struct gyre_pool_options *options,
		const struct gyre_sys *sys, struct gyre__lane_plan *ret)
{
	struct context context = { .options = options, .lanes = ret };
	struct gyre_lane_options fast = options->fast;
	int result = check_pool(options);

	if (result < 0)
		return result;
	gyre__cpus_allowed(sys, &context.allowed);
	fast.name = FAST;
	result = plan_lane(&context, blocking_of(options),
			   &ret[GYRE__LANE_BLOCKING]);
	if (result == 0)
		result = plan_lane(&context, fast, &ret[GYRE__LANE_FAST]);
	for (unsigned i = 0; i < options->lanes_count && result == 0; i++)
		result = plan_lane(&context, options->lanes[i],
				   &ret[GYRE__LANES_BUILTIN + i]);
	return result;
}
