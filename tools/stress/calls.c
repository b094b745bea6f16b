#include "calls.h"

#include <errno.h>

#include "channel.h"
#include "life.h"
#include "report.h"

void
calls_init(struct place *place)
{
	for (unsigned i = 0; i < CALLS_MAX; i++)
		place->calls.calls[i].place = place;
}

/* Runs on the asked shard. */
static void *
answer(void *arg)
{
	struct message *message = arg;
	uint64_t check = message->check;

	message_run(message);
	return (void *)(uintptr_t)check;
}

static void
close_call(struct call *call)
{
	if (!call->is_open || self != call->place->actor)
		report_broken(LAW_ONCE, call->place->actor,
			      "a call of %s was answered %s",
			      call->place->actor->name,
			      call->is_open ? "on another thread" : "twice");
	call->is_open = false;
	call->answers++;
}

static void
on_answer(struct gyre_future *future, void *arg)
{
	struct call *call = arg;
	void *value = NULL;
	int error = gyre_future_result(future, &value);

	close_call(call);
	actor_note(EVENT_ANSWER, PATH_CALLS, call->to, call->answers);
	if (error == -ESHUTDOWN) {
		actor_count(
			&self->tally[PATH_CALLS].dropped[GYRE_DROP_STOPPED]);
		return;
	}
	if (error < 0 || (uintptr_t)value != (uintptr_t)call->expected)
		report_broken(LAW_PAYLOAD, &call->place->life->actors[call->to],
			      "a call of %s was answered wrongly: %s",
			      self->name, gyre_error_name(error));
	actor_count(&self->tally[PATH_CALLS].run);
}

/* This loop closed before the answer came. */
static void
on_no_answer(void *arg, enum gyre_drop_reason reason)
{
	close_call(arg);
	actor_count(&self->tally[PATH_CALLS].dropped[reason]);
}

static void
await_answer(struct call *call, struct gyre_future *future)
{
	struct place *place = call->place;
	int error;

	call->is_open = true;
	error = gyre_loop_add_future_drop(place->loop, future, on_answer, call,
					  on_no_answer);
	if (error < 0)
		report_broken(LAW_ERRORS, place->actor,
			      "%s cannot wait for an answer: %s",
			      place->actor->name, gyre_error_name(error));
	gyre_future_unref(future);
}

void
calls_make(struct place *place, uint64_t order)
{
	struct life *life = place->life;
	unsigned to = (unsigned)(order >> 8) % life->shards;
	struct call *call = &place->calls.calls[order % CALLS_MAX];
	struct channel *channel;
	struct message *message;
	struct gyre_future *future;

	if (call->is_open)
		return;
	channel = channel_of(life, place->index, to, LANE_ORDINARY);
	message = channel_prepare(channel, PATH_CALLS);
	if (message == NULL)
		return;
	call->expected = message->check;
	call->to = to;
	future = gyre_bus_call(life->bus, to, answer, message);
	if (future == NULL) {
		channel_refused(channel, message);
		return;
	}
	channel_sent(channel, message);
	await_answer(call, future);
}

void
calls_check(const struct place *place)
{
	for (unsigned i = 0; i < CALLS_MAX; i++) {
		const struct call *call = &place->calls.calls[i];

		if (call->is_open)
			report_broken(LAW_CONSERVATION,
				      &place->life->actors[call->to],
				      "a call of %s to %s was never answered",
				      place->actor->name,
				      place->life->actors[call->to].name);
	}
}
