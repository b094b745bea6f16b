#include "asks.h"

#include <errno.h>

#include "channel.h"
#include "life.h"
#include "report.h"
#include "rng.h"

#define EXPIRES_MAX_NS 200000

void
asks_init(struct place *place)
{
	for (unsigned i = 0; i < ASKS_MAX; i++)
		place->asks.asks[i].place = place;
}

/* -- one call, cancelled or expired ---------------------------------------- */

static void
settle(struct ask *ask, enum fate fate)
{
	unsigned before = atomic_exchange_explicit(&ask->fate, fate,
						   memory_order_acq_rel);

	if (before != FATE_SENT)
		report_broken(LAW_ONCE, ask->place->actor,
			      "what a call of %s was given %s after it %s",
			      ask->place->actor->name,
			      fate == FATE_RUN ? "was used" : "was dropped",
			      before == FATE_RUN ? "was used" : "was dropped");
}

static void *
run_one(void *arg)
{
	struct ask *ask = arg;
	void *value = (void *)(uintptr_t)rng_mix(ask->order);

	settle(ask, FATE_RUN);
	return value;
}

static void
drop_one(void *arg, enum gyre_drop_reason reason)
{
	(void)reason;
	settle(arg, FATE_DROPPED);
}

static void
expire(struct ask *ask, struct gyre_future *future)
{
	struct gyre_loop *loop = ask->place->loop;
	int64_t delay_ns = (int64_t)(ask->order >> 32) % EXPIRES_MAX_NS;

	if (gyre_loop_expire_future(loop, future,
				    gyre_loop_time(loop) + delay_ns) < 0)
		report_broken(LAW_ERRORS, self, "%s cannot let a call expire",
			      self->name);
}

static struct gyre_future *
ask_one(struct ask *ask)
{
	struct life *life = ask->place->life;
	unsigned to = (unsigned)(ask->order >> 8) % life->shards;
	struct gyre_future *future;

	atomic_store_explicit(&ask->fate, FATE_SENT, memory_order_relaxed);
	future = gyre_bus_call_drop(life->bus, to, run_one, ask, drop_one);
	if (future == NULL)
		return NULL;
	if ((ask->order >> 24 & 3) == 0)
		(void)gyre_future_cancel(future);
	else if ((ask->order >> 24 & 3) == 1)
		expire(ask, future);
	return future;
}

/* -- all at once ----------------------------------------------------------- */

static void *
run_each(void *arg)
{
	struct ask *ask = arg;

	atomic_fetch_add_explicit(&ask->runs, 1, memory_order_relaxed);
	return (void *)(uintptr_t)(self->id + 1);
}

static struct gyre_future *
ask_each(struct ask *ask)
{
	atomic_store_explicit(&ask->runs, 0, memory_order_relaxed);
	return gyre_bus_each(ask->place->life->bus, run_each, ask,
			     ask->answers);
}

static void
check_each(struct ask *ask)
{
	struct life *life = ask->place->life;
	unsigned answered = 0;

	for (unsigned i = 0; i < life->shards; i++) {
		const struct gyre_answer *answer = &ask->answers[i];

		answered += answer->error == 0;
		if (answer->error != -ESHUTDOWN &&
		    (answer->error != 0 ||
		     (uintptr_t)answer->value != (uintptr_t)i + 1))
			report_broken(LAW_PAYLOAD, &life->actors[i],
				      "loop %u, one of each, answered %s", i,
				      gyre_error_name(answer->error));
	}
	if (answered != atomic_load_explicit(&ask->runs, memory_order_relaxed))
		report_broken(
			LAW_ONCE, self,
			"each: %u loops answered, the function ran %u "
			"times",
			answered,
			atomic_load_explicit(&ask->runs, memory_order_relaxed));
}

static struct gyre_future *
ask_barrier(struct ask *ask)
{
	struct place *place = ask->place;

	for (unsigned to = 0; to < place->life->shards; to++)
		ask->sent[to] = atomic_load_explicit(
			&channel_of(place->life, place->index, to,
				    LANE_ORDINARY)
				 ->sent,
			memory_order_relaxed);
	return gyre_bus_barrier(place->life->bus);
}

static void
check_barrier(const struct ask *ask)
{
	const struct place *place = ask->place;

	for (unsigned to = 0; to < place->life->shards; to++) {
		const struct channel *channel = channel_of(
			place->life, place->index, to, LANE_ORDINARY);
		uint64_t done = atomic_load_explicit(&channel->done,
						     memory_order_acquire);

		if (done < ask->sent[to])
			report_broken(LAW_ORDER, &place->life->actors[to],
				      "a barrier of %s is behind message %llu "
				      "to %s, where %llu is due",
				      self->name,
				      (unsigned long long)ask->sent[to] - 1,
				      place->life->actors[to].name,
				      (unsigned long long)done);
	}
}

/* -- answers --------------------------------------------------------------- */

static void
stop_awaiting(struct ask *ask)
{
	if (!ask->is_awaited || self != ask->place->actor)
		report_broken(LAW_ONCE, ask->place->actor, "%s was answered %s",
			      ask->place->actor->name,
			      ask->is_awaited ? "elsewhere" : "twice");
	ask->is_awaited = false;
}

static void
on_answer(struct gyre_future *future, void *arg)
{
	struct tally *tally = &self->tally[PATH_CALLS];
	struct ask *ask = arg;
	void *value = NULL;
	int error = gyre_future_result(future, &value);

	stop_awaiting(ask);
	actor_note(EVENT_ANSWER, PATH_CALLS, self->id, ask->order);
	if (ask->kind == ASK_EACH)
		check_each(ask);
	if (ask->kind == ASK_BARRIER && error == 0)
		check_barrier(ask);
	if (ask->kind == ASK_ONE && error == 0 &&
	    (uintptr_t)value != (uintptr_t)rng_mix(ask->order))
		report_broken(LAW_PAYLOAD, self, "%s was answered wrongly",
			      self->name);
	if (error == 0)
		actor_count(&tally->run);
	else if (error == -ECANCELED)
		actor_count(&tally->dropped[GYRE_DROP_CANCELED]);
	else if (error == -ETIMEDOUT)
		actor_count(&tally->dropped[GYRE_DROP_EXPIRED]);
	else if (error == -ESHUTDOWN)
		actor_count(&tally->dropped[GYRE_DROP_STOPPED]);
	else
		report_broken(LAW_ERRORS, self, "a call of %s ended with %s",
			      self->name, gyre_error_name(error));
}

static void
on_no_answer(void *arg, enum gyre_drop_reason reason)
{
	stop_awaiting(arg);
	actor_count(&self->tally[PATH_CALLS].dropped[reason]);
}

void
asks_make(struct place *place, uint64_t order)
{
	static struct gyre_future *(*const begin[ASK_KINDS])(struct ask *) = {
		ask_one,
		ask_each,
		ask_barrier,
	};
	struct ask *ask = &place->asks.asks[order % ASKS_MAX];
	struct gyre_future *future;

	if (ask->is_awaited ||
	    atomic_load_explicit(&ask->fate, memory_order_acquire) == FATE_SENT)
		return;
	ask->order = order;
	ask->kind = (enum ask_kind)((order >> 16) % ASK_KINDS);
	ask->is_awaited = true;
	actor_count(&self->tally[PATH_CALLS].started);
	actor_note(EVENT_SEND, PATH_CALLS, self->id, order);
	future = begin[ask->kind](ask);
	if (future == NULL ||
	    gyre_loop_add_future_drop(place->loop, future, on_answer, ask,
				      on_no_answer) < 0)
		report_broken(LAW_ERRORS, self, "%s cannot ask", self->name);
	gyre_future_unref(future);
}

void
asks_check(const struct place *place)
{
	for (unsigned i = 0; i < ASKS_MAX; i++) {
		const struct ask *ask = &place->asks.asks[i];

		if (ask->is_awaited ||
		    atomic_load_explicit(&ask->fate, memory_order_relaxed) ==
			    FATE_SENT)
			report_broken(LAW_CONSERVATION, place->actor,
				      "a call of %s %s", place->actor->name,
				      ask->is_awaited
					      ? "was never answered"
					      : "neither ran nor was dropped");
	}
}
