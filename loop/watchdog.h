/*
 * The heartbeat that a loop gives, and the watchdog that listens to it.
 */
#ifndef GYRE_LOOP_WATCHDOG_H
#define GYRE_LOOP_WATCHDOG_H

#include <gyre/loop.h>

#include "base/atomics.h"
#include "base/backtrace.h"
#include "base/sys.h"

/* Odd while the loop is busy, even while it polls or does not run; it never
 * has a value twice. What another thread reads may be late, never wrong. */
struct gyre__heartbeat {
	uint64_t beat;
};

static inline void
gyre__heartbeat_busy(struct gyre__heartbeat *heart)
{
	/* watchdog.B1 relaxed: nothing is read through it */
	gyre__store_64_relaxed(&heart->beat, heart->beat | 1);
}

static inline void
gyre__heartbeat_idle(struct gyre__heartbeat *heart)
{
	/* watchdog.B2 relaxed: nothing is read through it */
	gyre__store_64_relaxed(&heart->beat, (heart->beat | 1) + 1);
}

/* In the order in which they are told: one may end the process. */
enum gyre__threshold_kind {
	GYRE__THRESHOLD_LOG,
	GYRE__THRESHOLD_SIGNAL,
	GYRE__THRESHOLDS,
};

struct gyre__threshold {
	int64_t threshold_ns; /* GYRE_FOREVER: none */
	gyre_blocked_fn action;
	void *arg;
	int64_t since_ns; /* from when on it counts */
	bool is_told;     /* since then */
};

struct gyre__watchdog {
	/* -- immutable after open -- */
	struct gyre_loop *loop;
	const struct gyre_sys *sys;
	pthread_t thread;
	/* -- any thread -- */
	pthread_mutex_t mutex;
	pthread_cond_t changed; /* the watcher sleeps on it */
	pthread_cond_t acted;   /* who disables waits on it */
	/* -- under the mutex -- */
	struct gyre__threshold thresholds[GYRE__THRESHOLDS];
	const struct gyre__threshold *acting; /* whose action runs */
	pthread_t actor;                      /* where it does */
	pthread_t owner; /* while is_running, a thread that lives */
	bool is_running;
	bool is_closing;
	uint64_t beat;         /* as it was last seen, */
	int64_t beat_since_ns; /* and first */
};

/* The loop begins to run on this thread, and ends. Owner. */
void gyre__watchdog_enter(struct gyre_loop *loop);
void gyre__watchdog_leave(struct gyre_loop *loop);

/* End the watch, if there is one. Owner, not in an action. */
void gyre__watchdog_close(struct gyre_loop *loop);

/*
 * Look at the heartbeat, act on what is due, and return when to look again.
 * The mutex is held, but for the actions.
 */
int64_t gyre__watchdog_look(struct gyre__watchdog *dog, int64_t now_ns);

/* Whether an action calls, on the watching thread; abort, naming function and
 * loop, if it is neither one nor the owner. */
bool gyre__watchdog_require_caller(const struct gyre_loop *loop,
				   const char *function);

/* For an action, take the owner's stack: 0, -ECANCELED the loop has gone on,
 * or why it cannot be had. */
int gyre__watchdog_take_stack(struct gyre__watchdog *dog,
			      struct gyre__backtrace *ret);

#endif
