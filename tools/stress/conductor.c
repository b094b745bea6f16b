#include "conductor.h"

#include <stdlib.h>
#include <time.h>

#include "channel.h"
#include "hush.h"
#include "leaks.h"
#include "life.h"
#include "order.h"
#include "producer.h"
#include "rng.h"

#define STALL_NS       GYRE_SECONDS(5)
#define PROGRESS_NS    GYRE_SECONDS(1)
#define STORM_NS       GYRE_MS(300)
#define NAP_NS         100000
#define STEPS_LONG     100000
#define STEPS_SHORT    500
#define STORMS_MAX     3
#define END_PAUSE_US   3000
#define YARD_PAUSE_US  20000
#define YARD_STORMS    3 /* in one of so many its pool is shut down */
#define ONE_LOOP_STOPS 2 /* in so many lives, before the runtime does */

struct conductor {
	const struct options *options;
	struct totals *totals;
	int64_t started_ns;
	int64_t shown_ns;
	/* When something last moved, and how much had run by then. */
	int64_t moved_ns;
	uint64_t moved_sum;
	/* What the guard looks at: since when, 0: it need not. */
	_Atomic int64_t guarded_ns;
	_Atomic(struct life *) guarded;
	_Atomic(const char *) guarded_what;
};

static struct conductor conductor;

int64_t
conductor_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

void
conductor_nap(int64_t ns)
{
	const struct timespec pause = { ns / INT64_C(1000000000),
					(long)(ns % INT64_C(1000000000)) };

	nanosleep(&pause, NULL);
}

/* -- the guard ------------------------------------------------------------- */

void
conductor_guard(struct life *life, const char *what)
{
	atomic_store(&conductor.guarded, life);
	atomic_store(&conductor.guarded_what, what);
	atomic_store(&conductor.guarded_ns, conductor_now_ns());
}

void
conductor_unguard(void)
{
	atomic_store(&conductor.guarded_ns, 0);
}

static void *
guard_main(void *arg)
{
	(void)arg;
	for (;;) {
		int64_t since_ns = atomic_load(&conductor.guarded_ns);
		struct life *life = atomic_load(&conductor.guarded);

		if (since_ns != 0 && conductor_now_ns() - since_ns > STALL_NS)
			report_broken(LAW_STALL, &life->actors[0],
				      "nothing brings %s about",
				      atomic_load(&conductor.guarded_what));
		conductor_nap(NAP_NS * 1000);
	}
	return NULL;
}

/* -- waiting --------------------------------------------------------------- */

static void
sum_up(const struct life *life, struct totals *ret_totals)
{
	*ret_totals = *conductor.totals;
	life_add(life, ret_totals->tally);
	ret_totals->restarts +=
		atomic_load_explicit(&life->restarts, memory_order_relaxed);
	ret_totals->elapsed_ns = conductor_now_ns() - conductor.started_ns;
}

/* The channel that has most under way, for there it hangs. */
static const struct actor *
find_stalled(const struct life *life)
{
	const struct actor *stalled = &life->actors[0];
	uint64_t most = 0;

	for (unsigned from = 0; from < life->actors_count; from++) {
		for (unsigned to = 0; to < life->places_count; to++) {
			uint64_t count = channel_under_way(
				channel_of(life, from, to, LANE_ORDINARY));

			if (count > most) {
				most = count;
				stalled = &life->actors[to];
			}
		}
	}
	return stalled;
}

/* Show that it goes on, and notice when it does not. */
static void
look(struct life *life, const char *what)
{
	int64_t now_ns = conductor_now_ns();
	struct totals totals;
	uint64_t sum;

	sum_up(life, &totals);
	sum = report_run(totals.tally) + totals.restarts;
	if (sum != conductor.moved_sum) {
		conductor.moved_sum = sum;
		conductor.moved_ns = now_ns;
	}
	if (now_ns - conductor.moved_ns > STALL_NS) {
		const struct actor *stalled = find_stalled(life);

		report_broken(LAW_STALL, stalled,
			      "waiting for %s: nothing has moved for %d s; "
			      "most waits at %s",
			      what, (int)(STALL_NS / GYRE_SECONDS(1)),
			      stalled->name);
	}
	if (now_ns - conductor.shown_ns > PROGRESS_NS) {
		conductor.shown_ns = now_ns;
		report_progress(&totals);
	}
}

void
conductor_await(struct life *life, const char *what,
		bool (*is_so)(struct life *life, void *arg), void *arg)
{
	conductor.moved_ns = conductor_now_ns();
	while (!is_so(life, arg)) {
		conductor_nap(NAP_NS);
		look(life, what);
	}
}

/* -- storms ---------------------------------------------------------------- */

static void
begin_storm(struct life *life, unsigned steps)
{
	atomic_store_explicit(&life->storm_steps, steps, memory_order_relaxed);
	atomic_fetch_add_explicit(&life->storm, 1, memory_order_relaxed);
}

struct storm {
	int64_t ends_ns;
};

static bool
is_over(struct life *life, void *arg)
{
	struct storm *storm = arg;

	if (conductor_now_ns() > storm->ends_ns)
		atomic_store_explicit(&life->storm_steps, 0,
				      memory_order_relaxed);
	return producers_are_parked(
		life, atomic_load_explicit(&life->storm, memory_order_relaxed));
}

/* In the midst of the storm; the next one has another. */
static void
end_yard(struct life *life, unsigned steps)
{
	uint64_t random = rng_mix(life->seed + steps);

	order_pause(random, YARD_PAUSE_US);
	yard_shut_down(life, rng_mix(random));
}

static void
have_storm(struct life *life, unsigned steps, bool ends_yard)
{
	struct storm storm = { conductor_now_ns() + STORM_NS };

	begin_storm(life, steps);
	if (ends_yard)
		end_yard(life, steps);
	conductor_await(life, "the producers to come to an end", is_over,
			&storm);
}

static bool
is_time(const struct life *life)
{
	const struct options *options = conductor.options;
	struct totals totals;

	sum_up(life, &totals);
	return totals.elapsed_ns >= options->duration_ns ||
	       (options->messages > 0 &&
		report_run(totals.tally) >= options->messages);
}

/* -- lives ----------------------------------------------------------------- */

/* Everything at once, and in the midst of it a loop, then all, stop. */
static void
stop_in_storm(struct life *life, uint64_t *rng)
{
	uint64_t choice = rng_next(rng);

	begin_storm(life, STEPS_LONG);
	order_pause(rng_next(rng), END_PAUSE_US);
	if (choice % ONE_LOOP_STOPS == 0) {
		atomic_store_explicit(&life->is_stopping, true,
				      memory_order_relaxed);
		gyre_loop_stop(life->places[(choice >> 8) % life->shards].loop);
		order_pause(rng_next(rng), END_PAUSE_US);
	}
}

static bool
live(struct life *life)
{
	bool stops = (life->options->mix & MIX_STOP) != 0;
	uint64_t rng = rng_mix(life->seed ^ UINT64_MAX);
	uint64_t storms = stops ? 1 + rng_below(&rng, STORMS_MAX) : UINT64_MAX;
	unsigned steps = stops ? STEPS_SHORT : STEPS_LONG;

	while (storms-- > 0 && !is_time(life)) {
		bool ends_yard = rng_below(&rng, YARD_STORMS) == 0;

		have_storm(life, 1 + (unsigned)rng_below(&rng, steps),
			   ends_yard);
		hush(life, &rng, &conductor.totals->hops);
		conductor.totals->hushes++;
		if (ends_yard && options_mixes(life->options, PATH_JOBS) &&
		    yard_open(life) < 0)
			report_broken(LAW_ERRORS, life->conductor,
				      "no pool could be made");
	}
	if (stops)
		stop_in_storm(life, &rng);
	life_end(life);
	return is_time(life);
}

static int
start_guard(void)
{
	pthread_t thread;
	int error = pthread_create(&thread, NULL, guard_main, NULL);

	if (error == 0)
		pthread_detach(thread);
	return -error;
}

int
conductor_run(const struct options *options, struct totals *ret_totals)
{
	struct leaks leaks;
	bool is_done = false;
	int error = start_guard();

	conductor.options = options;
	conductor.totals = ret_totals;
	conductor.started_ns = conductor_now_ns();
	conductor.shown_ns = conductor.started_ns;
	for (unsigned number = 0; error == 0 && !is_done; number++) {
		struct life *life;

		leaks_begin(&leaks);
		error = life_new(options, number, &life);
		if (error < 0)
			break;
		is_done = live(life);
		sum_up(life, ret_totals);
		ret_totals->lives++;
		leaks_check(&leaks, life);
		life_free(life);
	}
	return error;
}
