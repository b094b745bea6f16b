#include "timeouts.h"

#include "life.h"
#include "report.h"
#include "rng.h"

#define DELAY_MAX_NS GYRE_MS(4)

void
timeouts_init(struct place *place)
{
	for (unsigned i = 0; i < TIMEOUTS_MAX; i++)
		place->timeouts.alarms[i].place = place;
}

static unsigned
index_of(const struct alarm *alarm)
{
	return (unsigned)(alarm - alarm->place->timeouts.alarms);
}

static void
disarm(struct alarm *alarm, const char *what)
{
	struct place *place = alarm->place;

	if (self != place->actor)
		report_broken(LAW_ROUTING, place->actor,
			      "a timeout of %s was %s on %s",
			      place->actor->name, what, self->name);
	if (!alarm->is_armed)
		report_broken(LAW_ONCE, place->actor,
			      "timeout %u of %s was %s a second time",
			      index_of(alarm), place->actor->name, what);
	alarm->is_armed = false;
}

static void
on_time(void *arg)
{
	struct alarm *alarm = arg;
	int64_t early_ns = alarm->when_ns - gyre_loop_time(alarm->place->loop);

	disarm(alarm, "run");
	actor_note(EVENT_RUN, PATH_TIMEOUTS, self->id, index_of(alarm));
	if (alarm->is_removed)
		report_broken(LAW_ONCE, self, "timeout %u ran while removed",
			      index_of(alarm));
	if (early_ns > 0)
		report_broken(LAW_TIME, self,
			      "timeout %u of %s ran %lld ns too early",
			      index_of(alarm), self->name, (long long)early_ns);
	actor_count(&self->tally[PATH_TIMEOUTS].run);
}

static void
on_drop(void *arg, enum gyre_drop_reason reason)
{
	struct alarm *alarm = arg;

	disarm(alarm, "dropped");
	actor_note(EVENT_DROP, PATH_TIMEOUTS, self->id, index_of(alarm));
	if (alarm->is_removed != (reason == GYRE_DROP_CANCELED))
		report_broken(LAW_CONSERVATION, self,
			      "timeout %u was dropped for the wrong reason: %s",
			      index_of(alarm), gyre_drop_reason_name(reason));
	actor_count(&self->tally[PATH_TIMEOUTS].dropped[reason]);
}

/* What is armed already is moved or cancelled. */
static void
disturb(struct alarm *alarm, int64_t when_ns, uint64_t order)
{
	struct gyre_loop *loop = alarm->place->loop;

	if ((order & 1) != 0) {
		alarm->when_ns = when_ns;
		if (gyre_loop_update_timeout(loop, alarm->handle, when_ns) < 0)
			report_broken(LAW_ERRORS, self,
				      "timeout %u cannot be moved",
				      index_of(alarm));
		return;
	}
	actor_note(EVENT_CANCEL, PATH_TIMEOUTS, self->id, index_of(alarm));
	alarm->is_removed = true;
	gyre_loop_remove_timeout(loop, alarm->handle);
	alarm->is_removed = false;
	if (alarm->is_armed)
		report_broken(LAW_CONSERVATION, self,
			      "timeout %u was removed and not dropped",
			      index_of(alarm));
}

void
timeouts_arm(struct place *place, uint64_t order)
{
	struct alarm *alarm = &place->timeouts.alarms[order % TIMEOUTS_MAX];
	uint64_t delay_ns = rng_mix(order) % (uint64_t)DELAY_MAX_NS;
	int64_t when_ns = gyre_loop_time(place->loop) + (int64_t)delay_ns;
	struct gyre_callback callback = { on_time, alarm, on_drop };
	int error;

	if (alarm->is_armed) {
		disturb(alarm, when_ns, order >> 16);
		return;
	}
	alarm->is_armed = true;
	alarm->when_ns = when_ns;
	actor_count(&self->tally[PATH_TIMEOUTS].started);
	actor_note(EVENT_SEND, PATH_TIMEOUTS, self->id, index_of(alarm));
	error = gyre_loop_call_at_drop(place->loop, when_ns, callback,
				       &alarm->handle);
	if (error < 0)
		report_broken(LAW_ERRORS, self, "a timeout was refused: %s",
			      gyre_error_name(error));
}

void
timeouts_check(const struct place *place)
{
	for (unsigned i = 0; i < TIMEOUTS_MAX; i++) {
		if (place->timeouts.alarms[i].is_armed)
			report_broken(LAW_CONSERVATION, place->actor,
				      "timeout %u of %s neither ran nor was "
				      "dropped",
				      i, place->actor->name);
	}
}
