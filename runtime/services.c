/*
 * A shard's services: in which order, and their turns. In a turn each of them
 * starts, drains or stops, one after the other, and what one of them awaits is
 * waited for in between, while the loop runs. One turn follows the other:
 *
 *     NONE --> START --> NONE --> DRAIN --> NONE --> STOP --> NONE
 *                |                  |                  |
 *                +------------------+------------------+----> FORCED
 *
 * FORCED is final: nothing is waited for any more, and what had started is
 * stopped at once.
 */
#include "runtime/runtime.h"

#include "base/check.h"
#include "base/exception.h"
#include "base/log.h"
#include "loop/loop.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct gyre_runtime *
runtime_of(const struct gyre__shard *shard)
{
	return shard->shard.runtime;
}

static const struct gyre__service *
service_of(const struct gyre__shard *shard, unsigned i)
{
	return &runtime_of(shard)->services[i];
}

/* -- their order --------------------------------------------------------- */

static bool
is_needed(const struct gyre__service *service, const char *name)
{
	const char *const *need = service->ops->needs;

	while (need != NULL && *need != NULL)
		if (strcmp(*need++, name) == 0)
			return true;
	return false;
}

/* Whether a service from `first` on is to start before this one. */
static bool
has_to_wait(const struct gyre_runtime *runtime,
	    const struct gyre__service *service, unsigned first)
{
	for (unsigned i = first; i < runtime->services_count; i++)
		if (is_needed(service, runtime->services[i].ops->name))
			return true;
	return false;
}

static int
check_needs(const struct gyre_runtime *runtime,
	    const struct gyre__service *service)
{
	const char *const *need = service->ops->needs;

	for (; need != NULL && *need != NULL; need++) {
		unsigned i = 0;

		while (i < runtime->services_count &&
		       strcmp(runtime->services[i].ops->name, *need) != 0)
			i++;
		if (i < runtime->services_count)
			continue;
		gyre__log(&runtime->log, GYRE_LOG_ERROR,
			  "runtime: service %s needs %s, and there is none",
			  service->ops->name, *need);
		return -EINVAL;
	}
	return 0;
}

/* Move the i-th to the place of the first, and those between one further. */
static void
move_up(struct gyre__service *services, unsigned first, unsigned i)
{
	struct gyre__service moved = services[i];

	memmove(&services[first + 1], &services[first],
		(i - first) * sizeof(services[0]));
	services[first] = moved;
}

int
gyre__services_sort(struct gyre_runtime *runtime)
{
	unsigned count = runtime->services_count;

	for (unsigned i = 0; i < count; i++) {
		int result = check_needs(runtime, &runtime->services[i]);

		if (result < 0)
			return result;
	}
	for (unsigned first = 0; first < count; first++) {
		unsigned i = first;

		while (i < count &&
		       has_to_wait(runtime, &runtime->services[i], first))
			i++;
		if (i == count) {
			gyre__log(&runtime->log, GYRE_LOG_ERROR,
				  "runtime: service %s needs itself, by way of "
				  "what it needs",
				  runtime->services[first].ops->name);
			return -EINVAL;
		}
		move_up(runtime->services, first, i);
	}
	return 0;
}

/* -- one step of a turn -------------------------------------------------- */

/* What a service raised where it has no say: said, and forgotten. */
static void
report_raised(const struct gyre__shard *shard, const char *service,
	      const char *doing)
{
	const struct gyre_exception *raised = gyre_exception();

	if (raised == NULL)
		return;
	gyre__log(&runtime_of(shard)->log, GYRE_LOG_ERROR,
		  "shard %u: service %s raised %s while it %s: %s",
		  shard->shard.index, service, gyre_error_name(raised->error),
		  doing, raised->message);
	gyre__clear_exception();
}

/* The start turn is over, in vain; the loop does not go on. */
static void
fail_start(struct gyre__shard *shard, unsigned service, int error,
	   const char *message)
{
	bool has_message = message != NULL && *message != '\0';

	shard->turn = GYRE__TURN_FORCED;
	shard->result = error;
	snprintf(shard->failure, sizeof(shard->failure),
		 "service %s did not start: %s%s%s",
		 service_of(shard, service)->ops->name, gyre_error_name(error),
		 has_message ? ": " : "", has_message ? message : "");
	gyre__gate_arrive(&runtime_of(shard)->gate, false);
	gyre_loop_stop(shard->shard.loop);
}

/* A service may return its error, raise it, or both: then with a message. */
static void
call_start(struct gyre__shard *shard)
{
	unsigned i = shard->next;
	const struct gyre__service *service = service_of(shard, i);
	const struct gyre_exception *raised;
	int result = service->ops->start(&shard->shard, service->arg,
					 &shard->states[i]);

	raised = gyre_exception();
	if (result == 0 && raised != NULL)
		result = raised->error;
	if (result < 0) {
		fail_start(shard, i, result,
			   raised != NULL ? raised->message : NULL);
	} else {
		shard->next++;
		shard->kept++;
	}
	gyre__clear_exception();
}

/* What it sends leaves, as from a callback, whether the loop runs or not. */
static void
start_next(struct gyre__shard *shard)
{
	struct gyre_loop *loop = shard->shard.loop;
	bool is_running = gyre_loop_in_owner_thread(loop);

	if (!is_running)
		gyre__outbox_enter(&loop->outbox);
	call_start(shard);
	if (is_running || gyre__runtime_is_fork(runtime_of(shard)))
		return;
	gyre__loop_end_batch(loop);
	gyre__outbox_leave(&loop->outbox);
}

static void
drain_next(struct gyre__shard *shard)
{
	unsigned i = --shard->next;
	const struct gyre_service_ops *ops = service_of(shard, i)->ops;

	if (ops->drain != NULL)
		ops->drain(&shard->shard, shard->states[i]);
	report_raised(shard, ops->name, "drained");
}

static void
stop_next(struct gyre__shard *shard)
{
	unsigned i = --shard->started;
	const struct gyre_service_ops *ops = service_of(shard, i)->ops;

	if (ops->stop != NULL)
		ops->stop(&shard->shard, shard->states[i]);
	report_raised(shard, ops->name, "stopped");
}

void
gyre__services_free(struct gyre__shard *shard)
{
	while (shard->kept > 0) {
		unsigned i = --shard->kept;
		const struct gyre_service_ops *ops = service_of(shard, i)->ops;

		if (ops->free != NULL)
			ops->free(shard->states[i]);
		report_raised(shard, ops->name, "was freed");
	}
}

/* -- what they keep ------------------------------------------------------ */

const struct gyre_shard *
gyre_shard_current(void)
{
	const struct gyre_loop *loop = gyre_loop_current(false);

	return loop != NULL ? loop->shard : NULL;
}

void *
gyre_shard_state(const struct gyre_service_ops *ops)
{
	const struct gyre__shard *shard =
		(const struct gyre__shard *)gyre_shard_current();

	if (shard == NULL)
		return NULL;
	for (unsigned i = 0; i < shard->kept; i++)
		if (service_of(shard, i)->ops == ops)
			return shard->states[i];
	return NULL;
}

/* -- turns --------------------------------------------------------------- */

/* Take the next step; false: there is none. */
static bool
take_step(struct gyre__shard *shard)
{
	switch (shard->turn) {
	case GYRE__TURN_START:
		shard->started = shard->next;
		if (shard->next == runtime_of(shard)->services_count)
			return false;
		start_next(shard);
		return true;
	case GYRE__TURN_DRAIN:
		if (shard->next == 0)
			return false;
		drain_next(shard);
		return true;
	case GYRE__TURN_STOP:
		if (shard->started == 0)
			return false;
		stop_next(shard);
		return true;
	default:
		GYRE_INSIST(!"no turn has steps but these");
		return false;
	}
}

static void
end_turn(struct gyre__shard *shard)
{
	enum gyre__turn turn = shard->turn;

	shard->turn = GYRE__TURN_NONE;
	if (turn == GYRE__TURN_START)
		gyre__gate_arrive(&runtime_of(shard)->gate, true);
	else if (turn == GYRE__TURN_DRAIN)
		gyre__drain_count(shard);
	else
		gyre_loop_stop(shard->shard.loop);
}

bool
gyre__services_step(struct gyre__shard *shard)
{
	/* A step may have forked, and this be the child. */
	if (shard->turn == GYRE__TURN_FORCED || shard->awaited > 0 ||
	    gyre__runtime_is_fork(runtime_of(shard)))
		return false;
	if (take_step(shard))
		return true;
	end_turn(shard);
	return false;
}

/* As far as it goes without waiting. */
static void
advance(struct gyre__shard *shard)
{
	while (gyre__services_step(shard))
		;
}

void
gyre__services_begin(struct gyre__shard *shard, enum gyre__turn turn)
{
	GYRE_INSIST(shard->turn == GYRE__TURN_NONE && shard->awaited == 0);
	shard->turn = turn;
	shard->next = turn == GYRE__TURN_DRAIN ? shard->started : 0;
}

void
gyre__services_run(struct gyre__shard *shard, enum gyre__turn turn)
{
	gyre__services_begin(shard, turn);
	advance(shard);
}

void
gyre__services_refuse_start(struct gyre__shard *shard, int error,
			    const char *message)
{
	if (shard->turn == GYRE__TURN_START)
		fail_start(shard, shard->next - 1, error, message);
}

void
gyre__services_force(struct gyre__shard *shard)
{
	if (shard->turn == GYRE__TURN_START) {
		gyre__gate_arrive(&runtime_of(shard)->gate, false);
		if (shard->awaited == 0)
			shard->started = shard->next;
	}
	shard->turn = GYRE__TURN_FORCED;
	while (shard->started > 0 && !gyre__runtime_is_fork(runtime_of(shard)))
		stop_next(shard);
}

/* -- awaiting ------------------------------------------------------------ */

const char *
gyre__services_awaiting(const struct gyre__shard *shard)
{
	unsigned i = 0;

	if (shard->awaited == 0)
		return NULL;
	switch (shard->turn) {
	case GYRE__TURN_START:
		i = shard->next - 1;
		break;
	case GYRE__TURN_DRAIN:
		i = shard->next;
		break;
	case GYRE__TURN_STOP:
		i = shard->started;
		break;
	default:
		return NULL;
	}
	return service_of(shard, i)->ops->name;
}

static void
on_awaited(struct gyre_future *future, void *arg)
{
	struct gyre__shard *shard = arg;
	const char *service = gyre__services_awaiting(shard);
	void *value;
	int error = gyre_future_result(future, &value);

	shard->awaited--;
	if (shard->turn == GYRE__TURN_FORCED)
		return;
	if (error < 0 && shard->turn == GYRE__TURN_START) {
		fail_start(shard, shard->next - 1, error,
			   gyre_future_message(future));
		return;
	}
	if (error < 0)
		gyre__log(&runtime_of(shard)->log, GYRE_LOG_WARN,
			  "shard %u: what service %s awaited to %s failed: "
			  "%s: %s",
			  shard->shard.index, service,
			  shard->turn == GYRE__TURN_DRAIN ? "drain" : "stop",
			  gyre_error_name(error), gyre_future_message(future));
	advance(shard);
}

int
gyre_shard_await(const struct gyre_shard *base, struct gyre_future *future)
{
	struct gyre__shard *shard = (struct gyre__shard *)base;
	struct gyre__gate *gate = &runtime_of(shard)->gate;
	int result = -ESHUTDOWN;

	GYRE_REQUIRE(gyre_loop_current(false) == base->loop);
	GYRE_REQUIRE(shard->turn != GYRE__TURN_NONE);
	if (future == NULL)
		return -ENOMEM;
	if (gyre__gate_open(gate, GYRE__GATE_RUN) ||
	    (gyre__gate_is_running(gate) && shard->turn != GYRE__TURN_FORCED))
		result = gyre_loop_add_future(base->loop, future, on_awaited,
					      shard);
	if (result == 0 && shard->awaited++ == 0)
		shard->awaits_since_ns = gyre_loop_time(base->loop);
	gyre_future_unref(future);
	return result;
}
