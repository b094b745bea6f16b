/*
 * Placement. A pin keeps a shard's memory and caches where its thread is; but
 * two shards pinned to one CPU, while another is free, are worse than none, and
 * so is a pinned thread whose time is used up while its CPU idles. So a policy
 * pins only when each shard can have a CPU to itself, all of the time. A list
 * is the user's own judgement.
 */
#include "runtime/placement.h"

#include "base/check.h"
#include "base/log.h"
#include "runtime/quota.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int
gyre__placement_pin(const struct gyre_sys *sys, int cpu)
{
	struct gyre__cpus one = { .known = false };
	int result = gyre__cpus_add(&one, (unsigned)cpu);

	return result < 0 ? result : gyre__cpus_apply(sys, &one);
}

/* -- what is refused ----------------------------------------------------- */

static int
check_list(const struct gyre__placement *placement,
	   const struct gyre_runtime_options *options)
{
	if (options->cpus == NULL || options->cpus_count == 0) {
		gyre__log(&options->log, GYRE_LOG_ERROR,
			  "runtime: the list of CPUs is empty");
		return -EINVAL;
	}
	for (unsigned i = 0; i < options->cpus_count; i++) {
		if (!placement->allowed.known ||
		    gyre__cpus_has(&placement->allowed, options->cpus[i]))
			continue;
		gyre__log(&options->log, GYRE_LOG_ERROR,
			  "runtime: CPU %u is not one that this process may "
			  "run on",
			  options->cpus[i]);
		return -EINVAL;
	}
	return 0;
}

static int
check_pin(const struct gyre__placement *placement,
	  const struct gyre_runtime_options *options)
{
	switch (placement->pin) {
	case GYRE_PIN_AUTO:
	case GYRE_PIN_NONE:
	case GYRE_PIN_SPREAD:
	case GYRE_PIN_PACK:
	case GYRE_PIN_CORE:
		return 0;
	case GYRE_PIN_LIST:
		return check_list(placement, options);
	default:
		gyre__log(&options->log, GYRE_LOG_ERROR,
			  "runtime: %d is no way to pin", (int)placement->pin);
		return -EINVAL;
	}
}

/* -- how many ------------------------------------------------------------ */

/* How many shards can have a CPU, or a core, to themselves. */
static unsigned
room_for(const struct gyre__placement *placement)
{
	return placement->pin == GYRE_PIN_CORE
		       ? placement->topology.cores
		       : gyre__cpus_count(&placement->allowed);
}

/* No more than the quota can keep busy, but one at least. */
static unsigned
default_loops(const struct gyre__placement *placement,
	      const struct gyre_runtime_options *options)
{
	unsigned loops = room_for(placement);
	unsigned quota_milli = placement->plan.quota_milli;

	if (placement->pin == GYRE_PIN_LIST)
		loops = options->cpus_count;
	else if (quota_milli != 0 && quota_milli / 1000 < loops)
		loops = quota_milli / 1000;
	if (loops == 0)
		loops = 1;
	return loops < GYRE_SHARDS_MAX ? loops : GYRE_SHARDS_MAX;
}

static int
plan_loops(struct gyre__placement *placement,
	   const struct gyre_runtime_options *options)
{
	placement->plan.loops = options->loops != 0
					? options->loops
					: default_loops(placement, options);
	if (placement->plan.loops <= GYRE_SHARDS_MAX)
		return 0;
	gyre__log(&options->log, GYRE_LOG_ERROR,
		  "runtime: %u loops are more than %u", placement->plan.loops,
		  GYRE_SHARDS_MAX);
	return -EINVAL;
}

/* -- whether to pin ------------------------------------------------------ */

__attribute__((format(printf, 4, 5))) static void
do_not_pin(struct gyre__placement *placement, const struct gyre_log *log,
	   enum gyre_log_level level, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(placement->reason, sizeof(placement->reason), format,
		  arguments);
	va_end(arguments);
	placement->pin = GYRE_PIN_NONE;
	gyre__log(log, level, "runtime: not pinned: %s", placement->reason);
}

static bool
is_short_of_time(const struct gyre_plan *plan)
{
	return plan->quota_milli != 0 && plan->quota_milli < plan->loops * 1000;
}

/* What was asked for and can't be had is said once. */
static void
decide_pin(struct gyre__placement *placement, const struct gyre_log *log)
{
	const struct gyre_plan *plan = &placement->plan;
	bool is_list = placement->pin == GYRE_PIN_LIST;

	if (placement->pin == GYRE_PIN_NONE)
		snprintf(placement->reason, sizeof(placement->reason),
			 "it was not asked for");
	else if (!placement->allowed.known)
		do_not_pin(placement, log, GYRE_LOG_WARN,
			   "the allowed CPUs are unknown");
	else if (!is_list && plan->loops > room_for(placement))
		do_not_pin(placement, log, GYRE_LOG_INFO,
			   "%u loops, %u allowed %s", plan->loops,
			   room_for(placement),
			   placement->pin == GYRE_PIN_CORE ? "cores" : "CPUs");
	else if (!is_list && is_short_of_time(plan))
		do_not_pin(placement, log, GYRE_LOG_INFO,
			   "%u loops, a quota of %u.%03u CPUs", plan->loops,
			   plan->quota_milli / 1000, plan->quota_milli % 1000);
	else if (is_short_of_time(plan))
		gyre__log(log, GYRE_LOG_WARN,
			  "runtime: pinned as the list says, though %u loops "
			  "have a quota of %u.%03u CPUs",
			  plan->loops, plan->quota_milli / 1000,
			  plan->quota_milli % 1000);
}

/* -- where --------------------------------------------------------------- */

static const struct gyre__topology_cpu *
find_cpu(const struct gyre__topology *topology, unsigned cpu)
{
	for (unsigned i = 0; i < topology->count; i++)
		if (topology->cpus[i].cpu == cpu)
			return &topology->cpus[i];
	return NULL;
}

static void
place_shards(struct gyre__placement *placement,
	     const struct gyre_runtime_options *options)
{
	struct gyre__topology *topology = &placement->topology;

	gyre__topology_sort(topology, placement->pin == GYRE_PIN_PACK
					      ? GYRE__TOPOLOGY_TOGETHER
					      : GYRE__TOPOLOGY_APART);
	for (unsigned i = 0; i < placement->plan.loops; i++) {
		struct gyre_plan_shard *shard = &placement->shards[i];
		const struct gyre__topology_cpu *cpu = NULL;

		if (placement->pin == GYRE_PIN_LIST)
			cpu = find_cpu(topology,
				       options->cpus[i % options->cpus_count]);
		else if (placement->pin != GYRE_PIN_NONE)
			cpu = &topology->cpus[i];
		shard->cpu = cpu != NULL ? (int)cpu->cpu : -1;
		shard->core = cpu != NULL ? cpu->core : 0;
		shard->node = cpu != NULL ? cpu->node : 0;
	}
}

static bool
has_shard(const struct gyre__placement *placement, unsigned cpu)
{
	for (unsigned i = 0; i < placement->plan.loops; i++)
		if (placement->shards[i].cpu == (int)cpu)
			return true;
	return false;
}

/* The CPUs that are left, or all where none is. */
static void
place_helpers(struct gyre__placement *placement)
{
	struct gyre_plan *plan = &placement->plan;

	placement->helpers = placement->allowed;
	if (!plan->is_pinned)
		return;
	for (unsigned cpu = 0; cpu < GYRE__CPUS_MAX; cpu++)
		if (gyre__cpus_has(&placement->allowed, cpu) &&
		    !has_shard(placement, cpu))
			placement->others[plan->others_count++] = cpu;
	if (plan->others_count == 0)
		return;
	placement->helpers.known = false;
	for (unsigned i = 0; i < plan->others_count; i++)
		(void)!gyre__cpus_add(&placement->helpers,
				      placement->others[i]);
}

int
gyre__placement_plan(struct gyre__placement *placement,
		     const struct gyre_runtime_options *options)
{
	const struct gyre_sys *sys = gyre__sys(options->_sys);
	struct gyre_plan *plan = &placement->plan;
	int result;

	memset(placement, 0, sizeof(*placement));
	placement->pin = options->pin;
	gyre__cpus_allowed(sys, &placement->allowed);
	result = check_pin(placement, options);
	if (result < 0)
		return result;
	gyre__topology_read(options, &placement->allowed, &placement->topology);
	plan->cpus = placement->topology.count;
	plan->cores = placement->topology.cores;
	plan->nodes = placement->topology.nodes;
	result = gyre__quota_read(sys, &plan->quota_milli);
	if (result == 0)
		result = plan_loops(placement, options);
	if (result < 0)
		return result;
	decide_pin(placement, &options->log);
	plan->is_pinned = placement->pin != GYRE_PIN_NONE;
	plan->reason = placement->reason;
	plan->shards = placement->shards;
	plan->others = placement->others;
	place_shards(placement, options);
	place_helpers(placement);
	return 0;
}

/* -- spinning ------------------------------------------------------------ */

static bool
share_a_cpu(const struct gyre_plan *plan)
{
	for (unsigned i = 0; i < plan->loops; i++)
		for (unsigned k = i + 1; k < plan->loops; k++)
			if (plan->shards[i].cpu == plan->shards[k].cpu)
				return true;
	return false;
}

const char *
gyre__placement_against_spin(const struct gyre__placement *placement)
{
	const struct gyre_plan *plan = &placement->plan;

	if (!plan->is_pinned)
		return "the loops are not pinned";
	if (plan->cpus < 2)
		return "there is no CPU from which something could come";
	if (is_short_of_time(plan))
		return "the quota is less than the loops";
	if (share_a_cpu(plan))
		return "two loops share a CPU";
	return NULL;
}
