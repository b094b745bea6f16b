/*
 * The published map of slots to shards.
 *
 * A change copies the map, 32 KiB, since readers shall pay a load and writers
 * are rare. The reaper frees the old one, and resolves the mover's future with
 * that: a loop is waited for until it has polled, and has flushed its outbox
 * before. Rejected: an array of atomic slots, of which readers see half a
 * change; a seqlock, which has them wait for a writer that was preempted;
 * counting what each loop reads, which costs every lookup a store.
 */
#include "runtime/runtime.h"

#include "base/atomics.h"
#include "base/check.h"
#include "base/log.h"
#include "bus/bus.h"
#include "bus/future.h"
#include "bus/rcu.h"
#include "loop/loop.h"

#include <errno.h>
#include <string.h>

#define SLOT_BITS 14

_Static_assert(GYRE_SHARD_SLOTS == 1u << SLOT_BITS, "a slot is upper bits");
_Static_assert(GYRE_SHARDS_MAX <= UINT16_MAX, "a shard fits into the map");

struct gyre__published_map {
	/* -- immutable once published -- */
	const struct gyre_sys *sys;
	struct gyre_shard_map map;
	/* -- who replaces it, then the reaper -- */
	struct gyre__retired retired;
	struct gyre_future *replaced; /* NULL: nobody wants to know */
};

/* -- the hash ------------------------------------------------------------ */

static uint64_t
fnv_1a(const unsigned char *bytes, size_t length)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
	return hash;
}

/* FNV leaves the upper bits of short keys alike. */
static uint64_t
mix(uint64_t hash)
{
	hash = (hash ^ (hash >> 33)) * UINT64_C(0xff51afd7ed558ccd);
	hash = (hash ^ (hash >> 33)) * UINT64_C(0xc4ceb9fe1a85ec53);
	return hash ^ (hash >> 33);
}

unsigned
gyre_shard_slot(const void *key, size_t length)
{
	return (unsigned)(mix(fnv_1a(key, length)) >> (64 - SLOT_BITS));
}

/* -- reading ------------------------------------------------------------- */

/* Between gyre__rcu_enter() and gyre__rcu_leave(). */
static const struct gyre_shard_map *
current_map(const struct gyre_runtime *runtime)
{
	/* shard_map.C1 acquire: the map after the pointer to it; pairs with
	 * shard_map.C2 */
	const struct gyre__published_map *published =
		gyre__load_ptr_acquire(&runtime->maps.current);

	return &published->map;
}

unsigned
gyre_runtime_shard_of(const struct gyre_runtime *runtime, const void *key,
		      size_t length)
{
	unsigned slot = gyre_shard_slot(key, length);
	bool entered = gyre__rcu_enter();
	unsigned shard = current_map(runtime)->shards[slot];

	gyre__rcu_leave(entered);
	return shard;
}

unsigned
gyre_shard_of(const void *key, size_t length)
{
	const struct gyre_shard *shard = gyre_shard_current();

	GYRE_REQUIRE(shard != NULL);
	return gyre_runtime_shard_of(shard->runtime, key, length);
}

uint64_t
gyre_runtime_shard_map_version(const struct gyre_runtime *runtime)
{
	bool entered = gyre__rcu_enter();
	uint64_t version = current_map(runtime)->version;

	gyre__rcu_leave(entered);
	return version;
}

void
gyre_runtime_get_shard_map(const struct gyre_runtime *runtime,
			   struct gyre_shard_map *ret_map)
{
	bool entered = gyre__rcu_enter();

	*ret_map = *current_map(runtime);
	gyre__rcu_leave(entered);
}

/* -- changing ------------------------------------------------------------ */

static bool
moves_are_valid(const struct gyre_runtime *runtime,
		const struct gyre_slot_move *moves, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct gyre_slot_move *move = &moves[i];

		if (move->count > 0 && move->first < GYRE_SHARD_SLOTS &&
		    move->count <= GYRE_SHARD_SLOTS - move->first &&
		    move->shard < runtime->shards_count)
			continue;
		gyre__log(&runtime->log, GYRE_LOG_ERROR,
			  "runtime: no move of %u slots from %u to shard %u: "
			  "there are %u slots and %u shards",
			  move->count, move->first, move->shard,
			  GYRE_SHARD_SLOTS, runtime->shards_count);
		return false;
	}
	return count > 0;
}

static void
apply(struct gyre_shard_map *map, const struct gyre_slot_move *moves,
      size_t count)
{
	for (size_t i = 0; i < count; i++)
		for (unsigned j = 0; j < moves[i].count; j++)
			map->shards[moves[i].first + j] =
				(uint16_t)moves[i].shard;
	map->version++;
}

/* No reader has it any more. */
static void
free_replaced(struct gyre__retired *retired)
{
	struct gyre__published_map *old =
		(struct gyre__published_map
			 *)((char *)retired -
			    offsetof(struct gyre__published_map, retired));

	if (old->replaced != NULL) {
		/* -EALREADY: somebody has cancelled it. */
		(void)gyre_future_resolve(old->replaced, NULL);
		gyre_future_unref(old->replaced);
	}
	old->sys->release(old);
}

/* Retired under the mutex too, so that futures come in the moves' order. */
static void
replace(struct gyre_runtime *runtime, struct gyre__published_map *next,
	const struct gyre_slot_move *moves, size_t count,
	struct gyre_future *replaced)
{
	struct gyre__shard_maps *maps = &runtime->maps;
	struct gyre__published_map *old;

	pthread_mutex_lock(&maps->mutex);
	old = maps->current;
	next->map = old->map;
	apply(&next->map, moves, count);
	old->replaced = replaced;
	/* shard_map.C2 release: the map before the pointer to it; pairs with
	 * shard_map.C1 */
	gyre__store_ptr_release(&maps->current, next);
	gyre__reaper_retire(gyre__bus_reaper(runtime->bus), &old->retired, NULL,
			    free_replaced);
	pthread_mutex_unlock(&maps->mutex);
}

/* Two references: the mover's, and the old map's. */
static struct gyre_future *
new_future(const struct gyre_runtime *runtime)
{
	const struct gyre_loop *loop = gyre_loop_current(false);
	struct gyre_future *future = gyre__future_new(
		runtime->sys, loop != NULL ? loop->inbox : NULL);

	return future != NULL ? gyre_future_ref(future) : NULL;
}

int
gyre_runtime_move_slots(struct gyre_runtime *runtime,
			const struct gyre_slot_move *moves, size_t count,
			struct gyre_future **ret_future)
{
	struct gyre__published_map *next;
	struct gyre_future *future = NULL;

	if (gyre__runtime_is_fork(runtime))
		return -EPERM;
	if (!moves_are_valid(runtime, moves, count))
		return -EINVAL;
	next = gyre__allocate(runtime->sys, sizeof(*next), 0);
	if (next == NULL)
		return -ENOMEM;
	next->sys = runtime->sys;
	if (ret_future != NULL && (future = new_future(runtime)) == NULL) {
		runtime->sys->release(next);
		return -ENOMEM;
	}
	replace(runtime, next, moves, count, future);
	if (ret_future != NULL)
		*ret_future = future;
	return 0;
}

/* -- life ---------------------------------------------------------------- */

int
gyre__shard_maps_init(struct gyre__shard_maps *maps, const struct gyre_sys *sys,
		      unsigned shards)
{
	struct gyre__published_map *first =
		gyre__allocate(sys, sizeof(*first), 0);

	if (first == NULL)
		return -ENOMEM;
	first->sys = sys;
	first->map.version = 1;
	for (unsigned i = 0; i < GYRE_SHARD_SLOTS; i++)
		first->map.shards[i] =
			(uint16_t)(i * shards / GYRE_SHARD_SLOTS);
	maps->current = first;
	pthread_mutex_init(&maps->mutex, NULL);
	return 0;
}

void
gyre__shard_maps_fini(struct gyre__shard_maps *maps)
{
	maps->current->sys->release(maps->current);
	pthread_mutex_destroy(&maps->mutex);
}
