/*
 * Probes for tracers: USDT, as bpftrace, perf and SystemTap know them, of the
 * provider "gyre". Where <sys/sdt.h> is there each is one nop and a note in the
 * binary that says where its arguments are; elsewhere it is nothing.
 * docs/tracing.md lists them.
 *
 * Arguments are what the code has at hand: a probe that nobody uses computes
 * nothing. An inbox stands for the loop it belongs to.
 */
#ifndef GYRE_BASE_TRACE_H
#define GYRE_BASE_TRACE_H

#if defined(__linux__) && defined(__has_include)
#if __has_include(<sys/sdt.h>)
#define GYRE__TRACES 1
#include <sys/sdt.h>
#if defined(__clang__) /* its macros call one with nothing for its dots */
#pragma clang diagnostic ignored "-Wgnu-zero-variadic-macro-arguments"
#endif
#endif
#endif

#if defined(GYRE__TRACES)
#define GYRE__PROBE2(name, a, b)    DTRACE_PROBE2(gyre, name, a, b)
#define GYRE__PROBE3(name, a, b, c) DTRACE_PROBE3(gyre, name, a, b, c)
#else
#define GYRE__PROBE2(name, a, b)    ((void)0)
#define GYRE__PROBE3(name, a, b, c) ((void)0)
#endif

/* A callback is posted to an inbox, which may refuse it; runs; or is dropped,
 * if it has a drop function. */
#define GYRE__TRACE_CALLBACK_POSTED(inbox, fn, arg) \
	GYRE__PROBE3(callback_posted, inbox, fn, arg)
#define GYRE__TRACE_CALLBACK_RUN(inbox, fn, arg) \
	GYRE__PROBE3(callback_run, inbox, fn, arg)
#define GYRE__TRACE_CALLBACK_DROPPED(drop, arg, reason) \
	GYRE__PROBE3(callback_dropped, drop, arg, reason)

/* The same for so many tasks, of which this is the last; gyre's own, that
 * carry callbacks and messages, are not all posted so, but run and dropped. */
#define GYRE__TRACE_TASK_POSTED(inbox, task, count) \
	GYRE__PROBE3(task_posted, inbox, task, count)
#define GYRE__TRACE_TASK_RUN(inbox, task, run) \
	GYRE__PROBE3(task_run, inbox, task, run)
#define GYRE__TRACE_TASK_DROPPED(inbox, task, drop) \
	GYRE__PROBE3(task_dropped, inbox, task, drop)

/* A loop goes to sleep for so long at most, and woke with so many events. */
#define GYRE__TRACE_LOOP_SLEPT(inbox, timeout_ns) \
	GYRE__PROBE2(loop_slept, inbox, timeout_ns)
#define GYRE__TRACE_LOOP_WOKE(inbox, events) \
	GYRE__PROBE2(loop_woke, inbox, events)

/* The watchdog found a shard stalled, for so long, in a callback. */
#define GYRE__TRACE_STALL(shard, duration_ns, callback) \
	GYRE__PROBE3(stall, shard, duration_ns, callback)

#endif
