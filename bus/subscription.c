/*
 * A subscription's life. The routing table changes only with a station's
 * first and last subscription to a topic.
 */
#include "bus/topics.h"

#include "base/atomics.h"
#include "base/check.h"
#include "base/fork.h"
#include "bus/inbox.h"

#include <errno.h>
#include <string.h>

/* -- interests ------------------------------------------------------------ */

static struct gyre__interest **
bucket_of(const struct gyre__station *station, uint64_t hash, bool is_wild)
{
	return &station->buckets[is_wild ? station->mask + 1
					 : hash & station->mask];
}

static struct gyre__interest *
find_interest(const struct gyre__station *station,
	      const struct gyre_subscribe_options *options,
	      const struct gyre__subject *parsed)
{
	struct gyre__interest *interest =
		*bucket_of(station, parsed->hash, parsed->is_wild);

	while (interest != NULL &&
	       !gyre__topic_is(interest->topic, options->pattern,
			       options->group))
		interest = interest->next;
	return interest;
}

static void
link_interest(struct gyre__station *station, struct gyre__interest *interest)
{
	struct gyre__interest **bucket = bucket_of(
		station, interest->topic->hash, interest->topic->is_wild);

	interest->next = *bucket;
	*bucket = interest;
}

/* Not while something is delivered, which walks the lists. Without memory the
 * lists are longer. */
static void
grow(struct gyre__station *station)
{
	const struct gyre_sys *sys = station->topics->sys;
	struct gyre__interest **old = station->buckets;
	uint64_t count = station->mask + 1;
	struct gyre__interest **larger;

	if (station->delivering > 0 || station->interests <= 2 * count)
		return;
	larger = gyre__allocate(sys, (4 * count + 1) * sizeof(void *), 0);
	if (larger == NULL)
		return;
	larger[4 * count] = old[count];
	station->buckets = larger;
	station->mask = 4 * count - 1;
	for (uint64_t i = 0; i < count; i++)
		while (old[i] != NULL) {
			struct gyre__interest *interest = old[i];

			old[i] = interest->next;
			link_interest(station, interest);
		}
	sys->release(old);
}

static struct gyre__interest *
new_interest(struct gyre__station *station,
	     const struct gyre_subscribe_options *options,
	     const struct gyre__subject *parsed)
{
	const struct gyre_sys *sys = station->topics->sys;
	struct gyre__interest *interest =
		gyre__allocate(sys, sizeof(*interest), 0);

	if (interest == NULL)
		return NULL;
	interest->topic =
		gyre__routes_add(station->topics, station, options, parsed);
	if (interest->topic == NULL) {
		sys->release(interest);
		return NULL;
	}
	link_interest(station, interest);
	station->interests++;
	grow(station);
	return interest;
}

/* Nobody of it is left: no more parcels for it, from now on. */
static void
end_interest(struct gyre__station *station, struct gyre__interest *interest)
{
	struct gyre__interest **link = bucket_of(station, interest->topic->hash,
						 interest->topic->is_wild);

	while (*link != interest)
		link = &(*link)->next;
	*link = interest->next;
	station->interests--;
	gyre__routes_remove(station->topics, station, interest->topic);
	interest->next_gone = station->gone_interests;
	station->gone_interests = interest;
}

/* -- subscriptions -------------------------------------------------------- */

static uint32_t
limit_of(const struct gyre_subscribe_options *options)
{
	if (options->policy == GYRE_TOPIC_LATEST)
		return 1;
	return options->limit > 0 ? options->limit : GYRE_TOPIC_LIMIT_MAX;
}

static struct gyre_subscription *
new_subscription(struct gyre__station *station,
		 const struct gyre_subscribe_options *options)
{
	struct gyre_subscription *subscription =
		gyre__allocate(station->topics->sys, sizeof(*subscription), 0);

	if (subscription == NULL)
		return NULL;
	subscription->station = station;
	subscription->fn = options->fn;
	subscription->arg = options->arg;
	subscription->drop = options->drop;
	subscription->is_prompt = options->policy == GYRE_TOPIC_QUEUE;
	subscription->drops_newest = options->policy == GYRE_TOPIC_QUEUE;
	subscription->limit = limit_of(options);
	return subscription;
}

/* The last step, and the one that counts: from now on it gets what comes. */
static void
begin(struct gyre_subscription *subscription, struct gyre__interest *interest)
{
	struct gyre__station *station = subscription->station;

	subscription->interest = interest;
	subscription->previous = interest->last;
	if (interest->last != NULL)
		interest->last->next = subscription;
	else
		interest->first = subscription;
	interest->last = subscription;
	station->subscriptions++;
	/* subscription.M1 relaxed: a count to look at */
	gyre__add_32_relaxed(&interest->topic->members, 1);
	/* subscription.E1 acq_rel: the route before the epoch, and the retained
	 * values that older publishes have put; pairs with subscription.E1,
	 * envelope.L1, retained.E1 */
	subscription->born =
		gyre__add_64_acq_rel(&station->topics->epoch, 1) + 1;
}

static int
check(const struct gyre__topics *topics,
      const struct gyre_subscribe_options *options,
      struct gyre__subject *ret_parsed)
{
	struct gyre__subject group;

	GYRE_REQUIRE(options->fn != NULL && options->pattern != NULL);
	if (gyre__subject_parse(options->pattern, topics->seed, ret_parsed) < 0)
		return -EINVAL;
	if (options->limit > GYRE_TOPIC_LIMIT_MAX ||
	    options->policy > GYRE_TOPIC_DROP_OLDEST)
		return -EINVAL;
	if (options->group == NULL)
		return 0;
	if (gyre__subject_parse(options->group, 0, &group) < 0 ||
	    group.is_wild || strchr(options->group, '.') != NULL)
		return -EINVAL;
	return 0;
}

int
gyre__station_subscribe(struct gyre__station *station,
			const struct gyre_subscribe_options *options,
			struct gyre_subscription **ret_subscription)
{
	struct gyre_subscription *subscription;
	struct gyre__interest *interest;
	struct gyre__subject parsed;
	int result = check(station->topics, options, &parsed);

	if (result < 0)
		return result;
	if (station->is_closed)
		return -ESHUTDOWN;
	subscription = new_subscription(station, options);
	if (subscription == NULL)
		return -ENOMEM;
	interest = find_interest(station, options, &parsed);
	if (interest == NULL)
		interest = new_interest(station, options, &parsed);
	if (interest == NULL) {
		station->topics->sys->release(subscription);
		return -ENOMEM;
	}
	begin(subscription, interest);
	gyre__retained_give(station->topics, subscription);
	*ret_subscription = subscription;
	return 0;
}

static void
unlink_subscription(struct gyre_subscription *subscription)
{
	struct gyre__interest *interest = subscription->interest;

	if (subscription->previous != NULL)
		subscription->previous->next = subscription->next;
	else
		interest->first = subscription->next;
	if (subscription->next != NULL)
		subscription->next->previous = subscription->previous;
	else
		interest->last = subscription->previous;
}

static void
drop_waiting(struct gyre_subscription *subscription)
{
	for (; subscription->count > 0; subscription->count--) {
		uint32_t index = subscription->first++ % subscription->capacity;

		gyre__envelope_unref(subscription->waiting[index].envelope);
	}
}

void
gyre__subscription_end(struct gyre_subscription *subscription)
{
	struct gyre__station *station = subscription->station;
	struct gyre__interest *interest = subscription->interest;

	subscription->is_gone = true;
	gyre__subscription_unready(subscription);
	unlink_subscription(subscription);
	drop_waiting(subscription);
	/* subscription.M2 relaxed: a count to look at */
	gyre__add_32_relaxed(&interest->topic->members, (uint32_t)-1);
	station->subscriptions--;
	if (interest->first == NULL)
		end_interest(station, interest);
	subscription->next_gone = station->gone;
	station->gone = subscription;
}

/* -- public --------------------------------------------------------------- */

void
gyre_bus_unsubscribe(struct gyre_subscription *subscription)
{
	struct gyre__station *station;

	if (subscription == NULL)
		return;
	station = subscription->station;
	if (gyre__is_fork(station->topics->forks))
		return;
	gyre__station_require_owner(station);
	gyre__subscription_end(subscription);
	gyre__station_sweep(station);
}

void
gyre_subscription_pause(struct gyre_subscription *subscription)
{
	gyre__station_require_owner(subscription->station);
	subscription->is_paused = true;
	gyre__subscription_unready(subscription);
}

void
gyre_subscription_resume(struct gyre_subscription *subscription)
{
	gyre__station_require_owner(subscription->station);
	subscription->is_paused = false;
	gyre__subscription_ready(subscription);
}

void
gyre_subscription_get_stats(const struct gyre_subscription *subscription,
			    struct gyre_subscription_stats *ret_stats)
{
	gyre__station_require_owner(subscription->station);
	*ret_stats = (struct gyre_subscription_stats){
		.delivered = subscription->delivered,
		.dropped = subscription->dropped,
		.waiting = subscription->count,
	};
}
