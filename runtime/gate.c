/* The gate: a phase, a count, and a condition for both sides. */
#include "runtime/gate.h"

#include "base/check.h"

#include <stdbool.h>

void
gyre__gate_init(struct gyre__gate *gate)
{
	pthread_mutex_init(&gate->mutex, NULL);
	pthread_cond_init(&gate->changed, NULL);
	gate->phase = GYRE__PHASE_LOOPS;
	gate->arrived = 0;
}

void
gyre__gate_fini(struct gyre__gate *gate)
{
	pthread_cond_destroy(&gate->changed);
	pthread_mutex_destroy(&gate->mutex);
}

enum gyre__phase
gyre__gate_pass(struct gyre__gate *gate, enum gyre__phase done)
{
	enum gyre__phase phase;

	pthread_mutex_lock(&gate->mutex);
	gate->arrived++;
	pthread_cond_broadcast(&gate->changed);
	while (gate->phase == done)
		pthread_cond_wait(&gate->changed, &gate->mutex);
	phase = gate->phase;
	pthread_mutex_unlock(&gate->mutex);
	return phase;
}

void
gyre__gate_wait(struct gyre__gate *gate, unsigned shards)
{
	pthread_mutex_lock(&gate->mutex);
	while (gate->arrived < shards)
		pthread_cond_wait(&gate->changed, &gate->mutex);
	pthread_mutex_unlock(&gate->mutex);
}

static bool
may_follow(enum gyre__phase phase, enum gyre__phase next)
{
	static const bool moves[4][4] = {
		[GYRE__PHASE_LOOPS] = { [GYRE__PHASE_SERVICES] = true,
					[GYRE__PHASE_UNDO] = true },
		[GYRE__PHASE_SERVICES] = { [GYRE__PHASE_RUN] = true,
					   [GYRE__PHASE_UNDO] = true },
	};

	return moves[phase][next];
}

void
gyre__gate_open(struct gyre__gate *gate, enum gyre__phase next)
{
	pthread_mutex_lock(&gate->mutex);
	GYRE_INSIST(may_follow(gate->phase, next));
	gate->phase = next;
	gate->arrived = 0;
	pthread_cond_broadcast(&gate->changed);
	pthread_mutex_unlock(&gate->mutex);
}
