/*
 * The trail of a call: the shards by which it came about. A function that runs
 * for a call and makes one itself goes on with the trail of the first.
 *
 * It is kept in builds with GYRE_DEBUG only, to name a cycle of calls; in
 * others it is empty, costs nothing, and no cycle is found.
 */
#ifndef GYRE_BUS_TRAIL_H
#define GYRE_BUS_TRAIL_H

#include <stdint.h>

/* A cycle longer than this is not seen. */
#define GYRE__TRAIL_SHARDS_MAX 16

#define GYRE__TRAIL_NO_SHARD UINT16_MAX

struct gyre__trail {
#ifdef GYRE_DEBUG
	uint16_t count;
	uint16_t shards[GYRE__TRAIL_SHARDS_MAX];
#else
	char empty[1];
#endif
};

#ifdef GYRE_DEBUG

/* Go on from the call that runs, or else from the asking shard, to another. */
void gyre__trail_begin(struct gyre__trail *trail,
		       const struct gyre__trail *running, uint16_t asker,
		       unsigned shard);

/* The last step found no room: abort, naming the trail, if it went back to a
 * shard that it had come by. */
void gyre__trail_check(const struct gyre__trail *trail);

#else

static inline void
gyre__trail_begin(struct gyre__trail *trail, const struct gyre__trail *running,
		  uint16_t asker, unsigned shard)
{
	(void)trail;
	(void)running;
	(void)asker;
	(void)shard;
}

static inline void
gyre__trail_check(const struct gyre__trail *trail)
{
	(void)trail;
}

#endif

#endif
