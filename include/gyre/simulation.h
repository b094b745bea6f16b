/*
 * A runtime on one thread and a virtual clock, in an order that a seed decides.
 *
 * Set gyre_runtime_options.simulate to a seed. gyre_runtime_start() then makes
 * no thread, and gyre_runtime_wait() is the scheduler: step by step the seed
 * chooses which shard runs one iteration, which job runs, or when what was
 * retired is freed; each step takes a little virtual time, and when all sleep
 * the clock goes to the next timeout. Shards, services, bus, ports, topics,
 * futures, timeouts and jobs are the same code as ever. The same seed gives
 * the same run, so that one that fails can be run again under a debugger.
 *
 *     for (uint64_t seed = 1; seed <= 1000; seed++) {
 *             gyre_runtime_new(&(struct gyre_runtime_options){
 *                                      .loops = 4, .simulate = seed },
 *                              &runtime);
 *             ...
 *
 * There is no network and there are no files in it: gyre_loop_add_handler()
 * answers -ENOTSUP. What blocks a thread until a loop has done something would
 * block the scheduler: do not wait for futures or ports by blocking there.
 * Ask gyre_loop_time() for the time and gyre_simulation_random() for chance,
 * and send nothing from other threads: else the seed does not decide all.
 */
#ifndef GYRE_SIMULATION_H
#define GYRE_SIMULATION_H

#include <gyre/runtime.h>

#ifdef __cplusplus
extern "C" {
#endif

struct gyre_simulation_stats {
	uint64_t seed;
	uint64_t steps; /* iterations, jobs and grace periods */
	uint64_t jobs;  /* of them */
	uint64_t grace_periods;
	uint64_t sleeps; /* the clock went to the next timeout */
	int64_t now_ns;  /* of the virtual clock */
	uint64_t trace;  /* a hash of all steps: equal for equal runs */
};

/*
 * Return a random number that the seed decides; the order of the shards does
 * not depend on how often you ask.
 *
 * Thread: setup; and the services of the simulation
 * Errors: 0 the runtime is not simulated
 */
GYRE_API uint64_t gyre_simulation_random(struct gyre_runtime *runtime);

/*
 * Tell how far a simulation has come; all zero for a runtime that is none.
 *
 * Thread: setup; and the services of the simulation
 */
GYRE_API void gyre_simulation_stats(const struct gyre_runtime *runtime,
				    struct gyre_simulation_stats *ret_stats);

#ifdef __cplusplus
}
#endif

#endif
