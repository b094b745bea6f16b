#include "topics.h"

#include <errno.h>
#include <stdio.h>

#include "life.h"
#include "report.h"
#include "rng.h"

#define KINDS       4u
#define LIMIT       4u
#define SUBJECT_MAX 32

/* -- delivery -------------------------------------------------------------- */

static uint64_t
check_of(const struct publication *publication)
{
	return rng_mix(publication->life->seed ^ publication->number ^
		       (uint64_t)publication->from << 40);
}

static const char *
kind_of(const struct listener *listener)
{
	if (listener == &listener->place->topics.all)
		return "to all";
	return listener == &listener->place->topics.member ? "of the group"
							   : "of a guest";
}

/* What was a member's whose loop closed is passed on to another, and comes
 * there late. */
static bool
may_be_late(const struct listener *listener)
{
	return listener == &listener->place->topics.member &&
	       life_is_stopping(listener->place->life);
}

static void
check_delivery(const struct listener *listener,
	       const struct publication *publication)
{
	const struct actor *from = &self->life->actors[publication->from];
	uint64_t due = listener->next[publication->from];

	if (self != listener->place->actor || listener->subscription == NULL)
		report_broken(LAW_ROUTING, from,
			      "publication %llu of %s came to %s %s",
			      (unsigned long long)publication->number,
			      from->name, self->name,
			      listener->subscription == NULL
				      ? "after the subscription's end"
				      : "on another thread");
	if ((publication->number < due && !may_be_late(listener)) ||
	    (listener->is_complete && publication->number > due))
		report_broken(
			publication->number < due ? LAW_ONCE : LAW_ORDER, from,
			"publication %llu of %s came to %s (the "
			"subscription %s) where %llu was due",
			(unsigned long long)publication->number, from->name,
			self->name, kind_of(listener), (unsigned long long)due);
	if (publication->check != check_of(publication))
		report_broken(
			LAW_PAYLOAD, from, "publication %llu of %s was changed",
			(unsigned long long)publication->number, from->name);
}

static void
on_delivery(const struct gyre_delivery *delivery, void *arg)
{
	struct publication *publication = delivery->message->data;
	struct listener *listener = arg;
	struct life *life = publication->life;

	check_delivery(listener, publication);
	if (publication->number >= listener->next[publication->from])
		listener->next[publication->from] = publication->number + 1;
	actor_note(EVENT_RUN, PATH_TOPICS, publication->from,
		   publication->number);
	if (listener == &listener->place->topics.all)
		atomic_fetch_add_explicit(&publication->deliveries, 1,
					  memory_order_relaxed);
	if (listener == &listener->place->topics.member &&
	    atomic_fetch_add_explicit(&publication->shared, 1,
				      memory_order_relaxed) > 0)
		report_broken(LAW_ONCE, &life->actors[publication->from],
			      "two of a group got publication %llu",
			      (unsigned long long)publication->number);
}

/* The loop closed under a subscription. */
static void
on_end(void *arg, enum gyre_drop_reason reason)
{
	struct listener *listener = arg;

	(void)reason;
	if (listener->subscription == NULL)
		report_broken(LAW_ONCE, listener->place->actor,
			      "a subscription of %s ended twice",
			      listener->place->actor->name);
	listener->subscription = NULL;
}

static void
subscribe(struct listener *listener, struct gyre_subscribe_options options)
{
	int error;

	options.fn = on_delivery;
	options.drop = on_end;
	options.arg = listener;
	error = gyre_bus_subscribe(listener->place->life->bus, &options,
				   &listener->subscription);
	if (error < 0)
		report_broken(LAW_ERRORS, self, "%s cannot subscribe: %s",
			      self->name, gyre_error_name(error));
}

int
topics_open(struct place *place)
{
	struct topics *topics = &place->topics;

	if (!options_mixes(place->life->options, PATH_TOPICS))
		return 0;
	for (unsigned i = 0; i < TOPICS_GUESTS; i++)
		topics->guests[i].place = place;
	topics->all.place = place;
	topics->all.is_complete = true;
	topics->member.place = place;
	subscribe(&topics->all,
		  (struct gyre_subscribe_options){ .pattern = "stress.>" });
	subscribe(&topics->member,
		  (struct gyre_subscribe_options){ .pattern = "stress.*.*",
						   .group = "members" });
	return 0;
}

static void
resume(void *arg)
{
	struct listener *guest = arg;

	if (guest->subscription != NULL && guest->is_paused)
		gyre_subscription_resume(guest->subscription);
	guest->is_paused = false;
}

/* For an iteration: what waits longer would keep a hush from coming. */
static void
pause_shortly(struct listener *guest)
{
	gyre_subscription_pause(guest->subscription);
	guest->is_paused = true;
	if (gyre_loop_add_callback(guest->place->loop, resume, guest) < 0)
		report_broken(LAW_ERRORS, self,
			      "a running loop refused its own callback");
}

void
topics_disturb(struct place *place, uint64_t order)
{
	static const char *const patterns[KINDS] = { "stress.0.>", "stress.*.1",
						     "stress.2.2", ">" };
	struct listener *guest = &place->topics.guests[order % TOPICS_GUESTS];

	if (guest->subscription == NULL) {
		guest->is_paused = false;
		subscribe(guest,
			  (struct gyre_subscribe_options){
				  .pattern = patterns[order >> 8 & (KINDS - 1)],
				  .policy = (order >> 16) % 3,
				  .limit = LIMIT });
		return;
	}
	if ((order >> 24 & 1) != 0) {
		pause_shortly(guest);
		return;
	}
	gyre_bus_unsubscribe(guest->subscription);
	guest->subscription = NULL;
}

/* -- publishing ------------------------------------------------------------ */

/* On whichever thread is done with it last, one without an actor perhaps. */
static void
release(void *data)
{
	struct publication *publication = data;
	struct life *life = publication->life;
	unsigned deliveries = atomic_load_explicit(&publication->deliveries,
						   memory_order_relaxed);
	unsigned shared = atomic_load_explicit(&publication->shared,
					       memory_order_relaxed);

	if (!life_is_stopping(life) &&
	    (deliveries != life->shards || shared != 1))
		report_broken(LAW_CONSERVATION,
			      &life->actors[publication->from],
			      "publication %llu of %s came to %u loops of %u, "
			      "and to %u of the group",
			      (unsigned long long)publication->number,
			      life->actors[publication->from].name, deliveries,
			      life->shards, shared);
	atomic_fetch_add_explicit(&life->released, 1, memory_order_relaxed);
	if (!atomic_exchange_explicit(&publication->is_out, false,
				      memory_order_acq_rel))
		report_broken(LAW_ONCE, life->conductor,
			      "a publication was released twice");
}

void
topics_publish(struct life *life, uint64_t order)
{
	struct publisher *publisher = &life->publishers[self->id];
	struct publication *publication =
		&publisher->ring[publisher->published % TOPICS_RING];
	char subject[SUBJECT_MAX];
	int error;

	if (atomic_load_explicit(&publication->is_out, memory_order_acquire))
		return;
	snprintf(subject, sizeof(subject), "stress.%u.%u",
		 (unsigned)(order & 3), (unsigned)(order >> 2 & 3));
	publication->life = life;
	publication->number = publisher->published;
	publication->from = self->id;
	publication->check = check_of(publication);
	atomic_store_explicit(&publication->deliveries, 0,
			      memory_order_relaxed);
	atomic_store_explicit(&publication->shared, 0, memory_order_relaxed);
	atomic_store_explicit(&publication->is_out, true, memory_order_relaxed);
	actor_count(&self->tally[PATH_TOPICS].started);
	actor_note(EVENT_SEND, PATH_TOPICS, self->id, publication->number);
	publisher->published++;
	error = gyre_bus_publish(life->bus, subject,
				 (struct gyre_message){ publication,
							sizeof(*publication),
							release });
	if (error < 0)
		report_broken(LAW_ERRORS, self, "%s cannot publish: %s",
			      self->name, gyre_error_name(error));
}

void
topics_check(const struct life *life)
{
	for (unsigned i = 0; i < life->actors_count; i++) {
		for (unsigned k = 0; k < TOPICS_RING; k++) {
			if (atomic_load_explicit(
				    &life->publishers[i].ring[k].is_out,
				    memory_order_relaxed))
				report_broken(LAW_CONSERVATION,
					      &life->actors[i],
					      "a publication of %s was never "
					      "released",
					      life->actors[i].name);
		}
	}
}
