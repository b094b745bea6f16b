/*
 * A loop runs one thread's handlers, callbacks and timeouts.
 *
 * It behaves as Tornado's IOLoop page (5.0) says. An iteration runs the
 * callbacks that were ready when it began, then the timeouts that were due,
 * then looks at stop, then polls and runs handlers. The thread inside
 * gyre_loop_start() is the loop's owner; while nobody runs it, any one thread
 * at a time may use it. Only what says `Thread: any` may be called elsewhere.
 *
 *     struct gyre_loop *loop;
 *     gyre_loop_new(NULL, &loop);
 *     gyre_loop_call_later(loop, GYRE_SECONDS(1), say_hello, NULL, NULL);
 *     gyre_loop_start(loop);
 *     gyre_loop_close(loop, false);
 *     gyre_loop_free(loop);
 */
#ifndef GYRE_LOOP_H
#define GYRE_LOOP_H

#include <gyre/base.h>
#include <gyre/future.h>
#include <gyre/poller.h>
#include <gyre/pool.h>
#include <gyre/task.h>

#ifdef __cplusplus
extern "C" {
#endif

struct gyre_loop;

/* Names a scheduled timeout; 0 names none. A stale handle is harmless. */
typedef uint64_t gyre_timeout;

typedef void (*gyre_handler_fn)(int fd, unsigned events, void *arg);

/*
 * What failed, for the exception hook; gyre_exception() says how. The hook
 * does not hear of a handler that raised -EPIPE: its peer went away.
 */
struct gyre_failure {
	const char *what; /* "callback", "timeout", "handler", "drop", … */
	int fd;           /* of a handler, else -1 */
	/* The function that raised and its argument, where known. */
	void (*fn)(void);
	void *arg;
};

typedef void (*gyre_exception_fn)(struct gyre_loop *loop,
				  const struct gyre_failure *failure,
				  void *arg);

/* Whether gyre_loop_new() makes the loop current for its thread. */
enum gyre_make_current {
	GYRE_MAKE_CURRENT_AUTO, /* if the thread has none */
	GYRE_MAKE_CURRENT_YES,  /* -EEXIST if the thread has one */
	GYRE_MAKE_CURRENT_NO,
};

/* The loop's clock: nanoseconds that never go back. */
struct gyre_clock {
	int64_t (*now_ns)(void *arg);
	void *arg;
};

struct gyre_loop_options {
	enum gyre_make_current make_current;
	struct gyre_clock clock; /* zeroed: CLOCK_MONOTONIC */
	struct gyre_log log;
	/* Zeroed: gyre_loop_handle_callback_exception. */
	gyre_exception_fn on_exception;
	void *on_exception_arg;
	/* NULL: what GYRE_POLLER names, else the platform's best. */
	const struct gyre_poller_ops *poller;
	const struct gyre_sys *_sys;
};

/* Counters of one loop; every one only grows. */
struct gyre_loop_stats {
	uint64_t iterations;
	uint64_t polls;
	uint64_t sleeps; /* polls that could block */
	uint64_t posted; /* callbacks and tasks that arrived */
	uint64_t run;    /* posted = run + dropped + waiting */
	uint64_t dropped;
	uint64_t waiting;
	uint64_t handlers_run;
	uint64_t timeouts_run;
	uint64_t exceptions;
	uint64_t arms;         /* commitments to sleep */
	uint64_t self_disarms; /* of which woken by something else */
	uint64_t rings;        /* of which woken by a post */
	uint64_t flushes;      /* outbox chains pushed to other loops */
	uint64_t sent;         /* callbacks and tasks in them */
	uint64_t undelivered;  /* dropped here: the other loop had closed */
};

/* -- life ---------------------------------------------------------------- */

/*
 * Make a loop. NULL options mean the defaults.
 *
 * Thread: setup
 * Errors: -EEXIST make_current is YES and the thread has a current loop;
 *         -ENOTSUP there is no poller of the name that GYRE_POLLER has;
 *         -ENOMEM; -EMFILE and the like from the poller
 */
GYRE_API int gyre_loop_new(const struct gyre_loop_options *options,
			   struct gyre_loop **ret_loop) GYRE_MUST_CHECK;

/*
 * Return this thread's current loop: the one it runs, else the one it made
 * current, else NULL. With `instance`, make one if there is none.
 *
 * Thread: any
 * Errors: NULL there is none, or with instance none could be made
 */
GYRE_API struct gyre_loop *gyre_loop_current(bool instance);

/*
 * Make the loop this thread's current one, in place of any other.
 *
 * Thread: any
 * Errors: -ESHUTDOWN the loop is closed
 */
GYRE_API int gyre_loop_make_current(struct gyre_loop *loop);

/*
 * Leave this thread without a current loop.
 *
 * Thread: any
 */
GYRE_API void gyre_loop_clear_current(void);

/*
 * Run the loop until it is stopped. If it was stopped before, return at once
 * and run nothing; what is queued stays queued.
 *
 * Thread: owner; the calling thread becomes it
 * Blocks: until gyre_loop_stop()
 * Errors: -EBUSY it runs already, or this thread runs another loop;
 *         -EPERM the process is a fork of the one that made it;
 *         -ESHUTDOWN it is closed; what the poller failed with
 */
GYRE_API int gyre_loop_start(struct gyre_loop *loop) GYRE_MUST_CHECK;

/*
 * Stop the loop: the current batch of callbacks and the due timeouts still
 * run, then start returns. Before start: the next start returns at once.
 *
 * Thread: any+signal
 */
GYRE_API void gyre_loop_stop(struct gyre_loop *loop);

/*
 * Close a loop that does not run: what waits is dropped, posts are refused
 * from now on. Listeners and streams left on it are closed first; with
 * all_fds, the registered descriptors too.
 * Closing twice is a no-op.
 *
 * Thread: owner
 * Blocks: until wake-ups under way on other threads have finished
 * Errors: -EBUSY it runs, or this thread runs another loop; -EPERM the process
 *         is a fork
 */
GYRE_API int gyre_loop_close(struct gyre_loop *loop, bool all_fds);

/*
 * Free a closed loop. Its inbox lives on while somebody holds a reference.
 * NULL is a no-op.
 *
 * Thread: setup
 */
GYRE_API void gyre_loop_free(struct gyre_loop *loop);

/* -- callbacks ----------------------------------------------------------- */

/*
 * Run a callback on the loop, in an iteration after this one.
 *
 * Thread: any
 * Order:  first in, first out per sender and loop, with tasks
 * Blocks: never; on a running loop's thread allocates nothing once warm
 * Errors: -ESHUTDOWN the loop is closed; -ENOMEM
 */
GYRE_API int gyre_loop_add_callback(struct gyre_loop *loop, gyre_callback_fn fn,
				    void *arg) GYRE_MUST_CHECK;

/*
 * As gyre_loop_add_callback(); if the callback never runs, `drop` gets arg.
 *
 * Thread: any
 * Owns:   on 0 the loop owns arg, until fn or drop; on error still the caller
 * Errors: -ESHUTDOWN the loop is closed; -ENOMEM
 */
GYRE_API int gyre_loop_add_callback_drop(struct gyre_loop *loop,
					 gyre_callback_fn fn, void *arg,
					 gyre_drop_fn drop) GYRE_MUST_CHECK;

/*
 * Return the loop's inbox, to post tasks to or to keep with gyre_inbox_ref().
 *
 * Thread: any
 */
GYRE_API struct gyre_inbox *gyre_loop_inbox(struct gyre_loop *loop);

/* -- handlers ------------------------------------------------------------ */

/*
 * Call a handler whenever the descriptor is ready, level-triggered.
 *
 * Thread: owner
 * Errors: -EEXIST it has a handler already, which stays; -EBADF; -EINVAL
 *         events has other bits than READ, WRITE and ERROR;
 *         -EPERM a regular file, or the process is a fork; -ESHUTDOWN;
 *         -ENOMEM
 */
GYRE_API int gyre_loop_add_handler(struct gyre_loop *loop, int fd,
				   unsigned events, gyre_handler_fn fn,
				   void *arg) GYRE_MUST_CHECK;

/*
 * Change what a descriptor's handler waits for.
 *
 * Thread: owner
 * Errors: -ENOENT it has no handler; -EINVAL events has other bits;
 *         -EPERM the process is a fork; -ESHUTDOWN
 */
GYRE_API int gyre_loop_update_handler(struct gyre_loop *loop, int fd,
				      unsigned events);

/*
 * Stop watching a descriptor; events already collected for it are not
 * delivered. Call it before the descriptor is closed.
 *
 * Thread: owner
 * Errors: -ENOENT it has no handler; may be ignored;
 *         -EPERM the process is a fork
 */
GYRE_API int gyre_loop_remove_handler(struct gyre_loop *loop, int fd);

/* -- time ---------------------------------------------------------------- */

/*
 * Return the loop's clock, in nanoseconds.
 *
 * Thread: any+signal
 */
GYRE_API int64_t gyre_loop_time(const struct gyre_loop *loop);

/*
 * Run a callback at an instant of the loop's clock, never earlier. An instant
 * in the past is due in the next iteration; GYRE_FOREVER never comes.
 *
 * Thread: owner
 * Order:  by instant, then in the order they were added
 * Errors: -ESHUTDOWN; -ENOMEM
 */
GYRE_API int gyre_loop_call_at(struct gyre_loop *loop, int64_t when_ns,
			       gyre_callback_fn fn, void *arg,
			       gyre_timeout *ret_timeout) GYRE_MUST_CHECK;

/*
 * Run a callback after a delay, as gyre_loop_call_at(now + delay_ns).
 *
 * Thread: owner
 * Errors: -ESHUTDOWN; -ENOMEM
 */
GYRE_API int gyre_loop_call_later(struct gyre_loop *loop, int64_t delay_ns,
				  gyre_callback_fn fn, void *arg,
				  gyre_timeout *ret_timeout) GYRE_MUST_CHECK;

/*
 * Cancel a timeout. Harmless when it has run, was cancelled, or is running.
 *
 * Thread: owner
 */
GYRE_API void gyre_loop_remove_timeout(struct gyre_loop *loop,
				       gyre_timeout timeout);

/* -- futures and executors ------------------------------------------------ */

/*
 * Call a function on the loop when the future is complete, never inline. If
 * the loop closes first, it is not called.
 *
 * Thread: owner
 * Order:  first in, first out
 * Errors: -EINVAL the future's home is another loop; -ESHUTDOWN; -ENOMEM
 */
GYRE_API int gyre_loop_add_future(struct gyre_loop *loop,
				  struct gyre_future *future, gyre_future_fn fn,
				  void *arg) GYRE_MUST_CHECK;

/*
 * Run a function that may block on an executor; NULL is the default one. Its
 * value resolves the future, gyre_raise() rejects it, an executor that
 * refuses or drops it rejects it with -ESHUTDOWN (or the refusal's code).
 *
 * Thread: owner
 * Owns:   the caller gets one reference to the future
 * Errors: NULL no memory, or the loop is closed
 */
GYRE_API struct gyre_future *gyre_loop_run_in_executor(
	struct gyre_loop *loop, struct gyre_executor *executor,
	gyre_executor_fn fn, void *arg) GYRE_MUST_CHECK;

/*
 * Set what run_in_executor uses when it is given none; it must outlive the
 * loop. Without one the loop makes a pool of its own on first use.
 *
 * Thread: owner
 */
GYRE_API void gyre_loop_set_default_executor(struct gyre_loop *loop,
					     struct gyre_executor *executor);

/* -- failure and introspection --------------------------------------------- */

/*
 * The default exception hook: one log line with what failed and how.
 *
 * Thread: owner
 */
GYRE_API void gyre_loop_handle_callback_exception(
	struct gyre_loop *loop, const struct gyre_failure *failure, void *arg);

/*
 * Tell whether the calling thread is the one that runs the loop.
 *
 * Thread: any
 */
GYRE_API bool gyre_loop_in_owner_thread(const struct gyre_loop *loop);

/*
 * Read the loop's counters.
 *
 * Thread: owner
 */
GYRE_API void gyre_loop_get_stats(const struct gyre_loop *loop,
				  struct gyre_loop_stats *ret_stats);

#ifdef __cplusplus
}
#endif

#endif
