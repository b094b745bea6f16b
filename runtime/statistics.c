/*
 * A runtime's statistics, gathered by whoever asks. All is in one allocation,
 * so that no thread holds what another frees. Rejected: a copy that the
 * runtime keeps, which two who ask at once would have to share.
 */
#include <gyre/statistics.h>

#include "runtime/runtime.h"

#include "base/atomics.h"
#include "base/check.h"
#include "bus/inbox.h"
#include "loop/loop.h"

#include <errno.h>
#include <string.h>

/* -- the matrix ------------------------------------------------------------ */

/* So long that no two shards write to one pair of cache lines. */
static size_t
row_length(const struct gyre_runtime *runtime)
{
	size_t in_pair = GYRE__CACHE_PAIR / sizeof(uint64_t);

	return (runtime->shards_count + in_pair - 1) / in_pair * in_pair;
}

int
gyre__statistics_open(struct gyre_runtime *runtime)
{
	runtime->sent = gyre__allocate(
		runtime->sys,
		runtime->shards_count * row_length(runtime) * sizeof(uint64_t),
		GYRE__CACHE_PAIR);
	return runtime->sent != NULL ? 0 : -ENOMEM;
}

void
gyre__statistics_count_sent(struct gyre_runtime *runtime, unsigned shard)
{
	runtime->shards[shard].shard.loop->outbox.sent_to =
		runtime->sent + shard * row_length(runtime);
}

static uint64_t
sent(const struct gyre_runtime *runtime, unsigned from, unsigned to)
{
	/* statistics.S1 relaxed: a statistic, late at worst */
	return gyre__load_64_relaxed(
		&runtime->sent[from * row_length(runtime) + to]);
}

/* -- gathering ------------------------------------------------------------- */

static unsigned
count_lanes(const struct gyre_pool *pool, size_t *ret_names_bytes)
{
	unsigned count = 0;
	const char *name;

	*ret_names_bytes = 0;
	while (pool != NULL &&
	       (name = gyre_pool_lane_name(pool, count)) != NULL) {
		*ret_names_bytes += strlen(name) + 1;
		count++;
	}
	return count;
}

static struct gyre_runtime_stats *
new_stats(struct gyre_runtime *runtime, char **ret_names)
{
	size_t names_bytes, shards = runtime->shards_count;
	size_t lanes = count_lanes(runtime->pool, &names_bytes);
	struct gyre_runtime_stats *stats = gyre__allocate(
		runtime->sys,
		sizeof(*stats) + shards * sizeof(stats->shards[0]) +
			lanes * sizeof(stats->lanes[0]) +
			GYRE_STALLS_KEPT * sizeof(stats->stalls[0]) +
			shards * shards * sizeof(stats->_sent[0]) + names_bytes,
		0);

	if (stats == NULL)
		return NULL;
	stats->_sys = runtime->sys;
	stats->shards_count = runtime->shards_count;
	stats->lanes_count = (unsigned)lanes;
	stats->shards = (struct gyre_shard_stats *)(stats + 1);
	stats->lanes = (struct gyre_lane_stats *)(stats->shards + shards);
	stats->stalls = (struct gyre_stall *)(stats->lanes + lanes);
	stats->_sent = (uint64_t *)(stats->stalls + GYRE_STALLS_KEPT);
	*ret_names = (char *)(stats->_sent + shards * shards);
	return stats;
}

/* What never left is not in the matrix: it is what did not come by the inbox.
 */
static void
read_shard(struct gyre_runtime *runtime, unsigned i,
	   struct gyre_runtime_stats *stats)
{
	struct gyre_shard_stats *shard = &stats->shards[i];
	struct gyre_loop *loop = runtime->shards[i].shard.loop;
	uint64_t *row = &stats->_sent[(size_t)i * stats->shards_count];

	if (loop == NULL)
		return;
	gyre_loop_read_stats(loop, &shard->loop);
	gyre_loop_read_times(loop, &shard->times);
	for (unsigned to = 0; to < stats->shards_count; to++)
		row[to] = sent(runtime, i, to);
	row[i] = shard->loop.posted - shard->loop.received;
}

static void
read_stalls(struct gyre__watcher *watcher, struct gyre_runtime_stats *stats)
{
	for (unsigned i = 0; i < stats->shards_count; i++) {
		const struct gyre__stall_sum sum =
			gyre__stalls_of(&watcher->stalls, i);

		stats->shards[i].stalls = sum.stalls;
		stats->shards[i].stalled_ns = sum.stalled_ns;
	}
	stats->stalls_count =
		gyre__stalls_read(&watcher->stalls, stats->stalls);
}

static void
read_lane(struct gyre_pool *pool, unsigned i, struct gyre_lane_stats *lane,
	  char **names)
{
	const char *name = gyre_pool_lane_name(pool, i);
	size_t bytes = strlen(name) + 1;
	int result = gyre_pool_get_lane_stats(pool, name, &lane->jobs);

	GYRE_INSIST(result == 0);
	lane->name = memcpy(*names, name, bytes);
	*names += bytes;
}

int
gyre_runtime_stats(struct gyre_runtime *runtime,
		   struct gyre_runtime_stats **ret_stats)
{
	struct gyre_runtime_stats *stats;
	char *names;

	/* A lock of the pool may be held in the parent. */
	if (gyre__runtime_is_fork(runtime))
		return -EPERM;
	stats = new_stats(runtime, &names);
	if (stats == NULL)
		return -ENOMEM;
	for (unsigned i = 0; i < stats->shards_count; i++)
		read_shard(runtime, i, stats);
	if (runtime->watcher != NULL)
		read_stalls(runtime->watcher, stats);
	for (unsigned i = 0; i < stats->lanes_count; i++)
		read_lane(runtime->pool, i, &stats->lanes[i], &names);
	*ret_stats = stats;
	return 0;
}

void
gyre_runtime_stats_free(struct gyre_runtime_stats *stats)
{
	if (stats != NULL)
		stats->_sys->release(stats);
}
