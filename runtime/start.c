/*
 * Start and wait, and run, which is both: the starter's side of the shards'
 * life. After a failure the way back is the one that a stop takes at its
 * deadline.
 *
 * Who runs a runtime is shard 0 itself, from its gates to its end, and a thread
 * of the house is the starter meanwhile. Rejected: the steps of both in turn on
 * the one thread, where a start that awaits, or a shard that is stuck, would
 * keep the starter from its work.
 */
#include "runtime/runtime.h"

#include "base/check.h"
#include "base/log.h"
#include "bus/bus.h"
#include "bus/rcu.h"
#include "base/thread.h"
#include "runtime/simulation.h"

#include <errno.h>

/* -- the steps ----------------------------------------------------------- */

static int
make_threads(struct gyre_runtime *runtime)
{
	while (runtime->threads < runtime->shards_count) {
		struct gyre__shard *shard = &runtime->shards[runtime->threads];
		int result = gyre__thread_start(runtime->sys, &shard->thread,
						gyre__shard_main, shard);

		if (result < 0) {
			gyre__log(&runtime->log, GYRE_LOG_ERROR,
				  "shard %u: no thread could be made: %s",
				  shard->shard.index, gyre_error_name(result));
			return result;
		}
		runtime->threads++;
	}
	return 0;
}

/* Until every shard has taken it; -ECANCELED: one has failed, and will say. */
static int
end_step(struct gyre_runtime *runtime)
{
	return gyre__gate_wait(&runtime->gate, runtime->shards_count)
		       ? 0
		       : -ECANCELED;
}

static int
no_memory(const struct gyre_runtime *runtime, const char *what)
{
	gyre__log(&runtime->log, GYRE_LOG_ERROR, "runtime: no memory for %s",
		  what);
	return -ENOMEM;
}

static int
connect_bus(struct gyre_runtime *runtime)
{
	struct gyre_inbox **inboxes = runtime->sys->allocate(
		runtime->shards_count * sizeof(struct gyre_inbox *), 0);
	int result;

	if (inboxes == NULL)
		return no_memory(runtime, "the bus");
	for (unsigned i = 0; i < runtime->shards_count; i++)
		inboxes[i] = gyre_loop_inbox(runtime->shards[i].shard.loop);
	result = gyre__bus_connect(runtime->bus, inboxes);
	runtime->sys->release(inboxes);
	return result < 0 ? no_memory(runtime, "the bus") : 0;
}

static int
make_states(struct gyre_runtime *runtime)
{
	unsigned services = runtime->services_count;

	if (services == 0)
		return 0;
	runtime->states = gyre__allocate(
		runtime->sys, sizeof(void *) * services * runtime->shards_count,
		0);
	if (runtime->states == NULL)
		return no_memory(runtime, "the services");
	for (unsigned i = 0; i < runtime->shards_count; i++)
		runtime->shards[i].states =
			runtime->states + (size_t)i * services;
	return 0;
}

/* A child of a process whose threads read under RCU cannot wait for grace
 * periods: those readers never end. */
static int
open_wake(struct gyre_runtime *runtime)
{
	int result = gyre__wake_fd_open(&runtime->wake, runtime->sys);

	if (result < 0)
		gyre__log(&runtime->log, GYRE_LOG_ERROR,
			  "runtime: no descriptor to be woken by: %s",
			  gyre_error_name(result));
	else
		runtime->has_wake = true;
	return result;
}

static int
start_reaper(struct gyre_runtime *runtime)
{
	int result;

	if (gyre__rcu_is_lost()) {
		gyre__log(
			&runtime->log, GYRE_LOG_ERROR,
			"runtime: this process was forked from one whose loops "
			"or jobs had threads; it must exec first");
		return -EPERM;
	}
	result = gyre__reaper_start(gyre__bus_reaper(runtime->bus));
	if (result < 0)
		gyre__log(&runtime->log, GYRE_LOG_ERROR,
			  "runtime: no thread could be made for the reaper: %s",
			  gyre_error_name(result));
	return result;
}

static int
start_watcher(struct gyre_runtime *runtime)
{
	int result = gyre__watcher_start(runtime->watcher);

	if (result < 0)
		gyre__log(&runtime->log, GYRE_LOG_ERROR,
			  "runtime: no thread could be made for the watchdog: "
			  "%s",
			  gyre_error_name(result));
	return result;
}

/* From no thread to loops that run, or to the first failure. */
static int
start_shards(struct gyre_runtime *runtime)
{
	int result = make_threads(runtime);

	if (result == 0)
		result = end_step(runtime);
	if (result == 0)
		result = connect_bus(runtime);
	if (result == 0)
		result = start_watcher(runtime);
	/* It looks at loops, which are all there, and at the rest of start. */
	if (result == 0)
		result = gyre__control_socket_start(runtime->control_socket);
	if (result == 0 && !gyre__control_open(runtime))
		result = -ESHUTDOWN;
	if (result < 0)
		return result;
	gyre__gate_open(&runtime->gate, GYRE__GATE_SERVICES);
	result = end_step(runtime);
	if (result == 0)
		gyre__gate_open(&runtime->gate, GYRE__GATE_RUN);
	return result;
}

/* The same without threads: the shards' work is done here. */
static int
start_simulated(struct gyre_runtime *runtime)
{
	int result = gyre__simulation_make_loops(runtime->simulation);

	if (result == 0)
		result = connect_bus(runtime);
	if (result == 0 && !gyre__control_open(runtime))
		result = -ESHUTDOWN;
	if (result == 0)
		result = gyre__simulation_start_services(runtime->simulation);
	return result;
}

static int
start_in_threads(struct gyre_runtime *runtime)
{
	int result = gyre__signals_open(runtime);

	if (result == 0)
		result = start_reaper(runtime);
	if (result == 0)
		result = gyre__control_socket_open(runtime,
						   runtime->control_path,
						   &runtime->control_socket);
	if (result == 0)
		result = start_shards(runtime);
	return result;
}

/* -- the end ------------------------------------------------------------- */

/* They are watched to their end, for which somebody may wait in vain. */
static void
join_shards(struct gyre_runtime *runtime)
{
	while (runtime->threads > runtime->first_thread) {
		struct gyre__shard *shard =
			&runtime->shards[--runtime->threads];

		runtime->sys->thread_join(shard->thread, NULL);
	}
	gyre__watcher_stop(runtime->watcher);
	gyre__control_close(runtime);
}

/* Undo what start has made besides the shards. */
static void
close_the_rest(struct gyre_runtime *runtime)
{
	gyre__control_socket_close(runtime->control_socket);
	runtime->control_socket = NULL;
	gyre__reaper_stop(gyre__bus_reaper(runtime->bus));
	gyre__signals_close(runtime);
	if (runtime->has_wake)
		gyre__wake_fd_close(&runtime->wake);
	runtime->has_wake = false;
	gyre__runtime_reach(runtime, GYRE_PHASE_ENDED);
}

/* The shards wait at the gate, or run already: each leaves. */
static void
turn_back(struct gyre_runtime *runtime)
{
	if (runtime->simulation != NULL)
		gyre__simulation_end(runtime->simulation);
	else if (!gyre__gate_open(&runtime->gate, GYRE__GATE_BACK))
		gyre__control_force_shards(runtime);
}

/* What the first shard that has failed failed with, which is said; or what else
 * start came to. */
static int
failure_of(const struct gyre_runtime *runtime, int result)
{
	for (unsigned i = 0; i < runtime->shards_count; i++) {
		const struct gyre__shard *shard = &runtime->shards[i];

		if (shard->failure[0] == '\0')
			continue;
		gyre__log(&runtime->log, GYRE_LOG_ERROR, "shard %u: %s",
			  shard->shard.index, shard->failure);
		return shard->result;
	}
	return result;
}

static int
first_result(const struct gyre_runtime *runtime)
{
	for (unsigned i = 0; i < runtime->shards_count; i++)
		if (runtime->shards[i].result < 0)
			return runtime->shards[i].result;
	return 0;
}

/* All have left, or are about to. */
static int
end_in_vain(struct gyre_runtime *runtime, int result)
{
	join_shards(runtime);
	close_the_rest(runtime);
	gyre__life_free_loops(runtime);
	return failure_of(runtime, result);
}

static int
give_up(struct gyre_runtime *runtime, int result)
{
	turn_back(runtime);
	return end_in_vain(runtime, result);
}

static int
end(struct gyre_runtime *runtime)
{
	gyre__runtime_reach(runtime, GYRE_PHASE_JOINING);
	join_shards(runtime);
	if (runtime->pool != NULL)
		gyre__supervise_pool(runtime);
	close_the_rest(runtime);
	return first_result(runtime);
}

/* -- the beginning ------------------------------------------------------- */

static int
begin_again(struct gyre_runtime *runtime)
{
	int result;

	gyre__life_fini(runtime);
	result = gyre__life_begin(runtime);
	if (result < 0) {
		(void)no_memory(runtime, "another life");
		return result;
	}
	gyre__control_reset(runtime);
	gyre__runtime_return(runtime);
	return 0;
}

/* Up to its first thread. */
static int
begin(struct gyre_runtime *runtime, unsigned first_thread)
{
	int result;

	if (gyre__runtime_is_fork(runtime))
		return -EPERM;
	if (!gyre__runtime_is_at_rest(runtime))
		return -EALREADY;
	if (gyre_runtime_phase(runtime) == GYRE_PHASE_ENDED) {
		result = begin_again(runtime);
		if (result < 0)
			return result;
	}
	gyre__runtime_reach(runtime, GYRE_PHASE_STARTING);
	runtime->starter = pthread_self();
	runtime->first_thread = first_thread;
	runtime->threads = first_thread;
	result = gyre__services_sort(runtime);
	if (result == 0)
		result = make_states(runtime);
	if (result == 0 && runtime->simulation == NULL)
		result = open_wake(runtime);
	return result < 0 ? give_up(runtime, result) : 0;
}

/* -- public -------------------------------------------------------------- */

int
gyre_runtime_start(struct gyre_runtime *runtime)
{
	int result = begin(runtime, 0);

	if (result < 0)
		return result;
	result = runtime->simulation != NULL ? start_simulated(runtime)
					     : start_in_threads(runtime);
	if (result < 0)
		return give_up(runtime, result);
	gyre__runtime_reach(runtime, GYRE_PHASE_RUNNING);
	return 0;
}

static int
wait_in_simulation(struct gyre_runtime *runtime)
{
	int result = gyre__simulation_run(runtime->simulation);
	int ended;

	if (gyre__runtime_is_fork(runtime))
		return -EPERM;
	gyre__simulation_end(runtime->simulation);
	ended = end(runtime);
	return result < 0 ? result : ended;
}

int
gyre_runtime_wait(struct gyre_runtime *runtime)
{
	enum gyre_runtime_phase phase;

	if (gyre__runtime_is_fork(runtime))
		return -EPERM;
	phase = gyre_runtime_phase(runtime);
	if (phase < GYRE_PHASE_RUNNING || phase >= GYRE_PHASE_JOINING)
		return -EINVAL;
	GYRE_REQUIRE(pthread_equal(pthread_self(), runtime->starter));
	if (runtime->simulation != NULL)
		return wait_in_simulation(runtime);
	gyre__supervise(runtime);
	return end(runtime);
}

/* The starter's, while shard 0 has the thread of who called run. */
static void *
start_and_supervise(void *arg)
{
	struct gyre_runtime *runtime = arg;
	intptr_t result;

	gyre__thread_enter("gyre-starter-", 0);
	result = start_in_threads(runtime);
	if (result < 0) {
		turn_back(runtime);
	} else {
		gyre__runtime_reach(runtime, GYRE_PHASE_RUNNING);
		gyre__supervise(runtime);
	}
	return (void *)result;
}

static int
run_in_threads(struct gyre_runtime *runtime)
{
	pthread_t starter;
	void *returned;
	int result = gyre__thread_start(runtime->sys, &starter,
					start_and_supervise, runtime);

	if (result < 0) {
		gyre__log(&runtime->log, GYRE_LOG_ERROR,
			  "runtime: no thread could be made to start it: %s",
			  gyre_error_name(result));
		return give_up(runtime, result);
	}
	gyre__shard_live_here(&runtime->shards[0]);
	if (gyre__runtime_is_fork(runtime))
		return -EPERM;
	runtime->sys->thread_join(starter, &returned);
	result = (int)(intptr_t)returned;
	return result < 0 ? end_in_vain(runtime, result) : end(runtime);
}

int
gyre_runtime_run(struct gyre_runtime *runtime)
{
	int result;

	if (runtime->simulation != NULL) {
		result = gyre_runtime_start(runtime);
		return result < 0 ? result : gyre_runtime_wait(runtime);
	}
	if (gyre_loop_current(false) != NULL)
		return -EBUSY;
	result = begin(runtime, 1);
	if (result < 0)
		return result;
	runtime->shards[0].thread = pthread_self();
	return run_in_threads(runtime);
}
