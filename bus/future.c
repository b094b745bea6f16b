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

	gyre__future_fire(future);
	gyre_future_unref(future);
}

static void
drop_completion(struct gyre_task *task, enum gyre_drop_reason reason)
{
	(void)reason;
	gyre_future_unref(future_of_completion(task));
}

/* -- errors that nobody has read ----------------------------------------- */

static void
free_outcome(struct gyre_future *future)
{
	if (future->error != 0) {
		if (future->rejection != NULL)
			future->sys->release(future->rejection);
		return;
	}
	if (future->owns_value && !future->is_read && future->value != NULL)
		((struct gyre__owning_future *)future)
			->free_value(future->value);
}

static void
free_future(struct gyre_future *future)
{
	GYRE_INSIST(future->newest_awaiter == NULL);
	gyre__latch_free(latch_in(future->latch));
	free_outcome(future);
	gyre_inbox_unref(future->home);
	future->sys->release(future);
}

/* Of one that nobody else has any more. */
static bool
is_to_be_reported(const struct gyre_future *future)
{
	if (future->home == NULL || future->error == 0 ||
	    future->error == -ECANCELED)
		return false;
	/* That it closed is no news to a home that has closed. */
	if (future->error == -ESHUTDOWN && gyre__inbox_is_closed(future->home))
		return false;
	return !future->is_read;
}

static bool
is_at_home(const struct gyre_future *future)
{
	return gyre__outbox_of_thread != NULL &&
	       gyre__outbox_of_thread->home == future->home;
}

/* The function that gave the last reference back may have raised an error of
 * its own. */
static void
report(const struct gyre_future *future)
{
	const struct gyre__rejection *rejection = future->rejection;
	struct gyre_exception before = gyre__exception;

	if (rejection != NULL)
		gyre_raise_at(future->error, rejection->file, rejection->line,
			      "%s", rejection->message);
	else
		gyre_raise_at(future->error, NULL, 0, NULL);
	gyre__outbox_report(gyre__outbox_of_thread, "future", NULL, NULL);
	gyre__exception = before;
}

static void
run_report(struct gyre_task *task)
{
	report(future_of_completion(task));
	free_future(future_of_completion(task));
}

static void
drop_report(struct gyre_task *task, enum gyre_drop_reason reason)
{
	(void)reason;
	if (is_at_home(future_of_completion(task)))
		report(future_of_completion(task));
	free_future(future_of_completion(task));
}

/* Report the error, or send the future home to have it reported there: then
 * it is away. The completion has come home or was never posted. */
static bool
report_or_send(struct gyre_future *future)
{
	if (is_at_home(future)) {
		report(future);
		return false;
	}
	future->completion.run = run_report;
	future->completion.drop = drop_report;
	return gyre__send_task(future->home, &future->completion) == 0;
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
gyre__future_new_owning(const struct gyre_sys *sys, struct gyre_inbox *home,
			void (*free_value)(void *value))
{
	struct gyre__owning_future *owning = sys->allocate(sizeof(*owning), 0);

	if (owning == NULL)
		return NULL;
	gyre__future_init(&owning->future, sys, home);
	owning->future.owns_value = true;
	owning->free_value = free_value;
	return &owning->future;
}

struct gyre_future *
gyre_future_ref(struct gyre_future *future)
{
	/* future.N1 relaxed: whoever adds one has one */
	gyre__add_32_relaxed(&future->refs, 1);
	return future;
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
	if (before > 1)
		return;
	if (is_to_be_reported(future) && report_or_send(future))
		return;
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

/* The outcome is written: let it be seen. The caller keeps the future until
 * the end: who sees DONE may give back what was the last reference. */
static void
show(struct gyre_future *future)
{
	void *seen = NULL;

	do {
		GYRE_INSIST(!is_done(seen));
		/* future.D1 acq_rel: the outcome before DONE, the latch's
		 * fields after the word that leads to it; pairs with
		 * future.D2, future.L2 */
	} while (!gyre__cas_ptr_acq_rel(&future->latch, &seen,
					(void *)((uintptr_t)seen | DONE)));
	if (seen != NULL)
		gyre__latch_open(latch_in(seen));
}

/* Let it be seen, and send it home. */
static void
publish(struct gyre_future *future)
{
	gyre_future_ref(future);
	show(future);
	if (future->home == NULL ||
	    gyre__send_task(future->home, &future->completion) < 0)
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

/* NULL if there is nothing to say, or no memory: the code is what counts. */
static struct gyre__rejection *
new_rejection(const struct gyre_sys *sys, const char *file, int line,
	      const char *message)
{
	size_t size = (message != NULL ? strlen(message) : 0) + 1;
	struct gyre__rejection *rejection;

	if (size == 1 && file == NULL)
		return NULL;
	rejection = sys->allocate(sizeof(*rejection) + size, 0);
	if (rejection == NULL)
		return NULL;
	rejection->file = file;
	rejection->line = line;
	memcpy(rejection->message, message != NULL ? message : "", size);
	return rejection;
}

struct gyre__rejection *
gyre__rejection_new(const struct gyre_sys *sys,
		    const struct gyre_exception *raised)
{
	return new_rejection(sys, raised->file, raised->line, raised->message);
}

/* Claim it and write an error; what follows is to be shown. */
static bool
write_error(struct gyre_future *future, int error, const char *file, int line,
	    const char *message)
{
	GYRE_REQUIRE(error < 0);
	if (!claim(future))
		return false;
	future->error = error;
	future->rejection = new_rejection(future->sys, file, line, message);
	return true;
}

static int
reject(struct gyre_future *future, int error, const char *file, int line,
       const char *message)
{
	if (!write_error(future, error, file, line, message))
		return -EALREADY;
	publish(future);
	return 0;
}

bool
gyre__future_reject_with(struct gyre_future *future, int error,
			 struct gyre__rejection *rejection)
{
	if (!claim(future))
		return false;
	future->error = error;
	future->rejection = rejection;
	publish(future);
	return true;
}

int
gyre_future_reject(struct gyre_future *future, int error, const char *message)
{
	int result = reject(future, error, NULL, 0, message);

	if (result == 0 && future->is_owned)
		((struct gyre__owned_future *)future)->on_reject(future);
	return result;
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
		reject(future, raised->error, raised->file, raised->line,
		       raised->message);
	else
		gyre_future_resolve(future, value);
	gyre__clear_exception();
}

bool
gyre__future_answer(struct gyre_future *future, void *value)
{
	const struct gyre_exception *raised = gyre_exception();
	bool written;

	if (raised != NULL)
		written = write_error(future, raised->error, raised->file,
				      raised->line, raised->message);
	else
		written = claim(future);
	gyre__clear_exception();
	if (!written)
		return false;
	if (raised == NULL)
		future->value = value;
	show(future);
	return true;
}

bool
gyre__future_deny(struct gyre_future *future, int error, const char *message)
{
	if (!write_error(future, error, NULL, 0, message))
		return false;
	show(future);
	return true;
}

static void
mark_read(struct gyre_future *future)
{
	/* future.R1 relaxed: the last unref looks, after every other one */
	gyre__store_32_relaxed(&future->is_read, 1);
}

static void
mark_taken(struct gyre_future *future)
{
	if (future->owns_value)
		mark_read(future);
}

void
gyre__future_copy(struct gyre_future *source, struct gyre_future *target)
{
	const struct gyre__rejection *why;
	int result;

	if (source->error == 0) {
		if (gyre_future_resolve(target, source->value) == 0)
			mark_taken(source);
		return;
	}
	why = source->rejection;
	if (why != NULL)
		result = reject(target, source->error, why->file, why->line,
				why->message);
	else
		result = reject(target, source->error, NULL, 0, NULL);
	if (result == 0)
		mark_read(source);
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
	if (future->error != 0) {
		mark_read(future);
	} else if (ret_value != NULL) {
		*ret_value = future->value;
		mark_taken(future);
	}
	return future->error;
}

const char *
gyre_future_message(struct gyre_future *future)
{
	GYRE_REQUIRE(gyre_future_done(future));
	if (future->error == 0)
		return "";
	mark_read(future);
	return future->rejection != NULL ? future->rejection->message : "";
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
