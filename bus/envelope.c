/*
 * Publishing: match once, make one counted envelope, post a parcel of it to
 * each station. On any thread, with no lock.
 */
#include "bus/topics.h"

#include "base/atomics.h"
#include "base/check.h"
#include "base/fork.h"
#include "bus/bus.h"
#include "bus/inbox.h"
#include "bus/rcu.h"

#include <errno.h>
#include <string.h>

#define PICKS_FIRST 32

/* Where a publish goes. */
struct pick {
	struct gyre__station *station;
	struct gyre__topic *group; /* NULL: all there */
};

struct picks {
	const struct gyre_sys *sys;
	size_t count;
	size_t room;
	struct pick *array; /* first, or allocated */
	struct pick first[PICKS_FIRST];
};

/* -- references ----------------------------------------------------------- */

void
gyre__envelope_ref(struct gyre__envelope *envelope)
{
	/* envelope.N1 relaxed: whoever adds one has one, or reads a place that
	 * has */
	gyre__add_32_relaxed(&envelope->refs, 1);
}

void
gyre__envelope_unref(struct gyre__envelope *envelope)
{
	/* envelope.N2 acq_rel: every holder's uses before the message's
	 * release; pairs with envelope.N2 */
	if (gyre__add_32_acq_rel(&envelope->refs, (uint32_t)-1) > 1)
		return;
	if (envelope->kept != NULL)
		gyre__envelope_unref(envelope->kept);
	else if (envelope->message.release != NULL)
		envelope->message.release(envelope->message.data);
	envelope->sys->release(envelope);
}

uint64_t
gyre__envelope_epoch(const struct gyre__envelope *envelope)
{
	/* envelope.E2 relaxed: it says all by itself; on its way it is
	 * decided before the post */
	return gyre__load_64_relaxed(&envelope->epoch);
}

uint64_t
gyre__envelope_decide(struct gyre__envelope *envelope, uint64_t otherwise)
{
	uint64_t seen = 0;

	/* envelope.E1 acq_rel: the first decides, and all the others see what
	 * it did before; pairs with envelope.E1 */
	if (gyre__cas_64_acq_rel(&envelope->epoch, &seen, otherwise))
		return otherwise;
	return seen;
}

void
gyre__parcel_end(struct gyre__parcel *parcel)
{
	gyre__topic_unref(parcel->group);
	gyre__envelope_unref(parcel->envelope);
}

/* -- where to ------------------------------------------------------------- */

static bool
has_pick(const struct picks *picks, const struct gyre__station *station)
{
	for (size_t i = 0; i < picks->count; i++)
		if (picks->array[i].group == NULL &&
		    picks->array[i].station == station)
			return true;
	return false;
}

static bool
make_room(struct picks *picks)
{
	size_t room = 2 * picks->room;
	struct pick *array;

	if (picks->count < picks->room)
		return true;
	array = picks->sys->allocate(room * sizeof(*array), 0);
	if (array == NULL)
		return false;
	memcpy(array, picks->array, picks->count * sizeof(*array));
	if (picks->array != picks->first)
		picks->sys->release(picks->array);
	picks->array = array;
	picks->room = room;
	return true;
}

static bool
add_pick(struct picks *picks, struct gyre__station *station,
	 struct gyre__topic *group)
{
	if (station == NULL || (group == NULL && has_pick(picks, station)))
		return true;
	if (!make_room(picks))
		return false;
	picks->array[picks->count++] = (struct pick){ station, group };
	return true;
}

static bool
add_route(struct picks *picks, const struct gyre__route *route)
{
	if (route->topic->group != NULL)
		return add_pick(picks, gyre__route_pick(route), route->topic);
	for (uint32_t i = 0; i < route->count; i++)
		if (!add_pick(picks, gyre__route_station(route, i), NULL))
			return false;
	return true;
}

static const struct gyre__routes *
routes_of(const struct gyre__topics *topics)
{
	/* envelope.R1 acquire: the table after the pointer to it; pairs with
	 * routes.W3, topics.W1 */
	return gyre__load_ptr_acquire(&topics->routes);
}

static bool
match(const struct gyre__topics *topics, const char *subject, uint64_t hash,
      struct picks *picks)
{
	const struct gyre__routes *routes = routes_of(topics);
	struct gyre__route *route = NULL;

	while ((route = gyre__routes_match(routes, route, subject, hash)) !=
	       NULL)
		if (!add_route(picks, route))
			return false;
	return true;
}

/* -- on the way ----------------------------------------------------------- */

static void
count(uint64_t *counter)
{
	/* envelope.S1 relaxed: a count to look at */
	gyre__add_64_relaxed(counter, 1);
}

/* A reference for the parcel, unless too many wait. */
static bool
admit(struct gyre__topics *topics, struct gyre__station *station)
{
	/* envelope.A1 relaxed: whoever adds one reads a route that has the
	 * station */
	uint32_t before = gyre__add_32_relaxed(&station->refs, 1);

	if (before <= topics->backlog_max)
		return true;
	gyre__station_unref(station);
	return false;
}

static bool
post_parcel(struct gyre__topics *topics, struct gyre__parcel *parcel,
	    struct gyre__station *station)
{
	uint64_t *counter = &topics->refused;

	parcel->station = station;
	if (admit(topics, station)) {
		if (gyre_inbox_post(station->inbox, &parcel->task) == 0)
			return true;
		gyre__station_unref(station);
		counter = &topics->closed;
	}
	if (parcel->group == NULL)
		count(counter);
	return false;
}

/* Readers. */
static bool
post_to_another(struct gyre__topics *topics, struct gyre__parcel *parcel)
{
	const struct gyre__routes *routes = routes_of(topics);
	const struct gyre__route *route;
	struct gyre__station *station;

	while (parcel->hops++ < GYRE__HOPS_MAX && routes != NULL) {
		route = gyre__routes_find(routes, parcel->group);
		station = route != NULL ? gyre__route_pick(route) : NULL;
		if (station == NULL)
			break;
		if (post_parcel(topics, parcel, station))
			return true;
	}
	count(&topics->strayed);
	return false;
}

void
gyre__parcel_pass_on(struct gyre__parcel *parcel)
{
	struct gyre__topics *topics = parcel->station->topics;
	bool entered = gyre__rcu_enter();

	if (!post_to_another(topics, parcel))
		gyre__parcel_end(parcel);
	gyre__rcu_leave(entered);
}

static void
run_parcel(struct gyre_task *task)
{
	struct gyre__parcel *parcel = (struct gyre__parcel *)task;
	struct gyre__station *station = parcel->station;

	gyre__station_receive(station, parcel);
	gyre__station_unref(station);
}

static void
drop_parcel(struct gyre_task *task, enum gyre_drop_reason reason)
{
	struct gyre__parcel *parcel = (struct gyre__parcel *)task;
	struct gyre__station *station = parcel->station;

	(void)reason;
	if (parcel->group != NULL) {
		gyre__parcel_pass_on(parcel);
	} else {
		count(&station->topics->closed);
		gyre__parcel_end(parcel);
	}
	gyre__station_unref(station);
}

/* -- publish -------------------------------------------------------------- */

static void
fill(struct gyre__envelope *envelope, const struct picks *picks)
{
	for (size_t i = 0; i < picks->count; i++) {
		struct gyre__parcel *parcel = &envelope->parcels[i];

		parcel->task.run = run_parcel;
		parcel->task.drop = drop_parcel;
		parcel->envelope = envelope;
		parcel->group = picks->array[i].group;
		parcel->hops = 0;
		if (parcel->group != NULL)
			gyre__topic_ref(parcel->group);
	}
}

static struct gyre__envelope *
new_envelope(const struct picks *picks, const char *subject,
	     const struct gyre__subject *parsed, struct gyre_message message)
{
	size_t parcels = picks->count * sizeof(struct gyre__parcel);
	struct gyre__envelope *envelope = picks->sys->allocate(
		sizeof(*envelope) + parcels + parsed->length + 1, 0);
	char *copy;

	if (envelope == NULL)
		return NULL;
	*envelope = (struct gyre__envelope){
		.sys = picks->sys,
		.refs = (uint32_t)picks->count + 1,
		.hash = parsed->hash,
		.message = message,
	};
	copy = (char *)envelope->parcels + parcels;
	envelope->subject = memcpy(copy, subject, parsed->length + 1);
	fill(envelope, picks);
	return envelope;
}

static void
post_parcels(struct gyre__topics *topics, struct gyre__envelope *envelope,
	     const struct picks *picks)
{
	for (size_t i = 0; i < picks->count; i++) {
		struct gyre__parcel *parcel = &envelope->parcels[i];

		if (post_parcel(topics, parcel, picks->array[i].station))
			continue;
		if (parcel->group == NULL || !post_to_another(topics, parcel))
			gyre__parcel_end(parcel);
	}
}

static uint64_t
read_epoch(const struct gyre__topics *topics)
{
	/* envelope.L1 acquire: the table as it was when the epoch became this;
	 * pairs with subscription.E1 */
	return gyre__load_64_acquire(&topics->epoch);
}

/* To whom the table says now, with the epoch that was read before. Readers;
 * -ENOMEM: nothing was done. */
static int
route(struct gyre__topics *topics, const struct gyre__subject *parsed,
      const struct gyre__envelope *model)
{
	struct picks picks = { .sys = topics->sys, .room = PICKS_FIRST };
	struct gyre__envelope *envelope = NULL;

	picks.array = picks.first;
	if (match(topics, model->subject, parsed->hash, &picks))
		envelope = new_envelope(&picks, model->subject, parsed,
					model->message);
	if (envelope != NULL) {
		envelope->epoch = model->epoch;
		envelope->kept = model->kept;
		post_parcels(topics, envelope, &picks);
		gyre__envelope_unref(envelope);
	}
	if (picks.array != picks.first)
		topics->sys->release(picks.array);
	return envelope != NULL ? 0 : -ENOMEM;
}

static int
publish(struct gyre__topics *topics, const char *subject,
	const struct gyre__subject *parsed, struct gyre_message message)
{
	const struct gyre__envelope model = {
		.subject = subject,
		.message = message,
		.epoch = read_epoch(topics),
	};

	return route(topics, parsed, &model);
}

/* The value is kept before the epoch is read, and so before it is known who
 * gets it: without memory for its way there, it was refused there. */
static int
publish_retained(struct gyre__topics *topics, const char *subject,
		 const struct gyre__subject *parsed,
		 struct gyre_message message)
{
	const struct picks none = { .sys = topics->sys };
	struct gyre__envelope *kept =
		new_envelope(&none, subject, parsed, message);
	struct gyre__envelope model = { .subject = subject };
	int result;

	if (kept == NULL)
		return -ENOMEM;
	result = gyre__retained_put(topics, subject, parsed, kept);
	if (result < 0) {
		topics->sys->release(kept); /* not the message, the caller's */
		return result;
	}
	model.message = message;
	model.kept = kept;
	model.epoch = gyre__retained_decide(topics, kept);
	if (route(topics, parsed, &model) < 0) {
		count(&topics->refused);
		gyre__envelope_unref(kept);
	}
	return 0;
}

static int
parse(const struct gyre__topics *topics, const char *subject,
      struct gyre__subject *ret_parsed)
{
	if (gyre__is_fork(topics->forks))
		return -EPERM;
	if (gyre__subject_parse(subject, topics->seed, ret_parsed) < 0 ||
	    ret_parsed->is_wild)
		return -EINVAL;
	return 0;
}

int
gyre_bus_publish(struct gyre_bus *bus, const char *subject,
		 struct gyre_message message)
{
	struct gyre__topics *topics = gyre__bus_topics(bus);
	struct gyre__subject parsed;
	int result = parse(topics, subject, &parsed);
	bool entered;

	if (result < 0)
		return result;
	entered = gyre__rcu_enter();
	result = publish(topics, subject, &parsed, message);
	gyre__rcu_leave(entered);
	return result;
}

int
gyre_bus_publish_retained(struct gyre_bus *bus, const char *subject,
			  struct gyre_message message)
{
	struct gyre__topics *topics = gyre__bus_topics(bus);
	struct gyre__subject parsed;
	int result = parse(topics, subject, &parsed);
	bool entered;

	if (result < 0)
		return result;
	entered = gyre__rcu_enter();
	if (message.data == NULL)
		gyre__retained_end(topics, subject, &parsed);
	result = message.data == NULL
			 ? publish(topics, subject, &parsed, message)
			 : publish_retained(topics, subject, &parsed, message);
	gyre__rcu_leave(entered);
	return result;
}
