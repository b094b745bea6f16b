/*
 * A job's life, which one word decides.
 *
 *     IDLE --submit--> QUEUED --turn--> RUNNING --> DONE
 *                        |                 (CANCEL: a flag beside it)
 *                        +--turn, past its deadline--> EXPIRED
 *                        +--the executor ends--------> DROPPED
 *                        +--cancel--> CANCELLED, dropped in its turn
 *                        +--cancel--> WITHDRAWN --> CANCELLED
 *                                         |  turn
 *                                         +----> SKIPPED --> CANCELLED
 *
 * Whoever moves it out of QUEUED decides. WITHDRAWN: a canceller is asking
 * the executor to forget the task, and the job's memory is his; a turn that
 * comes meanwhile moves it to SKIPPED and leaves it to him. From IDLE and the
 * four final states it may be submitted.
 */
#ifndef GYRE_POOL_JOB_H
#define GYRE_POOL_JOB_H

#include <gyre/job.h>

enum gyre__job_turn {
	GYRE__JOB_RUN,      /* it runs: gyre__job_run() */
	GYRE__JOB_EXPIRED,  /* gyre__job_give_back() */
	GYRE__JOB_STOPPED,  /* the same */
	GYRE__JOB_CANCELED, /* the same */
	GYRE__JOB_SKIPPED,  /* it is its canceller's: not to be touched */
};

/* References to a home that jobs need no more, to be given back together: each
 * by itself would take the line that all who send there read. */
struct gyre__job_refs {
	struct gyre_inbox *home;
	uint32_t count;
};

void gyre__job_refs_release(struct gyre__job_refs *refs);

/* The job whose task this is, or NULL: it is a task of its own. */
struct gyre_job *gyre__job_of(struct gyre_task *task);

/* What its turn brings, now, decided for good. The executor's thread. */
enum gyre__job_turn gyre__job_begin(struct gyre_job *job, int64_t now_ns);

/* The same where it is not to run. */
enum gyre__job_turn gyre__job_stop(struct gyre_job *job);

/* Run it, and give it back to done or drop. Its reference is kept in `refs`,
 * with none to another home; NULL: it is given back at once. */
void gyre__job_run(struct gyre_job *job, struct gyre__job_refs *refs);

/* It will never run: give it back to drop. */
void gyre__job_give_back(struct gyre_job *job, enum gyre_drop_reason reason);

/* Why a turn that does not run drops. */
enum gyre_drop_reason gyre__job_reason(enum gyre__job_turn turn);

#endif
