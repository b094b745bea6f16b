/* Jobs on the thread that simulates. */
#include "runtime/simulated_jobs.h"

#include "bus/outbox.h"
#include "pool/job.h"

#include <errno.h>

static struct gyre__simulated_jobs *
jobs_of(struct gyre_executor *executor)
{
	return (struct gyre__simulated_jobs *)executor;
}

static int
submit(struct gyre_executor *executor, struct gyre_task *task)
{
	struct gyre__simulated_jobs *jobs = jobs_of(executor);

	if (jobs->shut_down)
		return -ESHUTDOWN;
	task->_next = NULL;
	*jobs->end = task;
	jobs->end = &task->_next;
	jobs->waiting++;
	jobs->submitted++;
	return 0;
}

static struct gyre_task *
unlink_at(struct gyre__simulated_jobs *jobs, struct gyre_task **link)
{
	struct gyre_task *task = *link;

	*link = task->_next;
	if (*link == NULL)
		jobs->end = link;
	jobs->waiting--;
	return task;
}

static int
cancel(struct gyre_executor *executor, struct gyre_job *job)
{
	struct gyre__simulated_jobs *jobs = jobs_of(executor);

	for (struct gyre_task **link = &jobs->head; *link != NULL;
	     link = &(*link)->_next) {
		if (*link != &job->_task)
			continue;
		unlink_at(jobs, link);
		return 0;
	}
	return -ENOENT;
}

/* There is always room: who asks for it has it. */
static int
notify(struct gyre_executor *executor, struct gyre_room *room)
{
	struct gyre_inbox *home = room->_home;
	int result;

	if (jobs_of(executor)->shut_down)
		return -ESHUTDOWN;
	result = gyre__send_task(home, &room->task);
	if (result == 0)
		gyre_inbox_unref(home);
	return result;
}

static const struct gyre_executor_ops ops = {
	.submit = submit,
	.cancel = cancel,
	.notify = notify,
};

void
gyre__simulated_jobs_init(struct gyre__simulated_jobs *jobs)
{
	*jobs = (struct gyre__simulated_jobs){ .executor.ops = &ops };
	jobs->end = &jobs->head;
}

static void
take_turn(struct gyre_task *task, int64_t now_ns)
{
	struct gyre_job *job = gyre__job_of(task);
	enum gyre__job_turn turn;

	if (job == NULL) {
		task->run(task);
		return;
	}
	turn = gyre__job_begin(job, now_ns);
	if (turn == GYRE__JOB_RUN)
		gyre__job_run(job, NULL);
	else if (turn != GYRE__JOB_SKIPPED)
		gyre__job_give_back(job, gyre__job_reason(turn));
}

void
gyre__simulated_jobs_run(struct gyre__simulated_jobs *jobs, unsigned n,
			 int64_t now_ns)
{
	struct gyre_task **link = &jobs->head;

	while (n-- > 0)
		link = &(*link)->_next;
	take_turn(unlink_at(jobs, link), now_ns);
}

void
gyre__simulated_jobs_stop(struct gyre__simulated_jobs *jobs)
{
	jobs->shut_down = true;
	while (jobs->head != NULL) {
		struct gyre_task *task = unlink_at(jobs, &jobs->head);

		task->drop(task, GYRE_DROP_STOPPED);
	}
}
