/*
 * The runtime from the inside: what its files share.
 *
 * One thread, the starter, makes, starts, waits for and frees it. Between
 * start and wait each shard belongs to its own thread, and all that another
 * may do is post to its inbox; a stop does no more than that.
 */
#ifndef GYRE_RUNTIME_RUNTIME_H
#define GYRE_RUNTIME_RUNTIME_H

#include <gyre/runtime.h>

#include "base/fork.h"
#include "base/signals.h"
#include "base/sys.h"
#include "runtime/control_socket.h"
#include "runtime/gate.h"
#include "runtime/placement.h"
#include "runtime/shard_map.h"
#include "runtime/watcher.h"

#define GYRE__FAILURE_BYTES 256
#define GYRE__STOP_SIGNALS  2u

/*
 * Where a runtime is in its life; the starter's.
 *
 *     NEW --> STARTING --> RUNNING --> ENDED
 *                |                       ^
 *                +-----------------------+
 */
enum gyre__runtime_state {
	GYRE__RUNTIME_NEW,      /* services may be added */
	GYRE__RUNTIME_STARTING, /* inside start */
	GYRE__RUNTIME_RUNNING,  /* started, not yet waited for */
	GYRE__RUNTIME_ENDED,    /* no thread of it is left */
};

/*
 * Whom a stop has to tell; any thread's and any signal handler's.
 *
 *     EARLY --> OPEN --> TELLING --> TOLD
 *       |        |                    ^
 *       +--------+--------------------+
 */
enum gyre__control {
	GYRE__CONTROL_EARLY,   /* nobody: a stop leaves TOLD, for start */
	GYRE__CONTROL_OPEN,    /* the loops: they are there */
	GYRE__CONTROL_TELLING, /* a stop posts to them: the runtime stays */
	GYRE__CONTROL_TOLD,    /* nobody any more */
};

struct gyre__service {
	const struct gyre_service_ops *ops;
	void *arg;
};

struct gyre__shard {
	struct gyre_shard shard; /* first: what its services see */
	/* -- starter -- */
	pthread_t thread;
	/* -- whoever stops the runtime, then the shard -- */
	struct gyre_task control;
	/* -- the shard's thread; the starter's at the gate and after it -- */
	void **states;    /* of the services */
	unsigned started; /* services to stop */
	unsigned kept;    /* services to free */
	int result;
	char failure[GYRE__FAILURE_BYTES]; /* what failed, if result is < 0 */
};

/* A signal that stops the runtime. */
struct gyre__stop_signal {
	struct gyre__signal_watch watch; /* first */
	struct gyre_runtime *runtime;
};

struct gyre_runtime {
	/* -- immutable after new -- */
	const struct gyre_sys *sys;
	struct gyre_log log;
	uint32_t forks;
	bool stop_signals;
	struct gyre__placement *placement;
	char *control_path; /* NULL: none is asked for */
	struct gyre_bus *bus;
	struct gyre_pool *pool; /* its executor is every loop's; or NULL */
	struct gyre__watcher *watcher; /* of the loops; or NULL */
	/* -- each row its shard writes, any thread reads, atomic -- */
	uint64_t *sent;
	/* -- any thread, atomic -- */
	uint32_t control; /* enum gyre__control */
	struct gyre__shard_maps maps;
	/* -- starter -- */
	enum gyre__runtime_state state;
	pthread_t starter;
	struct gyre__simulation *simulation; /* instead of a pool; or NULL */
	struct gyre__service *services;
	unsigned services_count; /* immutable while shards run */
	void **states;           /* of all services on all shards */
	unsigned threads;        /* made and not joined */
	struct gyre__stop_signal signals[GYRE__STOP_SIGNALS];
	unsigned signals_count;                      /* that are watched */
	struct gyre__control_socket *control_socket; /* or NULL */
	/* -- starter and shards -- */
	struct gyre__gate gate;
	unsigned shards_count; /* immutable after new */
	struct gyre__shard shards[];
};

/* Whether this process is a fork of the one that made the runtime. */
static inline bool
gyre__runtime_is_fork(const struct gyre_runtime *runtime)
{
	return gyre__is_fork(runtime->forks);
}

/* The one setter of the state; it asserts that the move is allowed. */
void gyre__runtime_move(struct gyre_runtime *runtime,
			enum gyre__runtime_state state);

/* -- control.c ----------------------------------------------------------- */

/* What a stop posts to a shard: stops its services, then its loop. */
void gyre__control_init(struct gyre_task *task);

/* From now on a stop tells the loops; false: there was one already. */
bool gyre__control_open(struct gyre_runtime *runtime);

/* No stop touches the runtime after it. Nothing of it runs any more. */
void gyre__control_close(struct gyre_runtime *runtime);

/* -- shard.c ------------------------------------------------------------- */

/* A shard's thread, from its pin to the end of its loop. */
void *gyre__shard_main(void *shard);

/* The steps of it, which a simulation takes itself, with the loop current once
 * it is made: make the loop, start the next service (0 or what it failed
 * with), say why the loop ended, undo what was done. */
int gyre__shard_make_loop(struct gyre__shard *shard);
int gyre__shard_start_next(struct gyre__shard *shard);
void gyre__shard_report_end(const struct gyre__shard *shard);
void gyre__shard_leave(struct gyre__shard *shard);

/* Stop the services that have started, last first. The shard's thread. */
void gyre__shard_stop_services(struct gyre__shard *shard);

/* -- statistics.c -------------------------------------------------------- */

/* Make room for the matrix of what was sent; -ENOMEM. */
int gyre__statistics_open(struct gyre_runtime *runtime);

/* From now on what the shard's loop sends is counted in it. */
void gyre__statistics_count_sent(struct gyre_runtime *runtime, unsigned shard);

/* -- signals.c ----------------------------------------------------------- */

/* Watch for the stop signals, if that was asked for: 0 or an errno. */
int gyre__signals_open(struct gyre_runtime *runtime);

/* Undo open. */
void gyre__signals_close(struct gyre_runtime *runtime);

#endif
