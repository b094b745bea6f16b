/*
 * The pool from the inside: an inbox whose consumer is whichever worker holds
 * the mutex.
 *
 * The inbox is ARMED while another worker could be had, because one idles or
 * may still be made; then the push that finds it so rings, and the ring wakes
 * or makes that worker. While all are busy nobody need be told, and a submit
 * is one compare-and-swap. What holds under the mutex:
 *
 *     chain not empty       =>  the inbox is not armed
 *     work waits, and another worker could be had
 *                           =>  a ring or a woken worker is on its way
 *
 * One worker at a time is on its way, woken or new; it takes one job and wakes
 * the next if more wait. So there is no herd, and no job waits behind another
 * while somebody idles.
 */
#ifndef GYRE_POOL_POOL_H
#define GYRE_POOL_POOL_H

#include <gyre/pool.h>

#include "base/sys.h"
#include "bus/chain.h"
#include "bus/doorbell.h"
#include "base/thread.h"

struct gyre__worker {
	struct gyre_pool *pool;
	pthread_t thread;
};

struct gyre_pool {
	struct gyre_executor executor; /* first */
	/* -- immutable after new -- */
	const struct gyre_sys *sys;
	struct gyre_log log;
	uint32_t forks;
	unsigned threads_max;
	struct gyre__cpus cpus; /* of its maker: workers are made by others */
	struct gyre_inbox *inbox;
	struct gyre__doorbell bell;
	/* -- any thread, atomic -- */
	/* Goes to 1 with the first thread; a stale 0 costs a look under the
	 * mutex. */
	uint32_t has_threads;
	/* -- under the mutex -- */
	pthread_mutex_t mutex;
	pthread_cond_t work;
	struct gyre__chain chain; /* taken from the inbox, not yet begun */
	uint64_t submitted;       /* what was taken from the inbox */
	uint64_t run;
	uint64_t dropped;
	unsigned threads;
	unsigned idle;                 /* in the condition's wait */
	bool searching;                /* a worker is on its way */
	bool stopping;                 /* the inbox is the freeing thread's */
	bool is_short_told;            /* that a thread could not be made */
	struct gyre__worker workers[]; /* threads_max */
};

/* Make one more worker: 0 or a negative errno. Under the mutex. */
int gyre__pool_add_worker(struct gyre_pool *pool);

/*
 * Let nothing wait unseen: hand what waits to another worker, if one could be
 * had, or arm the inbox. Under the mutex, while not stopping.
 */
void gyre__pool_keep_watch(struct gyre_pool *pool);

/* Send a worker on its way, if none is and one can be. Under the mutex. */
void gyre__pool_wake_one(struct gyre_pool *pool);

/* Move what came to the inbox to the chain. Under the mutex. */
void gyre__pool_receive(struct gyre_pool *pool);

#endif
