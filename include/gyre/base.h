/*
 * What every part of gyre shares: time, logging and the raised error.
 *
 * Instants and durations are int64_t nanoseconds. Functions that return int
 * answer 0 or a negative errno. C has no exceptions: a function that gyre
 * calls and that fails calls gyre_raise() and returns; whoever called it
 * (a loop, a pool) looks at the record afterwards.
 *
 *     static void on_tick(void *arg)
 *     {
 *             if (save(arg) < 0)
 *                     gyre_raise(-EIO, "cannot save %s", name(arg));
 *     }
 */
#ifndef GYRE_BASE_H
#define GYRE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define GYRE_API          __attribute__((visibility("default")))
#define GYRE_PRINTF(f, a) __attribute__((format(printf, f, a)))
#define GYRE_MUST_CHECK   __attribute__((warn_unused_result))
#else
#define GYRE_API
#define GYRE_PRINTF(f, a)
#define GYRE_MUST_CHECK
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Durations in nanoseconds: GYRE_SECONDS(0.5), GYRE_MS(20). */
#define GYRE_SECONDS(s) ((int64_t)((s)*1000000000.0))
#define GYRE_MS(ms)     ((int64_t)(ms)*1000000)
#define GYRE_US(us)     ((int64_t)(us)*1000)

/* An instant or a duration that never comes. */
#define GYRE_FOREVER INT64_MAX

enum gyre_log_level {
	GYRE_LOG_ERROR, /* work was lost or refused that should not be */
	GYRE_LOG_WARN,  /* something is worse than asked for; gyre goes on */
	GYRE_LOG_INFO,  /* worth knowing once */
	GYRE_LOG_DEBUG, /* for those who look into gyre itself */
};

/*
 * Where gyre's lines go. The function gets one line without a newline, on
 * whichever thread had something to say; it may be called by several threads
 * at once and must not call gyre. A zeroed gyre_log writes to standard error.
 */
struct gyre_log {
	void (*fn)(enum gyre_log_level level, const char *line, void *arg);
	void *arg;
};

#define GYRE_EXCEPTION_MESSAGE_MAX 160

/* The error that this thread's running function raised. */
struct gyre_exception {
	int error;        /* a negative errno, never 0 */
	const char *file; /* where it was raised; NULL: not known */
	int line;
	char message[GYRE_EXCEPTION_MESSAGE_MAX]; /* "" or one line */
};

/*
 * Record an error for the function that is running on this thread; the
 * function then returns. Of several records the last one counts.
 */
#define gyre_raise(error, ...) \
	gyre_raise_at((error), __FILE__, __LINE__, __VA_ARGS__)

/*
 * Record an error with its place; gyre_raise() fills the place in.
 *
 * Thread: any
 */
GYRE_API void gyre_raise_at(int error, const char *file, int line,
			    const char *format, ...) GYRE_PRINTF(4, 5);

/*
 * Return this thread's raised error, or NULL if there is none. The record is
 * valid until the function or hook that looks at it returns.
 *
 * Thread: any
 */
GYRE_API const struct gyre_exception *gyre_exception(void);

/*
 * Return the name of a negative errno, such as "ESHUTDOWN".
 *
 * Thread: any
 */
GYRE_API const char *gyre_error_name(int error);

#ifdef __cplusplus
}
#endif

#endif
