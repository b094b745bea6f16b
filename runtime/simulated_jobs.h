/*
 * An executor without threads: jobs wait in a list until the scheduler has one
 * of them run. A pool of several threads may finish them in any order, and so
 * any of them may be next.
 */
#ifndef GYRE_RUNTIME_SIMULATED_JOBS_H
#define GYRE_RUNTIME_SIMULATED_JOBS_H

#include <gyre/job.h>

struct gyre__simulated_jobs {
	struct gyre_executor executor; /* first */
	struct gyre_task *head;
	struct gyre_task **end; /* what is NULL at the end of the list */
	unsigned waiting;
	uint64_t submitted;
	bool shut_down;
};

void gyre__simulated_jobs_init(struct gyre__simulated_jobs *jobs);

/* Have the n-th that waits take its turn, at this instant. */
void gyre__simulated_jobs_run(struct gyre__simulated_jobs *jobs, unsigned n,
			      int64_t now_ns);

/* Accept no more, and drop what waits. */
void gyre__simulated_jobs_stop(struct gyre__simulated_jobs *jobs);

#endif
