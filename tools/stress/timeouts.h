/* Timeouts: armed, moved, cancelled; each runs once, not early, or is dropped
 * once. */
#ifndef STRESS_TIMEOUTS_H
#define STRESS_TIMEOUTS_H

#include <gyre/loop.h>
#include <stdbool.h>
#include <stdint.h>

#define TIMEOUTS_MAX 128u

struct place;

struct alarm {
	struct place *place;
	gyre_timeout handle;
	int64_t when_ns;
	bool is_armed;
	bool is_removed; /* by the call that is under way */
};

struct timeouts {
	struct alarm alarms[TIMEOUTS_MAX];
};

void timeouts_init(struct place *place);
void timeouts_arm(struct place *place, uint64_t order);
void timeouts_check(const struct place *place);

#endif
