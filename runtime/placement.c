/*
 * Placement. A pin keeps a shard's memory and caches where its thread is; but
 * two shards pinned to one CPU, while another is free, are worse than none,
 * so AUTO pins only when each can have its own.
 */
#include "runtime/placement.h"

#include "base/check.h"
#include "base/log.h"

#include <errno.h>

int
gyre__placement_pin(const struct gyre_sys *sys, int cpu)
{
	struct gyre__cpus one = { .known = false };
	int result = gyre__cpus_add(&one, (unsigned)cpu);

	return result < 0 ? result : gyre__cpus_apply(sys, &one);
}

/* The n-th allowed CPU, from 0. */
static int
nth_allowed(const struct gyre__cpus *cpus, unsigned n)
{
	unsigned cpu = 0;

	GYRE_INSIST(n < gyre__cpus_count(cpus));
	for (;; cpu++)
		if (gyre__cpus_has(cpus, cpu) && n-- == 0)
			return (int)cpu;
}

static int
check_list(const struct gyre__placement *plan, const struct gyre_log *log)
{
	if (plan->list == NULL || plan->list_count == 0) {
		gyre__log(log, GYRE_LOG_ERROR,
			  "runtime: the list of CPUs is empty");
		return -EINVAL;
	}
	for (unsigned i = 0; i < plan->list_count; i++) {
		if (!plan->allowed.known ||
		    gyre__cpus_has(&plan->allowed, plan->list[i]))
			continue;
		gyre__log(log, GYRE_LOG_ERROR,
			  "runtime: CPU %u is not one that this process may "
			  "run on",
			  plan->list[i]);
		return -EINVAL;
	}
	return 0;
}

static int
plan_loops(struct gyre__placement *plan,
	   const struct gyre_runtime_options *options)
{
	plan->loops = options->loops;
	if (plan->loops == 0) {
		plan->loops = plan->pin == GYRE_PIN_LIST
				      ? plan->list_count
				      : gyre__cpus_count(&plan->allowed);
		if (plan->loops > GYRE_SHARDS_MAX)
			plan->loops = GYRE_SHARDS_MAX;
	}
	if (plan->loops <= GYRE_SHARDS_MAX)
		return 0;
	gyre__log(&options->log, GYRE_LOG_ERROR,
		  "runtime: %u loops are more than %u", plan->loops,
		  GYRE_SHARDS_MAX);
	return -EINVAL;
}

/* What was asked for and can't be had is said once. */
static void
decide_pin(struct gyre__placement *plan, const struct gyre_log *log)
{
	unsigned cpus = gyre__cpus_count(&plan->allowed);

	if (plan->pin == GYRE_PIN_NONE)
		return;
	if (!plan->allowed.known) {
		gyre__log(log, GYRE_LOG_WARN,
			  "runtime: not pinned: the allowed CPUs are unknown");
		plan->pin = GYRE_PIN_NONE;
	} else if (plan->pin == GYRE_PIN_AUTO && plan->loops > cpus) {
		gyre__log(log, GYRE_LOG_INFO,
			  "runtime: not pinned: %u loops, %u allowed CPUs",
			  plan->loops, cpus);
		plan->pin = GYRE_PIN_NONE;
	}
}

int
gyre__placement_plan(struct gyre__placement *plan,
		     const struct gyre_runtime_options *options)
{
	int result = 0;

	*plan = (struct gyre__placement){
		.pin = options->pin,
		.list = options->cpus,
		.list_count = options->cpus_count,
	};
	gyre__cpus_allowed(gyre__sys(options->_sys), &plan->allowed);
	switch (plan->pin) {
	case GYRE_PIN_AUTO:
	case GYRE_PIN_NONE:
		break;
	case GYRE_PIN_LIST:
		result = check_list(plan, &options->log);
		break;
	default:
		gyre__log(&options->log, GYRE_LOG_ERROR,
			  "runtime: %d is no way to pin", (int)plan->pin);
		result = -EINVAL;
	}
	if (result == 0)
		result = plan_loops(plan, options);
	if (result == 0)
		decide_pin(plan, &options->log);
	return result;
}

int
gyre__placement_cpu(const struct gyre__placement *plan, unsigned shard)
{
	GYRE_INSIST(shard < plan->loops);
	switch (plan->pin) {
	case GYRE_PIN_AUTO:
		return nth_allowed(&plan->allowed, shard);
	case GYRE_PIN_LIST:
		return (int)plan->list[shard % plan->list_count];
	default:
		return -1;
	}
}

static bool
is_pinned_to(const struct gyre__placement *plan, unsigned cpu)
{
	for (unsigned i = 0; i < plan->loops; i++)
		if (gyre__placement_cpu(plan, i) == (int)cpu)
			return true;
	return false;
}

unsigned
gyre__placement_others(const struct gyre__placement *plan, unsigned *ret_cpus)
{
	unsigned count = 0;

	if (plan->pin == GYRE_PIN_NONE)
		return 0;
	for (unsigned cpu = 0; cpu < GYRE__CPUS_MAX; cpu++)
		if (gyre__cpus_has(&plan->allowed, cpu) &&
		    !is_pinned_to(plan, cpu))
			ret_cpus[count++] = cpu;
	return count;
}
