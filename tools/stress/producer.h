/* Threads without a loop, which send to every place. */
#ifndef STRESS_PRODUCER_H
#define STRESS_PRODUCER_H

#include <stdbool.h>

struct life;

int producers_start(struct life *life);
void producers_join(struct life *life);

/* Whether all have finished this storm. */
bool producers_are_parked(const struct life *life, unsigned storm);

#endif
