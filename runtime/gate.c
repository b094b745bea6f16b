/* The gate: a way, a count, and a condition for both sides. */
#include "runtime/gate.h"

void
gyre__gate_init(struct gyre__gate *gate)
{
	pthread_mutex_init(&gate->mutex, NULL);
	pthread_cond_init(&gate->changed, NULL);
	gyre__gate_reset(gate);
}

void
gyre__gate_reset(struct gyre__gate *gate)
{
	gate->way = GYRE__GATE_LOOPS;
	gate->arrived = 0;
	gate->has_failed = false;
}

void
gyre__gate_fini(struct gyre__gate *gate)
{
	pthread_cond_destroy(&gate->changed);
	pthread_mutex_destroy(&gate->mutex);
}

void
gyre__gate_arrive(struct gyre__gate *gate, bool ok)
{
	pthread_mutex_lock(&gate->mutex);
	gate->arrived++;
	gate->has_failed |= !ok;
	pthread_cond_broadcast(&gate->changed);
	pthread_mutex_unlock(&gate->mutex);
}

bool
gyre__gate_pass(struct gyre__gate *gate, enum gyre__gate_way way)
{
	bool goes_on;

	pthread_mutex_lock(&gate->mutex);
	while (gate->way < way)
		pthread_cond_wait(&gate->changed, &gate->mutex);
	goes_on = gate->way != GYRE__GATE_BACK;
	pthread_mutex_unlock(&gate->mutex);
	return goes_on;
}

bool
gyre__gate_wait(struct gyre__gate *gate, unsigned shards)
{
	bool ok;

	pthread_mutex_lock(&gate->mutex);
	while (gate->arrived < shards &&
	       !(gate->has_failed && gate->way == GYRE__GATE_RUN))
		pthread_cond_wait(&gate->changed, &gate->mutex);
	ok = !gate->has_failed;
	if (ok)
		gate->arrived = 0;
	pthread_mutex_unlock(&gate->mutex);
	return ok;
}

static bool
may_follow(enum gyre__gate_way way, enum gyre__gate_way next)
{
	static const bool moves[4][4] = {
		[GYRE__GATE_LOOPS] = { [GYRE__GATE_SERVICES] = true,
				       [GYRE__GATE_BACK] = true },
		[GYRE__GATE_SERVICES] = { [GYRE__GATE_RUN] = true,
					  [GYRE__GATE_BACK] = true },
	};

	return moves[way][next];
}

bool
gyre__gate_open(struct gyre__gate *gate, enum gyre__gate_way way)
{
	bool opens;

	pthread_mutex_lock(&gate->mutex);
	opens = may_follow(gate->way, way);
	if (opens)
		gate->way = way;
	pthread_cond_broadcast(&gate->changed);
	pthread_mutex_unlock(&gate->mutex);
	return opens;
}

bool
gyre__gate_is_running(struct gyre__gate *gate)
{
	bool is_running;

	pthread_mutex_lock(&gate->mutex);
	is_running = gate->way == GYRE__GATE_RUN;
	pthread_mutex_unlock(&gate->mutex);
	return is_running;
}
