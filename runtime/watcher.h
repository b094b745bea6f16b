/*
 * The watcher of a runtime: one thread that looks at the heartbeats of all its
 * loops, and tells of those that stand still.
 */
#ifndef GYRE_RUNTIME_WATCHER_H
#define GYRE_RUNTIME_WATCHER_H

#include "bus/doorbell.h"
#include "loop/watched.h"
#include "runtime/stalls.h"
#include "runtime/thread_state.h"

#define GYRE__LOOKS_PER_THRESHOLD 4
/* How many stalls the log tells in a window, with their stacks. */
#define GYRE__REPORTS_MAX       5u
#define GYRE__REPORTS_WINDOW_NS GYRE_SECONDS(60)

struct gyre_runtime;

/* What is known of one loop. */
struct gyre__watch {
	struct gyre__watched watched;
	unsigned shard;
	unsigned thread_number; /* its thread's, to the kernel; 0: unknown */
	/* -- watcher -- */
	/* Half-way to the threshold, if it has come so far. */
	struct gyre__thread_state before;
	bool has_before;
	uint64_t stall; /* this iteration's, by its number; 0: none yet */
	int64_t stalled_ns;
	bool is_logged;
};

struct gyre__watcher {
	/* -- immutable after new -- */
	const struct gyre_sys *sys;
	struct gyre_log log;
	const struct gyre__cpus *cpus; /* where its thread runs */
	int64_t threshold_ns;
	unsigned count;
	/* -- starter -- */
	pthread_t thread;
	bool runs;
	/* -- any thread -- */
	struct gyre__doorbell bell; /* which a loop rings that wakes up */
	struct gyre__stalls stalls;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	/* -- under the mutex -- */
	bool is_rung;
	bool is_closing;
	/* -- watcher -- */
	int64_t due_ns; /* when it is to look next; 0: it does not know */
	int64_t window_ends_ns;
	unsigned reports;  /* in this window */
	uint64_t left_out; /* since the last that was told */
	struct gyre__watch watches[];
};

/* Make one for so many loops, or NULL; free it, NULL is a no-op. */
struct gyre__watcher *gyre__watcher_new(const struct gyre_sys *sys,
					unsigned count);
void gyre__watcher_free(struct gyre__watcher *watcher);

/* The threshold that an option of this value stands for; GYRE_FOREVER: none. */
int64_t gyre__watcher_threshold(const struct gyre_log *log, int64_t option_ns);

/* Have it watch a loop. The loop's thread, before either runs. */
void gyre__watcher_add(struct gyre__watcher *watcher, unsigned shard,
		       struct gyre_loop *loop);

/* Start its thread, once all loops are there: 0 or a negative errno; and have
 * it end. NULL, and one that does not run, is fine. */
int gyre__watcher_start(struct gyre__watcher *watcher);
void gyre__watcher_stop(struct gyre__watcher *watcher);

/* Have each loop ring when it wakes up; false: one is awake, and none does. Its
 * thread. */
bool gyre__watcher_ask(struct gyre__watcher *watcher);

/*
 * Look at all loops: tell of what stands still for a threshold, and of what
 * goes on again. Returns when to look next, or GYRE_FOREVER if nothing has
 * moved since the last time and all were asleep.
 */
int64_t gyre__watcher_look(struct gyre__watcher *watcher, int64_t now_ns);

#endif
