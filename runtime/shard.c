/*
 * One shard's thread: pin, make the loop here, start the services, run, and
 * undo whatever of it was done. The gate keeps the shards in step until their
 * loops run; after that each ends by itself.
 */
#include "runtime/runtime.h"

#include "base/check.h"
#include "base/log.h"
#include "base/thread.h"
#include "loop/loop.h"
#include "runtime/placement.h"
#include "runtime/simulation.h"

#include <errno.h>
#include <stdio.h>

static struct gyre_runtime *
runtime_of(const struct gyre__shard *shard)
{
	return shard->shard.runtime;
}

/* -- the thread ---------------------------------------------------------- */

static void
pin(struct gyre__shard *shard)
{
	struct gyre_runtime *runtime = runtime_of(shard);
	int result;

	if (shard->shard.cpu < 0)
		return;
	result = gyre__placement_pin(runtime->sys, shard->shard.cpu);
	if (result == 0)
		return;
	gyre__log(&runtime->log, GYRE_LOG_WARN,
		  "shard %u: not pinned to CPU %d: %s", shard->shard.index,
		  shard->shard.cpu, gyre_error_name(result));
	shard->shard.cpu = -1;
}

static struct gyre_executor *
executor_of(struct gyre_runtime *runtime)
{
	if (runtime->simulation != NULL)
		return gyre__simulation_executor(runtime->simulation);
	return gyre_pool_executor(runtime->pool);
}

/* On this thread, so that its memory is near the CPU it is pinned to. */
int
gyre__shard_make_loop(struct gyre__shard *shard)
{
	struct gyre_runtime *runtime = runtime_of(shard);
	struct gyre_loop_options options = {
		.make_current = GYRE_MAKE_CURRENT_YES,
		.log = runtime->log,
		.spin_ns = runtime->options.spin_ns,
		.slack_ns = runtime->options.slack_ns,
		._sys = runtime->sys,
	};
	int result;

	if (runtime->simulation != NULL)
		gyre__simulation_prepare(runtime->simulation, &options);
	result = gyre_loop_new(&options, &shard->shard.loop);
	if (result == 0) {
		gyre__statistics_count_sent(runtime, shard->shard.index);
		gyre_loop_set_default_executor(shard->shard.loop,
					       executor_of(runtime));
		gyre__loop_set_helpers(shard->shard.loop,
				       &runtime->placement->helpers);
		shard->shard.loop->shard = &shard->shard;
		if (runtime->watcher != NULL)
			gyre__watcher_add(runtime->watcher, shard->shard.index,
					  shard->shard.loop);
	} else {
		snprintf(shard->failure, sizeof(shard->failure),
			 "no loop could be made: %s", gyre_error_name(result));
	}
	return result;
}

void
gyre__shard_report_end(struct gyre__shard *shard, int result)
{
	gyre__services_refuse_start(shard, -ECANCELED, "its loop has ended");
	if (result == 0)
		return;
	shard->result = result;
	gyre__log(&runtime_of(shard)->log, GYRE_LOG_ERROR,
		  "shard %u: its loop ended: %s", shard->shard.index,
		  gyre_error_name(result));
}

/* Whatever the loop ended for, and however far it came. */
void
gyre__shard_leave(struct gyre__shard *shard)
{
	struct gyre_loop *loop = shard->shard.loop;

	gyre__services_force(shard);
	if (gyre__runtime_is_fork(runtime_of(shard)))
		return;
	if (loop != NULL) {
		int result = gyre_loop_close(loop, false);

		GYRE_INSIST(result == 0);
	}
	gyre__services_free(shard);
	gyre__drain_count(shard);
	gyre__supervision_count_out(shard);
}

/* In a fork of this thread there is nothing left to do: services, loop and
 * gate are the parent's. */
static void
live(struct gyre__shard *shard)
{
	struct gyre__gate *gate = &runtime_of(shard)->gate;

	pin(shard);
	shard->result = gyre__shard_make_loop(shard);
	gyre__gate_arrive(gate, shard->result == 0);
	if (gyre__gate_pass(gate, GYRE__GATE_SERVICES)) {
		gyre__services_run(shard, GYRE__TURN_START);
		if (gyre__runtime_is_fork(runtime_of(shard)))
			return;
		if (gyre__gate_pass(gate, GYRE__GATE_RUN)) {
			int result = gyre_loop_start(shard->shard.loop);

			if (gyre__runtime_is_fork(runtime_of(shard)))
				return;
			gyre__shard_report_end(shard, result);
		}
	}
	gyre__shard_leave(shard);
}

void *
gyre__shard_main(void *arg)
{
	struct gyre__shard *shard = arg;

	gyre__thread_enter("gyre-shard-", shard->shard.index);
	live(shard);
	return NULL;
}

void
gyre__shard_live_here(struct gyre__shard *shard)
{
	const struct gyre_sys *sys = runtime_of(shard)->sys;
	bool was_ours = gyre__thread_is_ours;
	struct gyre__cpus allowed;

	gyre__cpus_allowed(sys, &allowed);
	gyre__thread_is_ours = true;
	live(shard);
	gyre__thread_is_ours = was_ours;
	if (shard->shard.cpu >= 0)
		(void)!gyre__cpus_apply(sys, &allowed);
}
