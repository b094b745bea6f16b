/*
 * The runtime from the inside: what its files share.
 *
 * One thread, the starter, makes, starts, waits for and frees it. Between
 * start and wait each shard belongs to its own thread, and all that another
 * may do is post to its inbox; a stop does no more than that. It goes through
 * four rooms: control tells the shards, services drain and stop, drain finds
 * out that nothing is under way any more, supervision keeps the deadline.
 */
#ifndef GYRE_RUNTIME_RUNTIME_H
#define GYRE_RUNTIME_RUNTIME_H

#include <gyre/runtime.h>

#include "base/fork.h"
#include "base/signals.h"
#include "base/sys.h"
#include "bus/inbox.h"
#include "pool/pool.h"
#include "runtime/control_socket.h"
#include "runtime/gate.h"
#include "runtime/placement.h"
#include "runtime/shard_map.h"
#include "runtime/watcher.h"

#define GYRE__FAILURE_BYTES 256
#define GYRE__STOP_SIGNALS  2u

/*
 * Whom a stop has to tell; any thread's and any signal handler's.
 *
 *     EARLY --> OPEN --> TELLING --> TOLD --> EARLY, of the next life
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

/* What a shard's services are at; services.c has the way from one to the
 * next. */
enum gyre__turn {
	GYRE__TURN_NONE,
	GYRE__TURN_START,
	GYRE__TURN_DRAIN,
	GYRE__TURN_STOP,
	GYRE__TURN_FORCED,
};

struct gyre__shard {
	struct gyre_shard shard; /* first: what its services see */
	/* -- starter -- */
	pthread_t thread;
	/* -- whoever tells the shard, then the shard -- */
	struct gyre__house_task quiet;
	struct gyre__house_task close;
	struct gyre__house_task force;
	struct gyre__house_task pause;
	/* -- under the pause's mutex -- */
	bool is_told;    /* its task is on the way */
	bool has_halted; /* for the pause that is on, or for good */
	/* -- the shard writes, the starter reads, atomic -- */
	uint32_t has_answered; /* when it was forced; or it has ended */
	/* -- the shard's thread; the starter's when it has ended -- */
	void **states; /* of the services */
	enum gyre__turn turn;
	unsigned next;           /* service that the turn has come to */
	unsigned awaited;        /* futures, before the next one */
	int64_t awaits_since_ns; /* if any are */
	unsigned started;        /* services to stop */
	unsigned kept;           /* services to free */
	bool has_drained;        /* and is counted */
	uint64_t done;           /* when the drain looked last: run and sent */
	int result;
	char failure[GYRE__FAILURE_BYTES]; /* what failed to start */
};

/* pause.c's. */
struct gyre__pause {
	pthread_mutex_t turns; /* the pausers take theirs */
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	/* -- under the mutex -- */
	bool is_on;
	uint64_t turn; /* tells one pause from the next */
};

/* drain.c's. */
struct gyre__drain {
	struct gyre__house_task task; /* first */
	/* -- the thread at which the task is -- */
	unsigned shard;         /* whose */
	unsigned looks;         /* in this round */
	bool has_run;           /* something has, or was sent */
	bool has_to_wait;       /* for a job, or somebody for a future */
	struct gyre__jobs jobs; /* when the round began */
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
	struct gyre_runtime_options options; /* but for what they point to */
	struct gyre__placement *placement;
	char *control_path; /* NULL: none is asked for */
	/* -- immutable in a life -- */
	struct gyre_bus *bus;
	struct gyre_pool *pool; /* its executor is every loop's; or NULL */
	struct gyre__watcher *watcher; /* of the loops; or NULL */
	/* -- each row its shard writes, any thread reads, atomic -- */
	uint64_t *sent;
	/* -- any thread, atomic -- */
	uint32_t control;     /* enum gyre__control */
	uint32_t phase;       /* enum gyre_runtime_phase */
	uint64_t deadline_ns; /* of the stop; GYRE_FOREVER: none is set */
	uint32_t is_hurried;  /* the deadline is now */
	uint32_t signals_seen;
	uint32_t draining; /* shards whose services have not drained */
	uint32_t living;   /* shards that have not ended */
	struct gyre__shard_maps maps;
	/* -- whoever ends a shard or stops it rings, the starter listens -- */
	struct gyre__wake_fd wake;
	struct gyre__drain drain;
	struct gyre__pause pause;
	/* -- starter -- */
	pthread_t starter;
	bool has_wake;                       /* it is open */
	struct gyre__simulation *simulation; /* instead of a pool; or NULL */
	struct gyre__service *services;
	unsigned services_count; /* immutable while shards run */
	void **states;           /* of all services on all shards */
	unsigned first_thread;   /* 1: shard 0 has its caller's */
	unsigned threads;        /* made and not joined, behind the first */
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

/* -- phase.c ------------------------------------------------------------- */

/* Go there, unless it is further already. Any thread, signal handlers. */
void gyre__runtime_reach(struct gyre_runtime *runtime,
			 enum gyre_runtime_phase phase);

/* From the end of a life back to NEW. The starter. */
void gyre__runtime_return(struct gyre_runtime *runtime);

/* Whether it is not in the middle of a life. */
bool gyre__runtime_is_at_rest(const struct gyre_runtime *runtime);

/* -- life.c -------------------------------------------------------------- */

/* Make what a life takes: 0, or -ENOMEM and nothing of it; and free it. */
int gyre__life_begin(struct gyre_runtime *runtime);
void gyre__life_fini(struct gyre_runtime *runtime);

/* Free the loops alone, which are closed. */
void gyre__life_free_loops(struct gyre_runtime *runtime);

/* -- control.c ----------------------------------------------------------- */

/* After a life: a stop is early again. The starter. */
void gyre__control_reset(struct gyre_runtime *runtime);

/* What a shard will be told. */
void gyre__control_init(struct gyre__shard *shard);

/* All have drained: have each stop its services and end. A shard, once. */
void gyre__control_close_shards(struct gyre_runtime *runtime);

/* Have each end, whatever it waits for. The starter, once. */
void gyre__control_force_shards(struct gyre_runtime *runtime);

/* From now on a stop tells the loops; false: there was one already. */
bool gyre__control_open(struct gyre_runtime *runtime);

/* No stop touches the runtime after it. Nothing of it runs any more. */
void gyre__control_close(struct gyre_runtime *runtime);

/* -- shard.c ------------------------------------------------------------- */

/* A shard's thread, from its pin to the end of its loop. */
void *gyre__shard_main(void *shard);

/* The same on a thread that is the caller's, and is afterwards as it was. */
void gyre__shard_live_here(struct gyre__shard *shard);

/* The parts of it, which a simulation plays itself, with the loop current once
 * it is made: make the loop, say why it ended if that was a failure, undo what
 * was done. */
int gyre__shard_make_loop(struct gyre__shard *shard);
void gyre__shard_report_end(struct gyre__shard *shard, int result);
void gyre__shard_leave(struct gyre__shard *shard);

/* -- services.c ---------------------------------------------------------- */

/* Have those come first that others need: 0, or -EINVAL with a line. The
 * starter. The rest is for the shard's thread, with its loop current. */
int gyre__services_sort(struct gyre_runtime *runtime);

/* Begin a turn, and take its next step: false: there is none for now. */
void gyre__services_begin(struct gyre__shard *shard, enum gyre__turn turn);
bool gyre__services_step(struct gyre__shard *shard);

/* Begin a turn, and go as far as there is nothing to wait for. */
void gyre__services_run(struct gyre__shard *shard, enum gyre__turn turn);

/* If a start waits still, that has failed, and the loop stops. */
void gyre__services_refuse_start(struct gyre__shard *shard, int error,
				 const char *message);

/* Stop at once those that have started; nothing is waited for any more. */
void gyre__services_force(struct gyre__shard *shard);

/* Free all there is, last first. The loop is closed. */
void gyre__services_free(struct gyre__shard *shard);

/* Which one has something to wait for; NULL: none. */
const char *gyre__services_awaiting(const struct gyre__shard *shard);

/* -- drain.c ------------------------------------------------------------- */

void gyre__drain_init(struct gyre_runtime *runtime);

/* The shard's services have drained, or are gone; once all have, what they
 * accepted is waited for. The shard's thread; more than once does no harm. */
void gyre__drain_count(struct gyre__shard *shard);

/* -- pause.c ------------------------------------------------------------- */

void gyre__pause_init(struct gyre_runtime *runtime);
void gyre__pause_fini(struct gyre_runtime *runtime);
void gyre__pause_init_shard(struct gyre__shard *shard);

/* -- supervision.c ------------------------------------------------------- */

/* The runtime stops: the deadline counts from now. Any thread, signal
 * handlers. */
void gyre__supervision_begin(struct gyre_runtime *runtime);

/* The deadline is now. Any thread, signal handlers. */
void gyre__supervision_hurry(struct gyre_runtime *runtime);

/* The shard has ended. Its thread's last act. */
void gyre__supervision_count_out(struct gyre__shard *shard);

/* Say what is left on a shard at the deadline. Its thread. */
void gyre__supervision_report_rest(const struct gyre__shard *shard);

/* When the stop is to be over, or GYRE_FOREVER: it has not begun, or may take
 * as long as it takes. Any thread. */
int64_t gyre__supervision_deadline(const struct gyre_runtime *runtime);
bool gyre__supervision_is_due(const struct gyre_runtime *runtime);

/* Return when every shard has ended, which the deadline sees to. The starter.
 */
void gyre__supervise(struct gyre_runtime *runtime);

/* Return when every job has. The starter. */
void gyre__supervise_pool(struct gyre_runtime *runtime);

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
