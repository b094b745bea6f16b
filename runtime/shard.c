/*
 * One shard's thread: pin, make the loop here, start the services, run, and
 * undo whatever of it was done. The gate keeps the shards in step until their
 * loops run; after that each ends by itself.
 */
#include "runtime/runtime.h"

#include "base/check.h"
#include "base/exception.h"
#include "base/log.h"
#include "base/thread.h"
#include "loop/loop.h"
#include "runtime/placement.h"
#include "runtime/simulation.h"

#include <stdio.h>

static struct gyre_runtime *
runtime_of(const struct gyre__shard *shard)
{
	return shard->shard.runtime;
}

/* -- services ------------------------------------------------------------ */

/* What a service raised when it stopped or freed: said, and forgotten. */
static void
report_raised(const struct gyre__shard *shard, const char *service,
	      const char *doing)
{
	const struct gyre_exception *raised = gyre_exception();

	if (raised == NULL)
		return;
	gyre__log(&runtime_of(shard)->log, GYRE_LOG_ERROR,
		  "shard %u: service %s raised %s while it %s: %s",
		  shard->shard.index, service, gyre_error_name(raised->error),
		  doing, raised->message);
	gyre__clear_exception();
}

/* A service may return its error, raise it, or both: then with a message. */
static int
start_service(struct gyre__shard *shard, unsigned i)
{
	const struct gyre__service *service = &runtime_of(shard)->services[i];
	const struct gyre_exception *raised;
	int result = service->ops->start(&shard->shard, service->arg,
					 &shard->states[i]);

	raised = gyre_exception();
	if (result == 0 && raised != NULL)
		result = raised->error;
	if (result < 0)
		snprintf(shard->failure, sizeof(shard->failure),
			 "service %s did not start: %s%s%s", service->ops->name,
			 gyre_error_name(result), raised != NULL ? ": " : "",
			 raised != NULL ? raised->message : "");
	gyre__clear_exception();
	return result;
}

int
gyre__shard_start_next(struct gyre__shard *shard)
{
	int result = start_service(shard, shard->started);

	if (result < 0)
		return result;
	shard->started++;
	shard->kept++;
	return 0;
}

static int
start_services(struct gyre__shard *shard)
{
	int result = 0;

	while (result == 0 && !gyre__runtime_is_fork(runtime_of(shard)) &&
	       shard->started < runtime_of(shard)->services_count)
		result = gyre__shard_start_next(shard);
	return result;
}

void
gyre__shard_stop_services(struct gyre__shard *shard)
{
	while (shard->started > 0) {
		unsigned i = --shard->started;
		const struct gyre_service_ops *ops =
			runtime_of(shard)->services[i].ops;

		if (ops->stop != NULL)
			ops->stop(&shard->shard, shard->states[i]);
		report_raised(shard, ops->name, "stopped");
	}
}

static void
free_services(struct gyre__shard *shard)
{
	while (shard->kept > 0) {
		unsigned i = --shard->kept;
		const struct gyre_service_ops *ops =
			runtime_of(shard)->services[i].ops;

		if (ops->free != NULL)
			ops->free(shard->states[i]);
		report_raised(shard, ops->name, "was freed");
	}
}

/* -- the thread ---------------------------------------------------------- */

static void
enter(struct gyre__shard *shard)
{
	struct gyre_runtime *runtime = runtime_of(shard);
	int result;

	gyre__thread_name("gyre-shard-", shard->shard.index);
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
gyre__shard_report_end(const struct gyre__shard *shard)
{
	if (shard->result < 0)
		gyre__log(&runtime_of(shard)->log, GYRE_LOG_ERROR,
			  "shard %u: its loop ended: %s", shard->shard.index,
			  gyre_error_name(shard->result));
}

/* Whatever the loop ended for, and however far it came. */
void
gyre__shard_leave(struct gyre__shard *shard)
{
	gyre__shard_stop_services(shard);
	if (shard->shard.loop != NULL) {
		int result = gyre_loop_close(shard->shard.loop, false);

		GYRE_INSIST(result == 0);
	}
	free_services(shard);
}

/* In a fork of this thread there is nothing left to do: services, loop and
 * gate are the parent's. */
void *
gyre__shard_main(void *arg)
{
	struct gyre__shard *shard = arg;
	struct gyre__gate *gate = &runtime_of(shard)->gate;
	enum gyre__phase phase;

	enter(shard);
	shard->result = gyre__shard_make_loop(shard);
	phase = gyre__gate_pass(gate, GYRE__PHASE_LOOPS);
	if (phase == GYRE__PHASE_SERVICES) {
		shard->result = start_services(shard);
		if (gyre__runtime_is_fork(runtime_of(shard)))
			return NULL;
		phase = gyre__gate_pass(gate, GYRE__PHASE_SERVICES);
	}
	if (phase == GYRE__PHASE_RUN) {
		shard->result = gyre_loop_start(shard->shard.loop);
		if (gyre__runtime_is_fork(runtime_of(shard)))
			return NULL;
		gyre__shard_report_end(shard);
	}
	gyre__shard_leave(shard);
	return NULL;
}
