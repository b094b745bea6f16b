/* The trails of calls, in builds with GYRE_DEBUG. */
#include "bus/trail.h"

#ifdef GYRE_DEBUG

#include "base/check.h"

#include <stdio.h>
#include <string.h>

static void
add(struct gyre__trail *trail, unsigned shard)
{
	if (trail->count == GYRE__TRAIL_SHARDS_MAX) { /* forget the first */
		memmove(trail->shards, trail->shards + 1,
			sizeof(trail->shards) - sizeof(trail->shards[0]));
		trail->count--;
	}
	trail->shards[trail->count++] = (uint16_t)shard;
}

void
gyre__trail_begin(struct gyre__trail *trail, const struct gyre__trail *running,
		  uint16_t asker, unsigned shard)
{
	*trail = (struct gyre__trail){ 0 };
	if (running != NULL)
		*trail = *running;
	else
		add(trail, asker);
	add(trail, shard);
}

static _Noreturn void
name_cycle(const struct gyre__trail *trail)
{
	char line[64 + GYRE__TRAIL_SHARDS_MAX * 9] =
		"calls in a cycle, with no room for the last one: ";

	for (unsigned i = 0; i < trail->count; i++) {
		size_t used = strlen(line);

		if (trail->shards[i] == GYRE__TRAIL_NO_SHARD)
			snprintf(line + used, sizeof(line) - used, "a loop");
		else
			snprintf(line + used, sizeof(line) - used, "%s%u",
				 i == 0 ? "shard " : " -> ", trail->shards[i]);
	}
	gyre__fail(line, __FILE__, __LINE__, __func__);
}

/* The first call is no cycle, be it to the own shard: nothing waits for it
 * that it would wait for. */
void
gyre__trail_check(const struct gyre__trail *trail)
{
	if (trail->count < 3)
		return;
	for (unsigned i = 0; i + 1 < trail->count; i++)
		if (trail->shards[i] == trail->shards[trail->count - 1])
			name_cycle(trail);
}

#endif
