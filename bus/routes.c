/*
 * The routing table: a hash of lists that readers walk under RCU while one
 * writer at a time changes them.
 *
 * A route is never changed where a reader could mistake it: a station comes
 * with a copy of the route, which takes the old one's place with one store, a
 * station that goes is cleared in place. So a subscription costs what its own
 * pattern has, not what the whole table has, and the memory that waits for a
 * grace period stays small when thousands come in one batch. Only growth
 * copies the whole.
 */
#include "bus/topics.h"

#include "base/atomics.h"
#include "base/check.h"

#include <string.h>

/* -- topics --------------------------------------------------------------- */

bool
gyre__topic_is(const struct gyre__topic *topic, const char *pattern,
	       const char *group)
{
	if (strcmp(topic->pattern, pattern) != 0)
		return false;
	if (topic->group == NULL || group == NULL)
		return topic->group == group;
	return strcmp(topic->group, group) == 0;
}

void
gyre__topic_ref(struct gyre__topic *topic)
{
	/* routes.N1 relaxed: whoever adds one has one, or reads a route that
	 * has */
	gyre__add_32_relaxed(&topic->refs, 1);
}

void
gyre__topic_unref(struct gyre__topic *topic)
{
	if (topic == NULL)
		return;
	/* routes.N2 acq_rel: every holder's uses before the release of the
	 * memory; pairs with routes.N2 */
	if (gyre__add_32_acq_rel(&topic->refs, (uint32_t)-1) == 1)
		topic->sys->release(topic);
}

static struct gyre__topic *
new_topic(const struct gyre_sys *sys, const char *pattern, const char *group,
	  const struct gyre__subject *parsed)
{
	size_t group_size = group != NULL ? strlen(group) + 1 : 0;
	struct gyre__topic *topic = gyre__allocate(
		sys, sizeof(*topic) + parsed->length + 1 + group_size, 0);

	if (topic == NULL)
		return NULL;
	topic->sys = sys;
	topic->hash = parsed->hash;
	topic->is_wild = parsed->is_wild;
	topic->refs = 1;
	memcpy(topic->pattern, pattern, parsed->length + 1);
	if (group != NULL)
		topic->group = memcpy(topic->pattern + parsed->length + 1,
				      group, group_size);
	return topic;
}

/* -- readers -------------------------------------------------------------- */

static struct gyre__route *
follow(struct gyre__route *const *link)
{
	/* routes.R1 acquire: the route's fields after the pointer to it; pairs
	 * with routes.W1 */
	return gyre__load_ptr_acquire(link);
}

static uint64_t
bucket_of(const struct gyre__routes *routes, uint64_t hash, bool is_wild)
{
	return is_wild ? routes->mask + 1 : hash & routes->mask;
}

struct gyre__route *
gyre__routes_match(const struct gyre__routes *routes, struct gyre__route *after,
		   const char *subject, uint64_t hash)
{
	struct gyre__route *route;
	bool is_wild = after != NULL && after->topic->is_wild;

	route = after != NULL ? follow(&after->next)
			      : follow(&routes->buckets[bucket_of(routes, hash,
								  false)]);
	for (; !is_wild && route != NULL; route = follow(&route->next))
		if (route->topic->hash == hash &&
		    strcmp(route->topic->pattern, subject) == 0)
			return route;
	if (!is_wild)
		route = follow(&routes->buckets[routes->mask + 1]);
	for (; route != NULL; route = follow(&route->next))
		if (gyre__subject_matches(route->topic->pattern, subject))
			return route;
	return NULL;
}

struct gyre__station *
gyre__route_station(const struct gyre__route *route, uint32_t index)
{
	/* routes.R2 acquire: the station's fields after the pointer; pairs
	 * with routes.W1, routes.W2 */
	return gyre__load_ptr_acquire(&route->stations[index]);
}

struct gyre__station *
gyre__route_pick(const struct gyre__route *route)
{
	/* routes.P1 relaxed: turns, which need no order */
	uint32_t turn = gyre__add_32_relaxed(&route->topic->picks, 1);

	for (uint32_t i = 0; i < route->count; i++) {
		struct gyre__station *station =
			gyre__route_station(route, (turn + i) % route->count);

		if (station != NULL)
			return station;
	}
	return NULL;
}

struct gyre__route *
gyre__routes_find(const struct gyre__routes *routes,
		  const struct gyre__topic *topic)
{
	struct gyre__route *route = follow(&routes->buckets[bucket_of(
		routes, topic->hash, topic->is_wild)]);

	while (route != NULL && route->topic != topic)
		route = follow(&route->next);
	return route;
}

const struct gyre__route *
gyre__routes_bucket(const struct gyre__routes *routes, uint64_t bucket)
{
	return follow(&routes->buckets[bucket]);
}

const struct gyre__route *
gyre__routes_next(const struct gyre__route *route)
{
	return follow(&route->next);
}

/* -- writers, under the mutex --------------------------------------------- */

static void
publish_route(struct gyre__route **link, struct gyre__route *route)
{
	/* routes.W1 release: the route's fields before the pointer to it;
	 * pairs with routes.R1, routes.R2 */
	gyre__store_ptr_release(link, route);
}

static void
clear_station(struct gyre__station **station)
{
	/* routes.W2 release: a store like the others; pairs with routes.R2 */
	gyre__store_ptr_release(station, NULL);
}

struct gyre__routes *
gyre__routes_new(const struct gyre_sys *sys, uint64_t buckets)
{
	struct gyre__routes *routes = gyre__allocate(
		sys, sizeof(*routes) + (buckets + 1) * sizeof(void *), 0);

	if (routes == NULL)
		return NULL;
	routes->sys = sys;
	routes->mask = buckets - 1;
	return routes;
}

static void
free_route(struct gyre__route *route)
{
	const struct gyre_sys *sys = route->topic->sys;

	gyre__topic_unref(route->topic);
	sys->release(route);
}

static void
free_retired_route(struct gyre__retired *retired)
{
	free_route(
		(struct gyre__route *)((char *)retired -
				       offsetof(struct gyre__route, retired)));
}

static void
free_retired_routes(struct gyre__retired *retired)
{
	struct gyre__routes *routes =
		(struct gyre__routes *)((char *)retired -
					offsetof(struct gyre__routes, retired));

	gyre__routes_free(routes);
}

void
gyre__routes_free(struct gyre__routes *routes)
{
	for (uint64_t i = 0; i <= routes->mask + 1; i++) {
		struct gyre__route *route = routes->buckets[i];

		while (route != NULL) {
			struct gyre__route *next = route->next;

			free_route(route);
			route = next;
		}
	}
	routes->sys->release(routes);
}

/* The same stations without those that have gone, and one more, or NULL. */
static struct gyre__route *
copy_route(const struct gyre__topics *topics, const struct gyre__route *old,
	   struct gyre__topic *topic, struct gyre__station *one_more)
{
	uint32_t count = old != NULL ? old->count : 0;
	struct gyre__route *route = gyre__allocate(
		topics->sys, sizeof(*route) + (count + 1) * sizeof(void *), 0);

	if (route == NULL)
		return NULL;
	gyre__topic_ref(topic);
	route->topic = topic;
	for (uint32_t i = 0; i < count; i++)
		if (old->stations[i] != NULL)
			route->stations[route->count++] = old->stations[i];
	if (one_more != NULL)
		route->stations[route->count++] = one_more;
	return route;
}

/* What points to the topic's route, or to the end of its list. */
static struct gyre__route **
find_link(struct gyre__routes *routes, uint64_t hash, bool is_wild,
	  const char *pattern, const char *group)
{
	struct gyre__route **link =
		&routes->buckets[bucket_of(routes, hash, is_wild)];

	while (*link != NULL && !gyre__topic_is((*link)->topic, pattern, group))
		link = &(*link)->next;
	return link;
}

static int
copy_bucket(const struct gyre__topics *topics, struct gyre__routes *larger,
	    const struct gyre__route *route)
{
	for (; route != NULL; route = route->next) {
		struct gyre__route *copy =
			copy_route(topics, route, route->topic, NULL);
		struct gyre__route **link;

		if (copy == NULL)
			return -1;
		link = &larger->buckets[bucket_of(larger, route->topic->hash,
						  route->topic->is_wild)];
		copy->next = *link;
		*link = copy;
	}
	return 0;
}

/* Without memory the lists are longer: no reason to refuse. */
static void
grow(struct gyre__topics *topics, struct gyre_inbox *home)
{
	struct gyre__routes *routes = topics->routes;
	struct gyre__routes *larger =
		gyre__routes_new(topics->sys, 4 * (routes->mask + 1));

	if (larger == NULL)
		return;
	for (uint64_t i = 0; i <= routes->mask + 1; i++)
		if (copy_bucket(topics, larger, routes->buckets[i]) < 0) {
			gyre__routes_free(larger);
			return;
		}
	/* routes.W3 release: the table before the pointer to it; pairs with
	 * envelope.R1, topics.R2 */
	gyre__store_ptr_release(&topics->routes, larger);
	gyre__reaper_retire(topics->reaper, &routes->retired, home,
			    free_retired_routes);
}

static struct gyre__topic *
add_locked(struct gyre__topics *topics, struct gyre__station *station,
	   const struct gyre_subscribe_options *options,
	   const struct gyre__subject *parsed, struct gyre_inbox *home)
{
	struct gyre__route **link =
		find_link(topics->routes, parsed->hash, parsed->is_wild,
			  options->pattern, options->group);
	struct gyre__route *old = *link;
	struct gyre__topic *topic = NULL;
	struct gyre__route *route;

	if (old != NULL)
		gyre__topic_ref(topic = old->topic);
	else
		topic = new_topic(topics->sys, options->pattern, options->group,
				  parsed);
	route = topic != NULL ? copy_route(topics, old, topic, station) : NULL;
	if (route == NULL) {
		gyre__topic_unref(topic);
		return NULL;
	}
	route->next = old != NULL ? old->next : NULL;
	publish_route(link, route);
	if (old != NULL)
		gyre__reaper_retire(topics->reaper, &old->retired, home,
				    free_retired_route);
	else if (++topics->routes_count > 2 * (topics->routes->mask + 1))
		grow(topics, home);
	return topic;
}

static bool
is_empty(const struct gyre__route *route)
{
	for (uint32_t i = 0; i < route->count; i++)
		if (gyre__route_station(route, i) != NULL)
			return false;
	return true;
}

static void
remove_locked(struct gyre__topics *topics, const struct gyre__station *station,
	      const struct gyre__topic *topic, struct gyre_inbox *home)
{
	struct gyre__route **link =
		find_link(topics->routes, topic->hash, topic->is_wild,
			  topic->pattern, topic->group);
	struct gyre__route *route = *link;

	GYRE_INSIST(route != NULL);
	for (uint32_t i = 0; i < route->count; i++)
		if (route->stations[i] == station)
			clear_station(&route->stations[i]);
	if (!is_empty(route))
		return;
	publish_route(link, route->next);
	topics->routes_count--;
	gyre__reaper_retire(topics->reaper, &route->retired, home,
			    free_retired_route);
}

struct gyre__topic *
gyre__routes_add(struct gyre__topics *topics, struct gyre__station *station,
		 const struct gyre_subscribe_options *options,
		 const struct gyre__subject *parsed)
{
	struct gyre__topic *topic;

	pthread_mutex_lock(&topics->mutex);
	topic = add_locked(topics, station, options, parsed, station->inbox);
	pthread_mutex_unlock(&topics->mutex);
	return topic;
}

void
gyre__routes_remove(struct gyre__topics *topics, struct gyre__station *station,
		    const struct gyre__topic *topic)
{
	pthread_mutex_lock(&topics->mutex);
	remove_locked(topics, station, topic, station->inbox);
	pthread_mutex_unlock(&topics->mutex);
}
