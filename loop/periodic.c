/*
 * Periodics: a timeout that is scheduled anew when its call is over.
 *
 *     stopped: no loop and no timeout
 *       start -> waiting
 *     waiting: the timeout is at the next slot
 *       the slot comes -> placed, and the callback is called
 *     placed: the timeout is at GYRE_FOREVER and keeps its place there, so
 *             that scheduling anew needs no memory and cannot fail
 *       the call is over -> waiting
 *     stop and the closing of the loop lead from anywhere to stopped
 *
 * A call goes on while its callback runs or is held. It may outlive the series
 * that made it, after a stop and a start; the new series then waits, placed,
 * until it is over. The timeout's drop is what tells of every stop.
 */
#include "loop/periodic.h"

#include "base/check.h"
#include "base/exception.h"
#include "loop/loop.h"

#include <errno.h>

struct gyre_periodic {
	/* -- immutable after new -- */
	const struct gyre_sys *sys;
	struct gyre_callback callback;
	/* -- owner -- */
	int64_t period_ns;
	double jitter;
	struct gyre__chance chance; /* unset until there is jitter */
	uint64_t seed;
	struct gyre_loop *loop; /* NULL: stopped */
	gyre_timeout timeout;
	int64_t last_ns; /* the slot scheduled last */
	bool placed;
	bool calling; /* the callback runs */
	bool held;
	bool freed; /* goes when the call is over */
};

/* -- arithmetic ---------------------------------------------------------- */

int64_t
gyre__periodic_next(int64_t last_ns, int64_t now_ns, int64_t period_ns)
{
	/* Two instants can be further apart than a signed one can say. */
	uint64_t since = (uint64_t)now_ns - (uint64_t)last_ns;
	uint64_t period = (uint64_t)period_ns;
	int64_t from_ns = last_ns;
	int64_t left_ns = period_ns;
	int64_t next_ns;

	if (last_ns <= now_ns) {
		from_ns = now_ns;
		left_ns = (int64_t)(period - since % period);
	}
	if (__builtin_add_overflow(from_ns, left_ns, &next_ns))
		return GYRE_FOREVER;
	return next_ns;
}

int64_t
gyre__periodic_vary(int64_t period_ns, double jitter, double chance)
{
	/* Towards zero, hence never the whole of a period of 1 ns. */
	int64_t more_ns =
		(int64_t)((double)period_ns * jitter * (chance - 0.5));
	int64_t varied_ns;

	if (__builtin_add_overflow(period_ns, more_ns, &varied_ns))
		return GYRE_FOREVER;
	return varied_ns;
}

/* splitmix64, as a number from 0 to below 1. */
static double
draw_own(void *arg)
{
	struct gyre_periodic *periodic = arg;
	uint64_t mixed = periodic->seed += 0x9e3779b97f4a7c15;

	mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
	mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
	mixed ^= mixed >> 31;
	return (double)(mixed >> 11) * 0x1p-53;
}

static int64_t
next_slot(const struct gyre_periodic *periodic, int64_t now_ns)
{
	const struct gyre__chance *chance = &periodic->chance;
	int64_t period_ns = periodic->period_ns;

	if (periodic->jitter > 0)
		period_ns = gyre__periodic_vary(period_ns, periodic->jitter,
						chance->draw(chance->arg));
	return gyre__periodic_next(periodic->last_ns, now_ns, period_ns);
}

/* -- the series ---------------------------------------------------------- */

static void
release(struct gyre_periodic *periodic)
{
	gyre__loop_drop(gyre__outbox_of_thread, &periodic->callback,
			GYRE_DROP_CANCELED);
	periodic->sys->release(periodic);
}

/* If no call goes on any more, do what waited for its end. */
static void
end_call(struct gyre_periodic *periodic)
{
	int result;

	if (periodic->calling || periodic->held)
		return;
	if (periodic->freed) {
		release(periodic);
		return;
	}
	if (!periodic->placed)
		return;
	periodic->placed = false;
	periodic->last_ns = next_slot(periodic, gyre_loop_time(periodic->loop));
	result = gyre_loop_update_timeout(periodic->loop, periodic->timeout,
					  periodic->last_ns);
	GYRE_INSIST(result == 0);
}

static int add_timeout(struct gyre_periodic *periodic, struct gyre_loop *loop,
		       int64_t when_ns);

static void
become_stopped(struct gyre_periodic *periodic)
{
	periodic->loop = NULL;
	periodic->timeout = 0;
	periodic->placed = false;
}

static void
on_slot(void *arg)
{
	struct gyre_periodic *periodic = arg;
	struct gyre_loop *loop = periodic->loop;
	const struct gyre_callback *callback = &periodic->callback;
	int result;

	if (loop->is_quiet) {
		become_stopped(periodic);
		return;
	}
	/* The one that came has just left a place free. */
	result = add_timeout(periodic, loop, GYRE_FOREVER);
	GYRE_INSIST(result == 0);
	periodic->placed = true;
	if (periodic->held)
		return;
	periodic->calling = true;
	callback->fn(callback->arg);
	if (gyre__raised())
		gyre__outbox_report(&loop->outbox, "periodic",
				    (void (*)(void))callback->fn,
				    callback->arg);
	periodic->calling = false;
	end_call(periodic);
}

/* Stopped, or its loop closed. */
static void
on_drop(void *arg, enum gyre_drop_reason reason)
{
	(void)reason;
	become_stopped(arg);
}

static int
add_timeout(struct gyre_periodic *periodic, struct gyre_loop *loop,
	    int64_t when_ns)
{
	const struct gyre_callback callback = {
		.fn = on_slot,
		.arg = periodic,
		.drop = on_drop,
	};

	return gyre_loop_call_at_drop(loop, when_ns, callback,
				      &periodic->timeout);
}

/* -- life ---------------------------------------------------------------- */

int
gyre__periodic_new(const struct gyre_sys *sys,
		   const struct gyre_callback *callback, int64_t period_ns,
		   struct gyre_periodic **ret_periodic)
{
	struct gyre_periodic *periodic;

	if (period_ns <= 0)
		return -EINVAL;
	sys = gyre__sys(sys);
	periodic = gyre__allocate(sys, sizeof(*periodic), 0);
	if (periodic == NULL)
		return -ENOMEM;
	periodic->sys = sys;
	periodic->callback = *callback;
	periodic->period_ns = period_ns;
	*ret_periodic = periodic;
	return 0;
}

int
gyre_periodic_new(gyre_callback_fn fn, void *arg, int64_t period_ns,
		  struct gyre_periodic **ret_periodic)
{
	const struct gyre_callback callback = { .fn = fn, .arg = arg };

	GYRE_REQUIRE(fn != NULL);
	return gyre__periodic_new(NULL, &callback, period_ns, ret_periodic);
}

int
gyre_periodic_new_drop(struct gyre_callback callback, int64_t period_ns,
		       struct gyre_periodic **ret_periodic)
{
	GYRE_REQUIRE(callback.fn != NULL);
	return gyre__periodic_new(NULL, &callback, period_ns, ret_periodic);
}

/* Abort, naming the function, if another thread runs its loop. */
static void
require_owner(const struct gyre_periodic *periodic, const char *function)
{
	if (periodic->loop != NULL)
		gyre__loop_require_owner_in(periodic->loop, function);
}

void
gyre_periodic_free(struct gyre_periodic *periodic)
{
	if (periodic == NULL)
		return;
	require_owner(periodic, __func__);
	GYRE_REQUIRE(!periodic->freed);
	gyre_periodic_stop(periodic);
	periodic->freed = true;
	end_call(periodic);
}

int
gyre_periodic_start(struct gyre_periodic *periodic)
{
	struct gyre_loop *loop = gyre_loop_current(false);

	if (periodic->loop != NULL)
		return -EALREADY;
	if (loop == NULL)
		return -ENOENT;
	return gyre_periodic_start_on(periodic, loop);
}

int
gyre_periodic_start_on(struct gyre_periodic *periodic, struct gyre_loop *loop)
{
	int64_t first_ns;
	int result;

	GYRE_REQUIRE(!periodic->freed);
	gyre__loop_require_owner(loop);
	if (periodic->loop != NULL)
		return -EALREADY;
	periodic->last_ns = gyre_loop_time(loop);
	first_ns = next_slot(periodic, periodic->last_ns);
	result = add_timeout(periodic, loop, first_ns);
	if (result < 0)
		return result;
	periodic->loop = loop;
	periodic->last_ns = first_ns;
	return 0;
}

void
gyre_periodic_stop(struct gyre_periodic *periodic)
{
	require_owner(periodic, __func__);
	if (periodic->loop != NULL)
		gyre_loop_remove_timeout(periodic->loop, periodic->timeout);
}

/* -- settings ------------------------------------------------------------ */

int
gyre_periodic_set_period(struct gyre_periodic *periodic, int64_t period_ns)
{
	require_owner(periodic, __func__);
	if (period_ns <= 0)
		return -EINVAL;
	periodic->period_ns = period_ns;
	return 0;
}

void
gyre__periodic_set_chance(struct gyre_periodic *periodic,
			  struct gyre__chance chance)
{
	periodic->chance = chance;
}

static int
seed(struct gyre_periodic *periodic)
{
	ssize_t size = periodic->sys->getrandom(&periodic->seed,
						sizeof(periodic->seed), 0);

	if (size < 0)
		return -errno;
	/* So few bytes come whole. */
	GYRE_INSIST(size == sizeof(periodic->seed));
	periodic->chance = (struct gyre__chance){
		.draw = draw_own,
		.arg = periodic,
	};
	return 0;
}

int
gyre_periodic_set_jitter(struct gyre_periodic *periodic, double jitter)
{
	int result = 0;

	require_owner(periodic, __func__);
	/* Not the other way round: it may be no number. */
	if (!(jitter >= 0 && jitter <= 1))
		return -EINVAL;
	if (jitter > 0 && periodic->chance.draw == NULL)
		result = seed(periodic);
	if (result == 0)
		periodic->jitter = jitter;
	return result;
}

/* -- calls that outlast their callback ----------------------------------- */

void
gyre_periodic_hold(struct gyre_periodic *periodic)
{
	require_owner(periodic, __func__);
	GYRE_REQUIRE(periodic->calling);
	periodic->held = true;
}

void
gyre_periodic_done(struct gyre_periodic *periodic)
{
	require_owner(periodic, __func__);
	GYRE_REQUIRE(periodic->held);
	periodic->held = false;
	end_call(periodic);
}

/* -- introspection ------------------------------------------------------- */

bool
gyre_periodic_is_running(const struct gyre_periodic *periodic)
{
	require_owner(periodic, __func__);
	return periodic->loop != NULL;
}
