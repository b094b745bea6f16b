#include "yard.h"

#include <errno.h>
#include <sched.h>

#include "conductor.h"
#include "life.h"
#include "report.h"
#include "rng.h"

#define THREADS_MAX     4u
#define QUEUE_LIMIT_MAX 40u
#define IDLE_NS         50000
#define DEADLINE_NS     200000u
#define SHUT_DOWN_NS    300000u
#define YIELDS          20u

/* Each step is made once, by whoever is to make it. */
enum stage {
	STAGE_FREE,
	STAGE_SENT,
	STAGE_RUN,
};

static const char *const lane_names[YARD_LANES] = { "blocking", "fast",
						    "yard" };

static void
broken(const struct work *work, const char *what)
{
	report_broken(LAW_ONCE, work->place->actor,
		      "a job of %s, in lane %s, %s", work->place->actor->name,
		      lane_names[work->lane], what);
}

/* Released: whoever uses the job again sees all that was done with it. */
static enum stage
step(struct work *work, enum stage to)
{
	return atomic_exchange_explicit(&work->stage, to, memory_order_acq_rel);
}

/* -- a job's ways ---------------------------------------------------------- */

static void
enter_lane(struct work *work)
{
	struct yard_part *part = work->part;
	unsigned running =
		1 + atomic_fetch_add_explicit(&part->running[work->lane], 1,
					      memory_order_relaxed);

	if (running > part->threads_max[work->lane])
		broken(work, "ran beside more than the lane has threads");
}

static void
run_work(struct gyre_job *job)
{
	struct work *work = (struct work *)job;

	if (step(work, STAGE_RUN) != STAGE_SENT)
		broken(work, "ran twice");
	enter_lane(work);
	for (unsigned i = 0; i < (work->order >> 8) % YIELDS; i++)
		if (!gyre_job_cancelled())
			sched_yield();
	work->sum = rng_mix(work->order);
	atomic_fetch_sub_explicit(&work->part->running[work->lane], 1,
				  memory_order_relaxed);
}

static void
work_done(struct gyre_job *job)
{
	struct work *work = (struct work *)job;

	if (work->has_home && self != work->place->actor)
		broken(work, "came home on another thread");
	if (work->sum != rng_mix(work->order))
		broken(work, "came home with another's result");
	atomic_fetch_add_explicit(&work->place->life->yard.run, 1,
				  memory_order_relaxed);
	if (step(work, STAGE_FREE) != STAGE_RUN)
		broken(work, "was done and had not run");
}

/* It never ran; or it has, and its home had closed. */
static void
drop_work(struct gyre_job *job, enum gyre_drop_reason reason)
{
	struct work *work = (struct work *)job;
	enum stage before;

	atomic_fetch_add_explicit(&work->place->life->yard.dropped[reason], 1,
				  memory_order_relaxed);
	before = step(work, STAGE_FREE);
	if (before == STAGE_FREE)
		broken(work, "was dropped when it was not under way");
	if (before == STAGE_RUN &&
	    (reason != GYRE_DROP_STOPPED || !work->has_home))
		broken(work, "was dropped after it had run");
}

/* -- room ------------------------------------------------------------------ */

static struct works *
works_of(struct gyre_task *task)
{
	return (struct works *)((char *)task - offsetof(struct works, room));
}

static void
leave_line(struct works *works)
{
	if (!atomic_exchange_explicit(&works->is_in_line, false,
				      memory_order_acq_rel))
		report_broken(LAW_ONCE, works->place->actor,
			      "%s was told of room twice",
			      works->place->actor->name);
}

static void
run_room(struct gyre_task *task)
{
	struct works *works = works_of(task);

	if (self != works->place->actor)
		report_broken(LAW_ROUTING, works->place->actor,
			      "%s was told of room on another thread",
			      works->place->actor->name);
	leave_line(works);
}

static void
drop_room(struct gyre_task *task, enum gyre_drop_reason reason)
{
	(void)reason;
	leave_line(works_of(task));
}

static void
stand_in_line(struct works *works, struct gyre_executor *lane)
{
	int error;

	if (atomic_load_explicit(&works->is_in_line, memory_order_acquire))
		return;
	atomic_store_explicit(&works->is_in_line, true, memory_order_relaxed);
	error = gyre_executor_notify(lane, works->place->inbox, &works->room);
	if (error == 0)
		return;
	atomic_store_explicit(&works->is_in_line, false, memory_order_relaxed);
	if (error != -ESHUTDOWN)
		report_broken(LAW_ERRORS, self, "%s may not ask for room: %s",
			      self->name, gyre_error_name(error));
}

/* -- a place's side -------------------------------------------------------- */

void
works_init(struct place *place)
{
	place->works.place = place;
	place->works.room.task.run = run_room;
	place->works.room.task.drop = drop_room;
	for (unsigned i = 0; i < YARD_WORKS; i++)
		place->works.works[i].place = place;
}

static void
init_work(struct work *work, struct yard_part *part, uint64_t order)
{
	struct gyre_job_options options = {
		.run = run_work,
		.done = work_done,
		.drop = drop_work,
		.home = (order & 7) == 0 ? NULL : work->place->inbox,
		.priority = (order >> 4) % 3,
	};

	if ((order >> 16 & 7) == 0)
		options.deadline_ns = conductor_now_ns() +
				      (int64_t)((order >> 20) % DEADLINE_NS);
	gyre_job_init(&work->job, &options);
	work->part = part;
	work->lane = (unsigned)(order >> 32) % YARD_LANES;
	work->has_home = options.home != NULL;
	work->order = order;
	work->sum = 0;
}

static void
refuse(struct work *work, int error)
{
	struct works *works = &work->place->works;
	struct gyre_executor *lane = work->part->lanes[work->lane];

	actor_count(&self->tally[PATH_JOBS].refused);
	atomic_store_explicit(&work->stage, STAGE_FREE, memory_order_relaxed);
	if (error == -EAGAIN)
		stand_in_line(works, lane);
	else if (error != -ESHUTDOWN)
		report_broken(LAW_ERRORS, self, "a job of %s was refused: %s",
			      self->name, gyre_error_name(error));
}

static void
submit(struct work *work, struct yard_part *part, uint64_t order)
{
	int error;

	init_work(work, part, order);
	actor_count(&self->tally[PATH_JOBS].started);
	actor_note(EVENT_SEND, PATH_JOBS, self->id, order);
	atomic_store_explicit(&work->stage, STAGE_SENT, memory_order_relaxed);
	error = gyre_executor_submit_job(part->lanes[work->lane], &work->job);
	if (error < 0)
		refuse(work, error);
}

static bool
is_free(const struct work *work)
{
	return atomic_load_explicit(&work->stage, memory_order_acquire) ==
	       STAGE_FREE;
}

void
works_submit(struct place *place, uint64_t order)
{
	struct yard_part *part = atomic_load_explicit(&place->life->yard.part,
						      memory_order_acquire);
	struct work *work = &place->works.works[order % YARD_WORKS];

	if (part == NULL)
		return;
	if (is_free(work)) {
		submit(work, part, rng_mix(order));
	} else if ((order >> 40 & 7) == 0) {
		actor_note(EVENT_CANCEL, PATH_JOBS, self->id, work->order);
		(void)gyre_job_cancel(&work->job);
	}
}

void
works_check(const struct place *place)
{
	for (unsigned i = 0; i < YARD_WORKS; i++)
		if (!is_free(&place->works.works[i]))
			broken(&place->works.works[i], "was not given back");
	if (atomic_load_explicit(&place->works.is_in_line,
				 memory_order_relaxed))
		report_broken(LAW_CONSERVATION, place->actor,
			      "%s still stands in line for room",
			      place->actor->name);
}

/* -- the conductor's side -------------------------------------------------- */

/* That a deadline came before the jobs were over is what was asked for. */
static void
ignore_line(enum gyre_log_level level, const char *line, void *arg)
{
	(void)level;
	(void)line;
	(void)arg;
}

int
yard_open(struct life *life)
{
	struct yard *yard = &life->yard;
	struct yard_part *part = &yard->parts[yard->parts_count];
	uint64_t rng = rng_mix(life->seed + yard->parts_count);
	const struct gyre_lane_options lane = {
		.name = lane_names[2],
		.threads_max = part->threads_max[2] =
			1 + (unsigned)rng_below(&rng, THREADS_MAX),
	};
	const struct gyre_pool_options options = {
		.threads_max = part->threads_max[0] =
			1 + (unsigned)rng_below(&rng, THREADS_MAX),
		.fast.threads_max = part->threads_max[1] =
			1 + (unsigned)rng_below(&rng, THREADS_MAX),
		.lanes = &lane,
		.lanes_count = 1,
		.queue_limit = 1 + (uint32_t)rng_below(&rng, QUEUE_LIMIT_MAX),
		.idle_timeout_ns = IDLE_NS,
		.log.fn = ignore_line,
	};
	int error;

	if (yard->parts_count == YARD_PARTS_MAX)
		return 0;
	error = gyre_pool_new(&options, &part->pool);
	if (error < 0)
		return error;
	for (unsigned i = 0; i < YARD_LANES; i++)
		part->lanes[i] = gyre_pool_lane(part->pool, lane_names[i]);
	yard->parts_count++;
	atomic_store_explicit(&yard->part, part, memory_order_release);
	return 0;
}

void
yard_shut_down(struct life *life, uint64_t random)
{
	struct yard_part *part =
		atomic_load_explicit(&life->yard.part, memory_order_relaxed);
	enum gyre_shut_down how =
		random & 1 ? GYRE_SHUT_DOWN_DRAIN : GYRE_SHUT_DOWN_CANCEL;
	int64_t deadline_ns =
		conductor_now_ns() + (int64_t)((random >> 8) % SHUT_DOWN_NS);
	int error;

	if (part == NULL)
		return;
	error = random & 2 ? gyre_pool_shut_down(part->pool, how, deadline_ns)
			   : gyre_executor_shut_down(
				     part->lanes[(random >> 4) % YARD_LANES],
				     how, deadline_ns);
	if (error < 0 && error != -ETIMEDOUT)
		report_broken(LAW_ERRORS, life->conductor,
			      "the yard did not shut down: %s",
			      gyre_error_name(error));
}

static void
close_part(struct life *life, struct yard_part *part)
{
	struct gyre_pool_stats stats;

	if (gyre_pool_shut_down(part->pool, GYRE_SHUT_DOWN_CANCEL,
				GYRE_FOREVER) < 0)
		report_broken(LAW_ERRORS, life->conductor,
			      "the yard did not end");
	gyre_pool_get_stats(part->pool, &stats);
	life->yard.accepted += stats.submitted;
	if (stats.submitted != stats.run + stats.dropped + stats.cancelled +
				       stats.expired ||
	    stats.queue_delay.count > stats.run)
		report_broken(LAW_CONSERVATION, life->conductor,
			      "a pool counts %llu accepted, %llu run, %llu "
			      "dropped, %llu cancelled, %llu expired",
			      (unsigned long long)stats.submitted,
			      (unsigned long long)stats.run,
			      (unsigned long long)stats.dropped,
			      (unsigned long long)stats.cancelled,
			      (unsigned long long)stats.expired);
	gyre_pool_free(part->pool);
}

void
yard_close(struct life *life)
{
	struct yard *yard = &life->yard;
	uint64_t given_back;

	for (unsigned i = 0; i < yard->parts_count; i++)
		close_part(life, &yard->parts[i]);
	given_back = atomic_load(&yard->run);
	for (unsigned i = 0; i < DROP_REASONS; i++)
		given_back += atomic_load(&yard->dropped[i]);
	if (given_back != yard->accepted)
		report_broken(LAW_CONSERVATION, life->conductor,
			      "the yard's pools count %llu accepted, %llu were "
			      "given back",
			      (unsigned long long)yard->accepted,
			      (unsigned long long)given_back);
}

void
yard_add(const struct yard *yard, struct tally *sum)
{
	actor_add_to(&sum->run, &yard->run);
	for (unsigned i = 0; i < DROP_REASONS; i++)
		actor_add_to(&sum->dropped[i], &yard->dropped[i]);
}
