/*
 * A loop's watches of signals. The handler posts the watch's own task, unless
 * it is on its way already, so that telling needs no memory and no room; the
 * task clears its mark before it calls, so that a signal that comes meanwhile
 * is told again. A watch that is removed while its task is on its way is freed
 * by that.
 */
#include <gyre/signal.h>

#include "base/atomics.h"
#include "base/check.h"
#include "base/fork.h"
#include "base/log.h"
#include "base/signals.h"
#include "bus/inbox.h"
#include "loop/loop.h"

#include <errno.h>

struct watch {
	struct gyre_task task; /* first */
	struct gyre__signal_watch signal;
	/* -- immutable after add -- */
	struct gyre_loop *loop;
	struct gyre_inbox *inbox;
	uint32_t forks;
	gyre_signal_fn fn;
	void *arg;
	/* -- handlers set it, the owner clears it, atomic -- */
	uint32_t is_posted;
	/* -- owner -- */
	struct gyre__dependent dependent;
	bool is_removed;
};

static struct watch *
watch_of(struct gyre__dependent *dependent)
{
	return (struct watch *)((char *)dependent -
				offsetof(struct watch, dependent));
}

/* In a signal handler. A loop is closed after its watches are gone. */
static void
notify(struct gyre__signal_watch *signal)
{
	struct watch *watch = (struct watch *)((char *)signal -
					       offsetof(struct watch, signal));

	if (gyre__is_fork(watch->forks))
		return;
	/* signals.P1 acq_rel: the task is the poster's alone; pairs with
	 * signals.P2, signals.P3 */
	if (gyre__swap_32_acq_rel(&watch->is_posted, 1) == 0)
		(void)gyre__inbox_push(watch->inbox, &watch->task,
				       &watch->task);
}

/* -- the task ------------------------------------------------------------ */

/* Whether it is watched still; else it is gone. */
static bool
arrive(struct watch *watch)
{
	const struct gyre_sys *sys = watch->loop->sys;

	if (watch->is_removed) {
		sys->release(watch);
		return false;
	}
	/* signals.P2 acq_rel: the task may be posted again, and the signal
	 * before it is told; pairs with signals.P1 */
	gyre__swap_32_acq_rel(&watch->is_posted, 0);
	return true;
}

static void
run_watch(struct gyre_task *task)
{
	struct watch *watch = (struct watch *)task;

	if (arrive(watch))
		watch->fn(watch->signal.signo, watch->arg);
}

static void
drop_watch(struct gyre_task *task, enum gyre_drop_reason reason)
{
	(void)reason;
	(void)arrive((struct watch *)task);
}

/* -- watching ------------------------------------------------------------ */

static void
remove_watch(struct gyre__dependent *dependent)
{
	struct watch *watch = watch_of(dependent);

	gyre__loop_remove_dependent(dependent);
	gyre__signals_remove(watch->loop->sys, &watch->signal);
	/* signals.P3 acquire: no handler is left that could set it; pairs with
	 * signals.P1 */
	if (gyre__load_32_acquire(&watch->is_posted) == 0)
		watch->loop->sys->release(watch);
	else
		watch->is_removed = true;
}

static struct watch *
find_watch(const struct gyre_loop *loop, int signo)
{
	struct gyre__dependent *dependent = loop->dependents;

	for (; dependent != NULL; dependent = dependent->next)
		if (dependent->close == remove_watch &&
		    watch_of(dependent)->signal.signo == signo)
			return watch_of(dependent);
	return NULL;
}

static int
check(const struct gyre_loop *loop, int signo)
{
	int result = gyre__loop_refusal(loop);

	if (result == 0)
		result = gyre__signal_check(signo);
	if (result == -EINVAL)
		gyre__log(&loop->log, GYRE_LOG_ERROR,
			  "loop %p: signal %d can't be watched",
			  (const void *)loop, signo);
	if (result == 0 && find_watch(loop, signo) != NULL)
		result = -EEXIST;
	return result;
}

int
gyre_loop_add_signal(struct gyre_loop *loop, int signo, gyre_signal_fn fn,
		     void *arg)
{
	struct watch *watch;
	int result;

	GYRE_REQUIRE(fn != NULL);
	gyre__loop_require_owner(loop);
	result = check(loop, signo);
	if (result < 0)
		return result;
	watch = gyre__allocate(loop->sys, sizeof(*watch), 0);
	if (watch == NULL)
		return -ENOMEM;
	watch->task.run = run_watch;
	watch->task.drop = drop_watch;
	watch->signal.signo = signo;
	watch->signal.notify = notify;
	watch->loop = loop;
	watch->inbox = loop->inbox;
	watch->forks = gyre__forks();
	watch->fn = fn;
	watch->arg = arg;
	watch->dependent.close = remove_watch;
	result = gyre__signals_add(loop->sys, &watch->signal);
	if (result < 0) {
		loop->sys->release(watch);
		return result;
	}
	gyre__loop_add_dependent(loop, &watch->dependent);
	return 0;
}

int
gyre_loop_remove_signal(struct gyre_loop *loop, int signo)
{
	struct watch *watch;

	gyre__loop_require_owner(loop);
	if (gyre__is_fork(loop->forks))
		return -EPERM;
	watch = find_watch(loop, signo);
	if (watch == NULL)
		return -ENOENT;
	remove_watch(&watch->dependent);
	return 0;
}
