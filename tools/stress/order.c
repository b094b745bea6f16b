#include "order.h"

#include <time.h>

#include "channel.h"
#include "life.h"
#include "rng.h"

#define BURST_MASK 15u
#define PAUSE_US   500

void
order_pause(uint64_t order, uint64_t longest_us)
{
	uint64_t us = order % longest_us;
	struct timespec pause = { 0, (long)(us * 1000) };

	actor_note(EVENT_PAUSE, 0, self->id, us);
	nanosleep(&pause, NULL);
}

enum path
order_path(const struct options *options, uint64_t order)
{
	unsigned both = 1u << PATH_CALLBACKS | 1u << PATH_TASKS;

	if ((options->mix & both) == both)
		return order & 1 ? PATH_CALLBACKS : PATH_TASKS;
	return options_mixes(options, PATH_CALLBACKS) ? PATH_CALLBACKS
						      : PATH_TASKS;
}

/* Send some on to loops; this one takes its turn like others. What has no room
 * is not sent: a loop waits for nobody. */
static void
forward(struct place *place, uint64_t order)
{
	const struct life *life = place->life;
	unsigned count = 1 + (order & BURST_MASK);

	for (unsigned i = 0; i < count; i++) {
		uint64_t number = rng_mix(order + i);

		(void)channel_send(
			channel_of(life, place->index,
				   (unsigned)(number >> 8) % life->places_count,
				   LANE_ORDINARY),
			order_path(life->options, number));
	}
}

static void
send_urgent(struct place *place, uint64_t order)
{
	unsigned to = (unsigned)(order % place->life->places_count);

	(void)channel_send(
		channel_of(place->life, place->index, to, LANE_URGENT),
		PATH_TASKS);
}

/* One in `some` orders is for this path; all are if nothing else is sent. */
static bool
is_for(const struct place *place, enum path path, uint64_t order, unsigned some)
{
	const struct options *options = place->life->options;
	unsigned sent = 1u << PATH_CALLBACKS | 1u << PATH_TASKS;

	if (!options_mixes(options, path))
		return false;
	return (options->mix & sent) == 0 || (order >> path) % some == 0;
}

void
order_follow(struct place *place, uint64_t order)
{
	uint64_t number = rng_mix(order);

	if ((number & 7) == 0)
		forward(place, rng_mix(number));
	if (is_for(place, PATH_TASKS, number >> 8, 256))
		send_urgent(place, rng_mix(number + 1));
	if (is_for(place, PATH_CALLS, number >> 8, 32))
		calls_make(place, rng_mix(number + 2));
	if (is_for(place, PATH_CALLS, number >> 12, 64))
		asks_make(place, rng_mix(number + 7));
	if (is_for(place, PATH_TOPICS, number >> 8, 32))
		topics_publish(place->life, rng_mix(number + 8));
	if (is_for(place, PATH_TOPICS, number >> 14, 128) &&
	    place->index < place->life->shards)
		topics_disturb(place, rng_mix(number + 9));
	if (is_for(place, PATH_TIMEOUTS, number >> 8, 32))
		timeouts_arm(place, rng_mix(number + 3));
	if (is_for(place, PATH_PORTS, number >> 8, 32))
		ports_send(place, rng_mix(number + 6));
	if (is_for(place, PATH_JOBS, number >> 8, 128))
		jobs_submit(place, rng_mix(number + 4));
	if (is_for(place, PATH_JOBS, number >> 12, 32))
		works_submit(place, rng_mix(number + 10));
	if (number >> 46 == 0)
		order_pause(rng_mix(number + 5), PAUSE_US);
}
