#include "producer.h"

#include <errno.h>
#include <sched.h>
#include <time.h>

#include "channel.h"
#include "handlers.h"
#include "life.h"
#include "order.h"
#include "plant.h"
#include "rng.h"

#define BURST_MAX   32
#define PAUSE_US    200
#define NAP_NS      20000
#define SPINS_LONG  64
#define ONE_IN_MANY 256

static void
nap(void)
{
	struct timespec pause = { 0, NAP_NS };

	nanosleep(&pause, NULL);
}

/* Send; wait while the receiver has too much to do, but not for one that is
 * gone. */
static bool
send_one(struct producer *producer, struct channel *channel, enum path path)
{
	for (unsigned spins = 0;; spins++) {
		int error = channel_send(channel, path);

		if (error != -EAGAIN)
			return error == 0;
		if (life_is_ending(producer->life))
			return false;
		if (spins < SPINS_LONG)
			sched_yield();
		else
			nap();
	}
}

static unsigned
choose_place(struct producer *producer)
{
	struct life *life = producer->life;
	unsigned to = (unsigned)rng_below(&producer->rng, life->places_count);

	if (plant_is(PLANT_RACE_ROUTING)) {
		life->route = to;
		to = life->route;
	}
	return to;
}

/* What is rarer than messages. */
static void
disturb(struct producer *producer, struct place *place, uint64_t what)
{
	struct life *life = producer->life;

	if ((what & 15) == 0)
		handlers_write(place, producer->index);
	if ((what >> 4) % ONE_IN_MANY == 0)
		order_pause(what >> 16, PAUSE_US);
	if (life->has_restarter && (what >> 12) % ONE_IN_MANY == 0) {
		actor_note(EVENT_STOP, 0, life->shards, 0);
		gyre_loop_stop(life->places[life->shards].loop);
	}
	if (options_mixes(life->options, PATH_TOPICS) && (what >> 34 & 3) == 0)
		topics_publish(life, what >> 36);
	if (options_mixes(life->options, PATH_PORTS) && (what >> 28 & 7) == 0)
		ports_send_wait(place, what >> 31);
	if (options_mixes(life->options, PATH_TASKS) &&
	    (what >> 20) % ONE_IN_MANY == 0)
		(void)channel_send(channel_of(life, producer->actor->id,
					      place->index, LANE_URGENT),
				   PATH_TASKS);
}

static void
step(struct producer *producer)
{
	struct life *life = producer->life;
	unsigned to = choose_place(producer);
	struct channel *channel =
		channel_of(life, producer->actor->id, to, LANE_ORDINARY);
	uint64_t kinds = rng_next(&producer->rng);
	unsigned count = 1 + (unsigned)rng_below(&producer->rng, BURST_MAX);

	if (options_mixes(life->options, PATH_TASKS) && kinds >> 61 == 0)
		(void)channel_send_chain(channel, count);
	for (unsigned i = 0; i < count; i++) {
		if (!send_one(producer, channel,
			      order_path(life->options, kinds >> i)))
			break;
	}
	disturb(producer, &life->places[to], rng_next(&producer->rng));
}

/* Wait for another storm; its number, or 0 at the end. */
static unsigned
wait_for_storm(struct producer *producer, unsigned last)
{
	while (!life_is_ending(producer->life)) {
		unsigned storm = atomic_load_explicit(&producer->life->storm,
						      memory_order_relaxed);

		if (storm != last)
			return storm;
		nap();
	}
	return 0;
}

static void *
producer_main(void *arg)
{
	struct producer *producer = arg;
	struct life *life = producer->life;
	unsigned storm = 0;

	self = producer->actor;
	while ((storm = wait_for_storm(producer, storm)) != 0) {
		for (unsigned i = 0;
		     i < atomic_load_explicit(&life->storm_steps,
					      memory_order_relaxed) &&
		     !life_is_ending(life);
		     i++)
			step(producer);
		atomic_store_explicit(&producer->parked_in, storm,
				      memory_order_relaxed);
	}
	return NULL;
}

int
producers_start(struct life *life)
{
	for (unsigned i = 0; i < life->producers_count; i++) {
		struct producer *producer = &life->producers[i];
		int error = pthread_create(&producer->thread, NULL,
					   producer_main, producer);

		if (error != 0)
			return -error;
	}
	return 0;
}

void
producers_join(struct life *life)
{
	for (unsigned i = 0; i < life->producers_count; i++)
		pthread_join(life->producers[i].thread, NULL);
}

bool
producers_are_parked(const struct life *life, unsigned storm)
{
	for (unsigned i = 0; i < life->producers_count; i++) {
		if (atomic_load_explicit(&life->producers[i].parked_in,
					 memory_order_relaxed) != storm)
			return false;
	}
	return true;
}
