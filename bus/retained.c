/*
 * The last values. Each subject has a place that is swapped without a lock;
 * a place is made under the writers' mutex, once, and stays.
 *
 * A new subscription and a publish that meet agree on one of two: the value is
 * from before, and given as retained, or the publish delivers it. The publish
 * puts the value, then reads the epoch; the subscription moves the epoch, then
 * reads the value; both with an exchange of the epoch, so that one sees the
 * other. Whoever first finds a value undecided decides it, for all, with the
 * epoch of that moment; who subscribes before it looks, so it then comes as a
 * publish. A value is decided before the next is put: one that was given as
 * retained is never followed by an older one.
 */
#include "bus/topics.h"

#include "base/atomics.h"
#include "base/check.h"
#include "bus/outbox.h"
#include "bus/rcu.h"

#include <errno.h>
#include <string.h>

#define PLACES 256

static struct gyre__retained **
bucket_of(struct gyre__topics *topics, uint64_t hash)
{
	return &topics->retained[hash % PLACES];
}

static struct gyre__retained *
follow(struct gyre__retained *const *link)
{
	/* retained.R1 acquire: the place after the pointer to it; pairs with
	 * retained.W1 */
	return gyre__load_ptr_acquire(link);
}

static struct gyre__retained *
find(struct gyre__topics *topics, const char *subject, uint64_t hash)
{
	struct gyre__retained *place = follow(bucket_of(topics, hash));

	while (place != NULL &&
	       (place->hash != hash || strcmp(place->subject, subject) != 0))
		place = follow(&place->next);
	return place;
}

static struct gyre__retained *
new_place(const struct gyre_sys *sys, const char *subject,
	  const struct gyre__subject *parsed)
{
	struct gyre__retained *place =
		gyre__allocate(sys, sizeof(*place) + parsed->length + 1, 0);

	if (place == NULL)
		return NULL;
	place->hash = parsed->hash;
	memcpy(place->subject, subject, parsed->length + 1);
	return place;
}

static int
make_locked(struct gyre__topics *topics, const char *subject,
	    const struct gyre__subject *parsed,
	    struct gyre__retained **ret_place)
{
	struct gyre__retained **bucket = bucket_of(topics, parsed->hash);
	struct gyre__retained *place = find(topics, subject, parsed->hash);

	if (place == NULL) {
		if (topics->retained_count == topics->retained_max)
			return -ENOSPC;
		place = new_place(topics->sys, subject, parsed);
		if (place == NULL)
			return -ENOMEM;
		place->next = *bucket;
		topics->retained_count++;
		/* retained.W1 release: the place before the pointer to it;
		 * pairs with retained.R1 */
		gyre__store_ptr_release(bucket, place);
	}
	*ret_place = place;
	return 0;
}

static int
find_or_make(struct gyre__topics *topics, const char *subject,
	     const struct gyre__subject *parsed,
	     struct gyre__retained **ret_place)
{
	int result;

	*ret_place = find(topics, subject, parsed->hash);
	if (*ret_place != NULL)
		return 0;
	pthread_mutex_lock(&topics->mutex);
	result = make_locked(topics, subject, parsed, ret_place);
	pthread_mutex_unlock(&topics->mutex);
	return result;
}

static uint64_t
exchange_epoch(struct gyre__topics *topics)
{
	/* retained.E1 acq_rel: the value that was put before this, and the
	 * subscriptions that moved it; pairs with subscription.E1 */
	return gyre__add_64_acq_rel(&topics->epoch, 0);
}

uint64_t
gyre__retained_decide(struct gyre__topics *topics,
		      struct gyre__envelope *envelope)
{
	uint64_t epoch = gyre__envelope_epoch(envelope);

	if (epoch != 0)
		return epoch;
	return gyre__envelope_decide(envelope, exchange_epoch(topics));
}

static void
free_value(struct gyre__retired *retired)
{
	gyre__envelope_unref(
		(struct gyre__envelope *)((char *)retired -
					  offsetof(struct gyre__envelope,
						   retired)));
}

static void
swap_value(struct gyre__topics *topics, struct gyre__retained *place,
	   struct gyre__envelope *envelope)
{
	struct gyre__outbox *outbox = gyre__outbox_of_thread;
	/* retained.V1 acquire: the value's fields after the pointer to it;
	 * pairs with retained.V2 */
	struct gyre__envelope *old = gyre__load_ptr_acquire(&place->envelope);

	do {
		if (old != NULL)
			(void)gyre__retained_decide(topics, old);
		/* retained.V2 acq_rel: the value's fields before the pointer
		 * to it, and those of the one before; pairs with retained.V1,
		 * retained.V2, retained.V3 */
	} while (!gyre__cas_ptr_acq_rel(&place->envelope, &old, envelope));
	if (old != NULL)
		gyre__reaper_retire(topics->reaper, &old->retired,
				    outbox != NULL ? outbox->home : NULL,
				    free_value);
}

int
gyre__retained_put(struct gyre__topics *topics, const char *subject,
		   const struct gyre__subject *parsed,
		   struct gyre__envelope *envelope)
{
	struct gyre__retained *place;
	int result = find_or_make(topics, subject, parsed, &place);

	if (result < 0)
		return result;
	gyre__envelope_ref(envelope);
	swap_value(topics, place, envelope);
	return 0;
}

void
gyre__retained_end(struct gyre__topics *topics, const char *subject,
		   const struct gyre__subject *parsed)
{
	struct gyre__retained *place = find(topics, subject, parsed->hash);

	if (place != NULL)
		swap_value(topics, place, NULL);
}

/* -- to new subscriptions ------------------------------------------------- */

static void
give(struct gyre_subscription *subscription, struct gyre__retained *place)
{
	/* retained.V3 acquire: the value's fields after the pointer to it;
	 * pairs with retained.V2 */
	struct gyre__envelope *envelope =
		gyre__load_ptr_acquire(&place->envelope);

	if (envelope != NULL &&
	    gyre__retained_decide(subscription->station->topics, envelope) <
		    subscription->born)
		gyre__subscription_keep(subscription, envelope, true);
}

static void
give_matching(struct gyre__topics *topics,
	      struct gyre_subscription *subscription, const char *pattern)
{
	for (unsigned i = 0; i < PLACES; i++) {
		struct gyre__retained *place = follow(&topics->retained[i]);

		for (; place != NULL; place = follow(&place->next))
			if (gyre__subject_matches(pattern, place->subject))
				give(subscription, place);
	}
}

void
gyre__retained_give(struct gyre__topics *topics,
		    struct gyre_subscription *subscription)
{
	const struct gyre__topic *topic = subscription->interest->topic;
	struct gyre__retained *place;
	bool entered;

	if (topic->group != NULL)
		return;
	entered = gyre__rcu_enter();
	if (topic->is_wild) {
		give_matching(topics, subscription, topic->pattern);
	} else {
		place = find(topics, topic->pattern, topic->hash);
		if (place != NULL)
			give(subscription, place);
	}
	gyre__rcu_leave(entered);
}

void
gyre__retained_free(struct gyre__topics *topics)
{
	for (unsigned i = 0; i < PLACES; i++)
		while (topics->retained[i] != NULL) {
			struct gyre__retained *place = topics->retained[i];

			topics->retained[i] = place->next;
			if (place->envelope != NULL)
				gyre__envelope_unref(place->envelope);
			topics->sys->release(place);
		}
}
