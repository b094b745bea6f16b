/*
 * One listener's connections go to the shard that has the fewest.
 *
 * A shard's connections are the streams on its loop, which it counts anyway,
 * and those that are on the way to it, which are counted here: a batch of
 * clients would all go to the same one otherwise. Both are a moment old, which
 * evens out. The count is kept for as long as something is on the way.
 */
#include "net/listener.h"

#include "base/atomics.h"
#include "base/check.h"
#include "base/sys.h"
#include "runtime/runtime.h"

struct gyre__spread {
	/* -- immutable after new -- */
	const struct gyre_sys *sys;
	struct gyre_runtime *runtime;
	gyre_accept_fn on_accept;
	void *arg;
	struct gyre_limit *limit;
	/* -- the listener's owner -- */
	unsigned first; /* of those that have as few, the next to be taken */
	/* -- any thread, atomic -- */
	uint32_t refs; /* the listener, and each connection on the way */
	/* The owner adds, the shard takes off; stale: one goes elsewhere. */
	uint32_t coming[];
};

struct handover {
	struct gyre_task task; /* first */
	struct gyre__spread *spread;
	unsigned shard;
	int fd;
};

struct gyre__spread *
gyre__spread_new(struct gyre_runtime *runtime, gyre_accept_fn on_accept,
		 void *arg, struct gyre_limit *limit)
{
	const struct gyre_sys *sys = runtime->sys;
	struct gyre__spread *spread = gyre__allocate(
		sys, sizeof(*spread) + runtime->shards_count * sizeof(uint32_t),
		0);

	if (spread == NULL)
		return NULL;
	spread->sys = sys;
	spread->runtime = runtime;
	spread->on_accept = on_accept;
	spread->arg = arg;
	spread->limit = limit;
	spread->refs = 1;
	return spread;
}

void
gyre__spread_unref(struct gyre__spread *spread)
{
	/* spread.R1 acq_rel: the last one's free after what the others did;
	 * pairs with spread.R1 */
	if (spread != NULL && gyre__add_32_acq_rel(&spread->refs, -1) == 1)
		spread->sys->release(spread);
}

/* -- arriving -------------------------------------------------------------- */

/* It is no longer on the way. */
static void
arrived(struct handover *handover)
{
	struct gyre__spread *spread = handover->spread;

	/* spread.C1 relaxed: a count to choose by */
	gyre__add_32_relaxed(&spread->coming[handover->shard], -1);
	spread->sys->release(handover);
	gyre__spread_unref(spread);
}

static void
handover_run(struct gyre_task *task)
{
	struct handover *handover = (struct handover *)task;
	const struct gyre__spread *spread = handover->spread;

	spread->on_accept(NULL, handover->fd, spread->arg);
	arrived(handover);
}

static void
handover_drop(struct gyre_task *task, enum gyre_drop_reason reason)
{
	struct handover *handover = (struct handover *)task;
	const struct gyre__spread *spread = handover->spread;

	(void)reason;
	spread->sys->close(handover->fd);
	if (spread->limit != NULL)
		gyre_limit_leave(spread->limit);
	arrived(handover);
}

/* -- sending --------------------------------------------------------------- */

static const struct gyre_loop *
loop_of(const struct gyre__spread *spread, unsigned shard)
{
	return spread->runtime->shards[shard].shard.loop;
}

static uint64_t
load(const struct gyre__spread *spread, unsigned shard)
{
	/* spread.C2 relaxed: as spread.C1 */
	return gyre__load_32_relaxed(&spread->coming[shard]) +
	       gyre__loop_connections(loop_of(spread, shard));
}

/* The shard with the fewest of those that take anything; with as few, each in
 * turn. */
static unsigned
choose(struct gyre__spread *spread)
{
	unsigned count = spread->runtime->shards_count;
	unsigned best = spread->first % count;
	uint64_t least = UINT64_MAX;

	for (unsigned i = 0; i < count; i++) {
		unsigned shard = (spread->first + i) % count;

		if (gyre__loop_refusal(loop_of(spread, shard)) == 0 &&
		    load(spread, shard) < least) {
			best = shard;
			least = load(spread, shard);
		}
	}
	spread->first = best + 1;
	return best;
}

bool
gyre__spread_send(struct gyre__spread *spread, const struct gyre_loop *from,
		  int fd)
{
	unsigned shard = choose(spread);
	struct handover *handover;

	if (loop_of(spread, shard) == from)
		return false;
	handover = gyre__allocate(spread->sys, sizeof(*handover), 0);
	if (handover == NULL)
		return false;
	*handover = (struct handover){
		.task = { .run = handover_run, .drop = handover_drop },
		.spread = spread,
		.shard = shard,
		.fd = fd,
	};
	/* spread.C3 relaxed: as spread.C1 */
	gyre__add_32_relaxed(&spread->coming[shard], 1);
	/* spread.R2 relaxed: the caller has a reference */
	gyre__add_32_relaxed(&spread->refs, 1);
	if (gyre_bus_post(spread->runtime->bus, shard, &handover->task) == 0)
		return true;
	arrived(handover);
	return false;
}
