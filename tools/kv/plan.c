#include "plan.h"

static void
print_machine(const struct gyre_plan *plan, FILE *file)
{
	if (plan->cpus == 0)
		fprintf(file, "CPUs      unknown\n");
	else
		fprintf(file, "CPUs      %u, in %u core%s and %u node%s\n",
			plan->cpus, plan->cores, plan->cores == 1 ? "" : "s",
			plan->nodes, plan->nodes == 1 ? "" : "s");
	if (plan->quota_milli == 0)
		fprintf(file, "quota     none\n");
	else
		fprintf(file, "quota     %u.%03u CPUs\n",
			plan->quota_milli / 1000, plan->quota_milli % 1000);
}

void
plan_print(const struct gyre_plan *plan, FILE *file)
{
	print_machine(plan, file);
	fprintf(file, "pinned    %s%s\n",
		plan->is_pinned ? "yes" : "no: ", plan->reason);
	for (unsigned i = 0; i < plan->loops; i++) {
		const struct gyre_plan_shard *shard = &plan->shards[i];

		fprintf(file, "shard %-3u ", i);
		if (shard->cpu < 0)
			fprintf(file, "any CPU\n");
		else
			fprintf(file, "CPU %d, core %u, node %u\n", shard->cpu,
				shard->core, shard->node);
	}
	fprintf(file, "others   ");
	for (unsigned i = 0; i < plan->others_count; i++)
		fprintf(file, "%s%u", i == 0 ? " CPU " : " ", plan->others[i]);
	fprintf(file, "%s\n", plan->others_count == 0 ? " any CPU" : "");
}
