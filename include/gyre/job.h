/*
 * An executor runs what would block; a job is one such piece of work, embedded
 * in the caller's own struct, so that submitting it allocates nothing.
 *
 * A job waits, runs, and is given back by exactly one call of done or drop.
 * `run` is called on a thread that may block; `done` after it, on the job's
 * home loop where it has one. A job that is cancelled while it waits, or whose
 * deadline passes, never runs and is dropped. An executor is an interface: the
 * pool (gyre/pool.h) is the one gyre brings.
 *
 *     struct gyre_job_options options = { .run = hash, .done = reply,
 *                                         .drop = give_up, .home = inbox };
 *     gyre_job_init(&request->job, &options);
 *     gyre_executor_submit_job(executor, &request->job);
 */
#ifndef GYRE_JOB_H
#define GYRE_JOB_H

#include <gyre/base.h>
#include <gyre/task.h>

#ifdef __cplusplus
extern "C" {
#endif

struct gyre_executor;
struct gyre_job;

/* What is next among the jobs of one loop; every 16th turn it is a lower one's
 * all the same. */
enum gyre_job_priority {
	GYRE_JOB_NORMAL,
	GYRE_JOB_HIGH,
	GYRE_JOB_LOW,
};

struct gyre_job_options {
	/* Do the work, on a thread that may block; what it raises is logged.
	 */
	void (*run)(struct gyre_job *job);
	/* It has run; the job is the callee's again. On the home loop, or
	 * without a home where it ran. NULL: nobody is told. */
	void (*done)(struct gyre_job *job);
	/* It will never run, or it has and its home has closed; the job is the
	 * callee's again. On any thread; NULL: nobody is told. */
	void (*drop)(struct gyre_job *job, enum gyre_drop_reason reason);
	struct gyre_inbox *home; /* held from submit to done or drop */
	enum gyre_job_priority priority;
	/* An instant of CLOCK_MONOTONIC; 0: none. A job that is still waiting
	 * at its turn after it is dropped then, GYRE_DROP_EXPIRED. */
	int64_t deadline_ns;
};

struct gyre_job {
	struct gyre_task _task; /* first: what an executor holds */
	struct gyre_job_options _options;
	const struct gyre_inbox *_source; /* whose share of a lane it takes */
	void (*_name)(void);              /* what the log calls it */
	struct gyre_executor *_executor;
	struct gyre_task **_link; /* what points at it in a lane's queue */
	int64_t _queued_ns;
	uint32_t _state;
	uint8_t _place; /* its source's, in a lane's queue */
	bool _is_removable;
};

enum gyre_shut_down {
	GYRE_SHUT_DOWN_CANCEL, /* drop what waits */
	GYRE_SHUT_DOWN_DRAIN,  /* let run what waits */
};

/* A place in line for room in an executor that is full: the caller's own
 * struct, whose task has run and drop set. */
struct gyre_room {
	struct gyre_task task; /* first */
	struct gyre_inbox *_home;
};

/* Bring your own executor by filling this in. */
struct gyre_executor_ops {
	/*
	 * Take a task that will be run on a thread which may block, or be
	 * dropped. Called on any thread; never blocks for long.
	 * Errors: -ESHUTDOWN, -EAGAIN full, -ENOMEM; the task was not touched.
	 */
	int (*submit)(struct gyre_executor *executor, struct gyre_task *task);
	/*
	 * Optional: forget a job's task, which is withdrawn. 0: neither its
	 * run nor its drop will be called; else one will, as ever. Without
	 * it a withdrawn job is dropped in its turn. Called on any thread;
	 * the executor lives until it returns.
	 */
	int (*cancel)(struct gyre_executor *executor, struct gyre_job *job);
	/* Optional, as gyre_executor_shut_down(). */
	int (*shut_down)(struct gyre_executor *executor,
			 enum gyre_shut_down how, int64_t deadline_ns);
	/* Optional, as gyre_executor_notify(). */
	int (*notify)(struct gyre_executor *executor, struct gyre_room *room);
};

/* What an executor runs for a loop: it may block, and returns a value. */
typedef void *(*gyre_executor_fn)(void *arg);

struct gyre_executor {
	const struct gyre_executor_ops *ops;
};

/*
 * Submit a task to an executor.
 *
 * Thread: any
 * Owns:   on 0 the executor, until run or drop; on error still the caller
 * Blocks: never on a job; may start a thread
 * Errors: -ESHUTDOWN it was shut down; -EAGAIN it is full, or has no thread and
 *         none could be started; -EPERM the process is a fork of the one that
 *         made it
 */
GYRE_API int gyre_executor_submit(struct gyre_executor *executor,
				  struct gyre_task *task) GYRE_MUST_CHECK;

/*
 * Make a job ready to be submitted; its own memory is all it takes.
 *
 * Thread: any
 */
GYRE_API void gyre_job_init(struct gyre_job *job,
			    const struct gyre_job_options *options);

/*
 * Submit a job. When it has been given back it may be submitted again.
 *
 * Thread: any
 * Owns:   on 0 the executor, until done or drop; on error still the caller
 * Blocks: never on a job; allocates nothing; may start a thread
 * Errors: as gyre_executor_submit()
 */
GYRE_API int gyre_executor_submit_job(struct gyre_executor *executor,
				      struct gyre_job *job) GYRE_MUST_CHECK;

/*
 * Withdraw a job that waits: it will never run, and its drop is called inside
 * this call, GYRE_DROP_CANCELED; only where the executor cannot forget it, in
 * its turn. A job that runs is told so (gyre_job_cancelled()) and goes on. The
 * job must not be freed meanwhile.
 *
 * Thread: any
 * Errors: -EBUSY it runs; -EALREADY it is over
 */
GYRE_API int gyre_job_cancel(struct gyre_job *job);

/*
 * Tell whether the job that this thread runs was asked to give up; false where
 * none runs.
 *
 * Thread: any
 */
GYRE_API bool gyre_job_cancelled(void);

/*
 * Have a task run on a loop as soon as a full executor has room, or at once if
 * it has. Others may take the room first: then ask again. One place that
 * becomes free tells one who waits, the first first.
 *
 * Thread: any
 * Owns:   on 0 the executor, until the task's run, on the loop, or drop: it is
 *         shut down, or that loop is closed; on error still the caller
 * Errors: -ESHUTDOWN; -ENOTSUP this executor cannot tell; -EPERM in a fork
 */
GYRE_API int gyre_executor_notify(struct gyre_executor *executor,
				  struct gyre_inbox *home,
				  struct gyre_room *room) GYRE_MUST_CHECK;

/*
 * Accept no more; drop what waits or let it run; wait for what runs, until an
 * instant of CLOCK_MONOTONIC. Past it what still waits is dropped, and each job
 * that has not returned is named in the log. Not from one of its own jobs.
 *
 * Thread: any that runs no loop
 * Blocks: up to deadline_ns; GYRE_FOREVER
 * Errors: -ETIMEDOUT jobs still run; -ENOTSUP; -EPERM in a fork
 */
GYRE_API int gyre_executor_shut_down(struct gyre_executor *executor,
				     enum gyre_shut_down how,
				     int64_t deadline_ns) GYRE_MUST_CHECK;

#ifdef __cplusplus
}
#endif

#endif
