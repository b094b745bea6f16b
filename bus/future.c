/*
 * Futures. The state that threads share is two words, so that completing
 * needs no lock and no memory; callbacks are the home loop's own.
 */
#include "bus/future.h"

#include "base/atomics.h"
#include "base/check.h"
#include "base/exception.h"
#include "bus/inbox.h"
#include "bus/latch.h"
#include "bus/outbox.h"

#include <errno.h>
#include <string.h>

#define DONE ((uintptr_t)1)

/* -- the latch and DONE in one word -------------------------------------- */

static bool
is_done(const void *word)
{
	return ((uintptr_t)word & DONE) != 0;
}

static struct gyre__latch *
latch_in(const void *word)
{
	return (struct gyre__latch *)((uintptr_t)word & ~DONE);
}

static void *
look(const struct gyre_future *future)
{
	/* future.D2 acquire: the outcome after DONE, the latch's fields after
	 * the word that leads to it; pairs with future.D1, future.L2 */
	return gyre__load_ptr_acquire(&future->latch);
}

/* -- the completion's journey -------------------------------------------- */

static void
fire_callbacks(struct gyre_future *future)
{
	struct gyre__future_callback *callback;

	future->fired = true;
	while ((callback = future->callbacks) != NULL) {
		gyre_future_fn fn = callback->fn;
		void *arg = callback->arg;

		future->callbacks = callback->next;
		future->sys->release(callback);
		fn(future, arg);
		if (gyre__raised())
			gyre__outbox_report(gyre__outbox_of_thread,
					    "future callback",
					    (void (*)(void))fn, arg);
	}
}

static struct gyre_future *
future_of_completion(struct gyre_task *task)
{
	return (struct gyre_future *)((char *)task -
				      offsetof(struct gyre_future, completion));
}

static void
run_completion(struct gyre_task *task)
{
	struct gyre_future *future = future_of_completion(task);

	fire_callbacks(future);
	gyre_future_unref(future);
}

static void
drop_completion(struct gyre_task *task, enum gyre_drop_reason reason)
{
	(void)reason;
	gyre_future_unref(future_of_completion(task));
}

/* -- life ---------------------------------------------------------------- */

void
gyre__future_init(struct gyre_future *future, const struct gyre_sys *sys,
		  struct gyre_inbox *home)
{
	*future = (struct gyre_future){
		.sys = sys,
		.home = home != NULL ? gyre_inbox_ref(home) : NULL,
		.refs = 1,
		.completion = { .run = run_completion,
				.drop = drop_completion },
		.callbacks_end = &future->callbacks,
	};
}

struct gyre_future *
gyre__future_new(const struct gyre_sys *sys, struct gyre_inbox *home)
{
	struct gyre_future *future = sys->allocate(sizeof(*future), 0);

	if (future != NULL)
		gyre__future_init(future, sys, home);
	return future;
}

struct gyre_future *
gyre_future_ref(struct gyre_future *future)
{
	/* future.N1 relaxed: whoever adds one has one */
	gyre__add_32_relaxed(&future->refs, 1);
	return future;
}

static void
free_future(struct gyre_future *future)
{
	struct gyre__future_callback *callback;

	while ((callback = future->callbacks) != NULL) {
		future->callbacks = callback->next;
		future->sys->release(callback);
	}
	gyre__latch_free(latch_in(future->latch));
	if (future->message != NULL)
		future->sys->release(future->message);
	gyre_inbox_unref(future->home);
	future->sys->release(future);
}

void
gyre_future_unref(struct gyre_future *future)
{
	uint32_t before;

	if (future == NULL)
		return;
	/* future.N2 acq_rel: every holder's uses before the release of the
	 * memory; pairs with future.N2 */
	before = gyre__add_32_acq_rel(&future->refs, (uint32_t)-1);
	GYRE_INSIST(before != 0);
	if (before == 1)
		free_future(future);
}

/* -- completing ---------------------------------------------------------- */

static bool
claim(struct gyre_future *future)
{
	uint32_t expected = 0;

	/* future.C1 relaxed: only who writes the outcome is decided here; it
	 * is published by future.D1 */
	return gyre__cas_32_relaxed(&future->claimed, &expected, 1);
}

/* The outcome is written: let it be seen, and send it home. */
static void
publish(struct gyre_future *future)
{
	void *seen = NULL;

	/* Keep it until the end: who sees DONE may give the last one back. */
	gyre_future_ref(future);
	do {
		GYRE_INSIST(!is_done(seen));
		/* future.D1 acq_rel: the outcome before DONE, the latch's
		 * fields after the word that leads to it; pairs with
		 * future.D2, future.L2 */
	} while (!gyre__cas_ptr_acq_rel(&future->latch, &seen,
					(void *)((uintptr_t)seen | DONE)));
	if (seen != NULL)
		gyre__latch_open(latch_in(seen));
	if (future->home == NULL ||
	    gyre_inbox_post(future->home, &future->completion) < 0)
		gyre_future_unref(future);
}

int
gyre_future_resolve(struct gyre_future *future, void *value)
{
	if (!claim(future))
		return -EALREADY;
	future->value = value;
	publish(future);
	return 0;
}

/* A message that can't be kept is left out: the code is what counts. */
static char *
copy_message(const struct gyre_sys *sys, const char *message)
{
	size_t size;
	char *copy;

	if (message == NULL || message[0] == '\0')
		return NULL;
	size = strlen(message) + 1;
	copy = sys->allocate(size, 0);
	if (copy != NULL)
		memcpy(copy, message, size);
	return copy;
}

int
gyre_future_reject(struct gyre_future *future, int error, const char *message)
{
	GYRE_REQUIRE(error < 0);
	if (!claim(future))
		return -EALREADY;
	future->error = error;
	future->message = copy_message(future->sys, message);
	publish(future);
	return 0;
}

int
gyre_future_cancel(struct gyre_future *future)
{
	return gyre_future_reject(future, -ECANCELED, NULL);
}

void
gyre__future_complete(struct gyre_future *future, void *value)
{
	const struct gyre_exception *raised = gyre_exception();

	if (raised != NULL)
		gyre_future_reject(future, raised->error, raised->message);
	else
		gyre_future_resolve(future, value);
	gyre__clear_exception();
}

/* -- looking ------------------------------------------------------------- */

bool
gyre_future_done(const struct gyre_future *future)
{
	return is_done(look(future));
}

int
gyre_future_result(struct gyre_future *future, void **ret_value)
{
	if (!gyre_future_done(future))
		return -EAGAIN;
	if (future->error == 0 && ret_value != NULL)
		*ret_value = future->value;
	return future->error;
}

const char *
gyre_future_message(const struct gyre_future *future)
{
	GYRE_REQUIRE(gyre_future_done(future));
	return future->message != NULL ? future->message : "";
}

int
gyre__future_prepare_wait(struct gyre_future *future)
{
	struct gyre__latch *latch;
	void *seen = NULL;

	/* future.L1 relaxed: nothing is read through it here */
	if (gyre__load_ptr_relaxed(&future->latch) != NULL)
		return 0;
	latch = gyre__latch_new(future->sys);
	if (latch == NULL)
		return -ENOMEM;
	/* future.L2 release: the latch's fields before the word that leads to
	 * it; pairs with future.D1, future.D2 */
	if (!gyre__cas_ptr_release(&future->latch, &seen, latch))
		gyre__latch_free(latch);
	return 0;
}

int
gyre_future_wait(struct gyre_future *future, int64_t deadline_ns,
		 void **ret_value)
{
	void *seen;
	int result;

	if (gyre__outbox_of_thread != NULL)
		return -EDEADLK;
	result = gyre__future_prepare_wait(future);
	if (result < 0)
		return result;
	seen = look(future);
	if (!is_done(seen))
		result = gyre__latch_wait(latch_in(seen), deadline_ns);
	return result < 0 ? result : gyre_future_result(future, ret_value);
}

/* -- callbacks ----------------------------------------------------------- */

/* A callback added after the completion came: its turn is a hop of its own. */
struct late_callback {
	struct gyre_task task;
	struct gyre_future *future;
	gyre_future_fn fn;
	void *arg;
};

static void
free_late(struct late_callback *late)
{
	struct gyre_future *future = late->future;

	future->sys->release(late);
	gyre_future_unref(future);
}

static void
run_late(struct gyre_task *task)
{
	struct late_callback *late = (struct late_callback *)task;

	late->fn(late->future, late->arg);
	free_late(late);
}

static void
drop_late(struct gyre_task *task, enum gyre_drop_reason reason)
{
	(void)reason;
	free_late((struct late_callback *)task);
}

static int
post_late(struct gyre_future *future, gyre_future_fn fn, void *arg)
{
	struct late_callback *late = future->sys->allocate(sizeof(*late), 0);
	int result;

	if (late == NULL)
		return -ENOMEM;
	*late = (struct late_callback){
		.task = { .run = run_late, .drop = drop_late },
		.future = gyre_future_ref(future),
		.fn = fn,
		.arg = arg,
	};
	result = gyre_inbox_post(future->home, &late->task);
	if (result < 0)
		free_late(late);
	return result;
}

int
gyre__future_add_callback(struct gyre_future *future, gyre_future_fn fn,
			  void *arg)
{
	struct gyre__future_callback *callback;

	if (future->fired)
		return post_late(future, fn, arg);
	callback = future->sys->allocate(sizeof(*callback), 0);
	if (callback == NULL)
		return -ENOMEM;
	callback->next = NULL;
	callback->fn = fn;
	callback->arg = arg;
	*future->callbacks_end = callback;
	future->callbacks_end = &callback->next;
	return 0;
}
