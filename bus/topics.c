/*
 * The life of the topics and of stations, and what can be asked of them.
 */
#include "bus/topics.h"

#include "base/atomics.h"
#include "base/check.h"
#include "base/exception.h"
#include "base/fork.h"
#include "bus/inbox.h"
#include "bus/outbox.h"
#include "bus/rcu.h"

#define BUCKETS_FIRST 64

/* -- topics --------------------------------------------------------------- */

struct gyre__topics *
gyre__topics_new(const struct gyre_sys *sys, struct gyre__reaper *reaper)
{
	struct gyre__topics *topics = gyre__allocate(sys, sizeof(*topics), 0);

	if (topics == NULL)
		return NULL;
	topics->routes = gyre__routes_new(sys, BUCKETS_FIRST);
	if (topics->routes == NULL) {
		sys->release(topics);
		return NULL;
	}
	topics->sys = sys;
	topics->reaper = reaper;
	topics->forks = gyre__forks();
	topics->backlog_max = GYRE_TOPIC_BACKLOG_MAX;
	topics->retained_max = GYRE_RETAINED_MAX;
	topics->refs = 1;
	topics->epoch = 1;
	/* Without chance the seed is 0: worse, but no reason to refuse. */
	(void)sys->getrandom(&topics->seed, sizeof(topics->seed), 0);
	pthread_mutex_init(&topics->mutex, NULL);
	return topics;
}

void
gyre__topics_close(struct gyre__topics *topics)
{
	struct gyre__routes *routes;

	if (topics == NULL)
		return;
	GYRE_REQUIRE(topics->stations == NULL);
	routes = topics->routes;
	/* topics.W1 release: a store like routes.W3; pairs with envelope.R1 */
	gyre__store_ptr_release(&topics->routes, NULL);
	gyre__routes_free(routes);
	gyre__retained_free(topics);
	gyre__topics_unref(topics);
}

void
gyre__topics_unref(struct gyre__topics *topics)
{
	/* topics.N2 acq_rel: every holder's uses before the release of the
	 * memory; pairs with topics.N2 */
	if (gyre__add_32_acq_rel(&topics->refs, (uint32_t)-1) > 1)
		return;
	pthread_mutex_destroy(&topics->mutex);
	topics->sys->release(topics);
}

/* -- stations ------------------------------------------------------------- */

/* Whatever is left of it is run by nobody else. */
static void
free_station(struct gyre__station *station)
{
	const struct gyre_sys *sys = station->topics->sys;

	gyre_inbox_unref(station->inbox);
	gyre__topics_unref(station->topics);
	sys->release(station->buckets);
	sys->release(station);
}

void
gyre__station_unref(struct gyre__station *station)
{
	/* topics.U1 acq_rel: every holder's uses before the release of the
	 * memory; pairs with topics.U1 */
	if (gyre__add_32_acq_rel(&station->refs, (uint32_t)-1) == 1)
		free_station(station);
}

static void
run_more(struct gyre_task *task)
{
	struct gyre__station *station =
		(struct gyre__station *)((char *)task -
					 offsetof(struct gyre__station, more));

	station->has_more = false;
	gyre__station_deliver(station);
	gyre__station_unref(station);
}

static void
drop_more(struct gyre_task *task, enum gyre_drop_reason reason)
{
	(void)reason;
	gyre__station_unref(
		(struct gyre__station *)((char *)task -
					 offsetof(struct gyre__station, more)));
}

static void
link_station(struct gyre__station *station)
{
	struct gyre__topics *topics = station->topics;

	pthread_mutex_lock(&topics->mutex);
	station->next = topics->stations;
	station->link = &topics->stations;
	if (station->next != NULL)
		station->next->link = &station->next;
	topics->stations = station;
	pthread_mutex_unlock(&topics->mutex);
}

static void
unlink_station(struct gyre__station *station)
{
	struct gyre__topics *topics = station->topics;

	pthread_mutex_lock(&topics->mutex);
	*station->link = station->next;
	if (station->next != NULL)
		station->next->link = station->link;
	pthread_mutex_unlock(&topics->mutex);
}

struct gyre__station *
gyre__station_new(struct gyre__topics *topics, struct gyre_inbox *inbox,
		  const struct gyre__station_ops *ops, void *owner)
{
	const struct gyre_sys *sys = topics->sys;
	struct gyre__station *station =
		gyre__allocate(sys, sizeof(*station), GYRE__CACHE_LINE);

	if (station == NULL)
		return NULL;
	station->buckets = gyre__allocate(sys, 9 * sizeof(void *), 0);
	if (station->buckets == NULL) {
		sys->release(station);
		return NULL;
	}
	station->mask = 7;
	station->topics = topics;
	/* topics.N1 relaxed: the bus has one */
	gyre__add_32_relaxed(&topics->refs, 1);
	station->inbox = gyre_inbox_ref(inbox);
	station->ops = ops;
	station->owner = owner;
	station->refs = 1;
	station->ready_end = &station->ready;
	station->more.run = run_more;
	station->more.drop = drop_more;
	link_station(station);
	return station;
}

struct gyre__station *
gyre__station_find(struct gyre__topics *topics, const struct gyre_inbox *inbox)
{
	struct gyre__station *station;

	pthread_mutex_lock(&topics->mutex);
	station = topics->stations;
	while (station != NULL && station->inbox != inbox)
		station = station->next;
	pthread_mutex_unlock(&topics->mutex);
	return station;
}

static void
free_retired_station(struct gyre__retired *retired)
{
	gyre__station_unref(
		(struct gyre__station *)((char *)retired -
					 offsetof(struct gyre__station,
						  retired)));
}

/* No route leads there any more; parcels on their way still may. */
static void
retire_station(struct gyre__station *station)
{
	station->is_closed = true;
	gyre__reaper_retire(station->topics->reaper, &station->retired,
			    station->inbox, free_retired_station);
}

void
gyre__station_tidy(struct gyre__station *station)
{
	if (station->is_closed || station->delivering > 0 ||
	    station->subscriptions > 0)
		return;
	unlink_station(station);
	retire_station(station);
	station->ops->closed(station->owner);
}

/* One that has a subscription, or NULL. */
static struct gyre__interest *
any_interest(const struct gyre__station *station)
{
	for (uint64_t i = 0; i <= station->mask + 1; i++)
		if (station->buckets[i] != NULL)
			return station->buckets[i];
	return NULL;
}

static void
drop_subscription(struct gyre_subscription *subscription)
{
	gyre_drop_fn drop = subscription->drop;
	void *arg = subscription->arg;

	gyre__subscription_end(subscription);
	if (drop == NULL)
		return;
	drop(arg, GYRE_DROP_STOPPED);
	if (gyre__raised())
		gyre__outbox_report(gyre__outbox_of_thread, "drop",
				    (void (*)(void))drop, arg);
}

void
gyre__station_close(struct gyre__station *station)
{
	struct gyre__interest *interest;

	GYRE_INSIST(station->delivering == 0 && !station->is_closed);
	unlink_station(station);
	station->is_closed = true;
	station->delivering++;
	while ((interest = any_interest(station)) != NULL)
		drop_subscription(interest->first);
	station->delivering--;
	gyre__station_sweep(station);
	retire_station(station);
}

bool
gyre__station_is_owner(const struct gyre__station *station)
{
	const struct gyre__outbox *running;

	/* topics.O1 relaxed: compared, and no more */
	running = gyre__load_ptr_relaxed(&station->inbox->outbox);
	return running == NULL || running == gyre__outbox_of_thread;
}

/* -- what can be asked ---------------------------------------------------- */

static const struct gyre__routes *
routes_of(const struct gyre__topics *topics)
{
	/* topics.R2 acquire: as envelope.R1; pairs with routes.W3 */
	return gyre__load_ptr_acquire(&topics->routes);
}

static uint32_t
members(const struct gyre__topic *topic)
{
	/* topics.M1 relaxed: a count to look at */
	return gyre__load_32_relaxed(&topic->members);
}

uint32_t
gyre_bus_subscribers(struct gyre_bus *bus, const char *subject)
{
	struct gyre__topics *topics = gyre__bus_topics(bus);
	struct gyre__route *route = NULL;
	struct gyre__subject parsed;
	uint32_t count = 0;
	bool entered;

	if (gyre__is_fork(topics->forks) ||
	    gyre__subject_parse(subject, topics->seed, &parsed) < 0 ||
	    parsed.is_wild)
		return 0;
	entered = gyre__rcu_enter();
	while ((route = gyre__routes_match(routes_of(topics), route, subject,
					   parsed.hash)) != NULL)
		count +=
			route->topic->group == NULL ? members(route->topic) : 1;
	gyre__rcu_leave(entered);
	return count;
}

static void
tell_topic(const struct gyre__topic *topic, gyre_topic_each_fn fn, void *arg)
{
	const struct gyre_topic told = {
		.pattern = topic->pattern,
		.group = topic->group,
		.subscriptions = members(topic),
	};

	if (told.subscriptions > 0)
		fn(&told, arg);
}

void
gyre_bus_topics(struct gyre_bus *bus, gyre_topic_each_fn fn, void *arg)
{
	struct gyre__topics *topics = gyre__bus_topics(bus);
	const struct gyre__routes *routes;
	bool entered;

	if (gyre__is_fork(topics->forks))
		return;
	entered = gyre__rcu_enter();
	routes = routes_of(topics);
	for (uint64_t i = 0; i <= routes->mask + 1; i++) {
		const struct gyre__route *route;

		for (route = gyre__routes_bucket(routes, i); route != NULL;
		     route = gyre__routes_next(route))
			tell_topic(route->topic, fn, arg);
	}
	gyre__rcu_leave(entered);
}

static uint64_t
read_count(const uint64_t *counter)
{
	/* topics.S2 relaxed: a count to look at */
	return gyre__load_64_relaxed(counter);
}

void
gyre_bus_get_topics_stats(struct gyre_bus *bus,
			  struct gyre_topics_stats *ret_stats)
{
	const struct gyre__topics *topics = gyre__bus_topics(bus);

	*ret_stats = (struct gyre_topics_stats){
		.refused = read_count(&topics->refused),
		.closed = read_count(&topics->closed),
		.strayed = read_count(&topics->strayed),
	};
}
