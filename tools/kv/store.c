/*
 * One timeout for the entry that expires first, and an ordered list of them
 * all: a key goes when its time has come, not when a sweep happens to find it.
 * The alternative, a timeout of the loop's for each, would remove all that
 * expire in one millisecond in one go. An entry that found no memory to be
 * listed is no loss: access looks at the time as well.
 */
#include "store.h"

#include <sodium.h>

#include "check.h"
#include "keyhash.h"

#define NS_PER_MS INT64_C(1000000)

/* Entries that are removed before the loop looks at clients again. */
#define EXPIRED_AT_ONCE 100

/* Pieces of what was discarded that one command may free, for room. */
#define HURRIES_MAX 10

void
store_init(struct store *store, struct gyre_loop *loop, int64_t epoch_ns,
	   struct budget_pool *pool)
{
	*store = (struct store){ .loop = loop, .epoch_ns = epoch_ns };
	budget_init(&store->budget, pool);
	keytable_init(&store->keys, offsetof(struct entry, key),
		      &store->budget);
	discards_init(&store->discards, loop);
	expiries_init(&store->expiries, &store->budget);
	randombytes_buf(&store->random, sizeof(store->random));
	store->random |= 1;
}

/* Each argument may become a key or a value; so each is reckoned as both. */
bool
store_has_room(struct store *store, const struct arg *args, size_t count)
{
	size_t more = keytable_next_size(&store->keys);

	if (store->budget.pool == NULL)
		return true;
	for (size_t i = 0; i < count; i++)
		more += budget_size(sizeof(struct entry) + args[i].length);
	for (int i = 0; i < HURRIES_MAX; i++) {
		if (budget_reserve(&store->budget, more))
			return true;
		if (!discards_hurry(&store->discards))
			return false;
	}
	return false;
}

int64_t
store_now_ns(const struct store *store)
{
	return gyre_loop_time(store->loop) + store->epoch_ns;
}

int64_t
store_now_ms(const struct store *store)
{
	return store_now_ns(store) / NS_PER_MS;
}

size_t
store_count(const struct store *store)
{
	return store->keys.count;
}

void
store_stop(struct store *store)
{
	discards_stop(&store->discards);
}

void
store_free(struct store *store)
{
	watches_free(&store->watches);
	discards_stop(&store->discards);
	discards_free_entries(&store->keys, &store->expiries);
	discards_free(&store->discards);
	store->expiring = 0;
}

void
store_clear(struct store *store)
{
	store->expiring = 0;
	if (store->keys.count > 0)
		discards_add(&store->discards, &store->keys, &store->expiries);
}

void
store_remove(struct store *store, struct entry *entry)
{
	store_persist(store, entry);
	keytable_remove(&store->keys, &entry->node);
	entry_free(entry);
}

static bool
has_expired(const struct store *store, const struct entry *entry)
{
	return entry->expires_ms != ENTRY_FOREVER &&
	       store_now_ms(store) > entry->expires_ms;
}

static void
remove_expired(struct store *store, struct entry *entry)
{
	struct arg key = {
		.data = entry->key,
		.length = entry->node.length,
		.hash = entry->node.hash,
	};

	store->expired++;
	if (watches_any(&store->watches))
		watches_touch(&store->watches, &key);
	store_remove(store, entry);
}

struct entry *
store_find(struct store *store, const struct arg *key)
{
	struct entry *entry = (struct entry *)keytable_find(
		&store->keys, keyhash_bucket(key->hash), key->data,
		key->length);

	if (entry != NULL && has_expired(store, entry)) {
		remove_expired(store, entry);
		return NULL;
	}
	return entry;
}

struct entry *
store_read(struct store *store, const struct arg *key)
{
	struct entry *entry = store_find(store, key);

	if (entry != NULL)
		store->hits++;
	else
		store->misses++;
	return entry;
}

static struct entry *
insert(struct store *store, const struct arg *key)
{
	struct entry *entry = entry_new(store, key);

	if (entry != NULL && keytable_add(&store->keys, &entry->node) < 0) {
		entry_free(entry);
		return NULL;
	}
	return entry;
}

struct entry *
store_set(struct store *store, const struct arg *key, const struct arg *value,
	  bool keep_expiry)
{
	struct entry *entry = store_find(store, key);
	bool is_new = entry == NULL;

	if (is_new)
		entry = insert(store, key);
	if (entry == NULL)
		return NULL;
	if (entry_assign(entry, value->data, value->length) < 0) {
		if (is_new)
			store_remove(store, entry);
		return NULL;
	}
	if (!keep_expiry)
		store_persist(store, entry);
	return entry;
}

struct entry *
store_put(struct store *store, const struct arg *key, struct object *object)
{
	struct entry *entry = insert(store, key);

	if (entry != NULL)
		entry_adopt(entry, object);
	else
		discards_add_object(&store->discards, object);
	return entry;
}

/* The new entry is there before the old ones go, so that nothing fails then. */
bool
store_rename(struct store *store, struct entry *entry, const struct arg *key)
{
	struct entry *replaced = store_find(store, key);
	struct entry *renamed = entry_new(store, key);
	int64_t expires_ms = entry->expires_ms;
	int error;

	if (renamed == NULL)
		return false;
	if (replaced != NULL)
		store_remove(store, replaced);
	entry_move_value(renamed, entry);
	store_remove(store, entry);
	/* A table that has had a key takes another. */
	error = keytable_add(&store->keys, &renamed->node);
	KV_INSIST(error == 0);
	if (expires_ms != ENTRY_FOREVER)
		store_expire(store, renamed, expires_ms);
	return true;
}

/* The loop's instant in which the store's time is behind when_ms. */
static int64_t
instant_after(const struct store *store, int64_t when_ms)
{
	if (when_ms >= INT64_MAX / NS_PER_MS - 1)
		return GYRE_FOREVER;
	return (when_ms + 1) * NS_PER_MS - store->epoch_ns;
}

static void on_timeout(void *arg);

/*
 * See to it that the timeout comes for the first entry. One that comes too
 * early, for an entry that is gone, only looks again.
 */
static void
arm(struct store *store)
{
	const struct entry *first = expiries_first(&store->expiries);
	int64_t instant_ns;

	if (first == NULL ||
	    (store->timeout != 0 && store->timeout_ms <= first->expires_ms))
		return;
	if (store->timeout != 0)
		gyre_loop_remove_timeout(store->loop, store->timeout);
	store->timeout_ms = first->expires_ms;
	instant_ns = instant_after(store, first->expires_ms);
	if (instant_ns == GYRE_FOREVER ||
	    gyre_loop_call_at(store->loop, instant_ns, on_timeout, store,
			      &store->timeout) < 0)
		store->timeout = 0;
}

static void
on_timeout(void *arg)
{
	struct store *store = arg;
	int64_t now_ms = store_now_ms(store);
	struct entry *first;

	store->timeout = 0;
	for (int i = 0; i < EXPIRED_AT_ONCE; i++) {
		first = expiries_first(&store->expiries);
		if (first == NULL || first->expires_ms >= now_ms)
			break;
		remove_expired(store, first);
	}
	arm(store);
}

void
store_expire(struct store *store, struct entry *entry, int64_t when_ms)
{
	store_persist(store, entry);
	entry->expires_ms = when_ms;
	store->expiring++;
	expiries_add(&store->expiries, entry);
	arm(store);
}

bool
store_persist(struct store *store, struct entry *entry)
{
	if (entry->expires_ms == ENTRY_FOREVER)
		return false;
	if (entry->listed)
		expiries_remove(&store->expiries, entry);
	entry->expires_ms = ENTRY_FOREVER;
	store->expiring--;
	return true;
}
