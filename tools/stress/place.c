#include "place.h"

#include "life.h"
#include "order.h"
#include "report.h"
#include "rng.h"

#define RESTARTS_MAX 500

/* -- a shard --------------------------------------------------------------- */

static int
start(const struct gyre_shard *shard, void *arg, void **ret_state)
{
	struct life *life = arg;
	struct place *place = &life->places[shard->index];
	int error;

	self = place->actor;
	place->loop = shard->loop;
	actor_note(EVENT_START, 0, self->id, 0);
	*ret_state = place;
	handlers_register(place);
	error = ports_open(place);
	return error < 0 ? error : topics_open(place);
}

static void
stop(const struct gyre_shard *shard, void *state)
{
	(void)shard;
	(void)state;
	actor_note(EVENT_STOP, 0, self->id, 0);
}

/* What the loop counted, once nothing waits there. */
static void
check_closed(struct place *place)
{
	struct gyre_loop_stats stats;

	gyre_loop_get_stats(place->loop, &stats);
	if (stats.posted != stats.run + stats.dropped || stats.waiting != 0)
		report_broken(LAW_CONSERVATION, self,
			      "%s counts %llu posted, %llu run, %llu dropped",
			      self->name, (unsigned long long)stats.posted,
			      (unsigned long long)stats.run,
			      (unsigned long long)stats.dropped);
	if (stats.timeouts_added != stats.timeouts_run + stats.timeouts_dropped)
		report_broken(LAW_CONSERVATION, self,
			      "%s counts %llu timeouts, %llu run, %llu dropped",
			      self->name,
			      (unsigned long long)stats.timeouts_added,
			      (unsigned long long)stats.timeouts_run,
			      (unsigned long long)stats.timeouts_dropped);
	if (stats.rings > stats.arms || stats.arms > stats.sleeps)
		report_broken(LAW_WAKEUPS, self,
			      "%s counts %llu rings, %llu arms, %llu sleeps",
			      self->name, (unsigned long long)stats.rings,
			      (unsigned long long)stats.arms,
			      (unsigned long long)stats.sleeps);
	actor_note(EVENT_CLOSE, 0, self->id, 0);
	atomic_store_explicit(&place->is_closed, true, memory_order_relaxed);
}

static void
free_place(void *state)
{
	check_closed(state);
}

const struct gyre_service_ops place_service = {
	.name = "stress",
	.start = start,
	.stop = stop,
	.free = free_place,
};

/* -- the restarter --------------------------------------------------------- */

static void
run_once(struct place *place)
{
	int error = gyre_loop_start(place->loop);

	if (error < 0)
		report_broken(LAW_ERRORS, self, "%s did not start: %s",
			      self->name, gyre_error_name(error));
	actor_note(EVENT_START, 0, self->id, 0);
	actor_count(&place->life->restarts);
}

static void *
restarter_main(void *arg)
{
	struct place *place = arg;
	struct life *life = place->life;
	uint64_t rng = life->seed;
	uint64_t restarts = 1 + rng_below(&rng, RESTARTS_MAX);

	self = place->actor;
	while (!life_is_ending(life) && restarts-- > 0) {
		run_once(place);
		order_pause(rng_next(&rng), 100);
	}
	if (gyre_loop_close(place->loop, false) < 0)
		report_broken(LAW_ERRORS, self, "%s did not close", self->name);
	check_closed(place);
	return NULL;
}

int
restarter_start(struct life *life)
{
	const struct gyre_loop_options options = {
		.make_current = GYRE_MAKE_CURRENT_NO,
	};
	struct place *place = &life->places[life->shards];
	int error = gyre_loop_new(&options, &place->loop);

	if (error == 0)
		error = ports_open(place);
	if (error < 0)
		return error;
	place->inbox = gyre_inbox_ref(gyre_loop_inbox(place->loop));
	error = pthread_create(&life->restarter, NULL, restarter_main, place);
	return -error;
}

void
restarter_join(struct life *life)
{
	gyre_loop_stop(life->places[life->shards].loop);
	pthread_join(life->restarter, NULL);
}
