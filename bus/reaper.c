/*
 * The reaper's thread sleeps on a condition variable that its inbox rings.
 *
 * Rejected: call_rcu, whose worker is never joined, aborts the process if its
 * thread can't be made, and frees elsewhere; a grace period on a loop, which
 * would wait for the others.
 */
#include "bus/reaper.h"

#include "base/atomics.h"
#include "base/check.h"
#include "base/condition.h"
#include "base/thread.h"
#include "bus/inbox.h"
#include "bus/rcu.h"

struct gyre__reaper {
	/* -- immutable after new -- */
	const struct gyre_sys *sys;
	struct gyre_inbox *inbox;
	/* -- who starts and stops it -- */
	pthread_t thread;
	bool runs;
	struct gyre_task stop;
	struct gyre__cpus cpus;
	/* -- its thread -- */
	bool is_over;
	/* -- its thread writes, any reads, atomic -- */
	uint64_t periods;
	/* -- under the mutex -- */
	struct gyre__doorbell bell;
	pthread_mutex_t mutex;
	pthread_cond_t rang;
	bool is_rung;
};

static struct gyre__reaper *
reaper_of_bell(struct gyre__doorbell *bell)
{
	return (struct gyre__reaper *)((char *)bell -
				       offsetof(struct gyre__reaper, bell));
}

static void
ring(struct gyre__doorbell *bell)
{
	struct gyre__reaper *reaper = reaper_of_bell(bell);

	pthread_mutex_lock(&reaper->mutex);
	reaper->is_rung = true;
	pthread_cond_signal(&reaper->rang);
	pthread_mutex_unlock(&reaper->mutex);
}

static void
sleep_until_rung(struct gyre__reaper *reaper)
{
	pthread_mutex_lock(&reaper->mutex);
	while (!reaper->is_rung)
		(void)gyre__condition_wait(&reaper->rang, &reaper->mutex,
					   INT64_MAX);
	reaper->is_rung = false;
	pthread_mutex_unlock(&reaper->mutex);
}

/* -- what is retired ------------------------------------------------------ */

static struct gyre__retired *
retired_of(struct gyre_task *task)
{
	return (struct gyre__retired *)((char *)task -
					offsetof(struct gyre__retired, task));
}

static void
free_at_home(struct gyre_task *task)
{
	retired_of(task)->free(retired_of(task));
}

static void
free_dropped(struct gyre_task *task, enum gyre_drop_reason reason)
{
	(void)reason;
	free_at_home(task);
}

/* The reaper's: the grace period is over. */
static void
send_home(struct gyre_task *task)
{
	struct gyre__retired *retired = retired_of(task);
	struct gyre_inbox *home = retired->home;

	task->run = free_at_home;
	if (home == NULL || gyre__inbox_push(home, task, task) < 0)
		retired->free(retired);
	gyre_inbox_unref(home);
}

void
gyre__reaper_retire(struct gyre__reaper *reaper, struct gyre__retired *retired,
		    struct gyre_inbox *home,
		    void (*free)(struct gyre__retired *retired))
{
	int result;

	retired->task.run = send_home;
	retired->task.drop = free_dropped;
	retired->home = home != NULL ? gyre_inbox_ref(home) : NULL;
	retired->free = free;
	result =
		gyre__inbox_push(reaper->inbox, &retired->task, &retired->task);
	GYRE_INSIST(result == 0); /* open until nobody retires any more */
}

/* -- the thread ----------------------------------------------------------- */

static void
run_chain(struct gyre__chain *chain)
{
	struct gyre_task *task;

	while ((task = gyre__chain_pop(chain)) != NULL)
		task->run(task);
}

/* A stop alone asks for no grace period. */
static bool
is_stop(const struct gyre__reaper *reaper, const struct gyre__chain *chain)
{
	return chain->head == &reaper->stop && chain->tail == &reaper->stop;
}

static void
reap(struct gyre__reaper *reaper, struct gyre__chain *chain)
{
	gyre__rcu_synchronize();
	run_chain(chain);
	/* reaper.P1 relaxed: a count to look at */
	gyre__store_64_relaxed(&reaper->periods, reaper->periods + 1);
}

static void *
reaper_main(void *arg)
{
	struct gyre__reaper *reaper = arg;

	gyre__thread_enter("gyre-reaper-", 0);
	/* Refused, it runs where the thread that made it may. */
	(void)gyre__cpus_apply(reaper->sys, &reaper->cpus);
	while (!reaper->is_over) {
		struct gyre__chain chain = { 0 };

		gyre__inbox_take(reaper->inbox, &chain);
		if (is_stop(reaper, &chain))
			run_chain(&chain);
		else if (chain.head != NULL)
			reap(reaper, &chain);
		else if (gyre__inbox_arm(reaper->inbox))
			sleep_until_rung(reaper);
	}
	return NULL;
}

static void
run_stop(struct gyre_task *task)
{
	struct gyre__reaper *reaper =
		(struct gyre__reaper *)((char *)task -
					offsetof(struct gyre__reaper, stop));

	reaper->is_over = true;
}

/* -- without a thread ---------------------------------------------------- */

bool
gyre__reaper_has_work(const struct gyre__reaper *reaper)
{
	return !gyre__inbox_is_empty(reaper->inbox);
}

void
gyre__reaper_step(struct gyre__reaper *reaper)
{
	struct gyre__chain chain = { 0 };

	GYRE_REQUIRE(!reaper->runs);
	gyre__inbox_take(reaper->inbox, &chain);
	run_chain(&chain);
	/* reaper.P3 relaxed: as reaper.P1 */
	gyre__store_64_relaxed(&reaper->periods, reaper->periods + 1);
}

/* -- life ----------------------------------------------------------------- */

struct gyre__reaper *
gyre__reaper_new(const struct gyre_sys *sys)
{
	struct gyre__reaper *reaper = gyre__allocate(sys, sizeof(*reaper), 0);

	if (reaper == NULL)
		return NULL;
	reaper->sys = sys;
	reaper->bell.ring = ring;
	reaper->stop.run = run_stop;
	reaper->inbox = gyre__inbox_new(sys, &reaper->bell);
	if (reaper->inbox == NULL) {
		sys->release(reaper);
		return NULL;
	}
	pthread_mutex_init(&reaper->mutex, NULL);
	gyre__condition_init(&reaper->rang);
	return reaper;
}

void
gyre__reaper_set_cpus(struct gyre__reaper *reaper,
		      const struct gyre__cpus *cpus)
{
	reaper->cpus = *cpus;
}

int
gyre__reaper_start(struct gyre__reaper *reaper)
{
	int result;

	GYRE_REQUIRE(!reaper->runs);
	result = gyre__thread_start_blocked(reaper->sys, &reaper->thread, 0,
					    reaper_main, reaper);
	reaper->runs = result == 0;
	return result;
}

void
gyre__reaper_stop(struct gyre__reaper *reaper)
{
	int result;

	if (!reaper->runs)
		return;
	result = gyre__inbox_push(reaper->inbox, &reaper->stop, &reaper->stop);
	GYRE_INSIST(result == 0);
	reaper->sys->thread_join(reaper->thread, NULL);
	reaper->runs = false;
}

void
gyre__reaper_free(struct gyre__reaper *reaper)
{
	struct gyre__chain rest = { 0 };

	if (reaper == NULL)
		return;
	GYRE_REQUIRE(!reaper->runs);
	do { /* what is freed may retire more */
		run_chain(&rest);
		gyre__inbox_take(reaper->inbox, &rest);
	} while (rest.head != NULL);
	gyre__inbox_close(reaper->inbox, &rest);
	gyre_inbox_unref(reaper->inbox);
	pthread_cond_destroy(&reaper->rang);
	pthread_mutex_destroy(&reaper->mutex);
	reaper->sys->release(reaper);
}

uint64_t
gyre__reaper_periods(const struct gyre__reaper *reaper)
{
	/* reaper.P2 relaxed: as reaper.P1 */
	return gyre__load_64_relaxed(&reaper->periods);
}
