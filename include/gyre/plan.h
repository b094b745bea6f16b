/*
 * The plan: where a runtime's threads will run, and why.
 *
 * It is made with the runtime, from the CPUs that the process may use (its
 * affinity, which the kernel keeps within its control group's set), from the
 * CPU time that its control groups allow, and from what the machine is made of.
 * Shards that cannot each have a CPU of their own are left to the scheduler,
 * unless a list says otherwise.
 *
 *     const struct gyre_plan *plan = gyre_runtime_plan(runtime);
 *     for (unsigned i = 0; i < plan->loops; i++)
 *             printf("shard %u: CPU %d\n", i, plan->shards[i].cpu);
 */
#ifndef GYRE_PLAN_H
#define GYRE_PLAN_H

#include <gyre/base.h>
#include <gyre/runtime.h>

#ifdef __cplusplus
extern "C" {
#endif

struct gyre_plan_shard {
	int cpu;       /* -1: not pinned */
	unsigned core; /* of its CPU; counted from 0 over the allowed CPUs */
	unsigned node;
};

struct gyre_plan {
	unsigned loops;
	bool is_pinned;
	const char *reason;   /* why it is not pinned; "" if it is */
	unsigned cpus;        /* that the process may use; 0: unknown */
	unsigned cores;       /* that they belong to */
	unsigned nodes;       /* of memory, likewise */
	unsigned quota_milli; /* thousandths of a CPU; 0: no limit */
	const struct gyre_plan_shard *shards;
	/* The CPUs without a shard, which the pool, the watchers and the RCU
	 * thread get; none: they run where the process may. */
	const unsigned *others;
	unsigned others_count;
};

/*
 * Return the plan of a runtime; it lives as long as that. A pin that the kernel
 * refuses later is told by the log and by gyre_runtime_shard().
 *
 * Thread: any
 */
GYRE_API const struct gyre_plan *gyre_runtime_plan(
	const struct gyre_runtime *runtime);

#ifdef __cplusplus
}
#endif

#endif
