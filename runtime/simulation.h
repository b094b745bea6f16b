/*
 * A simulated runtime from the inside: what start and wait do with its shards
 * where they have no threads.
 */
#ifndef GYRE_RUNTIME_SIMULATION_H
#define GYRE_RUNTIME_SIMULATION_H

#include <gyre/simulation.h>

#include "base/sys.h"
#include "pool/pool.h"
#include "runtime/random.h"

struct gyre__simulation;

/* NULL: no memory. The seed is not 0. */
struct gyre__simulation *gyre__simulation_new(struct gyre_runtime *runtime,
					      uint64_t seed);
void gyre__simulation_free(struct gyre__simulation *simulation);

/* Give a loop the virtual clock, and a poller that only wakes. */
void gyre__simulation_prepare(struct gyre__simulation *simulation,
			      struct gyre_loop_options *options);

/* Runs its jobs between the shards' iterations. */
struct gyre_executor *gyre__simulation_executor(
	struct gyre__simulation *simulation);

/* The virtual time. */
int64_t gyre__simulation_now(const struct gyre__simulation *simulation);

/* The jobs there are and were. */
void gyre__simulation_jobs(const struct gyre__simulation *simulation,
			   struct gyre__jobs *ret_jobs);

/* Make the loops: 0, or the first failure, which the shard has, too. */
int gyre__simulation_make_loops(struct gyre__simulation *simulation);

/* Start the services, the shards in an order of the seed: 0, or -ECANCELED: a
 * shard has failed; or -EDEADLK: one waits for what never comes. */
int gyre__simulation_start_services(struct gyre__simulation *simulation);

/* Run until every shard has ended: 0, or -EDEADLK. */
int gyre__simulation_run(struct gyre__simulation *simulation);

/* End every shard that has not, and drop the jobs that wait. */
void gyre__simulation_end(struct gyre__simulation *simulation);

#endif
