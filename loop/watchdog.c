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
 * registry, and one loop's slow action would blind it for the others.
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

static uint64_t
read_beat(const struct gyre__watchdog *dog)
{
	/* watchdog.B3 relaxed: compared, and nothing is read through it */
	return gyre__load_64_relaxed(&dog->loop->heartbeat.beat);
}

static void
note_beat(struct gyre__watchdog *dog, uint64_t beat, int64_t now_ns)
{
	dog->beat = beat;
	dog->beat_since_ns = now_ns;
	for (int i = 0; i < GYRE__THRESHOLDS; i++) {
		dog->thresholds[i].since_ns = now_ns;
		dog->thresholds[i].is_told = false;
	}
}

static bool
counts(const struct gyre__watchdog *dog,
       const struct gyre__threshold *threshold)
{
	return (dog->beat & 1) && !threshold->is_told &&
	       threshold->threshold_ns != GYRE_FOREVER;
}

static bool
is_due(const struct gyre__watchdog *dog,
       const struct gyre__threshold *threshold, int64_t now_ns)
{
	return counts(dog, threshold) &&
	       now_ns - threshold->since_ns >= threshold->threshold_ns &&
	       read_beat(dog) == dog->beat;
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
	int64_t blocked_ns = now_ns - dog->beat_since_ns;

	GYRE_INSIST(dog->acting == NULL);
	threshold->is_told = true;
	dog->acting = threshold;
	dog->actor = pthread_self();
	pthread_mutex_unlock(&dog->mutex);
	action(dog->loop, blocked_ns, arg);
	if (gyre__raised())
		log_raised(dog->loop);
	pthread_mutex_lock(&dog->mutex);
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
	uint64_t beat = read_beat(dog);

	if (beat != dog->beat)
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
	(void)gyre__condition_wait(&dog->changed, &dog->mutex, when_ns);
}

static void *
watcher_main(void *arg)
{
	struct gyre__watchdog *dog = arg;

	gyre__thread_name("gyre-watch-", 0);
	/* Refused, it runs where the loop does. */
	(void)gyre__cpus_apply(dog->sys, &dog->loop->helpers);
	pthread_mutex_lock(&dog->mutex);
	while (!dog->is_closing)
		sleep_until(dog,
			    gyre__watchdog_look(dog, gyre__now_ns(dog->sys)));
	pthread_mutex_unlock(&dog->mutex);
	return NULL;
}

/* -- life ----------------------------------------------------------------- */

static void
init_waiting(struct gyre__watchdog *dog)
{
	pthread_mutex_init(&dog->mutex, NULL);
	pthread_cond_init(&dog->acted, NULL);
	gyre__condition_init(&dog->changed);
}

static void
free_watchdog(struct gyre__watchdog *dog)
{
	dog->loop->watchdog = NULL;
	pthread_cond_destroy(&dog->changed);
	pthread_cond_destroy(&dog->acted);
	pthread_mutex_destroy(&dog->mutex);
	dog->sys->release(dog);
}

static int
open_watchdog(struct gyre_loop *loop)
{
	struct gyre__watchdog *dog = gyre__allocate(loop->sys, sizeof(*dog), 0);
	int result;

	if (dog == NULL)
		return -ENOMEM;
	dog->loop = loop;
	dog->sys = loop->sys;
	for (int i = 0; i < GYRE__THRESHOLDS; i++)
		dog->thresholds[i].threshold_ns = GYRE_FOREVER;
	dog->is_running = gyre_loop_in_owner_thread(loop);
	dog->owner = pthread_self();
	init_waiting(dog);
	gyre__backtrace_prepare();
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

void
gyre__watchdog_enter(struct gyre_loop *loop)
{
	struct gyre__watchdog *dog = watchdog_of(loop);

	if (dog != NULL) {
		pthread_mutex_lock(&dog->mutex);
		dog->owner = pthread_self();
		dog->is_running = true;
		pthread_mutex_unlock(&dog->mutex);
	}
	gyre__heartbeat_busy(&loop->heartbeat);
}

void
gyre__watchdog_leave(struct gyre_loop *loop)
{
	struct gyre__watchdog *dog = watchdog_of(loop);

	gyre__heartbeat_idle(&loop->heartbeat);
	if (dog == NULL)
		return;
	/* The thread may end now: nobody is sending it a signal then. */
	pthread_mutex_lock(&dog->mutex);
	dog->is_running = false;
	pthread_mutex_unlock(&dog->mutex);
}

void
gyre__watchdog_close(struct gyre_loop *loop)
{
	struct gyre__watchdog *dog = watchdog_of(loop);

	if (dog == NULL)
		return;
	pthread_mutex_lock(&dog->mutex);
	dog->is_closing = true;
	pthread_cond_signal(&dog->changed);
	pthread_mutex_unlock(&dog->mutex);
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
		pthread_mutex_lock(&dog->mutex);
		is_action = is_actor(dog);
		pthread_mutex_unlock(&dog->mutex);
	}
	if (!is_action)
		gyre__loop_require_owner_in(loop, function);
	return is_action;
}

/* The mutex keeps the owner from ending. If the loop goes on before the
 * thread looks at itself, the stack would be an innocent one's. */
int
gyre__watchdog_take_stack(struct gyre__watchdog *dog,
			  struct gyre__backtrace *ret)
{
	int result = -ECANCELED;

	pthread_mutex_lock(&dog->mutex);
	if (dog->is_running) {
		const struct gyre__backtrace_request request = {
			.thread = dog->owner,
			.word = &dog->loop->heartbeat.beat,
			.value = dog->beat,
		};

		result = gyre__backtrace_take_other(dog->sys, &request, ret);
	}
	pthread_mutex_unlock(&dog->mutex);
	return result;
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

	pthread_mutex_lock(&dog->mutex);
	*threshold = *wanted;
	threshold->since_ns = gyre__now_ns(dog->sys);
	pthread_cond_signal(&dog->changed);
	while (dog->acting == threshold && !is_actor(dog))
		pthread_cond_wait(&dog->acted, &dog->mutex);
	goes_on = is_actor(dog);
	for (int i = 0; i < GYRE__THRESHOLDS; i++)
		if (dog->thresholds[i].threshold_ns != GYRE_FOREVER)
			goes_on = true;
	pthread_mutex_unlock(&dog->mutex);
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
