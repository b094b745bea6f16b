#include "actor.h"

#include <inttypes.h>

#include "life.h"

_Thread_local struct actor *self;

static const char *const event_names[] = {
	[EVENT_NONE] = "?",          [EVENT_SEND] = "sends",
	[EVENT_REFUSED] = "refused", [EVENT_RUN] = "runs",
	[EVENT_DROP] = "drops",      [EVENT_ANSWER] = "answered",
	[EVENT_CANCEL] = "cancels",  [EVENT_PAUSE] = "pauses",
	[EVENT_START] = "starts",    [EVENT_STOP] = "stops",
	[EVENT_CLOSE] = "closed",    [EVENT_RELAY] = "passes on",
};

void
actor_add_to(_Atomic uint64_t *sum, const _Atomic uint64_t *counter)
{
	uint64_t before = atomic_load_explicit(sum, memory_order_relaxed);

	atomic_store_explicit(
		sum,
		before + atomic_load_explicit(counter, memory_order_relaxed),
		memory_order_relaxed);
}

void
actor_add(const struct actor *actor, struct tally sum[PATHS])
{
	for (unsigned path = 0; path < PATHS; path++) {
		const struct tally *tally = &actor->tally[path];

		/* What ends before what begins it: read the other way round,
		 * more might seem to have ended than began. */
		for (unsigned i = 0; i < DROP_REASONS; i++)
			actor_add_to(&sum[path].dropped[i], &tally->dropped[i]);
		actor_add_to(&sum[path].run, &tally->run);
		actor_add_to(&sum[path].refused, &tally->refused);
		actor_add_to(&sum[path].started, &tally->started);
	}
}

static void
print_event(const struct life *life, const _Atomic uint64_t event[2],
	    FILE *file)
{
	uint64_t what = atomic_load_explicit(&event[0], memory_order_relaxed);
	uint64_t number = atomic_load_explicit(&event[1], memory_order_relaxed);
	unsigned peer = (unsigned)(what & UINT32_MAX);

	fprintf(file, "    %-9s %-9s %-12s %" PRIu64 "\n",
		event_names[what >> 48], path_name(what >> 32 & 0xffff),
		peer < life->actors_count ? life->actors[peer].name : "-",
		number);
}

void
actor_print_events(const struct actor *actor, FILE *file)
{
	uint64_t end = atomic_load_explicit(&actor->events_count,
					    memory_order_relaxed);
	uint64_t at = end > ACTOR_EVENTS_MAX ? end - ACTOR_EVENTS_MAX : 0;

	fprintf(file, "  the last events of %s, %" PRIu64 " in all:\n",
		actor->name, end);
	for (; at < end; at++)
		print_event(actor->life, actor->events[at % ACTOR_EVENTS_MAX],
			    file);
}
