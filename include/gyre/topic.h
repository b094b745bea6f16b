/*
 * Topics: messages by subject, from any thread to the loops that subscribe.
 *
 * A subject is tokens with dots between: "orders.7.eu". A pattern may have
 * `*` for one token, and `>` at its end for one or more. A publish is
 * accepted when it returns 0; it then reaches every subscription that was
 * there, on the subscription's own loop, in the sender's order. A group's
 * subscriptions share the messages: one of them gets each. What a subscriber
 * cannot take is dropped by its policy and counted; the publisher goes on.
 *
 *     static void on_order(const struct gyre_delivery *delivery, void *arg)
 *     {
 *             ship(arg, delivery->subject, delivery->message->data);
 *     }
 *     gyre_bus_subscribe(bus, &(struct gyre_subscribe_options){
 *             .pattern = "orders.*.eu", .fn = on_order }, &subscription);
 *     gyre_bus_publish(bus, "orders.7.eu", (struct gyre_message){ "x", 1 });
 */
#ifndef GYRE_TOPIC_H
#define GYRE_TOPIC_H

#include <gyre/base.h>
#include <gyre/bus.h>
#include <gyre/task.h>

#ifdef __cplusplus
extern "C" {
#endif

struct gyre_subscription;

/* Bytes of a subject, of a pattern and of a group's name. */
#define GYRE_SUBJECT_MAX 255u

/* Messages that wait for one loop; one more is dropped there and counted. */
#define GYRE_TOPIC_BACKLOG_MAX 65536u

/* Messages that one subscription may keep. */
#define GYRE_TOPIC_LIMIT_MAX 65536u

/* Subjects whose last value is kept. */
#define GYRE_RETAINED_MAX 65536u

/* What becomes of a message whose subscriber is not ready for it. */
enum gyre_topic_policy {
	/* Delivered as it comes; paused, it waits, and of more than `limit`
	 * the newest are dropped. */
	GYRE_TOPIC_QUEUE,
	/* Only the newest of a batch, at its end; what it overtakes is
	 * dropped. */
	GYRE_TOPIC_LATEST,
	/* The `limit` newest of a batch, at its end. */
	GYRE_TOPIC_DROP_OLDEST,
};

/* One message for one subscription; valid while the function runs. */
struct gyre_delivery {
	struct gyre_subscription *subscription;
	const char *subject;
	const struct gyre_message *message; /* shared: only to be read */
	bool is_retained; /* the last value, from before the subscription */
};

/* Runs on the subscription's loop; gyre_raise() there is reported as any
 * callback's. It may publish, subscribe, and unsubscribe itself or others. */
typedef void (*gyre_topic_fn)(const struct gyre_delivery *delivery, void *arg);

struct gyre_subscribe_options {
	const char *pattern;
	gyre_topic_fn fn;
	void *arg;
	gyre_drop_fn drop; /* called once if the loop closes under it, with
			    * which the subscription is gone; may be NULL */
	enum gyre_topic_policy policy;
	uint32_t limit;    /* 0: GYRE_TOPIC_LIMIT_MAX; LATEST keeps one */
	const char *group; /* NULL: none; as one token of a subject */
};

/*
 * Subscribe this thread's loop to a pattern. From the return on it gets what
 * is published; of every retained value that matches it gets the last one
 * first, not inside this call, unless a newer one that is published meanwhile
 * comes in its place. A group gets none.
 *
 * Thread: any that runs a loop, or whose current loop does not run yet, as in
 *         a service's start
 * Owns:   the caller has the subscription, until unsubscribe or drop
 * Errors: -EINVAL the pattern, the group's name or the limit; -ENOENT the
 *         thread has no loop; -ESHUTDOWN it is closing; -ENOMEM;
 *         -EPERM the process is a fork
 */
GYRE_API int gyre_bus_subscribe(
	struct gyre_bus *bus, const struct gyre_subscribe_options *options,
	struct gyre_subscription **ret_subscription) GYRE_MUST_CHECK;

/*
 * End a subscription: its function is not called once this has returned, also
 * if it is called from inside it. What still waits for it is dropped. NULL is
 * a no-op. A bus outlives its subscriptions: those of loops that are no shards
 * end before gyre_runtime_free().
 *
 * Thread: owner
 */
GYRE_API void gyre_bus_unsubscribe(struct gyre_subscription *subscription);

/*
 * Have messages wait, as the policy says, until resume. A paused subscription
 * stays its group's member.
 *
 * Thread: owner
 */
GYRE_API void gyre_subscription_pause(struct gyre_subscription *subscription);

/*
 * Deliver again, beginning with what waits, at the end of this batch.
 *
 * Thread: owner
 */
GYRE_API void gyre_subscription_resume(struct gyre_subscription *subscription);

struct gyre_subscription_stats {
	uint64_t delivered;
	uint64_t dropped;
	uint64_t waiting;
};

/*
 * Say what became of the messages that reached a subscription.
 *
 * Thread: owner
 */
GYRE_API void gyre_subscription_get_stats(
	const struct gyre_subscription *subscription,
	struct gyre_subscription_stats *ret_stats);

/*
 * Publish a message to whoever is subscribed now; that may be nobody, and the
 * message is then released at once. Also from inside a delivery, and to
 * oneself, which is a later delivery.
 *
 * Thread: any
 * Owns:   on 0 the bus, until release; on error still the caller
 * Order:  first in, first out per sender and loop, with posts; but what a
 *         policy gathers comes at the end of its batch
 * Blocks: never; takes no lock
 * Errors: -EINVAL the subject, such as one with wildcards; -ENOMEM;
 *         -EPERM the process is a fork
 */
GYRE_API int gyre_bus_publish(struct gyre_bus *bus, const char *subject,
			      struct gyre_message message) GYRE_MUST_CHECK;

/*
 * Publish a message and keep it as the subject's last value, which those who
 * subscribe later get first. A message without data, which is published too,
 * ends that.
 *
 * Thread: any
 * Owns:   on 0 the bus, until release; on error still the caller
 * Blocks: never; but a subject's first value takes the subscribers' lock
 * Errors: as gyre_bus_publish(); -ENOSPC there are GYRE_RETAINED_MAX subjects
 */
GYRE_API int gyre_bus_publish_retained(
	struct gyre_bus *bus, const char *subject,
	struct gyre_message message) GYRE_MUST_CHECK;

/*
 * Return how many subscriptions would get a message on this subject now; a
 * group counts one. 0 if the subject is invalid.
 *
 * Thread: any
 */
GYRE_API uint32_t gyre_bus_subscribers(struct gyre_bus *bus,
				       const char *subject);

/* A pattern that has subscriptions, valid while the function runs. */
struct gyre_topic {
	const char *pattern;
	const char *group; /* or NULL */
	uint32_t subscriptions;
};

/* Must not call gyre. */
typedef void (*gyre_topic_each_fn)(const struct gyre_topic *topic, void *arg);

/*
 * Call a function with every pattern, and group of it, that is subscribed to.
 *
 * Thread: any
 * Order:  none; one that comes or goes meanwhile may be missed
 */
GYRE_API void gyre_bus_topics(struct gyre_bus *bus, gyre_topic_each_fn fn,
			      void *arg);

/* Messages that reached no subscription's policy, by loop and publish. */
struct gyre_topics_stats {
	uint64_t refused; /* the loop's backlog was full */
	uint64_t closed;  /* the loop closed */
	uint64_t strayed; /* a group's, and no member was left to take it */
};

/*
 * Say what the bus dropped on the way from publishers to loops.
 *
 * Thread: any
 */
GYRE_API void gyre_bus_get_topics_stats(struct gyre_bus *bus,
					struct gyre_topics_stats *ret_stats);

#ifdef __cplusplus
}
#endif

#endif
