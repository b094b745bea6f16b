#include "channel.h"

#include <errno.h>
#include <stdlib.h>

#include "life.h"
#include "order.h"
#include "plant.h"
#include "report.h"
#include "rng.h"

#define RING_USUAL     256u
#define RING_LEAST     16u
#define RINGS_BYTES    ((size_t)64 << 20)
#define RING_OF_URGENT 16u

struct channel *
channel_of(const struct life *life, unsigned from, unsigned to, enum lane lane)
{
	return &life->channels[(lane * life->actors_count + from) *
				       life->places_count +
			       to];
}

static size_t
ring_size(size_t pairs)
{
	size_t size = RING_USUAL;

	while (size > RING_LEAST &&
	       pairs * (size + RING_OF_URGENT) * sizeof(struct message) >
		       RINGS_BYTES)
		size /= 2;
	return size;
}

int
channels_new(struct life *life)
{
	size_t pairs = (size_t)life->actors_count * life->places_count;
	size_t size = ring_size(pairs);
	struct message *ring;

	life->channels = aligned_alloc(alignof(struct channel),
				       LANES * pairs * sizeof(struct channel));
	life->rings =
		calloc(pairs * (size + RING_OF_URGENT), sizeof(struct message));
	if (life->channels == NULL || life->rings == NULL)
		return -ENOMEM;
	ring = life->rings;
	for (size_t i = 0; i < LANES * pairs; i++) {
		struct channel *channel = &life->channels[i];

		*channel = (struct channel){
			.life = life,
			.from = (uint16_t)(i % pairs / life->places_count),
			.to = (uint16_t)(i % life->places_count),
			.lane = i < pairs ? LANE_ORDINARY : LANE_URGENT,
			.ring = ring,
			.size = i < pairs ? size : RING_OF_URGENT,
		};
		ring += channel->size;
	}
	return 0;
}

void
channels_free(struct life *life)
{
	free(life->rings);
	free(life->channels);
}

/* What nobody else's message has: a wrong one was mixed up or written over. */
static uint64_t
check_of(const struct channel *channel, uint64_t number)
{
	return rng_mix(channel->life->seed ^ (uint64_t)channel->from << 48 ^
		       (uint64_t)channel->to << 32 ^
		       (uint64_t)channel->lane << 31 ^ number);
}

/* -- receiving ------------------------------------------------------------- */

static void
check_message(const struct message *message)
{
	const struct channel *channel = message->channel;
	struct actor *from = &channel->life->actors[channel->from];

	if (self != &channel->life->actors[channel->to])
		report_broken(LAW_ROUTING, from,
			      "message %llu from %s to %s ran on %s",
			      (unsigned long long)message->number, from->name,
			      channel->life->actors[channel->to].name,
			      self->name);
	if (message->number < channel->next || message->fate != FATE_SENT)
		report_broken(LAW_ONCE, from,
			      "message %llu from %s to %s (%s) ran again",
			      (unsigned long long)message->number, from->name,
			      self->name, path_name(message->path));
	if (message->number > channel->next)
		report_broken(LAW_ORDER, from,
			      "message %llu from %s to %s (%s) came where %llu "
			      "was due",
			      (unsigned long long)message->number, from->name,
			      self->name, path_name(message->path),
			      (unsigned long long)channel->next);
	if (message->check != check_of(channel, message->number))
		report_broken(LAW_PAYLOAD, from,
			      "message %llu from %s to %s (%s) was changed",
			      (unsigned long long)message->number, from->name,
			      self->name, path_name(message->path));
}

void
message_run(struct message *message)
{
	struct channel *channel = message->channel;
	struct life *life = channel->life;
	enum path path = message->path;

	check_message(message);
	channel->next++;
	message->fate = FATE_RUN;
	actor_note(EVENT_RUN, path, channel->from, message->number);
	if (channel->from >= life->places_count)
		order_follow(&life->places[channel->to], message->check);
	/* A call has run when its answer is there. */
	if (path != PATH_CALLS)
		actor_count(&self->tally[path].run);
	if (path != PATH_PORTS)
		message_done(message);
}

void
message_done(struct message *message)
{
	struct channel *channel = message->channel;

	atomic_store_explicit(&channel->done, channel->next,
			      memory_order_release);
}

void
message_drop(struct message *message, enum gyre_drop_reason reason)
{
	struct channel *channel = message->channel;

	if (message->fate != FATE_SENT)
		report_broken(LAW_ONCE, &channel->life->actors[channel->from],
			      "message %llu to %s was dropped after it %s",
			      (unsigned long long)message->number,
			      channel->life->actors[channel->to].name,
			      message->fate == FATE_RUN ? "ran"
							: "was dropped");
	message->fate = FATE_DROPPED;
	actor_note(EVENT_DROP, message->path, channel->from, message->number);
	actor_count(&self->tally[message->path].dropped[reason]);
}

static void
run_callback(void *arg)
{
	message_run(arg);
}

static void
drop_callback(void *arg, enum gyre_drop_reason reason)
{
	message_drop(arg, reason);
}

static void
run_task(struct gyre_task *task)
{
	message_run((struct message *)task);
}

static void
drop_task(struct gyre_task *task, enum gyre_drop_reason reason)
{
	message_drop((struct message *)task, reason);
}

/* -- sending --------------------------------------------------------------- */

struct message *
channel_prepare(struct channel *channel, enum path path)
{
	uint64_t number =
		atomic_load_explicit(&channel->sent, memory_order_relaxed);
	struct message *message = &channel->ring[number & (channel->size - 1)];

	if (number - channel->done_seen == channel->size) {
		channel->done_seen = atomic_load_explicit(&channel->done,
							  memory_order_acquire);
		if (number - channel->done_seen == channel->size)
			return NULL;
	}
	message->task.run = run_task;
	message->task.drop = drop_task;
	message->number = number;
	message->check = check_of(channel, number);
	message->channel = channel;
	message->path = (uint8_t)path;
	message->fate = FATE_SENT;
	/* Before it is sent, or it might seem to end before it began. */
	actor_count(&self->tally[path].started);
	actor_note(EVENT_SEND, path, channel->to, number);
	return message;
}

void
channel_sent(struct channel *channel, struct message *message)
{
	atomic_store_explicit(
		&channel->sent,
		atomic_load_explicit(&channel->sent, memory_order_relaxed) + 1,
		memory_order_relaxed);
	/* It is the receiver's by now, whatever is written. */
	if (plant_is(PLANT_RACE_PAYLOAD))
		message->check = check_of(channel, message->number);
}

void
channel_refused(struct channel *channel, const struct message *message)
{
	actor_count(&self->tally[message->path].refused);
	actor_note(EVENT_REFUSED, message->path, channel->to, message->number);
}

int
channel_send(struct channel *channel, enum path path)
{
	struct place *place = &channel->life->places[channel->to];
	struct message *message = channel_prepare(channel, path);
	int error;

	if (message == NULL)
		return atomic_load_explicit(&place->is_closed,
					    memory_order_relaxed)
			       ? -ESHUTDOWN
			       : -EAGAIN;
	if (channel->lane == LANE_URGENT)
		error = gyre_inbox_post_urgent(place->inbox, &message->task);
	else if (path == PATH_PORTS)
		error = ports_post(place, message);
	else if (path == PATH_TASKS)
		error = gyre_inbox_post(place->inbox, &message->task);
	else
		error = gyre_loop_add_callback_drop(place->loop, run_callback,
						    message, drop_callback);
	if (error == 0) {
		channel_sent(channel, message);
		return 0;
	}
	if (error != -ESHUTDOWN && (error != -EAGAIN || path != PATH_PORTS))
		report_broken(LAW_ERRORS, place->actor,
			      "a send to %s (%s) failed: %s",
			      place->actor->name, path_name(path),
			      gyre_error_name(error));
	channel_refused(channel, message);
	return error;
}

/* They had numbers, which the next ones get. */
static void
take_back(struct channel *channel, uint64_t first)
{
	uint64_t end =
		atomic_load_explicit(&channel->sent, memory_order_relaxed);

	for (uint64_t number = first; number < end; number++)
		channel_refused(channel,
				&channel->ring[number & (channel->size - 1)]);
	atomic_store_explicit(&channel->sent, first, memory_order_relaxed);
}

int
channel_send_chain(struct channel *channel, unsigned count)
{
	struct gyre_task_chain chain = { 0 };
	uint64_t first =
		atomic_load_explicit(&channel->sent, memory_order_relaxed);
	struct message *message;
	int error;

	while (chain.count < count &&
	       (message = channel_prepare(channel, PATH_TASKS)) != NULL) {
		gyre_task_chain_add(&chain, &message->task);
		channel_sent(channel, message);
	}
	if (chain.count == 0)
		return -EAGAIN;
	error = gyre_inbox_post_chain(channel->life->places[channel->to].inbox,
				      &chain);
	if (error < 0)
		take_back(channel, first);
	return error;
}
