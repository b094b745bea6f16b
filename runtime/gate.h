/*
 * The gate that the shards pass together, and where the starter hears how far
 * they are.
 *
 *     LOOPS --> SERVICES --> RUN
 *       |          |
 *       +----------+-------> BACK
 */
#ifndef GYRE_RUNTIME_GATE_H
#define GYRE_RUNTIME_GATE_H

#include <pthread.h>
#include <stdbool.h>

enum gyre__gate_way {
	GYRE__GATE_LOOPS,    /* each shard makes its loop */
	GYRE__GATE_SERVICES, /* all loops exist: each starts its services */
	/* All services have started; or the start of one waits, perhaps for
	 * what another shard does: each runs its loop once its own have. */
	GYRE__GATE_RUN,
	GYRE__GATE_BACK, /* one has failed: each undoes what it has */
};

struct gyre__gate {
	/* -- under the mutex -- */
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	enum gyre__gate_way way;
	unsigned arrived; /* who is done with this step, or the next */
	bool has_failed;  /* one of them */
};

void gyre__gate_init(struct gyre__gate *gate);
void gyre__gate_fini(struct gyre__gate *gate);

/* Have it as it was made. Nobody is at it. */
void gyre__gate_reset(struct gyre__gate *gate);

/* Say how a step has ended here: the loop is made, all services have started.
 * Shards. */
void gyre__gate_arrive(struct gyre__gate *gate, bool ok);

/* Wait until it goes on to there, or further: false: it went back. Shards. */
bool gyre__gate_pass(struct gyre__gate *gate, enum gyre__gate_way way);

/* Wait until so many have arrived; false: one has failed. Once loops run it is
 * not waited for the others then, who may wait for that one. Whoever starts
 * them. */
bool gyre__gate_wait(struct gyre__gate *gate, unsigned shards);

/* Open it; false: it is as far already, or was opened another way. Any
 * thread. */
bool gyre__gate_open(struct gyre__gate *gate, enum gyre__gate_way way);

/* Whether loops run. Any thread. */
bool gyre__gate_is_running(struct gyre__gate *gate);

#endif
