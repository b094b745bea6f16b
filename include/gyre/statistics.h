/*
 * What a runtime tells of itself, while it runs and after it has.
 *
 * Any thread asks; no loop is stopped for it or notices. What one shard tells
 * is consistent, as it was at one of its loop's last eight polls, or as it is
 * while that sleeps; the shards differ by a moment. When nothing is under way,
 * what was sent is what was received: the sum over `from` of
 * gyre_runtime_sent(stats, from, to) is shard `to`'s loop.posted, but for what
 * threads without a loop of the runtime posted.
 *
 *     struct gyre_runtime_stats *stats;
 *     if (gyre_runtime_stats(runtime, &stats) == 0) {
 *             report(stats->shards[0].loop.busy_ns);
 *             gyre_runtime_stats_free(stats);
 *     }
 */
#ifndef GYRE_STATISTICS_H
#define GYRE_STATISTICS_H

#include <gyre/loop.h>
#include <gyre/pool.h>
#include <gyre/runtime.h>

#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

struct gyre_shard_stats {
	struct gyre_loop_stats loop;
	struct gyre_loop_times times;
	uint64_t stalls;    /* that the watchdog saw, */
	int64_t stalled_ns; /* and how long they took, in all */
};

struct gyre_lane_stats {
	const char *name;
	struct gyre_pool_stats jobs;
};

/* What a stalled loop's thread was at. */
enum gyre_stall_kind {
	GYRE_STALL_UNKNOWN,     /* the system does not tell */
	GYRE_STALL_RUNNING,     /* it had a CPU */
	GYRE_STALL_BLOCKED,     /* it waited in the kernel, or was stopped */
	GYRE_STALL_DESCHEDULED, /* it waited for a CPU */
};

/* The latest that are kept. */
#define GYRE_STALLS_KEPT      16u
#define GYRE_STALL_TEXT_BYTES 96u

/* A loop did not poll for longer than the runtime's watchdog_ns. */
struct gyre_stall {
	unsigned shard;
	enum gyre_stall_kind kind; /* when it was found, */
	/* as is what ran: a name, or module and offset; or "". */
	char callback[GYRE_STALL_TEXT_BYTES];
	/* What it was blocked in: "read, in pipe_read"; or "". */
	char wait[GYRE_STALL_TEXT_BYTES];
	int64_t began_ns;    /* by CLOCK_MONOTONIC */
	int64_t duration_ns; /* up to now, or its end; a quarter of watchdog_ns
				too much or too little */
	bool is_over;
};

struct gyre_runtime_stats {
	unsigned shards_count;
	unsigned lanes_count; /* of the pool */
	unsigned stalls_count;
	struct gyre_shard_stats *shards;
	struct gyre_lane_stats *lanes;
	struct gyre_stall *stalls; /* the latest first */
	uint64_t *_sent;
	const struct gyre_sys *_sys;
};

/*
 * Take the statistics of a runtime; before it has started there are but
 * zeroes, after it has stopped the last.
 *
 * Thread: any, but while start runs
 * Owns:   the caller, who frees them, be it after the runtime
 * Errors: -EPERM the process is a fork; -ENOMEM
 */
GYRE_API int gyre_runtime_stats(struct gyre_runtime *runtime,
				struct gyre_runtime_stats **ret_stats)
	GYRE_MUST_CHECK;

/*
 * Return how many callbacks and tasks one shard has sent to another, or to
 * itself.
 *
 * Thread: any
 */
static inline uint64_t
gyre_runtime_sent(const struct gyre_runtime_stats *stats, unsigned from,
		  unsigned to)
{
	return stats->_sent[(size_t)from * stats->shards_count + to];
}

/*
 * Free statistics. NULL is a no-op.
 *
 * Thread: any
 */
GYRE_API void gyre_runtime_stats_free(struct gyre_runtime_stats *stats);

/*
 * Write the statistics of a runtime in Prometheus' text format; docs/metrics.md
 * lists them.
 *
 * Thread: any, but while start runs
 * Blocks: as long as the file takes it
 * Errors: -EPERM the process is a fork; -ENOMEM; -EIO the file did not take
 *         it all
 */
GYRE_API int gyre_runtime_write_prometheus(struct gyre_runtime *runtime,
					   FILE *file) GYRE_MUST_CHECK;

#ifdef __cplusplus
}
#endif

#endif
