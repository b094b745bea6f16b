/*
 * The drain: how a stop finds out that all that was accepted has run.
 *
 * A task of the house goes from shard to shard, behind what is queued there,
 * and looks what the shard has run and sent so far. If on a whole round no
 * shard has run or sent anything since the round before, and none awaits
 * anything, and no job was there or came meanwhile, then nothing is under way:
 * take the moment between the two rounds. What was sent before it was in its
 * inbox by then, in front of the task, and the look after it would have found
 * it run; or its sender had gathered it and not yet sent it, which the look
 * there after it would have found, for what is sent is counted when it leaves.
 * What a timeout or a client brings later is as if it came after the stop.
 *
 * Rejected: a count that every sender and receiver keeps together, which all
 * would write; a pause after which one hopes.
 */
#include "runtime/runtime.h"

#include "base/atomics.h"
#include "base/check.h"
#include "bus/outbox.h"
#include "loop/loop.h"
#include "pool/pool.h"
#include "runtime/simulation.h"

/* How long to leave alone what only waits: for a job, or a future. */
#define WAIT_NS GYRE_MS(1)

static void go_on_from(struct gyre__drain *drain, unsigned shard);

static struct gyre_runtime *
runtime_of(struct gyre__drain *drain)
{
	return (struct gyre_runtime *)((char *)drain -
				       offsetof(struct gyre_runtime, drain));
}

static void
look_at_jobs(const struct gyre_runtime *runtime, struct gyre__jobs *ret)
{
	if (runtime->simulation != NULL)
		gyre__simulation_jobs(runtime->simulation, ret);
	else
		gyre__pool_jobs(runtime->pool, ret);
}

/* -- rounds -------------------------------------------------------------- */

static void
begin_round(struct gyre__drain *drain)
{
	drain->looks = 0;
	drain->has_run = false;
	drain->has_to_wait = false;
	look_at_jobs(runtime_of(drain), &drain->jobs);
	go_on_from(drain, 0);
}

static void
resume(void *arg)
{
	begin_round(arg);
}

static void
resume_without_waiting(void *arg, enum gyre_drop_reason reason)
{
	(void)reason;
	begin_round(arg);
}

/* Begin a round in a moment; without a timeout for it, now. */
static void
begin_round_later(struct gyre__drain *drain)
{
	const struct gyre_callback callback = {
		.fn = resume,
		.arg = drain,
		.drop = resume_without_waiting,
	};
	struct gyre_loop *loop = gyre_loop_current(false);
	gyre_timeout timeout;

	if (loop == NULL || !gyre_loop_in_owner_thread(loop) ||
	    gyre__loop_schedule(loop, gyre__loop_instant_after(loop, WAIT_NS),
				&callback, &timeout) < 0)
		begin_round(drain);
}

static void
end_round(struct gyre__drain *drain)
{
	struct gyre_runtime *runtime = runtime_of(drain);
	struct gyre__jobs jobs;

	look_at_jobs(runtime, &jobs);
	/* A job that ended while the lanes were looked at, one after the other,
	 * may have given one to a lane that had been. */
	if (jobs.submitted != drain->jobs.submitted)
		drain->has_run = true;
	if (drain->jobs.busy)
		drain->has_to_wait = true;
	if (drain->looks == 0 || (!drain->has_run && !drain->has_to_wait))
		gyre__control_close_shards(runtime);
	else if (drain->has_run)
		begin_round(drain);
	else
		begin_round_later(drain);
}

/* -- looks --------------------------------------------------------------- */

static void
look(struct gyre__drain *drain, struct gyre__shard *shard)
{
	struct gyre_loop *loop = shard->shard.loop;
	struct gyre__outbox *outbox = &loop->outbox;
	uint64_t done =
		outbox->run + gyre__outbox_posted(outbox) + outbox->sent;

	drain->looks++;
	if (done != shard->done)
		drain->has_run = true;
	shard->done = done;
	if (loop->inbox->awaiters != NULL)
		drain->has_to_wait = true;
}

/* The task is on its way to the next shard that takes it, or the round ends. */
static void
go_on_from(struct gyre__drain *drain, unsigned shard)
{
	struct gyre_runtime *runtime = runtime_of(drain);

	for (; shard < runtime->shards_count; shard++) {
		struct gyre_task *task = &drain->task.task;

		drain->shard = shard;
		if (gyre__inbox_push(gyre_bus_inbox(runtime->bus, shard), task,
				     task) == 0)
			return;
	}
	end_round(drain);
}

static void
run(struct gyre__house_task *task)
{
	struct gyre__drain *drain = (struct gyre__drain *)task;

	look(drain, &runtime_of(drain)->shards[drain->shard]);
	go_on_from(drain, drain->shard + 1);
}

/* The shard closes. */
static void
drop(struct gyre__house_task *task)
{
	struct gyre__drain *drain = (struct gyre__drain *)task;

	go_on_from(drain, drain->shard + 1);
}

/* -- its beginning ------------------------------------------------------- */

void
gyre__drain_init(struct gyre_runtime *runtime)
{
	gyre__house_task_init(&runtime->drain.task, run, drop);
	runtime->draining = runtime->shards_count;
}

void
gyre__drain_count(struct gyre__shard *shard)
{
	struct gyre_runtime *runtime = shard->shard.runtime;

	if (shard->has_drained)
		return;
	shard->has_drained = true;
	/* drain.C1 acq_rel: what each shard did before; pairs with drain.C1 */
	if (gyre__add_32_acq_rel(&runtime->draining, (uint32_t)-1) > 1)
		return;
	/* All have gone by themselves, or never came. */
	if (gyre_runtime_phase(runtime) < GYRE_PHASE_QUIET)
		return;
	gyre__runtime_reach(runtime, GYRE_PHASE_DRAINING);
	begin_round(&runtime->drain);
}
