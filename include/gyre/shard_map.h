/*
 * Which shard a key is on, and how that is changed while all of them run.
 *
 * A key's hash says its slot, one of GYRE_SHARD_SLOTS; the runtime's map says
 * each slot's shard. In a new runtime they are spread evenly, in runs. Those
 * who move a shard's data move slots: the map is copied, changed, published,
 * and the old one is freed when no reader can have it any more.
 *
 *     unsigned shard = gyre_shard_of(key, length);
 *
 *     struct gyre_slot_move move = { .first = 0, .count = 1024, .shard = 3 };
 *     struct gyre_future *moved;
 *     gyre_runtime_move_slots(runtime, &move, 1, &moved);
 *     gyre_loop_add_future(loop, moved, hand_over, NULL);
 */
#ifndef GYRE_SHARD_MAP_H
#define GYRE_SHARD_MAP_H

#include <gyre/base.h>
#include <gyre/future.h>
#include <gyre/runtime.h>

#ifdef __cplusplus
extern "C" {
#endif

#define GYRE_SHARD_SLOTS 16384u

/* A run of slots, and the shard that they go to. */
struct gyre_slot_move {
	unsigned first;
	unsigned count;
	unsigned shard;
};

/* A copy of the whole map at one moment. */
struct gyre_shard_map {
	uint64_t version; /* 1 in a new runtime, one more for each change */
	uint16_t shards[GYRE_SHARD_SLOTS];
};

/*
 * Return the slot of a key: the upper 14 bits of its 64-bit FNV-1a hash after
 * the finalizer of MurmurHash3. It is the same in every process, on every
 * machine and in every version. It has no secret: who may choose keys may
 * choose their slots, and load one shard with all of them; hash tables, and
 * services for those who might, want a keyed hash of their own.
 *
 * Thread: any+signal
 */
GYRE_API unsigned gyre_shard_slot(const void *key, size_t length);

/*
 * Return the shard that a key is on, in the runtime of this thread's current
 * loop. What a shard's loop decides by it, it may act on until its function
 * returns: a move's future waits for that.
 *
 * Thread: any whose current loop is a shard's, as in its callbacks and its
 *         services' functions
 * Blocks: never; takes no lock, allocates nothing
 */
GYRE_API unsigned gyre_shard_of(const void *key, size_t length);

/*
 * The same in a runtime that is named. On a thread that runs no loop of gyre's,
 * and in a job, the answer may be old as soon as it is there, and no move
 * waits for what is done by it.
 *
 * Thread: any
 * Blocks: never; takes no lock
 */
GYRE_API unsigned gyre_runtime_shard_of(const struct gyre_runtime *runtime,
					const void *key, size_t length);

/*
 * Move slots to other shards, all at once: no reader sees one moved without
 * the others. A later one of the moves goes over an earlier one.
 *
 * The future is resolved with NULL when no loop uses the old map any more, and
 * what loops have sent by it is in the inboxes of those it was sent to: what
 * is posted to the old shard from then on comes behind. Its home is this
 * thread's current loop; without one it can be waited for. Readers are waited
 * for from start to wait only: before, it comes with start; after, with
 * gyre_runtime_free().
 *
 * Thread: any
 * Owns:   *ret_future is a reference of the caller's; NULL: no future is made
 * Order:  moves are applied one after the other; so are their futures resolved
 * Blocks: for other threads that are inside of it; it copies the map
 * Errors: -EINVAL a slot or a shard that there is not, or no slot at all (the
 *         log says which); -ENOMEM; -EPERM the process is a fork
 */
GYRE_API int gyre_runtime_move_slots(
	struct gyre_runtime *runtime, const struct gyre_slot_move *moves,
	size_t count, struct gyre_future **ret_future) GYRE_MUST_CHECK;

/*
 * Return the version of the map: 1, and one more for each change.
 *
 * Thread: any
 */
GYRE_API uint64_t
gyre_runtime_shard_map_version(const struct gyre_runtime *runtime);

/*
 * Copy the map.
 *
 * Thread: any
 */
GYRE_API void gyre_runtime_get_shard_map(const struct gyre_runtime *runtime,
					 struct gyre_shard_map *ret_map);

#ifdef __cplusplus
}
#endif

#endif
