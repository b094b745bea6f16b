/*
 * Blocks of memory of one size that were released and will be wanted again
 * soon: a loop's streams each need a buffer for as long as a batch of events
 * takes, and the allocator is slower with many at once. One thread.
 */
#ifndef GYRE_BASE_SPARES_H
#define GYRE_BASE_SPARES_H

#include "base/sys.h"

#define GYRE__SPARE_BYTES 512u
#define GYRE__SPARES_MAX  256u /* that are kept */

struct gyre__spares {
	const struct gyre_sys *sys;
	void *first; /* each begins with where the next one is */
	unsigned count;
};

/* A block of GYRE__SPARE_BYTES, or NULL. */
void *gyre__spares_take(struct gyre__spares *spares);

/* Give one back, whose memory may have come from the system as well. */
void gyre__spares_put(struct gyre__spares *spares, void *block);

/* Give all back to the system. */
void gyre__spares_fini(struct gyre__spares *spares);

#endif
