/*
 * A shard's keys. The store belongs to one loop and is touched by nobody else.
 *
 * A key that has expired is gone: the store's timeout removes it, however many
 * expire at once a few at a time, and until then whoever looks for it removes
 * it. The caller brings the
 * hash, which the router has made already.
 *
 * Time is Unix time in milliseconds, as clients give and read it, but it runs
 * on the loop's monotonic clock from the wall clock's reading at start: no
 * jump of the wall clock expires a key.
 */
#ifndef KV_STORE_H
#define KV_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <gyre/loop.h>

#include "arg.h"
#include "budget.h"
#include "discards.h"
#include "entry.h"
#include "expiries.h"
#include "keytable.h"
#include "watches.h"

struct store {
	struct gyre_loop *loop;
	int64_t epoch_ns;     /* add to the loop's clock: Unix time */
	struct keytable keys; /* of entries */
	struct discards discards;
	struct budget budget; /* of keys, values and tables */
	struct expiries expiries;
	gyre_timeout timeout;   /* for the first of them, or 0 */
	int64_t timeout_ms;     /* when it comes, in the store's time */
	uint64_t random;        /* for who chooses among elements */
	struct watches watches; /* of transactions */
	/* Counters. */
	size_t expiring; /* keys that have an expiry now */
	uint64_t expired;
	uint64_t hits;
	uint64_t misses;
};

/*
 * Begin; epoch_ns is what to add to the loop's clock to get Unix time. Without
 * a pool there is no limit.
 */
void store_init(struct store *store, struct gyre_loop *loop, int64_t epoch_ns,
		struct budget_pool *pool);

/* Tell whether there is room for so many arguments with so many bytes. */
bool store_has_room(struct store *store, const struct arg *args, size_t count);

/* The loop is about to end: it does nothing any more that can wait. */
void store_stop(struct store *store);

/* Free everything; the loop is closed. */
void store_free(struct store *store);

/* Return the store's time, since 1970. */
int64_t store_now_ns(const struct store *store);
int64_t store_now_ms(const struct store *store);

/* Return how many keys there are. */
size_t store_count(const struct store *store);

/* Find a key that has not expired, or NULL. */
struct entry *store_find(struct store *store, const struct arg *key);

/* As store_find(), counted as a hit or a miss. */
struct entry *store_read(struct store *store, const struct arg *key);

/*
 * Give a key a value; without keep_expiry it never expires from now on. NULL:
 * no memory, and then nothing has changed.
 */
struct entry *store_set(struct store *store, const struct arg *key,
			const struct arg *value, bool keep_expiry);

/*
 * Give a key that is not there an object, which is the store's then. NULL: no
 * memory, and the object is gone.
 */
struct entry *store_put(struct store *store, const struct arg *key,
			struct object *object);

/*
 * Give a key what another one has, its expiry too, and remove that one. False:
 * no memory, and nothing has changed.
 */
bool store_rename(struct store *store, struct entry *entry,
		  const struct arg *key);

/* Remove an entry. */
void store_remove(struct store *store, struct entry *entry);

/* Remove every entry. Their memory is given back in later iterations. */
void store_clear(struct store *store);

/* Let an entry expire once the store's time is behind this. */
void store_expire(struct store *store, struct entry *entry, int64_t when_ms);

/* Let an entry never expire. Tells whether it would have. */
bool store_persist(struct store *store, struct entry *entry);

#endif
