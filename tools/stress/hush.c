#include "hush.h"

#include <errno.h>
#include <time.h>

#include "conductor.h"
#include "life.h"
#include "report.h"
#include "rng.h"

#define RELAYS       4
#define HOPS_MAX     64
#define IDLE_NS      1000000
#define IDLE_TRIES   20
#define ITERATIONS   4 /* two tasks, and what each may need to end */
#define ANSWER_MAX_S 5

/* -- rest ------------------------------------------------------------------ */

static uint64_t
count_under_way(const struct life *life)
{
	struct tally sum[PATHS] = { 0 };
	uint64_t under_way = 0;

	life_add(life, sum);
	for (unsigned path = 0; path < PATHS; path++) {
		under_way +=
			sum[path].started - sum[path].refused - sum[path].run;
		for (unsigned i = 0; i < DROP_REASONS; i++)
			under_way -= sum[path].dropped[i];
	}
	return under_way;
}

/* Twice, for the counters are not read at one instant. */
static bool
is_at_rest(struct life *life, void *arg)
{
	struct timespec pause = { 0, 100000 };

	(void)arg;
	if (count_under_way(life) != 0)
		return false;
	nanosleep(&pause, NULL);
	return count_under_way(life) == 0;
}

/* -- one task that goes around --------------------------------------------- */

struct relay {
	struct gyre_task task; /* first */
	struct life *life;
	uint64_t rng;
	unsigned hops;
	_Atomic bool has_arrived;
};

static void pass_on(struct relay *relay);

static void
run_relay(struct gyre_task *task)
{
	struct relay *relay = (struct relay *)task;

	actor_note(EVENT_RELAY, PATH_TASKS, self->id, relay->hops);
	if (relay->hops-- > 0)
		pass_on(relay);
	else
		atomic_store_explicit(&relay->has_arrived, true,
				      memory_order_release);
}

static void
drop_relay(struct gyre_task *task, enum gyre_drop_reason reason)
{
	struct relay *relay = (struct relay *)task;

	(void)reason;
	atomic_store_explicit(&relay->has_arrived, true, memory_order_release);
}

/* To any loop that is not closed; the shards are not. */
static void
pass_on(struct relay *relay)
{
	struct life *life = relay->life;
	unsigned to = (unsigned)rng_below(&relay->rng, life->places_count);

	relay->task.run = run_relay;
	relay->task.drop = drop_relay;
	while (gyre_inbox_post(life->places[to].inbox, &relay->task) < 0)
		to = (unsigned)rng_below(&relay->rng, life->shards);
}

static bool
has_arrived(struct life *life, void *arg)
{
	struct relay *relay = arg;

	(void)life;
	return atomic_load_explicit(&relay->has_arrived, memory_order_acquire);
}

static void
send_around(struct life *life, uint64_t *rng, uint64_t *hops)
{
	struct relay relay = {
		.life = life,
		.rng = rng_next(rng),
		.hops = (unsigned)rng_below(rng, HOPS_MAX),
	};

	*hops += relay.hops + 1;
	pass_on(&relay);
	conductor_await(life, "a single task to be passed on", has_arrived,
			&relay);
}

/* -- idleness -------------------------------------------------------------- */

static void *
read_stats(void *arg)
{
	gyre_loop_get_stats(gyre_loop_current(false), arg);
	return NULL;
}

static void
ask(struct life *life, unsigned shard, struct gyre_loop_stats *ret_stats)
{
	int64_t deadline_ns =
		conductor_now_ns() + GYRE_SECONDS((double)ANSWER_MAX_S);
	int error = gyre_bus_call_wait(life->bus, shard, read_stats, ret_stats,
				       deadline_ns, NULL);

	if (error < 0)
		report_broken(LAW_STALL, &life->actors[shard],
			      "loop %u, asleep, was asked and did not answer: "
			      "%s",
			      shard, gyre_error_name(error));
}

static void
check_counters(struct actor *actor, const struct gyre_loop_stats *stats)
{
	if (stats->timeouts_waiting != 0 ||
	    stats->timeouts_added !=
		    stats->timeouts_run + stats->timeouts_dropped)
		report_broken(LAW_CONSERVATION, actor,
			      "%s still counts %llu timeouts", actor->name,
			      (unsigned long long)stats->timeouts_waiting);
	if (stats->posted != stats->run + stats->dropped + stats->waiting ||
	    stats->rings > stats->arms)
		report_broken(LAW_CONSERVATION, actor,
			      "%s counts %llu posted, %llu run, %llu dropped, "
			      "%llu waiting",
			      actor->name, (unsigned long long)stats->posted,
			      (unsigned long long)stats->run,
			      (unsigned long long)stats->dropped,
			      (unsigned long long)stats->waiting);
}

/*
 * One task is one wake-up. What the loop retired may still come home after a
 * grace period, so more than that is a fault only if it goes on.
 */
static void
check_idle(struct life *life, unsigned shard)
{
	struct timespec pause = { 0, IDLE_NS };
	struct gyre_loop_stats before;
	struct gyre_loop_stats after;

	ask(life, shard, &after);
	for (unsigned i = 0; i < IDLE_TRIES; i++) {
		before = after;
		nanosleep(&pause, NULL);
		ask(life, shard, &after);
		if (after.iterations - before.iterations <= ITERATIONS &&
		    after.rings - before.rings <= 1) {
			check_counters(&life->actors[shard], &after);
			return;
		}
	}
	report_broken(
		LAW_WAKEUPS, &life->actors[shard],
		"idle, loop %u did %llu iterations for one task, rung "
		"%llu times",
		shard,
		(unsigned long long)(after.iterations - before.iterations),
		(unsigned long long)(after.rings - before.rings));
}

void
hush(struct life *life, uint64_t *rng, uint64_t *hops)
{
	conductor_await(life, "what was accepted to run", is_at_rest, NULL);
	for (unsigned i = 0; i < RELAYS; i++)
		send_around(life, rng, hops);
	for (unsigned shard = 0; shard < life->shards; shard++)
		check_idle(life, shard);
}
