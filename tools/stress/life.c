#include "life.h"

#include <errno.h>
#include <stdlib.h>

#include "channel.h"
#include "conductor.h"
#include "place.h"
#include "producer.h"
#include "report.h"
#include "rng.h"

/* -- making ---------------------------------------------------------------- */

static void
name_actors(struct life *life)
{
	for (unsigned i = 0; i < life->actors_count; i++) {
		struct actor *actor = &life->actors[i];
		const char *what = "loop";
		unsigned number = i;

		actor->life = life;
		actor->id = i;
		if (i >= life->shards) {
			what = "restarter";
			number = 0;
		}
		if (i >= life->places_count) {
			what = "producer";
			number = i - life->places_count;
		}
		if (actor == life->conductor) {
			what = "conductor";
			number = 0;
		}
		snprintf(actor->name, sizeof(actor->name), "%s %u", what,
			 number);
	}
}

static void
init_places(struct life *life)
{
	for (unsigned i = 0; i < life->places_count; i++) {
		struct place *place = &life->places[i];

		place->life = life;
		place->actor = &life->actors[i];
		place->index = i;
		calls_init(place);
		timeouts_init(place);
		jobs_init(place);
		works_init(place);
		asks_init(place);
	}
}

static void
init_producers(struct life *life)
{
	for (unsigned i = 0; i < life->producers_count; i++) {
		struct producer *producer = &life->producers[i];

		producer->life = life;
		producer->actor = &life->actors[life->places_count + i];
		producer->index = i;
		producer->rng = rng_mix(life->seed + i + 1);
	}
}

static int
allocate(struct life *life)
{
	life->places = calloc(life->places_count, sizeof(*life->places));
	life->producers =
		calloc(life->producers_count, sizeof(*life->producers));
	life->actors =
		aligned_alloc(alignof(struct actor),
			      life->actors_count * sizeof(*life->actors));
	life->publishers =
		calloc(life->actors_count, sizeof(*life->publishers));
	if (life->publishers == NULL || life->places == NULL ||
	    life->producers == NULL || life->actors == NULL)
		return -ENOMEM;
	for (unsigned i = 0; i < life->actors_count; i++)
		life->actors[i] = (struct actor){ .id = i };
	life->conductor = &life->actors[life->actors_count - 1];
	name_actors(life);
	init_places(life);
	init_producers(life);
	return channels_new(life);
}

static int
start_runtime(struct life *life)
{
	const struct gyre_runtime_options options = {
		.loops = life->shards,
		.pin = life->options->pin,
		.cpus = life->options->cpus,
		.cpus_count = life->options->cpus_count,
		/* It is there; how slow a sanitizer is, is no news. */
		.watchdog_ns = GYRE_SECONDS(3600),
	};
	int error = gyre_runtime_new(&options, &life->runtime);

	if (error < 0)
		return error;
	life->bus = gyre_runtime_bus(life->runtime);
	error = gyre_runtime_add_service(life->runtime, &place_service, life);
	if (error == 0)
		error = gyre_runtime_start(life->runtime);
	if (error < 0)
		return error;
	for (unsigned i = 0; i < life->shards; i++)
		life->places[i].inbox =
			gyre_inbox_ref(gyre_bus_inbox(life->bus, i));
	return 0;
}

static int
start(struct life *life)
{
	int error = 0;

	for (unsigned i = 0; error == 0 && i < life->places_count; i++)
		error = handlers_open(&life->places[i]);
	if (error == 0)
		error = start_runtime(life);
	if (error == 0 && options_mixes(life->options, PATH_JOBS))
		error = yard_open(life);
	if (error == 0 && life->has_restarter)
		error = restarter_start(life);
	if (error == 0)
		error = producers_start(life);
	return error;
}

int
life_new(const struct options *options, unsigned number, struct life **ret_life)
{
	struct life *life = calloc(1, sizeof(*life));
	int error;

	if (life == NULL)
		return -ENOMEM;
	life->options = options;
	life->number = number;
	life->seed = rng_mix(options->seed ^ rng_mix(number + 1));
	life->has_restarter = (options->mix & MIX_STOP) != 0;
	life->shards = options->loops;
	life->places_count = life->shards + life->has_restarter;
	life->producers_count = options->producers;
	life->actors_count = life->places_count + life->producers_count + 1;
	error = allocate(life);
	if (error < 0)
		return error;
	self = life->conductor;
	*ret_life = life;
	return start(life);
}

/* -- ending ---------------------------------------------------------------- */

/* What did not run was dropped, message by message. A call that never ran has
 * told its caller instead. */
static void
check_channel(const struct channel *channel)
{
	uint64_t sent =
		atomic_load_explicit(&channel->sent, memory_order_relaxed);
	const struct life *life = channel->life;

	for (uint64_t number = channel->next; number < sent; number++) {
		const struct message *message =
			&channel->ring[number & (channel->size - 1)];

		if (message->fate == FATE_DROPPED ||
		    (message->fate == FATE_SENT && message->path == PATH_CALLS))
			continue;
		report_broken(LAW_CONSERVATION, &life->actors[channel->from],
			      "message %llu from %s to %s (%s) was accepted, "
			      "and neither ran nor was dropped",
			      (unsigned long long)number,
			      life->actors[channel->from].name,
			      life->actors[channel->to].name,
			      path_name(message->path));
	}
}

static void
check_tallies(const struct life *life)
{
	struct tally sum[PATHS] = { 0 };

	life_add(life, sum);
	for (unsigned path = 0; path < PATHS; path++) {
		uint64_t accepted = sum[path].started - sum[path].refused;
		uint64_t ended = sum[path].run;

		for (unsigned i = 0; i < DROP_REASONS; i++)
			ended += sum[path].dropped[i];
		if (accepted != ended)
			report_broken(LAW_CONSERVATION, life->conductor,
				      "%s: %llu accepted, %llu run or dropped",
				      path_name(path),
				      (unsigned long long)accepted,
				      (unsigned long long)ended);
	}
}

static void
check_all(struct life *life)
{
	size_t channels =
		(size_t)LANES * life->actors_count * life->places_count;

	for (size_t i = 0; i < channels; i++)
		check_channel(&life->channels[i]);
	for (unsigned i = 0; i < life->places_count; i++) {
		calls_check(&life->places[i]);
		timeouts_check(&life->places[i]);
		jobs_check(&life->places[i]);
		works_check(&life->places[i]);
		handlers_check(&life->places[i]);
		ports_check(&life->places[i]);
		asks_check(&life->places[i]);
	}
	topics_check(life);
	check_tallies(life);
}

void
life_end(struct life *life)
{
	struct gyre_loop *stale = life->places[0].loop;

	conductor_guard(life, "the end of the runtime");
	atomic_store_explicit(&life->is_stopping, true, memory_order_relaxed);
	gyre_runtime_stop(life->runtime);
	atomic_store_explicit(&life->ends, true, memory_order_relaxed);
	producers_join(life);
	if (life->has_restarter)
		restarter_join(life);
	if (gyre_runtime_wait(life->runtime) < 0)
		report_broken(LAW_ERRORS, life->conductor,
			      "the runtime ended with an error");
	yard_close(life);
	gyre_runtime_free(life->runtime);
	if (life->has_restarter)
		gyre_loop_free(life->places[life->shards].loop);
	check_all(life);
	conductor_unguard();
	if (plant_is(PLANT_USE_AFTER_CLOSE) && gyre_loop_time(stale) == 0)
		life->route = 0;
}

/* The inboxes are the last to go: they outlive their loops. */
void
life_free(struct life *life)
{
	for (unsigned i = 0; i < life->places_count; i++) {
		gyre_inbox_unref(life->places[i].inbox);
		handlers_close(&life->places[i]);
		ports_close(&life->places[i]);
	}
	channels_free(life);
	self = NULL;
	free(life->actors);
	free(life->producers);
	free(life->publishers);
	free(life->places);
	free(life);
}

void
life_add(const struct life *life, struct tally sum[PATHS])
{
	/* What ends first, as in actor_add(). */
	yard_add(&life->yard, &sum[PATH_JOBS]);
	for (unsigned i = 0; i < life->actors_count; i++)
		actor_add(&life->actors[i], sum);
	actor_add_to(&sum[PATH_TOPICS].run, &life->released);
}
