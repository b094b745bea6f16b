/*
 * Nobody can stop getaddrinfo(), so the job is counted: the executor and the
 * loop each hold it, and whoever comes last frees it with the answer that
 * nobody took. (An answer that travelled as the job's value would be lost with
 * a future that was cancelled meanwhile.)
 */
#include "net/getaddrinfo.h"

#include <gyre/loop.h>

#include "base/atomics.h"
#include "base/check.h"
#include "base/sys.h"
#include "loop/loop.h"
#include "net/addresses.h"

#include <errno.h>
#include <netdb.h>

struct gyre__name_job {
	/* -- immutable after new -- */
	const struct gyre_sys *sys;
	struct gyre__question question;
	/* -- any thread, atomic -- */
	uint32_t refs;
	/* -- the executor's thread, then the loop's -- */
	int error;
	const char *reason;
	struct gyre_addresses *addresses; /* its own, until they are taken */
};

static int
errno_of(int answer, int system_error)
{
	switch (answer) {
	case EAI_NONAME:
#if defined(EAI_NODATA) && EAI_NODATA != EAI_NONAME
	case EAI_NODATA:
#endif
	case EAI_SERVICE:
		return -ENOENT;
	case EAI_AGAIN:
		return -EAGAIN;
	case EAI_MEMORY:
		return -ENOMEM;
	case EAI_FAMILY:
#if defined(EAI_ADDRFAMILY)
	case EAI_ADDRFAMILY:
#endif
		return -EAFNOSUPPORT;
	case EAI_BADFLAGS:
	case EAI_SOCKTYPE:
		return -EINVAL;
	case EAI_SYSTEM:
		return system_error != 0 ? -system_error : -EIO;
	default:
		return -EIO;
	}
}

void
gyre__name_job_unref(struct gyre__name_job *job)
{
	uint32_t before;

	/* getaddrinfo.N1 acq_rel: each holder's writes before the release of
	 * the memory; pairs with getaddrinfo.N1 */
	before = gyre__add_32_acq_rel(&job->refs, (uint32_t)-1);
	GYRE_INSIST(before != 0);
	if (before > 1)
		return;
	gyre_addresses_free(job->addresses);
	job->sys->release(job);
}

static void
ask(struct gyre__name_job *job)
{
	const struct gyre__question *question = &job->question;
	const struct addrinfo hints = {
		.ai_family = question->family,
		.ai_socktype = question->type,
		.ai_flags = question->flags,
	};
	struct addrinfo *list = NULL;
	int answer;

	errno = 0;
	answer = job->sys->getaddrinfo(
		question->has_host ? question->host : NULL,
		question->has_service ? question->service : NULL, &hints,
		&list);
	if (answer != 0) {
		job->error = errno_of(answer, errno);
		job->reason = answer == EAI_SYSTEM ? gyre_error_name(job->error)
						   : gai_strerror(answer);
		return;
	}
	job->error = gyre__addresses_of_list(job->sys, list, &job->addresses);
	job->reason = job->error == -ENOMEM ? "no memory" : "no IP address";
	job->sys->freeaddrinfo(list);
}

static void *
run(void *arg)
{
	struct gyre__name_job *job = arg;

	ask(job);
	gyre__name_job_unref(job);
	return NULL;
}

static void
drop(void *arg, enum gyre_drop_reason reason)
{
	(void)reason;
	gyre__name_job_unref(arg);
}

struct gyre_future *
gyre__name_job_run(struct gyre_loop *loop, struct gyre_executor *executor,
		   const struct gyre__question *question,
		   struct gyre__name_job **ret_job)
{
	const struct gyre_sys *sys = gyre__loop_sys(loop);
	struct gyre__name_job *job = gyre__allocate(sys, sizeof(*job), 0);
	struct gyre_future *future;

	if (job == NULL)
		return NULL;
	job->sys = sys;
	job->question = *question;
	job->refs = 2;
	future = gyre_loop_run_in_executor_drop(loop, executor, run, job, drop);
	if (future == NULL) {
		sys->release(job);
		return NULL;
	}
	*ret_job = job;
	return future;
}

int
gyre__name_job_take(struct gyre__name_job *job,
		    struct gyre_addresses **ret_addresses,
		    const char **ret_reason)
{
	if (job->error < 0) {
		*ret_reason = job->reason;
		return job->error;
	}
	*ret_addresses = job->addresses;
	job->addresses = NULL;
	return 0;
}
