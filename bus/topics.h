/*
 * Topics from the inside.
 *
 * A loop with subscriptions has a station on the bus. The routing table, read
 * under RCU, leads from a subject to stations; a publish makes one envelope
 * with a parcel for each, which is a task, and there it fans out over the
 * station's own subscriptions, which are its owner's alone.
 *
 *     publish --table--> envelope --parcel--> station --> subscriptions
 *
 * Which subscriptions get a publish is decided by one number, the epoch: each
 * new subscription adds one and remembers it, each publish reads it before it
 * reads the table, and older subscriptions get it. The table is never behind
 * the epoch; where it is ahead, the number keeps the newer ones out.
 */
#ifndef GYRE_BUS_TOPICS_H
#define GYRE_BUS_TOPICS_H

#include <gyre/topic.h>

#include <pthread.h>

#include "base/sys.h"
#include "bus/reaper.h"
#include "bus/subject.h"

/* How often a group's message looks for a member on another loop. */
#define GYRE__HOPS_MAX 16

/* Deliveries from what waited, at the end of one batch. */
#define GYRE__DELIVERIES_MAX 1024

struct gyre__station;

/* A pattern, and a group of it or everybody else: counted. */
struct gyre__topic {
	/* -- immutable after new -- */
	const struct gyre_sys *sys;
	uint64_t hash; /* of the pattern */
	bool is_wild;
	const char *group; /* or NULL */
	/* -- any thread, atomic -- */
	uint32_t refs;
	uint32_t members; /* subscriptions; read without order, for counts */
	uint32_t picks;   /* which of the group's loops is next */
	char pattern[];
};

/*
 * Which loops want a topic. A new one comes with a copy of the route, one that
 * goes is cleared in place, which needs no memory.
 */
struct gyre__route {
	struct gyre__route *next;  /* RCU */
	struct gyre__topic *topic; /* a reference */
	struct gyre__retired retired;
	uint32_t count;
	struct gyre__station *stations[]; /* RCU; NULL: it has gone */
};

/* Exact patterns by hash; the bucket behind the last has the wildcards. */
struct gyre__routes {
	const struct gyre_sys *sys;
	struct gyre__retired retired;
	uint64_t mask;
	struct gyre__route *buckets[]; /* RCU */
};

/* A subject's last value; never removed before the topics are. */
struct gyre__retained {
	struct gyre__retained *next;     /* RCU */
	struct gyre__envelope *envelope; /* a reference, RCU; or NULL */
	uint64_t hash;
	char subject[];
};

struct gyre__topics {
	/* -- immutable after new -- */
	const struct gyre_sys *sys;
	struct gyre__reaper *reaper;
	uint32_t forks;
	uint32_t backlog_max;
	uint32_t retained_max;
	uint64_t seed;
	/* -- any thread, atomic -- */
	uint32_t refs;
	uint64_t epoch;
	struct gyre__routes *routes;          /* RCU; NULL: the bus has gone */
	struct gyre__retained *retained[256]; /* RCU */
	uint64_t refused;
	uint64_t closed;
	uint64_t strayed;
	/* -- under the mutex: the writers' -- */
	pthread_mutex_t mutex;
	uint64_t routes_count;
	uint32_t retained_count;
	struct gyre__station *stations;
};

/* What an envelope is for one station: a task. */
struct gyre__parcel {
	struct gyre_task task;
	struct gyre__envelope *envelope; /* a reference */
	struct gyre__station *station;   /* a reference */
	struct gyre__topic *group; /* a reference: one member; NULL: all */
	uint32_t hops;
};

struct gyre__envelope {
	const struct gyre_sys *sys;
	uint32_t refs; /* any thread, atomic */
	/* The subscriptions up to this one get it. A retained value's is
	 * written once, by whoever is first; 0: not decided yet. Atomic. */
	uint64_t epoch;
	uint64_t hash;
	/* Has the message, if this is only its way to the loops; a reference,
	 * or NULL. */
	struct gyre__envelope *kept;
	const char *subject;
	struct gyre_message message;
	struct gyre__retired retired;
	struct gyre__parcel parcels[];
};

/* A station's subscriptions to one topic. */
struct gyre__interest {
	struct gyre__interest *next; /* kept when it goes, see gone */
	struct gyre__topic *topic;   /* a reference */
	struct gyre_subscription *first;
	struct gyre_subscription *last;
	struct gyre__interest *next_gone;
};

/* What a station asks of whoever runs its loop. */
struct gyre__station_ops {
	/* Call gyre__station_deliver() at the end of this batch. */
	void (*defer)(void *owner);
	/* The last subscription has gone, and the station with it. */
	void (*closed)(void *owner);
};

struct gyre__station {
	/* -- immutable after new -- */
	struct gyre__topics *topics; /* a reference */
	struct gyre_inbox *inbox;    /* a reference */
	const struct gyre__station_ops *ops;
	void *owner;
	/* -- any thread, atomic -- */
	uint32_t refs; /* its own while it is open, and one a parcel */
	/* -- owner -- */
	bool is_closed;
	unsigned delivering; /* what goes meanwhile stays where it was */
	uint32_t subscriptions;
	uint32_t interests;
	uint64_t mask;
	struct gyre__interest **buckets; /* the last: wildcards */
	struct gyre__interest *gone_interests;
	struct gyre_subscription *gone;
	struct gyre_subscription *ready; /* something waits for them */
	struct gyre_subscription **ready_end;
	struct gyre_task more; /* a reference, while it is posted */
	bool has_more;
	struct gyre__retired retired;
	/* -- under the topics' mutex -- */
	struct gyre__station *next;
	struct gyre__station **link;
};

struct gyre__waiting {
	struct gyre__envelope *envelope; /* a reference */
	bool is_retained;
};

/* -- the owner's, all of it -- */
struct gyre_subscription {
	struct gyre__station *station;
	struct gyre__interest *interest;
	struct gyre_subscription *next; /* of the interest; kept when it goes */
	struct gyre_subscription *previous;
	struct gyre_subscription *next_ready;
	struct gyre_subscription **ready_link; /* NULL: it is not there */
	struct gyre_subscription *next_gone;
	uint64_t born; /* the epoch */
	gyre_topic_fn fn;
	void *arg;
	gyre_drop_fn drop;
	bool is_gone;
	bool is_paused;
	bool is_prompt; /* delivered as it comes */
	bool drops_newest;
	uint32_t limit;
	/* a ring */
	struct gyre__waiting *waiting;
	uint32_t capacity;
	uint32_t first;
	uint32_t count;
	uint64_t delivered;
	uint64_t dropped;
};

/* -- topics.c ------------------------------------------------------------- */

/* Topics without subscriptions, or NULL. */
struct gyre__topics *gyre__topics_new(const struct gyre_sys *sys,
				      struct gyre__reaper *reaper);

/* Nobody publishes or subscribes any more. NULL is a no-op. */
void gyre__topics_close(struct gyre__topics *topics);

void gyre__topics_unref(struct gyre__topics *topics);

/* The bus's topics. */
struct gyre__topics *gyre__bus_topics(const struct gyre_bus *bus);

/* Open a station, or NULL: no memory. */
struct gyre__station *gyre__station_new(struct gyre__topics *topics,
					struct gyre_inbox *inbox,
					const struct gyre__station_ops *ops,
					void *owner);

/* The station of an inbox, or NULL. Owner. */
struct gyre__station *gyre__station_find(struct gyre__topics *topics,
					 const struct gyre_inbox *inbox);

/* End all its subscriptions since its loop closes. Owner, its outbox entered.
 */
void gyre__station_close(struct gyre__station *station);

/* Close it without a word if it has no subscription. Owner. */
void gyre__station_tidy(struct gyre__station *station);

/* Give back what a parcel holds. Any thread. */
void gyre__station_unref(struct gyre__station *station);

/* Abort if another thread runs its loop. */
#define gyre__station_require_owner(station) \
	GYRE_REQUIRE(gyre__station_is_owner(station))
bool gyre__station_is_owner(const struct gyre__station *station);

/* -- routes.c ------------------------------------------------------------- */

struct gyre__routes *gyre__routes_new(const struct gyre_sys *sys,
				      uint64_t buckets);

/* Free a table that nobody reads. */
void gyre__routes_free(struct gyre__routes *routes);

/* Have a station get what is published for a topic, which is made if there is
 * none: a reference to it, or NULL: no memory. Locks. Owner of the station. */
struct gyre__topic *gyre__routes_add(
	struct gyre__topics *topics, struct gyre__station *station,
	const struct gyre_subscribe_options *options,
	const struct gyre__subject *pattern);

/* Undo that. Locks. Owner of the station. */
void gyre__routes_remove(struct gyre__topics *topics,
			 struct gyre__station *station,
			 const struct gyre__topic *topic);

/* The first of a subject's routes, then the next one; NULL: no more. Readers.
 */
struct gyre__route *gyre__routes_match(const struct gyre__routes *routes,
				       struct gyre__route *after,
				       const char *subject, uint64_t hash);

/* A bucket's first route and the one after, to walk them all. Readers. */
const struct gyre__route *gyre__routes_bucket(const struct gyre__routes *routes,
					      uint64_t bucket);
const struct gyre__route *gyre__routes_next(const struct gyre__route *route);

/* The station at an index of a route, or NULL. Readers. */
struct gyre__station *gyre__route_station(const struct gyre__route *route,
					  uint32_t index);

/* A station for a group's message, or NULL. Readers. */
struct gyre__station *gyre__route_pick(const struct gyre__route *route);

/* A topic's route, or NULL. Readers. */
struct gyre__route *gyre__routes_find(const struct gyre__routes *routes,
				      const struct gyre__topic *topic);

bool gyre__topic_is(const struct gyre__topic *topic, const char *pattern,
		    const char *group);
void gyre__topic_ref(struct gyre__topic *topic);
void gyre__topic_unref(struct gyre__topic *topic);

/* -- envelope.c ----------------------------------------------------------- */

void gyre__envelope_ref(struct gyre__envelope *envelope);
void gyre__envelope_unref(struct gyre__envelope *envelope);

/* The epoch that decides who gets it; 0: none yet. */
uint64_t gyre__envelope_epoch(const struct gyre__envelope *envelope);

/* Set it, if none was set before, and return what it is. */
uint64_t gyre__envelope_decide(struct gyre__envelope *envelope,
			       uint64_t otherwise);

/* A group's parcel found nobody: to another station, or dropped. */
void gyre__parcel_pass_on(struct gyre__parcel *parcel);

/* Give back all that a parcel has but the station. */
void gyre__parcel_end(struct gyre__parcel *parcel);

/* -- fanout.c ------------------------------------------------------------- */

/* A parcel that arrived. Owner. */
void gyre__station_receive(struct gyre__station *station,
			   struct gyre__parcel *parcel);

/* Deliver what waits, within a bound; the rest in a later batch. Owner. */
void gyre__station_deliver(struct gyre__station *station);

/* Have what waits delivered at the end of this batch. Owner. */
void gyre__subscription_ready(struct gyre_subscription *subscription);
void gyre__subscription_unready(struct gyre_subscription *subscription);

/* Let it wait, or drop what the policy says. Owner. */
void gyre__subscription_keep(struct gyre_subscription *subscription,
			     struct gyre__envelope *envelope, bool is_retained);

/* Free what went while something was delivered. Owner. */
void gyre__station_sweep(struct gyre__station *station);

/* -- subscription.c ------------------------------------------------------- */

int gyre__station_subscribe(struct gyre__station *station,
			    const struct gyre_subscribe_options *options,
			    struct gyre_subscription **ret_subscription);

/* Take it off the station; its memory stays until the next sweep. Owner. */
void gyre__subscription_end(struct gyre_subscription *subscription);

/* -- retained.c ----------------------------------------------------------- */

/* Make an envelope its subject's last value, which takes a reference: 0,
 * -ENOMEM or -ENOSPC. Readers. */
int gyre__retained_put(struct gyre__topics *topics, const char *subject,
		       const struct gyre__subject *parsed,
		       struct gyre__envelope *envelope);

/* From now on it has none. Readers. */
void gyre__retained_end(struct gyre__topics *topics, const char *subject,
			const struct gyre__subject *parsed);

/* The epoch of what was put, decided now if it was not before. Readers. */
uint64_t gyre__retained_decide(struct gyre__topics *topics,
			       struct gyre__envelope *envelope);

/* Let a new subscription have the last values. Owner. */
void gyre__retained_give(struct gyre__topics *topics,
			 struct gyre_subscription *subscription);

void gyre__retained_free(struct gyre__topics *topics);

#endif
