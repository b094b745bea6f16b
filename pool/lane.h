/*
 * A lane of a pool from the inside: an inbox whose consumer is whichever worker
 * holds the mutex.
 *
 * The inbox is ARMED while another worker could be had, because one idles or
 * may still be made; then the push that finds it so rings, and the ring wakes
 * or makes that worker. While all are busy nobody need be told, and a submit
 * is one compare-and-swap. What holds under the mutex:
 *
 *     queue not empty       =>  the inbox is not armed
 *     work waits, and another worker could be had
 *                           =>  a ring or a woken worker is on its way
 *
 * One worker at a time is on its way, woken or new; it takes one job and wakes
 * the next if more wait. So there is no herd, and no job waits behind another
 * while somebody idles.
 */
#ifndef GYRE_POOL_LANE_H
#define GYRE_POOL_LANE_H

#include <gyre/pool.h>

#include "base/sys.h"
#include "base/thread.h"
#include "bus/chain.h"
#include "bus/doorbell.h"
#include "pool/job.h"
#include "pool/pool.h"
#include "pool/queue.h"

#include <stdalign.h>

struct gyre__worker {
	struct gyre__pool_lane *lane;
	pthread_t thread;
	pthread_cond_t wake; /* of this one alone */
	/* -- its own thread's -- */
	struct gyre__job_refs refs;
	/* -- under the mutex -- */
	struct gyre__worker *below; /* parked before this one; of the free, the
				     * next */
	bool is_live;               /* it has a thread */
	bool is_parked;
	int64_t now_ns; /* when its last job ended; 0: it was not timed, or the
			 * worker has slept since */
	void (*name)(void); /* of the job that runs, or NULL */
};

/* How a lane is to be, with nothing left to a default. */
struct gyre__lane_plan {
	const char *name;
	unsigned threads_min;
	unsigned threads_max;
	int64_t idle_timeout_ns;
	uint32_t queue_limit;
	uint32_t time_every; /* one in so many is timed */
	size_t stack_bytes;
	struct gyre__cpus cpus;
	const char *thread_name;
	unsigned first_thread; /* its number in the pool */
};

/*
 *     OPEN --> CLOSING --> DRAINING --> DROPPING
 *                 |                        ^
 *                 +------------------------+
 */
enum gyre__pool_life {
	GYRE__POOL_OPEN,
	GYRE__POOL_CLOSING,  /* the inbox is the closing thread's */
	GYRE__POOL_DRAINING, /* the workers run what waits, and end */
	GYRE__POOL_DROPPING, /* the workers end after their job */
};

struct gyre__pool_lane {
	struct gyre_executor executor; /* first */
	/* -- immutable after new -- */
	const struct gyre_sys *sys;
	struct gyre_log log;
	uint32_t forks;
	struct gyre__lane_plan plan;
	struct gyre_inbox *inbox;
	struct gyre__doorbell bell;
	/* -- any thread, atomic -- */
	/* Goes to 1 with the first thread, and the last one stays; a stale 0
	 * costs a look under the mutex. */
	uint32_t has_threads;
	/* -- submitters, atomic -- */
	/* How many were accepted, and how many had left the queue when
	 * somebody last looked: a stale number is too low, and whoever would
	 * refuse for it looks again. */
	alignas(GYRE__CACHE_PAIR) uint32_t admitted;
	uint32_t left_seen;
	uint64_t refused;
	/* -- written under the mutex, atomic: submitters read it -- */
	alignas(GYRE__CACHE_PAIR) uint32_t left;
	/* -- under the mutex -- */
	pthread_mutex_t mutex;
	enum gyre__pool_life life;
	bool is_halted;           /* no job begins */
	pthread_cond_t changed;   /* its life, or what is left when it ends or
				   * halts */
	struct gyre__queue queue; /* taken from the inbox, not yet begun */
	struct gyre__chain rooms; /* who waits for room */
	uint64_t submitted;       /* what was taken from the inbox */
	uint64_t run;
	uint64_t dropped;
	uint64_t cancelled;
	uint64_t expired;
	uint64_t spawned;            /* threads, ever */
	unsigned threads;            /* that are there */
	unsigned busy;               /* with a job */
	unsigned idle;               /* parked */
	unsigned owed;               /* cancellers on their way for jobs that
				      * were passed over */
	struct gyre__worker *parked; /* the last that came */
	struct gyre__worker *free;   /* without a thread */
	pthread_t ended;             /* of those that left idle the last, */
	bool has_ended;              /* which nobody has joined */
	bool searching;              /* a worker is on its way */
	bool is_short_told;          /* that a thread could not be made */
	bool is_unpinned_told;       /* that the CPUs were refused */
	struct gyre_histogram queue_delay;
	struct gyre_histogram run_time;
	struct gyre__worker workers[]; /* threads_max */
};

/* Make a lane, with a copy of the plan and its name: 0 or -ENOMEM. */
int gyre__pool_lane_new(const struct gyre__lane_plan *plan,
			const struct gyre_sys *sys, const struct gyre_log *log,
			struct gyre__pool_lane **ret_lane);

/* Free a lane that was shut down; its threads end now. */
void gyre__pool_lane_free(struct gyre__pool_lane *lane);

/* Add its counters to those that are there. */
void gyre__pool_lane_add_stats(struct gyre__pool_lane *lane,
			       struct gyre_pool_stats *stats);

/* Add the jobs that it was given. Any thread. */
void gyre__pool_lane_add_jobs(struct gyre__pool_lane *lane,
			      struct gyre__jobs *jobs);

/* As gyre__pool_jobs_of(), for one lane. */
unsigned gyre__pool_lane_jobs_of(struct gyre__pool_lane *lane,
				 const struct gyre_inbox *source);

/* As gyre__pool_halt() and _go_on(), for one lane. */
int gyre__pool_lane_halt(struct gyre__pool_lane *lane, int64_t deadline_ns);
void gyre__pool_lane_go_on(struct gyre__pool_lane *lane);

/* Name the jobs that run in the log. Under the mutex. */
void gyre__pool_name_running(const struct gyre__pool_lane *lane);

/* Make one more worker: 0 or a negative errno. Under the mutex. */
int gyre__pool_add_worker(struct gyre__pool_lane *lane);

/*
 * Let nothing wait unseen: hand what waits to another worker, if one could be
 * had, or arm the inbox. Under the mutex, while not stopping.
 */
void gyre__pool_keep_watch(struct gyre__pool_lane *lane);

/* Send a worker on its way, if none is and one can be. Under the mutex. */
void gyre__pool_wake_one(struct gyre__pool_lane *lane);

/* Move what came to the inbox to the queue. Under the mutex, while open. */
void gyre__pool_receive(struct gyre__pool_lane *lane);

/* Queue what was taken from the inbox. Under the mutex. */
void gyre__pool_enqueue(struct gyre__pool_lane *lane,
			struct gyre__chain *taken);

/* A job has left the queue: who is to be told that there is room, or NULL.
 * Under the mutex. */
struct gyre_room *gyre__pool_leave(struct gyre__pool_lane *lane);

/* Tell whom gyre__pool_leave() found. Not under the mutex. */
void gyre__pool_tell(struct gyre_room *room);

/* Wake all who are parked. Under the mutex. */
void gyre__pool_wake_all(struct gyre__pool_lane *lane);

/* Have it refuse from now on, and drain or have dropped what waits. Not on one
 * of its workers; 0, or -EPERM in a fork. */
int gyre__pool_close(struct gyre__pool_lane *lane, enum gyre_shut_down how);

/* See a lane that was closed to its end, or to a deadline, when what still
 * waits is dropped: 0 or -ETIMEDOUT. */
int gyre__pool_await_end(struct gyre__pool_lane *lane, int64_t deadline_ns);

/* The executor's shut_down: both. */
int gyre__pool_shut_down(struct gyre_executor *executor,
			 enum gyre_shut_down how, int64_t deadline_ns);

#endif
