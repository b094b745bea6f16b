/*
 * The watcher's thread looks four times a threshold at the number that each
 * loop publishes anyway. It counts from when it first saw a number, as a loop's
 * own watchdog does, so that it is never early.
 *
 * When nothing has moved between two looks and all loops sleep, it sleeps
 * without a time: it asks each loop, in the word by which the loop says that it
 * sleeps, to ring when it wakes. A loop that wakes exchanges that word, and so
 * either finds the question, or was found awake. What a wake-up costs so is one
 * exchange on the loop's own line, and where nobody sleeps for long no ring.
 *
 * Late for a look by more than a look is long, it did not run, and nobody knows
 * who else did: stopped by a debugger, or on a machine that stood still. That
 * time is no loop's.
 *
 * Rejected: a flag that all loops load, which needs a fence on one side or the
 * other; a loop's own watchdog for each, which is a thread each.
 */
#include "runtime/watcher.h"

#include "base/check.h"
#include "base/condition.h"
#include "base/log.h"
#include "base/thread.h"
#include "base/trace.h"
#include "loop/loop.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define THRESHOLD_MAX_MS 86400000u /* a day */

/* -- what the log is told -------------------------------------------------- */

#define WHO_BYTES 32

static void
tell_left_out(struct gyre__watcher *watcher)
{
	if (watcher->left_out == 0)
		return;
	gyre__log(&watcher->log, GYRE_LOG_WARN,
		  "watchdog: %" PRIu64
		  " more stalls are only in the statistics",
		  watcher->left_out);
	watcher->left_out = 0;
}

/* Whether another one may be told in this window. */
static bool
may_tell(struct gyre__watcher *watcher, int64_t now_ns)
{
	if (now_ns >= watcher->window_ends_ns) {
		tell_left_out(watcher);
		watcher->window_ends_ns = now_ns + GYRE__REPORTS_WINDOW_NS;
		watcher->reports = 0;
	}
	if (watcher->reports == GYRE__REPORTS_MAX) {
		watcher->left_out++;
		return false;
	}
	watcher->reports++;
	return true;
}

static const char *
doing(enum gyre_stall_kind kind)
{
	switch (kind) {
	case GYRE_STALL_RUNNING:
		return ": it runs";
	case GYRE_STALL_BLOCKED:
		return ": it is blocked";
	case GYRE_STALL_DESCHEDULED:
		return ": it waits for a CPU";
	case GYRE_STALL_UNKNOWN:
		break;
	}
	return "";
}

static void
log_stall(const struct gyre__watcher *watcher, const struct gyre_stall *stall,
	  const struct gyre__backtrace *backtrace, int no_stack)
{
	char who[WHO_BYTES];

	gyre__log(&watcher->log, GYRE_LOG_WARN,
		  "shard %u: stalled for %" PRId64 " ms%s%s%s%s%s",
		  stall->shard, stall->duration_ns / GYRE_MS(1),
		  stall->callback[0] != '\0' ? " in " : "", stall->callback,
		  doing(stall->kind), stall->wait[0] != '\0' ? " in " : "",
		  stall->wait);
	snprintf(who, sizeof(who), "shard %u", stall->shard);
	gyre__watched_log_stack(&watcher->log, who, no_stack, backtrace);
}

/* -- a stall --------------------------------------------------------------- */

/* The interrupted function itself, if that is the callback, or one that it
 * has called. */
static void
name_callback(const struct gyre__backtrace *backtrace, struct gyre_stall *stall)
{
	int frame = gyre__watched_callback(backtrace);
	void *function;

	if (frame < 0)
		return;
	function = gyre__frame_function(backtrace, frame);
	if (function != NULL)
		gyre__function_name((void (*)(void))(uintptr_t)function,
				    stall->callback, sizeof(stall->callback));
}

/* The state first: to give its stack, the thread runs. */
static void
begin_stall(struct gyre__watcher *watcher, struct gyre__watch *watch,
	    int64_t now_ns)
{
	struct gyre_stall stall = {
		.shard = watch->shard,
		.began_ns = watch->watched.beat_since_ns,
		.duration_ns = now_ns - watch->watched.beat_since_ns,
	};
	struct gyre__backtrace backtrace;
	struct gyre__thread_state state;
	int no_stack;

	gyre__thread_state_read(watcher->sys, watch->thread_number, now_ns,
				&state);
	stall.kind = gyre__thread_state_judge(&watch->before, &state);
	if (stall.kind == GYRE_STALL_BLOCKED)
		gyre__thread_state_wait(watcher->sys, watch->thread_number,
					stall.wait, sizeof(stall.wait));
	no_stack = gyre__watched_take_stack(&watch->watched, &backtrace);
	if (no_stack == 0)
		name_callback(&backtrace, &stall);
	GYRE__TRACE_STALL(stall.shard, stall.duration_ns, stall.callback);
	watch->stall = gyre__stalls_add(&watcher->stalls, &stall);
	watch->stalled_ns = stall.duration_ns;
	watch->is_logged = may_tell(watcher, now_ns);
	if (watch->is_logged)
		log_stall(watcher, &stall, &backtrace, no_stack);
}

static void
extend_stall(struct gyre__watcher *watcher, struct gyre__watch *watch,
	     int64_t now_ns, bool is_over)
{
	int64_t stalled_ns = now_ns - watch->watched.beat_since_ns;

	gyre__stalls_extend(&watcher->stalls, watch->stall, watch->shard,
			    stalled_ns - watch->stalled_ns, is_over);
	watch->stalled_ns = stalled_ns;
	if (is_over && watch->is_logged)
		gyre__log(&watcher->log, GYRE_LOG_INFO,
			  "shard %u: goes on after %" PRId64 " ms",
			  watch->shard, stalled_ns / GYRE_MS(1));
}

/* -- looking --------------------------------------------------------------- */

/* Another number: whatever it was at is over. */
static void
note(struct gyre__watcher *watcher, struct gyre__watch *watch, uint64_t beat,
     int64_t now_ns)
{
	if (watch->stall != 0)
		extend_stall(watcher, watch, now_ns, true);
	gyre__watched_note(&watch->watched, beat, now_ns);
	watch->stall = 0;
	watch->has_before = false;
	watch->before = (struct gyre__thread_state){ 0 };
}

static void
look_at_busy(struct gyre__watcher *watcher, struct gyre__watch *watch,
	     int64_t now_ns)
{
	int64_t busy_ns = now_ns - watch->watched.beat_since_ns;

	if (watch->stall != 0) {
		extend_stall(watcher, watch, now_ns, false);
	} else if (busy_ns >= watcher->threshold_ns) {
		begin_stall(watcher, watch, now_ns);
	} else if (!watch->has_before && busy_ns >= watcher->threshold_ns / 2) {
		gyre__thread_state_read(watcher->sys, watch->thread_number,
					now_ns, &watch->before);
		watch->has_before = true;
	}
}

/* Whether it is as it was, and asleep. */
static bool
look_at(struct gyre__watcher *watcher, struct gyre__watch *watch,
	int64_t now_ns)
{
	uint64_t beat = gyre__watched_read(&watch->watched);

	if (beat != watch->watched.beat) {
		note(watcher, watch, beat, now_ns);
		return false;
	}
	if (!gyre__watched_is_busy(&watch->watched))
		return gyre__heartbeat_is_asleep(
			&watch->watched.loop->heartbeat);
	look_at_busy(watcher, watch, now_ns);
	return false;
}

/* It was not there, and nobody may have been. */
static void
forgive(struct gyre__watcher *watcher, int64_t late_ns)
{
	for (unsigned i = 0; i < watcher->count; i++) {
		struct gyre__watch *watch = &watcher->watches[i];

		watch->watched.beat_since_ns += late_ns;
		watch->before.at_ns += late_ns;
	}
}

/* A step from now, or when one will stand for a threshold before that. */
static int64_t
next_look(const struct gyre__watcher *watcher, int64_t now_ns)
{
	int64_t delay_ns = watcher->threshold_ns / GYRE__LOOKS_PER_THRESHOLD;

	for (unsigned i = 0; i < watcher->count; i++) {
		const struct gyre__watch *watch = &watcher->watches[i];
		int64_t left_ns = watch->watched.beat_since_ns +
				  watcher->threshold_ns - now_ns;

		if (gyre__watched_is_busy(&watch->watched) &&
		    watch->stall == 0 && left_ns < delay_ns)
			delay_ns = left_ns;
	}
	return now_ns + delay_ns;
}

int64_t
gyre__watcher_look(struct gyre__watcher *watcher, int64_t now_ns)
{
	int64_t step_ns = watcher->threshold_ns / GYRE__LOOKS_PER_THRESHOLD;
	bool all_asleep = true;

	if (watcher->due_ns != 0 && now_ns - watcher->due_ns > step_ns)
		forgive(watcher, now_ns - watcher->due_ns);
	for (unsigned i = 0; i < watcher->count; i++)
		if (!look_at(watcher, &watcher->watches[i], now_ns))
			all_asleep = false;
	watcher->due_ns = all_asleep ? 0 : next_look(watcher, now_ns);
	return all_asleep ? GYRE_FOREVER : watcher->due_ns;
}

/* -- the thread ------------------------------------------------------------ */

static void
ring(struct gyre__doorbell *bell)
{
	struct gyre__watcher *watcher =
		(struct gyre__watcher *)((char *)bell -
					 offsetof(struct gyre__watcher, bell));

	pthread_mutex_lock(&watcher->mutex);
	watcher->is_rung = true;
	pthread_cond_signal(&watcher->changed);
	pthread_mutex_unlock(&watcher->mutex);
}

static void
unwatch(struct gyre__watcher *watcher, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		gyre__heartbeat_unwatch(
			&watcher->watches[i].watched.loop->heartbeat);
}

bool
gyre__watcher_ask(struct gyre__watcher *watcher)
{
	for (unsigned i = 0; i < watcher->count; i++)
		if (!gyre__heartbeat_watch(
			    &watcher->watches[i].watched.loop->heartbeat)) {
			unwatch(watcher, i);
			return false;
		}
	return true;
}

/* Until a loop wakes up. The mutex is held. */
static void
sleep_with_loops(struct gyre__watcher *watcher)
{
	watcher->is_rung = false;
	if (!gyre__watcher_ask(watcher))
		return;
	while (!watcher->is_rung && !watcher->is_closing)
		(void)gyre__condition_wait(&watcher->changed, &watcher->mutex,
					   GYRE_FOREVER);
	unwatch(watcher, watcher->count);
}

/* What the look itself has taken was not idled away. */
static void
be_not_late(struct gyre__watcher *watcher)
{
	int64_t now_ns = gyre__now_ns(watcher->sys);

	if (now_ns > watcher->due_ns)
		watcher->due_ns = now_ns;
}

/* The mutex is not held for a look, which may write to the log. */
static int64_t
look_unlocked(struct gyre__watcher *watcher)
{
	int64_t when_ns;

	pthread_mutex_unlock(&watcher->mutex);
	when_ns = gyre__watcher_look(watcher, gyre__now_ns(watcher->sys));
	if (when_ns != GYRE_FOREVER)
		be_not_late(watcher);
	pthread_mutex_lock(&watcher->mutex);
	return when_ns;
}

static void *
watcher_main(void *arg)
{
	struct gyre__watcher *watcher = arg;

	gyre__thread_enter("gyre-watcher-", 0);
	/* Refused, it runs where the thread that made it may. */
	(void)gyre__cpus_apply(watcher->sys, watcher->cpus);
	pthread_mutex_lock(&watcher->mutex);
	while (!watcher->is_closing) {
		int64_t when_ns = look_unlocked(watcher);

		if (watcher->is_closing)
			break;
		if (when_ns == GYRE_FOREVER)
			sleep_with_loops(watcher);
		else
			(void)gyre__condition_wait(&watcher->changed,
						   &watcher->mutex, when_ns);
	}
	/* The end of what it has told. */
	(void)look_unlocked(watcher);
	tell_left_out(watcher);
	pthread_mutex_unlock(&watcher->mutex);
	return NULL;
}

/* -- life ------------------------------------------------------------------ */

/* So that a program that has no such option can be told, too. */
static int64_t
threshold_of_environment(const struct gyre_log *log)
{
	const char *text = getenv("GYRE_WATCHDOG");
	unsigned long threshold_ms;
	char *end;

	if (text == NULL || text[0] == '\0')
		return GYRE_WATCHDOG_NS;
	threshold_ms = strtoul(text, &end, 10);
	if (*end == '\0' && text[0] >= '0' && text[0] <= '9' &&
	    threshold_ms <= THRESHOLD_MAX_MS)
		return threshold_ms == 0 ? GYRE_FOREVER
					 : GYRE_MS((int64_t)threshold_ms);
	gyre__log(log, GYRE_LOG_WARN,
		  "GYRE_WATCHDOG is no number of milliseconds: %s", text);
	return GYRE_WATCHDOG_NS;
}

int64_t
gyre__watcher_threshold(const struct gyre_log *log, int64_t option_ns)
{
	return option_ns != 0 ? option_ns : threshold_of_environment(log);
}

struct gyre__watcher *
gyre__watcher_new(const struct gyre_sys *sys, unsigned count)
{
	size_t watches_bytes = count * sizeof(struct gyre__watch);
	struct gyre__watcher *watcher =
		gyre__allocate(sys,
			       sizeof(*watcher) + watches_bytes +
				       count * sizeof(struct gyre__stall_sum),
			       0);

	if (watcher == NULL)
		return NULL;
	watcher->sys = sys;
	watcher->count = count;
	watcher->bell.ring = ring;
	gyre__stalls_init(&watcher->stalls,
			  (struct gyre__stall_sum *)((char *)(watcher + 1) +
						     watches_bytes));
	pthread_mutex_init(&watcher->mutex, NULL);
	gyre__condition_init(&watcher->changed);
	return watcher;
}

void
gyre__watcher_free(struct gyre__watcher *watcher)
{
	if (watcher == NULL)
		return;
	GYRE_REQUIRE(!watcher->runs);
	for (unsigned i = 0; i < watcher->count; i++)
		if (watcher->watches[i].watched.loop != NULL)
			gyre__watched_fini(&watcher->watches[i].watched);
	pthread_cond_destroy(&watcher->changed);
	pthread_mutex_destroy(&watcher->mutex);
	gyre__stalls_fini(&watcher->stalls);
	watcher->sys->release(watcher);
}

void
gyre__watcher_add(struct gyre__watcher *watcher, unsigned shard,
		  struct gyre_loop *loop)
{
	struct gyre__watch *watch = &watcher->watches[shard];

	gyre__watched_init(&watch->watched, loop);
	watch->shard = shard;
	watch->thread_number = gyre__thread_number(watcher->sys);
	loop->watched = &watch->watched;
	loop->watcher = &watcher->bell;
}

int
gyre__watcher_start(struct gyre__watcher *watcher)
{
	int result;

	if (watcher == NULL)
		return 0;
	result = gyre__thread_start_blocked(watcher->sys, &watcher->thread, 0,
					    watcher_main, watcher);
	watcher->runs = result == 0;
	return result;
}

void
gyre__watcher_stop(struct gyre__watcher *watcher)
{
	if (watcher == NULL || !watcher->runs)
		return;
	pthread_mutex_lock(&watcher->mutex);
	watcher->is_closing = true;
	pthread_cond_signal(&watcher->changed);
	pthread_mutex_unlock(&watcher->mutex);
	watcher->sys->thread_join(watcher->thread, NULL);
	watcher->runs = false;
}
