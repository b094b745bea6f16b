/*
 * Which loop is current for this thread: the second of the thread-locals. The
 * pointer is only this thread's to change, but its loop may be closed and freed
 * on another; a reference to the inbox, which outlives the loop and knows that
 * it is closed, is kept beside it.
 *
 * Rejected: a registry of living loops, which every look would have to lock.
 */
#include "loop/loop.h"

#include "base/fork.h"
#include "bus/inbox.h"

#include <errno.h>
#include <pthread.h>

static _Thread_local struct gyre__current current
	__attribute__((tls_model("initial-exec")));

/* Gives the reference back if a thread ends with a current loop. */
static pthread_key_t end_of_thread;
static bool has_end_of_thread;

static void
let_go(void *inbox)
{
	gyre_inbox_unref(inbox);
}

static void
make_key(void)
{
	has_end_of_thread = pthread_key_create(&end_of_thread, let_go) == 0;
}

/* Without a key, or memory for its value, the last inbox of a thread that
 * ends with a current loop is not freed: no reason to refuse. */
static void
set(struct gyre__current next)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, make_key);
	if (has_end_of_thread)
		(void)pthread_setspecific(end_of_thread, next.inbox);
	current = next;
}

struct gyre__current
gyre__current_enter(struct gyre_loop *loop)
{
	struct gyre__current before = current;

	set((struct gyre__current){ loop, gyre_inbox_ref(loop->inbox) });
	return before;
}

static void
replace(struct gyre__current next)
{
	struct gyre_inbox *inbox = current.inbox;

	set(next);
	gyre_inbox_unref(inbox);
}

void
gyre__current_leave(struct gyre__current before)
{
	replace(before);
}

bool
gyre__loop_is_current(const struct gyre_loop *loop)
{
	return current.loop == loop;
}

/* The current loop, unless it is closed or a fork's parent's. */
static struct gyre_loop *
usable(void)
{
	if (current.loop == NULL || gyre__inbox_is_closed(current.inbox) ||
	    gyre__is_fork(current.inbox->forks))
		return NULL;
	return current.loop;
}

struct gyre_loop *
gyre_loop_current(bool instance)
{
	const struct gyre_loop_options options = {
		.make_current = GYRE_MAKE_CURRENT_AUTO,
	};
	struct gyre_loop *loop = usable();

	if (loop == NULL && instance && gyre_loop_new(&options, &loop) < 0)
		return NULL;
	return loop;
}

int
gyre_loop_make_current(struct gyre_loop *loop)
{
	if (gyre__is_fork(loop->forks))
		return -EPERM;
	if (gyre_loop_is_closed(loop))
		return -ESHUTDOWN;
	replace((struct gyre__current){ loop, gyre_inbox_ref(loop->inbox) });
	return 0;
}

void
gyre_loop_clear_current(void)
{
	replace((struct gyre__current){ NULL, NULL });
}

/* -- the page's older names ------------------------------------------------ */

struct gyre_loop *
gyre_loop_instance(void)
{
	return gyre_loop_current(true);
}

int
gyre_loop_install(struct gyre_loop *loop)
{
	return gyre_loop_make_current(loop);
}

void
gyre_loop_clear_instance(void)
{
	gyre_loop_clear_current();
}
