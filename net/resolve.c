/*
 * Lookups: between the future that the caller has and the one of whoever is
 * asked stands the lookup, on the loop. It ends the one when the other is
 * complete, whichever is first, and neither can hurt the other then: what is
 * refused by a future that was cancelled or has expired is freed here.
 *
 *     asked ---answer---> resolved or rejected
 *       |---deadline----> rejected, -ETIMEDOUT  \ the question is cancelled:
 *       |---cancel------> (by the caller)       / queued, it is never asked
 *       `---loop closes-> rejected, -ESHUTDOWN
 *
 * The loop holds a lookup three times at most: for the answer, for the caller's
 * future, for the deadline. (A dependent of the loop would need a list of what
 * to undo; the drops of these three say it one by one.)
 */
#include <gyre/resolve.h>

#include <gyre/loop.h>

#include "base/check.h"
#include "base/sys.h"
#include "loop/loop.h"
#include "net/getaddrinfo.h"
#include "net/question.h"

#include <errno.h>
#include <stdio.h>

struct lookup {
	/* -- immutable after it has begun -- */
	struct gyre_loop *loop;
	const struct gyre_sys *sys;
	struct gyre_future *promised;
	struct gyre_future *asked;  /* NULL: nobody could be */
	struct gyre__name_job *job; /* where `asked` leaves the answer; NULL:
				       it is its value */
	struct gyre__question question;
	/* -- owner -- */
	gyre_timeout deadline; /* 0: none */
	unsigned holds;
};

/* Reject with a line that names the host; the first outcome counts. */
static void
fail(const struct lookup *lookup, int error, const char *reason)
{
	char line[GYRE_EXCEPTION_MESSAGE_MAX];
	/* So that the reason, which comes last, is there with any host. */
	const int host_max = GYRE_EXCEPTION_MESSAGE_MAX / 2;

	snprintf(line, sizeof(line), "cannot resolve %.*s: %s", host_max,
		 gyre__question_name(&lookup->question), reason);
	(void)gyre_future_reject(lookup->promised, error, line);
}

static void
settle(const struct lookup *lookup, struct gyre_addresses *addresses)
{
	if (gyre_future_resolve(lookup->promised, addresses) < 0)
		gyre_addresses_free(addresses);
}

/* -- ends ----------------------------------------------------------------- */

static void
release_lookup(struct lookup *lookup)
{
	GYRE_INSIST(lookup->holds > 0);
	if (--lookup->holds > 0)
		return;
	GYRE_INSIST(gyre_future_done(lookup->promised));
	if (lookup->job != NULL)
		gyre__name_job_unref(lookup->job);
	gyre_future_unref(lookup->asked);
	gyre_future_unref(lookup->promised);
	lookup->sys->release(lookup);
}

/* The promise is kept or broken: nothing is waited for any more. Somebody
 * holds the lookup beside those who are let go. */
static void
let_go(struct lookup *lookup)
{
	if (lookup->asked != NULL)
		(void)gyre_future_cancel(lookup->asked);
	gyre_loop_remove_timeout(lookup->loop, lookup->deadline);
}

static int
take_answer(struct lookup *lookup, struct gyre_addresses **ret_addresses,
	    const char **ret_reason)
{
	void *value = NULL;
	int error = gyre_future_result(lookup->asked, &value);

	if (error < 0) {
		*ret_reason = gyre_future_message(lookup->asked);
		if (**ret_reason == '\0')
			*ret_reason = gyre_error_name(error);
		return error;
	}
	if (lookup->job != NULL)
		return gyre__name_job_take(lookup->job, ret_addresses,
					   ret_reason);
	GYRE_REQUIRE(value != NULL);
	*ret_addresses = value;
	return 0;
}

static void
on_answer(struct gyre_future *asked, void *arg)
{
	struct lookup *lookup = arg;
	struct gyre_addresses *addresses;
	const char *reason;
	int error = take_answer(lookup, &addresses, &reason);

	(void)asked;
	if (error == 0)
		settle(lookup, addresses);
	else
		fail(lookup, error, reason);
	let_go(lookup);
	release_lookup(lookup);
}

/* The loop closes; an answer that is on its way is freed with its future. */
static void
drop_answer(void *arg, enum gyre_drop_reason reason)
{
	struct lookup *lookup = arg;

	(void)reason;
	fail(lookup, -ESHUTDOWN, "the loop was closed");
	(void)gyre_future_cancel(lookup->asked);
	release_lookup(lookup);
}

static void
on_promised(struct gyre_future *promised, void *arg)
{
	(void)promised;
	let_go(arg);
	release_lookup(arg);
}

static void
drop_promised(void *arg, enum gyre_drop_reason reason)
{
	(void)reason;
	release_lookup(arg);
}

static void
on_deadline(void *arg)
{
	struct lookup *lookup = arg;

	lookup->deadline = 0;
	fail(lookup, -ETIMEDOUT, "no answer in time");
	let_go(lookup);
	release_lookup(lookup);
}

static void
drop_deadline(void *arg, enum gyre_drop_reason reason)
{
	struct lookup *lookup = arg;

	(void)reason;
	lookup->deadline = 0;
	release_lookup(lookup);
}

/* -- beginning ------------------------------------------------------------ */

static struct gyre_future *
ask_resolver(struct lookup *lookup, const struct gyre_resolve_options *options)
{
	const struct gyre__question *question = &lookup->question;
	struct gyre_resolve_options checked = *options;

	checked.host = question->has_host ? question->host : NULL;
	checked.host_length = 0;
	checked.service = question->has_service ? question->service : NULL;
	checked.type = question->type;
	return options->resolver->ops->resolve(options->resolver, lookup->loop,
					       &checked);
}

static int
wait_for_answer(struct lookup *lookup)
{
	int status = gyre_loop_add_future_drop(lookup->loop, lookup->asked,
					       on_answer, lookup, drop_answer);

	lookup->holds += status == 0;
	return status;
}

static int
wait_for_caller(struct lookup *lookup)
{
	int status =
		gyre_loop_add_future_drop(lookup->loop, lookup->promised,
					  on_promised, lookup, drop_promised);

	lookup->holds += status == 0;
	return status;
}

static int
wait_until(struct lookup *lookup, int64_t deadline_ns)
{
	const struct gyre_callback callback = { on_deadline, lookup,
						drop_deadline };
	int status;

	if (deadline_ns == 0 || deadline_ns == GYRE_FOREVER)
		return 0;
	status = gyre_loop_call_at_drop(lookup->loop, deadline_ns, callback,
					&lookup->deadline);
	lookup->holds += status == 0;
	return status;
}

/* Ask, and wait for everything that may end it. */
static int
begin(struct lookup *lookup, const struct gyre_resolve_options *options)
{
	int status;

	if (options->resolver != NULL)
		lookup->asked = ask_resolver(lookup, options);
	else
		lookup->asked =
			gyre__name_job_run(lookup->loop, options->executor,
					   &lookup->question, &lookup->job);
	if (lookup->asked == NULL)
		return -ENOMEM;
	status = wait_for_answer(lookup);
	if (status == 0)
		status = wait_for_caller(lookup);
	if (status == 0)
		status = wait_until(lookup, options->deadline_ns);
	return status;
}

static bool
is_past(const struct lookup *lookup, int64_t deadline_ns)
{
	return deadline_ns != 0 && deadline_ns <= gyre_loop_time(lookup->loop);
}

static void
start_lookup(struct lookup *lookup, const struct gyre_resolve_options *options)
{
	struct gyre_addresses *addresses;
	const char *reason;
	int status = gyre__question_read(options, &lookup->question, &reason);

	if (status < 0) {
		(void)gyre_future_reject(lookup->promised, status, reason);
		return;
	}
	status = gyre__question_answer(&lookup->question, lookup->sys,
				       &addresses);
	if (status == 0) {
		settle(lookup, addresses);
		return;
	}
	if (status == -EAGAIN && is_past(lookup, options->deadline_ns)) {
		fail(lookup, -ETIMEDOUT, "the deadline has passed");
		return;
	}
	if (status == -EAGAIN)
		status = begin(lookup, options);
	if (status < 0) {
		fail(lookup, status, gyre_error_name(status));
		let_go(lookup);
	}
}

struct gyre_future *
gyre_net_resolve(struct gyre_loop *loop,
		 const struct gyre_resolve_options *options)
{
	struct gyre_future *promised;
	struct lookup *lookup;

	GYRE_REQUIRE(options != NULL);
	gyre__loop_require_owner(loop);
	promised = gyre_addresses_future(loop);
	if (promised == NULL)
		return NULL;
	lookup = gyre__allocate(gyre__loop_sys(loop), sizeof(*lookup), 0);
	if (lookup == NULL) {
		gyre_future_unref(promised);
		return NULL;
	}
	lookup->loop = loop;
	lookup->sys = gyre__loop_sys(loop);
	lookup->promised = gyre_future_ref(promised);
	lookup->holds = 1;
	start_lookup(lookup, options);
	release_lookup(lookup);
	return promised;
}
