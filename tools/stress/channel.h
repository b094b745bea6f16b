/*
 * A channel is what one actor sends to one place, numbered without a gap. It
 * has a ring of messages, so that sending allocates nothing; a message's place
 * in it is free again when its receiver has come that far, which is also what
 * bounds the work under way.
 *
 * There are two for each pair, for urgent tasks are an order by themselves;
 * callbacks, tasks and calls are one.
 */
#ifndef STRESS_CHANNEL_H
#define STRESS_CHANNEL_H

#include <gyre/task.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "actor.h"

struct life;

enum lane {
	LANE_ORDINARY,
	LANE_URGENT,
	LANES,
};

enum fate {
	FATE_NONE,
	FATE_SENT,
	FATE_RUN,
	FATE_DROPPED,
};

struct message {
	struct gyre_task task; /* first */
	uint64_t number;
	uint64_t check; /* made of all that identifies it */
	struct channel *channel;
	uint8_t path;
	uint8_t fate;
	bool is_released; /* of a port */
};

struct channel {
	struct life *life;
	uint16_t from; /* an actor */
	uint16_t to;   /* a place */
	uint32_t lane;
	struct message *ring;
	uint64_t size; /* a power of two */
	/* -- the sender's -- */
	alignas(64) _Atomic uint64_t sent;
	uint64_t done_seen;
	/* -- the receiver's -- */
	alignas(64) uint64_t next;
	_Atomic uint64_t done; /* released: the messages are the sender's */
};

/* Make those of all pairs. Errors: -ENOMEM */
int channels_new(struct life *life);
void channels_free(struct life *life);

struct channel *channel_of(const struct life *life, unsigned from, unsigned to,
			   enum lane lane);

/* How many messages have neither run nor been dropped with their place. */
static inline uint64_t
channel_under_way(const struct channel *channel)
{
	return atomic_load_explicit(&channel->sent, memory_order_relaxed) -
	       atomic_load_explicit(&channel->done, memory_order_relaxed);
}

/*
 * Send the next message, from the calling actor. -EAGAIN: too many are under
 * way; -ESHUTDOWN: the place is closed; neither has a number.
 */
int channel_send(struct channel *channel, enum path path);

/* Send up to so many tasks at once, or none of them. */
int channel_send_chain(struct channel *channel, unsigned count);

/* The same for a call, whose reply the calls look after. */
struct message *channel_prepare(struct channel *channel, enum path path);
void channel_sent(struct channel *channel, struct message *message);
void channel_refused(struct channel *channel, const struct message *message);

/* A message has arrived: check it, do what it asks for, count it. */
void message_run(struct message *message);
void message_drop(struct message *message, enum gyre_drop_reason reason);

/* Give it back to its sender, when it has run. What came through a port is
 * given back when it is released, the rest by message_run(). */
void message_done(struct message *message);

#endif
