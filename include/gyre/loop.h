/*
 * A loop runs one thread's handlers, callbacks and timeouts.
 *
 * It behaves as Tornado's IOLoop page (5.0) says. An iteration runs the
 * callbacks that were ready when it began, then the timeouts that were due,
 * then looks at stop, then polls and runs handlers. The thread inside
 * gyre_loop_start() is the loop's owner; while nobody runs it, any one thread
 * at a time may use it. Only what says `Thread: any` may be called elsewhere.
 * A fork of the process that made it gets -EPERM (or NULL) for whatever it
 * asks a loop for, and frees it with gyre_loop_free().
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
#include <gyre/handler.h>
#include <gyre/histogram.h>
#include <gyre/poller.h>
#include <gyre/pool.h>
#include <gyre/task.h>
#include <gyre/timeout.h>

#ifdef __cplusplus
extern "C" {
#endif

struct gyre_loop;

/*
 * What failed, for the exception hook; gyre_exception() says how. The hook
 * does not hear of a handler that raised -EPIPE: its peer went away. What the
 * hook itself raises is logged and forgotten. It may stop the loop, not close
 * it.
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

/*
 * What to do about a loop that has been blocked for so long. It runs on a
 * thread of its own while the loop goes on being blocked or not, and may call
 * what says `Thread: any`, gyre_loop_log_stack() and the calls that set
 * thresholds.
 */
typedef void (*gyre_blocked_fn)(struct gyre_loop *loop, int64_t blocked_ns,
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
	/*
	 * Before it sleeps the loop looks for work for so long, up to
	 * GYRE_SPIN_MAX_NS: what comes in that time meets a loop that is
	 * awake, and costs its sender no system call. It takes CPU time for
	 * that, which the statistics have as spinning_ns, and so it learns from
	 * what came while it spun: after a few spins in vain it only tries now
	 * and then, once in 1024 sleeps in the end. It spins only in
	 * gyre_loop_start() and the like, and only while the thread may run on
	 * one CPU alone and the machine has more; if it finds that it shares
	 * that CPU, it takes it as in vain many times. Descriptors and timeouts
	 * are looked at meanwhile. 0: never. A little more than it takes
	 * to wake another thread is a good beginning.
	 */
	int64_t spin_ns;
	/*
	 * Once the loop has slept until a timeout, those of several that are
	 * due within so long wait for the end of that time and run then, in
	 * their order: so however many there are, they wake it about once in
	 * that time. A timeout that is alone in it, or due later, wakes the
	 * loop at its instant (one that was moved later may count where it was
	 * before), and a loop that is awake runs whatever is due. 0: a
	 * millisecond; 1: each is run at its instant. Up to GYRE_SLACK_MAX_NS.
	 */
	int64_t slack_ns;
	const struct gyre_sys *_sys;
};

#define GYRE_SPIN_MAX_NS  GYRE_MS(1)
#define GYRE_SLACK_MAX_NS GYRE_MS(1000)

/* What one loop counts. */
struct gyre_loop_stats {
	/* Counters, which only grow. */
	uint64_t iterations;
	uint64_t polls;
	uint64_t sleeps;      /* polls that could block */
	uint64_t spurious;    /* that ended with no event, task or timeout */
	uint64_t spins;       /* looks for work before a sleep, for a while */
	uint64_t spins_found; /* that found some, and spared the sleep */
	uint64_t batches;     /* takes from the inbox that found some */
	uint64_t received;    /* callbacks and tasks in them */
	uint64_t posted;      /* and those it gave itself */
	uint64_t run;         /* posted = run + dropped + waiting */
	uint64_t dropped;
	uint64_t handlers_run;
	uint64_t timeouts_added;
	uint64_t timeouts_run; /* added = run + dropped + waiting */
	uint64_t timeouts_dropped;
	uint64_t exceptions;
	uint64_t poller_changes; /* a closed descriptor was still reported */
	uint64_t arms;           /* commitments to sleep */
	uint64_t self_disarms;   /* of which woken by something else */
	uint64_t rings;          /* of which woken by a post */
	uint64_t flushes;        /* outbox chains pushed to other loops */
	uint64_t sent;           /* callbacks and tasks in them */
	uint64_t undelivered;    /* dropped here: the other loop had closed */
	uint64_t calls; /* = run + canceled + expired + stopped + open */
	uint64_t calls_run;
	uint64_t calls_canceled; /* before they ran, as the next two */
	uint64_t calls_expired;
	uint64_t calls_stopped; /* the shard closed */
	uint64_t calls_refused; /* not in calls: too many were open, say */
	int64_t busy_ns;        /* running, and in neither of the next two */
	int64_t idle_ns;        /* in polls that could block */
	int64_t spinning_ns;    /* spinning: CPU time, and no work */
	/* How much there is at present. */
	uint64_t waiting; /* callbacks and tasks that have not run yet */
	uint64_t timeouts_waiting;
	uint64_t handlers; /* descriptors that have one */
	uint64_t calls_open;
};

/*
 * How long things took on one loop; 20 KiB. Clocks are dear beside what is
 * measured, so where nothing else has read one, a part stands for the whole.
 */
struct gyre_loop_times {
	/* Each timeout: from its deadline until those that were due with it
	 * began to run. */
	struct gyre_histogram lateness;
	/* One batch in GYRE_TIMED_EVERY: from the push of its first task, on
	 * whatever thread, until it began to run: of all in it, the longest.
	 * Not on a loop with a clock of its own. */
	struct gyre_histogram queue_delay;
	/* In one iteration of GYRE_TIMED_EVERY: a callback or task, the first
	 * timeout, and the first handler. */
	struct gyre_histogram run_time;
	/* Each time it was awake, from one poll that could block to the next.
	 */
	struct gyre_histogram awake;
};

#define GYRE_TIMED_EVERY 8u

/* One iteration, for the iteration hook: from the poll that ended before it,
 * with the handlers of that poll, to the one that it ends with. */
struct gyre_iteration {
	uint64_t number;
	int64_t busy_ns;
	int64_t idle_ns;     /* in that poll, */
	int64_t spinning_ns; /* and before it */
	uint64_t callbacks_run;
	uint64_t timeouts_run;
	uint64_t handlers_run;
};

/* Runs on the loop's thread, before its poll; must not start or close it. */
typedef void (*gyre_iteration_fn)(struct gyre_loop *loop,
				  const struct gyre_iteration *iteration,
				  void *arg);

/* -- life ---------------------------------------------------------------- */

/*
 * Make a loop. NULL options mean the defaults.
 *
 * Thread: setup
 * Errors: -EEXIST make_current is YES and the thread has a current loop;
 *         -EINVAL spin_ns or slack_ns is negative, or more than
 *         GYRE_SPIN_MAX_NS or GYRE_SLACK_MAX_NS;
 *         -ENOTSUP there is no poller of the name that GYRE_POLLER has;
 *         -ENOMEM; -EMFILE and the like from the poller
 */
GYRE_API int gyre_loop_new(const struct gyre_loop_options *options,
			   struct gyre_loop **ret_loop) GYRE_MUST_CHECK;

/*
 * Return this thread's current loop: the one it runs, else the one it made
 * current, else NULL. A loop that was closed, on whatever thread, or that is a
 * fork's parent's, is nobody's current one. With `instance`, make one if there
 * is none.
 *
 * Thread: any
 * Errors: NULL there is none, or with instance none could be made
 */
GYRE_API struct gyre_loop *gyre_loop_current(bool instance);

/*
 * Make the loop this thread's current one, in place of any other.
 *
 * Thread: any
 * Errors: -ESHUTDOWN the loop is closed; -EPERM the process is a fork
 */
GYRE_API int gyre_loop_make_current(struct gyre_loop *loop);

/*
 * Leave this thread without a current loop.
 *
 * Thread: any
 */
GYRE_API void gyre_loop_clear_current(void);

/*
 * Return this thread's current loop, made if there is none: an older name of
 * gyre_loop_current(true).
 *
 * Thread: any
 * Errors: NULL none could be made
 */
GYRE_API struct gyre_loop *gyre_loop_instance(void);

/*
 * Make the loop current: an older name of gyre_loop_make_current().
 *
 * Thread: any
 * Errors: -ESHUTDOWN the loop is closed; -EPERM the process is a fork
 */
GYRE_API int gyre_loop_install(struct gyre_loop *loop);

/*
 * Leave this thread without a current loop: an older name of
 * gyre_loop_clear_current().
 *
 * Thread: any
 */
GYRE_API void gyre_loop_clear_instance(void);

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
 * Run the loop until a function's future is complete, and return its outcome.
 * The function runs on the loop, behind what is queued; it returns a future of
 * this loop, whose reference run_sync takes over, or NULL for a result that is
 * there already: NULL, or the error it raised.
 *
 * When the timeout expires first, the future is cancelled; what completes it
 * later is refused. A function that needs no waiting succeeds even with a
 * timeout of 0. If the loop is stopped or fails before, the future is left to
 * those who have it.
 *
 * Thread: owner; the calling thread becomes it
 * Blocks: up to timeout_ns, and what runs then; GYRE_FOREVER
 * Errors: what the function raised or its future was rejected with;
 *         -ETIMEDOUT; -ECANCELED the loop was stopped, before or meanwhile, or
 *         the future was cancelled; -EINVAL the future's home is elsewhere;
 *         -ENOMEM; as gyre_loop_start(), with nothing queued
 */
GYRE_API int gyre_loop_run_sync(struct gyre_loop *loop,
				struct gyre_future *(*func)(void *arg),
				void *arg, int64_t timeout_ns,
				void **ret_value) GYRE_MUST_CHECK;

/*
 * Run a stopped loop until nothing is queued on it and no future is waited for,
 * or until an instant of its clock. Timeouts that come due meanwhile run and
 * handlers are called, but neither is waited for.
 *
 * Thread: owner; the calling thread becomes it
 * Blocks: up to deadline_ns, and what runs then
 * Errors: -ETIMEDOUT something is still queued or waited for; -ECANCELED the
 * loop was stopped, before or meanwhile; -ENOMEM; as gyre_loop_start()
 */
GYRE_API int gyre_loop_drain(struct gyre_loop *loop, int64_t deadline_ns);

/*
 * End start() with an error as soon as the function that now runs returns.
 * What the batch has not run yet stays queued, due timeouts too, and runs
 * first if the loop is started again.
 *
 * Thread: owner, inside the running loop
 */
GYRE_API void gyre_loop_abort(struct gyre_loop *loop, int error);

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
 * all_fds, the registered descriptors too, as gyre_loop_close_fd() does, while
 * the poller is still open. A close function may remove handlers, which are
 * then left to it; whatever else it asks of the loop is refused. No handler,
 * callback or timeout runs. Closing twice is a no-op.
 *
 * Thread: owner
 * Blocks: until wake-ups under way on other threads have finished
 * Errors: -EBUSY it runs, or this thread runs another loop; -EPERM the process
 *         is a fork
 */
GYRE_API int gyre_loop_close(struct gyre_loop *loop, bool all_fds);

/*
 * Free a closed loop. Its inbox lives on while somebody holds a reference.
 * NULL is a no-op. In a fork, a loop that was not closed is abandoned: nothing
 * is run or dropped, the parent's loop goes on unharmed.
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
 * The same as gyre_loop_add_callback(), under its other documented name: what
 * a callback runs in does not depend on who added it.
 *
 * Thread: any
 * Order:  as gyre_loop_add_callback()
 * Errors: -ESHUTDOWN the loop is closed; -ENOMEM
 */
GYRE_API int gyre_loop_spawn_callback(struct gyre_loop *loop,
				      gyre_callback_fn fn,
				      void *arg) GYRE_MUST_CHECK;

/*
 * Add a callback in a signal handler, whatever it interrupted: no lock, no
 * allocation, and errno is kept. The loop must not be freed meanwhile.
 *
 * Room is limited: 32 can wait, and more while threads that run no loop, which
 * share it, have sent more at a time. In a handler that may lose nothing, add
 * one callback that looks at everything there is to do.
 *
 * Thread: any+signal
 * Order:  first in, first out among the handlers on a thread that runs a loop,
 *         which are a sender beside it; elsewhere they are the same sender
 * Blocks: never
 * Errors: -EAGAIN there is no room; -ESHUTDOWN the loop is closed
 */
GYRE_API int gyre_loop_add_callback_from_signal(struct gyre_loop *loop,
						gyre_callback_fn fn,
						void *arg) GYRE_MUST_CHECK;

/*
 * As gyre_loop_add_callback_from_signal(); if the callback never runs, `drop`
 * gets arg.
 *
 * Thread: any+signal
 * Owns:   on 0 the loop owns arg, until fn or drop; on error still the caller
 * Errors: -EAGAIN there is no room; -ESHUTDOWN the loop is closed
 */
GYRE_API int gyre_loop_add_callback_from_signal_drop(
	struct gyre_loop *loop, gyre_callback_fn fn, void *arg,
	gyre_drop_fn drop) GYRE_MUST_CHECK;

/*
 * Return the loop's inbox, to post tasks to or to keep with gyre_inbox_ref().
 *
 * Thread: any
 */
GYRE_API struct gyre_inbox *gyre_loop_inbox(struct gyre_loop *loop);

/* -- futures and executors ------------------------------------------------ */

/*
 * Call a function on the loop when the future is complete, never inline: one
 * hop after the completion, or after this call if that came home before. Till
 * then the future is held. If the loop closes first, it is not called.
 *
 * Thread: owner
 * Order:  first in, first out
 * Errors: -EINVAL the future's home is another loop; -ESHUTDOWN; -ENOMEM
 */
GYRE_API int gyre_loop_add_future(struct gyre_loop *loop,
				  struct gyre_future *future, gyre_future_fn fn,
				  void *arg) GYRE_MUST_CHECK;

/*
 * As gyre_loop_add_future(); if the loop closes first, `drop` gets arg, on the
 * thread that closes it.
 *
 * Thread: owner
 * Owns:   on 0 the loop owns arg, until fn or drop; on error still the caller
 * Order:  first in, first out
 * Errors: -EINVAL the future's home is another loop; -ESHUTDOWN; -ENOMEM
 */
GYRE_API int gyre_loop_add_future_drop(struct gyre_loop *loop,
				       struct gyre_future *future,
				       gyre_future_fn fn, void *arg,
				       gyre_drop_fn drop) GYRE_MUST_CHECK;

/*
 * Give a future of the loop a deadline: at this instant of the loop's clock it
 * is rejected with -ETIMEDOUT, unless it is complete by then. What was to
 * complete it is not interrupted: a bus call that still waits for its turn
 * never runs, the result of one that runs is discarded. If there are several
 * deadlines, the first counts.
 *
 * Thread: owner
 * Errors: -EINVAL the future's home is another loop; -ESHUTDOWN; -EPERM the
 *         process is a fork; -ENOMEM
 */
GYRE_API int gyre_loop_expire_future(struct gyre_loop *loop,
				     struct gyre_future *future,
				     int64_t when_ns) GYRE_MUST_CHECK;

/*
 * Run a function that may block on an executor; NULL is the default one. Its
 * value resolves the future, gyre_raise() rejects it, an executor that
 * refuses or drops it rejects it with -ESHUTDOWN (or the refusal's code).
 * Cancelling or rejecting the future withdraws the job if it waits; if it runs,
 * gyre_job_cancelled() tells.
 *
 * Thread: owner
 * Owns:   the caller gets one reference to the future
 * Errors: NULL no memory, or the loop is closed
 */
GYRE_API struct gyre_future *gyre_loop_run_in_executor(
	struct gyre_loop *loop, struct gyre_executor *executor,
	gyre_executor_fn fn, void *arg) GYRE_MUST_CHECK;

/*
 * As gyre_loop_run_in_executor(); if the function never runs, `drop` gets arg:
 * on the thread that cancels the future (or on the executor in the job's turn,
 * where that cannot forget it), on whatever thread shuts the executor down, and
 * inside this call if the executor refuses.
 *
 * Thread: owner
 * Owns:   the caller gets one reference to the future, and arg goes to fn or
 *         drop; on NULL it is still the caller's
 * Errors: NULL no memory, or the loop is closed
 */
GYRE_API struct gyre_future *gyre_loop_run_in_executor_drop(
	struct gyre_loop *loop, struct gyre_executor *executor,
	gyre_executor_fn fn, void *arg, gyre_drop_fn drop) GYRE_MUST_CHECK;

/*
 * Set what run_in_executor uses when it is given none; it must outlive the
 * loop. Without one the loop makes a pool of its own on first use.
 *
 * Thread: owner
 */
GYRE_API void gyre_loop_set_default_executor(struct gyre_loop *loop,
					     struct gyre_executor *executor);

/* -- blocking detection ---------------------------------------------------- */

/*
 * Call an action when the loop does not poll again within a threshold after
 * its last poll, or after start: all callbacks, timeouts and handlers of one
 * iteration together. The action is called once an iteration, between 1 and
 * 1.25 thresholds after the iteration began; NULL kills the process by
 * SIGALRM. GYRE_FOREVER disables: when this returns the old action has
 * returned too and is not called again, but for the one that calls this. What
 * is set while an iteration runs counts from then on.
 *
 * The first threshold of a loop starts a thread that watches this loop alone;
 * the loop itself pays for two stores an iteration. Time is real,
 * whatever the loop's clock.
 *
 * Thread: owner, or the action itself; the action runs on the watching thread
 * Blocks: until an action that runs has returned
 * Errors: -EINVAL the threshold is below a millisecond; -ESHUTDOWN;
 *         -EPERM the process is a fork; -ENOMEM; -EAGAIN no thread
 */
GYRE_API int gyre_loop_set_blocking_signal_threshold(struct gyre_loop *loop,
						     int64_t threshold_ns,
						     gyre_blocked_fn action,
						     void *arg) GYRE_MUST_CHECK;

/*
 * Log the stack of the loop's thread when the loop does not poll again within
 * a threshold. As gyre_loop_set_blocking_signal_threshold() with
 * gyre_loop_log_stack() for its action; the two are independent, and where
 * both are due this one comes first.
 *
 * Thread: owner, or the action itself
 * Blocks: until an action that runs has returned
 * Errors: -EINVAL the threshold is below a millisecond; -ESHUTDOWN;
 *         -EPERM the process is a fork; -ENOMEM; -EAGAIN no thread
 */
GYRE_API int gyre_loop_set_blocking_log_threshold(
	struct gyre_loop *loop, int64_t threshold_ns) GYRE_MUST_CHECK;

/*
 * Log where the loop's thread is, a line a frame, as warnings: an action for
 * gyre_loop_set_blocking_signal_threshold(). Called by the owner it logs the
 * owner's own stack.
 *
 * The thread is interrupted by SIGURG to look at itself: what it waits in may
 * return EINTR, as for any signal handled with SA_RESTART. A handler of the
 * program's own for SIGURG goes on being called. Where the thread has the
 * signal blocked, a line says so. Names are those the dynamic linker knows (a
 * program is linked with -rdynamic for its own); for the rest there is the
 * module and the offset, which addr2line takes.
 *
 * Thread: owner, or an action
 * Blocks: for half a second at most, where the thread does not answer
 */
GYRE_API void gyre_loop_log_stack(struct gyre_loop *loop, int64_t blocked_ns,
				  void *arg);

/* -- failure and introspection --------------------------------------------- */

/*
 * The default exception hook: one log line with what failed and how. A function
 * is named where the dynamic linker knows it (a program is linked with
 * -rdynamic for its own), else by module and offset, which addr2line takes.
 *
 * Thread: owner
 */
GYRE_API void gyre_loop_handle_callback_exception(
	struct gyre_loop *loop, const struct gyre_failure *failure, void *arg);

/*
 * Tell whether the loop is closed, as far as this thread can know.
 *
 * Thread: any
 */
GYRE_API bool gyre_loop_is_closed(const struct gyre_loop *loop);

/*
 * Tell whether the calling thread is the one that runs the loop.
 *
 * Thread: any
 */
GYRE_API bool gyre_loop_in_owner_thread(const struct gyre_loop *loop);

/*
 * Read the loop's counters as they are now.
 *
 * Thread: owner
 */
GYRE_API void gyre_loop_get_stats(const struct gyre_loop *loop,
				  struct gyre_loop_stats *ret_stats);

/*
 * Read the loop's counters as they all were at one moment: when it fell asleep
 * or woke up, began one of its last GYRE_TIMED_EVERY polls, ended a run, or was
 * closed. Only the times go on until now. The loop
 * is not stopped and does not notice; its clock is read on this thread.
 *
 * Thread: any
 */
GYRE_API void gyre_loop_read_stats(struct gyre_loop *loop,
				   struct gyre_loop_stats *ret_stats);

/*
 * Read how long things took. The loop goes on meanwhile: what it counts just
 * then may be missing.
 *
 * Thread: any
 */
GYRE_API void gyre_loop_read_times(const struct gyre_loop *loop,
				   struct gyre_loop_times *ret_times);

/*
 * Set what is told of each iteration, or NULL. Without it nothing is measured
 * but the polls that can block.
 *
 * Thread: owner
 */
GYRE_API void gyre_loop_set_iteration_hook(struct gyre_loop *loop,
					   gyre_iteration_fn fn, void *arg);

#ifdef __cplusplus
}
#endif

#endif
