/* The loops' side: what each shard of the runtime does when it starts and
 * ends, and a loop beside them that is stopped and started all the time. */
#ifndef STRESS_PLACE_H
#define STRESS_PLACE_H

#include <gyre/runtime.h>

struct life;

extern const struct gyre_service_ops place_service;

/* In the mix with `stop`. */
int restarter_start(struct life *life);
void restarter_join(struct life *life);

#endif
