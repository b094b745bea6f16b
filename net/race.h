/*
 * Several addresses, one connection: who answers first is taken.
 */
#ifndef GYRE_NET_RACE_H
#define GYRE_NET_RACE_H

#include <gyre/resolve.h>

struct gyre__race;

/* It is over: a connected descriptor, which is the callee's, or the error of
 * the first address. Comes from the loop; the race is gone. */
typedef void (*gyre__race_fn)(int outcome, void *arg);

struct gyre__race_options {
	int64_t stagger_ns;
	gyre__race_fn fn;
	void *arg;
};

/*
 * Begin with the first address. Owner.
 *
 * Owns:   on 0 the race, the addresses; on error still the caller
 * Errors: -ENOMEM, or nothing could even be begun: what the system said of the
 *         first address
 */
int gyre__race_start(struct gyre_loop *loop, struct gyre_addresses *addresses,
		     const struct gyre__race_options *options,
		     struct gyre__race **ret_race);

/* Give up; fn is not called. Owner. */
void gyre__race_cancel(struct gyre__race *race);

#endif
