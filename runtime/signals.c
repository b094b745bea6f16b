/*
 * SIGINT and SIGTERM as a descriptor. Every shard watches the one descriptor,
 * so that whichever of them still run hear a signal: shard 0 alone might have
 * ended first. All wake at a signal and one reads it; they were to stop
 * anyway. Rejected: a thread for signals, a second runtime in small; handlers,
 * which are the process's and not ours to take.
 */
#include "runtime/runtime.h"

#include "base/check.h"
#include "base/log.h"

#include <errno.h>

#if defined(__linux__)

#include <sys/signalfd.h>

static void
fill_stop_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
}

/* Block them, so that they wait for who reads the descriptor. */
static int
block(struct gyre_runtime *runtime, const sigset_t *set)
{
	return -runtime->sys->thread_sigmask(SIG_BLOCK, set,
					     &runtime->mask_before);
}

static void
unblock(struct gyre_runtime *runtime)
{
	runtime->sys->thread_sigmask(SIG_SETMASK, &runtime->mask_before, NULL);
}

static int
open_signal_fd(struct gyre_runtime *runtime, const sigset_t *set)
{
	runtime->signal_fd =
		runtime->sys->signalfd(-1, set, SFD_NONBLOCK | SFD_CLOEXEC);
	return runtime->signal_fd < 0 ? -errno : 0;
}

int
gyre__signals_open(struct gyre_runtime *runtime)
{
	sigset_t set;
	int result;

	if (!runtime->stop_signals)
		return 0;
	fill_stop_signals(&set);
	result = block(runtime, &set);
	if (result == 0) {
		result = open_signal_fd(runtime, &set);
		if (result < 0)
			unblock(runtime);
	}
	if (result < 0)
		gyre__log(&runtime->log, GYRE_LOG_ERROR,
			  "runtime: no stop_signals: %s",
			  gyre_error_name(result));
	return result;
}

/* Take one that came; false: another shard did, or none has come. */
static bool
read_signal(struct gyre_runtime *runtime)
{
	struct signalfd_siginfo info;

	return runtime->sys->read(runtime->signal_fd, &info, sizeof(info)) ==
	       (ssize_t)sizeof(info);
}

static void
on_signal(int fd, unsigned events, void *arg)
{
	struct gyre_runtime *runtime = arg;

	(void)fd;
	(void)events;
	if (read_signal(runtime))
		gyre_runtime_stop(runtime);
}

int
gyre__signals_watch(struct gyre_runtime *runtime, struct gyre_loop *loop)
{
	if (runtime->signal_fd < 0)
		return 0;
	return gyre_loop_add_handler(loop, runtime->signal_fd, GYRE_READ,
				     on_signal, runtime);
}

void
gyre__signals_drain(struct gyre_runtime *runtime)
{
	while (runtime->signal_fd >= 0 && read_signal(runtime))
		;
}

void
gyre__signals_close(struct gyre_runtime *runtime)
{
	if (runtime->signal_fd < 0)
		return;
	runtime->sys->close(runtime->signal_fd);
	runtime->signal_fd = -1;
	unblock(runtime);
}

#else

int
gyre__signals_open(struct gyre_runtime *runtime)
{
	if (!runtime->stop_signals)
		return 0;
	gyre__log(&runtime->log, GYRE_LOG_ERROR,
		  "runtime: stop_signals is for Linux only so far");
	return -ENOTSUP;
}

int
gyre__signals_watch(struct gyre_runtime *runtime, struct gyre_loop *loop)
{
	(void)runtime;
	(void)loop;
	return 0;
}

void
gyre__signals_drain(struct gyre_runtime *runtime)
{
	(void)runtime;
}

void
gyre__signals_close(struct gyre_runtime *runtime)
{
	(void)runtime;
}

#endif
