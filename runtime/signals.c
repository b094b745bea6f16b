/*
 * SIGINT and SIGTERM stop the runtime, from within the handler: a stop may be
 * called anywhere. The second is for who will not wait, the third for who does
 * not believe that it will end. Rejected: a loop that hears them, which may be
 * the one that is stuck, or that has ended; a descriptor for signals, which
 * takes that they are blocked in every thread of the program, and which only
 * Linux has.
 */
#include "runtime/runtime.h"

#include "base/atomics.h"
#include "base/log.h"

#include <signal.h>

static const int stop_signals[GYRE__STOP_SIGNALS] = { SIGINT, SIGTERM };

/* Once this handler has returned. */
static void
end_process(const struct gyre_sys *sys, int signo)
{
	const struct sigaction by_default = { .sa_handler = SIG_DFL };

	sys->sigaction(signo, &by_default, NULL);
	raise(signo);
}

static void
on_signal(struct gyre__signal_watch *watch)
{
	struct gyre_runtime *runtime =
		((struct gyre__stop_signal *)watch)->runtime;
	/* signals.N1 relaxed: which one it is, and only that */
	uint32_t before = gyre__add_32_relaxed(&runtime->signals_seen, 1);

	if (before == 0)
		gyre_runtime_stop(runtime);
	else if (before == 1)
		gyre__supervision_hurry(runtime);
	else
		end_process(runtime->sys, watch->signo);
}

int
gyre__signals_open(struct gyre_runtime *runtime)
{
	int result = 0;

	if (!runtime->options.stop_signals)
		return 0;
	while (runtime->signals_count < GYRE__STOP_SIGNALS && result == 0) {
		unsigned i = runtime->signals_count;
		struct gyre__stop_signal *signal = &runtime->signals[i];

		signal->runtime = runtime;
		signal->watch.signo = stop_signals[i];
		signal->watch.notify = on_signal;
		result = gyre__signals_add(runtime->sys, &signal->watch);
		if (result == 0)
			runtime->signals_count++;
	}
	if (result < 0) {
		gyre__log(&runtime->log, GYRE_LOG_ERROR,
			  "runtime: no stop_signals: %s",
			  gyre_error_name(result));
		gyre__signals_close(runtime);
	}
	return result;
}

void
gyre__signals_close(struct gyre_runtime *runtime)
{
	while (runtime->signals_count > 0) {
		unsigned i = --runtime->signals_count;

		gyre__signals_remove(runtime->sys, &runtime->signals[i].watch);
	}
}
