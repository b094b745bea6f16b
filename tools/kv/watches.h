/*
 * Keys of one shard that transactions watch, and whether they have changed.
 *
 * Who watches is known by its connection's number alone: the connection lives
 * on another shard. A key need not exist to be watched.
 */
#ifndef KV_WATCHES_H
#define KV_WATCHES_H

#include <stdbool.h>
#include <stdint.h>

#include "arg.h"
#include "channels.h"

/* Whoever watches keys. */
struct watcher;

/* Zeroed: nothing is watched. */
struct watches {
	struct channels keys; /* each a channel, each watcher a subscriber */
	struct watcher *watchers; /* by their numbers */
};

typedef void (*watches_fn)(void *arg, const struct arg *key);

/* Watch a key, which may be watched already; it is hashed. 0 or -ENOMEM. */
int watches_add(struct watches *watches, uint64_t id, const struct arg *key);

/* Tell whether anything is watched. */
static inline bool
watches_any(const struct watches *watches)
{
	return watches->watchers != NULL;
}

/* A key has changed. */
void watches_touch(struct watches *watches, const struct arg *key);

/* Visit each key that a watcher watches, or all (0); no key is added or
 * forgotten meanwhile. */
void watches_visit(struct watches *watches, uint64_t id, watches_fn visit,
		   void *arg);

/* Return how many watch, and store how many keys, for each who does. */
size_t watches_count(const struct watches *watches, size_t *ret_keys);

/* Forget a watcher; tell whether any of its keys has changed. */
bool watches_end(struct watches *watches, uint64_t id);

/* Forget all. */
void watches_free(struct watches *watches);

#endif
