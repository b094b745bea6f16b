/*
 * Stopping: one word that says whom a stop has to tell, and a task per shard
 * that tells it, and overtakes what is queued there.
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

/* -- the task ------------------------------------------------------------ */

static void
run_control(struct gyre_task *task)
{
	struct gyre__shard *shard =
		(struct gyre__shard *)((char *)task -
				       offsetof(struct gyre__shard, control));

	gyre__shard_stop_services(shard);
	gyre_loop_stop(shard->shard.loop);
}

/* The loop closes: its thread is past the need to be told. */
static void
drop_control(struct gyre_task *task, enum gyre_drop_reason reason)
{
	(void)task;
	(void)reason;
}

void
gyre__control_init(struct gyre_task *task)
{
	task->run = run_control;
	task->drop = drop_control;
}

/* -- open, stop, close --------------------------------------------------- */

bool
gyre__control_open(struct gyre_runtime *runtime)
{
	return move(runtime, GYRE__CONTROL_EARLY, GYRE__CONTROL_OPEN);
}

static void
tell_shards(struct gyre_runtime *runtime)
{
	for (unsigned i = 0; i < runtime->shards_count; i++) {
		struct gyre_inbox *inbox = gyre_bus_inbox(runtime->bus, i);
		int result = gyre_inbox_post_urgent(
			inbox, &runtime->shards[i].control);

		/* One that has ended needs no telling. */
		GYRE_INSIST(result == 0 || result == -ESHUTDOWN);
	}
}

void
gyre_runtime_stop(struct gyre_runtime *runtime)
{
	if (gyre__runtime_is_fork(runtime) ||
	    move(runtime, GYRE__CONTROL_EARLY, GYRE__CONTROL_TOLD) ||
	    !move(runtime, GYRE__CONTROL_OPEN, GYRE__CONTROL_TELLING))
		return;
	tell_shards(runtime);
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
