/*
 * The gate that the shards pass together: each arrives when it has done its
 * part of a phase, and none goes on before the next phase is opened.
 *
 *     LOOPS --> SERVICES --> RUN
 *       |          |
 *       +----------+-------> UNDO
 */
#ifndef GYRE_RUNTIME_GATE_H
#define GYRE_RUNTIME_GATE_H

#include <pthread.h>

enum gyre__phase {
	GYRE__PHASE_LOOPS,    /* each shard makes its loop */
	GYRE__PHASE_SERVICES, /* all loops exist: each starts its services */
	GYRE__PHASE_RUN,      /* all services run: each runs its loop */
	GYRE__PHASE_UNDO,     /* one has failed: each undoes what it has */
};

struct gyre__gate {
	/* -- under the mutex -- */
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	enum gyre__phase phase;
	unsigned arrived; /* of this phase */
};

void gyre__gate_init(struct gyre__gate *gate);
void gyre__gate_fini(struct gyre__gate *gate);

/* Say that this phase is done here, wait for the next one. Shards. */
enum gyre__phase gyre__gate_pass(struct gyre__gate *gate,
				 enum gyre__phase done);

/* Wait until so many have done the phase. Whoever starts them. */
void gyre__gate_wait(struct gyre__gate *gate, unsigned shards);

/* Open the next phase. Whoever starts them. */
void gyre__gate_open(struct gyre__gate *gate, enum gyre__phase next);

#endif
