/*
 * A watcher's view of one loop: its owner while that runs, its heartbeat as it
 * was last seen, and its stack.
 *
 * What runs is found in the stack, so that no callback pays for it: the frame
 * inside of the innermost function that calls callbacks. It may be static and
 * have no name; where a function begins is in its unwind table.
 */
#include "loop/watched.h"

#include "base/log.h"
#include "bus/block.h"
#include "bus/outbox.h"
#include "loop/loop.h"

#include <errno.h>

#define FRAME_TEXT_BYTES 400 /* a line has 512 */

void
gyre__watched_init(struct gyre__watched *watched, struct gyre_loop *loop)
{
	*watched = (struct gyre__watched){ .loop = loop, .sys = loop->sys };
	pthread_mutex_init(&watched->mutex, NULL);
	gyre__backtrace_prepare();
}

void
gyre__watched_fini(struct gyre__watched *watched)
{
	pthread_mutex_destroy(&watched->mutex);
}

void
gyre__watched_enter(struct gyre__watched *watched)
{
	pthread_mutex_lock(&watched->mutex);
	watched->owner = pthread_self();
	watched->is_running = true;
	pthread_mutex_unlock(&watched->mutex);
}

/* The thread may end now: nobody is sending it a signal then. */
void
gyre__watched_leave(struct gyre__watched *watched)
{
	pthread_mutex_lock(&watched->mutex);
	watched->is_running = false;
	pthread_mutex_unlock(&watched->mutex);
}

uint64_t
gyre__watched_read(const struct gyre__watched *watched)
{
	/* watched.B3 relaxed: compared, and nothing is read through it */
	return gyre__load_64_relaxed(&watched->loop->heartbeat.beat);
}

void
gyre__watched_note(struct gyre__watched *watched, uint64_t beat, int64_t now_ns)
{
	watched->beat = beat;
	watched->beat_since_ns = now_ns;
}

/* -- stacks --------------------------------------------------------------- */

/* The mutex keeps the owner from ending. If the loop goes on before the
 * thread looks at itself, the stack would be an innocent one's. */
int
gyre__watched_take_stack(struct gyre__watched *watched,
			 struct gyre__backtrace *ret)
{
	int result = -ECANCELED;

	pthread_mutex_lock(&watched->mutex);
	if (watched->is_running) {
		const struct gyre__backtrace_request request = {
			.thread = watched->owner,
			.word = &watched->loop->heartbeat.beat,
			.value = watched->beat,
		};

		result =
			gyre__backtrace_take_other(watched->sys, &request, ret);
	}
	pthread_mutex_unlock(&watched->mutex);
	if (result == 0 && ret->count == 0)
		return -ENOTSUP; /* this platform has none */
	return result;
}

static const char *
why_no_stack(int error)
{
	switch (error) {
	case -ETIMEDOUT:
		return "its thread did not answer; has it SIGURG blocked?";
	case -ECANCELED:
		return "the loop went on meanwhile";
	case -EBUSY:
		return "too many others are being taken";
	default:
		return gyre_error_name(error);
	}
}

void
gyre__watched_log_stack(const struct gyre_log *log, const char *who, int error,
			const struct gyre__backtrace *backtrace)
{
	char text[FRAME_TEXT_BYTES];

	if (error == 0 && backtrace->count == 0)
		error = -ENOTSUP; /* this platform has none */
	if (error < 0)
		gyre__log(log, GYRE_LOG_WARN, "%s: no stack: %s", who,
			  why_no_stack(error));
	for (int i = 0; error == 0 && i < backtrace->count; i++) {
		gyre__frame_name(backtrace, i, text, sizeof(text));
		gyre__log(log, GYRE_LOG_WARN, "%s: #%d %s", who, i, text);
	}
}

static bool
calls_callbacks(const void *function)
{
	void (*const callers[])(void) = {
		(void (*)(void))gyre__loop_iterate,
		(void (*)(void))gyre__loop_end_batch,
		(void (*)(void))gyre__outbox_run_task,
		(void (*)(void))gyre__outbox_run,
		(void (*)(void))gyre__outbox_run_timed,
		(void (*)(void))gyre__outbox_run_urgent_now,
		(void (*)(void))gyre__block_run_entries,
		(void (*)(void))gyre__block_run,
		(void (*)(void))gyre__handlers_deliver,
	};

	for (size_t i = 0; i < sizeof(callers) / sizeof(callers[0]); i++)
		if (function == (const void *)(uintptr_t)callers[i])
			return true;
	return false;
}

int
gyre__watched_callback(const struct gyre__backtrace *backtrace)
{
	for (int i = 1; i < backtrace->count; i++)
		if (calls_callbacks(gyre__frame_function(backtrace, i)))
			return i - 1;
	return -1;
}
