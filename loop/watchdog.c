/*
 * The watchdog of one loop: a thread of its own that reads the loop's
 * heartbeat four times a threshold, and acts on one that stays odd.
 *
 * The loop publishes a number and no instant, so there is no clock on its
 * path, watched or not: what the watcher counts from is when it first saw the
 * number. It may thus be late by a quarter of a threshold, and never early: a
 * number seen twice was there all the time between. Reports name nothing of
 * what runs; the stack does.
 *
 * Rejected: an interval timer, which is the process's, so that two loops
 * disarm each other; a timer a thread, re-armed by a system call an iteration;
 * one watcher for all loops, which would be process-wide state with a
 * registry, and one loop's slow action would blind it for the others. (A
 * runtime's watcher knows its loops, and has no action but its own.)
 */
#include "loop/watchdog.h"

#include "base/check.h"
#include "base/condition.h"
#include "base/fork.h"
#include "base/exception.h"
#include "base/log.h"
#include "base/thread.h"
#include "loop/loop.h"

#include <errno.h>
#include <inttypes.h>

#define THRESHOLD_MIN_NS    GYRE_MS(1)
#define LOOKS_PER_THRESHOLD 4

/* -- looking -------------------------------------------------------------- */

static void
note_beat(struct gyre__watchdog *dog, uint64_t beat, int64_t now_ns)
{
	gyre__watched_note(&dog->watched, beat, now_ns);
	for (int i = 0; i < GYRE__THRESHOLDS; i++) {
		dog->thresholds[i].since_ns = now_ns;
		dog->thresholds[i].is_told = false;
	}
}

static bool
counts(const struct gyre__watchdog *dog,
       const struct gyre__threshold *threshold)
{
	return gyre__watched_is_busy(&dog->watched) && !threshold->is_told &&
	       threshold->threshold_ns != GYRE_FOREVER;
}

static bool
is_due(const struct gyre__watchdog *dog,
       const struct gyre__threshold *threshold, int64_t now_ns)
{
	return counts(dog, threshold) &&
	       now_ns - threshold->since_ns >= threshold->threshold_ns &&
	       gyre__watched_read(&dog->watched) == dog->watched.beat;
}

/* The exception hook is the owner's. */
static void
log_raised(const struct gyre_loop *loop)
{
	const struct gyre_exception *raised = gyre_exception();

	gyre__log(&loop->log, GYRE_LOG_ERROR,
		  "loop %p: the blocking action raised %s: %s (%s:%d)",
		  (const void *)loop, gyre_error_name(raised->error),
		  raised->message, raised->file, raised->line);
	gyre__clear_exception();
}

/* The mutex is not held meanwhile: whoever disables waits for `acting`. */
static void
act(struct gyre__watchdog *dog, struct gyre__threshold *threshold,
    int64_t now_ns)
{
	gyre_blocked_fn action = threshold->action;
	void *arg = threshold->arg;
	int64_t blocked_ns = now_ns - dog->watched.beat_since_ns;

	GYRE_INSIST(dog->acting == NULL);
	threshold->is_told = true;
	dog->acting = threshold;
	dog->actor = pthread_self();
	pthread_mutex_unlock(&dog->watched.mutex);
	action(dog->watched.loop, blocked_ns, arg);
	if (gyre__raised())
		log_raised(dog->watched.loop);
	pthread_mutex_lock(&dog->watched.mutex);
	dog->acting = NULL;
	pthread_cond_broadcast(&dog->acted);
}

/* A quarter of the least threshold from now, or when one is due before. */
static int64_t
next_look(const struct gyre__watchdog *dog, int64_t now_ns)
{
	int64_t delay_ns = GYRE_FOREVER;

	for (int i = 0; i < GYRE__THRESHOLDS; i++) {
		const struct gyre__threshold *threshold = &dog->thresholds[i];
		int64_t step_ns = threshold->threshold_ns / LOOKS_PER_THRESHOLD;
		int64_t left_ns = threshold->threshold_ns -
				  (now_ns - threshold->since_ns);

		if (threshold->threshold_ns == GYRE_FOREVER)
			continue;
		if (counts(dog, threshold) && left_ns < step_ns)
			step_ns = left_ns > 0 ? left_ns : 0;
		if (step_ns < delay_ns)
			delay_ns = step_ns;
	}
	return delay_ns == GYRE_FOREVER ? GYRE_FOREVER : now_ns + delay_ns;
}

int64_t
gyre__watchdog_look(struct gyre__watchdog *dog, int64_t now_ns)
{
	uint64_t beat = gyre__watched_read(&dog->watched);

	if (beat != dog->watched.beat)
		note_beat(dog, beat, now_ns);
	for (int i = 0; i < GYRE__THRESHOLDS; i++)
		if (is_due(dog, &dog->thresholds[i], now_ns))
			act(dog, &dog->thresholds[i], now_ns);
	return next_look(dog, now_ns);
}

/* -- the thread ----------------------------------------------------------- */

static void
sleep_until(struct gyre__watchdog *dog, int64_t when_ns)
{
	(void)gyre__condition_wait(&dog->changed, &dog->watched.mutex, when_ns);
}

static void *
watcher_main(void *arg)
{
	struct gyre__watchdog *dog = arg;

	gyre__thread_enter("gyre-watch-", 0);
	/* Refused, it runs where the loop does. */
	(void)gyre__cpus_apply(dog->sys, &dog->watched.loop->helpers);
	pthread_mutex_lock(&dog->watched.mutex);
	while (!dog->is_closing)
		sleep_until(dog,
			    gyre__watchdog_look(dog, gyre__now_ns(dog->sys)));
	pthread_mutex_unlock(&dog->watched.mutex);
	return NULL;
}

/* -- life ----------------------------------------------------------------- */

static void
init_waiting(struct gyre__watchdog *dog)
{
	pthread_cond_init(&dog->acted, NULL);
	gyre__condition_init(&dog->changed);
}

static void
free_watchdog(struct gyre__watchdog *dog)
{
	dog->watched.loop->watchdog = NULL;
	pthread_cond_destroy(&dog->changed);
	pthread_cond_destroy(&dog->acted);
	gyre__watched_fini(&dog->watched);
	dog->sys->release(dog);
}

static int
open_watchdog(struct gyre_loop *loop)
{
	struct gyre__watchdog *dog = gyre__allocate(loop->sys, sizeof(*dog), 0);
	int result;

	if (dog == NULL)
		return -ENOMEM;
	dog->sys = loop->sys;
	gyre__watched_init(&dog->watched, loop);
	for (int i = 0; i < GYRE__THRESHOLDS; i++)
		dog->thresholds[i].threshold_ns = GYRE_FOREVER;
	if (gyre_loop_in_owner_thread(loop))
		gyre__watched_enter(&dog->watched);
	init_waiting(dog);
	loop->watchdog = dog;
	result = gyre__thread_start_blocked(dog->sys, &dog->thread, 0,
					    watcher_main, dog);
	if (result < 0)
		free_watchdog(dog);
	return result;
}

/* The loop's watchdog, or NULL. A child has none: its thread stayed behind,
 * perhaps with the mutex. */
static struct gyre__watchdog *
watchdog_of(const struct gyre_loop *loop)
{
	if (loop->watchdog != NULL && gyre__is_fork(loop->forks))
		return NULL;
	return loop->watchdog;
}

/* The runtime's view of it, or NULL; in a child neither. */
static struct gyre__watched *
watched_by_runtime(const struct gyre_loop *loop)
{
	return gyre__is_fork(loop->forks) ? NULL : loop->watched;
}

void
gyre__watchdog_enter(struct gyre_loop *loop)
{
	struct gyre__watchdog *dog = watchdog_of(loop);
	struct gyre__watched *watched = watched_by_runtime(loop);

	if (dog != NULL)
		gyre__watched_enter(&dog->watched);
	if (watched != NULL)
		gyre__watched_enter(watched);
	gyre__loop_wake(loop);
	gyre__heartbeat_busy(&loop->heartbeat);
}

void
gyre__watchdog_leave(struct gyre_loop *loop)
{
	struct gyre__watchdog *dog = watchdog_of(loop);
	struct gyre__watched *watched = watched_by_runtime(loop);

	gyre__heartbeat_idle(&loop->heartbeat);
	gyre__heartbeat_sleep(&loop->heartbeat);
	if (dog != NULL)
		gyre__watched_leave(&dog->watched);
	if (watched != NULL)
		gyre__watched_leave(watched);
}

void
gyre__watchdog_close(struct gyre_loop *loop)
{
	struct gyre__watchdog *dog = watchdog_of(loop);

	if (dog == NULL)
		return;
	pthread_mutex_lock(&dog->watched.mutex);
	dog->is_closing = true;
	pthread_cond_signal(&dog->changed);
	pthread_mutex_unlock(&dog->watched.mutex);
	dog->sys->thread_join(dog->thread, NULL);
	free_watchdog(dog);
}

/* -- actions --------------------------------------------------------------- */

/* With the mutex held. */
static bool
is_actor(const struct gyre__watchdog *dog)
{
	return dog->acting != NULL && pthread_equal(dog->actor, pthread_self());
}

bool
gyre__watchdog_require_caller(const struct gyre_loop *loop,
			      const char *function)
{
	struct gyre__watchdog *dog = watchdog_of(loop);
	bool is_action = false;

	if (dog != NULL) {
		pthread_mutex_lock(&dog->watched.mutex);
		is_action = is_actor(dog);
		pthread_mutex_unlock(&dog->watched.mutex);
	}
	if (!is_action)
		gyre__loop_require_owner_in(loop, function);
	return is_action;
}

/* -- thresholds ----------------------------------------------------------- */

/* By the signal that does so by default, whatever the program does with it.
 * Without a line: the loop may be blocked in writing one. */
static void
kill_process(struct gyre_loop *loop, int64_t blocked_ns, void *arg)
{
	struct sigaction by_default = { .sa_flags = 0 };
	sigset_t alarm_alone;

	(void)blocked_ns;
	(void)arg;
	by_default.sa_handler = SIG_DFL;
	sigemptyset(&by_default.sa_mask);
	loop->sys->sigaction(SIGALRM, &by_default, NULL);
	sigemptyset(&alarm_alone);
	sigaddset(&alarm_alone, SIGALRM);
	loop->sys->thread_sigmask(SIG_UNBLOCK, &alarm_alone, NULL);
	loop->sys->thread_kill(pthread_self(), SIGALRM);
}

/* Put it in place and wait for what was there before to have returned.
 * Returns whether the watch goes on. */
static bool
change(struct gyre__watchdog *dog, enum gyre__threshold_kind kind,
       const struct gyre__threshold *wanted)
{
	struct gyre__threshold *threshold = &dog->thresholds[kind];
	bool goes_on;

	pthread_mutex_lock(&dog->watched.mutex);
	*threshold = *wanted;
	threshold->since_ns = gyre__now_ns(dog->sys);
	pthread_cond_signal(&dog->changed);
	while (dog->acting == threshold && !is_actor(dog))
		pthread_cond_wait(&dog->acted, &dog->watched.mutex);
	goes_on = is_actor(dog);
	for (int i = 0; i < GYRE__THRESHOLDS; i++)
		if (dog->thresholds[i].threshold_ns != GYRE_FOREVER)
			goes_on = true;
	pthread_mutex_unlock(&dog->watched.mutex);
	return goes_on;
}

static int
set_threshold(struct gyre_loop *loop, enum gyre__threshold_kind kind,
	      const struct gyre__threshold *wanted)
{
	int result = gyre__loop_refusal(loop);

	if (result < 0)
		return result;
	if (wanted->threshold_ns < THRESHOLD_MIN_NS) {
		gyre__log(&loop->log, GYRE_LOG_ERROR,
			  "loop %p: a threshold of %" PRId64
			  " ns is below a millisecond",
			  (void *)loop, wanted->threshold_ns);
		return -EINVAL;
	}
	if (loop->watchdog == NULL) {
		if (wanted->threshold_ns != GYRE_FOREVER)
			result = open_watchdog(loop);
		if (loop->watchdog == NULL)
			return result;
	}
	if (!change(loop->watchdog, kind, wanted))
		gyre__watchdog_close(loop);
	return 0;
}

int
gyre_loop_set_blocking_signal_threshold(struct gyre_loop *loop,
					int64_t threshold_ns,
					gyre_blocked_fn action, void *arg)
{
	const struct gyre__threshold wanted = {
		.threshold_ns = threshold_ns,
		.action = action != NULL ? action : kill_process,
		.arg = arg,
	};

	gyre__watchdog_require_caller(loop, __func__);
	return set_threshold(loop, GYRE__THRESHOLD_SIGNAL, &wanted);
}

int
gyre_loop_set_blocking_log_threshold(struct gyre_loop *loop,
				     int64_t threshold_ns)
{
	const struct gyre__threshold wanted = {
		.threshold_ns = threshold_ns,
		.action = gyre_loop_log_stack,
	};

	gyre__watchdog_require_caller(loop, __func__);
	return set_threshold(loop, GYRE__THRESHOLD_LOG, &wanted);
}
