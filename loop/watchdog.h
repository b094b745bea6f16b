/*
 * The watchdog of one loop, which its user's thresholds ask for.
 */
#ifndef GYRE_LOOP_WATCHDOG_H
#define GYRE_LOOP_WATCHDOG_H

#include <gyre/loop.h>

#include "loop/watched.h"

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
	const struct gyre_sys *sys;
	pthread_t thread;
	/* -- any thread -- */
	struct gyre__watched watched; /* its mutex is this one's, too */
	pthread_cond_t changed;       /* the watcher sleeps on it */
	pthread_cond_t acted;         /* who disables waits on it */
	/* -- under the mutex -- */
	struct gyre__threshold thresholds[GYRE__THRESHOLDS];
	const struct gyre__threshold *acting; /* whose action runs */
	pthread_t actor;                      /* where it does */
	bool is_closing;
};

/* The loop begins to run on this thread, and ends: tell who watches it. Owner.
 */
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

#endif
