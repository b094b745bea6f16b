/*
 * A limit of connections: one count that listeners of several shards share.
 */
#include <gyre/listener.h>

#include "base/atomics.h"
#include "base/check.h"

bool
gyre_limit_take(struct gyre_limit *limit)
{
	/* limit.L1 relaxed: a count, by which nobody reads anything else */
	uint32_t before = gyre__add_32_relaxed(&limit->_taken, 1);

	if (before < limit->max)
		return true;
	gyre_limit_leave(limit);
	return false;
}

void
gyre_limit_leave(struct gyre_limit *limit)
{
	/* limit.L2 relaxed: as limit.L1 */
	uint32_t before = gyre__add_32_relaxed(&limit->_taken, -1);

	GYRE_REQUIRE(before > 0);
}

uint32_t
gyre_limit_taken(const struct gyre_limit *limit)
{
	/* limit.L3 relaxed: as limit.L1; one that is being refused counts for
	 * a moment */
	uint32_t taken = gyre__load_32_relaxed(&limit->_taken);

	return taken < limit->max ? taken : limit->max;
}
