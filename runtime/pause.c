/*
 * The pause: all loops and the pool's threads halt between two tasks or jobs,
 * a function runs alone, and all go on.
 *
 * The pool halts first, for its jobs may wait for a loop; then an urgent task
 * has each loop halt. Whoever has halted sleeps under the mutex that the pauser
 * has, so that what any of them did is seen by the function, and what it did by
 * them. A task that comes too late for its pause halts its loop for the next
 * one, if that is on by then.
 */
#include "runtime/runtime.h"

#include "base/check.h"
#include "base/condition.h"
#include "base/log.h"
#include "base/thread.h"
#include "bus/outbox.h"
#include "bus/rcu.h"
#include "loop/loop.h"

#include <errno.h>

/* -- the shard's side ---------------------------------------------------- */

static struct gyre__shard *
shard_of(struct gyre__house_task *task)
{
	return (struct gyre__shard *)((char *)task -
				      offsetof(struct gyre__shard, pause));
}

/* Asleep it holds nobody up: what it gathered has left, and it reads nothing
 * that is RCU's. */
static void
halt(struct gyre__shard *shard, struct gyre__pause *pause)
{
	struct gyre_loop *loop = shard->shard.loop;
	uint64_t turn = pause->turn;

	shard->has_halted = true;
	pthread_cond_broadcast(&pause->changed);
	gyre__heartbeat_idle(&loop->heartbeat);
	gyre__rcu_offline();
	while (pause->is_on && pause->turn == turn)
		pthread_cond_wait(&pause->changed, &pause->mutex);
	gyre__rcu_online();
	gyre__heartbeat_busy(&loop->heartbeat);
}

static void
run(struct gyre__house_task *task)
{
	struct gyre__shard *shard = shard_of(task);
	struct gyre__pause *pause = &shard->shard.runtime->pause;

	gyre__outbox_flush(&shard->shard.loop->outbox);
	pthread_mutex_lock(&pause->mutex);
	shard->is_told = false;
	if (pause->is_on)
		halt(shard, pause);
	pthread_mutex_unlock(&pause->mutex);
}

/* The loop closes, and runs nothing any more. */
static void
drop(struct gyre__house_task *task)
{
	struct gyre__shard *shard = shard_of(task);
	struct gyre__pause *pause = &shard->shard.runtime->pause;

	pthread_mutex_lock(&pause->mutex);
	shard->is_told = false;
	shard->has_halted = true;
	pthread_cond_broadcast(&pause->changed);
	pthread_mutex_unlock(&pause->mutex);
}

void
gyre__pause_init(struct gyre_runtime *runtime)
{
	struct gyre__pause *pause = &runtime->pause;

	pthread_mutex_init(&pause->turns, NULL);
	pthread_mutex_init(&pause->mutex, NULL);
	gyre__condition_init(&pause->changed);
}

void
gyre__pause_init_shard(struct gyre__shard *shard)
{
	gyre__house_task_init(&shard->pause, run, drop);
}

void
gyre__pause_fini(struct gyre_runtime *runtime)
{
	pthread_cond_destroy(&runtime->pause.changed);
	pthread_mutex_destroy(&runtime->pause.mutex);
	pthread_mutex_destroy(&runtime->pause.turns);
}

/* -- the pauser's -------------------------------------------------------- */

/* Under the mutex, which the shard's answer wants. */
static void
tell(struct gyre_runtime *runtime, struct gyre__shard *shard)
{
	struct gyre_inbox *inbox =
		gyre_bus_inbox(runtime->bus, shard->shard.index);

	shard->has_halted = false;
	if (shard->is_told)
		return;
	shard->is_told = true;
	if (gyre_inbox_post_urgent(inbox, &shard->pause.task) == 0)
		return;
	shard->is_told = false;
	shard->has_halted = true;
}

static struct gyre__shard *
first_at_large(struct gyre_runtime *runtime)
{
	for (unsigned i = 0; i < runtime->shards_count; i++)
		if (!runtime->shards[i].has_halted)
			return &runtime->shards[i];
	return NULL;
}

static void
name_those_at_large(const struct gyre_runtime *runtime)
{
	for (unsigned i = 0; i < runtime->shards_count; i++)
		if (!runtime->shards[i].has_halted)
			gyre__log(&runtime->log, GYRE_LOG_WARN,
				  "pause: shard %u has not come to a halt", i);
}

static int
halt_shards(struct gyre_runtime *runtime, int64_t deadline_ns)
{
	struct gyre__pause *pause = &runtime->pause;
	int result = 0;

	pthread_mutex_lock(&pause->mutex);
	pause->is_on = true;
	pause->turn++;
	for (unsigned i = 0; i < runtime->shards_count; i++)
		tell(runtime, &runtime->shards[i]);
	while (first_at_large(runtime) != NULL && result == 0)
		result = gyre__condition_wait(&pause->changed, &pause->mutex,
					      deadline_ns);
	if (first_at_large(runtime) == NULL)
		result = 0;
	else
		name_those_at_large(runtime);
	pthread_mutex_unlock(&pause->mutex);
	return result;
}

static void
let_shards_go_on(struct gyre__pause *pause)
{
	pthread_mutex_lock(&pause->mutex);
	pause->is_on = false;
	pthread_cond_broadcast(&pause->changed);
	pthread_mutex_unlock(&pause->mutex);
}

static int
pause_shards(struct gyre_runtime *runtime, void (*fn)(void *arg), void *arg,
	     int64_t deadline_ns)
{
	int result = halt_shards(runtime, deadline_ns);

	if (result == 0)
		fn(arg);
	let_shards_go_on(&runtime->pause);
	return result;
}

int
gyre_runtime_pause(struct gyre_runtime *runtime, void (*fn)(void *arg),
		   void *arg, int64_t deadline_ns)
{
	enum gyre_runtime_phase phase;
	int result;

	GYRE_REQUIRE(fn != NULL);
	if (gyre__runtime_is_fork(runtime))
		return -EPERM;
	if (runtime->simulation != NULL)
		return -ENOTSUP;
	if (gyre__outbox_of_thread != NULL || gyre__thread_is_ours)
		return -EDEADLK;
	pthread_mutex_lock(&runtime->pause.turns);
	phase = gyre_runtime_phase(runtime);
	result = -EINVAL;
	if (phase >= GYRE_PHASE_RUNNING && phase < GYRE_PHASE_JOINING) {
		result = gyre__pool_halt(runtime->pool, deadline_ns);
		if (result == 0)
			result = pause_shards(runtime, fn, arg, deadline_ns);
		gyre__pool_go_on(runtime->pool);
	}
	pthread_mutex_unlock(&runtime->pause.turns);
	return result;
}
