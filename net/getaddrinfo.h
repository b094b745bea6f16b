/*
 * getaddrinfo() as a job for an executor.
 */
#ifndef GYRE_NET_GETADDRINFO_H
#define GYRE_NET_GETADDRINFO_H

#include "net/question.h"

struct gyre_loop;
struct gyre__name_job;

/*
 * Have a question answered on an executor. Once the future is resolved, the
 * answer is in the job, which holds it for the caller and is given back with
 * gyre__name_job_unref(), complete or not.
 *
 * Errors: NULL no memory, or the loop is closed
 */
struct gyre_future *gyre__name_job_run(struct gyre_loop *loop,
				       struct gyre_executor *executor,
				       const struct gyre__question *question,
				       struct gyre__name_job **ret_job);

/*
 * Take the answer: 0, or the error with what the system said about it.
 */
int gyre__name_job_take(struct gyre__name_job *job,
			struct gyre_addresses **ret_addresses,
			const char **ret_reason);

void gyre__name_job_unref(struct gyre__name_job *job);

#endif
