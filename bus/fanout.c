/*
 * What happens at a station: a parcel fans out over its subscriptions, and
 * what had to wait is delivered at the end of a batch. All of it is the
 * owner's.
 *
 * A function that is called may end any subscription and begin new ones. So
 * what goes while something is delivered is unlinked at once, but keeps its
 * own link to the next and its memory until the last delivery is over; what
 * comes is younger than the message and is passed over.
 */
#include "bus/topics.h"

#include "base/check.h"
#include "base/exception.h"
#include "bus/inbox.h"
#include "bus/outbox.h"

#include <string.h>

/* -- what waits ----------------------------------------------------------- */

void
gyre__subscription_ready(struct gyre_subscription *subscription)
{
	struct gyre__station *station = subscription->station;

	if (subscription->ready_link != NULL || subscription->is_paused ||
	    subscription->count == 0)
		return;
	subscription->next_ready = NULL;
	subscription->ready_link = station->ready_end;
	*station->ready_end = subscription;
	station->ready_end = &subscription->next_ready;
	if (station->ready == subscription)
		station->ops->defer(station->owner);
}

void
gyre__subscription_unready(struct gyre_subscription *subscription)
{
	struct gyre__station *station = subscription->station;

	if (subscription->ready_link == NULL)
		return;
	*subscription->ready_link = subscription->next_ready;
	if (subscription->next_ready != NULL)
		subscription->next_ready->ready_link = subscription->ready_link;
	else
		station->ready_end = subscription->ready_link;
	subscription->ready_link = NULL;
}

static struct gyre__waiting
take_waiting(struct gyre_subscription *subscription)
{
	struct gyre__waiting taken = subscription->waiting[subscription->first];

	GYRE_INSIST(subscription->count > 0);
	subscription->first =
		(subscription->first + 1) % subscription->capacity;
	subscription->count--;
	return taken;
}

static bool
make_room(struct gyre_subscription *subscription)
{
	const struct gyre_sys *sys = subscription->station->topics->sys;
	uint32_t capacity =
		subscription->capacity > 0 ? 2 * subscription->capacity : 4;
	struct gyre__waiting *ring;

	if (subscription->count < subscription->capacity)
		return true;
	if (capacity > subscription->limit)
		capacity = subscription->limit;
	ring = sys->allocate(capacity * sizeof(*ring), 0);
	if (ring == NULL)
		return false;
	for (uint32_t i = 0; i < subscription->count; i++)
		ring[i] = subscription->waiting[(subscription->first + i) %
						subscription->capacity];
	sys->release(subscription->waiting);
	subscription->waiting = ring;
	subscription->capacity = capacity;
	subscription->first = 0;
	return true;
}

void
gyre__subscription_keep(struct gyre_subscription *subscription,
			struct gyre__envelope *envelope, bool is_retained)
{
	uint32_t index;

	if (subscription->count == subscription->limit &&
	    !subscription->drops_newest) {
		gyre__envelope_unref(take_waiting(subscription).envelope);
		subscription->dropped++;
	}
	if (subscription->count == subscription->limit ||
	    !make_room(subscription)) {
		subscription->dropped++;
		return;
	}
	index = (subscription->first + subscription->count) %
		subscription->capacity;
	gyre__envelope_ref(envelope);
	subscription->waiting[index] =
		(struct gyre__waiting){ envelope, is_retained };
	subscription->count++;
	gyre__subscription_ready(subscription);
}

/* -- calling -------------------------------------------------------------- */

static void
call(struct gyre_subscription *subscription,
     const struct gyre__envelope *envelope, bool is_retained)
{
	const struct gyre_delivery delivery = {
		.subscription = subscription,
		.subject = envelope->subject,
		.message = &envelope->message,
		.is_retained = is_retained,
	};
	gyre_topic_fn fn = subscription->fn;
	void *arg = subscription->arg;

	subscription->delivered++;
	fn(&delivery, arg);
	if (gyre__raised())
		gyre__outbox_report(gyre__outbox_of_thread, "subscriber",
				    (void (*)(void))fn, arg);
}

/* A loop that is halted has the rest wait for its next run. */
static void
offer(struct gyre_subscription *subscription, struct gyre__envelope *envelope)
{
	if (subscription->is_prompt && !subscription->is_paused &&
	    subscription->count == 0 && !gyre__outbox_of_thread->halted)
		call(subscription, envelope, false);
	else
		gyre__subscription_keep(subscription, envelope, false);
}

/* -- a parcel ------------------------------------------------------------- */

static void
fan_out(const struct gyre__interest *interest, struct gyre__envelope *envelope)
{
	uint64_t epoch = gyre__envelope_epoch(envelope);
	struct gyre_subscription *subscription;

	for (subscription = interest->first; subscription != NULL;
	     subscription = subscription->next)
		if (!subscription->is_gone && subscription->born <= epoch)
			offer(subscription, envelope);
}

static bool
matches(const struct gyre__topic *topic, const struct gyre__envelope *envelope)
{
	if (topic->group != NULL)
		return false;
	if (topic->is_wild)
		return gyre__subject_matches(topic->pattern, envelope->subject);
	return topic->hash == envelope->hash &&
	       strcmp(topic->pattern, envelope->subject) == 0;
}

static void
fan_out_bucket(const struct gyre__interest *interest,
	       struct gyre__envelope *envelope)
{
	for (; interest != NULL; interest = interest->next)
		if (matches(interest->topic, envelope))
			fan_out(interest, envelope);
}

static struct gyre__interest *
find_group(const struct gyre__station *station, const struct gyre__topic *topic)
{
	uint64_t bucket = topic->is_wild ? station->mask + 1
					 : topic->hash & station->mask;
	struct gyre__interest *interest = station->buckets[bucket];

	while (interest != NULL && interest->topic != topic)
		interest = interest->next;
	return interest;
}

/* Its turn is over: to the end of the list. */
static void
rotate(struct gyre__interest *interest)
{
	struct gyre_subscription *first = interest->first;

	if (first == interest->last)
		return;
	interest->first = first->next;
	interest->first->previous = NULL;
	first->next = NULL;
	first->previous = interest->last;
	interest->last->next = first;
	interest->last = first;
}

/* False: there is no member here any more. */
static bool
give_to_member(struct gyre__station *station, struct gyre__parcel *parcel)
{
	struct gyre__interest *interest = find_group(station, parcel->group);
	struct gyre_subscription *member;

	if (interest == NULL)
		return false;
	member = interest->first;
	rotate(interest);
	offer(member, parcel->envelope);
	return true;
}

void
gyre__station_receive(struct gyre__station *station,
		      struct gyre__parcel *parcel)
{
	struct gyre__envelope *envelope = parcel->envelope;

	station->delivering++;
	if (parcel->group != NULL) {
		if (!give_to_member(station, parcel)) {
			gyre__parcel_pass_on(parcel);
			parcel = NULL;
		}
	} else if (station->subscriptions > 0) {
		fan_out_bucket(station->buckets[envelope->hash & station->mask],
			       envelope);
		fan_out_bucket(station->buckets[station->mask + 1], envelope);
	}
	station->delivering--;
	if (parcel != NULL)
		gyre__parcel_end(parcel);
	gyre__station_sweep(station);
}

/* -- the end of a batch --------------------------------------------------- */

static unsigned
deliver_waiting(struct gyre_subscription *subscription, unsigned budget)
{
	while (subscription->count > 0 && !subscription->is_paused &&
	       budget > 0 && !gyre__outbox_of_thread->halted) {
		struct gyre__waiting taken = take_waiting(subscription);

		budget--;
		call(subscription, taken.envelope, taken.is_retained);
		gyre__envelope_unref(taken.envelope);
	}
	if (subscription->count == 0 || subscription->is_paused)
		gyre__subscription_unready(subscription);
	return budget;
}

/* What is left comes in a later iteration. */
static void
post_more(struct gyre__station *station)
{
	if (station->has_more)
		return;
	/* fanout.N1 relaxed: the station is open, and has its own */
	gyre__add_32_relaxed(&station->refs, 1);
	station->has_more = true;
	if (gyre__outbox_post(gyre__outbox_of_thread, station->inbox,
			      &station->more) == 0)
		return;
	station->has_more = false;
	gyre__station_unref(station);
}

void
gyre__station_deliver(struct gyre__station *station)
{
	unsigned budget = GYRE__DELIVERIES_MAX;

	if (station->is_closed)
		return;
	station->delivering++;
	while (station->ready != NULL && budget > 0 &&
	       !gyre__outbox_of_thread->halted)
		budget = deliver_waiting(station->ready, budget);
	station->delivering--;
	if (station->ready != NULL)
		post_more(station);
	gyre__station_sweep(station);
}

/* -- the end of what went ------------------------------------------------- */

static void
free_subscription(struct gyre_subscription *subscription)
{
	const struct gyre_sys *sys = subscription->station->topics->sys;

	sys->release(subscription->waiting);
	sys->release(subscription);
}

static void
free_interest(struct gyre__interest *interest, const struct gyre_sys *sys)
{
	gyre__topic_unref(interest->topic);
	sys->release(interest);
}

void
gyre__station_sweep(struct gyre__station *station)
{
	if (station->delivering > 0)
		return;
	while (station->gone != NULL) {
		struct gyre_subscription *subscription = station->gone;

		station->gone = subscription->next_gone;
		free_subscription(subscription);
	}
	while (station->gone_interests != NULL) {
		struct gyre__interest *interest = station->gone_interests;

		station->gone_interests = interest->next_gone;
		free_interest(interest, station->topics->sys);
	}
	gyre__station_tidy(station);
}
