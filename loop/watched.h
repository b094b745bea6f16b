/*
 * What a loop gives to whoever watches it, and a watcher's view of one loop.
 */
#ifndef GYRE_LOOP_WATCHED_H
#define GYRE_LOOP_WATCHED_H

#include <gyre/base.h>

#include "base/atomics.h"
#include "base/backtrace.h"
#include "base/sys.h"

struct gyre_loop;

/*
 * Whether a loop sleeps, so that its watcher may:
 *
 *     ASLEEP   it waits in a poll, or does not run
 *     AWAKE    the owner sets it, and rings if it was WATCHED
 *     WATCHED  asleep; a watcher that goes to sleep too sets it
 *
 * One word has it all: the wake comes before the watch, which then fails, or
 * after it, and then rings.
 */
enum gyre__sleep {
	GYRE__ASLEEP,
	GYRE__AWAKE,
	GYRE__WATCHED,
};

struct gyre__heartbeat {
	/* Odd while the loop is busy, even while it polls or does not run; it
	 * never has a value twice. What another thread reads may be late,
	 * never wrong. */
	uint64_t beat;
	uint32_t sleep; /* enum gyre__sleep */
};

static inline void
gyre__heartbeat_busy(struct gyre__heartbeat *heart)
{
	/* watched.B1 relaxed: nothing is read through it */
	gyre__store_64_relaxed(&heart->beat, heart->beat | 1);
}

static inline void
gyre__heartbeat_idle(struct gyre__heartbeat *heart)
{
	/* watched.B2 relaxed: nothing is read through it */
	gyre__store_64_relaxed(&heart->beat, (heart->beat | 1) + 1);
}

/* The owner falls asleep, being awake. */
static inline void
gyre__heartbeat_sleep(struct gyre__heartbeat *heart)
{
	/* watched.S1 release: what was done awake; pairs with watched.S3 */
	gyre__store_32_release(&heart->sleep, GYRE__ASLEEP);
}

/* Whether it sleeps, as far as is known. Any thread. */
static inline bool
gyre__heartbeat_is_asleep(const struct gyre__heartbeat *heart)
{
	/* watched.S5 relaxed: a hint, the watch decides */
	return gyre__load_32_relaxed(&heart->sleep) != GYRE__AWAKE;
}

/* The owner is awake; whether it is to ring. */
static inline bool
gyre__heartbeat_wake(struct gyre__heartbeat *heart)
{
	/* watched.S2 acq_rel: the bell after the word that asks for it; pairs
	 * with watched.S3 */
	return gyre__swap_32_acq_rel(&heart->sleep, GYRE__AWAKE) ==
	       GYRE__WATCHED;
}

/* Have the owner ring when it wakes; false: it is awake. Watcher. */
static inline bool
gyre__heartbeat_watch(struct gyre__heartbeat *heart)
{
	uint32_t expected = GYRE__ASLEEP;

	/* watched.S3 acq_rel: the bell before the word that asks for it; pairs
	 * with watched.S1, watched.S2 */
	return gyre__cas_32_acq_rel(&heart->sleep, &expected, GYRE__WATCHED);
}

/* Take that back, if it has not rung. Watcher. */
static inline void
gyre__heartbeat_unwatch(struct gyre__heartbeat *heart)
{
	uint32_t expected = GYRE__WATCHED;

	/* watched.S4 relaxed: nothing is read through it */
	(void)gyre__cas_32_relaxed(&heart->sleep, &expected, GYRE__ASLEEP);
}

/* One loop, as one watcher sees it. */
struct gyre__watched {
	/* -- immutable after init -- */
	struct gyre_loop *loop;
	const struct gyre_sys *sys;
	/* -- any thread -- */
	pthread_mutex_t mutex;
	/* -- under the mutex -- */
	pthread_t owner; /* while is_running, a thread that lives */
	bool is_running;
	/* -- watcher -- */
	uint64_t beat;         /* as it was last seen, */
	int64_t beat_since_ns; /* and first */
};

void gyre__watched_init(struct gyre__watched *watched, struct gyre_loop *loop);
void gyre__watched_fini(struct gyre__watched *watched);

/* The loop begins to run on this thread, and ends. Owner. */
void gyre__watched_enter(struct gyre__watched *watched);
void gyre__watched_leave(struct gyre__watched *watched);

/* The beat now; and make it the one that was last seen. Watcher. */
uint64_t gyre__watched_read(const struct gyre__watched *watched);
void gyre__watched_note(struct gyre__watched *watched, uint64_t beat,
			int64_t now_ns);

/* Whether it was busy when it was last seen. Watcher. */
static inline bool
gyre__watched_is_busy(const struct gyre__watched *watched)
{
	return (watched->beat & 1) != 0;
}

/* Take the owner's stack, while the beat is the one last seen: 0, -ECANCELED
 * the loop has gone on, or why it cannot be had. Watcher. */
int gyre__watched_take_stack(struct gyre__watched *watched,
			     struct gyre__backtrace *ret);

/* Log a stack that was taken, a line a frame, or why there is none: each line
 * says whose it is, since several may be told of at once. Any thread. */
void gyre__watched_log_stack(const struct gyre_log *log, const char *who,
			     int error,
			     const struct gyre__backtrace *backtrace);

/* Which frame of an owner's stack is the callback, timeout, handler or task
 * that runs; -1: it is not known. */
int gyre__watched_callback(const struct gyre__backtrace *backtrace);

#endif
