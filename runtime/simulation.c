/*
 * The scheduler of a simulated runtime. A shard's iteration is the unit: what
 * threads could interleave within one meets in the inboxes, which are pushed
 * to when an outbox is flushed, and taken from when an iteration begins. A
 * shard that has nothing to do arms its inbox, as when it sleeps, and is left
 * alone until it is rung or a timeout is due: a wake-up that is lost here is
 * lost as it would be there.
 *
 * Between two steps no shard reads anything that is RCU's, so that all that
 * was retired by then may be freed at any of these moments.
 *
 * Rejected: threads that are let run one at a time, which a debugger follows
 * badly and which cost a switch a step; an order of tasks rather than
 * iterations, which no real run would show.
 */
#include "runtime/simulation.h"

#include <gyre/embedding.h>

#include "base/check.h"
#include "base/exception.h"
#include "base/log.h"
#include "bus/bus.h"
#include "bus/reaper.h"
#include "loop/loop.h"
#include "runtime/runtime.h"
#include "runtime/simulated_jobs.h"

#include <errno.h>

/* Where the clock begins: an instant like any other. */
#define BEGIN_NS GYRE_MS(1000)

/* How long a step takes, at most; and one in so many takes much longer, so
 * that deadlines pass and timeouts are late. */
#define STEP_NS      GYRE_US(2)
#define SLOW_STEP_NS GYRE_MS(2)
#define SLOW_STEP    64

/* What the trace tells apart. */
enum step {
	STEP_START,
	STEP_RUN,
	STEP_END,
	STEP_JOB,
	STEP_REAP,
	STEP_SLEEP,
};

struct place {
	struct gyre__shard *shard;
	bool asleep; /* its inbox is armed */
	bool ended;
	int64_t wake_ns; /* while it is asleep; or GYRE_FOREVER */
};

struct gyre__simulation {
	struct gyre_runtime *runtime;
	uint64_t order;  /* random: what comes next */
	uint64_t chance; /* random: the user's */
	struct gyre_simulation_stats stats;
	struct gyre__simulated_jobs jobs;
	bool is_forced; /* the stop's deadline has come */
	unsigned places_count;
	struct place places[];
};

static uint64_t
below(struct gyre__simulation *simulation, uint64_t limit)
{
	return gyre__random_below(&simulation->order, limit);
}

/* FNV-1a, by words. */
static void
add_to_trace(struct gyre__simulation *simulation, uint64_t value)
{
	simulation->stats.trace =
		(simulation->stats.trace ^ value) * UINT64_C(0x100000001b3);
}

static void
trace(struct gyre__simulation *simulation, enum step step, uint64_t what)
{
	add_to_trace(simulation, step);
	add_to_trace(simulation, what);
	add_to_trace(simulation, (uint64_t)simulation->stats.now_ns);
}

/* -- a loop's clock and poller ------------------------------------------- */

int64_t
gyre__simulation_now(const struct gyre__simulation *simulation)
{
	return simulation->stats.now_ns;
}

static int64_t
now_ns(void *simulation)
{
	return gyre__simulation_now(simulation);
}

struct poller {
	const struct gyre_sys *sys;
	bool rung;
};

static int
open_poller(const struct gyre_sys *sys, void **ret_poller)
{
	struct poller *poller = gyre__allocate(sys, sizeof(*poller), 0);

	if (poller == NULL)
		return -ENOMEM;
	poller->sys = sys;
	*ret_poller = poller;
	return 0;
}

static void
close_poller(void *arg)
{
	struct poller *poller = arg;

	poller->sys->release(poller);
}

static int
refuse_fd(void *poller, int fd, unsigned events, uint64_t cookie)
{
	(void)poller;
	(void)fd;
	(void)events;
	(void)cookie;
	return -ENOTSUP;
}

static int
remove_fd(void *poller, int fd)
{
	(void)poller;
	(void)fd;
	return -ENOENT;
}

/* The scheduler alone sleeps. */
static int
wait_not(void *arg, struct gyre_poller_event *events, int max,
	 int64_t timeout_ns)
{
	(void)arg;
	(void)events;
	(void)max;
	GYRE_REQUIRE(timeout_ns == 0);
	return 0;
}

static void
wake(void *arg)
{
	struct poller *poller = arg;

	poller->rung = true;
}

static const struct gyre_poller_ops poller_ops = {
	.name = "simulated",
	.open = open_poller,
	.close = close_poller,
	.add = refuse_fd,
	.modify = refuse_fd,
	.remove = remove_fd,
	.wait = wait_not,
	.wake = wake,
};

void
gyre__simulation_prepare(struct gyre__simulation *simulation,
			 struct gyre_loop_options *options)
{
	options->make_current = GYRE_MAKE_CURRENT_NO;
	options->clock = (struct gyre_clock){ now_ns, simulation };
	options->poller = &poller_ops;
	options->slack_ns = 1; /* there is nothing to be spared */
}

static bool
is_rung(const struct place *place)
{
	const struct poller *poller = place->shard->shard.loop->handlers.poller;

	return poller->rung;
}

static void
forget_ring(struct place *place)
{
	struct poller *poller = place->shard->shard.loop->handlers.poller;

	poller->rung = false;
}

/* -- steps --------------------------------------------------------------- */

static void
take_time(struct gyre__simulation *simulation)
{
	uint64_t most =
		below(simulation, SLOW_STEP) == 0 ? SLOW_STEP_NS : STEP_NS;

	simulation->stats.steps++;
	simulation->stats.now_ns += (int64_t)below(simulation, most);
}

static void
end_shard(struct gyre__simulation *simulation, struct place *place)
{
	struct gyre_loop *loop = place->shard->shard.loop;
	struct gyre__current before = gyre__current_enter(loop);

	/* As the shard's thread would. */
	gyre__thread_is_ours = true;
	gyre__shard_leave(place->shard);
	gyre__thread_is_ours = false;
	gyre__current_leave(before);
	place->ended = true;
	trace(simulation, STEP_END, place->shard->shard.index);
}

/* The iteration is over; with nothing to do the next one waits for a ring. */
static void
fall_asleep(struct gyre__simulation *simulation, struct place *place)
{
	place->wake_ns = gyre_loop_next_ns(place->shard->shard.loop);
	place->asleep = place->wake_ns > simulation->stats.now_ns;
}

static void
run_shard(struct gyre__simulation *simulation, struct place *place)
{
	struct gyre_loop *loop = place->shard->shard.loop;
	int result;

	place->asleep = false;
	forget_ring(place);
	result = gyre_loop_run_once(loop, 0);
	if (gyre__runtime_is_fork(simulation->runtime))
		return; /* it goes on in the parent */
	trace(simulation, STEP_RUN, place->shard->shard.index);
	add_to_trace(simulation, loop->outbox.run);
	add_to_trace(simulation, loop->timeouts_run);
	if (result == 0) {
		fall_asleep(simulation, place);
		return;
	}
	gyre__shard_report_end(place->shard, result == -ECANCELED ? 0 : result);
	end_shard(simulation, place);
}

/* Whether a service of the shard is to start, and waits for nothing. */
static bool
is_starting(const struct place *place)
{
	return place->shard->turn == GYRE__TURN_START &&
	       place->shard->awaited == 0;
}

static void
start_service(struct gyre__simulation *simulation, struct place *place)
{
	struct gyre__current before =
		gyre__current_enter(place->shard->shard.loop);

	gyre__services_step(place->shard);
	gyre__current_leave(before);
	trace(simulation, STEP_START, place->shard->shard.index);
}

static void
step_shard(struct gyre__simulation *simulation, struct place *place)
{
	if (is_starting(place))
		start_service(simulation, place);
	else
		run_shard(simulation, place);
}

static void
run_job(struct gyre__simulation *simulation)
{
	unsigned n = (unsigned)below(simulation, simulation->jobs.waiting);

	gyre__simulated_jobs_run(&simulation->jobs, n,
				 simulation->stats.now_ns);
	if (gyre__raised()) {
		gyre__log(&simulation->runtime->log, GYRE_LOG_ERROR,
			  "simulation: a job raised %s: %s",
			  gyre_error_name(gyre_exception()->error),
			  gyre_exception()->message);
		gyre__clear_exception();
	}
	simulation->stats.jobs++;
	trace(simulation, STEP_JOB, n);
}

static void
reap(struct gyre__simulation *simulation)
{
	gyre__reaper_step(gyre__bus_reaper(simulation->runtime->bus));
	simulation->stats.grace_periods++;
	trace(simulation, STEP_REAP, 0);
}

/* -- what is next -------------------------------------------------------- */

static bool
is_awake(const struct gyre__simulation *simulation, const struct place *place)
{
	if (place->ended)
		return false;
	if (is_starting(place))
		return true;
	if (!gyre__gate_is_running(&simulation->runtime->gate))
		return false;
	return !place->asleep || is_rung(place) ||
	       place->wake_ns <= simulation->stats.now_ns;
}

/* The n-th that is awake, or NULL; without n, how many there are. */
static struct place *
nth_awake(struct gyre__simulation *simulation, uint64_t n)
{
	for (unsigned i = 0; i < simulation->places_count; i++)
		if (is_awake(simulation, &simulation->places[i]) && n-- == 0)
			return &simulation->places[i];
	return NULL;
}

static unsigned
count_awake(const struct gyre__simulation *simulation)
{
	unsigned count = 0;

	for (unsigned i = 0; i < simulation->places_count; i++)
		count += is_awake(simulation, &simulation->places[i]);
	return count;
}

/* One step of those that are possible; false: none is. */
static bool
step(struct gyre__simulation *simulation)
{
	unsigned awake = count_awake(simulation);
	unsigned jobs = simulation->jobs.waiting > 0;
	unsigned reaper = gyre__reaper_has_work(
		gyre__bus_reaper(simulation->runtime->bus));
	unsigned chosen;

	if (awake + jobs + reaper == 0)
		return false;
	chosen = (unsigned)below(simulation, awake + jobs + reaper);
	if (chosen < awake)
		step_shard(simulation, nth_awake(simulation, chosen));
	else if (chosen < awake + jobs)
		run_job(simulation);
	else
		reap(simulation);
	take_time(simulation);
	return true;
}

/* All sleep: until the first timeout, or the stop's deadline; false: nobody has
 * one. */
static bool
sleep_until_timeout(struct gyre__simulation *simulation)
{
	int64_t first_ns =
		simulation->is_forced
			? GYRE_FOREVER
			: gyre__supervision_deadline(simulation->runtime);

	for (unsigned i = 0; i < simulation->places_count; i++) {
		const struct place *place = &simulation->places[i];

		if (!place->ended && place->wake_ns < first_ns)
			first_ns = place->wake_ns;
	}
	if (first_ns == GYRE_FOREVER)
		return false;
	simulation->stats.now_ns = first_ns;
	simulation->stats.sleeps++;
	trace(simulation, STEP_SLEEP, 0);
	return true;
}

static bool
all_ended(const struct gyre__simulation *simulation)
{
	for (unsigned i = 0; i < simulation->places_count; i++)
		if (!simulation->places[i].ended)
			return false;
	return true;
}

/* -- from start to end --------------------------------------------------- */

int
gyre__simulation_make_loops(struct gyre__simulation *simulation)
{
	for (unsigned i = 0; i < simulation->places_count; i++) {
		struct place *place = &simulation->places[i];
		int result = gyre__shard_make_loop(place->shard);

		place->shard->result = result;
		if (result < 0)
			return result;
		place->ended = false;
	}
	return 0;
}

/* Without a timeout, a job or a message nothing will ever happen again. */
static void
report_deadlock(const struct gyre__simulation *simulation)
{
	gyre__log(&simulation->runtime->log, GYRE_LOG_ERROR,
		  "simulation: every loop sleeps and nothing is scheduled, "
		  "after %llu steps of seed %llu: stopped",
		  (unsigned long long)simulation->stats.steps,
		  (unsigned long long)simulation->stats.seed);
}

enum start {
	START_DONE,
	START_GOES_ON,
	START_FAILED,
};

static enum start
look_at_start(const struct gyre__simulation *simulation)
{
	enum start start = START_DONE;

	for (unsigned i = 0; i < simulation->places_count; i++) {
		const struct gyre__shard *shard = simulation->places[i].shard;

		if (shard->failure[0] != '\0')
			return START_FAILED;
		if (shard->turn == GYRE__TURN_START)
			start = START_GOES_ON;
	}
	return start;
}

/* On each shard in their order, and the shards in any. */
int
gyre__simulation_start_services(struct gyre__simulation *simulation)
{
	struct gyre__gate *gate = &simulation->runtime->gate;
	enum start start;

	gyre__gate_open(gate, GYRE__GATE_SERVICES);
	for (unsigned i = 0; i < simulation->places_count; i++)
		gyre__services_begin(simulation->places[i].shard,
				     GYRE__TURN_START);
	while ((start = look_at_start(simulation)) == START_GOES_ON) {
		if (step(simulation) || sleep_until_timeout(simulation))
			continue;
		report_deadlock(simulation);
		return -EDEADLK;
	}
	if (start == START_FAILED)
		return -ECANCELED;
	gyre__gate_open(gate, GYRE__GATE_RUN);
	return 0;
}

/* As whoever supervises the stop does. */
static void
keep_deadline(struct gyre__simulation *simulation)
{
	if (simulation->is_forced ||
	    !gyre__supervision_is_due(simulation->runtime))
		return;
	simulation->is_forced = true;
	gyre__control_force_shards(simulation->runtime);
}

int
gyre__simulation_run(struct gyre__simulation *simulation)
{
	int result = 0;

	while (!all_ended(simulation)) {
		if (gyre__runtime_is_fork(simulation->runtime))
			return -EPERM;
		keep_deadline(simulation);
		if (step(simulation) || sleep_until_timeout(simulation))
			continue;
		/* Told to stop already, it was a wake-up that was lost. */
		if (result < 0)
			break;
		report_deadlock(simulation);
		result = -EDEADLK;
		gyre_runtime_stop(simulation->runtime);
	}
	return result;
}

void
gyre__simulation_end(struct gyre__simulation *simulation)
{
	for (unsigned i = 0; i < simulation->places_count; i++)
		if (!simulation->places[i].ended)
			end_shard(simulation, &simulation->places[i]);
	gyre__simulated_jobs_stop(&simulation->jobs);
	while (gyre__reaper_has_work(
		gyre__bus_reaper(simulation->runtime->bus)))
		reap(simulation);
}

/* -- life ---------------------------------------------------------------- */

struct gyre__simulation *
gyre__simulation_new(struct gyre_runtime *runtime, uint64_t seed)
{
	unsigned count = runtime->shards_count;
	struct gyre__simulation *simulation = gyre__allocate(
		runtime->sys,
		sizeof(*simulation) + count * sizeof(simulation->places[0]), 0);

	if (simulation == NULL)
		return NULL;
	simulation->runtime = runtime;
	simulation->order = seed;
	simulation->chance = ~seed;
	simulation->stats.seed = seed;
	simulation->stats.now_ns = BEGIN_NS;
	simulation->stats.trace = UINT64_C(0xcbf29ce484222325);
	simulation->places_count = count;
	gyre__simulated_jobs_init(&simulation->jobs);
	for (unsigned i = 0; i < count; i++)
		simulation->places[i] = (struct place){
			.shard = &runtime->shards[i],
			.ended = true, /* until its loop is made */
		};
	return simulation;
}

void
gyre__simulation_jobs(const struct gyre__simulation *simulation,
		      struct gyre__jobs *ret_jobs)
{
	ret_jobs->submitted = simulation->jobs.submitted;
	ret_jobs->busy = simulation->jobs.waiting > 0;
}

void
gyre__simulation_free(struct gyre__simulation *simulation)
{
	if (simulation != NULL)
		simulation->runtime->sys->release(simulation);
}

struct gyre_executor *
gyre__simulation_executor(struct gyre__simulation *simulation)
{
	return &simulation->jobs.executor;
}

/* -- public -------------------------------------------------------------- */

uint64_t
gyre_simulation_random(struct gyre_runtime *runtime)
{
	if (runtime->simulation == NULL)
		return 0;
	return gyre__random_next(&runtime->simulation->chance);
}

void
gyre_simulation_stats(const struct gyre_runtime *runtime,
		      struct gyre_simulation_stats *ret_stats)
{
	*ret_stats = runtime->simulation != NULL
			     ? runtime->simulation->stats
			     : (struct gyre_simulation_stats){ 0 };
}
