/*
 * Stopping: one word that says whom a stop has to tell, and tasks for each
 * shard that tell it, and overtake what is queued there.
 *
 * A stop and a start that meet are ordered by the word alone: either the stop
 * finds EARLY, and start finds TOLD and gives up, or it finds OPEN, and each
 * loop finds the task in its inbox. Whoever waits for the runtime may free it
 * at once; hence TELLING, which the stopping thread leaves with its last touch.
 */
#include "runtime/runtime.h"

#include "base/atomics.h"
#include "base/check.h"
#include "bus/inbox.h"
#include "loop/loop.h"

#include <errno.h>

static bool
may_follow(uint32_t from, uint32_t to)
{
	static const bool moves[4][4] = {
		[GYRE__CONTROL_EARLY] = { [GYRE__CONTROL_OPEN] = true,
					  [GYRE__CONTROL_TOLD] = true },
		[GYRE__CONTROL_OPEN] = { [GYRE__CONTROL_TELLING] = true,
					 [GYRE__CONTROL_TOLD] = true },
		[GYRE__CONTROL_TELLING] = { [GYRE__CONTROL_TOLD] = true },
		[GYRE__CONTROL_TOLD] = { [GYRE__CONTROL_EARLY] = true },
	};

	return moves[from][to];
}

/* The one setter; false: it was not in `from`. */
static bool
move(struct gyre_runtime *runtime, uint32_t from, uint32_t to)
{
	GYRE_INSIST(may_follow(from, to));
	/* control.M1 acq_rel: the bus's table before OPEN, a stop's last
	 * touch before TOLD; pairs with control.M1, control.M2 */
	return gyre__cas_32_acq_rel(&runtime->control, &from, to);
}

/* -- what shards are told ------------------------------------------------ */

/* The loop closes: its thread is past the need to be told. */
static void
drop(struct gyre__house_task *task)
{
	(void)task;
}

static struct gyre__shard *
shard_of(struct gyre__house_task *task, size_t offset)
{
	return (struct gyre__shard *)((char *)task - offset);
}

/* A start that waits is overtaken; one that has failed is its shard's end. */
static void
run_quiet(struct gyre__house_task *task)
{
	struct gyre__shard *shard =
		shard_of(task, offsetof(struct gyre__shard, quiet));

	gyre__services_refuse_start(shard, -ESHUTDOWN,
				    "the runtime was stopped");
	if (shard->turn == GYRE__TURN_FORCED)
		return;
	gyre__loop_quiet(shard->shard.loop);
	gyre__services_run(shard, GYRE__TURN_DRAIN);
}

static void
run_close(struct gyre__house_task *task)
{
	struct gyre__shard *shard =
		shard_of(task, offsetof(struct gyre__shard, close));

	if (shard->turn != GYRE__TURN_FORCED)
		gyre__services_run(shard, GYRE__TURN_STOP);
}

static void
run_force(struct gyre__house_task *task)
{
	struct gyre__shard *shard =
		shard_of(task, offsetof(struct gyre__shard, force));

	/* control.F1 relaxed: nothing is read through it */
	gyre__store_32_relaxed(&shard->has_answered, 1);
	if (gyre__supervision_is_due(shard->shard.runtime))
		gyre__supervision_report_rest(shard);
	gyre__services_force(shard);
	gyre_loop_stop(shard->shard.loop);
}

void
gyre__control_init(struct gyre__shard *shard)
{
	gyre__house_task_init(&shard->quiet, run_quiet, drop);
	gyre__house_task_init(&shard->close, run_close, drop);
	gyre__house_task_init(&shard->force, run_force, drop);
}

/* Past all that is queued. One that has ended needs no telling. */
static void
tell(const struct gyre_runtime *runtime, unsigned shard,
     struct gyre__house_task *task)
{
	struct gyre_inbox *inbox = gyre_bus_inbox(runtime->bus, shard);
	int result = gyre_inbox_post_urgent(inbox, &task->task);

	GYRE_INSIST(result == 0 || result == -ESHUTDOWN);
}

void
gyre__control_close_shards(struct gyre_runtime *runtime)
{
	gyre__runtime_reach(runtime, GYRE_PHASE_CLOSING);
	for (unsigned i = 0; i < runtime->shards_count; i++)
		tell(runtime, i, &runtime->shards[i].close);
}

void
gyre__control_force_shards(struct gyre_runtime *runtime)
{
	for (unsigned i = 0; i < runtime->shards_count; i++)
		tell(runtime, i, &runtime->shards[i].force);
}

/* -- open, stop, close --------------------------------------------------- */

void
gyre__control_reset(struct gyre_runtime *runtime)
{
	GYRE_INSIST(move(runtime, GYRE__CONTROL_TOLD, GYRE__CONTROL_EARLY));
}

bool
gyre__control_open(struct gyre_runtime *runtime)
{
	return move(runtime, GYRE__CONTROL_EARLY, GYRE__CONTROL_OPEN);
}

void
gyre_runtime_stop(struct gyre_runtime *runtime)
{
	if (gyre__runtime_is_fork(runtime) ||
	    move(runtime, GYRE__CONTROL_EARLY, GYRE__CONTROL_TOLD) ||
	    !move(runtime, GYRE__CONTROL_OPEN, GYRE__CONTROL_TELLING))
		return;
	gyre__runtime_reach(runtime, GYRE_PHASE_QUIET);
	for (unsigned i = 0; i < runtime->shards_count; i++)
		tell(runtime, i, &runtime->shards[i].quiet);
	gyre__supervision_begin(runtime);
	GYRE_INSIST(move(runtime, GYRE__CONTROL_TELLING, GYRE__CONTROL_TOLD));
}

void
gyre__control_close(struct gyre_runtime *runtime)
{
	if (move(runtime, GYRE__CONTROL_EARLY, GYRE__CONTROL_TOLD) ||
	    move(runtime, GYRE__CONTROL_OPEN, GYRE__CONTROL_TOLD))
		return;
	/* control.M2 acquire: a stop's last touch; pairs with control.M1 */
	while (gyre__load_32_acquire(&runtime->control) != GYRE__CONTROL_TOLD) {
		gyre__pause();
		runtime->sys->sched_yield();
	}
}
